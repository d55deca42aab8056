//! Every rule that a request must meet, checked in one place: submission refuses by it, and
//! `POST /policy-checks` explains it.
mod officers;
mod prices;
mod quotation;
mod recorded;
mod rules;

use officers::officers;
pub use prices::needs;
use prices::{parts, price};
pub use recorded::{recorded_fields, recorded_vendor};
use rules::{budget, compared, comparison, limits, method, splitting, urgency};

use super::model::{Comparison, Duty, RequestStatus};
use super::store::{self, LineRow, Row, SlotRow};
use crate::accounts;
use crate::catalog::{self, Availability, Need, Offer};
use crate::kernel::Method;
use crate::kernel::{
    Amount, Calendar, Code, Deadline, Error, Fault, MembershipId, ProductId, Quantity, Role, TimeZone,
    VendorId,
};
use crate::packages::{self, BudgetLine, BudgetMode, Package};
use crate::platform::db::{self, Conn};
use crate::policies::{self, ContractForm, Policies};
use crate::taxes::{LineTax, Totals, VatRates, line_tax, totals};
use crate::vendors::{self, ShippingTerms, Trading};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// A rule, whether it is met, and the figures it was judged by.
#[derive(Clone, Debug)]
pub struct Check {
    pub rule: &'static str,
    /// `None`: it is met.
    pub refused: Option<Code>,
    /// What is better done, though nothing is refused.
    pub advised: Option<Code>,
    pub pointer: String,
    pub figures: Value,
    pub legal_basis: Option<String>,
}

/// A line with its frozen price.
#[derive(Clone, Debug)]
pub struct Priced {
    pub offer: Offer,
    pub unit_price: Amount,
    pub tax: LineTax,
}

/// A vendor's part of the basket.
#[derive(Clone, Debug)]
pub struct Part {
    pub vendor: VendorId,
    pub totals: Totals,
    /// What of the VAT is on the delivery.
    pub shipping_vat: Amount,
}

/// What came out.
#[derive(Debug)]
pub struct Assessment {
    pub checks: Vec<Check>,
    /// By line position; empty where the product is unknown.
    pub priced: Vec<Option<Priced>>,
    pub parts: Vec<Part>,
    pub totals: Totals,
    pub approval_roles: Vec<String>,
    /// When an approval is due.
    pub due: Deadline,
    /// Until when vendors may negotiate.
    pub negotiation_due: Deadline,
    /// The limit of the method for this kind.
    pub method_limit: Amount,
    /// Whether the limit means amounts with VAT.
    pub limit_includes_vat: bool,
    /// What is compared with the limit.
    pub compared: Amount,
    pub budget_mode: BudgetMode,
    pub contract_form: ContractForm,
    pub tax_regime: String,
    pub policies_used: BTreeMap<String, Uuid>,
    pub needs: Vec<Need>,
}

impl Assessment {
    /// The rules that are not met, as faults of the input.
    pub fn faults(&self) -> Vec<Fault> {
        let refused = self.checks.iter().filter_map(|check| Some((check, check.refused?)));
        refused
            .map(|(check, code)| {
                let fault = Fault::at(check.pointer.clone(), code);
                match check.figures.get("limit").and_then(Value::as_str) {
                    Some(limit) => fault.with_limit(limit),
                    None => fault,
                }
            })
            .collect()
    }
}

#[derive(Deserialize)]
struct Approvers {
    roles: Vec<String>,
}

/// Everything the rules look at.
struct Scene<'s> {
    row: &'s Row,
    lines: &'s [LineRow],
    slots: &'s [SlotRow],
    policies: Policies,
    now: DateTime<Utc>,
    today: NaiveDate,
    package: Package,
    budget_line: Option<BudgetLine>,
    offers: Vec<Offer>,
    vendors: Vec<Trading>,
    /// What was agreed is judged at its frozen prices and delivery fees (with the VAT on them); goods
    /// that left the shelf since are reserved all the same.
    agreed: Option<HashMap<VendorId, (Amount, Amount)>>,
}

