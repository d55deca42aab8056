//! The officer's desk: begin, change, copy.
use super::super::assess::recorded_fields;
use super::super::model::{LineFields, PaymentWay, RequestFields, RequestStatus, UrgentFields, by_orders};
use super::super::store::{self, LineRow, Row, SlotRow};
use super::ask::{quotation_fields, slot_faults, slot_row, write_quotation};
use super::{member_sight, record, require_officer};
use crate::catalog;
use crate::kernel::Method;
use crate::kernel::{
    Amount, Code, Ctx, Error, Fault, LineId, OrderId, OrganisationId, PackageId, ProcurementKind, ProductId,
    Refusal, RequestId, UnitId,
};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::personal;
use crate::platform::sealing::KeyRing;
use crate::policies::ContractForm;
use crate::{accounts, packages};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

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
        method: Method::Direct,
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
        officer_id: member.office(),
        commitment_officer_id: None,
        comparison: None,
        split_reason: None,
        urgent_code: None,
        urgent_reason: None,
        recorded: None,
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
        negotiation_due_at: None,
        attempt: 0,
        agreed_terms: None,
        quote_deadline: None,
        objections_until: None,
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
    if let Some(quotation) = &fields.quotation {
        write_quotation(tx, keys, &row, quotation).await?;
    }
    record(tx, ctx, "request.created", None, &row, Vec::new()).await?;
    Ok(row)
}

/// The request as its officer typed it.
async fn fields_of(conn: &mut Conn, keys: &KeyRing, row: &Row) -> Result<RequestFields, Error> {
    let lines = store::lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::slots_of(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    let line = |line: &LineRow| LineFields {
        product_id: line.product_id,
        quantity: line.quantity,
        slots: slots
            .iter()
            .filter(|slot| slot.line_id == line.id)
            .map(|slot| slot.fields(slot.contact_phone_id.and_then(|id| phones.get(&id).cloned())))
            .collect(),
    };
    Ok(RequestFields {
        quotation: quotation_fields(conn, keys, row).await?,
        title: Some(row.title.clone()),
        method: Some(row.method),
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
        urgent: row
            .urgent_code
            .clone()
            .zip(row.urgent_reason.clone())
            .map(|(code, reason)| UrgentFields { code, reason }),
        recorded: recorded_fields(row)?,
        needed_on: Some(row.needed_on),
        lines: Some(lines.iter().map(line).collect()),
    })
}

/// Which of its large parts a patch names; those are replaced as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub lines: bool,
    pub quotation: bool,
}

/// Lays a patch over a draft; lines are replaced as a whole.
pub async fn update(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    id: RequestId,
    named: Named,
    patch: impl Fn(&RequestFields) -> Result<RequestFields, Error>,
) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    require_officer(ctx, &row)?;
    let fields = patch(&fields_of(tx.conn(), keys, &row).await?)?;
    let now = tx.now().await?;
    let filled = fill(tx, row.clone(), &fields, now).await?;
    if let (Some(lines), true) = (&fields.lines, named.lines) {
        write_lines(tx, keys, &row, lines).await?;
    }
    match (&fields.quotation, named.quotation) {
        (Some(quotation), true) => write_quotation(tx, keys, &row, quotation).await?,
        (None, true) => store::drop_quotation(tx, row.id).await?,
        (_, false) => {}
    }
    let saved = store::save(tx, Row { content_hash: None, ..filled }).await?;
    record(tx, ctx, "request.changed", Some(&row), &saved, Vec::new()).await?;
    Ok(saved)
}

/// Copies an ended request into a new draft; prices are those of the day it is submitted.
pub async fn renew(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    let (orders, bad) = store::order_counts(tx.conn(), id, now).await?;
    by_orders(row.state()?.at(now), orders, bad).renewable()?;
    let lines: Vec<(LineId, ProductId)> =
        store::lines(tx.conn(), id).await?.iter().map(|line| (line.id, line.product_id)).collect();
    let copy = copy_lines(tx, ctx, &row, &lines, Some(id), None).await?;
    if copy.method == Method::Quotation {
        // What was awarded is not asked for again; the quotation is.
        store::replace_lines(tx, copy.id, &[], &[]).await?;
        store::copy_quotation(tx, id, copy.id).await?;
    }
    Ok(copy)
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
        officer_id: ctx.member()?.office(),
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
        negotiation_due_at: None,
        attempt: 0,
        agreed_terms: None,
        quote_deadline: None,
        objections_until: None,
        renewed_from,
        replaces_order_id: replaces_order_id.or(row.replaces_order_id.filter(|_| renewed_from.is_some())),
        // A receipt is entered once.
        recorded: None,
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

async fn package_of(
    conn: &mut Conn,
    agency: OrganisationId,
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
        method: fields.method.unwrap_or(row.method),
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
        urgent_code: fields.urgent.as_ref().map(|urgent| urgent.code.clone()),
        urgent_reason: fields.urgent.as_ref().map(|urgent| urgent.reason.trim().to_owned()),
        recorded: fields.recorded.as_ref().map(|recorded| json!(recorded)),
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
    let (mut rows, mut asked) = (Vec::new(), Vec::new());
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
            slot_faults(slot, &format!("#/lines/{place}/slots/{position}"), &known, &mut faults);
            asked.push((id, position, slot));
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let mut slots = Vec::with_capacity(asked.len());
    for (line_id, position, slot) in asked {
        slots.push(slot_row(tx, keys, line_id, position, slot).await?);
    }
    store::replace_lines(tx, row.id, &rows, &slots).await
}
