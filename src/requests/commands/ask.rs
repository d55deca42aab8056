//! The desk of a quotation: what is asked for, and the owner's estimate.
use super::super::model::SlotFields;
use super::super::model::{AskedLineFields, QuotationFields};
use super::super::store::{self, AskedLine, QuotationRow, Row, SlotRow};
use super::{member_sight, record, require_officer};
use crate::catalog;
use crate::kernel::{Amount, Code, Ctx, Error, Fault, LineId, ProductId, Refusal, RequestId, phone_number};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::personal::{self, PersonalKind};
use crate::platform::sealing::KeyRing;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Writes what a draft asks for; lines are replaced as a whole.
pub(super) async fn write_quotation(
    tx: &mut Tx,
    keys: &KeyRing,
    row: &Row,
    fields: &QuotationFields,
) -> Result<(), Error> {
    let before = store::quotation(tx.conn(), row.id).await?;
    let criteria =
        serde_json::to_value(&fields.criteria).map_err(|error| Error::Internal(error.to_string()))?;
    let quotation = QuotationRow {
        request_id: row.id,
        realm: row.realm,
        invitation: fields.invitation,
        award: fields.award,
        evaluation: fields.evaluation,
        criteria,
        terms: fields.terms.clone(),
        window_days: fields.window_days,
        estimate_total: before.as_ref().and_then(|before| before.estimate_total),
        estimate_public: before.as_ref().is_none_or(|before| before.estimate_public),
        estimate_sealed: before.as_ref().and_then(|before| before.estimate_sealed.clone()),
        estimate_set_at: before.as_ref().and_then(|before| before.estimate_set_at),
        addenda: 0,
        opening_mode: None,
        opened_for_quotes_at: None,
        opened_at: None,
        evaluated_at: None,
    };
    let mut faults = fields.faults();
    let products: Vec<ProductId> = fields.lines.iter().filter_map(|line| line.product_id).collect();
    let offers = catalog::offers(tx.conn(), row.realm, &products).await?;
    let offers: HashMap<ProductId, catalog::Offer> =
        offers.into_iter().map(|offer| (offer.id, offer)).collect();
    let regions: Vec<String> =
        fields.lines.iter().flat_map(|line| &line.slots).map(|slot| slot.region_code.clone()).collect();
    let known = crate::policies::known_regions(tx.conn(), &regions).await?;
    let (mut lines, mut slots) = (Vec::new(), Vec::new());
    for (place, line) in fields.lines.iter().enumerate() {
        let id = new_id::<LineId>();
        lines.extend(asked_line(tx.conn(), row, id, place, line, &offers, &mut faults).await?);
        for (position, slot) in line.slots.iter().enumerate() {
            let at = format!("#/quotation/lines/{place}/slots/{position}");
            slot_faults(slot, &at, &known, &mut faults);
            slots.push((id, position, slot));
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let mut rows = Vec::with_capacity(slots.len());
    for (line_id, position, slot) in slots {
        rows.push(slot_row(tx, keys, line_id, position, slot).await?);
    }
    store::save_quotation(tx, &quotation).await?;
    store::replace_asked_lines(tx, row.id, &lines, &rows).await
}

/// A line with what its product or category fills in.
async fn asked_line(
    conn: &mut Conn,
    row: &Row,
    id: LineId,
    place: usize,
    line: &AskedLineFields,
    offers: &HashMap<ProductId, catalog::Offer>,
    faults: &mut Vec<Fault>,
) -> Result<Option<AskedLine>, Error> {
    let at = |field: &str| format!("#/quotation/lines/{place}/{field}");
    let offer = line.product_id.and_then(|product| offers.get(&product));
    if line.product_id.is_some() && offer.is_none() {
        faults.push(Fault::at(at("product_id"), Code::UnknownReference));
        return Ok(None);
    }
    let name = line.name.clone().or_else(|| offer.map(|offer| offer.name.clone()));
    let category = line.category_code.clone().or_else(|| offer.map(|offer| offer.category_code.clone()));
    if name.is_none() {
        faults.push(Fault::at(at("name"), Code::Required));
    }
    let leaf = match &category {
        None => {
            faults.push(Fault::at(at("category_code"), Code::Required));
            None
        }
        Some(code) => {
            let leaf = catalog::leaf(conn, code).await?;
            if leaf.is_none() {
                faults.push(Fault::at(at("category_code"), Code::CategoryNotLeaf));
            }
            leaf
        }
    };
    let unit = line.unit.clone().or_else(|| offer.map(|offer| offer.unit.clone()));
    let unit = unit.or_else(|| leaf.as_ref().and_then(|leaf| leaf.default_unit.clone()));
    let known_unit = match &unit {
        Some(unit) => catalog::unit_exists(conn, unit).await?,
        None => false,
    };
    if !known_unit {
        faults.push(Fault::at(at("unit"), Code::UnknownReference));
    }
    if line.quantity.0.is_zero() {
        faults.push(Fault::at(at("quantity"), Code::OutOfRange).with_limit("> 0"));
    }
    let (Some(name), Some(category_code), Some(unit)) = (name, category, unit) else { return Ok(None) };
    Ok(Some(AskedLine {
        id,
        realm: row.realm,
        request_id: row.id,
        position: i32::try_from(place).unwrap_or_default(),
        product_id: line.product_id,
        category_code,
        name: name.trim().to_owned(),
        description: line.description.clone().unwrap_or_default(),
        unit,
        attributes: line.attributes.clone().into(),
        quantity: line.quantity,
    }))
}

/// What is wrong with a delivery by itself.
pub(super) fn slot_faults(slot: &SlotFields, at: &str, known: &HashSet<String>, faults: &mut Vec<Fault>) {
    if !known.contains(&slot.region_code) {
        faults.push(Fault::at(format!("{at}/region_code"), Code::UnknownReference));
    }
    if slot.time_to <= slot.time_from {
        faults.push(Fault::at(format!("{at}/time_to"), Code::ValidityInvalid));
    }
    if slot.quantity.0.is_zero() {
        faults.push(Fault::at(format!("{at}/quantity"), Code::OutOfRange).with_limit("> 0"));
    }
    if slot.contact_phone.as_deref().is_some_and(|phone| phone_number(phone).is_none()) {
        faults.push(Fault::at(format!("{at}/contact_phone"), Code::ContactInvalid));
    }
}

/// A delivery as it is kept, its phone sealed apart.
pub(super) async fn slot_row(
    tx: &mut Tx,
    keys: &KeyRing,
    line_id: LineId,
    position: usize,
    slot: &SlotFields,
) -> Result<SlotRow, Error> {
    let contact_phone_id = match slot.contact_phone.as_deref().and_then(phone_number) {
        Some(phone) => Some(personal::store(tx, keys, PersonalKind::Phone, &phone).await?),
        None => None,
    };
    Ok(SlotRow {
        id: new_id::<uuid::Uuid>(),
        line_id,
        position: i32::try_from(position).unwrap_or_default(),
        day: slot.day,
        time_from: slot.time_from,
        time_to: slot.time_to,
        region_code: slot.region_code.clone(),
        address: slot.address.clone(),
        contact_name: slot.contact_name.clone(),
        contact_phone_id,
        quantity: slot.quantity,
    })
}

/// The quotation as its officer typed it.
pub(super) async fn quotation_fields(
    conn: &mut Conn,
    keys: &KeyRing,
    row: &Row,
) -> Result<Option<QuotationFields>, Error> {
    let Some(quotation) = store::quotation(conn, row.id).await? else { return Ok(None) };
    let lines = store::asked_lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::asked_slots(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    let line = |line: &AskedLine| AskedLineFields {
        product_id: line.product_id,
        category_code: Some(line.category_code.clone()),
        name: Some(line.name.clone()),
        description: Some(line.description.clone()),
        unit: Some(line.unit.clone()),
        attributes: line.attributes.as_object().cloned().unwrap_or_default(),
        quantity: line.quantity,
        slots: slots
            .iter()
            .filter(|slot| slot.line_id == line.id)
            .map(|slot| slot.fields(slot.contact_phone_id.and_then(|id| phones.get(&id).cloned())))
            .collect(),
    };
    Ok(Some(QuotationFields {
        invitation: quotation.invitation,
        award: quotation.award,
        evaluation: quotation.evaluation,
        criteria: quotation.criteria()?,
        terms: quotation.terms.clone(),
        window_days: quotation.window_days,
        lines: lines.iter().map(line).collect(),
    }))
}

/// An owner's estimate (HPS): its total, and how it was reached line by line.
#[derive(Clone, Debug)]
pub struct Estimate {
    pub total: Amount,
    pub public: bool,
    pub breakdown: Vec<EstimatedLine>,
}

/// What one line is estimated at.
#[derive(Clone, Debug, Serialize)]
pub struct EstimatedLine {
    pub line_id: LineId,
    pub unit_price: Amount,
}

/// Sets the owner's estimate of a draft. Its breakdown is sealed and stands in no answer, event or log
/// (Perpres 16/2018 Pasal 26: the total is not secret, how it was reached is).
pub async fn set_estimate(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    id: RequestId,
    estimate: &Estimate,
) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    require_officer(ctx, &row)?;
    let quotation = store::quotation(tx.conn(), id).await?;
    let quotation =
        quotation.ok_or_else(|| Refusal::rules(vec![Fault::at("#/total", Code::QuotationMissing)]))?;
    let mut faults = Vec::new();
    if estimate.total == Amount::ZERO {
        faults.push(Fault::at("#/total", Code::OutOfRange).with_limit("> 0"));
    }
    let lines = store::asked_lines(tx.conn(), id).await?;
    for (place, line) in estimate.breakdown.iter().enumerate() {
        if !lines.iter().any(|asked| asked.id == line.line_id) {
            faults.push(Fault::at(format!("#/breakdown/{place}/line_id"), Code::UnknownReference));
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let now = tx.now().await?;
    let plain = serde_json::to_vec(&estimate.breakdown).map_err(|e| Error::Internal(e.to_string()))?;
    let sealed = match estimate.breakdown.is_empty() {
        true => None,
        false => Some(keys.seal(&plain, &format!("quotations/{id}/estimate"))?),
    };
    let next = QuotationRow {
        estimate_total: Some(estimate.total),
        estimate_public: estimate.public,
        estimate_sealed: sealed,
        estimate_set_at: Some(now),
        ..quotation
    };
    store::save_quotation(tx, &next).await?;
    let saved = store::save(tx, Row { updated_at: now, content_hash: None, ..row.clone() }).await?;
    record(tx, ctx, "request.estimate_set", Some(&row), &saved, Vec::new()).await?;
    Ok(saved)
}