impl Scene<'_> {
    /// The first day on which anything may be delivered.
    fn earliest(&self) -> NaiveDate {
        if self.row.method == Method::Urgent { self.today } else { self.today + Days::new(1) }
    }
}

/// Judges a request as it stands.
pub async fn assess(
    conn: &mut Conn,
    row: &Row,
    lines: &[LineRow],
    slots: &[SlotRow],
) -> Result<Assessment, Error> {
    match row.method {
        Method::Quotation => return quotation::assess(conn, row).await,
        Method::Recorded => return recorded::assess(conn, row).await,
        Method::Direct | Method::Negotiated | Method::Urgent => {}
    }
    let scene = scene(conn, row, lines, slots).await?;
    let vendor_ids: Vec<VendorId> =
        lines.iter().map(|line| line.vendor_id).collect::<BTreeSet<_>>().into_iter().collect();
    let mut checks = Vec::new();
    let misplaced = store::quotation(conn, row.id).await?.map(|_| Code::ValueNotAllowed);
    push(&mut checks, "quotation", misplaced, "#/quotation", json!({ "method": row.method }), None);
    let misplaced = row.recorded.as_ref().map(|_| Code::ValueNotAllowed);
    push(&mut checks, "recorded", misplaced, "#/recorded", json!({ "method": row.method }), None);
    let priced = price(&scene, &mut checks)?;
    let parts = parts(conn, &scene, &priced, &mut checks).await?;
    let sum = |pick: fn(&Totals) -> Amount| parts.iter().map(|part| pick(&part.totals)).sum::<Amount>();
    let whole = Totals {
        goods: sum(|t| t.goods),
        shipping: sum(|t| t.shipping),
        vat: sum(|t| t.vat),
        gross: sum(|t| t.gross),
    };
    let calendar = policies::calendar(conn).await?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let clocks = clocks(&scene, &calendar, zone)?;
    let soon = clocks.latest.passed(scene.now).then_some(Code::NeededTooSoon);
    let figures = json!({ "needed_on": row.needed_on, "first_delivery": clocks.first_delivery,
        "preparation_days": clocks.preparation_days, "latest": clocks.latest.at });
    push(&mut checks, "needed_on", soon, "#/needed_on", figures, basis(&scene, "clock.preparation_days"));
    urgency(&scene, &mut checks)?;
    method(&scene, whole, &mut checks)?;
    limits(&scene, whole, &mut checks)?;
    let budget_mode = budget(&scene, whole.gross, &mut checks)?;
    splitting(conn, &scene, whole, &priced, &mut checks).await?;
    comparison(conn, &scene, whole, &mut checks).await?;
    officers(conn, &scene, &vendor_ids, &mut checks).await?;
    let found = finish(&scene, whole.gross, whole, clocks, budget_mode, checks)?;
    let offers = priced.iter().flatten().map(|priced| &priced.offer);
    Ok(Assessment { needs: needs(offers, scene.lines, scene.slots), priced, parts, ..found })
}

/// Gathers everything that the rules look at.
async fn scene<'s>(
    conn: &mut Conn,
    row: &'s Row,
    lines: &'s [LineRow],
    slots: &'s [SlotRow],
) -> Result<Scene<'s>, Error> {
    let now = db::now(conn, row.realm).await?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let today = zone.date_of(now);
    let policies = policies::at(conn, today, Some(row.agency_id)).await?;
    let sight = packages::Sight { agency: row.agency_id, units: Vec::new() };
    // What lapsed, and what the request itself holds, counts as free.
    let freeable = packages::freeable(conn, &[row.package_id], Some(row.id), now).await?;
    let package = freeable.free_package(packages::package(conn, &sight, row.package_id).await?);
    let budget_line = match row.budget_line_id {
        Some(line) => packages::budget_line(conn, row.package_id, line).await?,
        None => None,
    };
    let budget_line = budget_line.map(|line| freeable.free_line(line));
    let products: Vec<_> = lines.iter().map(|line| line.product_id).collect();
    let offers = catalog::offers(conn, row.realm, &products).await?;
    let vendor_ids: Vec<VendorId> =
        lines.iter().map(|line| line.vendor_id).collect::<BTreeSet<_>>().into_iter().collect();
    let vendors = vendors::trading(conn, row.realm, &vendor_ids, now).await?;
    let agreed = match row.status {
        RequestStatus::Agreed => Some(store::shipping_of(conn, row.id).await?),
        _ => None,
    };
    Ok(Scene { row, lines, slots, policies, now, today, package, budget_line, offers, vendors, agreed })
}

