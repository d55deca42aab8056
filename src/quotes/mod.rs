//! Asking for a price: negotiating one with the vendors of a basket.
//!
//! ```text
//! negotiation  open → agreed | failed; void once its request left the negotiation
//! round        proposed by one side, accepted by the other; only the latest counts
//! ```
//! Each vendor of a basket negotiates apart. A proposal names a price for every line, never above the
//! list, a delivery fee and a lead time; who proposes has accepted it by that. Once the last vendor
//! agreed, the request takes the agreed terms over, what is reserved falls to their gross, and the
//! officer hands the agreement in for approval. A negotiation belongs to an attempt of its request: one
//! whose request was taken back and begun anew is void. Its rounds are never changed.
//!
//! Locks: the request first, then its negotiations by vendor.
mod api;
mod commands;
mod model;
mod store;

pub use api::routes;
pub use commands::open_negotiations;
