//! The rules of asking for quotes. Prices are unknown, so amounts are judged by the owner's estimate
//! where there is one, and by the awarded total later.
use super::super::model::{AwardMode, Invitation};
use super::super::store::{AskedLine, QuotationRow};
use super::*;

/// Judges a request that asks for quotes.
pub(super) async fn assess(conn: &mut Conn, row: &Row) -> Result<Assessment, Error> {
    let quotation = store::quotation(conn, row.id).await?;
    let lines = store::asked_lines(conn, row.id).await?;
    let ids: Vec<_> = lines.iter().map(|line| line.id).collect();
    let slots = store::asked_slots(conn, &ids).await?;
    let direct_lines = store::lines(conn, row.id).await?;
    let scene = scene(conn, row, &[], &slots).await?;
    let mut checks = Vec::new();
    let misplaced = (!direct_lines.is_empty()).then_some(Code::ValueNotAllowed);
    push(&mut checks, "lines", misplaced, "#/lines", json!({ "count": direct_lines.len() }), None);
    let misplaced = row.recorded.as_ref().map(|_| Code::ValueNotAllowed);
    push(&mut checks, "recorded", misplaced, "#/recorded", json!({ "method": row.method }), None);
    let empty = (quotation.is_none() || lines.is_empty()).then_some(Code::QuotationMissing);
    push(&mut checks, "quotation", empty, "#/quotation", json!({ "lines": lines.len() }), None);
    deliveries(&scene, &lines, &mut checks);
    kinds(conn, &scene, &lines, &mut checks).await?;
    let estimate = quotation.as_ref().and_then(|quotation| quotation.estimate_total);
    let value = Totals { gross: estimate.unwrap_or_default(), ..Totals::default() };
    let value = Totals { goods: value.gross, ..value };
    let calendar = policies::calendar(conn).await?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let clocks = clocks(&scene, &calendar, zone)?;
    if let Some(quotation) = &quotation {
        window(&scene, quotation, &calendar, zone, &clocks, &mut checks)?;
        invitations(conn, &scene, quotation, &mut checks).await?;
        owner_estimate(&scene, quotation, &mut checks)?;
        several(&scene, quotation, &mut checks)?;
    }
    method(&scene, value, &mut checks)?;
    limits(&scene, value, &mut checks)?;
    let budget_mode = budget(&scene, value.gross, &mut checks)?;
    officers(conn, &scene, &[], &mut checks).await?;
    // Without an estimate the whole of what is left of the package may be spent.
    let left = Amount(
        (scene.package.ceiling.0 - scene.package.reserved.0 - scene.package.committed.0).max(Decimal::ZERO),
    );
    finish(&scene, estimate.unwrap_or(left), value, clocks, budget_mode, checks)
}

fn deliveries(scene: &Scene<'_>, lines: &[AskedLine], checks: &mut Vec<Check>) {
    for (place, line) in lines.iter().enumerate() {
        let own = || scene.slots.iter().filter(|slot| slot.line_id == line.id);
        let together: Decimal = own().map(|slot| slot.quantity.0).sum();
        let apart = (together != line.quantity.0).then_some(Code::QuantityMismatch);
        let at = format!("#/quotation/lines/{place}/slots");
        let figures = json!({ "limit": line.quantity.to_string(), "slots": together.to_string() });
        push(checks, "delivery_slots", apart, at.clone(), figures, None);
        let late = own().any(|slot| slot.day > scene.row.needed_on || slot.day <= scene.today);
        let figures = json!({ "from": scene.today + Days::new(1), "to": scene.row.needed_on });
        push(checks, "delivery_days", late.then_some(Code::NeededTooSoon), at, figures, None);
    }
}

