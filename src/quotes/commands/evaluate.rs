//! Comparing opened quotes: score, agree, disqualify, cure, verify.
use super::super::ranking::{
    self, CriterionWeight, EvaluationInput, FORMULA, Ladder, LineInput, PriceInput, QuoteInput, Ranking,
    Weights,
};
use super::super::sealed::{DisqualificationCode, QuoteStatus, SealedQuote};
use super::super::store::{self, Cure, Evaluation, Opened, Quote, ScoreSheet};
use super::{own_vendor, record};
use crate::kernel::{
    Amount, Code, Ctx, Error, Fault, LineId, ProcurementKind, QuoteId, Refusal, RequestId, Role, refuse,
};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::sealing::sha256;
use crate::platform::trail::{Audience, Notice, canonical};
use crate::requests::{self, Duty, EvaluationMethod, State};
use crate::taxes::VatRates;
use crate::{accounts, policies};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use utoipa::ToSchema;

/// A score of a quote by one criterion, from 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub quote_id: QuoteId,
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "workmanship")]
    pub criterion: String,
    #[schema(value_type = String, pattern = "^(100(\\.0{1,2})?|[1-9]?[0-9](\\.[0-9]{1,2})?)$", example = "85")]
    pub score: Decimal,
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

/// The request of an evaluation, locked, with what is known of it.
struct Desk {
    row: requests::Row,
    quotation: requests::QuotationRow,
    quotes: Vec<Quote>,
    now: DateTime<Utc>,
}

/// The desk of whoever evaluates: a procurement officer of the unit who belongs to none of the vendors.
async fn desk(tx: &mut Tx, ctx: &Ctx, id: RequestId, in_charge: bool) -> Result<Desk, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    if in_charge {
        requests::require_officer(ctx, &row)?;
    }
    let now = tx.now().await?;
    if row.state()?.at(now) != State::Evaluating {
        return Err(refuse(Code::IllegalTransition));
    }
    let quotes = store::handed_in(tx.conn(), id).await?;
    let vendors: Vec<_> = quotes.iter().map(|quote| quote.vendor_id).collect();
    let user = ctx.actor()?.user;
    if requests::any_member_of(tx.conn(), user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    if requests::had_hand(tx.conn(), id, Duty::CommitmentOfficer, user).await? {
        return Err(refuse(Code::PairProcurementCommitment));
    }
    requests::note_hand(tx, ctx, id).await?;
    let quotation = requests::quotation_of(tx.conn(), id).await?;
    Ok(Desk { row, quotation, quotes, now })
}

/// Everything that the ranking depends on, as it stands: the quotes that were opened, whoever is out
/// named so, by the rates and shares of the day of the opening. Lines that an order holds already are
/// not compared again, nor is a delivery fee that one bears.
pub async fn input(
    conn: &mut Conn,
    row: &requests::Row,
    quotation: &requests::QuotationRow,
    scores: &[Score],
) -> Result<EvaluationInput, Error> {
    let opened_at = quotation.opened_at.ok_or_else(|| refuse(Code::IllegalTransition))?;
    let zone = accounts::time_zone_of(conn, row.agency_id).await?;
    let policies = policies::at(conn, zone.date_of(opened_at), Some(row.agency_id)).await?;
    let ladder = row.procurement_kind == ProcurementKind::Goods && policies.flag("domestic.ladder")?;
    let standing = requests::standing_orders(conn, row.id).await?;
    let ordered: HashSet<_> = standing.iter().flat_map(|order| &order.asked_line_ids).copied().collect();
    let asked = requests::asked_lines(conn, row.id).await?;
    let open: Vec<_> = asked.into_iter().filter(|line| !ordered.contains(&line.id)).collect();
    let opened: HashMap<QuoteId, Opened> =
        store::opened(conn, row.id).await?.into_iter().map(|opened| (opened.quote_id, opened)).collect();
    let mut quotes = Vec::new();
    for quote in store::handed_in(conn, row.id).await? {
        let compared =
            [QuoteStatus::Opened, QuoteStatus::Disqualified, QuoteStatus::Awarded, QuoteStatus::NotAwarded];
        let Some(found) = opened.get(&quote.id).filter(|_| compared.contains(&quote.status)) else {
            continue;
        };
        let Some(content) = found.quote()? else { continue };
        let own = standing.iter().filter(|order| order.vendor_id == quote.vendor_id);
        let charged: Amount = own.map(|order| order.shipping_fee).sum();
        // A quote's fee is charged once, whatever number of orders its lines end up in.
        let fee = Amount((content.shipping_fee.0 - charged.0).max(Decimal::ZERO));
        quotes.push(QuoteInput {
            shipping_fee: fee,
            ..quote_input(&quote, &content, &found.facts, &open, scores)
        });
    }
    #[derive(Deserialize)]
    struct Shares {
        price: Decimal,
        quality: Decimal,
    }
    let shares: Shares = policies.json("evaluation.weights")?;
    let criterion =
        |criterion: requests::Criterion| CriterionWeight { code: criterion.code, weight: criterion.weight };
    Ok(EvaluationInput {
        formula: FORMULA.into(),
        request_id: row.id,
        award: quotation.award,
        evaluation: quotation.evaluation,
        weights: Weights { price: shares.price, quality: shares.quality },
        criteria: quotation.criteria()?.into_iter().map(criterion).collect(),
        vat: VatRates::of(&policies)?.into(),
        ladder: match ladder {
            true => Some(Ladder {
                combined_minimum: policies.ratio("domestic.combined_minimum")?.0,
                local_content_minimum: policies.ratio("domestic.local_content_minimum")?.0,
            }),
            false => None,
        },
        lines: open.iter().map(|line| LineInput { line_id: line.id, quantity: line.quantity }).collect(),
        quotes,
    })
}

