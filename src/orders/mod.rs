//! Orders (surat pesanan): what a vendor was asked to deliver, and its answer.
//!
//! ```text
//! issued → accepted | declined | expired
//!    └→ change_proposed → accepted (with the change) | issued | expired
//! issued, accepted → cancelled (asked by one side, agreed by the other)
//! ```
//! An order is issued by the last approval of its request, one for each vendor, with a number that
//! is never reused. The vendor's clock ends at the earlier of the policy value and the first delivery
//! less preparation. A passed clock is true by itself: the next reservation that needs the goods
//! takes them, the worker announces it, and accepting is conditional on a reservation still held.
mod api;
mod commands;
mod model;
mod store;

pub use api::routes;
pub use commands::{announce_expired, issue_due, remind};
