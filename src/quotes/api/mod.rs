//! Asking for prices over HTTP.
mod evaluation;
mod inbox;
mod negotiation;
mod objection;
mod opening;
mod public;
mod quote;
mod quoting;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("quotes");
    inbox::routes(api);
    negotiation::routes(api);
    quoting::routes(api);
    quote::routes(api);
    opening::routes(api);
    evaluation::routes(api);
    objection::routes(api);
    public::routes(api);
}