fn quote_input(
    quote: &Quote,
    content: &SealedQuote,
    facts: &Value,
    open: &[requests::AskedLine],
    scores: &[Score],
) -> QuoteInput {
    let price = |line: &super::super::sealed::OfferedLine| PriceInput {
        line_id: line.line_id,
        unit_price: line.unit_price,
        price_basis: line.price_basis,
        tax_class: line.offered.tax_class,
        origin: line.offered.origin.clone(),
        tkdn_percent: line.offered.tkdn_percent,
        bmp_percent: line.offered.bmp_percent,
    };
    let is_open =
        |line: &&super::super::sealed::OfferedLine| open.iter().any(|asked| asked.id == line.line_id);
    let out = quote.disqualified_code.map(|code| code.as_str().to_owned());
    QuoteInput {
        quote_id: quote.id,
        vendor_id: quote.vendor_id,
        submitted_at: quote.submitted_at.unwrap_or_default(),
        vat_registered: facts["vat_registered"].as_bool().unwrap_or_default(),
        size_class: facts["size_class"].as_str().map(ToOwned::to_owned),
        lines: content.lines.iter().filter(is_open).map(price).collect(),
        shipping_fee: content.shipping_fee,
        scores: scores
            .iter()
            .filter(|score| score.quote_id == quote.id)
            .map(|score| (score.criterion.clone(), score.score))
            .collect::<BTreeMap<_, _>>(),
        disqualified: out.or_else(|| quote.passed_over_at.map(|_| "declined".to_owned())),
    }
}

/// Hands in or replaces one's own scores; nobody else sees them until all are agreed.
pub async fn score(tx: &mut Tx, ctx: &Ctx, id: RequestId, scores: &[Score]) -> Result<ScoreSheet, Error> {
    let desk = desk(tx, ctx, id, false).await?;
    ctx.expect_version(desk.row.version)?;
    if desk.quotation.evaluation != EvaluationMethod::Weighted || desk.quotation.evaluated_at.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    let faults = score_faults(&desk, scores)?;
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let sheet = ScoreSheet {
        request_id: id,
        user_id: ctx.actor()?.user,
        membership_id: ctx.member()?.id,
        scores: json!(scores),
        handed_in_at: desk.now,
    };
    store::save_sheet(tx, &sheet).await?;
    let after = json!({ "request_id": id, "membership_id": sheet.membership_id });
    record(tx, ctx, "request.scores_handed_in", &desk.row, after, None, Vec::new()).await?;
    Ok(sheet)
}

/// Every quote in the field has one score for each criterion.
fn score_faults(desk: &Desk, scores: &[Score]) -> Result<Vec<Fault>, Error> {
    let criteria: HashSet<String> =
        desk.quotation.criteria()?.into_iter().map(|criterion| criterion.code).collect();
    let field: HashSet<QuoteId> = desk
        .quotes
        .iter()
        .filter(|quote| quote.status == QuoteStatus::Opened)
        .map(|quote| quote.id)
        .collect();
    let mut faults = Vec::new();
    let mut named = HashSet::new();
    for (place, score) in scores.iter().enumerate() {
        let at = |member: &str| format!("#/scores/{place}/{member}");
        if !field.contains(&score.quote_id) {
            faults.push(Fault::at(at("quote_id"), Code::UnknownReference));
        }
        if !criteria.contains(&score.criterion) {
            faults.push(Fault::at(at("criterion"), Code::UnknownReference));
        } else if !named.insert((score.quote_id, score.criterion.clone())) {
            faults.push(Fault::at(at("criterion"), Code::DuplicateItem));
        }
        if score.score < Decimal::ZERO || score.score > Decimal::ONE_HUNDRED {
            faults.push(Fault::at(at("score"), Code::OutOfRange).with_limit("0–100"));
        }
    }
    let complete = field
        .iter()
        .all(|quote| criteria.iter().all(|criterion| named.contains(&(*quote, criterion.clone()))));
    if !complete {
        faults.push(Fault::at("#/scores", Code::Required).with_limit(field.len() * criteria.len()));
    }
    Ok(faults)
}

