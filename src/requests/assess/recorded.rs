//! The rules of putting a purchase on record that was made already: why, with what proof, by true dates,
//! within the limits and budgets that every purchase has.
use super::super::model::RecordedFields;
use super::*;

/// What an office says of a purchase that was made already.
pub fn recorded_fields(row: &Row) -> Result<Option<RecordedFields>, Error> {
    let damaged = |error| Error::Internal(format!("requests.recorded: {error}"));
    row.recorded.clone().map(serde_json::from_value).transpose().map_err(damaged)
}

/// The registered vendor that it was bought from, where it names one.
pub fn recorded_vendor(row: &Row) -> Result<Option<VendorId>, Error> {
    Ok(recorded_fields(row)?.and_then(|fields| fields.vendor_id))
}

/// Judges a purchase that was made already.
pub(super) async fn assess(conn: &mut Conn, row: &Row) -> Result<Assessment, Error> {
    let scene = scene(conn, row, &[], &[]).await?;
    let mut checks = Vec::new();
    let lines = store::lines(conn, row.id).await?.len();
    let misplaced = (lines > 0).then_some(Code::ValueNotAllowed);
    push(&mut checks, "lines", misplaced, "#/lines", json!({ "count": lines }), None);
    let misplaced = store::quotation(conn, row.id).await?.map(|_| Code::ValueNotAllowed);
    push(&mut checks, "quotation", misplaced, "#/quotation", json!({ "method": row.method }), None);
    let proofs = store::proofs(conn, &[row.id]).await?.len();
    let missing = (proofs == 0).then_some(Code::ProofMissing);
    push(&mut checks, "proofs", missing, "#/recorded", json!({ "count": proofs }), None);
    let fields = recorded_fields(row)?;
    let missing = fields.is_none().then_some(Code::Required);
    push(&mut checks, "recorded", missing, "#/recorded", json!({}), None);
    if let Some(fields) = &fields {
        reason(&scene, fields, &mut checks)?;
        dates(&scene, fields, &mut checks);
        goods(conn, &scene, fields, &mut checks).await?;
    }
    urgency(&scene, &mut checks)?;
    let whole = fields.as_ref().map(RecordedFields::totals).unwrap_or_default();
    method(&scene, whole, &mut checks)?;
    limits(&scene, whole, &mut checks)?;
    let budget_mode = budget(&scene, whole.gross, &mut checks)?;
    splitting(conn, &scene, whole, &[], &mut checks).await?;
    let vendor: Vec<VendorId> = fields.iter().filter_map(|fields| fields.vendor_id).collect();
    officers(conn, &scene, &vendor, &mut checks).await?;
    let calendar = policies::calendar(conn).await?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let days = scene.policies.count("clock.approval_days")?;
    let approval = calendar.working_days_after(scene.now, days, zone);
    let clocks = Clocks {
        first_delivery: row.needed_on,
        preparation_days: 0,
        latest: approval,
        approval,
        negotiation: approval,
    };
    finish(&scene, whole.gross, whole, clocks, budget_mode, checks)
}

/// By a code that the policy knows.
fn reason(scene: &Scene<'_>, fields: &RecordedFields, checks: &mut Vec<Check>) -> Result<(), Error> {
    let known: Vec<String> = scene.policies.json("recorded.reasons")?;
    let refused = (!known.contains(&fields.reason_code)).then_some(Code::ValueNotAllowed);
    let figures = json!({ "codes": known, "code": fields.reason_code });
    let legal = basis(scene, "recorded.reasons");
    push(checks, "recorded_reason", refused, "#/recorded/reason_code", figures, legal);
    Ok(())
}

/// It was made, delivered and paid in the package's year, and none of it lies ahead.
fn dates(scene: &Scene<'_>, fields: &RecordedFields, checks: &mut Vec<Check>) {
    let year = scene.package.fiscal_year;
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(scene.today);
    let given = [
        ("purchased_on", Some(fields.purchased_on)),
        ("delivered_on", Some(fields.delivered_on)),
        ("paid_on", fields.paid_on),
    ];
    for (name, date) in given {
        let outside = date.is_some_and(|date| date > scene.today || date < first);
        let figures = json!({ "limit": format!("{first}–{}", scene.today) });
        let at = format!("#/recorded/{name}");
        push(checks, "recorded_dates", outside.then_some(Code::OutOfRange), at, figures, None);
    }
}

/// What was bought is something, in units that are known, from a vendor that is.
async fn goods(
    conn: &mut Conn,
    scene: &Scene<'_>,
    fields: &RecordedFields,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    if let Some(vendor) = fields.vendor_id {
        let known = !vendors::trading(conn, scene.row.realm, &[vendor], scene.now).await?.is_empty();
        let unknown = (!known).then_some(Code::UnknownReference);
        push(checks, "recorded_vendor", unknown, "#/recorded/vendor_id", json!({}), None);
    }
    for (place, line) in fields.lines.iter().enumerate() {
        let unknown = (!catalog::unit_exists(conn, &line.unit).await?).then_some(Code::UnknownReference);
        let at = |member: &str| format!("#/recorded/lines/{place}/{member}");
        push(checks, "recorded_lines", unknown, at("unit"), json!({}), None);
        let nothing = line.quantity.0.is_zero().then_some(Code::OutOfRange);
        push(checks, "recorded_lines", nothing, at("quantity"), json!({ "limit": "> 0" }), None);
    }
    let nothing = (fields.totals().gross == Amount::ZERO).then_some(Code::OutOfRange);
    push(checks, "recorded_total", nothing, "#/recorded/lines", json!({ "limit": "> 0" }), None);
    Ok(())
}
