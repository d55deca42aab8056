//! What is asked for: lines, their deliveries, and what delivery costs.
use super::super::model::SlotFields;
use crate::kernel::{
    Amount, Error, LineId, PersonalValueId, ProductId, Quantity, Realm, RequestId, VendorId,
};
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::schema::{delivery_slots, request_lines};
use chrono::{NaiveDate, NaiveTime};
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = request_lines, check_for_backend(diesel::pg::Pg))]
pub struct LineRow {
    pub id: LineId,
    pub realm: Realm,
    pub request_id: RequestId,
    pub position: i32,
    pub product_id: ProductId,
    pub vendor_id: VendorId,
    pub quantity: Quantity,
    pub product_version: Option<i32>,
    pub unit_price: Option<Amount>,
    pub goods_amount: Option<Amount>,
    pub vat_amount: Option<Amount>,
    pub snapshot: Option<Value>,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = delivery_slots, check_for_backend(diesel::pg::Pg))]
pub struct SlotRow {
    pub id: uuid::Uuid,
    pub line_id: LineId,
    pub position: i32,
    pub day: NaiveDate,
    pub time_from: NaiveTime,
    pub time_to: NaiveTime,
    pub region_code: String,
    pub address: String,
    pub contact_name: String,
    pub contact_phone_id: Option<PersonalValueId>,
    pub quantity: Quantity,
}

impl SlotRow {
    /// The delivery as its officer typed it.
    pub fn fields(&self, contact_phone: Option<String>) -> SlotFields {
        SlotFields {
            day: self.day,
            time_from: self.time_from,
            time_to: self.time_to,
            region_code: self.region_code.clone(),
            address: self.address.clone(),
            contact_name: self.contact_name.clone(),
            contact_phone,
            quantity: self.quantity,
        }
    }
}

pub async fn lines(conn: &mut Conn, request: RequestId) -> Result<Vec<LineRow>, Error> {
    Ok(request_lines::table
        .filter(request_lines::request_id.eq(request))
        .select(LineRow::as_select())
        .order(request_lines::position)
        .load(conn)
        .await?)
}

pub async fn slots_of(conn: &mut Conn, lines: &[LineId]) -> Result<Vec<SlotRow>, Error> {
    Ok(delivery_slots::table
        .filter(delivery_slots::line_id.eq_any(lines))
        .select(SlotRow::as_select())
        .order((delivery_slots::line_id, delivery_slots::position))
        .load(conn)
        .await?)
}

pub async fn replace_lines(
    tx: &mut Tx,
    request: RequestId,
    lines: &[LineRow],
    slots: &[SlotRow],
) -> Result<(), Error> {
    let phones: Vec<PersonalValueId> = delivery_slots::table
        .inner_join(request_lines::table)
        .filter(request_lines::request_id.eq(request).and(delivery_slots::contact_phone_id.is_not_null()))
        .select(delivery_slots::contact_phone_id.assume_not_null())
        .load(tx.conn())
        .await?;
    diesel::delete(request_lines::table.filter(request_lines::request_id.eq(request)))
        .execute(tx.conn())
        .await?;
    diesel::insert_into(request_lines::table).values(lines).execute(tx.conn()).await?;
    diesel::insert_into(delivery_slots::table).values(slots).execute(tx.conn()).await?;
    forget_unused_phones(tx, phones).await
}

/// Erases phones of deliveries that no delivery names any more.
pub async fn forget_unused_phones(tx: &mut Tx, phones: Vec<PersonalValueId>) -> Result<(), Error> {
    if !phones.is_empty() {
        // A copied request shares its phones with the one it came from.
        sql("DELETE FROM personal_values v WHERE v.id = ANY($1)
               AND NOT EXISTS (SELECT FROM delivery_slots s WHERE s.contact_phone_id = v.id)
               AND NOT EXISTS (SELECT FROM quotation_slots s WHERE s.contact_phone_id = v.id)")
        .bind::<Array<SqlUuid>, _>(phones)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Freezes a line's price and picture of the product.
pub async fn freeze_line(tx: &mut Tx, line: &LineRow) -> Result<(), Error> {
    kept(diesel::update(request_lines::table.find(line.id)).set((
        request_lines::product_version.eq(line.product_version),
        request_lines::unit_price.eq(line.unit_price),
        request_lines::goods_amount.eq(line.goods_amount),
        request_lines::vat_amount.eq(line.vat_amount),
        request_lines::snapshot.eq(&line.snapshot),
    )))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what each vendor charges for delivery.
pub async fn freeze_shipping(
    tx: &mut Tx,
    request: RequestId,
    fees: &[(VendorId, Amount, Amount)],
) -> Result<(), Error> {
    use crate::schema::request_shipping;
    diesel::delete(request_shipping::table.filter(request_shipping::request_id.eq(request)))
        .execute(tx.conn())
        .await?;
    let rows: Vec<_> = fees
        .iter()
        .map(|(vendor, fee, fee_vat)| {
            (
                request_shipping::request_id.eq(request),
                request_shipping::vendor_id.eq(*vendor),
                request_shipping::fee.eq(*fee),
                request_shipping::fee_vat.eq(*fee_vat),
            )
        })
        .collect();
    diesel::insert_into(request_shipping::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

/// What each vendor of a submitted request charges for delivery, and the VAT on it.
pub async fn shipping_of(
    conn: &mut Conn,
    request: RequestId,
) -> Result<std::collections::HashMap<VendorId, (Amount, Amount)>, Error> {
    use crate::schema::request_shipping;
    let rows: Vec<(VendorId, Amount, Amount)> = request_shipping::table
        .filter(request_shipping::request_id.eq(request))
        .select((request_shipping::vendor_id, request_shipping::fee, request_shipping::fee_vat))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(vendor, fee, fee_vat)| (vendor, (fee, fee_vat))).collect())
}

/// The days on which some lines are delivered, earliest first.
pub async fn delivery_days(conn: &mut Conn, lines: &[LineId]) -> Result<Vec<NaiveDate>, Error> {
    Ok(delivery_slots::table
        .filter(delivery_slots::line_id.eq_any(lines))
        .select(delivery_slots::day)
        .distinct()
        .order(delivery_slots::day)
        .load(conn)
        .await?)
}
