//! What may be done to requests. Each command runs inside the transaction its door opened.
use super::assess::{self, Assessment};
use super::model::{Duty, LineFields, PaymentWay, RequestFields, RequestStatus, State};
use super::store::{self, LineRow, Row, Sight, SlotRow};
use crate::accounts;
use crate::catalog;
use crate::kernel::{
    Amount, Code, Ctx, Error, Fault, LineId, MembershipId, OrderId, PackageId, ProcurementKind, ProductId,
    Refusal, RequestId, Role, UnitId, phone_number, refuse,
};
use crate::packages;
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::personal::{self, PersonalKind};
use crate::platform::sealing::{KeyRing, sha256};
use crate::platform::trail::{self, Audience, Fact, Notice, canonical};
use crate::policies::ContractForm;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

/// Which requests the caller sees.
pub fn member_sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    Ok(Sight { agency: member.organisation, units: member.units.clone() })
}

/// Begins a draft for a unit that the officer's appointment covers.
pub async fn create(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    unit: UnitId,
    package: PackageId,
    title: &str,
    needed_on: NaiveDate,
    fields: &RequestFields,
) -> Result<Row, Error> {
    let member = ctx.member()?;
    let realm = tx.realm();
    let agency = store::agency_of_unit(tx.conn(), realm, unit)
        .await?
        .filter(|agency| {
            if member.units.is_empty() {
                *agency == member.organisation
            } else {
                member.units.contains(&unit)
            }
        })
        .ok_or_else(|| Refusal::rules(vec![Fault::at("#/unit_id", Code::UnknownReference)]))?;
    let package = package_of(tx.conn(), agency, unit, package).await?;
    let now = tx.now().await?;
    let row = Row {
        id: new_id(),
        realm,
        agency_id: agency,
        unit_id: unit,
        method: "direct".into(),
        status: RequestStatus::Draft,
        status_reason: None,
        title: title.to_owned(),
        procurement_kind: package.procurement_kind.unwrap_or(ProcurementKind::Goods),
        contract_form: ContractForm::PurchaseOrder,
        payment_way: PaymentWay::Up,
        package_id: package.id,
        budget_line_id: None,
        budget_mode: None,
        treasurer_id: None,
        activity_officer_id: None,
        dpa_number: None,
        sub_activity: None,
        account_code: None,
        fund_source: None,
        budget_declared: false,
        fiscal_year: package.fiscal_year,
        officer_id: member.id,
        commitment_officer_id: None,
        comparison: None,
        split_reason: None,
        needed_on,
        goods_total: Amount::ZERO,
        shipping_fee: Amount::ZERO,
        vat_total: Amount::ZERO,
        gross_total: Amount::ZERO,
        tax_regime: None,
        policy_versions: json!({}),
        content_hash: None,
        approval_roles: Vec::new(),
        submitted_at: None,
        approval_due_at: None,
        approved_at: None,
        renewed_from: None,
        replaces_order_id: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let row = fill(tx, row, fields, now).await?;
    store::insert(tx, &row).await?;
    if let Some(lines) = &fields.lines {
        write_lines(tx, keys, &row, lines).await?;
    }
    record(tx, ctx, "request.created", None, &row, Vec::new()).await?;
    Ok(row)
}

/// The request as its officer typed it.
pub async fn fields_of(conn: &mut Conn, keys: &KeyRing, row: &Row) -> Result<RequestFields, Error> {
    let lines = store::lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::slots_of(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    let slot = |slot: &SlotRow| super::model::SlotFields {
        day: slot.day,
        time_from: slot.time_from,
        time_to: slot.time_to,
        region_code: slot.region_code.clone(),
        address: slot.address.clone(),
        contact_name: slot.contact_name.clone(),
        contact_phone: slot.contact_phone_id.and_then(|id| phones.get(&id).cloned()),
        quantity: slot.quantity,
    };
    let line = |line: &LineRow| LineFields {
        product_id: line.product_id,
        quantity: line.quantity,
        slots: slots.iter().filter(|of| of.line_id == line.id).map(slot).collect(),
    };
    Ok(RequestFields {
        title: Some(row.title.clone()),
        package_id: Some(row.package_id),
        budget_line_id: row.budget_line_id,
        procurement_kind: Some(row.procurement_kind),
        payment_way: Some(row.payment_way),
        treasurer_id: row.treasurer_id,
        activity_officer_id: row.activity_officer_id,
        commitment_officer_id: row.commitment_officer_id,
        dpa_number: row.dpa_number.clone(),
        sub_activity: row.sub_activity.clone(),
        account_code: row.account_code.clone(),
        fund_source: row.fund_source.clone(),
        budget_declared: Some(row.budget_declared),
        comparison: row.comparison.clone().and_then(|value| serde_json::from_value(value).ok()),
        split_reason: row.split_reason.clone(),
        needed_on: Some(row.needed_on),
        lines: Some(lines.iter().map(line).collect()),
    })
}

/// Lays a patch over a draft; lines are replaced as a whole.
pub async fn update(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    id: RequestId,
    lines_named: bool,
    patch: impl Fn(&RequestFields) -> Result<RequestFields, Error>,
) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    require_officer(ctx, &row)?;
    let fields = patch(&fields_of(tx.conn(), keys, &row).await?)?;
    let now = tx.now().await?;
    let filled = fill(tx, row.clone(), &fields, now).await?;
    if let (Some(lines), true) = (&fields.lines, lines_named) {
        write_lines(tx, keys, &row, lines).await?;
    }
    let saved = store::save(tx, Row { content_hash: None, ..filled }).await?;
    record(tx, ctx, "request.changed", Some(&row), &saved, Vec::new()).await?;
    Ok(saved)
}

/// Submits: every rule at once, then prices frozen, stock and budget reserved, approval asked for.
pub async fn submit(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    require_officer(ctx, &row)?;
    let mut lines = store::lines(tx.conn(), id).await?;
    let line_ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::slots_of(tx.conn(), &line_ids).await?;
    let found = assess::assess(tx.conn(), &row, &lines, &slots).await?;
    let faults = found.faults();
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let now = tx.now().await?;
    for (line, priced) in lines.iter_mut().zip(&found.priced) {
        let Some(priced) = priced else { continue };
        line.product_version = Some(priced.offer.version);
        line.unit_price = Some(priced.unit_price);
        line.goods_amount = Some(priced.tax.goods);
        line.vat_amount = Some(priced.tax.vat);
        line.snapshot = Some(snapshot(priced));
        store::freeze_line(tx, line).await?;
    }
    let fees: Vec<_> =
        found.parts.iter().map(|part| (part.vendor, part.totals.shipping, part.shipping_vat)).collect();
    store::freeze_shipping(tx, id, &fees).await?;
    catalog::reserve(tx, id, &found.needs, found.due.at, now).await?;
    let budget_line = row.budget_line_id.filter(|_| found.budget_mode == packages::BudgetMode::Enforced);
    packages::reserve(tx, id, row.package_id, budget_line, found.totals.gross, found.due.at, now).await?;
    // The package's row is locked now: what a racing request took is seen, and cannot pass the limit.
    let before = store::on_package(tx.conn(), row.package_id, id, found.limit_includes_vat, now).await?;
    if before > Amount::ZERO && before + found.compared > found.method_limit {
        return Err(Refusal::rules(vec![
            Fault::at("#/package_id", Code::SplitForbidden).with_limit(found.method_limit),
        ])
        .into());
    }
    let state = row.state()?.submit(found.due.at, found.approval_roles.len())?;
    let next = frozen(row.clone(), &found, state, now);
    let next = Row { content_hash: Some(content_hash(&next, &lines, &slots)), ..next };
    let saved = store::save(tx, next).await?;
    let notices = ask_for_approval(tx.conn(), &saved, 0).await?;
    record(tx, ctx, "request.submitted", Some(&row), &saved, notices).await?;
    Ok(saved)
}

fn frozen(row: Row, found: &Assessment, state: State, now: DateTime<Utc>) -> Row {
    Row {
        goods_total: found.totals.goods,
        shipping_fee: found.totals.shipping,
        vat_total: found.totals.vat,
        gross_total: found.totals.gross,
        tax_regime: Some(found.tax_regime.clone()),
        contract_form: found.contract_form,
        budget_mode: Some(found.budget_mode),
        policy_versions: json!(found.policies_used),
        approval_roles: found.approval_roles.clone(),
        submitted_at: Some(now),
        approval_due_at: Some(found.due.at),
        approved_at: (state == State::Approved).then_some(now),
        updated_at: now,
        ..row.with_state(state)
    }
}

/// Who is asked for a step: the officer named, else everyone in the agency with the role for the unit.
pub async fn ask_for_approval(conn: &mut Conn, row: &Row, step: usize) -> Result<Vec<Notice>, Error> {
    let Some(role) = row.approval_roles.get(step) else { return Ok(Vec::new()) };
    let named = row.commitment_officer_id.filter(|_| role == Role::CommitmentOfficer.as_str());
    let audience = match named {
        Some(membership) => Audience::Membership(membership.0),
        None => {
            Audience::Unit { organisation: row.agency_id.0, unit: row.unit_id.0, roles: vec![role.clone()] }
        }
    };
    let arguments = json!({ "title": row.title, "organisation": accounts::organisation_name(conn, row.agency_id).await?,
        "due": row.approval_due_at.map(printed) });
    Ok(vec![Notice { template: "request_pending_approval".into(), audience, arguments }])
}

/// A due time as a notice prints it, in western Indonesian time.
fn printed(instant: DateTime<Utc>) -> String {
    (instant + chrono::TimeDelta::hours(7)).format("%d-%m-%Y %H:%M WIB").to_string()
}

/// The picture of the product that the order keeps, whatever becomes of the product.
fn snapshot(priced: &assess::Priced) -> Value {
    let offer = &priced.offer;
    json!({ "name": offer.name, "unit": offer.unit, "brand": offer.brand, "category_code": offer.category_code,
        "kbki_code": offer.kbki_code, "tax_class": offer.tax_class, "price_basis": offer.price_basis,
        "list_price": offer.list_price, "unit_price": priced.unit_price, "product_version": offer.version,
        "availability": offer.availability })
}

/// SHA-256 over everything that an approval covers; phone numbers stand for themselves by their
/// row's id, so the hash holds no personal value.
fn content_hash(row: &Row, lines: &[LineRow], slots: &[SlotRow]) -> Vec<u8> {
    let slot = |slot: &SlotRow| {
        json!({ "day": slot.day, "from": slot.time_from, "to": slot.time_to, "region": slot.region_code,
        "address": slot.address, "contact": slot.contact_name, "phone": slot.contact_phone_id, "quantity": slot.quantity })
    };
    let line = |line: &LineRow| {
        json!({ "product": line.product_id, "vendor": line.vendor_id, "quantity": line.quantity,
        "unit_price": line.unit_price, "goods": line.goods_amount, "vat": line.vat_amount, "snapshot": line.snapshot,
        "slots": slots.iter().filter(|of| of.line_id == line.id).map(slot).collect::<Vec<_>>() })
    };
    let content = json!({ "request": row.id, "unit": row.unit_id, "title": row.title, "package": row.package_id,
        "budget_line": row.budget_line_id, "kind": row.procurement_kind, "payment_way": row.payment_way,
        "treasurer": row.treasurer_id, "activity_officer": row.activity_officer_id, "dpa": row.dpa_number,
        "sub_activity": row.sub_activity, "account": row.account_code, "fund_source": row.fund_source,
        "declared": row.budget_declared, "commitment_officer": row.commitment_officer_id, "comparison": row.comparison,
        "split_reason": row.split_reason, "contract_form": row.contract_form, "tax_regime": row.tax_regime, "needed_on": row.needed_on, "goods": row.goods_total, "shipping": row.shipping_fee,
        "vat": row.vat_total, "gross": row.gross_total, "submitted_at": row.submitted_at,
        "lines": lines.iter().map(line).collect::<Vec<_>>() });
    sha256(canonical(&content).as_bytes()).to_vec()
}

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
    turn(tx, ctx, row, "request.cancelled", None, |state| state.cancel(reason.to_owned())).await
}

