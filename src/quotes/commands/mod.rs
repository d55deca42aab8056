//! What may be done while prices are asked for. Each command runs inside the transaction its door opened.
mod award;
mod evaluate;
mod negotiate;
mod opening;
mod quote;
mod quoting;

pub use award::{award, decide_objection, object, pass_over, take_back_due};
pub use evaluate::{
    Score, ask_cure, complete, cure, disqualify, evaluation_hash, input, leading, parsed, score, verify,
};
pub use negotiate::{Proposal, accept, end, idle_until, open_negotiations, propose};
pub use opening::{Asked, ask as ask_for_opening, open_due};
pub use quote::{OwnCopy, Sent, confirm, create, own_copy, submit, update, withdraw};
pub use quoting::{
    NewAddendum, answer_question, ask_question, fail, invite, issue_addendum, open_for_quotes,
};

use super::store::Party;
use crate::kernel::{Code, Ctx, Error, OrganisationKind, QuoteId, VendorId, refuse};
use crate::platform::db::Tx;
use crate::platform::trail::{self, Fact, Notice};
use crate::requests;
use serde_json::Value;

/// With whose eyes the caller looks.
pub fn party(ctx: &Ctx) -> Result<Party, Error> {
    let member = ctx.member()?;
    match member.organisation_kind {
        OrganisationKind::Vendor => Ok(Party::Vendor(VendorId(member.organisation.0))),
        OrganisationKind::Agency => Ok(Party::Office(requests::member_sight(ctx)?)),
        OrganisationKind::Platform => Err(refuse(Code::NotFound)),
    }
}

/// The vendor that the caller acts for.
fn own_vendor(ctx: &Ctx) -> Result<VendorId, Error> {
    match party(ctx)? {
        Party::Vendor(vendor) => Ok(vendor),
        Party::Office(_) => Err(refuse(Code::NotFound)),
    }
}

/// Leaves the trail of what happened below a request, or to one of its quotes.
async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: &str,
    row: &requests::Row,
    after: Value,
    quote: Option<QuoteId>,
    notices: Vec<Notice>,
) -> Result<(), Error> {
    let subject = quote.map_or(row.id.0, |quote| quote.0);
    let fact = Fact { kind, subject, before: None, after, reason: row.status_reason.as_deref(), notices };
    trail::record(tx, ctx, fact).await
}

/// To whoever reads, what is no quotation is not there; a fault stays one.
pub fn hidden(error: Error) -> Error {
    if error.code().is_some() { refuse(Code::NotFound) } else { error }
}
