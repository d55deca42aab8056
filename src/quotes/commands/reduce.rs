//! Negotiating with whoever leads (Perpres 16/2018 Pasal 38: one valid quote is negotiated): it may lower
//! what it quoted for the lines that it leads while it leads them, never raise it, so the order of ranks can
//! only be confirmed by it.
//!
//! Locks: the request, then the vendor's own quote.
use super::super::ranking;
use super::super::sealed::{QuoteStatus, SealedQuote};
use super::super::store::{self, Quote, Reduction};
use super::evaluate::{desk_of_quote, leading, parsed};
use super::{own_vendor, record};
use crate::kernel::{Amount, Code, Ctx, Error, Fault, LineId, QuoteId, Refusal, RequestId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::sealing::sha256;
use crate::platform::trail::{Audience, Notice, canonical};
use crate::requests::{self, State};
use crate::{accounts, policies};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

/// A lower price for a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReducedPrice {
    pub line_id: LineId,
    /// Rupiah, on the basis on which the line was quoted.
    pub unit_price: Amount,
}

/// What a vendor granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    pub lines: Vec<ReducedPrice>,
    pub shipping_fee: Option<Amount>,
}

/// What the opened quotes of a request say, with what their vendors granted since; and the facts of the
/// opening. What could not be read is left out.
pub async fn standing_quotes(
    conn: &mut Conn,
    request: RequestId,
) -> Result<HashMap<QuoteId, (SealedQuote, Value)>, Error> {
    let mut quotes = HashMap::new();
    for found in store::opened(conn, request).await? {
        if let Some(content) = found.quote()? {
            quotes.insert(found.quote_id, (content, found.facts));
        }
    }
    for reduction in store::reductions(conn, request).await? {
        let (Some(granted), Some((content, _))) = (&reduction.granted, quotes.get_mut(&reduction.quote_id))
        else {
            continue;
        };
        let granted: Granted = serde_json::from_value(granted.clone())
            .map_err(|error| Error::Internal(format!("quote_reductions.granted: {error}")))?;
        content.shipping_fee = granted.shipping_fee.unwrap_or(content.shipping_fee);
        for line in &mut content.lines {
            if let Some(lower) = granted.lines.iter().find(|lower| lower.line_id == line.line_id) {
                line.unit_price = lower.unit_price;
            }
        }
    }
    Ok(quotes)
}

/// Asks whoever leads for a lower price, with the reason.
///
/// # Errors
/// `negotiation_not_allowed` by policy, `evaluation_missing`, `not_first_ranked`; `illegal_transition` while
/// one is asked for already.
pub async fn ask_reduction(
    tx: &mut Tx,
    ctx: &Ctx,
    id: QuoteId,
    reason: &str,
) -> Result<(requests::Row, Quote), Error> {
    let (desk, quote) = desk_of_quote(tx, ctx, id).await?;
    let zone = accounts::time_zone_of(tx.conn(), desk.row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(desk.now), Some(desk.row.agency_id)).await?;
    if !policies.flag("evaluation.negotiation_allowed")? {
        return Err(refuse(Code::NegotiationNotAllowed));
    }
    let evaluation = store::evaluation(tx.conn(), desk.row.id).await?;
    let evaluation = evaluation.filter(|_| desk.quotation.evaluated_at.is_some());
    let (input, ranking) = parsed(&evaluation.ok_or_else(|| refuse(Code::EvaluationMissing))?)?;
    if !ranking::leaders(&input, &ranking).values().any(|leader| *leader == id) {
        return Err(refuse(Code::NotFirstRanked));
    }
    let calendar = policies::calendar(tx.conn()).await?;
    let due = calendar.working_days_after(desk.now, policies.count("clock.negotiation_days")?, zone).at;
    let before = store::reductions(tx.conn(), desk.row.id).await?;
    let reduction = Reduction {
        id: new_id(),
        quote_id: id,
        request_id: desk.row.id,
        number: before
            .iter()
            .filter(|before| before.quote_id == id)
            .map(|before| before.number)
            .max()
            .unwrap_or(0)
            + 1,
        reason: reason.to_owned(),
        asked_at: desk.now,
        asked_by_membership_id: ctx.member()?.id,
        due_at: due,
        granted: None,
        note: None,
        answered_at: None,
    };
    // One that nobody answered in its time is over.
    for lapsed in before.iter().filter(|before| before.quote_id == id && before.answered_at.is_none()) {
        if lapsed.is_open(desk.now) {
            return Err(refuse(Code::IllegalTransition));
        }
        store::answer_reduction(tx, lapsed.id, None, None, lapsed.due_at).await?;
    }
    store::insert_reduction(tx, &reduction).await?;
    let row = requests::touch(tx, desk.row).await?;
    let told = requests::Row { status_reason: Some(reason.to_owned()), ..row.clone() };
    let notice =
        requests::to_vendor("quote_reduction_asked", &told, quote.vendor_id, Some(zone.printed(due)));
    let after = json!({ "id": id, "request_id": row.id, "reason": reason, "due_at": due });
    record(tx, ctx, "quote.reduction_asked", &told, after, Some(id), vec![notice]).await?;
    Ok((row, quote))
}

