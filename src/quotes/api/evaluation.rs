//! The evaluation: every input and step, to be recomputed by whoever reads it.
use super::super::commands::{self, Score};
use super::super::ranking::{EvaluationInput, Ranking, rank};
use super::super::sealed::{DisqualificationCode, QuoteStatus};
use super::super::store::{self, Party};
use super::quote::{CureView, QuoteView, office_quote, own_quote_view};
use crate::kernel::{Code, Ctx, Error, LineId, MembershipId, QuoteId, RequestId, act, refuse};
use crate::platform::db::{self, Conn};
use crate::platform::http::{Api, Call, Json, NoQuery, Reply, Sends};
use crate::requests::{self, RequestStatus};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/requests/{id}/evaluation", get_evaluation)
        .post("/api/v1/requests/{id}/evaluation", complete_evaluation)
        .put("/api/v1/requests/{id}/score-sheet", score_quotes)
        .post("/api/v1/quotes/{id}/actions/disqualify", disqualify_quote)
        .post("/api/v1/quotes/{id}/actions/verify", verify_quote)
        .post("/api/v1/quotes/{id}/actions/ask-cure", ask_cure)
        .post("/api/v1/quotes/{id}/actions/cure", cure_quote);
}

/// An evaluation. `lokapasar verify evaluation` recomputes `ranking` from `input` alone.
#[derive(Serialize, ToSchema)]
struct EvaluationView {
    request_id: RequestId,
    status: RequestStatus,
    /// Whether this is the completed evaluation or the ranking as it would come out now.
    complete: bool,
    number: Option<i32>,
    /// SHA-256 over input and ranking; an award names it.
    content_hash: Option<String>,
    input: EvaluationInput,
    ranking: Ranking,
    /// Whoever leads each line.
    leaders: Vec<LeaderView>,
    /// How many handed in scores of their own.
    score_sheets: usize,
    /// The caller's own scores.
    own_scores: Option<Vec<Score>>,
    /// All sheets, once the scores are agreed.
    agreed_from: Vec<SheetView>,
    reason: Option<String>,
    quotes: Vec<ComparedQuote>,
    completed_at: Option<DateTime<Utc>>,
    awarded_at: Option<DateTime<Utc>>,
    awarded_by_membership_id: Option<MembershipId>,
    award_reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct LeaderView {
    line_id: LineId,
    quote_id: QuoteId,
}

#[derive(Serialize, ToSchema)]
struct SheetView {
    membership_id: MembershipId,
    scores: Vec<Score>,
    handed_in_at: DateTime<Utc>,
}

/// What became of a quote since the opening.
#[derive(Serialize, ToSchema)]
struct ComparedQuote {
    quote_id: QuoteId,
    vendor_name: String,
    status: QuoteStatus,
    disqualified_code: Option<DisqualificationCode>,
    reason: Option<String>,
    verified_at: Option<DateTime<Utc>>,
    passed_over_at: Option<DateTime<Utc>>,
    /// Its vendor does business under another classification (KBLI) than the lines ask for; a warning only.
    kbli_mismatch: bool,
    cures: Vec<CureView>,
}

async fn get_evaluation(call: Call<act::GetEvaluation, (RequestId,)>) -> Sends<Reply<EvaluationView>> {
    call.read(async |conn, ctx| {
        let row = readable(conn, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(conn, ctx, &row).await?, version))
    })
    .await
}

/// The office reads it from the opening on; those who quoted, while an award by it stands.
async fn readable(conn: &mut Conn, ctx: &Ctx, id: RequestId) -> Result<requests::Row, Error> {
    let party = commands::party(ctx)?;
    match &party {
        Party::Office(_) => {
            let row = store::find_request(conn, &party, id).await?;
            let quotation = requests::quotation_of(conn, id).await.map_err(commands::hidden)?;
            quotation.opened_at.map(|_| row).ok_or_else(|| refuse(Code::IllegalTransition))
        }
        Party::Vendor(vendor) => {
            let own = store::quote_of(conn, id, *vendor).await?;
            own.filter(|own| own.submission.is_some()).ok_or_else(|| refuse(Code::NotFound))?;
            let row = requests::by_id(conn, id).await?;
            let stands = requests::quotation_of(conn, id).await?.evaluated_at.is_some();
            match store::evaluation(conn, id).await? {
                Some(evaluation) if stands && evaluation.awarded_at.is_some() => Ok(row),
                _ => Err(refuse(Code::IllegalTransition)),
            }
        }
    }
}