/// Completes the evaluation: scores are agreed, the ranking is computed and kept with its input.
///
/// # Errors
/// `required` at `#/scores` where several scored apart and nothing is agreed, at `#/reason` where what is
/// agreed differs from what was scored and nobody says why; `cure_under_way` while a vendor may still mend.
pub async fn complete(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    agreed: Option<&[Score]>,
    reason: Option<&str>,
) -> Result<Evaluation, Error> {
    let desk = desk(tx, ctx, id, true).await?;
    ctx.expect_version(desk.row.version)?;
    let field: Vec<QuoteId> = desk
        .quotes
        .iter()
        .filter(|quote| quote.status == QuoteStatus::Opened && quote.passed_over_at.is_none())
        .map(|quote| quote.id)
        .collect();
    let cures = store::cures(tx.conn(), &field).await?;
    if cures.iter().any(|cure| cure.answer.is_none() && cure.due_at > desk.now) {
        return Err(refuse(Code::CureUnderWay));
    }
    let scores = agreed_scores(tx.conn(), &desk, agreed, reason).await?;
    let input = input(tx.conn(), &desk.row, &desk.quotation, &scores).await?;
    let ranking = ranking::rank(&input);
    let before = store::evaluation(tx.conn(), id).await?;
    let evaluation = Evaluation {
        id: new_id(),
        request_id: id,
        number: before.map_or(1, |before| before.number + 1),
        scores: json!(scores),
        reason: reason.map(ToOwned::to_owned),
        content_hash: evaluation_hash(&input, &ranking)?,
        input: json!(input),
        ranking: json!(ranking),
        membership_id: ctx.member()?.id,
        completed_at: desk.now,
        awarded_at: None,
        awarded_by_membership_id: None,
        award_reason: None,
    };
    store::insert_evaluation(tx, &evaluation).await?;
    let next = requests::QuotationRow { evaluated_at: Some(desk.now), ..desk.quotation };
    requests::save_quotation(tx, &next).await?;
    let saved = requests::touch(tx, desk.row).await?;
    let role = Role::CommitmentOfficer.as_str();
    let audience = requests::deciders(saved.commitment_officer_id, saved.agency_id, saved.unit_id, role);
    let arguments = json!({ "title": saved.title, "organisation_id": saved.agency_id });
    let notice = Notice { template: "quotation_evaluated".into(), audience, arguments };
    let after = json!({ "request_id": id, "number": evaluation.number, "content_hash": hex::encode(&evaluation.content_hash) });
    record(tx, ctx, "request.evaluated", &saved, after, None, vec![notice]).await?;
    Ok(evaluation)
}

/// SHA-256 over the canonical JSON of input and ranking: what an award names.
pub fn evaluation_hash(input: &EvaluationInput, ranking: &Ranking) -> Result<Vec<u8>, Error> {
    let content = serde_json::to_value((input, ranking)).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(sha256(canonical(&content).as_bytes()).to_vec())
}

