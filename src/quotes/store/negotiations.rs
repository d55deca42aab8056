//! Negotiations, their rounds, and the requests that they belong to.
use super::super::model::{Latest, NegotiationStatus, PricedLine, Side};
use crate::kernel::{
    Amount, Code, Error, LineId, MembershipId, ProductId, Quantity, Realm, RequestId, RoundId, VendorId,
    refuse,
};
use crate::platform::db::{Conn, Tx, kept};
use crate::requests::{self, Sight};
use crate::schema::{negotiation_rounds, negotiations, requests as request_table};
use crate::taxes::PriceBasis;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = negotiations, check_for_backend(diesel::pg::Pg))]
pub struct Negotiation {
    pub id: Uuid,
    pub realm: Realm,
    pub request_id: RequestId,
    pub vendor_id: VendorId,
    pub attempt: i32,
    pub status: NegotiationStatus,
    pub lines: Value,
    pub shipping_fee: Amount,
    pub gross_total: Amount,
    pub opened_at: DateTime<Utc>,
    pub last_activity_at: DateTime<Utc>,
    pub agreed_round_id: Option<RoundId>,
}

/// A line as it was when the negotiation began; the record keeps it whatever becomes of the request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NegotiatedLine {
    pub line_id: LineId,
    pub product_id: ProductId,
    pub name: String,
    pub unit: String,
    pub quantity: Quantity,
    pub list_price: Amount,
    pub price_basis: PriceBasis,
}

impl Negotiation {
    pub fn lines(&self) -> Result<Vec<NegotiatedLine>, Error> {
        serde_json::from_value(self.lines.clone())
            .map_err(|error| Error::Internal(format!("negotiated lines: {error}")))
    }
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = negotiation_rounds, check_for_backend(diesel::pg::Pg))]
pub struct Round {
    pub id: RoundId,
    pub negotiation_id: Uuid,
    pub number: i32,
    pub proposed_by: Side,
    pub membership_id: MembershipId,
    pub unit_prices: Value,
    pub goods_total: Amount,
    pub shipping_fee: Amount,
    pub vat_total: Amount,
    pub gross_total: Amount,
    pub lead_time_days: Option<i32>,
    pub note: Option<String>,
    pub proposed_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl Round {
    pub fn prices(&self) -> Result<Vec<PricedLine>, Error> {
        serde_json::from_value(self.unit_prices.clone())
            .map_err(|error| Error::Internal(format!("negotiated prices: {error}")))
    }

    pub fn latest(&self) -> Latest {
        Latest { id: self.id, number: self.number, by: self.proposed_by, expires_at: self.expires_at }
    }
}

/// Whose eyes a request is looked at with: its office's, or those of a vendor that it asked.
#[derive(Clone, Debug)]
pub enum Party {
    Office(Sight),
    Vendor(VendorId),
}

impl Party {
    pub fn side(&self) -> Side {
        match self {
            Self::Office(_) => Side::Office,
            Self::Vendor(_) => Side::Vendor,
        }
    }
}

fn seen(party: &Party) -> Box<dyn BoxableExpression<request_table::table, Pg, SqlType = Bool>> {
    match party {
        Party::Office(sight) => requests::seen(sight),
        // Back at the desk it is the office's own again.
        Party::Vendor(vendor) => Box::new(
            request_table::status.ne_all(["draft", "returned", "withdrawn"]).and(diesel::dsl::exists(
                negotiations::table.filter(
                    negotiations::request_id
                        .eq(request_table::id)
                        .and(negotiations::attempt.eq(request_table::attempt))
                        .and(negotiations::vendor_id.eq(*vendor)),
                ),
            )),
        ),
    }
}

/// A request that the party sees; another's is not found.
pub async fn find_request(conn: &mut Conn, party: &Party, id: RequestId) -> Result<requests::Row, Error> {
    let query = request_table::table.find(id).filter(seen(party)).select(requests::Row::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked; another's is not waited for either.
pub async fn lock_request(tx: &mut Tx, party: &Party, id: RequestId) -> Result<requests::Row, Error> {
    let query = request_table::table.find(id).filter(seen(party)).select(requests::Row::as_select());
    let found = query.for_no_key_update().first(tx.conn()).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

pub async fn insert_negotiation(tx: &mut Tx, row: &Negotiation) -> Result<(), Error> {
    kept(diesel::insert_into(negotiations::table).values(row)).execute(tx.conn()).await?;
    Ok(())
}

/// The negotiations of a request's present attempt, by vendor; the request's lock guards them.
pub async fn negotiations(
    conn: &mut Conn,
    request: &requests::Row,
    party: &Party,
) -> Result<Vec<Negotiation>, Error> {
    let mut query = negotiations::table
        .filter(negotiations::request_id.eq(request.id).and(negotiations::attempt.eq(request.attempt)))
        .select(Negotiation::as_select())
        .order(negotiations::vendor_id)
        .into_boxed();
    if let Party::Vendor(vendor) = party {
        query = query.filter(negotiations::vendor_id.eq(*vendor));
    }
    Ok(query.load(conn).await?)
}

/// The rounds of some negotiations, oldest first.
pub async fn rounds(conn: &mut Conn, negotiations: &[Uuid]) -> Result<Vec<Round>, Error> {
    Ok(negotiation_rounds::table
        .filter(negotiation_rounds::negotiation_id.eq_any(negotiations))
        .select(Round::as_select())
        .order((negotiation_rounds::negotiation_id, negotiation_rounds::number))
        .load(conn)
        .await?)
}

pub async fn insert_round(tx: &mut Tx, round: &Round) -> Result<(), Error> {
    kept(diesel::insert_into(negotiation_rounds::table).values(round)).execute(tx.conn()).await?;
    kept(
        diesel::update(negotiations::table.find(round.negotiation_id))
            .set(negotiations::last_activity_at.eq(round.proposed_at)),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a negotiation: with the round that both accepted, or without one.
pub async fn close_negotiation(
    tx: &mut Tx,
    id: Uuid,
    agreed: Option<RoundId>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let status = if agreed.is_some() { NegotiationStatus::Agreed } else { NegotiationStatus::Failed };
    kept(diesel::update(negotiations::table.find(id)).set((
        negotiations::status.eq(status),
        negotiations::agreed_round_id.eq(agreed),
        negotiations::last_activity_at.eq(at),
    )))
    .execute(tx.conn())
    .await?;
    Ok(())
}
