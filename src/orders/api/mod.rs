//! Orders over HTTP, and the verbs on requests that issue or replace them.
mod changes;
mod order;
mod request;
mod view;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("orders");
    request::routes(api);
    order::routes(api);
    changes::routes(api);
}
