//! A product as its vendor and curators see it.
use super::super::model::{Availability, Origin, PriceBasis, PriceTier, ProductStatus, State, TaxClass};
use super::super::store::{self, PhotoRow, Row};
use crate::kernel::{Amount, Ctx, Error, Percent, PhotoId, ProductId, Quantity, Role, VendorId};
use crate::platform::db::Conn;
use crate::platform::http::AvailableAction;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ProductView {
    id: ProductId,
    vendor_id: VendorId,
    status: ProductStatus,
    status_reason: Option<String>,
    category_code: String,
    name: String,
    description: String,
    unit: String,
    price: Amount,
    #[schema(example = "IDR")]
    currency: &'static str,
    price_basis: PriceBasis,
    price_tiers: Vec<PriceTier>,
    tax_class: TaxClass,
    kbki_code: String,
    origin: Origin,
    brand: Option<String>,
    gtin: Option<String>,
    warranty: Option<String>,
    tkdn_percent: Option<Percent>,
    bmp_percent: Option<Percent>,
    #[schema(value_type = Object)]
    attributes: Value,
    availability: Availability,
    /// Of counted products.
    stock: Option<StockView>,
    minimum_order: Quantity,
    lead_time_days: i32,
    weight_grams: Option<i32>,
    capacity_per_day: Option<Quantity>,
    sku: Option<String>,
    photos: Vec<PhotoView>,
    published_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    version: i32,
    available_actions: Vec<AvailableAction>,
}

#[derive(Serialize, ToSchema)]
pub struct StockView {
    pub on_hand: Quantity,
    pub reserved: Quantity,
    pub available: Quantity,
}

impl From<store::Stock> for StockView {
    fn from(stock: store::Stock) -> Self {
        Self {
            on_hand: Quantity(stock.on_hand),
            reserved: Quantity(stock.reserved),
            available: Quantity(stock.on_hand - stock.reserved),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct PhotoView {
    id: PhotoId,
    media_type: String,
    size_bytes: i64,
    sha256: String,
    /// Where the picture is, once the product is public.
    url: String,
}

impl From<PhotoRow> for PhotoView {
    fn from(row: PhotoRow) -> Self {
        Self {
            url: format!("/public/v1/products/{}/photos/{}", row.product_id, row.id),
            id: row.id,
            media_type: row.media_type,
            size_bytes: row.size_bytes,
            sha256: hex::encode(row.sha256),
        }
    }
}

pub async fn view(conn: &mut Conn, ctx: &Ctx, row: Row) -> Result<ProductView, Error> {
    let state = row.state()?;
    let stock = match row.availability {
        Availability::Counted => store::stock(conn, row.id).await?.map(StockView::from),
        Availability::MadeToOrder | Availability::CapacityPerDay | Availability::Service => None,
    };
    Ok(ProductView {
        available_actions: actions(ctx, &state),
        price_tiers: store::tiers(conn, row.id).await?,
        photos: store::photos(conn, row.id).await?.into_iter().map(PhotoView::from).collect(),
        stock,
        id: row.id,
        vendor_id: row.vendor_id,
        status: row.status,
        status_reason: row.status_reason,
        category_code: row.category_code,
        name: row.name,
        description: row.description,
        unit: row.unit,
        price: row.price,
        currency: "IDR",
        price_basis: row.price_basis,
        tax_class: row.tax_class,
        kbki_code: row.kbki_code,
        origin: row.origin,
        brand: row.brand,
        gtin: row.gtin,
        warranty: row.warranty,
        tkdn_percent: row.tkdn_percent,
        bmp_percent: row.bmp_percent,
        attributes: row.attributes,
        availability: row.availability,
        minimum_order: row.minimum_order,
        lead_time_days: row.lead_time_days,
        weight_grams: row.weight_grams,
        capacity_per_day: row.capacity_per_day,
        sku: row.sku,
        published_at: row.published_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}

/// The very transitions, tried on a copy.
fn actions(ctx: &Ctx, state: &State) -> Vec<AvailableAction> {
    let Ok(member) = ctx.member() else { return Vec::new() };
    let tried: Vec<(&'static str, Result<State, Error>)> = match member.role {
        Role::VendorOwner | Role::VendorStaff => vec![
            ("submit", state.clone().submit(true)),
            ("publish", state.clone().publish()),
            ("unpublish", state.clone().unpublish()),
        ],
        Role::Curator => vec![
            ("approve", state.clone().approve()),
            ("request-revision", state.clone().request_revision("-".into())),
            ("reject", state.clone().reject("-".into())),
            ("freeze", state.clone().freeze("-".into())),
            ("unfreeze", state.clone().unfreeze()),
        ],
        _ => Vec::new(),
    };
    tried
        .into_iter()
        .map(|(verb, outcome)| {
            AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
        })
        .collect()
}
