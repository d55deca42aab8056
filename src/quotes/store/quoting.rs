//! Requests that ask for quotes as vendors meet them: keys, questions, addenda, openings.
use super::super::sealed::OfferedProduct;
use crate::kernel::Percent;
use crate::kernel::{
    AddendumId, Code, Error, MembershipId, OrganisationId, ProductId, QuestionId, Realm, RequestId, UserId,
    VendorId, refuse,
};
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::platform::new_id;
use crate::platform::sealing::{KeyRing, OwnKey, PrivateHalf, WrappedPair};
use crate::requests;
use crate::schema::{
    opening_attempts, organisation_keys, quotation_addenda, quotation_keys, quotation_questions, quotes,
    requests as request_table,
};
use crate::taxes::TaxClass;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Bytea, Integer, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use std::collections::HashMap;
use uuid::Uuid;

/// States in which a quotation that was once open is there for everybody to see.
const PUBLISHED: [&str; 8] =
    ["open", "evaluating", "awarded", "failed", "cancelled", "ordered", "partially_ordered", "closed"];

/// A quotation that has been published in a realm.
pub async fn published(conn: &mut Conn, realm: Realm, id: RequestId) -> Result<requests::Row, Error> {
    request_table::table
        .filter(request_table::id.eq(id).and(request_table::realm.eq(realm)))
        .filter(request_table::method.eq("quotation").and(request_table::status.eq_any(PUBLISHED)))
        .filter(request_table::quote_deadline.is_not_null())
        .select(requests::Row::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// The same, held against a change until the transaction ends; vendors hold it together, and an
/// addendum, an opening or a cancellation waits for them all.
pub async fn hold_published(tx: &mut Tx, id: RequestId) -> Result<requests::Row, Error> {
    let realm = tx.realm();
    request_table::table
        .filter(request_table::id.eq(id).and(request_table::realm.eq(realm)))
        .filter(request_table::method.eq("quotation").and(request_table::status.eq_any(PUBLISHED)))
        .filter(request_table::quote_deadline.is_not_null())
        .select(requests::Row::as_select())
        .for_share()
        .first(tx.conn())
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// Open quotations of a realm, the nearest deadline first.
pub async fn open_quotations(
    conn: &mut Conn,
    realm: Realm,
    now: DateTime<Utc>,
    after: Option<(DateTime<Utc>, RequestId)>,
    limit: i64,
) -> Result<Vec<requests::Row>, Error> {
    let (deadline, id) = after.unwrap_or((now, RequestId(Uuid::nil())));
    Ok(request_table::table
        .filter(request_table::realm.eq(realm).and(request_table::status.eq("open")))
        .filter(
            request_table::quote_deadline
                .gt(deadline)
                .or(request_table::quote_deadline.eq(deadline).and(request_table::id.gt(id))),
        )
        .select(requests::Row::as_select())
        .order((request_table::quote_deadline, request_table::id))
        .limit(limit)
        .load(conn)
        .await?)
}

/// Where a private half belongs: to one request, one number, one deadline.
fn place_of_key(request: RequestId, number: i32, deadline: DateTime<Utc>) -> String {
    format!("quotation_keys/{request}/{number}/{}", deadline.timestamp_micros())
}

/// Makes the next key pair of a request, whose private half opens after the deadline.
pub async fn add_key(
    tx: &mut Tx,
    ring: &KeyRing,
    request: RequestId,
    number: i32,
    deadline: DateTime<Utc>,
) -> Result<(), Error> {
    let WrappedPair { public, wrapped } = ring.wrap_new_pair(&place_of_key(request, number, deadline))?;
    diesel::insert_into(quotation_keys::table)
        .values((
            quotation_keys::request_id.eq(request),
            quotation_keys::number.eq(number),
            quotation_keys::public_key.eq(public),
            quotation_keys::wrapped_private_key.eq(wrapped),
            quotation_keys::quote_deadline.eq(deadline),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The newest key that quotes are sealed to.
pub async fn current_key(conn: &mut Conn, request: RequestId) -> Result<(i32, Vec<u8>), Error> {
    Ok(quotation_keys::table
        .filter(quotation_keys::request_id.eq(request))
        .select((quotation_keys::number, quotation_keys::public_key))
        .order(quotation_keys::number.desc())
        .first(conn)
        .await?)
}

/// Whether a key's deadline still lies ahead, whatever the request's own column says.
pub async fn key_lies_ahead(conn: &mut Conn, request: RequestId, now: DateTime<Utc>) -> Result<bool, Error> {
    let ahead = quotation_keys::table
        .filter(quotation_keys::request_id.eq(request).and(quotation_keys::quote_deadline.gt(now)));
    Ok(diesel::select(diesel::dsl::exists(ahead)).get_result(conn).await?)
}

/// Unwraps a request's private halves. The statement itself asks the database's clock: a wrapped half
/// leaves the database only when the deadlines of all keys of the request and its present one have passed,
/// so that moving the request's column back opens nothing. A half that is damaged is left out; what was
/// sealed to it is reported as unreadable.
///
/// # Errors
/// `too_early` while one of the deadlines lies ahead.
pub async fn private_halves(
    tx: &mut Tx,
    ring: &KeyRing,
    request: RequestId,
) -> Result<HashMap<i32, PrivateHalf>, Error> {
    #[derive(QueryableByName)]
    struct Wrapped {
        #[diesel(sql_type = Integer)]
        number: i32,
        #[diesel(sql_type = Bytea)]
        wrapped_private_key: Vec<u8>,
        #[diesel(sql_type = Timestamptz)]
        quote_deadline: DateTime<Utc>,
    }
    let rows: Vec<Wrapped> = sql("SELECT k.number, k.wrapped_private_key, k.quote_deadline FROM quotation_keys k
         JOIN requests r ON r.id = k.request_id JOIN realms c ON c.realm = r.realm
         CROSS JOIN LATERAL (SELECT clock_timestamp() + make_interval(secs => c.clock_offset_seconds) AS now) AS t
         WHERE k.request_id = $1 AND r.quote_deadline <= t.now
           AND NOT EXISTS (SELECT FROM quotation_keys a WHERE a.request_id = k.request_id AND a.quote_deadline > t.now)")
    .bind::<SqlUuid, _>(request)
    .load(tx.conn())
    .await?;
    if rows.is_empty() {
        return Err(refuse(Code::TooEarly));
    }
    let mut halves = HashMap::new();
    for row in rows {
        let place = place_of_key(request, row.number, row.quote_deadline);
        match ring.unwrap_private(&row.wrapped_private_key, &place) {
            Ok(half) => drop(halves.insert(row.number, half)),
            // A ring that does not fit this database must not make every quote unreadable for good.
            Err(_) if !fits(tx.conn(), ring, request).await? => {
                return Err(Error::Unavailable("the key ring does not fit this database".into()));
            }
            Err(_) => {}
        }
    }
    Ok(halves)
}

/// Whether the ring opens what else is wrapped for those who quoted.
async fn fits(conn: &mut Conn, ring: &KeyRing, request: RequestId) -> Result<bool, Error> {
    let vendors: Vec<VendorId> = quotes::table
        .filter(quotes::request_id.eq(request))
        .select(quotes::vendor_id)
        .limit(20)
        .load(conn)
        .await?;
    for vendor in vendors {
        if known_own_key(conn, ring, vendor).await.is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Wraps up to `limit` keys again that are not under the ring's present one; how many were. What a purchase
/// is proved by, like the sealed breakdown of an estimate that its content hash covers, stays as it is: the
/// ring keeps its older keys.
pub async fn wrap_again(tx: &mut Tx, ring: &KeyRing, limit: i64) -> Result<usize, Error> {
    let present = ring.sealing_number().to_be_bytes().to_vec();
    let pairs: Vec<(RequestId, i32, Vec<u8>, DateTime<Utc>)> = quotation_keys::table
        .filter(
            diesel::dsl::sql::<Bool>("substring(wrapped_private_key FROM 1 FOR 4) <> ")
                .bind::<Bytea, _>(&present),
        )
        .select((
            quotation_keys::request_id,
            quotation_keys::number,
            quotation_keys::wrapped_private_key,
            quotation_keys::quote_deadline,
        ))
        .limit(limit)
        .for_no_key_update()
        .skip_locked()
        .load(tx.conn())
        .await?;
    for (request, number, wrapped, deadline) in &pairs {
        let again = ring.wrap_again(wrapped, &place_of_key(*request, *number, *deadline))?;
        diesel::update(quotation_keys::table.find((*request, *number)))
            .set(quotation_keys::wrapped_private_key.eq(again))
            .execute(tx.conn())
            .await?;
    }
    let own: Vec<(OrganisationId, Vec<u8>)> = organisation_keys::table
        .filter(
            diesel::dsl::sql::<Bool>("substring(wrapped_key FROM 1 FOR 4) <> ").bind::<Bytea, _>(&present),
        )
        .select((organisation_keys::organisation_id, organisation_keys::wrapped_key))
        .limit(limit)
        .for_no_key_update()
        .skip_locked()
        .load(tx.conn())
        .await?;
    for (organisation, wrapped) in &own {
        let again = ring.wrap_again(wrapped, &place_of_own_key(VendorId(organisation.0)))?;
        diesel::update(organisation_keys::table.find(organisation))
            .set(organisation_keys::wrapped_key.eq(again))
            .execute(tx.conn())
            .await?;
    }
    Ok(pairs.len() + own.len())
}

/// The key under which a vendor's own copies rest; made when it is first needed.
pub async fn own_key(tx: &mut Tx, ring: &KeyRing, vendor: VendorId) -> Result<OwnKey, Error> {
    let place = place_of_own_key(vendor);
    sql(
        "INSERT INTO organisation_keys (organisation_id, wrapped_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(vendor)
    .bind::<Bytea, _>(ring.wrap_new_key(&place)?)
    .execute(tx.conn())
    .await?;
    known_own_key(tx.conn(), ring, vendor).await
}

/// The same, for reading what is there already.
pub async fn known_own_key(conn: &mut Conn, ring: &KeyRing, vendor: VendorId) -> Result<OwnKey, Error> {
    let wrapped: Vec<u8> = organisation_keys::table
        .find(OrganisationId(vendor.0))
        .select(organisation_keys::wrapped_key)
        .first(conn)
        .await?;
    ring.unwrap_key(&wrapped, &place_of_own_key(vendor))
}

fn place_of_own_key(vendor: VendorId) -> String {
    format!("organisation_keys/{vendor}")
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quotation_questions, check_for_backend(diesel::pg::Pg))]
pub struct Question {
    pub id: QuestionId,
    pub request_id: RequestId,
    pub vendor_id: VendorId,
    pub question: String,
    pub asked_at: DateTime<Utc>,
    pub answer: Option<String>,
    pub answered_at: Option<DateTime<Utc>>,
    pub answered_by_membership_id: Option<MembershipId>,
}

pub async fn insert_question(tx: &mut Tx, row: &Question) -> Result<(), Error> {
    diesel::insert_into(quotation_questions::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

/// How many questions a vendor has asked on a request.
pub async fn count_questions(conn: &mut Conn, request: RequestId, vendor: VendorId) -> Result<i64, Error> {
    Ok(quotation_questions::table
        .filter(quotation_questions::request_id.eq(request).and(quotation_questions::vendor_id.eq(vendor)))
        .count()
        .get_result(conn)
        .await?)
}

pub async fn questions(conn: &mut Conn, request: RequestId) -> Result<Vec<Question>, Error> {
    Ok(quotation_questions::table
        .filter(quotation_questions::request_id.eq(request))
        .select(Question::as_select())
        .order(quotation_questions::id)
        .limit(500)
        .load(conn)
        .await?)
}

pub async fn question(conn: &mut Conn, request: RequestId, id: QuestionId) -> Result<Question, Error> {
    quotation_questions::table
        .filter(quotation_questions::id.eq(id).and(quotation_questions::request_id.eq(request)))
        .select(Question::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn answer_question(
    tx: &mut Tx,
    id: QuestionId,
    answer: &str,
    by: MembershipId,
    at: DateTime<Utc>,
) -> Result<Question, Error> {
    Ok(diesel::update(quotation_questions::table.find(id))
        .set((
            quotation_questions::answer.eq(answer),
            quotation_questions::answered_at.eq(at),
            quotation_questions::answered_by_membership_id.eq(by),
        ))
        .returning(Question::as_returning())
        .get_result(tx.conn())
        .await?)
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quotation_addenda, check_for_backend(diesel::pg::Pg))]
pub struct Addendum {
    pub id: AddendumId,
    pub request_id: RequestId,
    pub number: i32,
    pub text: String,
    pub quote_deadline: DateTime<Utc>,
    pub issued_at: DateTime<Utc>,
    pub membership_id: MembershipId,
}

pub async fn insert_addendum(tx: &mut Tx, row: &Addendum) -> Result<(), Error> {
    diesel::insert_into(quotation_addenda::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

pub async fn addenda(conn: &mut Conn, request: RequestId) -> Result<Vec<Addendum>, Error> {
    Ok(quotation_addenda::table
        .filter(quotation_addenda::request_id.eq(request))
        .select(Addendum::as_select())
        .order(quotation_addenda::number)
        .load(conn)
        .await?)
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = opening_attempts, check_for_backend(diesel::pg::Pg))]
pub struct Attempt {
    pub id: Uuid,
    pub request_id: RequestId,
    pub membership_id: Option<MembershipId>,
    pub user_id: Option<UserId>,
    pub attempted_at: DateTime<Utc>,
    pub outcome: String,
}

pub async fn insert_attempt(
    tx: &mut Tx,
    request: RequestId,
    who: Option<(MembershipId, UserId)>,
    outcome: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let row = Attempt {
        id: new_id(),
        request_id: request,
        membership_id: who.map(|(membership, _)| membership),
        user_id: who.map(|(_, user)| user),
        attempted_at: at,
        outcome: outcome.to_owned(),
    };
    kept(diesel::insert_into(opening_attempts::table).values(&row)).execute(tx.conn()).await?;
    Ok(())
}

/// The first of two officers who asked for the opening.
pub async fn first_of_two(conn: &mut Conn, request: RequestId) -> Result<Option<Attempt>, Error> {
    Ok(opening_attempts::table
        .filter(opening_attempts::request_id.eq(request).and(opening_attempts::outcome.eq("first_of_two")))
        .select(Attempt::as_select())
        .order(opening_attempts::id)
        .first(conn)
        .await
        .optional()?)
}

pub async fn attempts(conn: &mut Conn, request: RequestId) -> Result<Vec<Attempt>, Error> {
    Ok(opening_attempts::table
        .filter(opening_attempts::request_id.eq(request))
        .select(Attempt::as_select())
        .order(opening_attempts::id)
        .limit(500)
        .load(conn)
        .await?)
}

/// Quotations whose deadline has passed and that nobody has to open by hand; others work on the rest.
pub async fn due_openings(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<RequestId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: RequestId,
    }
    let realm = tx.realm();
    let rows: Vec<Id> = sql("SELECT r.id FROM requests r JOIN quotations q ON q.request_id = r.id
         WHERE r.realm = $1 AND r.status = 'open' AND r.quote_deadline <= $2 AND q.opening_mode = 'automatic_at_deadline'
           AND NOT EXISTS (SELECT FROM quotation_keys k WHERE k.request_id = r.id AND k.quote_deadline > $2)
         ORDER BY r.quote_deadline LIMIT $3 FOR NO KEY UPDATE OF r SKIP LOCKED")
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Verified vendors that sell in the asked categories and serve the places of delivery.
pub async fn fitting_vendors(
    conn: &mut Conn,
    request: RequestId,
    limit: i64,
) -> Result<Vec<VendorId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: VendorId,
    }
    let rows: Vec<Id> = sql("SELECT v.id FROM vendors v JOIN requests r ON r.id = $1 AND r.realm = v.realm
         WHERE (v.status = 'verified' OR (v.status = 'suspended' AND v.suspended_until <= clock_timestamp()))
           AND EXISTS (SELECT FROM products p JOIN quotation_lines l ON l.request_id = r.id AND l.category_code = p.category_code
                WHERE p.vendor_id = v.id AND p.status = 'published')
           AND NOT EXISTS (SELECT FROM quotation_slots s JOIN quotation_lines l ON l.id = s.line_id AND l.request_id = r.id
                WHERE NOT vendor_serves(v.id, s.region_code))
         ORDER BY v.id LIMIT $2")
    .bind::<SqlUuid, _>(request)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Vendors with a quote whose business classification (KBLI) fits none of the asked categories.
pub async fn kbli_mismatches(conn: &mut Conn, request: RequestId) -> Result<Vec<VendorId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: VendorId,
    }
    let rows: Vec<Id> = sql("SELECT v.id FROM quotes q JOIN vendors v ON v.id = q.vendor_id
         WHERE q.request_id = $1 AND EXISTS (SELECT FROM quotation_lines l JOIN categories c ON c.code = l.category_code
            WHERE l.request_id = q.request_id AND cardinality(c.kbli_prefixes) > 0
              AND NOT EXISTS (SELECT FROM unnest(v.kbli_codes) AS held, unnest(c.kbli_prefixes) AS asked
                WHERE starts_with(held, asked)))")
    .bind::<SqlUuid, _>(request)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct ProductFacts {
    #[diesel(sql_type = SqlUuid)]
    id: ProductId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    brand: Option<String>,
    #[diesel(sql_type = Text)]
    unit: String,
    #[diesel(sql_type = Text)]
    category_code: String,
    #[diesel(sql_type = Text)]
    kbki_code: String,
    #[diesel(sql_type = Text)]
    tax_class: TaxClass,
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = Nullable<Numeric>)]
    tkdn_percent: Option<Percent>,
    #[diesel(sql_type = Nullable<Numeric>)]
    bmp_percent: Option<Percent>,
}

/// A vendor's own products that may be quoted; a draft is as good as one on the shelf.
pub async fn quotable_products(
    conn: &mut Conn,
    vendor: VendorId,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, OfferedProduct>, Error> {
    let rows: Vec<ProductFacts> = sql("SELECT id, version, name, brand, unit, category_code, kbki_code, tax_class, origin,
            tkdn_percent, bmp_percent FROM products WHERE vendor_id = $1 AND id = ANY($2) AND status NOT IN ('rejected', 'frozen')")
    .bind::<SqlUuid, _>(vendor)
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)
    .await?;
    let product = |row: ProductFacts| OfferedProduct {
        product_id: row.id,
        version: row.version,
        name: row.name,
        brand: row.brand,
        unit: row.unit,
        category_code: row.category_code,
        kbki_code: row.kbki_code,
        tax_class: row.tax_class,
        origin: row.origin,
        tkdn_percent: row.tkdn_percent,
        bmp_percent: row.bmp_percent,
    };
    Ok(rows.into_iter().map(|row| (row.id, product(row))).collect())
}
