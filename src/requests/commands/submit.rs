//! Submission: every rule at once, then prices frozen, stock and budget reserved, approval asked for.
use super::super::assess::{self, Assessment};
use super::super::model::{RequestStatus, State};
use super::super::store::{self, LineRow, Row, SlotRow};
use super::decide::{approved_to_ask, put_on_record};
use super::{ask_for_approval, deciders, member_sight, note_hand, record, require_officer};
use crate::kernel::Method;
use crate::kernel::{Amount, Code, Ctx, Error, Fault, LineId, Refusal, RequestId, Role};
use crate::platform::db::{Conn, Tx};
use crate::platform::sealing::sha256;
use crate::platform::trail::{Notice, canonical};
use crate::{catalog, packages};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Submits: every rule at once, then prices frozen, stock and budget reserved, approval asked for.
pub async fn submit(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let state = row.state()?.at(tx.now().await?);
    state.submittable()?;
    require_officer(ctx, &row)?;
    store::lock_duties(tx, row.package_id).await?;
    note_hand(tx, ctx, id).await?;
    let mut lines = store::lines(tx.conn(), id).await?;
    let line_ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::slots_of(tx.conn(), &line_ids).await?;
    let found = assess::assess(tx.conn(), &row, &lines, &slots).await?;
    let faults = found.faults();
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let now = tx.now().await?;
    if let State::Agreed { .. } = state {
        return hand_in_agreed(tx, ctx, row, &found, (&lines, &slots), now).await;
    }
    let negotiated = row.method == Method::Negotiated;
    let due = if negotiated { found.negotiation_due } else { found.due };
    if row.method == Method::Quotation {
        return ask_to_ask(tx, ctx, row, state, &found, now).await;
    }
    if row.method == Method::Recorded {
        return ask_to_record(tx, ctx, row, state, &found, now).await;
    }
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
    catalog::reserve(tx, id, &found.needs, due.at, now).await?;
    hold_money(tx, &row, &found, due.at, now).await?;
    if negotiated {
        let next = frozen(row.clone(), &found, state.negotiate(due.at)?, now);
        let next = Row { attempt: row.attempt + 1, agreed_terms: None, ..next };
        let saved = store::save(tx, next).await?;
        record(tx, ctx, "request.negotiation_begun", Some(&row), &saved, Vec::new()).await?;
        return Ok(saved);
    }
    let next = frozen(row.clone(), &found, state.submit(due.at, found.approval_roles.len())?, now);
    let hash = content_hash(&next, &lines, &slots);
    ask(tx, ctx, &row, next, hash).await
}

/// Asks for leave to ask for quotes. What the owner estimates is reserved meanwhile.
async fn ask_to_ask(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    state: State,
    found: &Assessment,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    if found.totals.gross > Amount::ZERO {
        let line = row.budget_line_id.filter(|_| found.budget_mode == packages::BudgetMode::Enforced);
        packages::reserve(tx, row.id, row.package_id, line, found.totals.gross, found.due.at, now).await?;
    }
    let asked = asked_content(tx.conn(), row.id).await?;
    let next = frozen(row.clone(), found, state.submit(found.due.at, found.approval_roles.len())?, now);
    // Totals are those of an award, and there is none yet.
    let next = Row { goods_total: Amount::ZERO, gross_total: Amount::ZERO, ..next };
    let hash = hash_of(&next, &[], &[], asked);
    let saved = ask(tx, ctx, &row, next, hash).await?;
    if saved.status == RequestStatus::Approved { approved_to_ask(tx, ctx, saved).await } else { Ok(saved) }
}

/// Asks for leave to put a purchase on record that was made already. No goods are reserved; its money is.
async fn ask_to_record(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    state: State,
    found: &Assessment,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    hold_money(tx, &row, found, found.due.at, now).await?;
    let proofs: Vec<String> =
        store::proofs(tx.conn(), &[row.id]).await?.iter().map(|proof| hex::encode(&proof.sha256)).collect();
    let next = frozen(row.clone(), found, state.submit(found.due.at, found.approval_roles.len())?, now);
    let bought = json!({ "recorded": row.recorded, "proofs": proofs });
    let hash = hash_of(&next, &[], &[], bought);
    let saved = ask(tx, ctx, &row, next, hash).await?;
    if saved.status == RequestStatus::Approved { put_on_record(tx, ctx, saved).await } else { Ok(saved) }
}

/// Reserves the money of a request, and looks at the package's limit again under its lock.
async fn hold_money(
    tx: &mut Tx,
    row: &Row,
    found: &Assessment,
    lapses_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let budget_line = row.budget_line_id.filter(|_| found.budget_mode == packages::BudgetMode::Enforced);
    packages::reserve(tx, row.id, row.package_id, budget_line, found.totals.gross, lapses_at, now).await?;
    // The package's row is locked now: what a racing request took is seen, and cannot pass the limit.
    let before = store::on_package(tx.conn(), row.package_id, row.id, found.limit_includes_vat, now).await?;
    if before > Amount::ZERO && before + found.compared > found.method_limit {
        return Err(Refusal::rules(vec![
            Fault::at("#/package_id", Code::SplitForbidden).with_limit(found.method_limit),
        ])
        .into());
    }
    Ok(())
}

