//! Asking for prices over HTTP.
mod evaluation;
mod follow;
mod inbox;
mod negotiation;
mod objection;
mod opening;
mod public;
mod quote;
mod quoting;
mod reduction;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("quotes");
    inbox::routes(api);
    follow::routes(api);
    negotiation::routes(api);
    quoting::routes(api);
    quote::routes(api);
    opening::routes(api);
    evaluation::routes(api);
    reduction::routes(api);
    objection::routes(api);
    public::routes(api);
}
