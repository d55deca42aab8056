//! Products, their prices and photos.
use super::super::model::{Availability, Origin, PriceBasis, PriceTier, ProductStatus, State, TaxClass};
use crate::kernel::{
    Amount, Code, Error, Percent, PhotoId, ProductId, Quantity, Realm, UserId, VendorId, refuse,
};
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::platform::new_id;
use crate::schema::{price_history, price_tiers, product_photos, products};
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Row {
    pub id: ProductId,
    pub realm: Realm,
    pub vendor_id: VendorId,
    pub status: ProductStatus,
    pub status_reason: Option<String>,
    pub category_code: String,
    pub name: String,
    pub description: String,
    pub unit: String,
    pub price: Amount,
    pub price_basis: PriceBasis,
    pub tax_class: TaxClass,
    pub kbki_code: String,
    pub origin: Origin,
    pub brand: Option<String>,
    pub gtin: Option<String>,
    pub warranty: Option<String>,
    pub tkdn_percent: Option<Percent>,
    pub bmp_percent: Option<Percent>,
    pub attributes: Value,
    pub availability: Availability,
    pub minimum_order: Quantity,
    pub lead_time_days: i32,
    pub weight_grams: Option<i32>,
    pub capacity_per_day: Option<Quantity>,
    pub region_code: String,
    pub sku: Option<String>,
    pub published_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i32,
}

impl Row {
    /// # Errors
    /// `Internal` for a row that no state allows.
    pub fn state(&self) -> Result<State, Error> {
        let state = match (self.status, self.status_reason.clone()) {
            (ProductStatus::Draft, _) => State::Draft,
            (ProductStatus::InReview, _) => State::InReview,
            (ProductStatus::Published, _) => State::Published,
            (ProductStatus::Unpublished, _) => State::Unpublished,
            (ProductStatus::RevisionRequested, Some(reason)) => State::RevisionRequested { reason },
            (ProductStatus::Rejected, Some(reason)) => State::Rejected { reason },
            (ProductStatus::Frozen, Some(reason)) => State::Frozen { reason },
            _ => return Err(Error::Internal("products.status does not fit its columns".into())),
        };
        Ok(state)
    }

    pub fn with_state(mut self, state: State, now: DateTime<Utc>) -> Self {
        if state == State::Published && self.published_at.is_none() {
            self.published_at = Some(now);
        }
        self.status = state.status();
        self.status_reason = match state {
            State::RevisionRequested { reason } | State::Rejected { reason } | State::Frozen { reason } => {
                Some(reason)
            }
            State::Draft | State::InReview | State::Published | State::Unpublished => None,
        };
        self
    }
}

/// Which products a caller sees: the own vendor's, or all of the realm that are no drafts.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    Own(VendorId),
    Realm(Realm),
}

pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    kept(diesel::insert_into(products::table).values(row)).execute(tx.conn()).await?;
    Ok(())
}

fn seen(sight: Sight) -> Box<dyn BoxableExpression<products::table, Pg, SqlType = Bool>> {
    match sight {
        Sight::Own(vendor) => Box::new(products::vendor_id.eq(vendor)),
        Sight::Realm(realm) => {
            Box::new(products::realm.eq(realm).and(products::status.ne(ProductStatus::Draft)))
        }
    }
}

/// A product that the caller sees; another's is not found.
pub async fn find(conn: &mut Conn, sight: Sight, id: ProductId) -> Result<Row, Error> {
    let query = products::table.find(id).filter(seen(sight)).select(Row::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked; another's is not waited for either.
pub async fn lock(tx: &mut Tx, sight: Sight, id: ProductId) -> Result<Row, Error> {
    let query = products::table.find(id).filter(seen(sight)).select(Row::as_select());
    let found = query.for_no_key_update().first(tx.conn()).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

pub async fn list(
    conn: &mut Conn,
    sight: Sight,
    status: Option<ProductStatus>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let after = after.unwrap_or(ProductId(uuid::Uuid::nil()));
    let mut query = products::table
        .filter(products::id.gt(after).and(seen(sight)))
        .select(Row::as_select())
        .order(products::id)
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(products::status.eq(status));
    }
    Ok(query.load(conn).await?)
}

/// Saves a locked product as its next version, and renders or removes its public page.
pub async fn save(tx: &mut Tx, row: Row) -> Result<Row, Error> {
    let version = row.version;
    let next = Row { version: version + 1, ..row };
    let saved: Row = kept(
        diesel::update(products::table.find(next.id).filter(products::version.eq(version)))
            .set(&next)
            .returning(Row::as_returning()),
    )
    .get_result(tx.conn())
    .await
    .optional()?
    .ok_or_else(|| refuse(Code::VersionStale))?;
    let page = if saved.status == ProductStatus::Published {
        "INSERT INTO product_documents (product_id, realm, vendor_id, version, counted, document)
         SELECT id, realm, vendor_id, version, availability = 'counted', product_document(id) FROM products WHERE id = $1
         ON CONFLICT (product_id) DO UPDATE
         SET version = excluded.version, counted = excluded.counted, document = excluded.document"
    } else {
        "DELETE FROM product_documents WHERE product_id = $1"
    };
    sql(page).bind::<SqlUuid, _>(saved.id).execute(tx.conn()).await?;
    Ok(saved)
}

pub async fn tiers(conn: &mut Conn, product: ProductId) -> Result<Vec<PriceTier>, Error> {
    let rows: Vec<(Quantity, Amount)> = price_tiers::table
        .filter(price_tiers::product_id.eq(product))
        .select((price_tiers::minimum_quantity, price_tiers::price))
        .order(price_tiers::minimum_quantity)
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(minimum_quantity, price)| PriceTier { minimum_quantity, price }).collect())
}