/// The vendor lowers what it quoted, or keeps it: without any price it keeps it. What was lowered is ranked
/// anew.
///
/// # Errors
/// `expired` once the time has passed, `not_first_ranked` when it leads no more; `price_not_lower` for a price
/// above the one that stands, `value_not_allowed` for a line that it does not lead, and for the delivery fee
/// unless it leads everything.
pub async fn answer_reduction(
    tx: &mut Tx,
    ctx: &Ctx,
    id: QuoteId,
    granted: &Granted,
    note: Option<&str>,
) -> Result<Quote, Error> {
    let vendor = own_vendor(ctx)?;
    let request = store::own_quote(tx.conn(), vendor, id).await?.request_id;
    let row = store::lock_published(tx, request).await?;
    let quote = store::lock_own_quote(tx, vendor, id).await?;
    ctx.expect_version(quote.version)?;
    let asked = store::reductions(tx.conn(), request).await?;
    let asked = asked.into_iter().find(|asked| asked.quote_id == id && asked.answered_at.is_none());
    let asked = asked.ok_or_else(|| refuse(Code::IllegalTransition))?;
    let now = tx.now().await?;
    if !asked.is_open(now) {
        return Err(refuse(Code::Expired));
    }
    if row.state()?.at(now) != State::Evaluating || quote.status != QuoteStatus::Opened {
        return Err(refuse(Code::IllegalTransition));
    }
    let quotation = requests::quotation_of(tx.conn(), request).await?;
    let evaluation =
        store::evaluation(tx.conn(), request).await?.filter(|_| quotation.evaluated_at.is_some());
    let leading = leading(&evaluation.ok_or_else(|| refuse(Code::EvaluationMissing))?)?;
    let led: HashSet<LineId> =
        leading.iter().filter(|(_, leader)| **leader == id).map(|(line, _)| *line).collect();
    if led.is_empty() || quote.passed_over_at.is_some() {
        return Err(refuse(Code::NotFirstRanked));
    }
    let standing = standing_quotes(tx.conn(), request).await?;
    let (content, _) = standing.get(&id).ok_or_else(|| refuse(Code::IllegalTransition))?;
    let faults = faults(content, &led, leading.len(), granted);
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let kept = !lowers(content, granted);
    store::answer_reduction(tx, asked.id, (!kept).then(|| json!(granted)), note, now).await?;
    if !kept {
        requests::save_quotation(tx, &requests::QuotationRow { evaluated_at: None, ..quotation }).await?;
    }
    let row = requests::touch(tx, row).await?;
    let saved = store::save_quote(tx, quote).await?;
    let officer = Notice {
        template: if kept { "quote_reduction_refused" } else { "quote_reduced" }.into(),
        audience: Audience::Membership(row.officer_id.0),
        arguments: json!({ "title": row.title, "reason": note, "organisation_id": vendor }),
    };
    // What was granted is a price: the trail holds its digest alone.
    let digest = hex::encode(sha256(canonical(&json!(granted)).as_bytes()));
    let after =
        json!({ "id": id, "request_id": request, "number": asked.number, "kept": kept, "sha256": digest });
    record(tx, ctx, "quote.reduction_answered", &row, after, Some(id), vec![officer]).await?;
    Ok(saved)
}

/// Whether anything is less than what stands.
fn lowers(content: &SealedQuote, granted: &Granted) -> bool {
    let less = |lower: &ReducedPrice| {
        content.lines.iter().any(|line| line.line_id == lower.line_id && lower.unit_price < line.unit_price)
    };
    granted.lines.iter().any(less) || granted.shipping_fee.is_some_and(|fee| fee < content.shipping_fee)
}

/// A fee is spread over all lines of a quote, so whoever leads some alone would change the others' ranks by it.
fn faults(content: &SealedQuote, led: &HashSet<LineId>, lines_led: usize, granted: &Granted) -> Vec<Fault> {
    let mut faults = Vec::new();
    if granted.shipping_fee.is_some() && led.len() < lines_led.max(content.lines.len()) {
        faults.push(Fault::at("#/shipping_fee", Code::ValueNotAllowed));
    }
    for (place, lower) in granted.lines.iter().enumerate() {
        match content.lines.iter().find(|line| line.line_id == lower.line_id) {
            None => faults.push(Fault::at(format!("#/lines/{place}/line_id"), Code::UnknownReference)),
            Some(_) if !led.contains(&lower.line_id) => {
                faults.push(Fault::at(format!("#/lines/{place}/line_id"), Code::ValueNotAllowed));
            }
            Some(line) if lower.unit_price > line.unit_price || lower.unit_price == Amount::ZERO => faults
                .push(
                    Fault::at(format!("#/lines/{place}/unit_price"), Code::PriceNotLower)
                        .with_limit(line.unit_price),
                ),
            Some(_) if granted.lines[..place].iter().any(|before| before.line_id == lower.line_id) => {
                faults.push(Fault::at(format!("#/lines/{place}/line_id"), Code::DuplicateItem));
            }
            Some(_) => {}
        }
    }
    if granted.shipping_fee.is_some_and(|fee| fee > content.shipping_fee) {
        faults.push(Fault::at("#/shipping_fee", Code::PriceNotLower).with_limit(content.shipping_fee));
    }
    faults
}