/// Everything that is asked for is of the request's kind.
async fn kinds(
    conn: &mut Conn,
    scene: &Scene<'_>,
    lines: &[AskedLine],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    for (place, line) in lines.iter().enumerate() {
        let kind = catalog::leaf(conn, &line.category_code).await?.and_then(|leaf| leaf.procurement_kind);
        let other = (kind != Some(scene.row.procurement_kind)).then_some(Code::ProcurementKindMismatch);
        let at = format!("#/quotation/lines/{place}/category_code");
        let figures = json!({ "category": kind, "request": scene.row.procurement_kind });
        push(checks, "procurement_kind", other, at, figures, None);
    }
    Ok(())
}

/// How long quotes are taken, and that what follows still fits before the first delivery.
fn window(
    scene: &Scene<'_>,
    quotation: &QuotationRow,
    calendar: &Calendar,
    zone: TimeZone,
    clocks: &Clocks,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let (least, most) = (
        scene.policies.count("quotation.window_days")?,
        scene.policies.count("quotation.window_maximum_days")?,
    );
    let days = u32::try_from(quotation.window_days).unwrap_or_default();
    let outside = (days < least || days > most).then_some(Code::OutOfRange);
    let figures = json!({ "limit": format!("{least}–{most}"), "window_days": days });
    let legal = basis(scene, "quotation.window_days");
    push(checks, "quotation_window", outside, "#/quotation/window_days", figures, legal);
    let earliest = calendar.working_days_after(scene.now, days, zone).at;
    let soon = (earliest >= clocks.latest.at).then_some(Code::NeededTooSoon);
    let figures =
        json!({ "needed_on": scene.row.needed_on, "quotes_until": earliest, "latest": clocks.latest.at });
    push(checks, "needed_on", soon, "#/needed_on", figures, basis(scene, "clock.preparation_days"));
    Ok(())
}

async fn invitations(
    conn: &mut Conn,
    scene: &Scene<'_>,
    quotation: &QuotationRow,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let invited = store::invited_vendors(conn, scene.row.id).await?;
    let least = scene.policies.count("quotation.minimum_invited")?;
    let few = quotation.invitation == Invitation::Invited && invited.len() < least as usize;
    let figures = json!({ "limit": least.to_string(), "invited": invited.len() });
    let legal = basis(scene, "quotation.minimum_invited");
    push(checks, "invitations", few.then_some(Code::TooFewInvited), "#/quotation/invitation", figures, legal);
    let officer = store::user_of(conn, scene.row.officer_id).await?;
    let own = store::any_member_of(conn, officer, &invited).await?;
    let own = own.then_some(Code::PairOfficialVendorOwner);
    push(
        checks,
        "conflict_of_interest",
        own,
        "#/quotation/invitation",
        json!({}),
        Some("Perpres 16/2018 Pasal 7".into()),
    );
    Ok(())
}

/// Whether lines may be awarded to several vendors.
fn several(scene: &Scene<'_>, quotation: &QuotationRow, checks: &mut Vec<Check>) -> Result<(), Error> {
    let allowed = scene.policies.flag("evaluation.award_to_several")?;
    let refused = (quotation.award == AwardMode::Itemised && !allowed).then_some(Code::ValueNotAllowed);
    let legal = basis(scene, "evaluation.award_to_several");
    push(checks, "award", refused, "#/quotation/award", json!({ "award": quotation.award }), legal);
    Ok(())
}

/// Whether an owner's estimate is due (Perpres 16/2018 Pasal 26).
fn owner_estimate(scene: &Scene<'_>, quotation: &QuotationRow, checks: &mut Vec<Check>) -> Result<(), Error> {
    let above = scene.policies.amount("owner_estimate.required_above")?;
    let asked = scene.policies.flag("owner_estimate.required_online")? && scene.package.ceiling > above;
    let missing = (asked && quotation.estimate_total.is_none()).then_some(Code::Required);
    let figures =
        json!({ "above": above, "total": quotation.estimate_total, "set_at": quotation.estimate_set_at });
    let legal = basis(scene, "owner_estimate.required_above");
    push(checks, "owner_estimate", missing, "#/owner_estimate", figures, legal);
    Ok(())
}
