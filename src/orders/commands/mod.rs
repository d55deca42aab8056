//! What may be done to orders. Each command runs inside the transaction its door opened.
mod answer;
mod change;
mod issue;
mod remind;

pub use answer::{accept, announce_expired, cancel, decline, next_rank, replace_vendor};
pub use change::{NewChange, accept_change, propose_change, reject_change};
pub use issue::{approve, award, issue_due, submit};
pub use remind::remind;

use super::model::Side;
use super::store::{self, Row, Sight};
use crate::kernel::{
    Code, Ctx, Deadline, Error, LineId, OrganisationId, OrganisationKind, Role, VendorId, refuse,
};
use crate::platform::db::Tx;
use crate::platform::trail::{self, Audience, Fact, Notice};
use crate::{accounts, policies};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

/// Which orders the caller sees.
pub fn sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    match member.organisation_kind {
        OrganisationKind::Vendor => Ok(Sight::Vendor(VendorId(member.organisation.0))),
        OrganisationKind::Agency => {
            Ok(Sight::Agency { agency: member.organisation, units: member.units.clone() })
        }
        OrganisationKind::Platform => Err(refuse(Code::NotFound)),
    }
}

fn side(ctx: &Ctx) -> Result<Side, Error> {
    Side::of(ctx.member()?.organisation_kind).ok_or_else(|| refuse(Code::NotFound))
}

/// What goes into the trail.
fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "agency_id": row.agency_id, "unit_id": row.unit_id, "vendor_id": row.vendor_id,
        "request_id": row.request_id, "number": row.number, "status": row.status, "reason": row.status_reason,
        "goods_total": row.goods_total, "shipping_fee": row.shipping_fee, "vat_total": row.vat_total,
        "gross_total": row.gross_total, "needed_on": row.needed_on, "last_delivery_on": row.last_delivery_on,
        "payment_way": row.payment_way, "contract_form": row.contract_form, "answer_due_at": row.answer_due_at, "cancel_asked_by": row.cancel_asked_by,
        "version": row.version })
}

/// When an answer is due: the earlier of a policy's working days and the first delivery of the request's
/// lines less preparation; hours, and no time for preparing, where it is urgent. A proposed day stands for
/// the last delivery.
async fn clock(
    tx: &mut Tx,
    agency: OrganisationId,
    request_lines: &[LineId],
    needed_on: NaiveDate,
    urgent: bool,
    key: &str,
    proposed: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<Deadline, Error> {
    let mut days = crate::requests::delivery_days(tx.conn(), request_lines).await?;
    if let Some(last) = days.last_mut() {
        *last = proposed.unwrap_or(*last);
    }
    let first = days.into_iter().min().unwrap_or(needed_on);
    let zone = accounts::time_zone_of(tx.conn(), agency).await?;
    let policies = policies::at(tx.conn(), zone.date_of(now), Some(agency)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    if urgent {
        let hours = policies.count("clock.urgent_answer_hours")?;
        let answer = Deadline { at: now + TimeDelta::hours(hours.into()), provisional: false };
        return Ok(answer.earlier(Deadline { at: zone.end_of(first), provisional: false }));
    }
    let latest = calendar.working_days_before(first, policies.count("clock.preparation_days")?, zone);
    Ok(calendar.working_days_after(now, policies.count(key)?, zone).earlier(latest))
}

/// Whom an order's notice is for.
enum To {
    Vendor,
    Office,
    /// The office, and the commitment officer who decides: the one named, or those of the unit.
    Deciders,
}

/// Saves and leaves the trail; tells one side when a template is named.
async fn settle(
    tx: &mut Tx,
    ctx: &Ctx,
    before: &Row,
    after: Row,
    kind: &str,
    told: Option<(&str, To)>,
) -> Result<Row, Error> {
    settle_because(tx, ctx, before, after, kind, told, None).await
}

/// The same, with a reason that is not the order's own.
async fn settle_because(
    tx: &mut Tx,
    ctx: &Ctx,
    before: &Row,
    after: Row,
    kind: &str,
    told: Option<(&str, To)>,
    reason: Option<&str>,
) -> Result<Row, Error> {
    let saved = store::save(tx, after).await?;
    crate::requests::note_hand(tx, ctx, saved.request_id).await?;
    let notices = match told {
        Some((template, to)) => notices(tx, &saved, template, &to, reason).await?,
        None => Vec::new(),
    };
    let fact = Fact {
        kind,
        subject: saved.id.0,
        before: Some(state_of(before)),
        after: state_of(&saved),
        reason: reason.or(saved.status_reason.as_deref()).or(saved.cancel_reason.as_deref()),
        notices,
    };
    trail::record(tx, ctx, fact).await?;
    Ok(saved)
}

async fn notices(
    tx: &mut Tx,
    row: &Row,
    template: &str,
    to: &To,
    reason: Option<&str>,
) -> Result<Vec<Notice>, Error> {
    let vendor = OrganisationId(row.vendor_id.0);
    let (audiences, from) = match to {
        To::Vendor => {
            let roles = vec!["vendor_owner".into(), "vendor_staff".into()];
            (vec![Audience::Members { organisation: row.vendor_id.0, roles }], row.agency_id)
        }
        To::Office | To::Deciders => {
            let officer = crate::requests::officer_of(tx.conn(), row.request_id).await?;
            let mut audiences = vec![Audience::Membership(officer.0)];
            if matches!(to, To::Deciders) {
                let named = crate::requests::commitment_officer_of(tx.conn(), row.request_id).await?;
                let role = Role::CommitmentOfficer.as_str();
                audiences.push(crate::requests::deciders(named, row.agency_id, row.unit_id, role));
            }
            (audiences, vendor)
        }
    };
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let arguments = json!({
        "number": row.number, "reason": reason.or(row.status_reason.as_deref()).or(row.cancel_reason.as_deref()),
        "organisation_id": from, "due": zone.printed(row.answer_due_at),
    });
    let notice = |audience| Notice { template: template.into(), audience, arguments: arguments.clone() };
    Ok(audiences.into_iter().map(notice).collect())
}

/// For the office acts the commitment officer who was named, if one was; never the procurement
/// officer's own person, and never one of the vendor's people.
async fn require_named_officer(tx: &mut Tx, ctx: &Ctx, row: &Row) -> Result<(), Error> {
    let (actor, member) = (ctx.actor()?, ctx.member()?);
    if member.organisation_kind != OrganisationKind::Agency {
        return Ok(());
    }
    let named = crate::requests::commitment_officer_of(tx.conn(), row.request_id).await?;
    if named.is_some_and(|named| !member.stands_for(named)) {
        return Err(refuse(Code::OfficerNotSuitable));
    }
    if crate::requests::buys(tx.conn(), row.request_id, actor.user).await? {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    let package = crate::requests::package_of(tx.conn(), row.request_id).await?;
    let (except, buys, now) = (row.request_id, crate::requests::Duty::ProcurementOfficer, tx.now().await?);
    if crate::requests::has_duty_on_package(tx.conn(), package, except, actor.user, buys, now).await? {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    if crate::requests::any_member_of(tx.conn(), actor.user, &[row.vendor_id]).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    Ok(())
}
