//! From desk to desk: withdraw, return, reject, cancel, renew, reassign.
use super::super::commands;
use super::super::model::Duty;
use super::view::{RequestView, view};
use crate::kernel::{MembershipId, RequestId, act};
use crate::platform::http::{Api, Call, Created, Json, NoBody, NoQuery, Reply, Sends};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/actions/withdraw", withdraw_request)
        .post("/api/v1/requests/{id}/actions/return", return_request)
        .post("/api/v1/requests/{id}/actions/reject", reject_request)
        .post("/api/v1/requests/{id}/actions/cancel", cancel_request)
        .post("/api/v1/requests/{id}/actions/renew", renew_request)
        .post("/api/v1/requests/{id}/actions/reassign", reassign_request);
}

/// Why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Spesifikasi belum sesuai kebutuhan" }))]
struct RequestReason {
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn withdraw_request(
    call: Call<act::WithdrawRequest, (RequestId,), NoQuery, NoBody>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::withdraw(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

macro_rules! turns_with_reason {
    ($($handler:ident: $act:ident, $command:ident;)+) => {$(
        async fn $handler(call: Call<act::$act, (RequestId,), NoQuery, Json<RequestReason>>) -> Sends<Reply<RequestView>> {
            call.write(async |tx, ctx| {
                let row = commands::$command(tx, ctx, call.path.0, &call.body.0.reason).await?;
                let version = row.version;
                Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
            })
            .await
        }
    )+};
}

turns_with_reason! {
    return_request: ReturnRequest, send_back;
    reject_request: RejectRequest, reject;
    cancel_request: CancelRequest, cancel;
}

async fn renew_request(
    call: Call<act::RenewRequest, (RequestId,), NoQuery, NoBody>,
) -> Sends<Created<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::renew(tx, ctx, call.path.0).await?;
        let (location, version) = (format!("/api/v1/requests/{}", row.id), row.version);
        Ok(Created { view: view(tx.conn(), ctx, &call.app.keys, row).await?, version, location })
    })
    .await
}

/// Who takes over which duty, by which letter.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReassignRequest {
    duty: Duty,
    membership_id: MembershipId,
    #[schema(min_length = 1, max_length = 80, example = "821/017/2026")]
    letter_number: String,
}

async fn reassign_request(
    call: Call<act::ReassignRequest, (RequestId,), NoQuery, Json<ReassignRequest>>,
) -> Sends<Reply<RequestView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let row =
            commands::reassign(tx, ctx, call.path.0, input.duty, input.membership_id, &input.letter_number)
                .await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}
