//! What a negotiation does to its request: terms priced, agreed, or ended.
use super::super::assess;
use super::super::model::{AgreedTerms, State};
use super::super::store::{self, LineRow, Row, SlotRow};
use super::record;
use crate::kernel::{Amount, Code, Ctx, Error, LineId, Method, ProductId, Refusal, Role, VendorId, refuse};
use crate::packages::BudgetMode;
use crate::platform::db::{self, Conn, Tx};
use crate::platform::trail::{Audience, Notice};
use crate::policies;
use crate::taxes::{LineTax, PriceBasis, TaxClass, Totals, VatRates, line_tax, totals};
use crate::{accounts, catalog, packages, vendors};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// A vendor's lines at given prices, by the rates of today.
pub struct PricedTerms {
    pub lines: Vec<(LineId, LineTax)>,
    pub totals: Totals,
}

/// What of a line's frozen picture its tax depends on.
#[derive(Deserialize)]
struct Taxed {
    tax_class: TaxClass,
    price_basis: PriceBasis,
}

/// Prices a vendor's lines anew; every line of the vendor must have a price.
pub async fn price_terms(
    conn: &mut Conn,
    row: &Row,
    vendor: VendorId,
    lines: &[LineRow],
    prices: &HashMap<LineId, Amount>,
    shipping: Amount,
) -> Result<PricedTerms, Error> {
    let now = db::now(conn, row.realm).await?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let policies = policies::at(conn, zone.date_of(now), Some(row.agency_id)).await?;
    let rates = VatRates::of(&policies)?;
    let trading = vendors::trading(conn, row.realm, &[vendor], now).await?;
    let trading = trading.first().filter(|trading| trading.open);
    let registered = trading.ok_or_else(|| refuse(Code::VendorNotVerified))?.vat_registered;
    let mut taxed = Vec::new();
    for line in lines.iter().filter(|line| line.vendor_id == vendor) {
        let damaged = || Error::Internal("a negotiated line has no price or picture".into());
        let price = prices.get(&line.id).ok_or_else(damaged)?;
        let picture: Taxed = line
            .snapshot
            .clone()
            .and_then(|picture| serde_json::from_value(picture).ok())
            .ok_or_else(damaged)?;
        let tax = line_tax(&rates, picture.tax_class, registered, picture.price_basis, *price, line.quantity);
        taxed.push((line.id, tax));
    }
    let taxes: Vec<LineTax> = taxed.iter().map(|(_, tax)| *tax).collect();
    let whole = totals(&rates, registered, &taxes, shipping);
    Ok(PricedTerms { lines: taxed, totals: whole })
}

/// What one vendor and the office agreed on; the figures are those that both read.
pub struct Agreement {
    pub terms: AgreedTerms,
    pub lines: Vec<AgreedLine>,
    pub totals: Totals,
}

pub struct AgreedLine {
    pub line_id: LineId,
    pub unit_price: Amount,
    pub goods: Amount,
    pub vat: Amount,
}

