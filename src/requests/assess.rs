//! Every rule that a request must meet, checked in one place: submission refuses by it, and
//! `POST /policy-checks` explains it.
use super::model::{Comparison, Duty, RequestStatus};
use super::store::{self, LineRow, Row, SlotRow};
use crate::accounts;
use crate::catalog::{self, Availability, Need, Offer};
use crate::kernel::Method;
use crate::kernel::{Amount, Code, Deadline, Error, Fault, MembershipId, Quantity, Role, VendorId};
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

/// Judges a request as it stands.
pub async fn assess(
    conn: &mut Conn,
    row: &Row,
    lines: &[LineRow],
    slots: &[SlotRow],
) -> Result<Assessment, Error> {
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
    let vendor_ids: Vec<_> =
        lines.iter().map(|line| line.vendor_id).collect::<BTreeSet<_>>().into_iter().collect();
    let vendors = vendors::trading(conn, row.realm, &vendor_ids, now).await?;
    let agreed = match row.status {
        RequestStatus::Agreed => Some(store::shipping_of(conn, row.id).await?),
        _ => None,
    };
    let scene =
        Scene { row, lines, slots, policies, now, today, package, budget_line, offers, vendors, agreed };
    let mut checks = Vec::new();
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
    let preparation = scene.policies.count("clock.preparation_days")?;
    // The vendor prepares for the first delivery, whatever comes later.
    let days = slots.iter().map(|slot| slot.day).filter(|day| *day > today);
    let first = days.fold(row.needed_on, NaiveDate::min);
    let latest = calendar.working_days_before(first, preparation, zone);
    let due =
        calendar.working_days_after(now, scene.policies.count("clock.approval_days")?, zone).earlier(latest);
    let negotiation_due = calendar
        .working_days_after(now, scene.policies.count("clock.negotiation_days")?, zone)
        .earlier(latest);
    let soon = latest.passed(now).then_some(Code::NeededTooSoon);
    let figures = json!({ "needed_on": row.needed_on, "first_delivery": first, "preparation_days": preparation, "latest": latest.at });
    push(&mut checks, "needed_on", soon, "#/needed_on", figures, basis(&scene, "clock.preparation_days"));
    method(&scene, whole, &mut checks)?;
    limits(&scene, whole, &mut checks)?;
    let budget_mode = budget(&scene, whole.gross, &mut checks)?;
    splitting(conn, &scene, whole, &priced, &mut checks).await?;
    comparison(conn, &scene, whole, &mut checks).await?;
    officers(conn, &scene, &vendor_ids, &mut checks).await?;
    let approvers: Option<Approvers> = scene.policies.step("approval.steps", whole.gross)?;
    let form: ContractForm = scene
        .policies
        .word("contract_form.online")?
        .parse()
        .map_err(|_| Error::Internal("contract_form.online".into()))?;
    Ok(Assessment {
        needs: needs(&scene, &priced),
        approval_roles: approvers
            .map_or_else(|| vec!["commitment_officer".into(), "budget_user".into()], |step| step.roles),
        limit_includes_vat: scene.policies.flag("limit.includes_vat")?,
        compared: compared(&scene, whole)?,
        method_limit: scene.policies.amount(&format!("limit.direct.{}", scene.row.procurement_kind))?,
        tax_regime: scene.policies.word("tax.regime")?.to_owned(),
        policies_used: scene.policies.used(),
        contract_form: form,
        priced,
        parts,
        totals: whole,
        due,
        negotiation_due,
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

fn price(scene: &Scene<'_>, checks: &mut Vec<Check>) -> Result<Vec<Option<Priced>>, Error> {
    let rates = VatRates::of(&scene.policies)?;
    let empty = scene.lines.is_empty().then_some(Code::Required);
    push(checks, "lines", empty, "#/lines", json!({ "count": scene.lines.len() }), None);
    let mut priced = Vec::new();
    for (place, line) in scene.lines.iter().enumerate() {
        let at = |field: &str| format!("#/lines/{place}/{field}");
        let offer = scene.offers.iter().find(|offer| offer.id == line.product_id);
        let vendor = scene.vendors.iter().find(|vendor| vendor.id == line.vendor_id);
        let (Some(offer), Some(vendor)) = (offer, vendor) else {
            push(checks, "product", Some(Code::ProductUnavailable), at("product_id"), json!({}), None);
            priced.push(None);
            continue;
        };
        if scene.agreed.is_some() {
            let closed = (!vendor.open).then_some(Code::VendorNotVerified);
            push(checks, "product", closed, at("product_id"), json!({ "vendor": vendor.name }), None);
            let frozen = line.unit_price.zip(line.goods_amount).zip(line.vat_amount);
            let ((unit_price, goods), vat) =
                frozen.ok_or_else(|| Error::Internal("an agreed line has no price".into()))?;
            priced.push(Some(Priced { offer: offer.clone(), unit_price, tax: LineTax { goods, vat } }));
            continue;
        }
        let unavailable = match (offer.published, vendor.open) {
            (_, false) => Some(Code::VendorNotVerified),
            (false, true) => Some(Code::ProductUnavailable),
            (true, true) => None,
        };
        push(
            checks,
            "product",
            unavailable,
            at("product_id"),
            json!({ "product": offer.name, "vendor": vendor.name }),
            None,
        );
        let kind =
            (offer.procurement_kind != scene.row.procurement_kind).then_some(Code::ProcurementKindMismatch);
        push(
            checks,
            "procurement_kind",
            kind,
            at("product_id"),
            json!({ "product": offer.procurement_kind, "request": scene.row.procurement_kind }),
            None,
        );
        let below = (line.quantity < offer.minimum_order).then_some(Code::BelowMinimumOrder);
        push(
            checks,
            "minimum_order",
            below,
            at("quantity"),
            json!({ "limit": offer.minimum_order.to_string(), "quantity": line.quantity }),
            None,
        );
        let slots: Decimal =
            scene.slots.iter().filter(|slot| slot.line_id == line.id).map(|slot| slot.quantity.0).sum();
        let apart = (slots != line.quantity.0).then_some(Code::QuantityMismatch);
        push(
            checks,
            "delivery_slots",
            apart,
            at("slots"),
            json!({ "limit": line.quantity.to_string(), "slots": slots.to_string() }),
            None,
        );
        let late = scene.slots.iter().any(|slot| {
            slot.line_id == line.id && (slot.day > scene.row.needed_on || slot.day <= scene.today)
        });
        let when = late.then_some(Code::NeededTooSoon);
        push(
            checks,
            "delivery_days",
            when,
            at("slots"),
            json!({ "from": scene.today + Days::new(1), "to": scene.row.needed_on }),
            None,
        );
        let unit_price = offer.price_at(line.quantity);
        let tax = line_tax(
            &rates,
            offer.tax_class,
            vendor.vat_registered,
            offer.price_basis,
            unit_price,
            line.quantity,
        );
        let nothing = (tax.goods == Amount::ZERO).then_some(Code::OutOfRange);
        push(checks, "line_value", nothing, at("quantity"), json!({ "limit": "≥ Rp1" }), None);
        priced.push(Some(Priced { offer: offer.clone(), unit_price, tax }));
    }
    Ok(priced)
}

/// Each vendor's goods, shipping by its terms, and VAT.
async fn parts(
    conn: &mut Conn,
    scene: &Scene<'_>,
    priced: &[Option<Priced>],
    checks: &mut Vec<Check>,
) -> Result<Vec<Part>, Error> {
    let rates = VatRates::of(&scene.policies)?;
    let mut parts = Vec::new();
    for vendor in &scene.vendors {
        let mut taxes = Vec::new();
        // One delivery: a day at a place. Weight counts per delivery, begun kilograms.
        let mut deliveries: BTreeMap<(NaiveDate, &str, &str), (Decimal, usize)> = BTreeMap::new();
        for (place, line) in scene.lines.iter().enumerate().filter(|(_, line)| line.vendor_id == vendor.id) {
            let Some(priced) = &priced[place] else { continue };
            taxes.push(priced.tax);
            for slot in scene.slots.iter().filter(|slot| slot.line_id == line.id) {
                let grams = Decimal::from(priced.offer.weight_grams.unwrap_or_default()) * slot.quantity.0;
                let delivery = deliveries
                    .entry((slot.day, &slot.region_code, &slot.address))
                    .or_insert((Decimal::ZERO, place));
                delivery.0 += grams;
            }
        }
        let mut shipping = Amount::ZERO;
        for ((_, region, _), (grams, place)) in deliveries {
            let terms = vendors::shipping(conn, vendor.id, region).await?;
            let refused = match &terms {
                None => Some(Code::RegionNotServed),
                Some(terms)
                    if terms.terms == ShippingTerms::OnQuote && scene.row.method == Method::Direct =>
                {
                    Some(Code::ShippingOnQuote)
                }
                Some(_) => None,
            };
            let figures = json!({ "vendor": vendor.name, "region_code": region, "terms": terms.as_ref().map(|terms| terms.terms) });
            push(checks, "region", refused, format!("#/lines/{place}/slots"), figures, None);
            shipping = shipping
                + match terms {
                    Some(terms) if terms.terms == ShippingTerms::Flat => terms.fee,
                    Some(terms) if terms.terms == ShippingTerms::ByWeight => {
                        Amount(terms.fee.0 * (grams / Decimal::from(1_000)).ceil())
                    }
                    _ => Amount::ZERO,
                };
        }
        let on_lines: Amount = taxes.iter().map(|tax| tax.vat).sum();
        let whole = match scene.agreed.as_ref().and_then(|fees| fees.get(&vendor.id)) {
            Some((fee, fee_vat)) => {
                let (goods, vat) = (taxes.iter().map(|tax| tax.goods).sum::<Amount>(), on_lines + *fee_vat);
                Totals { goods, shipping: *fee, vat, gross: goods + *fee + vat }
            }
            None => totals(&rates, vendor.vat_registered, &taxes, shipping),
        };
        parts.push(Part { vendor: vendor.id, totals: whole, shipping_vat: Amount(whole.vat.0 - on_lines.0) });
    }
    Ok(parts)
}

#[derive(Deserialize)]
struct Methods {
    methods: Vec<Method>,
}

/// Which methods a value allows; and whether asking for a better price is advised.
fn method(scene: &Scene<'_>, whole: Totals, checks: &mut Vec<Check>) -> Result<(), Error> {
    let chosen = scene.row.method;
    let allowed: Option<Methods> = scene.policies.step("method.steps", whole.gross)?;
    let allowed = allowed.map(|step| step.methods).unwrap_or_default();
    let refused = (!allowed.contains(&chosen)).then_some(Code::MethodNotForValue);
    let figures = json!({ "method": chosen, "allowed": allowed, "value": whole.gross });
    push(checks, "method", refused, "#/method", figures, basis(scene, "method.steps"));
    let from = scene.policies.amount("negotiation.prompt_from")?;
    let advised = (chosen == Method::Direct && whole.gross >= from).then_some(Code::NegotiationAdvised);
    checks.push(Check {
        rule: "negotiation",
        refused: None,
        advised,
        pointer: "#/method".into(),
        figures: json!({ "from": from, "value": whole.gross }),
        legal_basis: basis(scene, "negotiation.prompt_from"),
    });
    Ok(())
}

fn compared(scene: &Scene<'_>, whole: Totals) -> Result<Amount, Error> {
    let with_vat = scene.policies.flag("limit.includes_vat")?;
    Ok(if with_vat { whole.gross } else { whole.goods + whole.shipping })
}

fn limits(scene: &Scene<'_>, whole: Totals, checks: &mut Vec<Check>) -> Result<(), Error> {
    let key = format!("limit.direct.{}", scene.row.procurement_kind);
    let limit = scene.policies.amount(&key)?;
    let value = compared(scene, whole)?;
    let over = (value > limit).then_some(Code::MethodLimitExceeded);
    let figures = json!({ "limit": limit.to_string(), "value": value, "includes_vat": scene.policies.flag("limit.includes_vat")? });
    push(checks, "method_limit", over, "#/lines", figures, basis(scene, &key));
    let package = &scene.package;
    let left = Amount((package.ceiling.0 - package.reserved.0 - package.committed.0).max(Decimal::ZERO));
    let over = (whole.gross > left).then_some(Code::PackageCeilingExceeded);
    let figures = json!({ "limit": left.to_string(), "ceiling": package.ceiling, "value": whole.gross });
    push(checks, "package_ceiling", over, "#/package_id", figures, None);
    Ok(())
}

fn budget(scene: &Scene<'_>, gross: Amount, checks: &mut Vec<Check>) -> Result<BudgetMode, Error> {
    let mode: BudgetMode =
        scene.policies.word("budget.mode")?.parse().map_err(|_| Error::Internal("budget.mode".into()))?;
    let legal = basis(scene, "budget.mode");
    match (mode, &scene.budget_line) {
        (BudgetMode::Enforced, Some(line)) => {
            let left = (line.ceiling - line.reserved.0 - line.committed.0 - line.spent.0).max(Decimal::ZERO);
            let over = (gross.0 > left).then_some(Code::BudgetExceeded);
            push(
                checks,
                "budget",
                over,
                "#/budget_line_id",
                json!({ "limit": format!("{left:.2}"), "value": gross, "mode": mode }),
                legal,
            );
        }
        (BudgetMode::Enforced, None) => {
            push(
                checks,
                "budget",
                Some(Code::BudgetLineRequired),
                "#/budget_line_id",
                json!({ "mode": mode }),
                legal,
            );
        }
        (BudgetMode::Declared, _) => {
            let row = scene.row;
            let declared = row.budget_declared && row.account_code.is_some() && row.dpa_number.is_some();
            let missing = (!declared).then_some(Code::BudgetDeclarationRequired);
            push(checks, "budget", missing, "#/budget_declared", json!({ "mode": mode }), legal);
        }
        (BudgetMode::Off, _) => {
            push(checks, "budget", None, "#/budget_line_id", json!({ "mode": mode }), legal)
        }
    }
    Ok(mode)
}

/// Splitting is refused only where purchases on the same package pass the limit of its kind; like
/// goods on other packages ask for a reason (Perpres 16/2018 Pasal 20(2)d forbids the intent).
async fn splitting(
    conn: &mut Conn,
    scene: &Scene<'_>,
    whole: Totals,
    priced: &[Option<Priced>],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let key = format!("limit.direct.{}", scene.row.procurement_kind);
    let limit = scene.policies.amount(&key)?;
    let with_vat = scene.policies.flag("limit.includes_vat")?;
    let before = store::on_package(conn, scene.row.package_id, scene.row.id, with_vat, scene.now).await?;
    let together = before + compared(scene, whole)?;
    let over = (before > Amount::ZERO && together > limit).then_some(Code::SplitForbidden);
    let figures = json!({ "limit": limit.to_string(), "before": before, "together": together });
    push(checks, "split_package", over, "#/package_id", figures, basis(scene, &key));
    if !scene.policies.flag("split.same_kbki_reason")? {
        return Ok(());
    }
    let offers = || priced.iter().flatten().map(|priced| &priced.offer);
    let recurring = offers().count() > 0 && offers().all(|offer| offer.recurring_group.is_some());
    let window_key = if recurring { "split.recurring_window_days" } else { "split.window_days" };
    let window = scene.policies.count(window_key)?;
    let prefixes: Vec<String> = offers().map(|offer| offer.kbki_code.chars().take(5).collect()).collect();
    let since = scene.now - TimeDelta::days(window.into());
    let lately =
        store::bought_lately(conn, scene.row.unit_id, scene.row.package_id, &prefixes, since, scene.now)
            .await?;
    let reason = scene.row.split_reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    let missing = (lately && !reason).then_some(Code::SplitReasonRequired);
    let figures = json!({ "window_days": window, "bought_lately": lately, "kbki": prefixes });
    push(checks, "split_kbki", missing, "#/split_reason", figures, basis(scene, window_key));
    Ok(())
}

async fn comparison(
    conn: &mut Conn,
    scene: &Scene<'_>,
    whole: Totals,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let from = scene.policies.amount("comparison.duty_from")?;
    let minimum = scene.policies.count("comparison.minimum_offers")?;
    let stored: Option<Comparison> =
        scene.row.comparison.clone().and_then(|value| serde_json::from_value(value).ok());
    // Only offers that are there to be seen count.
    let seen = stored.as_ref().map(|stored| stored.product_ids.clone()).unwrap_or_default();
    let offers =
        catalog::offers(conn, scene.row.realm, &seen).await?.iter().filter(|offer| offer.published).count();
    let reason = stored
        .as_ref()
        .and_then(|stored| stored.reason.as_deref())
        .is_some_and(|reason| !reason.trim().is_empty());
    let due = whole.gross >= from && offers < minimum as usize && !reason;
    let figures = json!({ "limit": minimum.to_string(), "from": from, "offers": offers, "reason": reason });
    push(
        checks,
        "comparison",
        due.then_some(Code::ComparisonRequired),
        "#/comparison",
        figures,
        basis(scene, "comparison.duty_from"),
    );
    Ok(())
}

async fn officers(
    conn: &mut Conn,
    scene: &Scene<'_>,
    vendors: &[VendorId],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let row = scene.row;
    let duties: [(&'static str, Option<MembershipId>, &[Role]); 3] = [
        ("treasurer_id", row.treasurer_id, &[Role::Treasurer, Role::AssistantTreasurer]),
        ("activity_officer_id", row.activity_officer_id, &[Role::ActivityOfficer]),
        ("commitment_officer_id", row.commitment_officer_id, &[Role::CommitmentOfficer]),
    ];
    // The officer in charge, and whoever acted in that officer's place.
    let mut buyers = store::hands(conn, row.id, Duty::ProcurementOfficer).await?;
    let officer = store::user_of(conn, row.officer_id).await?;
    if !buyers.contains(&officer) {
        buyers.push(officer);
    }
    let (package, now) = (row.package_id, scene.now);
    let mut approves = false;
    for buyer in &buyers {
        approves |= store::has_duty_on_package(conn, package, row.id, *buyer, Duty::CommitmentOfficer, now)
            .await?
            || store::had_hand(conn, row.id, Duty::CommitmentOfficer, *buyer).await?;
    }
    push(
        checks,
        "officers",
        approves.then_some(Code::PairProcurementCommitment),
        "#/package_id",
        json!({}),
        Some("Peraturan LKPP 15/2018".into()),
    );
    for (field, membership, roles) in duties {
        let Some(membership) = membership else {
            let missing = (field == "treasurer_id").then_some(Code::Required);
            push(checks, "officers", missing, format!("#/{field}"), json!({}), None);
            continue;
        };
        let found = accounts::officer(conn, membership, row.agency_id, row.unit_id).await?;
        let suits = found.as_ref().is_some_and(|found| found.covers_unit && roles.contains(&found.role));
        let same_person = found.as_ref().is_some_and(|found| buyers.contains(&found.user_id));
        let bought = match &found {
            Some(found) if field == "commitment_officer_id" => {
                let duty = Duty::ProcurementOfficer;
                store::has_duty_on_package(conn, package, row.id, found.user_id, duty, now).await?
            }
            _ => false,
        };
        let refused = match (suits, same_person, field) {
            (false, ..) => Some(Code::OfficerNotSuitable),
            (true, true, "commitment_officer_id") => Some(Code::PairProcurementCommitment),
            (true, ..) if bought => Some(Code::PairProcurementCommitment),
            (true, true, "treasurer_id") => Some(Code::PairProcurementTreasurer),
            _ => None,
        };
        push(
            checks,
            "officers",
            refused,
            format!("#/{field}"),
            json!({}),
            Some("Peraturan LKPP 15/2018".into()),
        );
    }
    let mut own = false;
    for buyer in &buyers {
        own |= store::any_member_of(conn, *buyer, vendors).await?;
    }
    let own = own.then_some(Code::PairOfficialVendorOwner);
    push(checks, "conflict_of_interest", own, "#/lines", json!({}), Some("Perpres 16/2018 Pasal 7".into()));
    Ok(())
}

/// What must be reserved: stock by product, day capacity by product and day.
fn needs(scene: &Scene<'_>, priced: &[Option<Priced>]) -> Vec<Need> {
    let mut needs: BTreeMap<_, Decimal> = BTreeMap::new();
    for (line, priced) in scene.lines.iter().zip(priced) {
        let Some(Priced { offer, .. }) = priced else { continue };
        match offer.availability {
            Availability::Counted => *needs.entry((offer.id, None)).or_default() += line.quantity.0,
            Availability::CapacityPerDay => {
                for slot in scene.slots.iter().filter(|slot| slot.line_id == line.id) {
                    *needs.entry((offer.id, Some(slot.day))).or_default() += slot.quantity.0;
                }
            }
            Availability::MadeToOrder | Availability::Service => {}
        }
    }
    needs
        .into_iter()
        .map(|((product, day), quantity)| Need { product, day, quantity: Quantity(quantity) })
        .collect()
}