async fn lock_for_approver(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let member = ctx.member()?;
    let named_another = row.commitment_officer_id.is_some_and(|named| named != member.id);
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
    let state = transition(row.state()?.at(now))?;
    catalog::release_request(tx, row.id, now).await?;
    packages::release_request(tx, row.id, now).await?;
    // Where the request may be edited again its hash is void; where it ended, it says what was judged.
    let content_hash = row.content_hash.clone().filter(|_| state.editable().is_err());
    let next = Row { content_hash, updated_at: now, ..row.clone().with_state(state) };
    let saved = store::save(tx, next).await?;
    let notices = template.map(|template| Notice {
        template: template.into(),
        audience: Audience::Membership(saved.officer_id.0),
        arguments: json!({ "title": saved.title, "reason": saved.status_reason }),
    });
    record(tx, ctx, kind, Some(&row), &saved, notices.into_iter().collect()).await?;
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

/// Notes that a step was taken and asks for the next one.
pub async fn step_taken(tx: &mut Tx, ctx: &Ctx, row: Row, steps: usize) -> Result<Row, Error> {
    let now = tx.now().await?;
    let saved = store::save(tx, Row { updated_at: now, ..row.clone() }).await?;
    let notices = ask_for_approval(tx.conn(), &saved, steps).await?;
    record(tx, ctx, "request.approval_step_taken", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Marks a request approved by its last step, and ordered.
pub async fn approved(tx: &mut Tx, ctx: &Ctx, row: Row, now: DateTime<Utc>) -> Result<Row, Error> {
    let next = Row { approved_at: Some(now), updated_at: now, ..row.clone().with_state(State::Ordered) };
    let saved = store::save(tx, next).await?;
    let notice = Notice {
        template: "request_approved".into(),
        audience: Audience::Membership(saved.officer_id.0),
        arguments: json!({ "title": saved.title }),
    };
    record(tx, ctx, "request.approved", Some(&row), &saved, vec![notice]).await?;
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
    super::model::by_orders(row.state()?.at(now), orders, bad).running()?;
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
    let opposite = match duty {
        Duty::ProcurementOfficer => Duty::CommitmentOfficer,
        Duty::CommitmentOfficer => Duty::ProcurementOfficer,
    };
    if store::has_duty_on_package(tx.conn(), row.package_id, id, found.user_id, opposite, now).await? {
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
    let vendors: Vec<_> = store::lines(tx.conn(), id).await?.iter().map(|line| line.vendor_id).collect();
    if store::any_member_of(tx.conn(), found.user_id, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    let hash = row.content_hash.clone().unwrap_or_default();
    let approved_by = store::approvals(tx.conn(), id, &hash).await?;
    if duty == Duty::ProcurementOfficer && approved_by.iter().any(|step| step.user_id == found.user_id) {
        return Err(refuse(Code::PairProcurementCommitment));
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

/// Copies an ended request into a new draft; prices are those of the day it is submitted.
pub async fn renew(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let (orders, bad) = store::order_counts(tx.conn(), id, now).await?;
    super::model::by_orders(row.state()?.at(now), orders, bad).renewable()?;
    let lines: Vec<(LineId, ProductId)> =
        store::lines(tx.conn(), id).await?.iter().map(|line| (line.id, line.product_id)).collect();
    copy_lines(tx, ctx, &row, &lines, Some(id), None).await
}

/// A new draft with some of a request's lines, linked to what it renews or replaces. A day of
/// delivery that has passed stays for the officer to change; submission names it.
pub async fn copy_lines(
    tx: &mut Tx,
    ctx: &Ctx,
    row: &Row,
    wanted: &[(LineId, ProductId)],
    renewed_from: Option<RequestId>,
    replaces_order_id: Option<OrderId>,
) -> Result<Row, Error> {
    let now = tx.now().await?;
    let copy = Row {
        id: new_id(),
        officer_id: ctx.member()?.id,
        status: RequestStatus::Draft,
        status_reason: None,
        goods_total: Amount::ZERO,
        shipping_fee: Amount::ZERO,
        vat_total: Amount::ZERO,
        gross_total: Amount::ZERO,
        content_hash: None,
        approval_roles: Vec::new(),
        submitted_at: None,
        approval_due_at: None,
        approved_at: None,
        renewed_from,
        replaces_order_id: replaces_order_id.or(row.replaces_order_id.filter(|_| renewed_from.is_some())),
        // What was declared and in force then is not so now.
        budget_declared: false,
        budget_mode: None,
        tax_regime: None,
        policy_versions: json!({}),
        created_at: now,
        updated_at: now,
        version: 1,
        ..row.clone()
    };
    store::insert(tx, &copy).await?;
    let old: Vec<LineId> = wanted.iter().map(|(line, _)| *line).collect();
    let held = store::lines(tx.conn(), row.id).await?;
    let slots = store::slots_of(tx.conn(), &old).await?;
    let (mut new_lines, mut new_slots) = (Vec::new(), Vec::new());
    for (position, line) in held.into_iter().filter(|line| old.contains(&line.id)).enumerate() {
        let id = new_id::<LineId>();
        for slot in slots.iter().filter(|slot| slot.line_id == line.id) {
            new_slots.push(SlotRow { id: new_id::<uuid::Uuid>(), line_id: id, ..slot.clone() });
        }
        new_lines.push(LineRow {
            id,
            request_id: copy.id,
            position: i32::try_from(position).unwrap_or_default(),
            product_version: None,
            unit_price: None,
            goods_amount: None,
            vat_amount: None,
            snapshot: None,
            ..line
        });
    }
    store::replace_lines(tx, copy.id, &new_lines, &new_slots).await?;
    record(tx, ctx, "request.created", None, &copy, Vec::new()).await?;
    Ok(copy)
}

/// Only the officer in charge works on a request; colleagues see it.
fn require_officer(ctx: &Ctx, row: &Row) -> Result<(), Error> {
    if ctx.member()?.id == row.officer_id { Ok(()) } else { Err(refuse(Code::OfficerNotSuitable)) }
}

async fn package_of(
    conn: &mut Conn,
    agency: crate::kernel::OrganisationId,
    unit: UnitId,
    id: PackageId,
) -> Result<packages::Package, Error> {
    let sight = packages::Sight { agency, units: Vec::new() };
    let unknown = || Refusal::rules(vec![Fault::at("#/package_id", Code::UnknownReference)]).into();
    match packages::package(conn, &sight, id).await {
        Ok(package) if package.unit_id == unit => Ok(package),
        Ok(_) | Err(Error::Refused(_)) => Err(unknown()),
        Err(error) => Err(error),
    }
}

async fn fill(tx: &mut Tx, row: Row, fields: &RequestFields, now: DateTime<Utc>) -> Result<Row, Error> {
    let package = match fields.package_id {
        Some(package) => package_of(tx.conn(), row.agency_id, row.unit_id, package).await?,
        None => package_of(tx.conn(), row.agency_id, row.unit_id, row.package_id).await?,
    };
    // A line named before may have been ended by a new plan since; that is told at submission.
    if let Some(line) = fields.budget_line_id
        && (fields.budget_line_id, package.id) != (row.budget_line_id, row.package_id)
        && packages::budget_line(tx.conn(), package.id, line).await?.is_none()
    {
        return Err(Refusal::rules(vec![Fault::at("#/budget_line_id", Code::UnknownReference)]).into());
    }
    let officers = [
        ("#/treasurer_id", fields.treasurer_id, row.treasurer_id),
        ("#/activity_officer_id", fields.activity_officer_id, row.activity_officer_id),
        ("#/commitment_officer_id", fields.commitment_officer_id, row.commitment_officer_id),
    ];
    let mut faults = Vec::new();
    for (place, named, before) in officers {
        // One named before may have left since; that is told at submission, not on every edit.
        if let Some(officer) = named.filter(|_| named != before)
            && accounts::officer(tx.conn(), officer, row.agency_id, row.unit_id).await?.is_none()
        {
            faults.push(Fault::at(place, Code::UnknownReference));
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let comparison = fields
        .comparison
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Row {
        title: fields.title.clone().unwrap_or(row.title),
        package_id: package.id,
        fiscal_year: package.fiscal_year,
        budget_line_id: fields.budget_line_id,
        procurement_kind: fields.procurement_kind.unwrap_or(row.procurement_kind),
        payment_way: fields.payment_way.unwrap_or(row.payment_way),
        treasurer_id: fields.treasurer_id,
        activity_officer_id: fields.activity_officer_id,
        commitment_officer_id: fields.commitment_officer_id,
        dpa_number: fields.dpa_number.clone(),
        sub_activity: fields.sub_activity.clone(),
        account_code: fields.account_code.clone(),
        fund_source: fields.fund_source.clone(),
        budget_declared: fields.budget_declared.unwrap_or(false),
        comparison,
        split_reason: fields.split_reason.clone(),
        needed_on: fields.needed_on.unwrap_or(row.needed_on),
        updated_at: now,
        ..row
    })
}

async fn write_lines(tx: &mut Tx, keys: &KeyRing, row: &Row, lines: &[LineFields]) -> Result<(), Error> {
    let products: Vec<ProductId> = lines.iter().map(|line| line.product_id).collect();
    let offers = catalog::offers(tx.conn(), row.realm, &products).await?;
    let regions: Vec<String> =
        lines.iter().flat_map(|line| &line.slots).map(|slot| slot.region_code.clone()).collect();
    let known = crate::policies::known_regions(tx.conn(), &regions).await?;
    let mut faults = Vec::new();
    let (mut rows, mut slots) = (Vec::new(), Vec::new());
    for (place, line) in lines.iter().enumerate() {
        let Some(offer) = offers.iter().find(|offer| offer.id == line.product_id) else {
            faults.push(Fault::at(format!("#/lines/{place}/product_id"), Code::UnknownReference));
            continue;
        };
        if line.quantity.0.is_zero() {
            faults.push(Fault::at(format!("#/lines/{place}/quantity"), Code::OutOfRange).with_limit("> 0"));
        }
        let id = new_id::<LineId>();
        rows.push(LineRow {
            id,
            realm: row.realm,
            request_id: row.id,
            position: i32::try_from(place).unwrap_or_default(),
            product_id: line.product_id,
            vendor_id: offer.vendor_id,
            quantity: line.quantity,
            product_version: None,
            unit_price: None,
            goods_amount: None,
            vat_amount: None,
            snapshot: None,
        });
        for (position, slot) in line.slots.iter().enumerate() {
            let at = |field: &str| format!("#/lines/{place}/slots/{position}/{field}");
            if !known.contains(&slot.region_code) {
                faults.push(Fault::at(at("region_code"), Code::UnknownReference));
            }
            if slot.time_to <= slot.time_from {
                faults.push(Fault::at(at("time_to"), Code::ValidityInvalid));
            }
            if slot.quantity.0.is_zero() {
                faults.push(Fault::at(at("quantity"), Code::OutOfRange).with_limit("> 0"));
            }
            let phone = slot.contact_phone.as_deref().map(|phone| phone_number(phone).ok_or(()));
            if phone == Some(Err(())) {
                faults.push(Fault::at(at("contact_phone"), Code::ContactInvalid));
            }
            let contact_phone_id = match phone {
                Some(Ok(phone)) if faults.is_empty() => {
                    Some(personal::store(tx, keys, PersonalKind::Phone, &phone).await?)
                }
                _ => None,
            };
            slots.push(SlotRow {
                id: new_id::<uuid::Uuid>(),
                line_id: id,
                position: i32::try_from(position).unwrap_or_default(),
                day: slot.day,
                time_from: slot.time_from,
                time_to: slot.time_to,
                region_code: slot.region_code.clone(),
                address: slot.address.clone(),
                contact_name: slot.contact_name.clone(),
                contact_phone_id,
                quantity: slot.quantity,
            });
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    store::replace_lines(tx, row.id, &rows, &slots).await
}

/// What goes into the trail.
fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "agency_id": row.agency_id, "unit_id": row.unit_id, "status": row.status, "reason": row.status_reason,
        "method": row.method, "title": row.title, "package_id": row.package_id, "budget_line_id": row.budget_line_id,
        "procurement_kind": row.procurement_kind, "payment_way": row.payment_way, "treasurer_id": row.treasurer_id,
        "activity_officer_id": row.activity_officer_id, "dpa_number": row.dpa_number, "account_code": row.account_code,
        "needed_on": row.needed_on, "comparison": row.comparison, "split_reason": row.split_reason,
        "goods_total": row.goods_total, "shipping_fee": row.shipping_fee, "vat_total": row.vat_total, "gross_total": row.gross_total,
        "content_hash": row.content_hash.as_ref().map(hex::encode), "approval_due_at": row.approval_due_at,
        "officer_id": row.officer_id, "commitment_officer_id": row.commitment_officer_id, "version": row.version })
}

async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: &str,
    before: Option<&Row>,
    after: &Row,
    notices: Vec<Notice>,
) -> Result<(), Error> {
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
