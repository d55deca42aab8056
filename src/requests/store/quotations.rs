//! What an office says when it asks for quotes: terms, lines, deliveries, invitations.
use super::super::model::{AwardMode, Criterion, EvaluationMethod, Invitation};
use super::SlotRow;
use crate::kernel::{
    Amount, Code, Error, LineId, PersonalValueId, ProductId, Quantity, Realm, RequestId, VendorId, refuse,
};
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::platform::new_id;
use crate::schema::{quotation_invitations, quotation_lines, quotation_slots, quotations};
use crate::taxes::Totals;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Numeric, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = quotations, primary_key(request_id), check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct QuotationRow {
    pub request_id: RequestId,
    pub realm: Realm,
    pub invitation: Invitation,
    pub award: AwardMode,
    pub evaluation: EvaluationMethod,
    pub criteria: Value,
    pub terms: String,
    pub window_days: i32,
    pub estimate_total: Option<Amount>,
    pub estimate_public: bool,
    pub estimate_sealed: Option<Vec<u8>>,
    pub estimate_set_at: Option<DateTime<Utc>>,
    pub addenda: i32,
    pub opening_mode: Option<String>,
    pub opened_for_quotes_at: Option<DateTime<Utc>>,
    pub opened_at: Option<DateTime<Utc>>,
    pub evaluated_at: Option<DateTime<Utc>>,
}

impl QuotationRow {
    pub fn criteria(&self) -> Result<Vec<Criterion>, Error> {
        serde_json::from_value(self.criteria.clone())
            .map_err(|error| Error::Internal(format!("quotation criteria: {error}")))
    }
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quotation_lines, check_for_backend(diesel::pg::Pg))]
pub struct AskedLine {
    pub id: LineId,
    pub realm: Realm,
    pub request_id: RequestId,
    pub position: i32,
    pub product_id: Option<ProductId>,
    pub category_code: String,
    pub name: String,
    pub description: String,
    pub unit: String,
    pub attributes: Value,
    pub quantity: Quantity,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quotation_slots, check_for_backend(diesel::pg::Pg))]
struct AskedSlot {
    id: Uuid,
    line_id: LineId,
    position: i32,
    day: NaiveDate,
    time_from: NaiveTime,
    time_to: NaiveTime,
    region_code: String,
    address: String,
    contact_name: String,
    contact_phone_id: Option<PersonalValueId>,
    quantity: Quantity,
}

impl From<AskedSlot> for SlotRow {
    fn from(slot: AskedSlot) -> Self {
        Self {
            id: slot.id,
            line_id: slot.line_id,
            position: slot.position,
            day: slot.day,
            time_from: slot.time_from,
            time_to: slot.time_to,
            region_code: slot.region_code,
            address: slot.address,
            contact_name: slot.contact_name,
            contact_phone_id: slot.contact_phone_id,
            quantity: slot.quantity,
        }
    }
}

impl From<&SlotRow> for AskedSlot {
    fn from(slot: &SlotRow) -> Self {
        Self {
            id: slot.id,
            line_id: slot.line_id,
            position: slot.position,
            day: slot.day,
            time_from: slot.time_from,
            time_to: slot.time_to,
            region_code: slot.region_code.clone(),
            address: slot.address.clone(),
            contact_name: slot.contact_name.clone(),
            contact_phone_id: slot.contact_phone_id,
            quantity: slot.quantity,
        }
    }
}

pub async fn quotation(conn: &mut Conn, request: RequestId) -> Result<Option<QuotationRow>, Error> {
    Ok(quotations::table.find(request).select(QuotationRow::as_select()).first(conn).await.optional()?)
}

/// The quotation of a request that has one.
pub async fn quotation_of(conn: &mut Conn, request: RequestId) -> Result<QuotationRow, Error> {
    quotation(conn, request).await?.ok_or_else(|| refuse(Code::IllegalTransition))
}

