//! The verbs on requests that issue or replace orders.
use super::super::commands;
use crate::kernel::{OrderId, RequestId, act};
use crate::platform::http::{Api, Call, Created, Json, NoBody, NoQuery, Reply, Sends};
use crate::requests::{RequestView, view};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/actions/submit", submit_request)
        .post("/api/v1/requests/{id}/actions/approve", approve_request)
        .post("/api/v1/requests/{id}/actions/award", award_request)
        .post("/api/v1/requests/{id}/actions/next-rank", next_rank)
        .post("/api/v1/requests/{id}/actions/replace-vendor", replace_vendor);
}

async fn submit_request(
    call: Call<act::SubmitRequest, (RequestId,), NoQuery, NoBody>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::submit(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// What is approved.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }))]
struct ApproveRequest {
    /// The content hash that was read: what is approved is that content and no other.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_hash: String,
}

async fn approve_request(
    call: Call<act::ApproveRequest, (RequestId,), NoQuery, Json<ApproveRequest>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::approve(tx, ctx, call.path.0, &call.body.0.content_hash).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// Which evaluation is awarded, and why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }))]
struct AwardRequest {
    /// The hash of the evaluation that was read: what is awarded is that ranking and no other.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_hash: String,
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

async fn award_request(
    call: Call<act::AwardRequest, (RequestId,), NoQuery, Json<AwardRequest>>,
) -> Sends<Reply<RequestView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let row = commands::award(tx, ctx, call.path.0, &input.content_hash, input.reason.as_deref()).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// The winner's order that fell through.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct NextRank {
    order_id: OrderId,
}

async fn next_rank(
    call: Call<act::NextRank, (RequestId,), NoQuery, Json<NextRank>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::next_rank(tx, ctx, call.path.0, call.body.0.order_id).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// The order that fell through.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplaceVendor {
    order_id: OrderId,
}

async fn replace_vendor(
    call: Call<act::ReplaceVendor, (RequestId,), NoQuery, Json<ReplaceVendor>>,
) -> Sends<Created<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::replace_vendor(tx, ctx, call.path.0, call.body.0.order_id).await?;
        let (location, version) = (format!("/api/v1/requests/{}", row.id), row.version);
        Ok(Created { view: view(tx.conn(), ctx, &call.app.keys, row).await?, version, location })
    })
    .await
}
