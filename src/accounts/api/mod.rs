//! Accounts over HTTP.
mod auth;
mod deputies;
mod me;
mod organisations;
mod people;
mod sandbox;

use crate::platform::http::Api;

pub fn routes(api: &mut Api) {
    api.tag("accounts");
    auth::routes(api);
    me::routes(api);
    organisations::routes(api);
    people::routes(api);
    deputies::routes(api);
    sandbox::routes(api);
}
