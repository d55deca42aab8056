//! Awarding: the ranking becomes lines of the request, from which orders come like from any other.
//!
//! Locks: the request, the package's duties, goods, then money.
use super::super::ranking::QuoteResult;
use super::super::sealed::{OfferedLine, QuoteStatus};
use super::super::store::{self, Evaluation, Objection, Quote};
use super::evaluate::{leading, parsed};
use super::quoting::to_officer;
use super::reduce::standing_quotes;
use super::{own_vendor, record};
use crate::kernel::{
    Amount, Code, Ctx, Error, LineId, ObjectionId, QuoteId, Refusal, RequestId, Role, VendorId, refuse,
};
use crate::packages::{self, BudgetMode};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::Notice;
use crate::requests::{self, Duty, LineRow, SlotRow, State};
use crate::taxes::Totals;
use crate::{accounts, catalog, policies, vendors};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Awards to whoever leads. Answers the request, and whether its orders may go out at once.
///
/// # Errors
/// `content_changed` when another evaluation was meant, `verification_missing` while a leader was not
/// looked at, `negotiation_under_way` while one may still lower its price, `nothing_to_award`; `out_of_stock` or `capacity_exceeded` when a winner's goods are gone; the
/// limits and budgets that a direct purchase has; forbidden pairs.
pub async fn award(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    content_hash: &str,
    reason: Option<&str>,
) -> Result<(requests::Row, bool), Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let now = tx.now().await?;
    if row.state()?.at(now) != State::Evaluating {
        return Err(refuse(Code::IllegalTransition));
    }
    let quotation = requests::quotation_of(tx.conn(), id).await?;
    let evaluation = store::evaluation(tx.conn(), id).await?;
    let evaluation = evaluation.filter(|_| quotation.evaluated_at.is_some());
    let evaluation = evaluation.ok_or_else(|| refuse(Code::EvaluationMissing))?;
    if hex::encode(&evaluation.content_hash) != content_hash {
        return Err(refuse(Code::ContentChanged));
    }
    let quotes = store::handed_in(tx.conn(), id).await?;
    require_awarder(tx, ctx, &row, &quotes, now).await?;
    let leaders = leading(&evaluation)?;
    let by_id: HashMap<QuoteId, &Quote> = quotes.iter().map(|quote| (quote.id, quote)).collect();
    let winners: BTreeSet<QuoteId> = leaders.values().copied().collect();
    if winners.is_empty() {
        return Err(refuse(Code::NothingToAward));
    }
    if winners.iter().any(|winner| by_id.get(winner).is_none_or(|quote| quote.verified_at.is_none())) {
        return Err(refuse(Code::VerificationMissing));
    }
    let asked = store::reductions(tx.conn(), id).await?;
    if asked.iter().any(|asked| winners.contains(&asked.quote_id) && asked.is_open(now)) {
        return Err(refuse(Code::NegotiationUnderWay));
    }
    let totals = write_lines(tx, &row, &evaluation, &leaders, &by_id).await?;
    let standing = requests::standing_orders(tx.conn(), id).await?;
    let before = requests::totals_of(&standing);
    let objections_until = hold_money(tx, &row, before, totals, now).await?;
    store::mark_awarded(tx, evaluation.id, ctx.member()?.id, reason, now).await?;
    let at_once = objections_until <= now;
    let next = requests::Row {
        goods_total: before.goods + totals.goods,
        shipping_fee: before.shipping + totals.shipping,
        vat_total: before.vat + totals.vat,
        gross_total: before.gross + totals.gross,
        submitted_at: Some(now),
        ..row.clone()
    };
    let saved = requests::settle(tx, next, row.state()?.award(objections_until)?).await?;
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let due = zone.printed(objections_until);
    let mut notices = Vec::new();
    for quote in quotes.into_iter().filter(|quote| quote.status == QuoteStatus::Opened) {
        // An order of an earlier award stands: its vendor has won and lost nothing.
        let stands = standing.iter().any(|order| order.vendor_id == quote.vendor_id);
        if stands && !winners.contains(&quote.id) {
            store::save_quote(tx, Quote { status: QuoteStatus::Awarded, ..quote }).await?;
            continue;
        }
        notices.push(conclude(tx, &saved, quote, &winners, &evaluation, &due).await?);
    }
    // Orders that go out at once tell the officer themselves.
    if !at_once {
        notices.push(to_officer("quotation_decided", &saved));
    }
    requests::record(tx, ctx, "request.awarded", Some(&row), &saved, notices).await?;
    Ok((saved, at_once))
}