async fn agreed_scores(
    conn: &mut Conn,
    desk: &Desk,
    agreed: Option<&[Score]>,
    reason: Option<&str>,
) -> Result<Vec<Score>, Error> {
    if desk.quotation.evaluation != EvaluationMethod::Weighted {
        return match agreed {
            None => Ok(Vec::new()),
            Some(_) => Err(Refusal::rules(vec![Fault::at("#/scores", Code::ValueNotAllowed)]).into()),
        };
    }
    let sheets = store::sheets(conn, desk.row.id).await?;
    let field: HashSet<QuoteId> = desk
        .quotes
        .iter()
        .filter(|quote| quote.status == QuoteStatus::Opened)
        .map(|quote| quote.id)
        .collect();
    let kept = |value: &Value| -> Result<Vec<Score>, Error> {
        let scores: Vec<Score> = serde_json::from_value(value.clone())
            .map_err(|error| Error::Internal(format!("scores: {error}")))?;
        // Who is out since has no score any more.
        Ok(scores.into_iter().filter(|score| field.contains(&score.quote_id)).collect())
    };
    let before = store::evaluation(conn, desk.row.id).await?;
    // Sheets that came after the last agreement ask for a new one.
    let before = before.filter(|before| sheets.iter().all(|sheet| sheet.handed_in_at <= before.completed_at));
    let scores = match (agreed, before, sheets.as_slice()) {
        (Some(agreed), ..) => agreed.to_vec(),
        (None, Some(before), _) => kept(&before.scores)?,
        (None, None, [only]) => kept(&only.scores)?,
        (None, None, _) => Vec::new(),
    };
    let mut faults = score_faults(desk, &scores)?;
    let differ = match (agreed, sheets.as_slice()) {
        (None, _) | (_, []) => false,
        (Some(agreed), [only]) => !same_scores(agreed, &kept(&only.scores)?),
        (Some(_), _) => true,
    };
    if differ && reason.is_none() {
        faults.push(Fault::at("#/reason", Code::Required));
    }
    if faults.is_empty() { Ok(scores) } else { Err(Refusal::rules(faults).into()) }
}

/// Whether two sheets give the same scores, whatever their order and notes.
fn same_scores(one: &[Score], other: &[Score]) -> bool {
    let by_place = |scores: &[Score]| -> BTreeMap<_, _> {
        scores.iter().map(|score| ((score.quote_id, score.criterion.clone()), score.score)).collect()
    };
    by_place(one) == by_place(other)
}

/// Takes a quote out of the field, with a code and a reason that its vendor reads.
pub async fn disqualify(
    tx: &mut Tx,
    ctx: &Ctx,
    id: QuoteId,
    code: DisqualificationCode,
    reason: &str,
) -> Result<(requests::Row, Quote), Error> {
    let (desk, quote) = desk_of_quote(tx, ctx, id).await?;
    if quote.status != QuoteStatus::Opened {
        return Err(refuse(Code::IllegalTransition));
    }
    if code == DisqualificationCode::NotCured {
        let cures = store::cures(tx.conn(), &[id]).await?;
        match cures.iter().rev().find(|cure| cure.answer.is_none()) {
            Some(cure) if cure.due_at > desk.now => return Err(refuse(Code::CureUnderWay)),
            Some(_) => {}
            None => return Err(Refusal::rules(vec![Fault::at("#/code", Code::ValueNotAllowed)]).into()),
        }
    }
    let next = Quote {
        status: QuoteStatus::Disqualified,
        disqualified_code: Some(code),
        status_reason: Some(reason.to_owned()),
        verified_at: None,
        ..quote
    };
    let saved = store::save_quote(tx, next).await?;
    let row = void_evaluation(tx, desk).await?;
    let told = requests::Row { status_reason: Some(reason.to_owned()), ..row.clone() };
    let notice = requests::to_vendor("quote_disqualified", &told, saved.vendor_id, None);
    let after =
        json!({ "id": id, "request_id": row.id, "status": saved.status, "code": code, "reason": reason });
    record(tx, ctx, "quote.disqualified", &told, after, Some(id), vec![notice]).await?;
    Ok((row, saved))
}

/// Whoever changes the field makes the ranking void until it is completed again.
async fn void_evaluation(tx: &mut Tx, desk: Desk) -> Result<requests::Row, Error> {
    let next = requests::QuotationRow { evaluated_at: None, ..desk.quotation };
    requests::save_quotation(tx, &next).await?;
    requests::touch(tx, desk.row).await
}

/// Confirms that the first-ranked is what it says; the next one is looked at only after it is out.
///
/// # Errors
/// `not_first_ranked`
pub async fn verify(
    tx: &mut Tx,
    ctx: &Ctx,
    id: QuoteId,
    note: &str,
) -> Result<(requests::Row, Quote), Error> {
    let (desk, quote) = desk_of_quote(tx, ctx, id).await?;
    if desk.quotation.evaluated_at.is_none() {
        return Err(refuse(Code::EvaluationMissing));
    }
    let evaluation = store::evaluation(tx.conn(), desk.row.id).await?;
    let evaluation = evaluation.ok_or_else(|| refuse(Code::EvaluationMissing))?;
    let (input, ranking) = parsed(&evaluation)?;
    if !ranking::leaders(&input, &ranking).values().any(|leader| *leader == id) {
        return Err(refuse(Code::NotFirstRanked));
    }
    let saved = store::save_quote(tx, Quote { verified_at: Some(desk.now), ..quote }).await?;
    let row = requests::touch(tx, desk.row).await?;
    let after = json!({ "id": id, "request_id": row.id, "verified_at": saved.verified_at, "note": note });
    record(tx, ctx, "quote.verified", &row, after, Some(id), Vec::new()).await?;
    Ok((row, saved))
}

