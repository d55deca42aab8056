//! What may be done to requests. Each command runs inside the transaction its door opened.
mod agree;
mod ask;
mod decide;
mod draft;
mod proofs;
mod submit;

pub use agree::{
    AgreedLine, Agreement, agree, fail_negotiation, price_terms, reserve_goods, settle, to_vendor, touch,
};
pub use ask::{Estimate, EstimatedLine, set_estimate};
pub use decide::{
    announce_expired, approved, approved_to_ask, cancel, compare_afterwards, put_on_record, reassign, reject,
    send_back, step_taken, withdraw,
};
pub use draft::{Named, copy_lines, create, renew, update};
pub use proofs::{NewProof, add_proof, remove_proof};
pub use submit::submit;

use super::model::Duty;
use super::store::{self, Row, Sight};
use crate::accounts;
use crate::kernel::{Code, Ctx, Error, MembershipId, OrganisationId, RequestId, Role, UnitId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::platform::trail::{self, Audience, Fact, Notice};
use serde_json::{Value, json};

/// Which requests the caller sees.
pub fn member_sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    Ok(Sight { agency: member.organisation, units: member.units.clone() })
}

/// Who decides: the officer named, else everyone in the agency with the role for the unit.
pub fn deciders(named: Option<MembershipId>, agency: OrganisationId, unit: UnitId, role: &str) -> Audience {
    match named {
        Some(membership) => Audience::Membership(membership.0),
        None => Audience::Unit { organisation: agency.0, unit: unit.0, roles: vec![role.to_owned()] },
    }
}

/// Asks those who decide for a step; for none after the last.
pub async fn ask_for_approval(conn: &mut Conn, row: &Row, step: usize) -> Result<Vec<Notice>, Error> {
    let Some(role) = row.approval_roles.get(step) else { return Ok(Vec::new()) };
    let named = row.commitment_officer_id.filter(|_| role == Role::CommitmentOfficer.as_str());
    let audience = deciders(named, row.agency_id, row.unit_id, role);
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let arguments = json!({ "title": row.title, "organisation": accounts::organisation_name(conn, row.agency_id).await?,
        "due": row.approval_due_at.map(|due| zone.printed(due)) });
    Ok(vec![Notice { template: "request_pending_approval".into(), audience, arguments }])
}

/// Reminds those who decide on the step that is due.
pub async fn ask_again(conn: &mut Conn, row: &Row, arguments: Value) -> Result<Vec<Notice>, Error> {
    let taken = match &row.content_hash {
        Some(hash) => store::approvals(conn, row.id, hash).await?.len(),
        None => 0,
    };
    let mut notices = ask_for_approval(conn, row, taken).await?;
    for notice in &mut notices {
        notice.template = "approval_reminder".into();
        notice.arguments = arguments.clone();
    }
    Ok(notices)
}

/// Only the officer in charge, or a deputy in that officer's place, works on a request; colleagues see it.
pub fn require_officer(ctx: &Ctx, row: &Row) -> Result<(), Error> {
    if ctx.member()?.stands_for(row.officer_id) { Ok(()) } else { Err(refuse(Code::OfficerNotSuitable)) }
}

/// What goes into the trail.
fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "agency_id": row.agency_id, "unit_id": row.unit_id, "status": row.status, "reason": row.status_reason,
        "method": row.method, "title": row.title, "package_id": row.package_id, "budget_line_id": row.budget_line_id,
        "procurement_kind": row.procurement_kind, "payment_way": row.payment_way, "treasurer_id": row.treasurer_id,
        "activity_officer_id": row.activity_officer_id, "dpa_number": row.dpa_number, "account_code": row.account_code,
        "needed_on": row.needed_on, "comparison": row.comparison, "split_reason": row.split_reason, "urgent_code": row.urgent_code, "recorded": row.recorded, "attempt": row.attempt,
        "negotiation_due_at": row.negotiation_due_at, "agreed_terms": row.agreed_terms, "quote_deadline": row.quote_deadline,
        "objections_until": row.objections_until,
        "goods_total": row.goods_total, "shipping_fee": row.shipping_fee, "vat_total": row.vat_total, "gross_total": row.gross_total,
        "content_hash": row.content_hash.as_ref().map(hex::encode), "approval_due_at": row.approval_due_at,
        "officer_id": row.officer_id, "commitment_officer_id": row.commitment_officer_id, "version": row.version })
}

/// Remembers who acts on a request in one of the duties that exclude each other: a deputy is somebody
/// else than the officer.
pub async fn note_hand(tx: &mut Tx, ctx: &Ctx, request: RequestId) -> Result<(), Error> {
    let Some(actor) = &ctx.actor else { return Ok(()) };
    let duty = match actor.member.as_ref().map(|member| member.role) {
        Some(Role::ProcurementOfficer) => Duty::ProcurementOfficer,
        Some(Role::CommitmentOfficer) => Duty::CommitmentOfficer,
        _ => return Ok(()),
    };
    store::note_hand(tx, request, duty, actor.user).await
}

/// Leaves the trail of a change to a request.
pub async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: &str,
    before: Option<&Row>,
    after: &Row,
    notices: Vec<Notice>,
) -> Result<(), Error> {
    note_hand(tx, ctx, after.id).await?;
    let fact = Fact {
        kind,
        subject: after.id.0,
        before: before.map(state_of),
        after: state_of(after),
        reason: after.status_reason.as_deref(),
        notices,
    };
    trail::record(tx, ctx, fact).await
}
