//! What becomes of a submitted request: approved, sent back, taken back, given to others, lapsed.
use super::super::model::{Comparison, Duty, State, by_orders};
use super::super::store::{self, Row};
use super::agree::tell_vendors;
use super::{ask_for_approval, member_sight, record, require_officer};
use crate::kernel::{Code, Ctx, Error, Fault, MembershipId, Method, Refusal, RequestId, Role, refuse};
use crate::platform::db::Tx;
use crate::platform::trail::{Audience, Notice};
use crate::{accounts, catalog, packages};
use chrono::{DateTime, Utc};
use serde_json::json;

/// Takes a submitted request back to the desk.
pub async fn withdraw(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_officer(ctx, &row)?;
    turn(tx, ctx, row, "request.withdrawn", None, State::withdraw).await
}

/// Sends a submitted request back with a reason.
pub async fn send_back(tx: &mut Tx, ctx: &Ctx, id: RequestId, reason: &str) -> Result<Row, Error> {
    let row = lock_for_approver(tx, ctx, id).await?;
    turn(tx, ctx, row, "request.returned", Some("request_returned"), |state| {
        state.send_back(reason.to_owned())
    })
    .await
}

pub async fn reject(tx: &mut Tx, ctx: &Ctx, id: RequestId, reason: &str) -> Result<Row, Error> {
    let row = lock_for_approver(tx, ctx, id).await?;
    turn(tx, ctx, row, "request.rejected", Some("request_rejected"), |state| state.reject(reason.to_owned()))
        .await
}

/// Cancels before anything is ordered.
pub async fn cancel(tx: &mut Tx, ctx: &Ctx, id: RequestId, reason: &str) -> Result<Row, Error> {
    let row = lock_for_approver(tx, ctx, id).await?;
    if ctx.member()?.role == Role::ProcurementOfficer {
        require_officer(ctx, &row)?;
    }
    // What was ordered stays bought, even while the rest is compared again.
    if !store::standing_orders(tx.conn(), id).await?.is_empty() {
        return Err(refuse(Code::IllegalTransition));
    }
    turn(tx, ctx, row, "request.cancelled", None, |state| state.cancel(reason.to_owned())).await
}

async fn lock_for_approver(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let member = ctx.member()?;
    let named_another = row.commitment_officer_id.is_some_and(|named| !member.stands_for(named));
    if member.role == Role::CommitmentOfficer && named_another {
        return Err(refuse(Code::OfficerNotSuitable));
    }
    Ok(row)
}