pub async fn replace_tiers(tx: &mut Tx, product: ProductId, tiers: &[PriceTier]) -> Result<(), Error> {
    diesel::delete(price_tiers::table.filter(price_tiers::product_id.eq(product))).execute(tx.conn()).await?;
    let rows: Vec<_> = tiers
        .iter()
        .map(|tier| {
            (
                price_tiers::product_id.eq(product),
                price_tiers::minimum_quantity.eq(tier.minimum_quantity),
                price_tiers::price.eq(tier.price),
            )
        })
        .collect();
    diesel::insert_into(price_tiers::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

#[derive(Queryable, Selectable, Clone)]
#[diesel(table_name = price_history, check_for_backend(diesel::pg::Pg))]
pub struct PriceRow {
    pub id: uuid::Uuid,
    pub price: Amount,
    pub price_basis: PriceBasis,
    pub tiers: Value,
    pub changed_at: DateTime<Utc>,
}

/// Appends what the product costs from now on.
pub async fn add_history(
    tx: &mut Tx,
    row: &Row,
    tiers: &[PriceTier],
    by: Option<UserId>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let tiers = serde_json::to_value(tiers).map_err(|error| Error::Internal(error.to_string()))?;
    diesel::insert_into(price_history::table)
        .values((
            price_history::id.eq(new_id::<uuid::Uuid>()),
            price_history::product_id.eq(row.id),
            price_history::price.eq(row.price),
            price_history::price_basis.eq(row.price_basis),
            price_history::tiers.eq(tiers),
            price_history::changed_by.eq(by.map(|by| by.0)),
            price_history::changed_at.eq(at),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What the product cost, newest first.
pub async fn history(
    conn: &mut Conn,
    product: ProductId,
    before: Option<uuid::Uuid>,
    limit: i64,
) -> Result<Vec<PriceRow>, Error> {
    let before = before.unwrap_or(uuid::Uuid::max());
    Ok(price_history::table
        .filter(price_history::product_id.eq(product).and(price_history::id.lt(before)))
        .select(PriceRow::as_select())
        .order(price_history::id.desc())
        .limit(limit)
        .load(conn)
        .await?)
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = product_photos, check_for_backend(diesel::pg::Pg))]
pub struct PhotoRow {
    pub id: PhotoId,
    pub product_id: ProductId,
    pub position: i32,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
    pub uploaded_at: DateTime<Utc>,
}

pub async fn insert_photo(tx: &mut Tx, row: &PhotoRow) -> Result<(), Error> {
    diesel::insert_into(product_photos::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

pub async fn photos(conn: &mut Conn, product: ProductId) -> Result<Vec<PhotoRow>, Error> {
    Ok(product_photos::table
        .filter(product_photos::product_id.eq(product).and(product_photos::ended_at.is_null()))
        .select(PhotoRow::as_select())
        .order(product_photos::position)
        .limit(20)
        .load(conn)
        .await?)
}

pub async fn photo(conn: &mut Conn, product: ProductId, id: PhotoId) -> Result<PhotoRow, Error> {
    product_photos::table
        .filter(product_photos::id.eq(id).and(product_photos::product_id.eq(product)))
        .filter(product_photos::ended_at.is_null())
        .select(PhotoRow::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn end_photo(tx: &mut Tx, id: PhotoId, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(product_photos::table.find(id))
        .set(product_photos::ended_at.eq(at))
        .execute(tx.conn())
        .await?;
    Ok(())
}