async fn view(conn: &mut Conn, ctx: &Ctx, row: &requests::Row) -> Result<EvaluationView, Error> {
    let quotation = requests::quotation_of(conn, row.id).await?;
    let now = db::now(conn, row.realm).await?;
    let kept = store::evaluation(conn, row.id).await?;
    let complete = kept.as_ref().filter(|_| quotation.evaluated_at.is_some());
    let (input, ranking) = match complete {
        Some(kept) => commands::parsed(kept)?,
        None => {
            // As it would come out now; scores that are not agreed are nobody's to see.
            let input = commands::input(conn, row, &quotation, &[]).await?;
            let ranking = rank(&input);
            (input, ranking)
        }
    };
    let leaders: BTreeMap<LineId, QuoteId> = match complete {
        Some(kept) => commands::leading(kept)?,
        None => BTreeMap::new(),
    };
    let sheets = store::sheets(conn, row.id).await?;
    let scores = |value: &serde_json::Value| serde_json::from_value::<Vec<Score>>(value.clone()).ok();
    let own = ctx.actor()?.user;
    let own_scores = sheets.iter().find(|sheet| sheet.user_id == own).and_then(|sheet| scores(&sheet.scores));
    let is_office = matches!(commands::party(ctx)?, Party::Office(_));
    let agreed_from = match complete {
        Some(_) if is_office => sheets
            .iter()
            .map(|sheet| SheetView {
                membership_id: sheet.membership_id,
                scores: scores(&sheet.scores).unwrap_or_default(),
                handed_in_at: sheet.handed_in_at,
            })
            .collect(),
        _ => Vec::new(),
    };
    Ok(EvaluationView {
        request_id: row.id,
        status: row.state()?.at(now).status(),
        complete: complete.is_some(),
        number: complete.map(|kept| kept.number),
        content_hash: complete.map(|kept| hex::encode(&kept.content_hash)),
        leaders: leaders.into_iter().map(|(line_id, quote_id)| LeaderView { line_id, quote_id }).collect(),
        score_sheets: sheets.len(),
        own_scores,
        agreed_from,
        reason: complete.and_then(|kept| kept.reason.clone()),
        quotes: compared(conn, row).await?,
        completed_at: complete.map(|kept| kept.completed_at),
        awarded_at: complete.and_then(|kept| kept.awarded_at),
        awarded_by_membership_id: complete.and_then(|kept| kept.awarded_by_membership_id),
        award_reason: complete.and_then(|kept| kept.award_reason.clone()),
        input,
        ranking,
    })
}

async fn compared(conn: &mut Conn, row: &requests::Row) -> Result<Vec<ComparedQuote>, Error> {
    let quotes = store::handed_in(conn, row.id).await?;
    let ids: Vec<QuoteId> = quotes.iter().map(|quote| quote.id).collect();
    let cures = store::cures(conn, &ids).await?;
    let mismatched = store::kbli_mismatches(conn, row.id).await?;
    let mut views = Vec::with_capacity(quotes.len());
    for quote in quotes {
        let vendor = crate::kernel::OrganisationId(quote.vendor_id.0);
        views.push(ComparedQuote {
            quote_id: quote.id,
            vendor_name: crate::accounts::organisation_name(conn, vendor).await?,
            status: quote.status,
            disqualified_code: quote.disqualified_code,
            reason: quote.status_reason,
            verified_at: quote.verified_at,
            passed_over_at: quote.passed_over_at,
            kbli_mismatch: mismatched.contains(&quote.vendor_id),
            cures: cures.iter().filter(|of| of.quote_id == quote.id).map(CureView::from).collect(),
        });
    }
    Ok(views)
}

