//! Policies: every value that a decree can change, dated, with its legal basis.
//!
//! A value is chosen by the transaction's day; an agency's own value goes before the platform's.
//! The database refuses two values of one key on one day. A value is set for days to come and may be
//! given an end; what it says never changes, and documents keep the ids they used.
mod api;
mod commands;
mod load;
mod model;
mod store;

pub use api::routes;
pub use load::{import_regions, load_holidays, load_policies, load_regions};
pub use model::{ContractForm, Policies, PolicyVersion, Step};
pub use store::{at, calendar, expiring, known_regions};
