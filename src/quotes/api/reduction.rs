//! Asking whoever leads for a lower price.
use super::super::commands::{self, Granted, ReducedPrice};
use super::super::store;
use super::quote::{QuoteView, office_quote, own_quote_view};
use crate::kernel::{Amount, Error, QuoteId, act};
use crate::platform::http::{Api, Call, Json, NoQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/quotes/{id}/actions/ask-reduction", ask_reduction)
        .post("/api/v1/quotes/{id}/actions/answer-reduction", answer_reduction);
}

/// A lower price that was asked for, and what came of it.
#[derive(Serialize, ToSchema)]
pub struct ReductionView {
    number: i32,
    reason: String,
    asked_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    /// What was granted in the place of what was quoted; none: nothing, or not yet.
    lines: Vec<ReducedPrice>,
    shipping_fee: Option<Amount>,
    note: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl ReductionView {
    pub fn new(row: &store::Reduction) -> Result<Self, Error> {
        let granted: Option<Granted> = row
            .granted
            .clone()
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::Internal(format!("quote_reductions.granted: {error}")))?;
        let shipping_fee = granted.as_ref().and_then(|granted| granted.shipping_fee);
        Ok(Self {
            number: row.number,
            reason: row.reason.clone(),
            asked_at: row.asked_at,
            due_at: row.due_at,
            lines: granted.map(|granted| granted.lines).unwrap_or_default(),
            shipping_fee,
            note: row.note.clone(),
            answered_at: row.answered_at,
        })
    }
}

/// Why less is asked for.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Hanya satu penawaran yang sah; harga pasar lebih rendah" }))]
struct AskReduction {
    #[schema(min_length = 5, max_length = 1000, pattern = "\\S")]
    reason: String,
}

async fn ask_reduction(
    call: Call<act::AskReduction, (QuoteId,), NoQuery, Json<AskReduction>>,
) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let (_, quote) = commands::ask_reduction(tx, ctx, call.path.0, call.body.0.reason.trim()).await?;
        let version = quote.version;
        Ok(Reply::versioned(office_quote(tx.conn(), quote).await?, version))
    })
    .await
}

/// Lower prices; without any the quote stays as it is.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "shipping_fee": "0", "note": "Ongkos kirim kami tanggung" }))]
struct AnswerReduction {
    #[serde(default)]
    #[schema(max_items = 100)]
    lines: Vec<ReducedPrice>,
    shipping_fee: Option<Amount>,
    #[schema(max_length = 1000)]
    note: Option<String>,
}

async fn answer_reduction(
    call: Call<act::AnswerReduction, (QuoteId,), NoQuery, Json<AnswerReduction>>,
) -> Sends<Reply<QuoteView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let granted = Granted { lines: input.lines.clone(), shipping_fee: input.shipping_fee };
        let quote = commands::answer_reduction(tx, ctx, call.path.0, &granted, input.note.as_deref()).await?;
        let version = quote.version;
        Ok(Reply::versioned(own_quote_view(tx.conn(), ctx, quote).await?, version))
    })
    .await
}
