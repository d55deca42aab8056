//! From draft to shelf and back.
use super::super::commands;
use super::view::{ProductView, view};
use crate::kernel::{ProductId, act};
use crate::platform::http::{Api, Call, Json, NoBody, NoQuery, Reply, Sends};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/products/{id}/actions/submit", submit_product)
        .post("/api/v1/products/{id}/actions/approve", approve_product)
        .post("/api/v1/products/{id}/actions/request-revision", request_product_revision)
        .post("/api/v1/products/{id}/actions/reject", reject_product)
        .post("/api/v1/products/{id}/actions/publish", publish_product)
        .post("/api/v1/products/{id}/actions/unpublish", unpublish_product)
        .post("/api/v1/products/{id}/actions/freeze", freeze_product)
        .post("/api/v1/products/{id}/actions/unfreeze", unfreeze_product);
}

/// Why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Foto tidak menunjukkan barangnya" }))]
struct ProductReason {
    /// As the vendor will read it.
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

macro_rules! turns {
    ($($handler:ident: $act:ident, $command:ident;)+) => {$(
        async fn $handler(call: Call<act::$act, (ProductId,), NoQuery, NoBody>) -> Sends<Reply<ProductView>> {
            call.write(async |tx, ctx| {
                let row = commands::$command(tx, ctx, call.path.0).await?;
                let version = row.version;
                Ok(Reply::versioned(view(tx.conn(), ctx, row).await?, version))
            })
            .await
        }
    )+};
}

macro_rules! turns_with_reason {
    ($($handler:ident: $act:ident, $command:ident;)+) => {$(
        async fn $handler(call: Call<act::$act, (ProductId,), NoQuery, Json<ProductReason>>) -> Sends<Reply<ProductView>> {
            call.write(async |tx, ctx| {
                let row = commands::$command(tx, ctx, call.path.0, &call.body.0.reason).await?;
                let version = row.version;
                Ok(Reply::versioned(view(tx.conn(), ctx, row).await?, version))
            })
            .await
        }
    )+};
}

turns! {
    submit_product: SubmitProduct, submit;
    approve_product: ApproveProduct, approve;
    publish_product: PublishProduct, publish;
    unpublish_product: UnpublishProduct, unpublish;
    unfreeze_product: UnfreezeProduct, unfreeze;
}

turns_with_reason! {
    request_product_revision: RequestProductRevision, request_revision;
    reject_product: RejectProduct, reject;
    freeze_product: FreezeProduct, freeze;
}
