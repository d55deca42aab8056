//! The vendor's side: begin, change, price, stock, photos.
use super::super::model::{
    Availability, Origin, PriceBasis, PriceTier, ProductFields, ProductStatus, ReviewMode, field_faults,
    tier_faults,
};
use super::super::store::{self, Category, PhotoRow, Row, Stock};
use super::{price_state, settle, sight, state_after_edit, state_of};
use crate::kernel::{
    Amount, Code, Ctx, Error, Fault, PhotoId, ProductId, Quantity, Refusal, TimeZone, VendorId, refuse,
};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use crate::vendors;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

const MOST_PHOTOS: usize = 8;

/// Begins a product as a draft of the actor's vendor.
pub async fn create(tx: &mut Tx, ctx: &Ctx, fields: &ProductFields) -> Result<Row, Error> {
    let vendor = VendorId(ctx.member()?.organisation.0);
    let now = tx.now().await?;
    let region_code = vendors::seat(tx.conn(), vendor).await?.unwrap_or_else(|| "33".into());
    let blank = Row {
        id: new_id(),
        realm: tx.realm(),
        vendor_id: vendor,
        status: ProductStatus::Draft,
        status_reason: None,
        category_code: String::new(),
        name: String::new(),
        description: String::new(),
        unit: String::new(),
        price: Amount::ZERO,
        price_basis: PriceBasis::TaxExclusive,
        tax_class: super::super::model::TaxClass::VatStandard,
        kbki_code: String::new(),
        origin: Origin::Domestic,
        brand: None,
        gtin: None,
        warranty: None,
        tkdn_percent: None,
        bmp_percent: None,
        attributes: json!({}),
        availability: Availability::MadeToOrder,
        minimum_order: Quantity(Decimal::ONE),
        lead_time_days: 1,
        weight_grams: None,
        capacity_per_day: None,
        region_code,
        sku: None,
        published_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let category = leaf_of(tx, fields).await?;
    let row = fill(tx, blank, fields, &category, now).await?;
    store::insert(tx, &row).await?;
    if row.availability == Availability::Counted {
        store::open_stock(tx, row.id).await?;
    }
    store::add_history(tx, &row, &[], ctx.actor.as_ref().map(|actor| actor.user), now).await?;
    let fact = Fact {
        kind: "product.created",
        subject: row.id.0,
        before: None,
        after: state_of(&row),
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(row)
}

/// The product as its vendor typed it.
pub fn fields_of(row: &Row) -> ProductFields {
    ProductFields {
        name: Some(row.name.clone()),
        category_code: Some(row.category_code.clone()),
        description: Some(row.description.clone()),
        unit: Some(row.unit.clone()),
        price: Some(row.price),
        price_basis: Some(row.price_basis),
        tax_class: Some(row.tax_class),
        kbki_code: Some(row.kbki_code.clone()),
        origin: Some(row.origin),
        brand: row.brand.clone(),
        gtin: row.gtin.clone(),
        warranty: row.warranty.clone(),
        tkdn_percent: row.tkdn_percent,
        bmp_percent: row.bmp_percent,
        attributes: row.attributes.as_object().cloned(),
        availability: Some(row.availability),
        minimum_order: Some(row.minimum_order),
        lead_time_days: Some(row.lead_time_days),
        weight_grams: row.weight_grams,
        capacity_per_day: row.capacity_per_day,
        sku: row.sku.clone(),
    }
}

/// Lays a patch over the product. A change of price alone is in force at once; anything else sends
/// a published product through its category's review again.
pub async fn update(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ProductId,
    patch: impl Fn(&ProductFields) -> Result<ProductFields, Error>,
) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    let current = fields_of(&row);
    let fields = left_to_the_leaf(&current, patch(&current)?);
    let category = leaf_of(tx, &fields).await?;
    let now = tx.now().await?;
    let filled = fill(tx, row.clone(), &fields, &category, now).await?;
    let tiers = store::tiers(tx.conn(), id).await?;
    let faults = tier_faults(filled.price, &tiers);
    if !faults.is_empty() {
        return Err(Refusal::rules(vec![Fault::at("#/price", Code::PriceTierInvalid)]).into());
    }
    let priced = (filled.price, filled.price_basis) != (row.price, row.price_basis);
    let price_alone =
        fields_of(&Row { price: row.price, price_basis: row.price_basis, ..filled.clone() }) == current;
    let filled = if price_alone {
        filled
    } else {
        let state = state_after_edit(tx, &row, category.review_mode.unwrap_or(ReviewMode::Before)).await?;
        filled.with_state(state, now)
    };
    if filled.availability == Availability::Counted {
        store::open_stock(tx, id).await?;
    }
    if let (Some(capacity), true) = (filled.capacity_per_day, filled.capacity_per_day != row.capacity_per_day)
    {
        store::set_daily_capacity(tx, id, capacity, TimeZone::JAKARTA.date_of(now)).await?;
    }
    let saved = settle(tx, ctx, &row, filled, "product.changed", None).await?;
    if priced {
        store::add_history(tx, &saved, &tiers, Some(ctx.actor()?.user), now).await?;
    }
    Ok(saved)
}

/// Replaces the prices by quantity.
pub async fn set_tiers(tx: &mut Tx, ctx: &Ctx, id: ProductId, tiers: &[PriceTier]) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    let faults = tier_faults(row.price, tiers);
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let before = store::tiers(tx.conn(), id).await?;
    store::replace_tiers(tx, id, tiers).await?;
    let now = tx.now().await?;
    let saved = store::save(tx, Row { updated_at: now, ..row.clone() }).await?;
    store::add_history(tx, &saved, tiers, Some(ctx.actor()?.user), now).await?;
    let fact = Fact {
        kind: "product.price_tiers_set",
        subject: id.0,
        before: Some(price_state(&row, &before)),
        after: price_state(&saved, tiers),
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(saved)
}

/// Adds to or takes from the stock; the product itself does not change its version.
pub async fn adjust_stock(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ProductId,
    delta: Decimal,
    reason: &str,
) -> Result<Stock, Error> {
    let row = store::find(tx.conn(), sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    if row.availability != Availability::Counted {
        return Err(refuse(Code::StockNotCounted));
    }
    let now = tx.now().await?;
    let stock = store::adjust(tx, id, delta, now).await?;
    let after = json!({ "id": id, "vendor_id": row.vendor_id, "delta": delta.to_string(), "on_hand": stock.on_hand.to_string(),
        "reserved": stock.reserved.to_string() });
    let fact = Fact {
        kind: "product.stock_adjusted",
        subject: id.0,
        before: None,
        after,
        reason: Some(reason),
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(stock)
}

/// A photo that was uploaded and stored.
pub struct NewPhoto {
    pub media_type: &'static str,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
}

pub async fn add_photo(tx: &mut Tx, ctx: &Ctx, id: ProductId, input: &NewPhoto) -> Result<PhotoRow, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    row.state()?.editable()?;
    let photos = store::photos(tx.conn(), id).await?;
    if photos.len() >= MOST_PHOTOS {
        return Err(refuse(Code::TooManyPhotos));
    }
    let photo = PhotoRow {
        id: new_id(),
        product_id: id,
        position: photos.last().map_or(0, |last| last.position + 1),
        media_type: input.media_type.to_owned(),
        size_bytes: input.size_bytes,
        sha256: input.sha256.clone(),
        storage_key: input.storage_key.clone(),
        uploaded_at: tx.now().await?,
    };
    store::insert_photo(tx, &photo).await?;
    pictured(tx, ctx, row, "product.photo_added").await?;
    Ok(photo)
}

/// Takes a photo away; a product that is on the shelf keeps at least one.
pub async fn remove_photo(tx: &mut Tx, ctx: &Ctx, id: ProductId, photo: PhotoId) -> Result<(), Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    store::photo(tx.conn(), id, photo).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    let last = store::photos(tx.conn(), id).await?.len() == 1;
    if last && matches!(row.status, ProductStatus::Published | ProductStatus::InReview) {
        return Err(Refusal::rules(vec![Fault::at("#/photos", Code::PhotoMissing)]).into());
    }
    let now = tx.now().await?;
    store::end_photo(tx, photo, now).await?;
    pictured(tx, ctx, row, "product.photo_removed").await
}

/// A photo is part of the product: its version goes up, and what is public is reviewed again.
async fn pictured(tx: &mut Tx, ctx: &Ctx, row: Row, kind: &str) -> Result<(), Error> {
    let category = store::leaf(tx.conn(), &row.category_code).await?;
    let mode = category.and_then(|category| category.review_mode).unwrap_or(ReviewMode::Before);
    let now = tx.now().await?;
    let state = state_after_edit(tx, &row, mode).await?;
    let next = Row { updated_at: now, ..row.clone().with_state(state, now) };
    settle(tx, ctx, &row, next, kind, None).await?;
    Ok(())
}

async fn leaf_of(tx: &mut Tx, fields: &ProductFields) -> Result<Category, Error> {
    let fault = || Error::from(Refusal::rules(vec![Fault::at("#/category_code", Code::CategoryNotLeaf)]));
    let code = fields.category_code.as_deref().ok_or_else(fault)?;
    store::leaf(tx.conn(), code).await?.ok_or_else(fault)
}

/// Fields over the row, the leaf's defaults where nothing was said; all that does not fit at once.
async fn fill(
    tx: &mut Tx,
    row: Row,
    fields: &ProductFields,
    category: &Category,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    let by_leaf = |given: &Option<String>, default: &Option<String>| {
        given.clone().filter(|given| !given.is_empty()).or(default.clone()).unwrap_or_default()
    };
    let mut availability =
        fields.availability.or(category.default_availability).unwrap_or(Availability::MadeToOrder);
    // A leaf that usually sells by daily capacity cannot say how much: without a figure it is made to order.
    if fields.availability.is_none()
        && availability == Availability::CapacityPerDay
        && fields.capacity_per_day.is_none()
    {
        availability = Availability::MadeToOrder;
    }
    let checked = ProductFields { availability: Some(availability), ..fields.clone() };
    let mut faults = field_faults(&checked);
    let unit = by_leaf(&fields.unit, &category.default_unit);
    if !store::unit_exists(tx.conn(), &unit).await? {
        faults.push(Fault::at("#/unit", Code::UnknownReference));
    }
    for (field, missing) in [
        ("name", fields.name.as_deref().is_none_or(|name| name.trim().is_empty())),
        ("price", fields.price.is_none()),
    ] {
        if missing {
            faults.push(Fault::at(format!("#/{field}"), Code::Required));
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    Ok(Row {
        category_code: category.code.clone(),
        name: fields.name.clone().unwrap_or_default().trim().to_owned(),
        description: fields.description.clone().unwrap_or_default(),
        unit,
        price: fields.price.unwrap_or_default(),
        price_basis: fields.price_basis.unwrap_or(row.price_basis),
        tax_class: fields.tax_class.or(category.tax_class).unwrap_or(row.tax_class),
        kbki_code: by_leaf(&fields.kbki_code, &category.kbki_code),
        origin: fields.origin.unwrap_or(row.origin),
        brand: fields.brand.clone(),
        gtin: fields.gtin.clone(),
        warranty: fields.warranty.clone(),
        tkdn_percent: fields.tkdn_percent,
        bmp_percent: fields.bmp_percent,
        attributes: Value::Object(fields.attributes.clone().unwrap_or_default()),
        availability,
        minimum_order: fields.minimum_order.unwrap_or(Quantity(Decimal::ONE)),
        lead_time_days: fields.lead_time_days.or(category.default_lead_time_days).unwrap_or(1),
        weight_grams: fields.weight_grams,
        capacity_per_day: fields.capacity_per_day,
        sku: fields.sku.clone(),
        updated_at: now,
        ..row
    })
}

/// A product that moves to another leaf takes that leaf's defaults for whatever stayed as it was.
fn left_to_the_leaf(current: &ProductFields, fields: ProductFields) -> ProductFields {
    if fields.category_code == current.category_code {
        return fields;
    }
    ProductFields {
        unit: fields.unit.filter(|unit| Some(unit) != current.unit.as_ref()),
        kbki_code: fields.kbki_code.filter(|code| Some(code) != current.kbki_code.as_ref()),
        tax_class: fields.tax_class.filter(|class| Some(*class) != current.tax_class),
        ..fields
    }
}
