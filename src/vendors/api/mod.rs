//! Vendors over HTTP.
mod documents;
mod file;
mod public;
mod review;
mod view;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("vendors");
    file::routes(api);
    documents::routes(api);
    review::routes(api);
    public::routes(api);
}
