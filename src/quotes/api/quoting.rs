//! The office's side while quotes are asked for, and the vendors' questions.
use super::super::commands::{self, NewAddendum};
use super::super::store::{self, Question};
use crate::kernel::{QuestionId, RequestId, VendorId, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoBody, NoQuery, Reply, Sends};
use crate::requests::{RequestView, view};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/actions/open", open_request)
        .post("/api/v1/requests/{id}/actions/fail", fail_request)
        .post("/api/v1/requests/{id}/invitations", invite_vendors)
        .post("/api/v1/requests/{id}/addenda", issue_addendum)
        .post("/api/v1/requests/{id}/questions", ask_question)
        .get("/api/v1/requests/{id}/questions", list_questions)
        .post("/api/v1/requests/{id}/questions/{question_id}/actions/answer", answer_question);
}

async fn open_request(
    call: Call<act::OpenRequest, (RequestId,), NoQuery, NoBody>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let row = commands::open_for_quotes(tx, ctx, keys, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, keys, row).await?, version))
    })
    .await
}

/// Why no vendor was found.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Semua penawaran melebihi pagu" }))]
struct FailRequest {
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn fail_request(
    call: Call<act::FailRequest, (RequestId,), NoQuery, Json<FailRequest>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::fail(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// Whom to invite.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteVendors {
    #[schema(min_items = 1, max_items = 50)]
    vendor_ids: Vec<VendorId>,
}

async fn invite_vendors(
    call: Call<act::InviteVendors, (RequestId,), NoQuery, Json<InviteVendors>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::invite(tx, ctx, call.path.0, &call.body.0.vendor_ids).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// What changes; the deadline stays unless a later one is given.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "Warna tutup pulpen boleh hitam atau biru" }))]
struct IssueAddendum {
    #[schema(min_length = 5, max_length = 2000, pattern = "\\S")]
    text: String,
    quote_deadline: Option<DateTime<Utc>>,
}

async fn issue_addendum(
    call: Call<act::IssueAddendum, (RequestId,), NoQuery, Json<IssueAddendum>>,
) -> Sends<Reply<RequestView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let addendum =
            NewAddendum { text: input.text.trim().to_owned(), quote_deadline: input.quote_deadline };
        let row = commands::issue_addendum(tx, ctx, keys, call.path.0, &addendum).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, keys, row).await?, version))
    })
    .await
}

/// A question and its answer; who asked is told to nobody.
#[derive(Serialize, ToSchema)]
pub struct QuestionView {
    id: QuestionId,
    question: String,
    asked_at: DateTime<Utc>,
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl From<Question> for QuestionView {
    fn from(row: Question) -> Self {
        Self {
            id: row.id,
            question: row.question,
            asked_at: row.asked_at,
            answer: row.answer,
            answered_at: row.answered_at,
        }
    }
}

/// A question; do not name yourself in it.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "question": "Apakah merek setara diterima?" }))]
struct AskQuestion {
    #[schema(min_length = 5, max_length = 1000, pattern = "\\S")]
    question: String,
}

async fn ask_question(
    call: Call<act::AskQuestion, (RequestId,), NoQuery, Json<AskQuestion>>,
) -> Sends<Created<QuestionView>> {
    call.write(async |tx, ctx| {
        let (row, question) =
            commands::ask_question(tx, ctx, call.path.0, call.body.0.question.trim()).await?;
        let location = format!("/public/v1/quotations/{}", row.id);
        Ok(Created { view: question.into(), version: 1, location })
    })
    .await
}

async fn list_questions(call: Call<act::ListQuestions, (RequestId,)>) -> Sends<Listing<QuestionView>> {
    call.read(async |conn, ctx| {
        let party = commands::party(ctx)?;
        let row = store::find_request(conn, &party, call.path.0).await?;
        let found = store::questions(conn, row.id).await?;
        Ok(Listing::whole(found.into_iter().map(QuestionView::from).collect()))
    })
    .await
}

/// The answer, for everybody to read.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "answer": "Ya, merek setara dengan mutu yang sama diterima" }))]
struct AnswerQuestion {
    #[schema(min_length = 2, max_length = 2000, pattern = "\\S")]
    answer: String,
}

async fn answer_question(
    call: Call<act::AnswerQuestion, (RequestId, QuestionId), NoQuery, Json<AnswerQuestion>>,
) -> Sends<Reply<QuestionView>> {
    call.write(async |tx, ctx| {
        let answer = call.body.0.answer.trim();
        let question = commands::answer_question(tx, ctx, call.path.0, call.path.1, answer).await?;
        Ok(Reply::new(question.into()))
    })
    .await
}
