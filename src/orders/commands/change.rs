//! Changes that a vendor proposes before accepting: another date, an equal or better brand, lower
//! prices. The total never rises, so no new approval is needed.
use super::super::model::{ChangeStatus, PriceChange, price_faults};
use super::super::store::{self, ChangeRow, LineRow, Row};
use super::answer::require_open;
use super::{To, clock, require_named_officer, settle, settle_because, sight};
use crate::kernel::{
    Amount, ChangeId, Code, Ctx, Deadline, Error, Fault, LineId, Method, OrderId, Refusal, refuse,
    whole_rupiah,
};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::taxes::{LineTax, VatRates, line_tax, totals};
use crate::{accounts, catalog, packages, policies, requests, vendors};
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

/// What a vendor proposes.
pub struct NewChange<'c> {
    pub needed_on: Option<NaiveDate>,
    pub unit_prices: &'c [PriceChange],
    pub brand: Option<&'c str>,
    pub reason: &'c str,
}

/// Proposes a change; the office's clock begins.
pub async fn propose_change(
    tx: &mut Tx,
    ctx: &Ctx,
    id: OrderId,
    input: &NewChange<'_>,
) -> Result<(Row, ChangeRow), Error> {
    let row = store::lock(tx, &sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let due = clock_of(tx, &row, "clock.change_answer_days", input.needed_on, now).await?;
    let state = row.state()?.at(now).propose_change(due.at)?;
    require_open(tx, &row, now).await?;
    let lines = store::lines(tx.conn(), id).await?;
    let held: HashMap<LineId, Amount> = lines.iter().map(|line| (line.id, line.unit_price)).collect();
    let mut faults = price_faults(&held, input.unit_prices);
    for (place, change) in input.unit_prices.iter().enumerate() {
        let quantity = lines.iter().find(|line| line.id == change.line_id).map(|line| line.quantity.0);
        let nothing = |quantity| whole_rupiah(change.unit_price.0 * quantity) == Amount::ZERO;
        if !change.unit_price.0.is_zero() && quantity.is_some_and(nothing) {
            faults.push(
                Fault::at(format!("#/unit_prices/{place}/unit_price"), Code::OutOfRange).with_limit("≥ Rp1"),
            );
        }
    }
    if input.needed_on.is_none() && input.brand.is_none() && input.unit_prices.is_empty() {
        faults.push(Fault::at("#", Code::Required));
    }
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let daily = lines
        .iter()
        .any(|line| line.snapshot.get("availability").is_some_and(|kind| kind == "capacity_per_day"));
    if daily && input.needed_on.is_some() {
        // The capacity held is that of the day agreed; another day is another order.
        faults.push(Fault::at("#/needed_on", Code::CapacityExceeded));
    }
    let request_lines: Vec<LineId> = lines.iter().map(|line| line.request_line_id).collect();
    let days = requests::delivery_days(tx.conn(), &request_lines).await?;
    // The last delivery stays the last.
    let before = days.iter().rev().nth(1).filter(|before| input.needed_on.is_some_and(|day| day < **before));
    if let Some(before) = before {
        faults.push(Fault::at("#/needed_on", Code::OutOfRange).with_limit(format!("≥ {before}")));
    }
    if input.needed_on.is_some_and(|day| day <= zone.date_of(now)) {
        faults.push(Fault::at("#/needed_on", Code::NeededTooSoon));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    // While the office thinks, goods and money stay held until its clock ends.
    catalog::set_lapse(tx, id, due.at).await?;
    packages::set_lapse(tx, id, due.at).await?;
    let change = ChangeRow {
        id: new_id(),
        order_id: id,
        status: ChangeStatus::Proposed,
        proposed_at: now,
        needed_on: input.needed_on,
        unit_prices: serde_json::to_value(input.unit_prices)
            .map_err(|error| Error::Internal(error.to_string()))?,
        brand: input.brand.map(ToOwned::to_owned),
        reason: input.reason.to_owned(),
        decided_at: None,
        decision_reason: None,
        version: 1,
    };
    store::insert_change(tx, &change).await?;
    let next = row.clone().with_state(state);
    let saved = settle_because(
        tx,
        ctx,
        &row,
        next,
        "order.change_proposed",
        Some(("order_change_proposed", To::Deciders)),
        Some(input.reason),
    )
    .await?;
    Ok((saved, change))
}

/// Accepts a change: the order is accepted with it, its totals fall with the prices.
pub async fn accept_change(
    tx: &mut Tx,
    ctx: &Ctx,
    id: OrderId,
    change: ChangeId,
) -> Result<(Row, ChangeRow), Error> {
    let (row, change) = lock_change(tx, ctx, id, change).await?;
    let now = tx.now().await?;
    let state = row.state()?.at(now).accept_change()?;
    require_open(tx, &row, now).await?;
    catalog::firm_up(tx, id).await?;
    packages::firm_up(tx, id).await?;
    let repriced = reprice(tx, row.clone(), &change.prices()?, now).await?;
    let less = Amount(row.gross_total.0 - repriced.gross_total.0);
    packages::shift_order(tx, id, less).await?;
    let change = store::decide_change(tx, change.id, ChangeStatus::Accepted, None, now).await?;
    // The request keeps the days that were approved; the order knows where its last delivery went.
    let next = Row {
        answered_at: Some(now),
        needed_on: change.needed_on.unwrap_or(row.needed_on),
        last_delivery_on: change.needed_on,
        cancel_asked_by: None,
        cancel_reason: None,
        ..repriced.with_state(state)
    };
    let saved =
        settle(tx, ctx, &row, next, "order.change_accepted", Some(("order_change_accepted", To::Vendor)))
            .await?;
    Ok((saved, change))
}

/// Rejects a change: the order stands as issued, and the vendor's clock begins anew.
pub async fn reject_change(
    tx: &mut Tx,
    ctx: &Ctx,
    id: OrderId,
    change: ChangeId,
    reason: &str,
) -> Result<(Row, ChangeRow), Error> {
    let (row, change) = lock_change(tx, ctx, id, change).await?;
    let now = tx.now().await?;
    let due = clock_of(tx, &row, "clock.vendor_answer_days", None, now).await?;
    let state = row.state()?.at(now).reject_change(due.at)?;
    catalog::set_lapse(tx, id, due.at).await?;
    packages::set_lapse(tx, id, due.at).await?;
    let change = store::decide_change(tx, change.id, ChangeStatus::Rejected, Some(reason), now).await?;
    let next = Row { cancel_asked_by: None, cancel_reason: None, ..row.clone().with_state(state) };
    let saved = settle_because(
        tx,
        ctx,
        &row,
        next,
        "order.change_rejected",
        Some(("order_change_rejected", To::Vendor)),
        Some(reason),
    )
    .await?;
    Ok((saved, change))
}

async fn lock_change(
    tx: &mut Tx,
    ctx: &Ctx,
    id: OrderId,
    change: ChangeId,
) -> Result<(Row, ChangeRow), Error> {
    let row = store::lock(tx, &sight(ctx)?, id).await?;
    let change = store::find_change(tx.conn(), id, change).await?;
    ctx.expect_version(change.version)?;
    require_named_officer(tx, ctx, &row).await?;
    if change.status != ChangeStatus::Proposed {
        return Err(refuse(Code::IllegalTransition));
    }
    Ok((row, change))
}

async fn clock_of(
    tx: &mut Tx,
    row: &Row,
    key: &str,
    proposed: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<Deadline, Error> {
    let lines: Vec<LineId> =
        store::lines(tx.conn(), row.id).await?.iter().map(|line| line.request_line_id).collect();
    let urgent = requests::method_of(tx.conn(), row.request_id).await? == Method::Urgent;
    clock(tx, row.agency_id, &lines, row.needed_on, urgent, key, proposed, now).await
}

/// The order at lower prices, by the rates of the day its prices were frozen.
async fn reprice(tx: &mut Tx, row: Row, changes: &[PriceChange], now: DateTime<Utc>) -> Result<Row, Error> {
    if changes.is_empty() {
        return Ok(row);
    }
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let frozen_at = requests::submitted_at(tx.conn(), row.request_id).await?.unwrap_or(row.issued_at);
    let policies = policies::at(tx.conn(), zone.date_of(frozen_at), Some(row.agency_id)).await?;
    let rates = VatRates::of(&policies)?;
    let registered = vendors::trading(tx.conn(), row.realm, &[row.vendor_id], now)
        .await?
        .first()
        .is_some_and(|v| v.vat_registered);
    let mut taxes = Vec::new();
    for mut line in store::lines(tx.conn(), row.id).await? {
        if let Some(change) = changes.iter().find(|change| change.line_id == line.id) {
            let tax = line_tax(
                &rates,
                read(&line, "tax_class")?,
                registered,
                read(&line, "price_basis")?,
                change.unit_price,
                line.quantity,
            );
            (line.unit_price, line.goods_amount, line.vat_amount) = (change.unit_price, tax.goods, tax.vat);
            store::set_line_price(tx, &line).await?;
        }
        taxes.push(LineTax { goods: line.goods_amount, vat: line.vat_amount });
    }
    let whole = totals(&rates, registered, &taxes, row.shipping_fee);
    if whole.gross > row.gross_total {
        return Err(refuse(Code::TotalWouldRise));
    }
    Ok(Row { goods_total: whole.goods, vat_total: whole.vat, gross_total: whole.gross, ..row })
}

/// A tax property out of the line's frozen picture of the product.
fn read<T: DeserializeOwned>(line: &LineRow, field: &str) -> Result<T, Error> {
    serde_json::from_value(line.snapshot.get(field).cloned().unwrap_or(Value::Null))
        .map_err(|_| Error::Internal(format!("the snapshot of an order line lacks {field}")))
}
