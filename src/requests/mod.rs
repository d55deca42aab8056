//! Requests: an office asks to buy; approval has its one home here.
//!
//! ```text
//! direct      draft → pending_approval → approved → ordered | partially_ordered → closed
//! negotiated  draft → negotiating → agreed → pending_approval → …, or negotiation_failed
//! quotation   draft → pending_approval → approved → open → (deadline) quotes_closed → evaluating
//!             → awarded → ordered, or failed; a next rank goes back to evaluating
//! urgent      like direct, by a code and a reason, its clocks in hours, compared afterwards
//! recorded    bought already, with proof and true dates: draft → pending_approval → recorded, and public
//!
//! draft → pending_approval
//!   │       ├→ returned(reason) · withdrawn → (edited like a draft) → pending_approval | cancelled
//!   └→ cancelled
//!           └→ rejected · cancelled · expired
//! rejected · cancelled · expired · closed → renew (a copy at today's prices)
//! ```
//! `partially_ordered` and `closed` are read off what became of the orders, and never stored.
//! Submission checks every rule, freezes prices, and reserves stock and budget in one transaction.
//! What is approved is exactly what was submitted: the content hash names it, and any edit voids
//! it. A passed approval deadline is true by itself; the worker only announces it. Submission and
//! approval are registered by `orders`, since they may issue orders; so is `replace-vendor`.
mod api;
mod assess;
mod commands;
mod model;
mod store;

pub use api::{PlaceView, RequestView, SlotView, routes, view};
pub use assess::recorded_vendor;
pub use commands::{
    AgreedLine, Agreement, agree, announce_expired, approved, approved_to_ask, ask_again, copy_lines,
    deciders, fail_negotiation, member_sight, note_hand, price_terms, put_on_record, record, require_officer,
    reserve_goods, settle, step_taken, submit, to_vendor, touch,
};
pub use model::{AgreedTerms, Duty, PaymentWay, RecordedFields, RequestStatus, State};
pub use model::{AwardMode, Criterion, EvaluationMethod, Invitation};
pub use store::{
    Approval, AskedLine, LineRow, QuotationRow, Row, Sight, SlotRow, any_member_of, approvals, asked_lines,
    asked_slots, buys, by_id, commitment_officer_of, delivery_days, drop_unordered_lines, freeze_shipping,
    had_hand, has_duty_on_package, insert_approval, insert_awarded_lines, invite, invited_vendors, lines,
    lock, lock_duties, method_of, next_number, officer_of, officers_among, on_package, package_of,
    quotation_of, save_quotation, seen, shipping_of, slots_of, standing_orders, submitted_at, taking_part,
    totals_of, unordered_lines, user_of,
};
