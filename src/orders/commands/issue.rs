//! From approval to issued orders, in one transaction.
use super::super::model::{OrderStatus, State};
use super::super::store::{self, LineRow, Row};
use super::{To, clock, notices, state_of};
use crate::kernel::{
    Amount, Code, Ctx, Deadline, Error, LineId, Method, OrderId, ProductId, RequestId, Role, VendorId, refuse,
};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use crate::requests::{self, Approval};
use crate::taxes::Totals;
use crate::{accounts, catalog, packages, quotes, vendors};
use chrono::{DateTime, Datelike, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Submits a request; where its value asks for no approval, its orders are issued at once. What is to
/// be negotiated goes to its vendors first.
pub async fn submit(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<requests::Row, Error> {
    let submitted = requests::submit(tx, ctx, id).await?;
    match submitted.status {
        requests::RequestStatus::Approved if submitted.method != Method::Quotation => {
            issue(tx, ctx, submitted).await
        }
        requests::RequestStatus::Negotiating => quotes::open_negotiations(tx, ctx, submitted).await,
        _ => Ok(submitted),
    }
}

/// Takes one approval step; the last one issues the orders.
///
/// # Errors
/// `expired` after the deadline, `content_changed` when another content was meant,
/// `officer_not_suitable` for who is not asked, and the code of each forbidden pair.
pub async fn approve(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    content_hash: &str,
) -> Result<requests::Row, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let (actor, member) = (ctx.actor()?, ctx.member()?);
    let now = tx.now().await?;
    let hash = row.content_hash.clone().unwrap_or_default();
    let taken = requests::approvals(tx.conn(), id, &hash).await?;
    let left = row.approval_roles.len().saturating_sub(taken.len() + 1);
    let state = row.state()?.at(now).approve(left)?;
    if content_hash != hex::encode(&hash) {
        return Err(refuse(Code::ContentChanged));
    }
    let role = row.approval_roles.get(taken.len()).map(String::as_str);
    let named_another = member.role == Role::CommitmentOfficer
        && row.commitment_officer_id.is_some_and(|named| !member.stands_for(named));
    if role != Some(member.role.as_str()) || named_another {
        return Err(refuse(Code::OfficerNotSuitable));
    }
    if requests::buys(tx.conn(), id, actor.user).await? {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    let (package, buys) = (row.package_id, requests::Duty::ProcurementOfficer);
    requests::lock_duties(tx, package).await?;
    if member.role == Role::CommitmentOfficer
        && requests::has_duty_on_package(tx.conn(), package, id, actor.user, buys, now).await?
    {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    if taken.iter().any(|step| step.user_id == actor.user) {
        return Err(refuse(Code::PairSamePerson));
    }
    let mut vendors: Vec<VendorId> =
        requests::lines(tx.conn(), id).await?.iter().map(|line| line.vendor_id).collect();
    vendors.extend(requests::taking_part(tx.conn(), id).await?);
    vendors.extend(requests::recorded_vendor(&row)?);
    if requests::any_member_of(tx.conn(), actor.user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    let approval = Approval {
        id: new_id::<uuid::Uuid>(),
        request_id: id,
        content_hash: hash,
        step: i32::try_from(taken.len()).unwrap_or(i32::MAX),
        role: member.role.as_str().to_owned(),
        membership_id: member.id,
        user_id: actor.user,
        approved_at: now,
    };
    requests::insert_approval(tx, &approval).await?;
    requests::note_hand(tx, ctx, id).await?;
    if state.status() == requests::RequestStatus::Approved {
        return match row.method {
            Method::Quotation => requests::approved_to_ask(tx, ctx, row).await,
            Method::Recorded => requests::put_on_record(tx, ctx, row).await,
            _ => issue(tx, ctx, row).await,
        };
    }
    requests::step_taken(tx, ctx, row, taken.len() + 1).await
}

/// Awards a quotation; where the value is small its orders are issued at once, else once nobody can object
/// any more.
pub async fn award(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    content_hash: &str,
    reason: Option<&str>,
) -> Result<requests::Row, Error> {
    let (awarded, at_once) = quotes::award(tx, ctx, id, content_hash, reason).await?;
    if at_once { issue(tx, ctx, awarded).await } else { Ok(awarded) }
}

/// Issues the orders of an award, if nobody can object to it any more.
///
/// # Errors
/// What keeps the orders from going out, like `vendor_not_verified`; the award is then to be taken back.
pub async fn issue_due(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<(), Error> {
    let now = tx.now().await?;
    if quotes::hold_due_award(tx, id, now).await? {
        let row = requests::by_id(tx.conn(), id).await?;
        issue(tx, ctx, row).await?;
    }
    Ok(())
}

/// One order for each vendor: numbered, its goods and money moved over from the request.
async fn issue(tx: &mut Tx, ctx: &Ctx, request: requests::Row) -> Result<requests::Row, Error> {
    let now = tx.now().await?;
    let lines: Vec<LineId> =
        requests::unordered_lines(tx.conn(), request.id).await?.iter().map(|line| line.id).collect();
    let urgent = request.method == Method::Urgent;
    let due = clock(
        tx,
        request.agency_id,
        &lines,
        request.needed_on,
        urgent,
        "clock.vendor_answer_days",
        None,
        now,
    )
    .await?;
    if due.passed(now) {
        return Err(refuse(Code::NeededTooSoon));
    }
    let parts = parts(tx, &request, now).await?;
    let mut shares: Vec<(OrderId, Amount, DateTime<Utc>)> = Vec::new();
    let mut prepared = Vec::new();
    for part in &parts {
        let order = new_id::<OrderId>();
        let moved = catalog::assign_to_order(tx, request.id, order, &part.products, due.at).await?;
        if moved < part.reserved {
            return Err(refuse(Code::Expired));
        }
        shares.push((order, part.totals.gross, due.at));
        prepared.push((order, part));
    }
    packages::commit_orders(tx, request.id, &shares, now).await?;
    let award = store::last_award(tx.conn(), request.id).await? + 1;
    let approved = requests::approved(tx, ctx, request, now).await?;
    for (order, part) in prepared {
        let number = number(tx, ctx, &approved, now).await?;
        let row = order_row(&approved, order, part, (number, award), due, now);
        let lines: Vec<LineRow> =
            part.lines.iter().enumerate().map(|(position, line)| order_line(order, position, line)).collect();
        store::insert(tx, &row, &lines).await?;
        let told = notices(tx, &row, "order_issued", &To::Vendor, None).await?;
        let fact = Fact {
            kind: "order.issued",
            subject: row.id.0,
            before: None,
            after: state_of(&row),
            reason: None,
            notices: told,
        };
        trail::record(tx, ctx, fact).await?;
    }
    Ok(approved)
}

struct Part {
    vendor: VendorId,
    lines: Vec<requests::LineRow>,
    products: Vec<ProductId>,
    /// How many reservations the vendor's goods hold.
    reserved: usize,
    totals: Totals,
}

/// The basket by vendor, at the amounts that were frozen and approved.
async fn parts(tx: &mut Tx, request: &requests::Row, now: DateTime<Utc>) -> Result<Vec<Part>, Error> {
    let lines = requests::unordered_lines(tx.conn(), request.id).await?;
    let mut by_vendor: BTreeMap<VendorId, Vec<requests::LineRow>> = BTreeMap::new();
    for line in lines {
        by_vendor.entry(line.vendor_id).or_default().push(line);
    }
    let ids: Vec<VendorId> = by_vendor.keys().copied().collect();
    let trading = vendors::trading(tx.conn(), request.realm, &ids, now).await?;
    if trading.iter().any(|vendor| !vendor.open) || trading.len() != ids.len() {
        return Err(refuse(Code::VendorNotVerified));
    }
    let fees = requests::shipping_of(tx.conn(), request.id).await?;
    let mut parts = Vec::new();
    for (vendor, lines) in by_vendor {
        let sum =
            |pick: fn(&requests::LineRow) -> Option<Amount>| lines.iter().filter_map(pick).sum::<Amount>();
        let (shipping, shipping_vat) = fees.get(&vendor).copied().unwrap_or_default();
        let (goods, vat) = (sum(|line| line.goods_amount), sum(|line| line.vat_amount) + shipping_vat);
        let totals = Totals { goods, shipping, vat, gross: goods + shipping + vat };
        let products: BTreeSet<ProductId> = lines.iter().map(|line| line.product_id).collect();
        let products: Vec<ProductId> = products.into_iter().collect();
        let reserved = catalog::count_held(tx.conn(), request.id, &products).await?;
        parts.push(Part { vendor, products, reserved, totals, lines });
    }
    Ok(parts)
}

fn order_row(
    request: &requests::Row,
    id: OrderId,
    part: &Part,
    (number, award): (String, i32),
    due: Deadline,
    now: DateTime<Utc>,
) -> Row {
    Row {
        id,
        realm: request.realm,
        agency_id: request.agency_id,
        unit_id: request.unit_id,
        vendor_id: part.vendor,
        request_id: request.id,
        number,
        status: OrderStatus::Issued,
        status_reason: None,
        fulfilment: "none".into(),
        acceptance: "none".into(),
        billing: "none".into(),
        goods_total: part.totals.goods,
        shipping_fee: part.totals.shipping,
        vat_total: part.totals.vat,
        gross_total: part.totals.gross,
        tax_regime: request.tax_regime.clone().unwrap_or_default(),
        payment_way: request.payment_way,
        contract_form: request.contract_form,
        policy_versions: request.policy_versions.clone(),
        needed_on: request.needed_on,
        last_delivery_on: None,
        issued_at: now,
        answer_due_at: due.at,
        clock_provisional: due.provisional,
        answered_at: None,
        expiry_announced_at: None,
        cancel_asked_by: None,
        cancel_reason: None,
        replaced_by_request_id: None,
        award,
        version: 1,
        passed_over_at: None,
    }
    .with_state(State::Issued { due: due.at })
}

fn order_line(order: OrderId, position: usize, line: &requests::LineRow) -> LineRow {
    LineRow {
        id: new_id::<LineId>(),
        order_id: order,
        request_line_id: line.id,
        position: i32::try_from(position).unwrap_or(i32::MAX),
        product_id: line.product_id,
        quantity: line.quantity,
        unit_price: line.unit_price.unwrap_or_default(),
        goods_amount: line.goods_amount.unwrap_or_default(),
        vat_amount: line.vat_amount.unwrap_or_default(),
        snapshot: line.snapshot.clone().unwrap_or(json!({})),
    }
}

/// `SP/DISDIK/2026/11/0042`: by unit and fiscal year, gap-tolerant, never reused. A dry run takes none.
async fn number(
    tx: &mut Tx,
    ctx: &Ctx,
    request: &requests::Row,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    if ctx.dry_run {
        return Ok(format!("dry-run-{}", new_id::<uuid::Uuid>()));
    }
    let sequence =
        requests::next_number(tx, request.agency_id, request.unit_id, "order", request.fiscal_year).await?;
    let unit = accounts::short_name_of_unit(tx.conn(), request.unit_id).await?;
    let mark = request.realm.number_mark();
    let month = accounts::time_zone_of(tx.conn(), request.agency_id).await?.date_of(now).month();
    Ok(format!("{mark}SP/{unit}/{}/{month:02}/{sequence:04}", request.fiscal_year))
}
