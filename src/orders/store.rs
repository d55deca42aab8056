//! How orders are remembered.
use super::model::{ChangeStatus, OrderStatus, PriceChange, Side, State};
use crate::kernel::{
    Amount, ChangeId, Code, Error, LineId, OrderId, OrganisationId, ProductId, Quantity, Realm, RequestId,
    UnitId, VendorId, refuse,
};
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::policies::ContractForm;
use crate::requests::PaymentWay;
use crate::schema::{order_changes, order_lines, orders};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = orders, check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Row {
    pub id: OrderId,
    pub realm: Realm,
    pub agency_id: OrganisationId,
    pub unit_id: UnitId,
    pub vendor_id: VendorId,
    pub request_id: RequestId,
    pub number: String,
    pub status: OrderStatus,
    pub status_reason: Option<String>,
    pub fulfilment: String,
    pub acceptance: String,
    pub billing: String,
    pub goods_total: Amount,
    pub shipping_fee: Amount,
    pub vat_total: Amount,
    pub gross_total: Amount,
    pub tax_regime: String,
    pub payment_way: PaymentWay,
    pub contract_form: ContractForm,
    pub policy_versions: Value,
    pub needed_on: NaiveDate,
    /// Where an accepted change moved the last delivery.
    pub last_delivery_on: Option<NaiveDate>,
    pub issued_at: DateTime<Utc>,
    pub answer_due_at: DateTime<Utc>,
    pub clock_provisional: bool,
    pub answered_at: Option<DateTime<Utc>>,
    pub expiry_announced_at: Option<DateTime<Utc>>,
    pub cancel_asked_by: Option<Side>,
    pub cancel_reason: Option<String>,
    pub replaced_by_request_id: Option<RequestId>,
    /// Which award of its request it came of.
    pub award: i32,
    pub version: i32,
    /// When the next rank was asked for in its place.
    pub passed_over_at: Option<DateTime<Utc>>,
}

impl Row {
    /// # Errors
    /// `Internal` for a row that no state allows.
    pub fn state(&self) -> Result<State, Error> {
        let state = match (self.status, self.status_reason.clone()) {
            (OrderStatus::Issued, _) => State::Issued { due: self.answer_due_at },
            (OrderStatus::ChangeProposed, _) => State::ChangeProposed { due: self.answer_due_at },
            (OrderStatus::Accepted, _) => State::Accepted,
            (OrderStatus::Declined, Some(reason)) => State::Declined { reason },
            (OrderStatus::Expired, _) => State::Expired,
            (OrderStatus::Cancelled, Some(reason)) => State::Cancelled { reason },
            _ => return Err(Error::Internal("orders.status does not fit its columns".into())),
        };
        Ok(state)
    }

    pub fn with_state(mut self, state: State) -> Self {
        self.status = state.status();
        self.status_reason = match state {
            State::Issued { due } | State::ChangeProposed { due } => {
                self.answer_due_at = due;
                None
            }
            State::Declined { reason } | State::Cancelled { reason } => Some(reason),
            State::Accepted | State::Expired => None,
        };
        self
    }
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = order_lines, check_for_backend(diesel::pg::Pg))]
pub struct LineRow {
    pub id: LineId,
    pub order_id: OrderId,
    pub request_line_id: LineId,
    pub position: i32,
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub unit_price: Amount,
    pub goods_amount: Amount,
    pub vat_amount: Amount,
    pub snapshot: Value,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = order_changes, check_for_backend(diesel::pg::Pg))]
pub struct ChangeRow {
    pub id: ChangeId,
    pub order_id: OrderId,
    pub status: ChangeStatus,
    pub proposed_at: DateTime<Utc>,
    pub needed_on: Option<NaiveDate>,
    pub unit_prices: Value,
    pub brand: Option<String>,
    pub reason: String,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_reason: Option<String>,
    pub version: i32,
}

impl ChangeRow {
    pub fn prices(&self) -> Result<Vec<PriceChange>, Error> {
        serde_json::from_value(self.unit_prices.clone())
            .map_err(|error| Error::Internal(format!("order change: {error}")))
    }
}

/// Which orders a caller sees: the own vendor's, or those of the units of the own appointment.
#[derive(Clone, Debug)]
pub enum Sight {
    Vendor(VendorId),
    Agency { agency: OrganisationId, units: Vec<UnitId> },
}

