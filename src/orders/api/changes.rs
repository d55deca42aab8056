//! Changes that a vendor proposes.
use super::super::commands::{self, NewChange};
use super::super::model::{ChangeStatus, PriceChange};
use super::super::store::{self, ChangeRow};
use crate::kernel::{ChangeId, Error, OrderId, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoBody, NoQuery, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/orders/{id}/actions/propose-change", propose_order_change)
        .get("/api/v1/orders/{id}/changes", list_order_changes)
        .post("/api/v1/orders/{id}/changes/{change_id}/actions/accept", accept_order_change)
        .post("/api/v1/orders/{id}/changes/{change_id}/actions/reject", reject_order_change);
}

/// Another day, an equal or better brand, lower prices: at least one of them.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "brand": "Merek setara", "reason": "Merek semula tidak diproduksi lagi" }))]
struct ProposeOrderChange {
    needed_on: Option<NaiveDate>,
    #[serde(default)]
    #[schema(max_items = 100)]
    unit_prices: Vec<PriceChange>,
    #[schema(min_length = 1, max_length = 100)]
    brand: Option<String>,
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
struct ChangeView {
    id: ChangeId,
    order_id: OrderId,
    status: ChangeStatus,
    proposed_at: DateTime<Utc>,
    needed_on: Option<NaiveDate>,
    unit_prices: Vec<PriceChange>,
    brand: Option<String>,
    reason: String,
    decided_at: Option<DateTime<Utc>>,
    decision_reason: Option<String>,
    version: i32,
}

fn change_view(row: ChangeRow) -> Result<ChangeView, Error> {
    Ok(ChangeView {
        unit_prices: row.prices()?,
        id: row.id,
        order_id: row.order_id,
        status: row.status,
        proposed_at: row.proposed_at,
        needed_on: row.needed_on,
        brand: row.brand,
        reason: row.reason,
        decided_at: row.decided_at,
        decision_reason: row.decision_reason,
        version: row.version,
    })
}

async fn propose_order_change(
    call: Call<act::ProposeOrderChange, (OrderId,), NoQuery, Json<ProposeOrderChange>>,
) -> Sends<Created<ChangeView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let change = NewChange {
            needed_on: input.needed_on,
            unit_prices: &input.unit_prices,
            brand: input.brand.as_deref(),
            reason: &input.reason,
        };
        let (_, row) = commands::propose_change(tx, ctx, call.path.0, &change).await?;
        let (location, version) = (format!("/api/v1/orders/{}/changes", call.path.0), row.version);
        Ok(Created { view: change_view(row)?, version, location })
    })
    .await
}

async fn list_order_changes(call: Call<act::ListOrderChanges, (OrderId,)>) -> Sends<Listing<ChangeView>> {
    call.read(async |conn, ctx| {
        let order = store::find(conn, &commands::sight(ctx)?, call.path.0).await?;
        let rows = store::changes(conn, order.id).await?;
        Ok(Listing::whole(rows.into_iter().map(change_view).collect::<Result<_, _>>()?))
    })
    .await
}

async fn accept_order_change(
    call: Call<act::AcceptOrderChange, (OrderId, ChangeId), NoQuery, NoBody>,
) -> Sends<Reply<ChangeView>> {
    call.write(async |tx, ctx| {
        let (_, row) = commands::accept_change(tx, ctx, call.path.0, call.path.1).await?;
        let version = row.version;
        Ok(Reply::versioned(change_view(row)?, version))
    })
    .await
}

/// Why not.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Tanggal kegiatan tidak dapat diundur" }))]
struct RejectOrderChange {
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn reject_order_change(
    call: Call<act::RejectOrderChange, (OrderId, ChangeId), NoQuery, Json<RejectOrderChange>>,
) -> Sends<Reply<ChangeView>> {
    call.write(async |tx, ctx| {
        let (_, row) =
            commands::reject_change(tx, ctx, call.path.0, call.path.1, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(change_view(row)?, version))
    })
    .await
}