/// What an approval of a quotation covers. The estimate's breakdown stands for itself by its sealed form,
/// so the hash holds nothing of it.
async fn asked_content(conn: &mut Conn, id: RequestId) -> Result<Value, Error> {
    let lines = store::asked_lines(conn, id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::asked_slots(conn, &ids).await?;
    let quotation = store::quotation(conn, id).await?;
    let invited = store::invited_vendors(conn, id).await?;
    let line = |line: &store::AskedLine| {
        json!({ "id": line.id, "product": line.product_id, "category": line.category_code, "name": line.name,
            "description": line.description, "unit": line.unit, "attributes": line.attributes, "quantity": line.quantity,
            "slots": slots.iter().filter(|slot| slot.line_id == line.id).map(slot_content).collect::<Vec<_>>() })
    };
    let terms = quotation.map(|quotation| {
        json!({ "invitation": quotation.invitation, "award": quotation.award, "evaluation": quotation.evaluation,
            "criteria": quotation.criteria, "terms": quotation.terms, "window_days": quotation.window_days,
            "estimate": quotation.estimate_total, "estimate_public": quotation.estimate_public,
            "breakdown": quotation.estimate_sealed.map(|sealed| hex::encode(sha256(&sealed))) })
    });
    Ok(json!({ "terms": terms, "invited": invited, "lines": lines.iter().map(line).collect::<Vec<_>>() }))
}

/// Hands in what was agreed, at the agreed prices; what is reserved stays reserved for the approval.
async fn hand_in_agreed(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    found: &Assessment,
    content: (&[LineRow], &[SlotRow]),
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    catalog::extend_request(tx, row.id, found.due.at).await?;
    packages::extend_request(tx, row.id, found.due.at).await?;
    let state = row.state()?.submit(found.due.at, found.approval_roles.len())?;
    // The day whose rates the prices are frozen by is that of the agreement.
    let next = Row { submitted_at: row.submitted_at, ..frozen(row.clone(), found, state, now) };
    let hash = content_hash(&next, content.0, content.1);
    ask(tx, ctx, &row, next, hash).await
}

/// The commitment officer is told of an urgent purchase at once, whoever approves it.
fn tell_of_urgency(row: &Row) -> Notice {
    let role = Role::CommitmentOfficer.as_str();
    Notice {
        template: "urgent_purchase".into(),
        audience: deciders(row.commitment_officer_id, row.agency_id, row.unit_id, role),
        arguments: json!({ "title": row.title, "reason": row.urgent_reason }),
    }
}

/// Saves what was submitted under its content hash, and asks those who approve.
async fn ask(tx: &mut Tx, ctx: &Ctx, before: &Row, next: Row, content_hash: Vec<u8>) -> Result<Row, Error> {
    let saved = store::save(tx, Row { content_hash: Some(content_hash), ..next }).await?;
    let mut notices = ask_for_approval(tx.conn(), &saved, 0).await?;
    if saved.method == Method::Urgent {
        notices.push(tell_of_urgency(&saved));
    }
    record(tx, ctx, "request.submitted", Some(before), &saved, notices).await?;
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
        approval_due_at: Some(found.due.at).filter(|_| !matches!(state, State::Negotiating { .. })),
        approved_at: (state == State::Approved).then_some(now),
        updated_at: now,
        ..row.with_state(state)
    }
}

/// The picture of the product that the order keeps, whatever becomes of the product.
fn snapshot(priced: &assess::Priced) -> Value {
    let offer = &priced.offer;
    json!({ "name": offer.name, "unit": offer.unit, "brand": offer.brand, "category_code": offer.category_code,
        "kbki_code": offer.kbki_code, "tax_class": offer.tax_class, "price_basis": offer.price_basis,
        "list_price": offer.list_price, "unit_price": priced.unit_price, "product_version": offer.version,
        "availability": offer.availability })
}

/// SHA-256 over everything that an approval covers, though not over who decides; phone numbers stand for themselves by their
/// row's id, so the hash holds no personal value.
fn content_hash(row: &Row, lines: &[LineRow], slots: &[SlotRow]) -> Vec<u8> {
    hash_of(row, lines, slots, Value::Null)
}

fn slot_content(slot: &SlotRow) -> Value {
    json!({ "day": slot.day, "from": slot.time_from, "to": slot.time_to, "region": slot.region_code,
        "address": slot.address, "contact": slot.contact_name, "phone": slot.contact_phone_id, "quantity": slot.quantity })
}

