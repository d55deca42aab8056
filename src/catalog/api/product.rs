//! The vendor's side of a product.
use super::super::commands;
use super::super::model::{PriceBasis, PriceTier, ProductFields, ProductStatus};
use super::super::store;
use super::view::{ProductView, StockView, view};
use crate::kernel::{Amount, ProductId, Quantity, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, Merge, NoQuery, PageQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/products", create_product)
        .get("/api/v1/products", list_products)
        .get("/api/v1/products/{id}", get_product)
        .patch("/api/v1/products/{id}", update_product)
        .put("/api/v1/products/{id}/price-tiers", set_price_tiers)
        .get("/api/v1/products/{id}/price-history", list_price_history)
        .post("/api/v1/products/{id}/actions/adjust-stock", adjust_stock);
}

/// A new product: the needed three, and whatever else is at hand.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Kertas HVS A4 70 gram", "category_code": "01.01.01", "price": "52000.00" }))]
struct CreateProduct {
    #[schema(min_length = 3, max_length = 200, pattern = "\\S")]
    name: String,
    #[schema(pattern = "^[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}$")]
    category_code: String,
    price: Amount,
    #[serde(default)]
    #[validate(nested)]
    fields: ProductFields,
}

async fn create_product(
    call: Call<act::CreateProduct, (), NoQuery, Json<CreateProduct>>,
) -> Sends<Created<ProductView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let fields = ProductFields {
            name: Some(input.name.clone()),
            category_code: Some(input.category_code.clone()),
            price: Some(input.price),
            ..input.fields.clone()
        };
        let row = commands::create(tx, ctx, &fields)
            .await
            .map_err(|error| error.below("fields", &["name", "category_code", "price"]))?;
        let (location, version) = (format!("/api/v1/products/{}", row.id), row.version);
        Ok(Created { view: view(tx.conn(), ctx, row).await?, version, location })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct ProductFilter {
    #[param(inline)]
    status: Option<ProductStatus>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

async fn list_products(call: Call<act::ListProducts, (), ProductFilter>) -> Sends<Listing<ProductView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<ProductId>()?;
        let rows =
            store::list(conn, commands::sight(ctx)?, call.query.status, page.after().copied(), page.fetch())
                .await?;
        let page = page.close(rows, |row| row.id);
        let next = page.next_cursor.clone();
        let mut views = Vec::with_capacity(page.items.len());
        for row in page.items {
            views.push(view(conn, ctx, row).await?);
        }
        Ok(Listing::page(views, next))
    })
    .await
}

async fn get_product(call: Call<act::GetProduct, (ProductId,)>) -> Sends<Reply<ProductView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, commands::sight(ctx)?, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(conn, ctx, row).await?, version))
    })
    .await
}

async fn update_product(
    call: Call<act::UpdateProduct, (ProductId,), NoQuery, Merge<ProductFields>>,
) -> Sends<Reply<ProductView>> {
    call.write(async |tx, ctx| {
        let row = commands::update(tx, ctx, call.path.0, |current| call.body.over(current)).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, row).await?, version))
    })
    .await
}

/// Prices by quantity, rising in quantity and falling in price; none: the list price alone.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tiers": [{ "minimum_quantity": "10", "price": "50000.00" }] }))]
struct SetPriceTiers {
    #[schema(max_items = 10)]
    tiers: Vec<PriceTier>,
}

async fn set_price_tiers(
    call: Call<act::SetPriceTiers, (ProductId,), NoQuery, Json<SetPriceTiers>>,
) -> Sends<Reply<ProductView>> {
    call.write(async |tx, ctx| {
        let row = commands::set_tiers(tx, ctx, call.path.0, &call.body.0.tiers).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, row).await?, version))
    })
    .await
}

/// What a product cost from an instant on.
#[derive(Serialize, ToSchema)]
struct PriceView {
    price: Amount,
    price_basis: PriceBasis,
    #[schema(value_type = Vec<PriceTier>)]
    tiers: serde_json::Value,
    changed_at: DateTime<Utc>,
}

async fn list_price_history(
    call: Call<act::ListPriceHistory, (ProductId,), PageQuery>,
) -> Sends<Listing<PriceView>> {
    call.read(async |conn, ctx| {
        let product = store::find(conn, commands::sight(ctx)?, call.path.0).await?;
        let page = call.page::<uuid::Uuid>()?;
        let rows = store::history(conn, product.id, page.after().copied(), page.fetch()).await?;
        let show = |row: store::PriceRow| PriceView {
            price: row.price,
            price_basis: row.price_basis,
            tiers: row.tiers,
            changed_at: row.changed_at,
        };
        Ok(page.close(rows, |row| row.id).map(show))
    })
    .await
}

/// Whether goods came in or went out.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Add,
    Take,
}

/// A movement of stock.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "direction": "add", "quantity": "100", "reason": "Barang datang" }))]
struct AdjustStock {
    direction: Direction,
    quantity: Quantity,
    #[schema(min_length = 3, max_length = 200)]
    reason: String,
}

async fn adjust_stock(
    call: Call<act::AdjustStock, (ProductId,), NoQuery, Json<AdjustStock>>,
) -> Sends<Reply<StockView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let delta = match input.direction {
            Direction::Add => input.quantity.0,
            Direction::Take => -input.quantity.0,
        };
        let stock = commands::adjust_stock(tx, ctx, call.path.0, delta, &input.reason).await?;
        Ok(Reply::new(StockView::from(stock)))
    })
    .await
}