/// One's own scores: every quote in the field by every criterion.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "scores": [{ "quote_id": "0198c0de-0000-7000-8000-000000000000", "criterion": "workmanship", "score": "85" }] }))]
struct ScoreQuotes {
    #[schema(min_items = 1, max_items = 2000)]
    scores: Vec<Score>,
}

async fn score_quotes(
    call: Call<act::ScoreQuotes, (RequestId,), NoQuery, Json<ScoreQuotes>>,
) -> Sends<Reply<EvaluationView>> {
    call.write(async |tx, ctx| {
        commands::score(tx, ctx, call.path.0, &call.body.0.scores).await?;
        let row = requests::by_id(tx.conn(), call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &row).await?, version))
    })
    .await
}

/// The scores that the evaluators agreed on, and why; without any the one sheet that there is counts.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Harga terendah yang memenuhi syarat" }))]
struct CompleteEvaluation {
    #[schema(max_items = 2000)]
    scores: Option<Vec<Score>>,
    #[schema(min_length = 5, max_length = 2000)]
    reason: Option<String>,
}

async fn complete_evaluation(
    call: Call<act::CompleteEvaluation, (RequestId,), NoQuery, Json<CompleteEvaluation>>,
) -> Sends<Reply<EvaluationView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        commands::complete(tx, ctx, call.path.0, input.scores.as_deref(), input.reason.as_deref()).await?;
        let row = requests::by_id(tx.conn(), call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &row).await?, version))
    })
    .await
}

/// Why a quote is out.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "technical", "reason": "Tinta tidak tahan air seperti yang diminta" }))]
struct DisqualifyQuote {
    code: DisqualificationCode,
    #[schema(min_length = 5, max_length = 1000, pattern = "\\S")]
    reason: String,
}

async fn disqualify_quote(
    call: Call<act::DisqualifyQuote, (QuoteId,), NoQuery, Json<DisqualifyQuote>>,
) -> Sends<Reply<QuoteView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let (_, quote) = commands::disqualify(tx, ctx, call.path.0, input.code, input.reason.trim()).await?;
        let version = quote.version;
        Ok(Reply::versioned(office_quote(tx.conn(), quote).await?, version))
    })
    .await
}

/// What was looked at.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "note": "Contoh barang diperiksa, alamat toko benar, harga wajar" }))]
struct VerifyQuote {
    #[schema(min_length = 5, max_length = 1000, pattern = "\\S")]
    note: String,
}

async fn verify_quote(
    call: Call<act::VerifyQuote, (QuoteId,), NoQuery, Json<VerifyQuote>>,
) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let (_, quote) = commands::verify(tx, ctx, call.path.0, call.body.0.note.trim()).await?;
        let version = quote.version;
        Ok(Reply::versioned(office_quote(tx.conn(), quote).await?, version))
    })
    .await
}

/// The formal fault.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "fault": "Masa berlaku penawaran belum disebut" }))]
struct AskCure {
    #[schema(min_length = 5, max_length = 1000, pattern = "\\S")]
    fault: String,
}

async fn ask_cure(call: Call<act::AskCure, (QuoteId,), NoQuery, Json<AskCure>>) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let (_, quote) = commands::ask_cure(tx, ctx, call.path.0, call.body.0.fault.trim()).await?;
        let version = quote.version;
        Ok(Reply::versioned(office_quote(tx.conn(), quote).await?, version))
    })
    .await
}

/// How it is mended.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "answer": "Penawaran berlaku sampai 30 hari kalender" }))]
struct CureQuote {
    #[schema(min_length = 2, max_length = 2000, pattern = "\\S")]
    answer: String,
}

async fn cure_quote(
    call: Call<act::CureQuote, (QuoteId,), NoQuery, Json<CureQuote>>,
) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let quote = commands::cure(tx, ctx, call.path.0, call.body.0.answer.trim()).await?;
        let version = quote.version;
        Ok(Reply::versioned(own_quote_view(tx.conn(), ctx, quote).await?, version))
    })
    .await
}