/// Who may award: the commitment officer who is named, or any of the unit; nobody who bought, nor any of
/// the vendors' people.
async fn require_awarder(
    tx: &mut Tx,
    ctx: &Ctx,
    row: &requests::Row,
    quotes: &[Quote],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (actor, member) = (ctx.actor()?, ctx.member()?);
    if row.commitment_officer_id.is_some_and(|named| !member.stands_for(named)) {
        return Err(refuse(Code::OfficerNotSuitable));
    }
    requests::lock_duties(tx, row.package_id).await?;
    let (package, buys) = (row.package_id, Duty::ProcurementOfficer);
    if requests::buys(tx.conn(), row.id, actor.user).await?
        || requests::has_duty_on_package(tx.conn(), package, row.id, actor.user, buys, now).await?
    {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    let vendors: Vec<VendorId> = quotes.iter().map(|quote| quote.vendor_id).collect();
    if requests::any_member_of(tx.conn(), actor.user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    Ok(())
}

/// Makes lines of the request out of what leads, at the quoted prices.
async fn write_lines(
    tx: &mut Tx,
    row: &requests::Row,
    evaluation: &Evaluation,
    leaders: &BTreeMap<LineId, QuoteId>,
    quotes: &HashMap<QuoteId, &Quote>,
) -> Result<Totals, Error> {
    let (_, ranking) = parsed(evaluation)?;
    let asked = requests::asked_lines(tx.conn(), row.id).await?;
    let ids: Vec<LineId> = asked.iter().map(|line| line.id).collect();
    let asked_slots = requests::asked_slots(tx.conn(), &ids).await?;
    let first = i32::try_from(requests::lines(tx.conn(), row.id).await?.len()).unwrap_or_default();
    let opened = standing_quotes(tx.conn(), row.id).await?;
    let damaged = || Error::Internal("an evaluation does not fit its quotes".into());
    let (mut lines, mut slots) = (Vec::new(), Vec::new());
    let mut fees: BTreeMap<VendorId, (Amount, Amount)> = BTreeMap::new();
    let mut totals = Totals::default();
    for line in asked {
        let Some(leader) = leaders.get(&line.id) else { continue };
        let vendor = quotes.get(leader).ok_or_else(damaged)?.vendor_id;
        let (content, _) = opened.get(leader).ok_or_else(damaged)?;
        let offered = content.lines.iter().find(|offered| offered.line_id == line.id).ok_or_else(damaged)?;
        let result = ranking.quotes.iter().find(|result| result.quote_id == *leader).ok_or_else(damaged)?;
        let amounts = result.lines.iter().find(|result| result.line_id == line.id).ok_or_else(damaged)?;
        let fee = fees.entry(vendor).or_default();
        *fee = (fee.0 + amounts.shipping_share, fee.1 + amounts.shipping_vat_share);
        totals = Totals {
            goods: totals.goods + amounts.goods_amount,
            shipping: totals.shipping + amounts.shipping_share,
            vat: totals.vat + amounts.vat_amount + amounts.shipping_vat_share,
            gross: totals.gross + amounts.gross_amount,
        };
        let id: LineId = new_id();
        slots.extend(asked_slots.iter().filter(|slot| slot.line_id == line.id).map(|slot| SlotRow {
            id: new_id::<uuid::Uuid>(),
            line_id: id,
            ..slot.clone()
        }));
        lines.push(LineRow {
            id,
            realm: row.realm,
            request_id: row.id,
            position: first + i32::try_from(lines.len()).unwrap_or_default(),
            product_id: offered.offered.product_id,
            vendor_id: vendor,
            quantity: line.quantity,
            product_version: Some(offered.offered.version),
            unit_price: Some(offered.unit_price),
            goods_amount: Some(amounts.goods_amount),
            vat_amount: Some(amounts.vat_amount),
            snapshot: Some(picture(&line, offered, *leader, content.lead_time_days)),
        });
    }
    requests::insert_awarded_lines(tx, &lines, &slots).await?;
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    requests::reserve_goods(tx, row, &lines, &slots, zone.end_of(row.needed_on)).await?;
    let fees: Vec<_> = fees.into_iter().map(|(vendor, (fee, vat))| (vendor, fee, vat)).collect();
    requests::freeze_shipping(tx, row.id, &fees).await?;
    Ok(totals)
}

/// The picture of what was quoted, that the order keeps.
fn picture(
    asked: &requests::AskedLine,
    offered: &OfferedLine,
    quote: QuoteId,
    lead_time_days: i32,
) -> serde_json::Value {
    let product = &offered.offered;
    json!({ "name": product.name, "unit": asked.unit, "brand": product.brand, "category_code": product.category_code,
        "kbki_code": product.kbki_code, "tax_class": product.tax_class, "price_basis": offered.price_basis,
        "unit_price": offered.unit_price, "product_version": product.version, "asked_line_id": asked.id,
        "asked_name": asked.name, "asked_attributes": asked.attributes, "quote_id": quote, "lead_time_days": lead_time_days })
}

/// Judges the total, with what orders of earlier awards hold, as a direct purchase would be, and reserves it
/// in the place of the estimate. Answers until when those not chosen may object: now, where the value is small.
async fn hold_money(
    tx: &mut Tx,
    row: &requests::Row,
    ordered: Totals,
    totals: Totals,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Error> {
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(now), Some(row.agency_id)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    let limit = policies.amount(&format!("limit.direct.{}", row.procurement_kind))?;
    let with_vat = policies.flag("limit.includes_vat")?;
    let judged = |part: Totals| if with_vat { part.gross } else { part.goods + part.shipping };
    let compared = judged(ordered) + judged(totals);
    if compared > limit {
        return Err(Refusal::new(Code::MethodLimitExceeded).with_limit(limit).into());
    }
    let line = row.budget_line_id.filter(|_| row.budget_mode == Some(BudgetMode::Enforced));
    packages::release_request(tx, row.id, now).await?;
    let until = zone.end_of(row.needed_on);
    packages::reserve(tx, row.id, row.package_id, line, totals.gross, until, now).await?;
    // The package's row is locked now: what a racing request took is seen.
    let before = requests::on_package(tx.conn(), row.package_id, row.id, with_vat, now).await?;
    if before > Amount::ZERO && before + compared > limit {
        return Err(Refusal::new(Code::SplitForbidden).with_limit(limit).into());
    }
    let due = calendar.working_days_after(now, policies.count("clock.objection_days")?, zone).at;
    let whole = ordered.gross + totals.gross;
    Ok(if whole >= policies.amount("objection.from")? { due } else { now })
}

/// Marks a quote as chosen or not, and tells its vendor.
async fn conclude(
    tx: &mut Tx,
    row: &requests::Row,
    quote: Quote,
    winners: &BTreeSet<QuoteId>,
    evaluation: &Evaluation,
    due: &str,
) -> Result<Notice, Error> {
    let won = winners.contains(&quote.id);
    let reason = if won { None } else { Some(why_not(evaluation, quote.id)?) };
    let status = if won { QuoteStatus::Awarded } else { QuoteStatus::NotAwarded };
    let (vendor, next) = (quote.vendor_id, Quote { status, status_reason: reason.clone(), ..quote });
    store::save_quote(tx, next).await?;
    let told = requests::Row { status_reason: reason, ..row.clone() };
    let template = if won { "quotation_awarded" } else { "quotation_lost" };
    Ok(requests::to_vendor(template, &told, vendor, Some(due.to_owned())))
}

/// What a vendor that was not chosen is told.
fn why_not(evaluation: &Evaluation, quote: QuoteId) -> Result<String, Error> {
    let (_, ranking) = parsed(evaluation)?;
    let excluded = |result: &&QuoteResult| result.quote_id == quote && result.excluded.is_some();
    if let Some(result) = ranking.quotes.iter().find(excluded) {
        let word = match result.excluded.as_deref() {
            Some("incomplete") => "penawaran tidak mencakup semua baris (incomplete)",
            Some("below_ladder") => "kalah urutan produk dalam negeri (below the domestic ladder)",
            _ => "tidak ikut diperingkat (not ranked)",
        };
        return Ok(word.to_owned());
    }
    let lists = std::iter::once(&ranking.whole).chain(ranking.lines.iter().map(|line| &line.ranked));
    let best = lists.flatten().filter(|ranked| ranked.quote_id == quote).map(|ranked| ranked.rank).min();
    Ok(best.map_or_else(
        || "tidak ikut diperingkat (not ranked)".to_owned(),
        |rank| format!("peringkat {rank} (rank {rank})"),
    ))
}

/// A vendor that was not chosen objects, while there is time.
///
/// # Errors
/// `expired` once the time has passed.
pub async fn object(tx: &mut Tx, ctx: &Ctx, id: RequestId, text: &str) -> Result<Objection, Error> {
    let vendor = own_vendor(ctx)?;
    let row = store::hold_published(tx, id).await?;
    // Read once the request is held: an award that commits meanwhile changes it.
    let own = store::quote_of(tx.conn(), id, vendor).await?;
    let own = own.filter(|own| own.submission.is_some()).ok_or_else(|| refuse(Code::NotFound))?;
    let now = tx.now().await?;
    match row.state()?.at(now) {
        State::Awarded { objections_until } if now < objections_until => {}
        State::Awarded { .. } => return Err(refuse(Code::Expired)),
        _ => return Err(refuse(Code::IllegalTransition)),
    }
    if own.status == QuoteStatus::Awarded {
        return Err(refuse(Code::IllegalTransition));
    }
    let evaluation = store::evaluation(tx.conn(), id).await?;
    let evaluation = evaluation.ok_or_else(|| Error::Internal("an award without an evaluation".into()))?;
    let objection = Objection {
        id: new_id(),
        request_id: id,
        quote_id: own.id,
        evaluation_id: evaluation.id,
        text: text.to_owned(),
        filed_at: now,
        upheld: None,
        decision: None,
        decided_at: None,
        decided_by_membership_id: None,
    };
    store::insert_objection(tx, &objection).await?;
    let told = requests::Row { status_reason: Some(text.to_owned()), ..row.clone() };
    let role = Role::CommitmentOfficer.as_str();
    let mut officer = to_officer("objection_filed", &told);
    officer.arguments["organisation_id"] = json!(vendor);
    let audience = requests::deciders(row.commitment_officer_id, row.agency_id, row.unit_id, role);
    let notices = vec![Notice { audience, ..officer.clone() }, officer];
    let after = json!({ "request_id": id, "objection_id": objection.id, "quote_id": own.id, "text": text });
    record(tx, ctx, "request.objection_filed", &row, after, None, notices).await?;
    Ok(objection)
}

/// Decides an objection. Upheld, the award is void and the quotes are compared anew.
pub async fn decide_objection(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    objection: ObjectionId,
    upheld: bool,
    decision: &str,
) -> Result<Objection, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    let quotes = store::handed_in(tx.conn(), id).await?;
    let now = tx.now().await?;
    let filed = store::objection(tx.conn(), id, objection).await?;
    require_awarder(tx, ctx, &row, &quotes, now).await?;
    let evaluation = store::evaluation(tx.conn(), id).await?;
    let current = evaluation.is_some_and(|evaluation| evaluation.id == filed.evaluation_id);
    if filed.decided_at.is_some() || !current || !matches!(row.state()?, State::Awarded { .. }) {
        return Err(refuse(Code::IllegalTransition));
    }
    requests::note_hand(tx, ctx, id).await?;
    store::decide_objection(tx, objection, upheld, decision, ctx.member()?.id, now).await?;
    let vendor = quotes.iter().find(|quote| quote.id == filed.quote_id).map(|quote| quote.vendor_id);
    let told = requests::Row { status_reason: Some(decision.to_owned()), ..row.clone() };
    let mut notices: Vec<Notice> = vendor
        .map(|vendor| requests::to_vendor("objection_decided", &told, vendor, None))
        .into_iter()
        .collect();
    let to_office = if upheld { "award_voided" } else { "objection_dismissed" };
    notices.push(to_officer(to_office, &told));
    let after =
        json!({ "request_id": id, "objection_id": objection, "upheld": upheld, "decision": decision });
    record(tx, ctx, "request.objection_decided", &told, after, None, notices).await?;
    if upheld {
        take_back(tx, ctx, row, &quotes, now, Vec::new()).await?;
    } else {
        requests::touch(tx, row).await?;
    }
    store::objection(tx.conn(), id, objection).await
}

/// Takes an award back whose orders cannot go out although nobody can object any more, because a winner may
/// not trade, its goods are gone, or the day of need is too near. Winners who may not trade are passed over.
pub async fn take_back_due(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<(), Error> {
    let now = tx.now().await?;
    if !store::hold_due_award(tx, id, now).await? {
        return Ok(());
    }
    let row = requests::by_id(tx.conn(), id).await?;
    let mut quotes = store::handed_in(tx.conn(), id).await?;
    let won = |quote: &Quote| quote.status == QuoteStatus::Awarded;
    let winners: Vec<VendorId> =
        quotes.iter().filter(|quote| won(quote)).map(|quote| quote.vendor_id).collect();
    let trading = vendors::trading(tx.conn(), row.realm, &winners, now).await?;
    let open: BTreeSet<VendorId> =
        trading.iter().filter(|vendor| vendor.open).map(|vendor| vendor.id).collect();
    for quote in quotes.iter_mut().filter(|quote| won(quote)) {
        if !open.contains(&quote.vendor_id) {
            *quote = store::save_quote(tx, Quote { passed_over_at: Some(now), ..quote.clone() }).await?;
        }
    }
    let notices = vec![to_officer("award_taken_back", &row)];
    take_back(tx, ctx, row, &quotes, now, notices).await
}

/// Makes an award void whose orders have not gone out: its lines go, its goods and money are free, the
/// quotes lie open again.
async fn take_back(
    tx: &mut Tx,
    ctx: &Ctx,
    row: requests::Row,
    quotes: &[Quote],
    now: DateTime<Utc>,
    notices: Vec<Notice>,
) -> Result<(), Error> {
    catalog::release_request(tx, row.id, now).await?;
    packages::release_request(tx, row.id, now).await?;
    requests::drop_unordered_lines(tx, row.id).await?;
    reopen(tx, ctx, row, quotes, "request.award_voided", notices).await.map(drop)
}

/// Lets the quotes be compared again.
async fn reopen(
    tx: &mut Tx,
    ctx: &Ctx,
    row: requests::Row,
    quotes: &[Quote],
    kind: &str,
    notices: Vec<Notice>,
) -> Result<requests::Row, Error> {
    for quote in quotes {
        if matches!(quote.status, QuoteStatus::Awarded | QuoteStatus::NotAwarded) {
            let next = Quote {
                status: QuoteStatus::Opened,
                status_reason: None,
                verified_at: None,
                ..quote.clone()
            };
            store::save_quote(tx, next).await?;
        }
    }
    let quotation = requests::quotation_of(tx.conn(), row.id).await?;
    requests::save_quotation(tx, &requests::QuotationRow { evaluated_at: None, ..quotation }).await?;
    let ordered = requests::totals_of(&requests::standing_orders(tx.conn(), row.id).await?);
    let next = requests::Row {
        goods_total: ordered.goods,
        shipping_fee: ordered.shipping,
        vat_total: ordered.vat,
        gross_total: ordered.gross,
        ..row.clone()
    };
    let saved = requests::settle(tx, next, State::Evaluating).await?;
    requests::record(tx, ctx, kind, Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Passes over a winner whose order fell through: the next rank is compared for the lines that it had. The
/// caller has made sure that the order is of this locked request, and in whose charge it is.
pub async fn pass_over(
    tx: &mut Tx,
    ctx: &Ctx,
    row: requests::Row,
    vendor: VendorId,
) -> Result<requests::Row, Error> {
    let mut quotes = store::handed_in(tx.conn(), row.id).await?;
    let now = tx.now().await?;
    for quote in quotes.iter_mut().filter(|quote| quote.vendor_id == vendor) {
        *quote = store::save_quote(tx, Quote { passed_over_at: Some(now), ..quote.clone() }).await?;
    }
    let notices = vec![to_officer("award_next_rank", &row)];
    reopen(tx, ctx, row, &quotes, "request.winner_passed_over", notices).await
}