fn hash_of(row: &Row, lines: &[LineRow], slots: &[SlotRow], asked: Value) -> Vec<u8> {
    let line = |line: &LineRow| {
        json!({ "product": line.product_id, "vendor": line.vendor_id, "quantity": line.quantity,
        "unit_price": line.unit_price, "goods": line.goods_amount, "vat": line.vat_amount, "snapshot": line.snapshot,
        "slots": slots.iter().filter(|of| of.line_id == line.id).map(slot_content).collect::<Vec<_>>() })
    };
    let content = json!({ "request": row.id, "unit": row.unit_id, "title": row.title, "package": row.package_id,
        "method": row.method, "agreed": row.agreed_terms, "asked": asked, "budget_line": row.budget_line_id, "kind": row.procurement_kind, "payment_way": row.payment_way,
        "treasurer": row.treasurer_id, "activity_officer": row.activity_officer_id, "dpa": row.dpa_number,
        "sub_activity": row.sub_activity, "account": row.account_code, "fund_source": row.fund_source,
        "declared": row.budget_declared, "comparison": row.comparison,
        "split_reason": row.split_reason, "urgent": [row.urgent_code, row.urgent_reason], "contract_form": row.contract_form, "tax_regime": row.tax_regime,
        "needed_on": row.needed_on, "goods": row.goods_total, "shipping": row.shipping_fee, "vat": row.vat_total, "gross": row.gross_total, "submitted_at": row.submitted_at,
        "lines": lines.iter().map(line).collect::<Vec<_>>() });
    sha256(canonical(&content).as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{MembershipId, OrganisationId, PackageId, ProcurementKind, Realm, UnitId};
    use crate::policies::ContractForm;
    use crate::requests::PaymentWay;
    use uuid::Uuid;

    fn request() -> Row {
        let day: DateTime<Utc> = "2035-06-01T00:00:00Z".parse().unwrap();
        Row {
            id: RequestId(Uuid::nil()),
            realm: Realm::Sandbox,
            agency_id: OrganisationId(Uuid::nil()),
            unit_id: UnitId(Uuid::nil()),
            method: Method::Direct,
            status: RequestStatus::Draft,
            status_reason: None,
            title: "Alat tulis".into(),
            procurement_kind: ProcurementKind::Goods,
            contract_form: ContractForm::PurchaseOrder,
            payment_way: PaymentWay::Up,
            package_id: PackageId(Uuid::nil()),
            budget_line_id: None,
            budget_mode: None,
            treasurer_id: None,
            activity_officer_id: None,
            dpa_number: None,
            sub_activity: None,
            account_code: None,
            fund_source: None,
            budget_declared: false,
            fiscal_year: 2035,
            officer_id: MembershipId(Uuid::nil()),
            commitment_officer_id: None,
            comparison: None,
            split_reason: None,
            urgent_code: None,
            urgent_reason: None,
            recorded: None,
            needed_on: day.date_naive(),
            goods_total: Amount::ZERO,
            shipping_fee: Amount::ZERO,
            vat_total: Amount::ZERO,
            gross_total: Amount::ZERO,
            tax_regime: None,
            policy_versions: json!({}),
            content_hash: None,
            approval_roles: Vec::new(),
            submitted_at: Some(day),
            approval_due_at: None,
            approved_at: None,
            negotiation_due_at: None,
            attempt: 0,
            agreed_terms: None,
            quote_deadline: None,
            objections_until: None,
            renewed_from: None,
            replaces_order_id: None,
            created_at: day,
            updated_at: day,
            version: 1,
        }
    }

    #[test]
    fn what_an_approver_reads_changes_the_hash_and_who_decides_does_not() {
        let changes: [fn(&mut Row); 15] = [
            |row| row.urgent_reason = Some("lain".into()),
            |row| row.method = Method::Negotiated,
            |row| row.agreed_terms = Some(json!([])),
            |row| row.title = "lain".into(),
            |row| row.split_reason = Some("lain".into()),
            |row| row.fund_source = Some("lain".into()),
            |row| row.sub_activity = Some("lain".into()),
            |row| row.account_code = Some("lain".into()),
            |row| row.dpa_number = Some("lain".into()),
            |row| row.tax_regime = Some("lain".into()),
            |row| row.comparison = Some(json!({ "reason": "satu-satunya" })),
            |row| row.budget_declared = true,
            |row| row.treasurer_id = Some(MembershipId(Uuid::max())),
            |row| row.activity_officer_id = Some(MembershipId(Uuid::max())),
            |row| row.gross_total = Amount(rust_decimal::Decimal::ONE),
        ];
        let same = content_hash(&request(), &[], &[]);
        let mut hashes = std::collections::HashSet::from([same.clone()]);
        for change in changes {
            let mut row = request();
            change(&mut row);
            assert!(hashes.insert(content_hash(&row, &[], &[])));
        }
        let elsewhere =
            Row { commitment_officer_id: Some(MembershipId(Uuid::max())), version: 7, ..request() };
        assert_eq!(content_hash(&elsewhere, &[], &[]), same);
    }
}