/// Takes what every vendor agreed to over into a locked request: prices, delivery and totals become
/// those of the agreement, and what is reserved falls to its gross.
///
/// # Errors
/// `method_limit_exceeded`, `package_ceiling_exceeded`, `budget_exceeded` where a dearer delivery passes a
/// limit or finds too little money left; `expired` when goods were let go of meanwhile.
pub async fn agree(tx: &mut Tx, ctx: &Ctx, row: Row, agreed: &[Agreement]) -> Result<Row, Error> {
    let now = tx.now().await?;
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(now), Some(row.agency_id)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    let latest = row.negotiation_due_at.unwrap_or(now);
    let due = calendar.working_days_after(now, policies.count("clock.approval_days")?, zone).at.min(latest);
    let state = row.state()?.at(now).agree(due)?;
    let mut lines = store::lines(tx.conn(), row.id).await?;
    let (mut fees, mut whole) = (Vec::new(), Totals::default());
    for Agreement { terms, lines: priced, totals } in agreed {
        for line in lines.iter_mut().filter(|line| line.vendor_id == terms.vendor_id) {
            let damaged = || Error::Internal("an agreement lacks a line".into());
            let agreed = priced.iter().find(|agreed| agreed.line_id == line.id).ok_or_else(damaged)?;
            line.unit_price = Some(agreed.unit_price);
            line.goods_amount = Some(agreed.goods);
            line.vat_amount = Some(agreed.vat);
            if let Some(picture) = &mut line.snapshot {
                picture["unit_price"] = json!(agreed.unit_price);
                picture["agreed_lead_time_days"] = json!(terms.lead_time_days);
            }
            store::freeze_line(tx, line).await?;
        }
        let on_lines: Amount = priced.iter().map(|line| line.vat).sum();
        fees.push((terms.vendor_id, totals.shipping, Amount(totals.vat.0 - on_lines.0)));
        whole = Totals {
            goods: whole.goods + totals.goods,
            shipping: whole.shipping + totals.shipping,
            vat: whole.vat + totals.vat,
            gross: whole.gross + totals.gross,
        };
    }
    let limit = policies.amount(&format!("limit.direct.{}", row.procurement_kind))?;
    let with_vat = policies.flag("limit.includes_vat")?;
    if (if with_vat { whole.gross } else { whole.goods + whole.shipping }) > limit {
        return Err(Refusal::new(Code::MethodLimitExceeded).with_limit(limit).into());
    }
    store::freeze_shipping(tx, row.id, &fees).await?;
    catalog::extend_request(tx, row.id, due).await?;
    let budget_line = row.budget_line_id.filter(|_| row.budget_mode == Some(BudgetMode::Enforced));
    packages::release_request(tx, row.id, now).await?;
    packages::reserve(tx, row.id, row.package_id, budget_line, whole.gross, due, now).await?;
    let terms: Vec<&AgreedTerms> = agreed.iter().map(|agreement| &agreement.terms).collect();
    let next = Row {
        goods_total: whole.goods,
        shipping_fee: whole.shipping,
        vat_total: whole.vat,
        gross_total: whole.gross,
        agreed_terms: Some(json!(terms)),
        // The day whose rates the prices are frozen by.
        submitted_at: Some(now),
        updated_at: now,
        ..row.clone().with_state(state)
    };
    let saved = store::save(tx, next).await?;
    let mut notices = vec![Notice {
        template: "negotiation_agreed".into(),
        audience: Audience::Membership(saved.officer_id.0),
        arguments: json!({ "title": saved.title }),
    }];
    notices.extend(
        agreed.iter().map(|agreed| to_vendor("negotiation_agreed", &saved, agreed.terms.vendor_id, None)),
    );
    record(tx, ctx, "request.agreed", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Ends a negotiation without agreement; what was reserved is free again.
pub async fn fail_negotiation(
    tx: &mut Tx,
    ctx: &Ctx,
    row: Row,
    reason: &str,
    notices: Vec<Notice>,
) -> Result<Row, Error> {
    let now = tx.now().await?;
    let state = row.state()?.at(now).fail_negotiation(reason.to_owned())?;
    catalog::release_request(tx, row.id, now).await?;
    packages::release_request(tx, row.id, now).await?;
    let saved = store::save(tx, Row { updated_at: now, ..row.clone().with_state(state) }).await?;
    record(tx, ctx, "request.negotiation_failed", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Reserves what lines need of stock or of a day's capacity, as a submission would.
///
/// # Errors
/// `out_of_stock`, `capacity_exceeded`.
pub async fn reserve_goods(
    tx: &mut Tx,
    row: &Row,
    lines: &[LineRow],
    slots: &[SlotRow],
    lapses_at: DateTime<Utc>,
) -> Result<(), Error> {
    let ids: Vec<ProductId> = lines.iter().map(|line| line.product_id).collect();
    let offers = catalog::offers(tx.conn(), row.realm, &ids).await?;
    let now = tx.now().await?;
    catalog::reserve(tx, row.id, &assess::needs(&offers, lines, slots), lapses_at, now).await
}

/// Saves a locked request in another state.
pub async fn settle(tx: &mut Tx, row: Row, state: State) -> Result<Row, Error> {
    let now = tx.now().await?;
    store::save(tx, Row { updated_at: now, ..row.with_state(state) }).await
}

/// Marks that something below a locked request changed; its version rises.
pub async fn touch(tx: &mut Tx, row: Row) -> Result<Row, Error> {
    let now = tx.now().await?;
    store::save(tx, Row { updated_at: now, ..row }).await
}

/// A notice on a request to one vendor's people.
pub fn to_vendor(template: &str, row: &Row, vendor: VendorId, due: Option<String>) -> Notice {
    let roles = [Role::VendorOwner, Role::VendorStaff].map(|role| role.as_str().to_owned()).to_vec();
    Notice {
        template: template.into(),
        audience: Audience::Members { organisation: vendor.0, roles },
        arguments: json!({ "title": row.title, "reason": row.status_reason, "organisation_id": row.agency_id, "due": due }),
    }
}

/// What the vendors of a negotiation or a quotation are told when the request leaves it without an order.
pub(super) async fn tell_vendors(conn: &mut Conn, before: &State, after: &Row) -> Result<Vec<Notice>, Error> {
    if let State::Open { .. } | State::QuotesClosed | State::Evaluating = before {
        let taking_part = store::taking_part(conn, after.id).await?;
        return Ok(taking_part
            .into_iter()
            .map(|vendor| to_vendor("quotation_failed", after, vendor, None))
            .collect());
    }
    let concerned = match before {
        State::Negotiating { .. } | State::Agreed { .. } => true,
        State::PendingApproval { .. } => after.method == Method::Negotiated,
        _ => false,
    };
    let template = match after.state()? {
        _ if !concerned => return Ok(Vec::new()),
        State::Expired => "negotiation_expired",
        _ => "negotiation_failed",
    };
    let lines = store::lines(conn, after.id).await?;
    let vendors: std::collections::BTreeSet<VendorId> = lines.iter().map(|line| line.vendor_id).collect();
    Ok(vendors.into_iter().map(|vendor| to_vendor(template, after, vendor, None)).collect())
}
