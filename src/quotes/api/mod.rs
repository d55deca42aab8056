//! Asking for prices over HTTP.
mod negotiation;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("quotes");
    negotiation::routes(api);
}
