//! Requests over HTTP.
mod recorded;
mod request;
mod turns;
mod view;

pub use view::{PlaceView, RequestView, SlotView, view};

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("requests");
    request::routes(api);
    recorded::routes(api);
    turns::routes(api);
}