/// Ends the approval one way or another and lets go of what was reserved.
async fn turn(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    kind: &str,
    template: Option<&str>,
    transition: impl FnOnce(State) -> Result<State, Error>,
) -> Result<Row, Error> {
    let now = tx.now().await?;
    let before = row.state()?;
    let state = transition(before.clone().at(now))?;
    catalog::release_request(tx, row.id, now).await?;
    packages::release_request(tx, row.id, now).await?;
    // Where the request may be edited again its hash is void; where it ended, it says what was judged.
    let ended = state.editable().is_err();
    let content_hash = row.content_hash.clone().filter(|_| ended);
    let agreed_terms = row.agreed_terms.clone().filter(|_| ended);
    let next = Row { content_hash, agreed_terms, updated_at: now, ..row.clone().with_state(state) };
    let saved = store::save(tx, next).await?;
    let notices = template.map(|template| Notice {
        template: template.into(),
        audience: Audience::Membership(saved.officer_id.0),
        arguments: json!({ "title": saved.title, "reason": saved.status_reason }),
    });
    let mut notices: Vec<Notice> = notices.into_iter().collect();
    notices.extend(tell_vendors(tx.conn(), &before, &saved).await?);
    record(tx, ctx, kind, Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Announces what lapsed: the status becomes what it already was by the clock, reservations go,
/// the officer is told. Answers how many.
pub async fn announce_expired(tx: &mut Tx, ctx: &Ctx) -> Result<usize, Error> {
    let now = tx.now().await?;
    let lapsed = store::lapsed(tx, now, 1).await?;
    for id in &lapsed {
        let row = store::by_id(tx.conn(), *id).await?;
        turn(tx, ctx, row, "request.expired", Some("request_expired"), |state| match state {
            State::Expired => Ok(State::Expired),
            _ => Err(refuse(Code::IllegalTransition)),
        })
        .await?;
    }
    Ok(lapsed.len())
}

/// Files the comparison of an urgent purchase, once it is ordered.
///
/// # Errors
/// `unknown_reference` for a product that is not there; `comparison_required` without two offers or a reason.
pub async fn compare_afterwards(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    comparison: &Comparison,
) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_officer(ctx, &row)?;
    if row.method != Method::Urgent || row.state()? != State::Ordered {
        return Err(refuse(Code::IllegalTransition));
    }
    let now = tx.now().await?;
    let offers = catalog::offers(tx.conn(), row.realm, &comparison.product_ids).await?;
    let mut faults = Vec::new();
    for (place, product) in comparison.product_ids.iter().enumerate() {
        if !offers.iter().any(|offer| offer.id == *product) {
            faults.push(Fault::at(format!("#/product_ids/{place}"), Code::UnknownReference));
        }
    }
    let reason = comparison.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    if faults.is_empty() && offers.len() < 2 && !reason {
        faults.push(Fault::at("#/product_ids", Code::ComparisonRequired).with_limit(2));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let comparison = Some(json!(comparison));
    let saved = store::save(tx, Row { comparison, updated_at: now, ..row.clone() }).await?;
    record(tx, ctx, "request.compared_afterwards", Some(&row), &saved, Vec::new()).await?;
    Ok(saved)
}

/// Notes that a step was taken and asks for the next one.
pub async fn step_taken(tx: &mut Tx, ctx: &Ctx, row: Row, steps: usize) -> Result<Row, Error> {
    let now = tx.now().await?;
    let saved = store::save(tx, Row { updated_at: now, ..row.clone() }).await?;
    let notices = ask_for_approval(tx.conn(), &saved, steps).await?;
    record(tx, ctx, "request.approval_step_taken", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Marks a request approved by its last step: quotes may be asked for. What the owner estimated stays
/// reserved to the day of need.
pub async fn approved_to_ask(tx: &mut Tx, ctx: &Ctx, row: Row) -> Result<Row, Error> {
    let now = tx.now().await?;
    let estimated =
        store::quotation(tx.conn(), row.id).await?.is_some_and(|known| known.estimate_total.is_some());
    if estimated {
        let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
        packages::extend_request(tx, row.id, zone.end_of(row.needed_on)).await?;
    }
    pass(tx, ctx, row, State::Approved, "request.approved", now).await
}

/// Marks a purchase that was made already approved by its last step: it is on record, its money is committed.
pub async fn put_on_record(tx: &mut Tx, ctx: &Ctx, row: Row) -> Result<Row, Error> {
    let now = tx.now().await?;
    packages::commit_request(tx, row.id, row.gross_total, now).await?;
    pass(tx, ctx, row, State::Approved.record()?, "request.recorded", now).await
}

/// Marks a request approved by its last step, and ordered.
pub async fn approved(tx: &mut Tx, ctx: &Ctx, row: Row, now: DateTime<Utc>) -> Result<Row, Error> {
    pass(tx, ctx, row, State::Ordered, "request.approved", now).await
}

/// Takes an approved request to what follows, and tells its officer.
async fn pass(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    state: State,
    kind: &str,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    let next = Row { approved_at: Some(now), updated_at: now, ..row.clone().with_state(state) };
    let saved = store::save(tx, next).await?;
    let notice = Notice {
        template: "request_approved".into(),
        audience: Audience::Membership(saved.officer_id.0),
        arguments: json!({ "title": saved.title }),
    };
    record(tx, ctx, kind, Some(&row), &saved, vec![notice]).await?;
    Ok(saved)
}

/// Gives a duty to another officer by letter of the PA.
pub async fn reassign(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    duty: Duty,
    to: MembershipId,
    letter: &str,
) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let (orders, bad) = store::order_counts(tx.conn(), id, now).await?;
    by_orders(row.state()?.at(now), orders, bad).running()?;
    let role = match duty {
        Duty::ProcurementOfficer => Role::ProcurementOfficer,
        Duty::CommitmentOfficer => Role::CommitmentOfficer,
    };
    let unsuitable =
        || Error::from(Refusal::rules(vec![Fault::at("#/membership_id", Code::OfficerNotSuitable)]));
    let found = accounts::officer(tx.conn(), to, row.agency_id, row.unit_id).await?;
    let found = found.filter(|found| found.role == role && found.covers_unit).ok_or_else(unsuitable)?;
    // The pairing must hold after the change, whichever side of it changes.
    let other = match duty {
        Duty::ProcurementOfficer => row.commitment_officer_id,
        Duty::CommitmentOfficer => Some(row.officer_id),
    };
    if let Some(other) = other
        && store::user_of(tx.conn(), other).await? == found.user_id
    {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    store::lock_duties(tx, row.package_id).await?;
    let opposite = match duty {
        Duty::ProcurementOfficer => Duty::CommitmentOfficer,
        Duty::CommitmentOfficer => Duty::ProcurementOfficer,
    };
    if store::had_hand(tx.conn(), id, opposite, found.user_id).await?
        || store::has_duty_on_package(tx.conn(), row.package_id, id, found.user_id, opposite, now).await?
    {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    if let Some(treasurer) = row.treasurer_id
        && store::user_of(tx.conn(), treasurer).await? == found.user_id
    {
        return Err(refuse(match duty {
            Duty::ProcurementOfficer => Code::PairProcurementTreasurer,
            Duty::CommitmentOfficer => Code::PairCommitmentTreasurer,
        }));
    }
    let mut vendors: Vec<_> = store::lines(tx.conn(), id).await?.iter().map(|line| line.vendor_id).collect();
    vendors.extend(store::taking_part(tx.conn(), id).await?);
    if store::any_member_of(tx.conn(), found.user_id, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    let (from, next) = match duty {
        Duty::ProcurementOfficer => (Some(row.officer_id), Row { officer_id: to, ..row.clone() }),
        Duty::CommitmentOfficer => {
            (row.commitment_officer_id, Row { commitment_officer_id: Some(to), ..row.clone() })
        }
    };
    store::insert_reassignment(tx, id, duty, from, to, letter, now).await?;
    let saved = store::save(tx, Row { updated_at: now, ..next }).await?;
    let notice = Notice {
        template: "request_reassigned".into(),
        audience: Audience::Membership(to.0),
        arguments: json!({ "title": saved.title, "number": letter }),
    };
    record(tx, ctx, "request.reassigned", Some(&row), &saved, vec![notice]).await?;
    Ok(saved)
}
