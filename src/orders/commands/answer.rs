//! The vendor's answer, cancelling by agreement, and what follows when none comes.
use super::super::model::State;
use super::super::store::{self, Row, Sight};
use super::{To, require_named_officer, settle, side, sight};
use crate::kernel::{Code, Ctx, Error, LineId, Method, OrderId, ProductId, RequestId, VendorId, refuse};
use crate::platform::db::Tx;
use crate::requests;
use crate::{catalog, packages, quotes, vendors};
use chrono::{DateTime, Utc};

/// Accepts: goods and money are held for good.
///
/// # Errors
/// `expired` once the clock has passed, or when the goods went to another order meanwhile;
/// `vendor_not_verified` while the vendor may not trade.
pub async fn accept(tx: &mut Tx, ctx: &Ctx, id: OrderId) -> Result<Row, Error> {
    let row = store::lock(tx, &sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let state = row.state()?.at(now).accept()?;
    require_open(tx, &row, now).await?;
    catalog::firm_up(tx, id).await?;
    packages::firm_up(tx, id).await?;
    let next = Row {
        answered_at: Some(now),
        cancel_asked_by: None,
        cancel_reason: None,
        ..row.clone().with_state(state)
    };
    settle(tx, ctx, &row, next, "order.accepted", Some(("order_accepted", To::Office))).await
}

pub async fn decline(tx: &mut Tx, ctx: &Ctx, id: OrderId, reason: &str) -> Result<Row, Error> {
    let row = store::lock(tx, &sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let state = row.state()?.at(now).decline(reason.to_owned())?;
    let row = release(tx, row, now).await?;
    let next = Row { answered_at: Some(now), ..row.clone().with_state(state) };
    settle(tx, ctx, &row, next, "order.declined", Some(("order_declined", To::Office))).await
}

/// Asks for cancelling, or agrees to what the other side asked.
pub async fn cancel(tx: &mut Tx, ctx: &Ctx, id: OrderId, reason: &str) -> Result<Row, Error> {
    let row = store::lock(tx, &sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_named_officer(tx, ctx, &row).await?;
    if row.fulfilment != "none" {
        return Err(refuse(Code::IllegalTransition));
    }
    let (by, now) = (side(ctx)?, tx.now().await?);
    let state = row.state()?.at(now).cancel(row.cancel_asked_by, by, reason.to_owned())?;
    let other = match by {
        super::Side::Vendor => To::Deciders,
        super::Side::Agency => To::Vendor,
    };
    if !matches!(state, State::Cancelled { .. }) {
        let next = Row { cancel_asked_by: Some(by), cancel_reason: Some(reason.to_owned()), ..row.clone() };
        return settle(tx, ctx, &row, next, "order.cancel_asked", Some(("order_cancel_asked", other))).await;
    }
    let row = release(tx, row, now).await?;
    let next = row.clone().with_state(state);
    settle(tx, ctx, &row, next, "order.cancelled", Some(("order_cancelled", other))).await
}

/// Copies the lines of an order that fell through into a new draft of the same package.
pub async fn replace_vendor(
    tx: &mut Tx,
    ctx: &Ctx,
    request: RequestId,
    order: OrderId,
) -> Result<requests::Row, Error> {
    let origin = requests::lock(tx, &requests::member_sight(ctx)?, request).await?;
    ctx.expect_version(origin.version)?;
    let row = store::lock(tx, &sight(ctx)?, order).await?;
    if row.request_id != request {
        return Err(refuse(Code::NotFound));
    }
    // A quotation has a next rank; see `next_rank`.
    if origin.method == Method::Quotation {
        return Err(refuse(Code::IllegalTransition));
    }
    let now = tx.now().await?;
    row.state()?.at(now).replaceable()?;
    if row.replaced_by_request_id.is_some() {
        return Err(refuse(Code::AlreadyReplaced));
    }
    // What lapsed and was not announced yet lets go of its goods and money now.
    let row = release(tx, row, now).await?;
    let lines: Vec<(LineId, ProductId)> = store::lines(tx.conn(), order)
        .await?
        .iter()
        .map(|line| (line.request_line_id, line.product_id))
        .collect();
    let copy = requests::copy_lines(tx, ctx, &origin, &lines, None, Some(order)).await?;
    let next = Row { replaced_by_request_id: Some(copy.id), ..row.clone() };
    settle(tx, ctx, &row, next, "order.replaced", None).await?;
    Ok(copy)
}

/// Passes over a winner that declined or stayed silent: the request's quotes are compared again for the
/// lines that it had.
pub async fn next_rank(
    tx: &mut Tx,
    ctx: &Ctx,
    request: RequestId,
    order: OrderId,
) -> Result<requests::Row, Error> {
    let origin = requests::lock(tx, &requests::member_sight(ctx)?, request).await?;
    ctx.expect_version(origin.version)?;
    let row = store::lock(tx, &sight(ctx)?, order).await?;
    if row.request_id != request {
        return Err(refuse(Code::NotFound));
    }
    let ordered = matches!(
        origin.status,
        // Being compared again already, when several winners fall through.
        requests::RequestStatus::Evaluating
            | requests::RequestStatus::Ordered
            | requests::RequestStatus::PartiallyOrdered
            | requests::RequestStatus::Closed
    );
    if origin.method != Method::Quotation || !ordered {
        return Err(refuse(Code::IllegalTransition));
    }
    let now = tx.now().await?;
    row.state()?.at(now).replaceable()?;
    if row.passed_over_at.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    requests::require_officer(ctx, &origin)?;
    // What lapsed and was not announced yet lets go of its goods and money now.
    let row = release(tx, row, now).await?;
    let next = Row { passed_over_at: Some(now), ..row.clone() };
    let row = settle(tx, ctx, &row, next, "order.passed_over", None).await?;
    quotes::pass_over(tx, ctx, origin, row.vendor_id).await
}

/// Announces lapsed orders: the status becomes what it already was by the clock, reservations go,
/// the office is told. Answers how many.
pub async fn announce_expired(tx: &mut Tx, ctx: &Ctx) -> Result<usize, Error> {
    let (realm, now) = (tx.realm(), tx.now().await?);
    let lapsed = store::lapsed(tx.conn(), realm, now, 1).await?;
    let mut announced = 0;
    for found in &lapsed {
        let row =
            store::lock(tx, &Sight::Agency { agency: found.agency_id, units: Vec::new() }, found.id).await?;
        let state = row.state()?.at(now);
        if state != State::Expired || row.expiry_announced_at.is_some() {
            continue;
        }
        let row = release(tx, row, now).await?;
        let next = Row { expiry_announced_at: Some(now), ..row.clone().with_state(state) };
        settle(tx, ctx, &row, next, "order.expired", Some(("order_expired", To::Office))).await?;
        announced += 1;
    }
    Ok(announced)
}

/// Lets go of what an order holds; a second time finds nothing.
async fn release(tx: &mut Tx, row: Row, now: DateTime<Utc>) -> Result<Row, Error> {
    catalog::release_order(tx, row.id, now).await?;
    packages::release_order(tx, row.id, now).await?;
    Ok(row)
}

pub async fn require_open(tx: &mut Tx, row: &Row, now: DateTime<Utc>) -> Result<(), Error> {
    let ids: [VendorId; 1] = [row.vendor_id];
    let open =
        vendors::trading(tx.conn(), row.realm, &ids, now).await?.first().is_some_and(|vendor| vendor.open);
    if open { Ok(()) } else { Err(refuse(Code::VendorNotVerified)) }
}
