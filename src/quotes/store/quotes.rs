//! Quotes, their submissions, and what the opening found.
use super::super::sealed::{DisqualificationCode, QuoteStatus, SealedQuote};
use crate::kernel::{Code, Error, QuoteId, Realm, RequestId, VendorId, refuse};
use crate::platform::db::{Conn, OnConstraint, Tx, kept, sql};
use crate::schema::{opened_quotes, quote_submissions, quotes};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = quotes, check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Quote {
    pub id: QuoteId,
    pub realm: Realm,
    pub request_id: RequestId,
    pub vendor_id: VendorId,
    pub status: QuoteStatus,
    pub status_reason: Option<String>,
    pub own_copy: Vec<u8>,
    pub changed_at: DateTime<Utc>,
    pub submission: Option<i32>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub commitment: Option<Vec<u8>>,
    pub confirmed_addenda: i32,
    pub version: i32,
    pub disqualified_code: Option<DisqualificationCode>,
    pub verified_at: Option<DateTime<Utc>>,
    pub passed_over_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quote_submissions, check_for_backend(diesel::pg::Pg))]
pub struct Submission {
    pub quote_id: QuoteId,
    pub number: i32,
    pub request_id: RequestId,
    pub key_number: i32,
    pub sealed: Vec<u8>,
    pub commitment: Vec<u8>,
    pub submitted_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub end_reason: Option<String>,
}

