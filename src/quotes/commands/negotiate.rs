//! Negotiating: begin, propose, accept, end.
use super::super::model::{self, LinePrice, NegotiationStatus, PricedLine, Side};
use super::super::store::{self, Negotiation, Party, Round};
use super::{party, record};
use crate::kernel::{Amount, Code, Ctx, Error, Fault, LineId, Refusal, RequestId, RoundId, VendorId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::trail::{Audience, Notice};
use crate::requests::{self, AgreedLine, AgreedTerms, Agreement};
use crate::taxes::Totals;
use crate::{accounts, policies};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What a side proposes.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Whose part of the basket; a vendor's own unless told.
    pub vendor: Option<VendorId>,
    pub unit_prices: Vec<LinePrice>,
    pub shipping_fee: Amount,
    pub lead_time_days: Option<i32>,
    pub note: Option<String>,
    /// Until when it may be accepted; as long as the negotiation lasts unless told.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Opens a negotiation with each vendor of a request that was just submitted for it.
pub async fn open_negotiations(
    tx: &mut Tx,
    ctx: &Ctx,
    request: requests::Row,
) -> Result<requests::Row, Error> {
    let now = tx.now().await?;
    let fees = requests::shipping_of(tx.conn(), request.id).await?;
    let mut baskets: BTreeMap<VendorId, Vec<requests::LineRow>> = BTreeMap::new();
    for line in requests::lines(tx.conn(), request.id).await? {
        baskets.entry(line.vendor_id).or_default().push(line);
    }
    let zone = accounts::time_zone_of(tx.conn(), request.agency_id).await?;
    let due = request.negotiation_due_at.map(|due| zone.printed(due));
    let mut notices = Vec::new();
    for (vendor, lines) in baskets {
        let (fee, fee_vat) = fees.get(&vendor).copied().unwrap_or_default();
        let frozen: Amount =
            lines.iter().flat_map(|line| [line.goods_amount, line.vat_amount]).flatten().sum();
        let row = Negotiation {
            id: new_id(),
            realm: request.realm,
            request_id: request.id,
            vendor_id: vendor,
            attempt: request.attempt,
            status: NegotiationStatus::Open,
            lines: lines.iter().map(negotiated_line).collect::<Result<_, _>>()?,
            shipping_fee: fee,
            gross_total: frozen + fee + fee_vat,
            opened_at: now,
            last_activity_at: now,
            agreed_round_id: None,
        };
        store::insert_negotiation(tx, &row).await?;
        notices.push(requests::to_vendor("negotiation_opened", &request, vendor, due.clone()));
    }
    record(
        tx,
        ctx,
        "request.negotiations_opened",
        &request,
        json!({ "attempt": request.attempt }),
        None,
        notices,
    )
    .await?;
    Ok(request)
}

fn negotiated_line(line: &requests::LineRow) -> Result<Value, Error> {
    let picture = line.snapshot.as_ref();
    let member = |name: &str| picture.and_then(|picture| picture.get(name)).cloned().unwrap_or_default();
    Ok(
        json!({ "line_id": line.id, "product_id": line.product_id, "name": member("name"), "unit": member("unit"),
        "quantity": line.quantity, "list_price": line.unit_price, "price_basis": member("price_basis") }),
    )
}

/// Proposes; by that the proposer has accepted it.
///
/// # Errors
/// Faults of the prices, each in its place; `too_many_rounds`, `expired`.
pub async fn propose(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    input: &Proposal,
) -> Result<requests::Row, Error> {
    let party = party(ctx)?;
    let row = store::lock_request(tx, &party, id).await?;
    ctx.expect_version(row.version)?;
    require_negotiator(tx, ctx, &row, &party).await?;
    let now = tx.now().await?;
    row.state()?.at(now).negotiating()?;
    let found = store::negotiations(tx.conn(), &row, &party).await?;
    let negotiation = chosen(&found, input.vendor)?;
    let rounds = store::rounds(tx.conn(), &[negotiation.id]).await?;
    let number = rounds.last().map_or(0, |round| round.number);
    let maximum = policies_of(tx.conn(), &row, now).await?.count("negotiation.max_rounds")?;
    model::may_propose(negotiation.status, number, maximum)?;
    let due = row.negotiation_due_at.unwrap_or(now);
    let lines = negotiation.lines()?;
    let list: Vec<(LineId, Amount)> = lines.iter().map(|line| (line.line_id, line.list_price)).collect();
    let mut faults = model::price_faults(&list, &input.unit_prices);
    if input.expires_at.is_some_and(|at| at <= now || at > due) {
        faults.push(Fault::at("#/expires_at", Code::OutOfRange).with_limit(due.to_rfc3339()));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let prices: HashMap<LineId, Amount> =
        input.unit_prices.iter().map(|price| (price.line_id, price.unit_price)).collect();
    let held = requests::lines(tx.conn(), id).await?;
    let vendor = negotiation.vendor_id;
    let terms = requests::price_terms(tx.conn(), &row, vendor, &held, &prices, input.shipping_fee).await?;
    let worthless = |place: usize| {
        let line = input.unit_prices[place].line_id;
        terms.lines.iter().any(|(id, tax)| *id == line && tax.goods == Amount::ZERO)
    };
    let faults: Vec<Fault> = (0..input.unit_prices.len())
        .filter(|place| worthless(*place))
        .map(|place| {
            Fault::at(format!("#/unit_prices/{place}/unit_price"), Code::OutOfRange).with_limit("≥ Rp1")
        })
        .collect();
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let priced = terms.totals;
    let priced_lines: Vec<PricedLine> = terms
        .lines
        .iter()
        .map(|(line_id, tax)| PricedLine {
            line_id: *line_id,
            unit_price: prices.get(line_id).copied().unwrap_or_default(),
            goods_amount: tax.goods,
            vat_amount: tax.vat,
        })
        .collect();
    let round = Round {
        id: new_id(),
        negotiation_id: negotiation.id,
        number: number + 1,
        proposed_by: party.side(),
        membership_id: ctx.member()?.id,
        unit_prices: json!(priced_lines),
        goods_total: priced.goods,
        shipping_fee: priced.shipping,
        vat_total: priced.vat,
        gross_total: priced.gross,
        lead_time_days: input.lead_time_days,
        note: input.note.clone(),
        proposed_at: now,
        expires_at: input.expires_at.unwrap_or(due),
    };
    store::insert_round(tx, &round).await?;
    let saved = requests::touch(tx, row).await?;
    let notice = to_other_side(tx.conn(), "negotiation_round", &saved, &party, vendor, &round).await?;
    let after = json!({ "vendor_id": vendor, "round": round.number, "proposed_by": round.proposed_by,
        "unit_prices": round.unit_prices, "shipping_fee": round.shipping_fee, "gross_total": round.gross_total,
        "lead_time_days": round.lead_time_days, "expires_at": round.expires_at });
    record(tx, ctx, "request.round_proposed", &saved, after, None, vec![notice]).await?;
    Ok(saved)
}

/// Accepts the other side's latest proposal; the last vendor's makes the request agreed.
///
/// # Errors
/// `round_not_latest`, `round_expired`, `expired`; `budget_exceeded` and `package_ceiling_exceeded` where
/// a dearer delivery finds too little money left.
pub async fn accept(tx: &mut Tx, ctx: &Ctx, id: RequestId, round: RoundId) -> Result<requests::Row, Error> {
    let party = party(ctx)?;
    let row = store::lock_request(tx, &party, id).await?;
    ctx.expect_version(row.version)?;
    require_negotiator(tx, ctx, &row, &party).await?;
    let found = store::negotiations(tx.conn(), &row, &party).await?;
    let ids: Vec<_> = found.iter().map(|negotiation| negotiation.id).collect();
    let rounds = store::rounds(tx.conn(), &ids).await?;
    let round = rounds.iter().find(|known| known.id == round).ok_or_else(|| refuse(Code::NotFound))?;
    let negotiation = found.iter().find(|known| known.id == round.negotiation_id);
    let negotiation = negotiation.ok_or_else(|| refuse(Code::NotFound))?;
    let now = tx.now().await?;
    row.state()?.at(now).negotiating()?;
    let latest = rounds.iter().rfind(|known| known.negotiation_id == negotiation.id).map(Round::latest);
    model::may_accept(negotiation.status, latest, round.id, party.side(), now)?;
    store::close_negotiation(tx, negotiation.id, Some(round.id), now).await?;
    let after = json!({ "vendor_id": negotiation.vendor_id, "round": round.number, "accepted_by": party.side(),
        "gross_total": round.gross_total });
    record(tx, ctx, "request.round_accepted", &row, after, None, Vec::new()).await?;
    let everyone = Party::Office(requests::Sight { agency: row.agency_id, units: Vec::new() });
    let all = store::negotiations(tx.conn(), &row, &everyone).await?;
    if all.iter().any(|negotiation| negotiation.status != NegotiationStatus::Agreed) {
        return requests::touch(tx, row).await;
    }
    let agreed = agreements(tx.conn(), &all).await?;
    let outcome = requests::agree(tx, ctx, row, &agreed).await;
    match (outcome, party.side()) {
        // Why the whole basket cannot be agreed is the office's and the other vendors' own.
        (Err(Error::Refused(refusal)), Side::Vendor) if refusal.code != Code::Expired => {
            Err(refuse(Code::AgreementNotPossible))
        }
        (outcome, _) => outcome,
    }
}

async fn agreements(conn: &mut Conn, all: &[Negotiation]) -> Result<Vec<Agreement>, Error> {
    let ids: Vec<_> = all.iter().map(|negotiation| negotiation.id).collect();
    let rounds = store::rounds(conn, &ids).await?;
    let mut agreed = Vec::new();
    for negotiation in all {
        let round = rounds.iter().find(|round| Some(round.id) == negotiation.agreed_round_id);
        let round = round.ok_or_else(|| Error::Internal("an agreed negotiation has no round".into()))?;
        let terms = AgreedTerms {
            vendor_id: negotiation.vendor_id,
            round: round.number,
            shipping_fee: round.shipping_fee,
            lead_time_days: round.lead_time_days,
            note: round.note.clone(),
        };
        let line = |price: PricedLine| AgreedLine {
            line_id: price.line_id,
            unit_price: price.unit_price,
            goods: price.goods_amount,
            vat: price.vat_amount,
        };
        let totals = Totals {
            goods: round.goods_total,
            shipping: round.shipping_fee,
            vat: round.vat_total,
            gross: round.gross_total,
        };
        agreed.push(Agreement { terms, lines: round.prices()?.into_iter().map(line).collect(), totals });
    }
    Ok(agreed)
}

/// Ends a negotiation in which nothing happened for the policy's days; the request fails by it, since a
/// basket is bought as a whole.
///
/// # Errors
/// `negotiation_still_active`, naming until when.
pub async fn end(tx: &mut Tx, ctx: &Ctx, id: RequestId, reason: &str) -> Result<requests::Row, Error> {
    let party = party(ctx)?;
    let row = store::lock_request(tx, &party, id).await?;
    ctx.expect_version(row.version)?;
    require_negotiator(tx, ctx, &row, &party).await?;
    let now = tx.now().await?;
    row.state()?.at(now).negotiating()?;
    let open: Vec<Negotiation> = store::negotiations(tx.conn(), &row, &party)
        .await?
        .into_iter()
        .filter(|negotiation| negotiation.status == NegotiationStatus::Open)
        .collect();
    let idlest = open.iter().min_by_key(|negotiation| negotiation.last_activity_at);
    let idlest = idlest.ok_or_else(|| refuse(Code::IllegalTransition))?;
    let until = idle_until(tx.conn(), &row, idlest, now).await?;
    if now < until {
        return Err(Refusal::new(Code::NegotiationStillActive).with_limit(until.to_rfc3339()).into());
    }
    let told = requests::Row { status_reason: Some(reason.to_owned()), ..row.clone() };
    let everyone = Party::Office(requests::Sight { agency: row.agency_id, units: Vec::new() });
    let mut notices = Vec::new();
    for negotiation in store::negotiations(tx.conn(), &row, &everyone).await? {
        if negotiation.status == NegotiationStatus::Open {
            store::close_negotiation(tx, negotiation.id, None, now).await?;
        }
        // The reason is between the office and the vendor whose negotiation it was.
        let concerned = open.iter().any(|own| own.id == negotiation.id);
        let about = if concerned { &told } else { &row };
        notices.push(requests::to_vendor("negotiation_failed", about, negotiation.vendor_id, None));
    }
    notices.push(Notice {
        template: "negotiation_failed".into(),
        audience: Audience::Membership(row.officer_id.0),
        arguments: json!({ "title": row.title, "reason": reason }),
    });
    requests::fail_negotiation(tx, ctx, row, reason, notices).await
}

/// From when on either side may end a negotiation.
pub async fn idle_until(
    conn: &mut Conn,
    row: &requests::Row,
    negotiation: &Negotiation,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Error> {
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let days = policies_of(conn, row, now).await?.count("clock.negotiation_idle_days")?;
    let calendar = policies::calendar(conn).await?;
    Ok(calendar.working_days_after(negotiation.last_activity_at, days, zone).at)
}

async fn policies_of(
    conn: &mut Conn,
    row: &requests::Row,
    now: DateTime<Utc>,
) -> Result<policies::Policies, Error> {
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    policies::at(conn, zone.date_of(now), Some(row.agency_id)).await
}

/// For the office negotiates the officer in charge or a deputy, and nobody of the vendors' own people.
async fn require_negotiator(tx: &mut Tx, ctx: &Ctx, row: &requests::Row, party: &Party) -> Result<(), Error> {
    if party.side() == Side::Vendor {
        return Ok(());
    }
    requests::require_officer(ctx, row)?;
    let vendors: Vec<VendorId> =
        requests::lines(tx.conn(), row.id).await?.iter().map(|line| line.vendor_id).collect();
    if requests::any_member_of(tx.conn(), ctx.actor()?.user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    requests::note_hand(tx, ctx, row.id).await
}

fn chosen(found: &[Negotiation], vendor: Option<VendorId>) -> Result<&Negotiation, Error> {
    match (found, vendor) {
        ([only], None) => Ok(only),
        (_, None) => Err(Refusal::rules(vec![Fault::at("#/vendor_id", Code::Required)]).into()),
        (found, Some(vendor)) => found
            .iter()
            .find(|negotiation| negotiation.vendor_id == vendor)
            .ok_or_else(|| Refusal::rules(vec![Fault::at("#/vendor_id", Code::UnknownReference)]).into()),
    }
}

async fn to_other_side(
    conn: &mut Conn,
    template: &str,
    row: &requests::Row,
    party: &Party,
    vendor: VendorId,
    round: &Round,
) -> Result<Notice, Error> {
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let due = zone.printed(round.expires_at);
    let mut notice = match party.side() {
        Side::Office => requests::to_vendor(template, row, vendor, Some(due)),
        Side::Vendor => Notice {
            template: template.into(),
            audience: Audience::Membership(row.officer_id.0),
            arguments: json!({ "title": row.title, "organisation_id": vendor, "due": due }),
        },
    };
    notice.arguments["number"] = json!(round.number);
    Ok(notice)
}
