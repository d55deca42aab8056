//! Stock and day capacity, and what holds them.
//!
//! Lock order: balance rows by (product, day), then their reservations by id. Balances change by
//! conditional updates with a CHECK behind them, never by reading and writing back.
use super::super::model::{Availability, PriceBasis, PriceTier, TaxClass, price_at};
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, Code, Error, OrderId, ProductId, Quantity, Realm, Refusal, RequestId, VendorId, refuse,
};
use crate::platform::Clock;
use crate::platform::db::{Conn, Tx, sql};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, Bool, Date, Integer, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use rust_decimal::Decimal;
use serde_json::Value;

#[derive(QueryableByName, Clone, Copy, Debug)]
pub struct Stock {
    #[diesel(sql_type = Numeric)]
    pub on_hand: Decimal,
    #[diesel(sql_type = Numeric)]
    pub reserved: Decimal,
}

pub async fn stock(conn: &mut Conn, product: ProductId) -> Result<Option<Stock>, Error> {
    let rows: Vec<Stock> = sql("SELECT on_hand, reserved FROM stock WHERE product_id = $1")
        .bind::<SqlUuid, _>(product)
        .load(conn)
        .await?;
    Ok(rows.into_iter().next())
}

/// Begins to count a product's stock.
pub async fn open_stock(tx: &mut Tx, product: ProductId) -> Result<(), Error> {
    sql("INSERT INTO stock (product_id, on_hand) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind::<SqlUuid, _>(product)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Adds to (or, below zero, takes from) the stock; never below what is reserved and has not lapsed.
pub async fn adjust(
    tx: &mut Tx,
    product: ProductId,
    delta: Decimal,
    now: DateTime<Utc>,
) -> Result<Stock, Error> {
    if let Some(stock) = change(tx, product, delta).await? {
        return Ok(stock);
    }
    release_lapsed(tx, product, None, now).await?;
    change(tx, product, delta).await?.ok_or_else(|| refuse(Code::StockBelowReserved))
}

async fn change(tx: &mut Tx, product: ProductId, delta: Decimal) -> Result<Option<Stock>, Error> {
    let rows: Vec<Stock> =
        sql("UPDATE stock SET on_hand = on_hand + $2 WHERE product_id = $1 AND on_hand + $2 >= reserved
           AND on_hand + $2 < 100000000000 RETURNING on_hand, reserved")
        .bind::<SqlUuid, _>(product)
        .bind::<Numeric, _>(delta)
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().next())
}

/// Carries a changed daily capacity over to the days already opened. A day that holds more keeps
/// what it holds and takes nothing further.
pub async fn set_daily_capacity(
    tx: &mut Tx,
    product: ProductId,
    capacity: Quantity,
    from: NaiveDate,
) -> Result<(), Error> {
    sql("UPDATE day_capacity SET capacity = $2 WHERE product_id = $1 AND day >= $3")
        .bind::<SqlUuid, _>(product)
        .bind::<Numeric, _>(capacity)
        .bind::<Date, _>(from)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A product as it can be bought now.
#[derive(Clone, Debug)]
pub struct Offer {
    pub id: ProductId,
    pub vendor_id: VendorId,
    pub version: i32,
    pub name: String,
    pub unit: String,
    pub list_price: Amount,
    pub tiers: Vec<PriceTier>,
    pub price_basis: PriceBasis,
    pub tax_class: TaxClass,
    pub kbki_code: String,
    pub category_code: String,
    pub procurement_kind: ProcurementKind,
    pub recurring_group: Option<String>,
    pub availability: Availability,
    pub capacity_per_day: Option<Quantity>,
    pub minimum_order: Quantity,
    pub lead_time_days: i32,
    pub weight_grams: Option<i32>,
    pub brand: Option<String>,
    pub published: bool,
}

impl Offer {
    /// The unit price at a quantity, as the vendor typed it.
    pub fn price_at(&self, quantity: Quantity) -> Amount {
        price_at(self.list_price, &self.tiers, quantity)
    }
}

#[derive(QueryableByName)]
struct OfferRow {
    #[diesel(sql_type = SqlUuid)]
    id: ProductId,
    #[diesel(sql_type = SqlUuid)]
    vendor_id: VendorId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    unit: String,
    #[diesel(sql_type = Numeric)]
    price: Amount,
    #[diesel(sql_type = Jsonb)]
    tiers: Value,
    #[diesel(sql_type = Text)]
    price_basis: PriceBasis,
    #[diesel(sql_type = Text)]
    tax_class: TaxClass,
    #[diesel(sql_type = Text)]
    kbki_code: String,
    #[diesel(sql_type = Text)]
    category_code: String,
    #[diesel(sql_type = Text)]
    procurement_kind: ProcurementKind,
    #[diesel(sql_type = Nullable<Text>)]
    recurring_group: Option<String>,
    #[diesel(sql_type = Text)]
    availability: Availability,
    #[diesel(sql_type = Nullable<Numeric>)]
    capacity_per_day: Option<Quantity>,
    #[diesel(sql_type = Numeric)]
    minimum_order: Quantity,
    #[diesel(sql_type = Integer)]
    lead_time_days: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    weight_grams: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    brand: Option<String>,
    #[diesel(sql_type = Bool)]
    published: bool,
}

/// Products of a realm by id, as they can be bought now.
pub async fn offers(conn: &mut Conn, realm: Realm, ids: &[ProductId]) -> Result<Vec<Offer>, Error> {
    let rows: Vec<OfferRow> = sql(
        "SELECT p.id, p.vendor_id, p.version, p.name, p.unit, p.price, p.price_basis, p.tax_class, p.kbki_code, p.category_code,
            c.procurement_kind, c.recurring_group, p.availability, p.capacity_per_day, p.minimum_order, p.lead_time_days,
            p.weight_grams, p.brand, p.status = 'published' AS published,
            coalesce((SELECT jsonb_agg(jsonb_build_object('minimum_quantity', t.minimum_quantity::text, 'price', t.price::text)
                ORDER BY t.minimum_quantity) FROM price_tiers t WHERE t.product_id = p.id), '[]') AS tiers
         FROM products p JOIN categories c ON c.code = p.category_code
         WHERE p.id = ANY($1) AND p.realm = $2 AND p.status <> 'draft'",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Text, _>(realm)
    .load(conn)
    .await?;
    rows.into_iter().map(offer).collect()
}

fn offer(row: OfferRow) -> Result<Offer, Error> {
    Ok(Offer {
        id: row.id,
        vendor_id: row.vendor_id,
        version: row.version,
        name: row.name,
        unit: row.unit,
        list_price: row.price,
        tiers: serde_json::from_value(row.tiers)
            .map_err(|error| Error::Internal(format!("price tiers: {error}")))?,
        price_basis: row.price_basis,
        tax_class: row.tax_class,
        kbki_code: row.kbki_code,
        category_code: row.category_code,
        procurement_kind: row.procurement_kind,
        recurring_group: row.recurring_group,
        availability: row.availability,
        capacity_per_day: row.capacity_per_day,
        minimum_order: row.minimum_order,
        lead_time_days: row.lead_time_days,
        weight_grams: row.weight_grams,
        brand: row.brand,
        published: row.published,
    })
}

/// What a line needs of stock, or of a day's capacity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub product: ProductId,
    pub day: Option<NaiveDate>,
    pub quantity: Quantity,
}

/// Reserves everything or nothing, until `lapses_at`.
///
/// # Errors
/// `out_of_stock`, `capacity_exceeded` when even lapsed reservations leave too little.
pub async fn reserve(
    tx: &mut Tx,
    request: RequestId,
    needs: &[Need],
    lapses_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut needs = needs.to_vec();
    // Stock before days, each by product: the order in which releases lock them too.
    needs.sort_by_key(|need| (need.day.is_some(), need.product, need.day));
    for need in &needs {
        if let Some(day) = need.day {
            open_day(tx, need.product, day).await?;
        }
        if !take(tx, need).await? {
            release_lapsed(tx, need.product, need.day, now).await?;
            if !take(tx, need).await? {
                let code = if need.day.is_some() { Code::CapacityExceeded } else { Code::OutOfStock };
                return Err(Refusal::new(code).with_limit(need.product).into());
            }
        }
        sql(
            "INSERT INTO stock_reservations (id, product_id, day, quantity, request_id, lapses_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind::<SqlUuid, _>(Clock::new_id())
        .bind::<SqlUuid, _>(need.product)
        .bind::<Nullable<Date>, _>(need.day)
        .bind::<Numeric, _>(need.quantity)
        .bind::<SqlUuid, _>(request)
        .bind::<Timestamptz, _>(lapses_at)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Opens a day with the product's capacity as it is now; the share lock waits for a change under way.
async fn open_day(tx: &mut Tx, product: ProductId, day: NaiveDate) -> Result<(), Error> {
    sql("INSERT INTO day_capacity (product_id, day, capacity)
         (SELECT id, $2, capacity_per_day FROM products WHERE id = $1 AND capacity_per_day IS NOT NULL
            AND NOT EXISTS (SELECT FROM day_capacity WHERE product_id = $1 AND day = $2) FOR SHARE)
         ON CONFLICT DO NOTHING")
    .bind::<SqlUuid, _>(product)
    .bind::<Date, _>(day)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn take(tx: &mut Tx, need: &Need) -> Result<bool, Error> {
    let taken = match need.day {
        None => {
            sql("UPDATE stock SET reserved = reserved + $2 WHERE product_id = $1 AND on_hand - reserved >= $2")
                .bind::<SqlUuid, _>(need.product)
                .bind::<Numeric, _>(need.quantity)
                .execute(tx.conn())
                .await?
        }
        Some(day) => {
            sql(
                "UPDATE day_capacity SET reserved = reserved + $2 WHERE product_id = $1 AND day = $3 AND capacity - reserved >= $2",
            )
            .bind::<SqlUuid, _>(need.product)
            .bind::<Numeric, _>(need.quantity)
            .bind::<Date, _>(day)
            .execute(tx.conn())
            .await?
        }
    };
    Ok(taken == 1)
}

/// Lets go of lapsed reservations of the same goods; touches those rows and their balance alone.
async fn release_lapsed(
    tx: &mut Tx,
    product: ProductId,
    day: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let balance = if day.is_some() {
        "SELECT 1 FROM day_capacity WHERE product_id = $1 AND day = $2 FOR NO KEY UPDATE"
    } else {
        "SELECT 1 FROM stock WHERE product_id = $1 AND $2::date IS NULL FOR NO KEY UPDATE"
    };
    sql(balance).bind::<SqlUuid, _>(product).bind::<Nullable<Date>, _>(day).execute(tx.conn()).await?;
    let lapsed: Vec<Released> = sql("UPDATE stock_reservations SET released_at = $3 WHERE id IN (
             SELECT id FROM stock_reservations WHERE product_id = $1 AND day IS NOT DISTINCT FROM $2
               AND released_at IS NULL AND lapses_at <= $3 ORDER BY id FOR UPDATE)
         RETURNING product_id, day, quantity")
    .bind::<SqlUuid, _>(product)
    .bind::<Nullable<Date>, _>(day)
    .bind::<Timestamptz, _>(now)
    .load(tx.conn())
    .await?;
    give_back(tx, lapsed).await
}

#[derive(QueryableByName)]
struct Released {
    #[diesel(sql_type = SqlUuid)]
    product_id: ProductId,
    #[diesel(sql_type = Nullable<Date>)]
    day: Option<NaiveDate>,
    #[diesel(sql_type = Numeric)]
    quantity: Quantity,
}

async fn give_back(tx: &mut Tx, released: Vec<Released>) -> Result<(), Error> {
    for row in released {
        let balance = if row.day.is_some() {
            "UPDATE day_capacity SET reserved = reserved - $2 WHERE product_id = $1 AND day = $3"
        } else {
            "UPDATE stock SET reserved = reserved - $2 WHERE product_id = $1 AND $3::date IS NULL"
        };
        sql(balance)
            .bind::<SqlUuid, _>(row.product_id)
            .bind::<Numeric, _>(row.quantity)
            .bind::<Nullable<Date>, _>(row.day)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Releases what a request still holds and no order has taken over.
pub async fn release_request(tx: &mut Tx, request: RequestId, now: DateTime<Utc>) -> Result<(), Error> {
    release(tx, "request_id = $1 AND order_id IS NULL", request.0, now).await
}

/// Releases what an order still holds.
pub async fn release_order(tx: &mut Tx, order: OrderId, now: DateTime<Utc>) -> Result<(), Error> {
    release(tx, "order_id = $1", order.0, now).await
}

async fn release(tx: &mut Tx, whose: &str, id: uuid::Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    // Balances first, in their order, then the reservations.
    for table in ["stock WHERE product_id", "day_capacity WHERE (product_id, day)"] {
        let columns = if table.starts_with("stock") { "product_id" } else { "product_id, day" };
        let order = columns;
        sql(format!(
            "SELECT 1 FROM {table} IN (SELECT {columns} FROM stock_reservations WHERE {whose} AND released_at IS NULL)
             ORDER BY {order} FOR NO KEY UPDATE"
        ))
        .bind::<SqlUuid, _>(id)
        .execute(tx.conn())
        .await?;
    }
    let released: Vec<Released> = sql(format!(
        "UPDATE stock_reservations SET released_at = $2 WHERE id IN (
             SELECT id FROM stock_reservations WHERE {whose} AND released_at IS NULL ORDER BY id FOR UPDATE)
         RETURNING product_id, day, quantity"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .load(tx.conn())
    .await?;
    give_back(tx, released).await
}

/// Moves a request's reservations of one vendor's goods to the order, which holds them until its
/// own clock ends. Answers how many; fewer than were reserved means that some had lapsed.
pub async fn assign_to_order(
    tx: &mut Tx,
    request: RequestId,
    order: OrderId,
    products: &[ProductId],
    lapses_at: DateTime<Utc>,
) -> Result<usize, Error> {
    Ok(sql("UPDATE stock_reservations SET order_id = $2, lapses_at = $4
         WHERE request_id = $1 AND product_id = ANY($3) AND released_at IS NULL AND order_id IS NULL")
    .bind::<SqlUuid, _>(request)
    .bind::<SqlUuid, _>(order)
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<Timestamptz, _>(lapses_at)
    .execute(tx.conn())
    .await?)
}

/// Gives what a request holds another end.
///
/// # Errors
/// `expired` when some of it was let go of meanwhile.
pub async fn extend_request(tx: &mut Tx, request: RequestId, lapses_at: DateTime<Utc>) -> Result<(), Error> {
    let kept = sql("UPDATE stock_reservations SET lapses_at = $2
         WHERE request_id = $1 AND order_id IS NULL AND released_at IS NULL")
    .bind::<SqlUuid, _>(request)
    .bind::<Timestamptz, _>(lapses_at)
    .execute(tx.conn())
    .await?;
    let held: Count = sql("SELECT count(*) AS held FROM stock_reservations r JOIN requests q ON q.id = r.request_id
         WHERE r.request_id = $1 AND r.order_id IS NULL AND (r.released_at IS NULL OR r.released_at >= q.submitted_at)")
    .bind::<SqlUuid, _>(request)
    .get_result(tx.conn())
    .await?;
    if usize::try_from(held.held) == Ok(kept) { Ok(()) } else { Err(refuse(Code::Expired)) }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    held: i64,
}

/// Gives an order's reservations another end.
pub async fn set_lapse(tx: &mut Tx, order: OrderId, lapses_at: DateTime<Utc>) -> Result<(), Error> {
    sql("UPDATE stock_reservations SET lapses_at = $2 WHERE order_id = $1 AND released_at IS NULL")
        .bind::<SqlUuid, _>(order)
        .bind::<Timestamptz, _>(lapses_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Makes an order's reservations lasting.
///
/// # Errors
/// `expired` when one of them has been let go of meanwhile.
pub async fn firm_up(tx: &mut Tx, order: OrderId) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Gone {
        #[diesel(sql_type = Bool)]
        gone: bool,
    }
    sql("UPDATE stock_reservations SET lapses_at = NULL WHERE order_id = $1 AND released_at IS NULL")
        .bind::<SqlUuid, _>(order)
        .execute(tx.conn())
        .await?;
    let row: Gone = sql(
        "SELECT EXISTS (SELECT FROM stock_reservations WHERE order_id = $1 AND released_at IS NOT NULL) AS gone",
    )
    .bind::<SqlUuid, _>(order)
    .get_result(tx.conn())
    .await?;
    if row.gone { Err(refuse(Code::Expired)) } else { Ok(()) }
}

/// How many reservations of some goods a request ever made; compared with how many can still be
/// moved, it tells whether one was let go of.
pub async fn count_held(conn: &mut Conn, request: RequestId, products: &[ProductId]) -> Result<usize, Error> {
    let row: Count =
        sql("SELECT count(*) AS held FROM stock_reservations r JOIN requests q ON q.id = r.request_id
         WHERE r.request_id = $1 AND r.product_id = ANY($2) AND r.order_id IS NULL
           AND (r.released_at IS NULL OR r.released_at >= q.submitted_at)")
        .bind::<SqlUuid, _>(request)
        .bind::<Array<SqlUuid>, _>(products)
        .get_result(conn)
        .await?;
    Ok(usize::try_from(row.held).unwrap_or_default())
}