/// Writes a quotation's terms; the request's lock guards it.
pub async fn save_quotation(tx: &mut Tx, row: &QuotationRow) -> Result<(), Error> {
    diesel::insert_into(quotations::table)
        .values(row)
        .on_conflict(quotations::request_id)
        .do_update()
        .set(row)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn asked_lines(conn: &mut Conn, request: RequestId) -> Result<Vec<AskedLine>, Error> {
    Ok(quotation_lines::table
        .filter(quotation_lines::request_id.eq(request))
        .select(AskedLine::as_select())
        .order(quotation_lines::position)
        .load(conn)
        .await?)
}

/// The deliveries of asked lines, in order.
pub async fn asked_slots(conn: &mut Conn, lines: &[LineId]) -> Result<Vec<SlotRow>, Error> {
    let slots: Vec<AskedSlot> = quotation_slots::table
        .filter(quotation_slots::line_id.eq_any(lines))
        .select(AskedSlot::as_select())
        .order((quotation_slots::line_id, quotation_slots::position))
        .load(conn)
        .await?;
    Ok(slots.into_iter().map(SlotRow::from).collect())
}

/// Puts other lines in the place of a draft's.
pub async fn replace_asked_lines(
    tx: &mut Tx,
    request: RequestId,
    lines: &[AskedLine],
    slots: &[SlotRow],
) -> Result<(), Error> {
    let phones: Vec<PersonalValueId> = quotation_slots::table
        .inner_join(quotation_lines::table)
        .filter(quotation_lines::request_id.eq(request).and(quotation_slots::contact_phone_id.is_not_null()))
        .select(quotation_slots::contact_phone_id.assume_not_null())
        .load(tx.conn())
        .await?;
    diesel::delete(quotation_lines::table.filter(quotation_lines::request_id.eq(request)))
        .execute(tx.conn())
        .await?;
    diesel::insert_into(quotation_lines::table).values(lines).execute(tx.conn()).await?;
    let slots: Vec<AskedSlot> = slots.iter().map(AskedSlot::from).collect();
    diesel::insert_into(quotation_slots::table).values(&slots).execute(tx.conn()).await?;
    super::forget_unused_phones(tx, phones).await
}

/// Takes a quotation off a draft.
pub async fn drop_quotation(tx: &mut Tx, request: RequestId) -> Result<(), Error> {
    replace_asked_lines(tx, request, &[], &[]).await?;
    diesel::delete(quotations::table.find(request)).execute(tx.conn()).await?;
    Ok(())
}

/// Copies a quotation to a new draft; its history stays behind.
pub async fn copy_quotation(tx: &mut Tx, from: RequestId, to: RequestId) -> Result<(), Error> {
    let Some(row) = quotation(tx.conn(), from).await? else { return Ok(()) };
    let copy = QuotationRow {
        request_id: to,
        estimate_total: None,
        estimate_sealed: None,
        estimate_set_at: None,
        addenda: 0,
        opening_mode: None,
        opened_for_quotes_at: None,
        opened_at: None,
        evaluated_at: None,
        ..row
    };
    save_quotation(tx, &copy).await?;
    let held = asked_lines(tx.conn(), from).await?;
    let ids: Vec<LineId> = held.iter().map(|line| line.id).collect();
    let slots = asked_slots(tx.conn(), &ids).await?;
    let (mut lines, mut copied) = (Vec::new(), Vec::new());
    for line in held {
        let id = new_id::<LineId>();
        copied.extend(slots.iter().filter(|slot| slot.line_id == line.id).map(|slot| SlotRow {
            id: new_id::<Uuid>(),
            line_id: id,
            ..slot.clone()
        }));
        lines.push(AskedLine { id, request_id: to, ..line });
    }
    replace_asked_lines(tx, to, &lines, &copied).await?;
    let invited = invited_vendors(tx.conn(), from).await?;
    let now = tx.now().await?;
    invite(tx, to, row.realm, &invited, now).await?;
    Ok(())
}

pub async fn invited_vendors(conn: &mut Conn, request: RequestId) -> Result<Vec<VendorId>, Error> {
    Ok(quotation_invitations::table
        .filter(quotation_invitations::request_id.eq(request))
        .select(quotation_invitations::vendor_id)
        .order(quotation_invitations::invited_at)
        .load(conn)
        .await?)
}

/// Vendors that take part in a quotation: invited, or with a quote that counts.
pub async fn taking_part(conn: &mut Conn, request: RequestId) -> Result<Vec<VendorId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        vendor_id: VendorId,
    }
    let rows: Vec<Id> = sql("SELECT vendor_id FROM quotation_invitations WHERE request_id = $1
         UNION SELECT vendor_id FROM quotes WHERE request_id = $1 AND status NOT IN ('draft', 'withdrawn')
         ORDER BY vendor_id LIMIT 2000")
    .bind::<SqlUuid, _>(request)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.vendor_id).collect())
}

