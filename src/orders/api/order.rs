//! Orders: look up, answer, cancel.
use super::super::model::OrderStatus;
use super::super::{commands, store};
use super::view::{OrderView, view};
use crate::kernel::{OrderId, RequestId, act};
use crate::platform::http::{Api, Call, Json, Listing, NoBody, NoQuery, Reply, Sends};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/orders", list_orders)
        .get("/api/v1/orders/{id}", get_order)
        .post("/api/v1/orders/{id}/actions/accept", accept_order)
        .post("/api/v1/orders/{id}/actions/decline", decline_order)
        .post("/api/v1/orders/{id}/actions/cancel", cancel_order);
}

#[derive(Deserialize, IntoParams)]
struct OrderFilter {
    #[param(inline)]
    status: Option<OrderStatus>,
    #[param(inline)]
    request_id: Option<RequestId>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

async fn list_orders(call: Call<act::ListOrders, (), OrderFilter>) -> Sends<Listing<OrderView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<OrderId>()?;
        let (status, request) = (call.query.status, call.query.request_id);
        let now = crate::platform::db::now(conn, ctx.realm()).await?;
        let rows = store::list(
            conn,
            &commands::sight(ctx)?,
            status,
            now,
            request,
            page.after().copied(),
            page.fetch(),
        )
        .await?;
        let page = page.close(rows, |row| row.id);
        let next = page.next_cursor.clone();
        let mut views = Vec::with_capacity(page.items.len());
        for row in page.items {
            views.push(view(conn, ctx, &call.app.keys, row).await?);
        }
        Ok(Listing::page(views, next))
    })
    .await
}

async fn get_order(call: Call<act::GetOrder, (OrderId,)>) -> Sends<Reply<OrderView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &commands::sight(ctx)?, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(conn, ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn accept_order(call: Call<act::AcceptOrder, (OrderId,), NoQuery, NoBody>) -> Sends<Reply<OrderView>> {
    call.write(async |tx, ctx| {
        let row = commands::accept(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// Why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Bahan baku habis sampai bulan depan" }))]
struct OrderReason {
    /// As the other side will read it.
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn decline_order(
    call: Call<act::DeclineOrder, (OrderId,), NoQuery, Json<OrderReason>>,
) -> Sends<Reply<OrderView>> {
    call.write(async |tx, ctx| {
        let row = commands::decline(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn cancel_order(
    call: Call<act::CancelOrder, (OrderId,), NoQuery, Json<OrderReason>>,
) -> Sends<Reply<OrderView>> {
    call.write(async |tx, ctx| {
        let row = commands::cancel(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}