pub async fn insert_quote(tx: &mut Tx, row: &Quote) -> Result<(), Error> {
    diesel::insert_into(quotes::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("quotes_vendor_key", Code::QuoteExists)?;
    Ok(())
}

/// A vendor's own quote.
pub async fn own_quote(conn: &mut Conn, vendor: VendorId, id: QuoteId) -> Result<Quote, Error> {
    quotes::table
        .filter(quotes::id.eq(id).and(quotes::vendor_id.eq(vendor)))
        .select(Quote::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked; the request is held before it.
pub async fn lock_own_quote(tx: &mut Tx, vendor: VendorId, id: QuoteId) -> Result<Quote, Error> {
    quotes::table
        .filter(quotes::id.eq(id).and(quotes::vendor_id.eq(vendor)))
        .select(Quote::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn quote_of(conn: &mut Conn, request: RequestId, vendor: VendorId) -> Result<Option<Quote>, Error> {
    Ok(quotes::table
        .filter(quotes::request_id.eq(request).and(quotes::vendor_id.eq(vendor)))
        .select(Quote::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// A quote of a request, once the request's quotes lie open.
pub async fn quote_in(conn: &mut Conn, request: RequestId, id: QuoteId) -> Result<Quote, Error> {
    quotes::table
        .filter(quotes::id.eq(id).and(quotes::request_id.eq(request)))
        .select(Quote::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn request_of_quote(conn: &mut Conn, id: QuoteId) -> Result<RequestId, Error> {
    let found = quotes::table.find(id).select(quotes::request_id).first(conn).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

/// A request's quotes that were handed in, by final submission.
pub async fn handed_in(conn: &mut Conn, request: RequestId) -> Result<Vec<Quote>, Error> {
    Ok(quotes::table
        .filter(quotes::request_id.eq(request).and(quotes::status.ne_all(["draft", "withdrawn"])))
        .select(Quote::as_select())
        .order((quotes::submitted_at, quotes::id))
        .limit(2_000)
        .load(conn)
        .await?)
}

pub async fn save_quote(tx: &mut Tx, row: Quote) -> Result<Quote, Error> {
    let version = row.version;
    let next = Quote { version: version + 1, ..row };
    kept(
        diesel::update(quotes::table.find(next.id).filter(quotes::version.eq(version)))
            .set(&next)
            .returning(Quote::as_returning()),
    )
    .get_result(tx.conn())
    .await
    .optional()?
    .ok_or_else(|| refuse(Code::VersionStale))
}

/// Ends the submission that counted.
pub async fn end_submission(
    tx: &mut Tx,
    quote: QuoteId,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    kept(
        diesel::update(
            quote_submissions::table
                .filter(quote_submissions::quote_id.eq(quote).and(quote_submissions::ended_at.is_null())),
        )
        .set((quote_submissions::ended_at.eq(at), quote_submissions::end_reason.eq(reason))),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn last_submission_number(conn: &mut Conn, quote: QuoteId) -> Result<i32, Error> {
    let last: Option<i32> = quote_submissions::table
        .filter(quote_submissions::quote_id.eq(quote))
        .select(diesel::dsl::max(quote_submissions::number))
        .first(conn)
        .await?;
    Ok(last.unwrap_or_default())
}

pub async fn insert_submission(tx: &mut Tx, row: &Submission) -> Result<(), Error> {
    kept(diesel::insert_into(quote_submissions::table).values(row)).execute(tx.conn()).await?;
    Ok(())
}

/// How many quotes count now, and their commitments in the order of submission.
pub async fn commitments(conn: &mut Conn, request: RequestId) -> Result<Vec<Vec<u8>>, Error> {
    Ok(quotes::table
        .filter(quotes::request_id.eq(request).and(quotes::submission.is_not_null()))
        .filter(quotes::status.ne_all(["draft", "withdrawn"]))
        .select(quotes::commitment.assume_not_null())
        .order((quotes::submitted_at, quotes::id))
        .limit(2_000)
        .load(conn)
        .await?)
}

/// Vendors whose quote counts now.
pub async fn vendors_with_quotes(conn: &mut Conn, request: RequestId) -> Result<Vec<VendorId>, Error> {
    Ok(quotes::table
        .filter(quotes::request_id.eq(request).and(quotes::status.ne_all(["draft", "withdrawn"])))
        .select(quotes::vendor_id)
        .order(quotes::vendor_id)
        .limit(2_000)
        .load(conn)
        .await?)
}

/// A counting submission as the opening meets it.
#[derive(QueryableByName)]
pub struct Counting {
    #[diesel(sql_type = SqlUuid)]
    pub quote_id: QuoteId,
    #[diesel(sql_type = SqlUuid)]
    pub vendor_id: VendorId,
    #[diesel(sql_type = Integer)]
    pub number: i32,
    #[diesel(sql_type = Integer)]
    pub key_number: i32,
    #[diesel(sql_type = Bytea)]
    pub sealed: Vec<u8>,
    #[diesel(sql_type = Bytea)]
    pub commitment: Vec<u8>,
    /// The one that is public; it must be the same.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub public_commitment: Option<Vec<u8>>,
    #[diesel(sql_type = Integer)]
    pub confirmed_addenda: i32,
    #[diesel(sql_type = Bool)]
    pub vat_registered: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub size_class: Option<String>,
    #[diesel(sql_type = Text)]
    pub legal_form: String,
}

pub async fn counting(conn: &mut Conn, request: RequestId) -> Result<Vec<Counting>, Error> {
    Ok(sql("SELECT q.id AS quote_id, q.vendor_id, s.number, s.key_number, s.sealed, s.commitment, q.commitment AS public_commitment, q.confirmed_addenda,
            v.vat_registered, v.size_class, v.legal_form
         FROM quotes q JOIN quote_submissions s ON s.quote_id = q.id AND s.ended_at IS NULL JOIN vendors v ON v.id = q.vendor_id
         WHERE q.request_id = $1 ORDER BY s.submitted_at, q.id LIMIT $2")
    .bind::<SqlUuid, _>(request)
    .bind::<BigInt, _>(2_000)
    .load(conn)
    .await?)
}

/// What the opening found in one quote.
pub struct Found {
    pub quote: QuoteId,
    pub status: QuoteStatus,
    /// What it says and its salt, or why it cannot be read.
    pub outcome: Result<(Value, Vec<u8>), String>,
    pub facts: Value,
}

/// Keeps what the opening found, all of it in two statements.
pub async fn keep_opened(
    tx: &mut Tx,
    request: RequestId,
    found: &[Found],
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let ids: Vec<QuoteId> = found.iter().map(|found| found.quote).collect();
    let content: Vec<Option<Value>> =
        found.iter().map(|found| found.outcome.as_ref().ok().map(|(content, _)| content.clone())).collect();
    let salts: Vec<Option<Vec<u8>>> =
        found.iter().map(|found| found.outcome.as_ref().ok().map(|(_, salt)| salt.clone())).collect();
    let faults: Vec<Option<String>> =
        found.iter().map(|found| found.outcome.as_ref().err().cloned()).collect();
    let facts: Vec<Value> = found.iter().map(|found| found.facts.clone()).collect();
    let statuses: Vec<&str> = found.iter().map(|found| found.status.as_str()).collect();
    sql("INSERT INTO opened_quotes (quote_id, request_id, content, salt, fault, facts, opened_at)
         SELECT f.id, $1, f.content, f.salt, f.fault, f.facts, $7
         FROM unnest($2::uuid[], $3::jsonb[], $4::bytea[], $5::text[], $6::jsonb[]) AS f(id, content, salt, fault, facts)")
    .bind::<SqlUuid, _>(request)
    .bind::<Array<SqlUuid>, _>(&ids)
    .bind::<Array<Nullable<Jsonb>>, _>(content)
    .bind::<Array<Nullable<Bytea>>, _>(salts)
    .bind::<Array<Nullable<Text>>, _>(faults)
    .bind::<Array<Jsonb>, _>(facts)
    .bind::<Timestamptz, _>(at)
    .execute(tx.conn())
    .await?;
    sql("UPDATE quotes q SET status = f.status, version = q.version + 1
         FROM unnest($1::uuid[], $2::text[]) AS f(id, status) WHERE q.id = f.id")
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(statuses)
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Queryable, Selectable, Clone)]
#[diesel(table_name = opened_quotes, check_for_backend(diesel::pg::Pg))]
pub struct Opened {
    pub quote_id: QuoteId,
    pub content: Option<Value>,
    pub salt: Option<Vec<u8>>,
    pub facts: Value,
    pub fault: Option<String>,
}

impl Opened {
    /// What the quote said; none where it could not be read.
    pub fn quote(&self) -> Result<Option<SealedQuote>, Error> {
        self.content
            .clone()
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::Internal(format!("an opened quote: {error}")))
    }
}

pub async fn opened(conn: &mut Conn, request: RequestId) -> Result<Vec<Opened>, Error> {
    Ok(opened_quotes::table
        .filter(opened_quotes::request_id.eq(request))
        .select(Opened::as_select())
        .order(opened_quotes::quote_id)
        .limit(2_000)
        .load(conn)
        .await?)
}

pub async fn opened_quote(conn: &mut Conn, quote: QuoteId) -> Result<Option<Opened>, Error> {
    Ok(opened_quotes::table.find(quote).select(Opened::as_select()).first(conn).await.optional()?)
}