pub async fn insert(tx: &mut Tx, row: &Row, lines: &[LineRow]) -> Result<(), Error> {
    kept(diesel::insert_into(orders::table).values(row)).execute(tx.conn()).await?;
    diesel::insert_into(order_lines::table).values(lines).execute(tx.conn()).await?;
    Ok(())
}

fn seen(sight: &Sight) -> Box<dyn BoxableExpression<orders::table, Pg, SqlType = Bool>> {
    match sight {
        Sight::Vendor(vendor) => Box::new(orders::vendor_id.eq(*vendor)),
        Sight::Agency { agency, units } if units.is_empty() => Box::new(orders::agency_id.eq(*agency)),
        Sight::Agency { units, .. } => Box::new(orders::unit_id.eq_any(units.clone())),
    }
}

/// An order that the caller sees; another's is not found.
pub async fn find(conn: &mut Conn, sight: &Sight, id: OrderId) -> Result<Row, Error> {
    let query = orders::table.find(id).filter(seen(sight)).select(Row::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

/// Locks the order, and its request before it, as the lock order asks.
/// Another's order is neither waited for nor found.
pub async fn lock(tx: &mut Tx, sight: &Sight, id: OrderId) -> Result<Row, Error> {
    let request = find(tx.conn(), sight, id).await?.request_id;
    sql("SELECT 1 FROM requests WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(request)
        .execute(tx.conn())
        .await?;
    let query = orders::table.find(id).filter(seen(sight)).select(Row::as_select());
    let found = query.for_no_key_update().first(tx.conn()).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

pub async fn list(
    conn: &mut Conn,
    sight: &Sight,
    status: Option<OrderStatus>,
    now: DateTime<Utc>,
    request: Option<RequestId>,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let before = after.unwrap_or(OrderId(uuid::Uuid::max()));
    let mut query = orders::table
        .filter(orders::id.lt(before).and(seen(sight)))
        .select(Row::as_select())
        .order(orders::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        // The status as it is shown: by the clock.
        let shown = diesel::dsl::sql::<Text>(
            "(CASE WHEN orders.status IN ('issued', 'change_proposed') AND orders.answer_due_at <= ",
        )
        .bind::<Timestamptz, _>(now)
        .sql(" THEN 'expired' ELSE orders.status END)");
        query = query.filter(shown.eq(status.as_str()));
    }
    if let Some(request) = request {
        query = query.filter(orders::request_id.eq(request));
    }
    Ok(query.load(conn).await?)
}

/// Something that somebody is to do before a deadline that is near.
#[derive(QueryableByName)]
pub struct Waiting {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = SqlUuid)]
    pub id: uuid::Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub agency_id: OrganisationId,
    #[diesel(sql_type = Text)]
    pub title: String,
    /// An order's number; none for a request.
    #[diesel(sql_type = Nullable<Text>)]
    pub number: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub vendor_id: Option<VendorId>,
    #[diesel(sql_type = Timestamptz)]
    pub due: DateTime<Utc>,
}

/// Deadlines between two times that nobody was reminded of, the nearest first; others work on the rest.
/// What began only after the time for reminding needs no reminder.
pub async fn near_deadlines(
    tx: &mut Tx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Waiting>, Error> {
    let realm = tx.realm();
    let mut near: Vec<Waiting> = sql("SELECT CASE r.status WHEN 'open' THEN 'quotation' ELSE 'approval' END AS kind, r.id, r.agency_id, r.title,
            NULL AS number, NULL::uuid AS vendor_id, CASE r.status WHEN 'open' THEN r.quote_deadline ELSE r.approval_due_at END AS due
         FROM requests r WHERE r.realm = $1 AND (
            (r.status = 'pending_approval' AND r.approval_due_at > $2 AND r.approval_due_at <= $3
                AND r.reminded_for IS DISTINCT FROM r.approval_due_at AND r.submitted_at < r.approval_due_at - ($3 - $2))
            OR (r.status = 'open' AND r.quote_deadline > $2 AND r.quote_deadline <= $3
                AND r.reminded_for IS DISTINCT FROM r.quote_deadline AND r.updated_at < r.quote_deadline - ($3 - $2)))
         ORDER BY due LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED")
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(until)
    .bind::<BigInt, _>(limit)
    .load(tx.conn())
    .await?;
    if near.is_empty() {
        near = sql("SELECT 'order' AS kind, o.id, o.agency_id, r.title, o.number, o.vendor_id, o.answer_due_at AS due
             FROM orders o JOIN requests r ON r.id = o.request_id
             WHERE o.realm = $1 AND o.status = 'issued' AND o.answer_due_at > $2 AND o.answer_due_at <= $3
               AND o.reminded_for IS DISTINCT FROM o.answer_due_at AND o.issued_at < o.answer_due_at - ($3 - $2)
             ORDER BY due LIMIT $4 FOR NO KEY UPDATE OF o SKIP LOCKED")
        .bind::<Text, _>(realm)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(until)
        .bind::<BigInt, _>(limit)
        .load(tx.conn())
        .await?;
    }
    Ok(near)
}

/// Remembers that somebody was reminded of a deadline.
pub async fn mark_reminded(tx: &mut Tx, waiting: &Waiting) -> Result<(), Error> {
    let table = if waiting.number.is_some() { "orders" } else { "requests" };
    sql(format!("UPDATE {table} SET reminded_for = $2 WHERE id = $1"))
        .bind::<SqlUuid, _>(waiting.id)
        .bind::<Timestamptz, _>(waiting.due)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The number of a request's last award; none: zero.
pub async fn last_award(conn: &mut Conn, request: RequestId) -> Result<i32, Error> {
    let last: Option<i32> = orders::table
        .filter(orders::request_id.eq(request))
        .select(diesel::dsl::max(orders::award))
        .first(conn)
        .await?;
    Ok(last.unwrap_or_default())
}

/// Saves a locked order as its next version.
pub async fn save(tx: &mut Tx, row: Row) -> Result<Row, Error> {
    let version = row.version;
    let next = Row { version: version + 1, ..row };
    kept(
        diesel::update(orders::table.find(next.id).filter(orders::version.eq(version)))
            .set(&next)
            .returning(Row::as_returning()),
    )
    .get_result(tx.conn())
    .await
    .optional()?
    .ok_or_else(|| refuse(Code::VersionStale))
}

pub async fn lines(conn: &mut Conn, order: OrderId) -> Result<Vec<LineRow>, Error> {
    Ok(order_lines::table
        .filter(order_lines::order_id.eq(order))
        .select(LineRow::as_select())
        .order(order_lines::position)
        .load(conn)
        .await?)
}

pub async fn set_line_price(tx: &mut Tx, line: &LineRow) -> Result<(), Error> {
    diesel::update(order_lines::table.find(line.id))
        .set((
            order_lines::unit_price.eq(line.unit_price),
            order_lines::goods_amount.eq(line.goods_amount),
            order_lines::vat_amount.eq(line.vat_amount),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn insert_change(tx: &mut Tx, row: &ChangeRow) -> Result<(), Error> {
    diesel::insert_into(order_changes::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

pub async fn changes(conn: &mut Conn, order: OrderId) -> Result<Vec<ChangeRow>, Error> {
    Ok(order_changes::table
        .filter(order_changes::order_id.eq(order))
        .select(ChangeRow::as_select())
        .order(order_changes::id.desc())
        .limit(100)
        .load(conn)
        .await?)
}

pub async fn find_change(conn: &mut Conn, order: OrderId, id: ChangeId) -> Result<ChangeRow, Error> {
    order_changes::table
        .filter(order_changes::id.eq(id).and(order_changes::order_id.eq(order)))
        .select(ChangeRow::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn decide_change(
    tx: &mut Tx,
    id: ChangeId,
    status: ChangeStatus,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<ChangeRow, Error> {
    Ok(diesel::update(order_changes::table.find(id))
        .set((
            order_changes::status.eq(status),
            order_changes::decided_at.eq(at),
            order_changes::decision_reason.eq(reason),
            order_changes::version.eq(order_changes::version + 1),
        ))
        .returning(ChangeRow::as_returning())
        .get_result(tx.conn())
        .await?)
}

/// Orders of a realm whose clock has passed, for announcing; the caller locks and looks again.
pub async fn lapsed(
    conn: &mut Conn,
    realm: Realm,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Lapsed>, Error> {
    Ok(sql(
        "SELECT id, agency_id FROM orders WHERE status IN ('issued', 'change_proposed') AND expiry_announced_at IS NULL
           AND answer_due_at <= $1 AND realm = $2 ORDER BY answer_due_at LIMIT $3",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(realm)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?)
}

#[derive(QueryableByName, Clone, Copy)]
pub struct Lapsed {
    #[diesel(sql_type = SqlUuid)]
    pub id: OrderId,
    #[diesel(sql_type = SqlUuid)]
    pub agency_id: OrganisationId,
}