/// Invites vendors; one who is invited already stays so. Answers who is new.
pub async fn invite(
    tx: &mut Tx,
    request: RequestId,
    realm: Realm,
    vendors: &[VendorId],
    at: DateTime<Utc>,
) -> Result<Vec<VendorId>, Error> {
    let rows: Vec<_> = vendors
        .iter()
        .map(|vendor| {
            (
                quotation_invitations::request_id.eq(request),
                quotation_invitations::vendor_id.eq(*vendor),
                quotation_invitations::realm.eq(realm),
                quotation_invitations::invited_at.eq(at),
            )
        })
        .collect();
    Ok(diesel::insert_into(quotation_invitations::table)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(quotation_invitations::vendor_id)
        .get_results(tx.conn())
        .await?)
}

/// An order of a request that has not fallen through.
#[derive(QueryableByName)]
pub struct StandingOrder {
    #[diesel(sql_type = SqlUuid)]
    pub vendor_id: VendorId,
    /// The asked lines that it holds.
    #[diesel(sql_type = Array<SqlUuid>)]
    pub asked_line_ids: Vec<LineId>,
    /// Rupiah, like those below.
    #[diesel(sql_type = Numeric)]
    pub goods_total: Amount,
    /// What this order bears of its quote's fee.
    #[diesel(sql_type = Numeric)]
    pub shipping_fee: Amount,
    #[diesel(sql_type = Numeric)]
    pub vat_total: Amount,
    #[diesel(sql_type = Numeric)]
    pub gross_total: Amount,
}

/// What standing orders come to together, in rupiah.
pub fn totals_of(orders: &[StandingOrder]) -> Totals {
    let sum = |pick: fn(&StandingOrder) -> Amount| orders.iter().map(pick).sum::<Amount>();
    Totals {
        goods: sum(|order| order.goods_total),
        shipping: sum(|order| order.shipping_fee),
        vat: sum(|order| order.vat_total),
        gross: sum(|order| order.gross_total),
    }
}

/// The orders of a request that have not fallen through: neither ended, nor silent until their vendor was
/// passed over.
pub async fn standing_orders(conn: &mut Conn, request: RequestId) -> Result<Vec<StandingOrder>, Error> {
    Ok(sql("SELECT o.vendor_id, o.goods_total, o.shipping_fee, o.vat_total, o.gross_total,
            ARRAY(SELECT (l.snapshot ->> 'asked_line_id')::uuid FROM order_lines ol
                JOIN request_lines l ON l.id = ol.request_line_id
                WHERE ol.order_id = o.id AND l.snapshot ? 'asked_line_id') AS asked_line_ids
         FROM orders o WHERE o.request_id = $1 AND o.status IN ('issued', 'change_proposed', 'accepted')
           AND o.passed_over_at IS NULL")
    .bind::<SqlUuid, _>(request)
    .load(conn)
    .await?)
}

/// Lines of a request that no order holds yet, in order.
pub async fn unordered_lines(conn: &mut Conn, request: RequestId) -> Result<Vec<super::LineRow>, Error> {
    use crate::schema::{order_lines, request_lines};
    let held = order_lines::table.filter(order_lines::request_line_id.eq(request_lines::id));
    Ok(request_lines::table
        .filter(request_lines::request_id.eq(request).and(diesel::dsl::not(diesel::dsl::exists(held))))
        .select(super::LineRow::as_select())
        .order(request_lines::position)
        .load(conn)
        .await?)
}

/// Takes lines away that no order came of.
pub async fn drop_unordered_lines(tx: &mut Tx, request: RequestId) -> Result<(), Error> {
    sql("DELETE FROM request_lines l WHERE l.request_id = $1
           AND NOT EXISTS (SELECT FROM order_lines ol WHERE ol.request_line_id = l.id)")
    .bind::<SqlUuid, _>(request)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes the awarded lines a request's own, so that orders come of them like of any other.
pub async fn insert_awarded_lines(
    tx: &mut Tx,
    lines: &[super::LineRow],
    slots: &[SlotRow],
) -> Result<(), Error> {
    use crate::schema::{delivery_slots, request_lines};
    kept(diesel::insert_into(request_lines::table).values(lines)).execute(tx.conn()).await?;
    diesel::insert_into(delivery_slots::table).values(slots).execute(tx.conn()).await?;
    Ok(())
}
