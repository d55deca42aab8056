//! Asking for a price: negotiating one with the vendors of a basket, or taking sealed quotes.
//!
//! ```text
//! negotiation  open → agreed | failed; void once its request left the negotiation
//! round        proposed by one side, accepted by the other; only the latest counts
//! quote        draft → submitted (replaced by a later submission) → withdrawn, until the deadline
//!              then opened | unconfirmed | unreadable → awarded | not_awarded | disqualified
//! ```
//! # Negotiating
//!
//! Each vendor of a basket negotiates apart. A proposal names a price for every line, never above the
//! list, a delivery fee and a lead time; who proposes has accepted it by that. Once the last vendor
//! agreed, the request takes the agreed terms over, what is reserved falls to their gross, and the
//! officer hands the agreement in for approval. A negotiation belongs to an attempt of its request: one
//! whose request was taken back and begun anew is void. Its rounds are never changed.
//!
//! # Sealed quotes
//!
//! Each request has an X25519 key pair, a further one for each addendum that moves the deadline. A
//! submission is sealed to the newest public half ([`sealing`](crate::platform::sealing)); what a vendor
//! writes rests under a key of its organisation. Private halves are wrapped by the key ring for one
//! request, number and deadline, and leave the database only by a statement that asks the database's
//! clock itself. Neither event, audit row, notice nor stored answer says what a quote holds. A vendor gets
//! a receipt with the salt of a public commitment, `SHA-256(salt ‖ text)`. The opening reads every quote
//! that counts; what does not decrypt or match is reported, never dropped.
//!
//! Locks: the request first (vendors hold it in share while they hand in, so an opening waits for those
//! who came in time), then negotiations by vendor, then the vendor's own quote.
mod api;
mod commands;
mod model;
mod ranking;
mod sealed;
mod store;

pub use api::routes;
pub use commands::{award, evaluation_hash, open_due, open_negotiations, pass_over, take_back_due};
pub use ranking::{EvaluationInput, FORMULA, Ranking, rank};
pub use store::{due_awards, hold_due_award, wrap_again};