/// The clocks that run from now, none past the time that the first delivery leaves for preparing it.
struct Clocks {
    first_delivery: NaiveDate,
    preparation_days: u32,
    latest: Deadline,
    approval: Deadline,
    negotiation: Deadline,
}

fn clocks(scene: &Scene<'_>, calendar: &Calendar, zone: TimeZone) -> Result<Clocks, Error> {
    // What is urgent may be delivered today, and is prepared while it is approved.
    if scene.row.method == Method::Urgent {
        let days = scene.slots.iter().map(|slot| slot.day).filter(|day| *day >= scene.today);
        let first_delivery = days.fold(scene.row.needed_on, NaiveDate::min);
        let latest = Deadline { at: zone.end_of(first_delivery), provisional: false };
        let hours = scene.policies.count("clock.urgent_approval_hours")?;
        let approval = Deadline { at: scene.now + TimeDelta::hours(hours.into()), provisional: false };
        let approval = approval.earlier(latest);
        return Ok(Clocks { first_delivery, preparation_days: 0, latest, approval, negotiation: approval });
    }
    let preparation_days = scene.policies.count("clock.preparation_days")?;
    // The vendor prepares for the first delivery, whatever comes later.
    let days = scene.slots.iter().map(|slot| slot.day).filter(|day| *day > scene.today);
    let first_delivery = days.fold(scene.row.needed_on, NaiveDate::min);
    let latest = calendar.working_days_before(first_delivery, preparation_days, zone);
    let after = |key: &str| {
        let count = scene.policies.count(key)?;
        Ok::<_, Error>(calendar.working_days_after(scene.now, count, zone).earlier(latest))
    };
    let (approval, negotiation) = (after("clock.approval_days")?, after("clock.negotiation_days")?);
    Ok(Clocks { first_delivery, preparation_days, latest, approval, negotiation })
}

/// What came out, without a basket; `value` decides who approves.
fn finish(
    scene: &Scene<'_>,
    value: Amount,
    totals: Totals,
    clocks: Clocks,
    budget_mode: BudgetMode,
    checks: Vec<Check>,
) -> Result<Assessment, Error> {
    let approvers: Option<Approvers> = scene.policies.step("approval.steps", value)?;
    let form: ContractForm = scene
        .policies
        .word("contract_form.online")?
        .parse()
        .map_err(|_| Error::Internal("contract_form.online".into()))?;
    Ok(Assessment {
        approval_roles: approvers
            .map_or_else(|| vec!["commitment_officer".into(), "budget_user".into()], |step| step.roles),
        limit_includes_vat: scene.policies.flag("limit.includes_vat")?,
        compared: compared(scene, totals)?,
        method_limit: scene.policies.amount(&format!("limit.direct.{}", scene.row.procurement_kind))?,
        tax_regime: scene.policies.word("tax.regime")?.to_owned(),
        policies_used: scene.policies.used(),
        contract_form: form,
        needs: Vec::new(),
        priced: Vec::new(),
        parts: Vec::new(),
        totals,
        due: clocks.approval,
        negotiation_due: clocks.negotiation,
        budget_mode,
        checks,
    })
}

fn push(
    checks: &mut Vec<Check>,
    rule: &'static str,
    refused: Option<Code>,
    pointer: impl Into<String>,
    figures: Value,
    legal_basis: Option<String>,
) {
    checks.push(Check { rule, refused, advised: None, pointer: pointer.into(), figures, legal_basis });
}

fn basis(scene: &Scene<'_>, key: &str) -> Option<String> {
    scene.policies.version(key).ok().map(|version| version.legal_basis.clone())
}
