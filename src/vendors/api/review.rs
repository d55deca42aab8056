//! Verification and suspension.
use super::super::commands;
use super::super::model::{VendorKind, VendorStatus};
use super::super::store;
use super::view::{VendorView, view};
use crate::kernel::{VendorId, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Json, Listing, NoBody, NoQuery, PageQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/verification-queue", list_verification_queue)
        .post("/api/v1/vendors/{id}/actions/claim", claim_vendor)
        .post("/api/v1/vendors/{id}/actions/request-revision", request_vendor_revision)
        .post("/api/v1/vendors/{id}/actions/verify", verify_vendor)
        .post("/api/v1/vendors/{id}/actions/reject", reject_vendor)
        .post("/api/v1/vendors/{id}/actions/suspend", suspend_vendor)
        .post("/api/v1/vendors/{id}/actions/reinstate", reinstate_vendor);
}

/// A file that waits.
#[derive(Serialize, ToSchema)]
struct QueueItem {
    vendor_id: VendorId,
    name: String,
    kind: VendorKind,
    status: VendorStatus,
    submitted_at: Option<DateTime<Utc>>,
    /// Whole hours since it was handed in.
    age_hours: i64,
    claimed_at: Option<DateTime<Utc>>,
    claimed_by_me: bool,
}

async fn list_verification_queue(
    call: Call<act::ListVerificationQueue, (), PageQuery>,
) -> Sends<Listing<QueueItem>> {
    call.read(async |conn, ctx| {
        let page = call.page::<(DateTime<Utc>, VendorId)>()?;
        let now = db::now(conn, ctx.realm()).await?;
        let me = ctx.actor()?.user;
        let rows = store::queue(conn, ctx.realm(), page.after(), page.fetch()).await?;
        let show = |row: store::Row| QueueItem {
            vendor_id: row.id,
            name: row.name,
            kind: row.kind,
            status: row.status,
            age_hours: row.submitted_at.map_or(0, |since| (now - since).num_hours()),
            submitted_at: row.submitted_at,
            claimed_at: row.claimed_at,
            claimed_by_me: row.claimed_by == Some(me),
        };
        Ok(page.close(rows, |row| (row.submitted_at.unwrap_or_default(), row.id)).map(show))
    })
    .await
}

/// Why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Foto KTP tidak terbaca; unggah ulang" }))]
struct VendorReason {
    /// As the vendor will read it.
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

/// Why, and until when.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Tiga pesanan tidak dikirim" }))]
struct SuspendVendor {
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
    /// Its end; open when left out.
    until: Option<DateTime<Utc>>,
}

async fn claim_vendor(
    call: Call<act::ClaimVendor, (VendorId,), NoQuery, NoBody>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::claim(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn verify_vendor(
    call: Call<act::VerifyVendor, (VendorId,), NoQuery, NoBody>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::verify(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn request_vendor_revision(
    call: Call<act::RequestVendorRevision, (VendorId,), NoQuery, Json<VendorReason>>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::request_revision(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn reject_vendor(
    call: Call<act::RejectVendor, (VendorId,), NoQuery, Json<VendorReason>>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::reject(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn suspend_vendor(
    call: Call<act::SuspendVendor, (VendorId,), NoQuery, Json<SuspendVendor>>,
) -> Sends<Reply<VendorView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let row = commands::suspend(tx, ctx, call.path.0, &input.reason, input.until).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn reinstate_vendor(
    call: Call<act::ReinstateVendor, (VendorId,), NoQuery, NoBody>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::reinstate(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}
