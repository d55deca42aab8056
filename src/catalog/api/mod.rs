//! The catalogue over HTTP.
mod photos;
mod product;
mod public;
mod review;
mod view;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("catalog");
    product::routes(api);
    photos::routes(api);
    review::routes(api);
    public::routes(api);
}
