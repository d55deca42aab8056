//! Objections to an award.
use super::super::commands;
use super::super::store::{self, Objection, Party};
use crate::kernel::{Code, ObjectionId, QuoteId, RequestId, act, refuse};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/objections", file_objection)
        .get("/api/v1/requests/{id}/objections", list_objections)
        .post("/api/v1/requests/{id}/objections/{objection_id}/actions/decide", decide_objection);
}

#[derive(Serialize, ToSchema)]
struct ObjectionView {
    id: ObjectionId,
    request_id: RequestId,
    quote_id: QuoteId,
    text: String,
    filed_at: DateTime<Utc>,
    /// None: not decided yet.
    upheld: Option<bool>,
    decision: Option<String>,
    decided_at: Option<DateTime<Utc>>,
}

impl From<Objection> for ObjectionView {
    fn from(row: Objection) -> Self {
        Self {
            id: row.id,
            request_id: row.request_id,
            quote_id: row.quote_id,
            text: row.text,
            filed_at: row.filed_at,
            upheld: row.upheld,
            decision: row.decision,
            decided_at: row.decided_at,
        }
    }
}

/// What is wrong with the award.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "Barang pemenang tidak sesuai spesifikasi baris pertama" }))]
struct FileObjection {
    #[schema(min_length = 10, max_length = 4000, pattern = "\\S")]
    text: String,
}

async fn file_objection(
    call: Call<act::FileObjection, (RequestId,), NoQuery, Json<FileObjection>>,
) -> Sends<Created<ObjectionView>> {
    call.write(async |tx, ctx| {
        let objection = commands::object(tx, ctx, call.path.0, call.body.0.text.trim()).await?;
        let location = format!("/api/v1/requests/{}/objections", objection.request_id);
        Ok(Created { view: objection.into(), version: 1, location })
    })
    .await
}

async fn list_objections(call: Call<act::ListObjections, (RequestId,)>) -> Sends<Listing<ObjectionView>> {
    call.read(async |conn, ctx| {
        let party = commands::party(ctx)?;
        // The office reads all of them, a vendor its own.
        let own = match &party {
            Party::Office(_) => {
                store::find_request(conn, &party, call.path.0).await?;
                None
            }
            Party::Vendor(vendor) => {
                let own = store::quote_of(conn, call.path.0, *vendor).await?;
                Some(own.ok_or_else(|| refuse(Code::NotFound))?.id)
            }
        };
        let found = store::objections(conn, call.path.0).await?;
        let seen = found.into_iter().filter(|objection| own.is_none_or(|own| own == objection.quote_id));
        Ok(Listing::whole(seen.map(ObjectionView::from).collect()))
    })
    .await
}

/// Whether it is upheld, and why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "upheld": false, "decision": "Contoh barang sudah diperiksa dan sesuai" }))]
struct DecideObjection {
    upheld: bool,
    #[schema(min_length = 5, max_length = 2000, pattern = "\\S")]
    decision: String,
}

async fn decide_objection(
    call: Call<act::DecideObjection, (RequestId, ObjectionId), NoQuery, Json<DecideObjection>>,
) -> Sends<Reply<ObjectionView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let decision = input.decision.trim();
        let objection =
            commands::decide_objection(tx, ctx, call.path.0, call.path.1, input.upheld, decision).await?;
        Ok(Reply::new(objection.into()))
    })
    .await
}