/// An evaluation's input and ranking, typed.
pub fn parsed(evaluation: &Evaluation) -> Result<(EvaluationInput, Ranking), Error> {
    let damaged = |error: serde_json::Error| Error::Internal(format!("an evaluation: {error}"));
    Ok((
        serde_json::from_value(evaluation.input.clone()).map_err(damaged)?,
        serde_json::from_value(evaluation.ranking.clone()).map_err(damaged)?,
    ))
}

/// Asks a vendor to mend a formal fault; the price stays locked.
pub async fn ask_cure(
    tx: &mut Tx,
    ctx: &Ctx,
    id: QuoteId,
    fault: &str,
) -> Result<(requests::Row, Quote), Error> {
    let (desk, quote) = desk_of_quote(tx, ctx, id).await?;
    if quote.status != QuoteStatus::Opened {
        return Err(refuse(Code::IllegalTransition));
    }
    let zone = accounts::time_zone_of(tx.conn(), desk.row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(desk.now), Some(desk.row.agency_id)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    let due = calendar.working_days_after(desk.now, policies.count("clock.cure_days")?, zone).at;
    let cure = Cure {
        id: new_id(),
        quote_id: id,
        fault: fault.to_owned(),
        asked_at: desk.now,
        asked_by_membership_id: ctx.member()?.id,
        due_at: due,
        answer: None,
        answered_at: None,
    };
    store::insert_cure(tx, &cure).await?;
    let row = requests::touch(tx, desk.row).await?;
    let told = requests::Row { status_reason: Some(fault.to_owned()), ..row.clone() };
    let notice = requests::to_vendor("quote_cure_asked", &told, quote.vendor_id, Some(zone.printed(due)));
    let after = json!({ "id": id, "request_id": row.id, "fault": fault, "due_at": due });
    record(tx, ctx, "quote.cure_asked", &told, after, Some(id), vec![notice]).await?;
    Ok((row, quote))
}

/// The vendor mends it, in words; what was handed in is not touched.
///
/// # Errors
/// `expired` once the time has passed.
pub async fn cure(tx: &mut Tx, ctx: &Ctx, id: QuoteId, answer: &str) -> Result<Quote, Error> {
    let vendor = own_vendor(ctx)?;
    let request = store::own_quote(tx.conn(), vendor, id).await?.request_id;
    let row = store::hold_published(tx, request).await?;
    let quote = store::lock_own_quote(tx, vendor, id).await?;
    ctx.expect_version(quote.version)?;
    let open = store::cures(tx.conn(), &[id]).await?.into_iter().find(|cure| cure.answer.is_none());
    let open = open.ok_or_else(|| refuse(Code::IllegalTransition))?;
    let now = tx.now().await?;
    if open.due_at <= now {
        return Err(refuse(Code::Expired));
    }
    if row.state()?.at(now) != State::Evaluating {
        return Err(refuse(Code::IllegalTransition));
    }
    store::answer_cure(tx, open.id, answer, now).await?;
    let saved = store::save_quote(tx, quote).await?;
    let officer = Notice {
        template: "quote_cured".into(),
        audience: Audience::Membership(row.officer_id.0),
        arguments: json!({ "title": row.title, "reason": answer, "organisation_id": vendor }),
    };
    let after = json!({ "id": id, "request_id": request, "answer": answer });
    record(tx, ctx, "quote.cured", &row, after, Some(id), vec![officer]).await?;
    Ok(saved)
}

/// The desk of a quote's request, and the quote; the office's own alone.
async fn desk_of_quote(tx: &mut Tx, ctx: &Ctx, id: QuoteId) -> Result<(Desk, Quote), Error> {
    let request = store::request_of_quote(tx.conn(), id).await?;
    let desk = desk(tx, ctx, request, true).await?;
    let quote = desk.quotes.iter().find(|quote| quote.id == id).cloned();
    let quote = quote.ok_or_else(|| refuse(Code::NotFound))?;
    ctx.expect_version(quote.version)?;
    Ok((desk, quote))
}

/// Asked lines and the quote that leads each, for those who read the evaluation.
pub fn leading(evaluation: &Evaluation) -> Result<BTreeMap<LineId, QuoteId>, Error> {
    let (input, ranking) = parsed(evaluation)?;
    Ok(ranking::leaders(&input, &ranking))
}
