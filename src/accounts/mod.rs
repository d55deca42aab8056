//! Accounts: people, their log-ins, organisations, and who acts for whom.
//!
//! ```text
//! contact     claimed → verified (log-in name)
//! session     open → ended (logged out | refresh token reused | password reset | revoked)
//! invitation  open → accepted | revoked | expired
//! membership  from–to → ended
//! deputy      a membership that names the officer in whose place it acts
//! ```
//! A log-in name is a verified contact. An access token acts for one membership and is compared
//! with it at every request, so an ended role stops at the next one. Nothing here tells whether
//! an account exists: both paths hash once, write once and answer the same.
mod api;
mod commands;
mod import;
mod model;
mod notices;
mod store;
mod tokens;

pub use api::routes;
pub use commands::{
    CreateUser, NewUnit, create_agency, create_unit, create_user, create_vendor_organisation, grant,
    hash_new_password, revoke_sessions, user_by_contact,
};
pub use import::{UnitImport, import_units};
pub use notices::{NoticeProgress, step as step_notices};
pub use store::{
    Officer, agency_by_code, agency_of_source_code, demo_accounts_exist, officer, officers_of,
    organisation_name, organisation_names, rename_organisation, short_name_of_unit, time_zone_of,
    units_by_source_code,
};
pub use tokens::authenticate;
