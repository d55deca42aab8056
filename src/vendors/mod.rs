//! Vendors: small businesses, individuals and entities, from draft to verified.
//!
//! ```text
//! draft → submitted → in_review → verified ⇄ suspended(until)
//!                       ├→ revision_requested → submitted
//!                       └→ rejected
//! ```
//! Anything may be saved as a draft; submission refuses every missing field, paper and rule at
//! once. A NIB, and among individuals a NIK, occurs once in a realm from submission on; a revision
//! frees the NIB meanwhile. Personal
//! values are shown in clear to the vendor's owner and the verifier who holds the file, else
//! masked. A suspension with an end lapses by itself.
mod api;
mod commands;
mod model;
mod store;

pub use api::routes;
pub use commands::create;
pub use model::{LegalForm, ShippingTerms, SizeClass, VendorFields, VendorKind};
pub use store::{Shipping, Trading, is_known, is_member, seat, shipping, trading};
