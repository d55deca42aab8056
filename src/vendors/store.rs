//! How vendors are remembered.
use super::model::{
    DocumentKind, LegalForm, Licence, ServedRegion, ShippingTerms, SizeClass, State, VendorKind, VendorStatus,
};
use crate::kernel::{Amount, Code, DocumentId, Error, PersonalValueId, Realm, UserId, VendorId, refuse};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::platform::new_id;
use crate::schema::{memberships, vendor_documents, vendor_facts, vendor_licences, vendor_regions, vendors};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = vendors, check_for_backend(diesel::pg::Pg), treat_none_as_null = true)]
pub struct Row {
    pub id: VendorId,
    pub realm: Realm,
    pub kind: VendorKind,
    pub legal_form: LegalForm,
    pub name: String,
    pub sells: String,
    pub status: VendorStatus,
    pub status_reason: Option<String>,
    pub suspended_until: Option<DateTime<Utc>>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub claimed_by: Option<UserId>,
    pub claimed_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    pub nib: Option<String>,
    pub npwp: Option<String>,
    pub npwp_id: Option<PersonalValueId>,
    pub nik_id: Option<PersonalValueId>,
    pub phone_id: Option<PersonalValueId>,
    pub bank_code: Option<String>,
    pub bank_account_id: Option<PersonalValueId>,
    pub bank_holder: Option<String>,
    pub address: Option<String>,
    pub region_code: Option<String>,
    pub kbli_codes: Vec<String>,
    pub vat_registered: bool,
    pub vat_confirmation_number: Option<String>,
    pub final_tax_certificate_number: Option<String>,
    pub final_tax_certificate_until: Option<NaiveDate>,
    pub capital: Option<Amount>,
    pub annual_sales: Option<Amount>,
    pub size_class: Option<SizeClass>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i32,
}

impl Row {
    /// # Errors
    /// `Internal` for a row that no state allows.
    pub fn state(&self) -> Result<State, Error> {
        let reason = || self.status_reason.clone();
        let state = match (self.status, self.claimed_by.zip(self.claimed_at), reason()) {
            (VendorStatus::Draft, ..) => State::Draft,
            (VendorStatus::Submitted, ..) => State::Submitted,
            (VendorStatus::InReview, Some((by, since)), _) => State::InReview { by, since },
            (VendorStatus::RevisionRequested, _, Some(reason)) => State::RevisionRequested { reason },
            (VendorStatus::Verified, ..) => State::Verified,
            (VendorStatus::Rejected, _, Some(reason)) => State::Rejected { reason },
            (VendorStatus::Suspended, _, Some(reason)) => {
                State::Suspended { reason, until: self.suspended_until }
            }
            _ => return Err(Error::Internal("vendors.status does not fit its columns".into())),
        };
        Ok(state)
    }

    pub fn with_state(mut self, state: State) -> Self {
        self.status = state.status();
        (self.claimed_by, self.claimed_at, self.status_reason, self.suspended_until) =
            (None, None, None, None);
        match state {
            State::Draft | State::Submitted | State::Verified => {}
            State::InReview { by, since } => (self.claimed_by, self.claimed_at) = (Some(by), Some(since)),
            State::RevisionRequested { reason } | State::Rejected { reason } => {
                self.status_reason = Some(reason)
            }
            State::Suspended { reason, until } => {
                (self.status_reason, self.suspended_until) = (Some(reason), until)
            }
        }
        self
    }
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = vendor_documents, check_for_backend(diesel::pg::Pg))]
pub struct DocumentRow {
    pub id: DocumentId,
    pub vendor_id: VendorId,
    pub kind: DocumentKind,
    pub number: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub expires_on: Option<NaiveDate>,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
    pub uploaded_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    diesel::insert_into(vendors::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

/// Which files a caller sees: the own one, or all of the realm.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    Own(VendorId),
    Realm(Realm),
}

fn seen(sight: Sight) -> Box<dyn BoxableExpression<vendors::table, Pg, SqlType = Bool>> {
    match sight {
        Sight::Own(own) => Box::new(vendors::id.eq(own)),
        // Drafts are nobody's business but the vendor's.
        Sight::Realm(realm) => {
            Box::new(vendors::realm.eq(realm).and(vendors::status.ne(VendorStatus::Draft)))
        }
    }
}

/// A file that the caller sees; another's is not found.
pub async fn find(conn: &mut Conn, sight: Sight, id: VendorId) -> Result<Row, Error> {
    let query = vendors::table.find(id).filter(seen(sight)).select(Row::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked; another's is not waited for either.
pub async fn lock(tx: &mut Tx, sight: Sight, id: VendorId) -> Result<Row, Error> {
    let query = vendors::table.find(id).filter(seen(sight)).select(Row::as_select());
    let found = query.for_no_key_update().first(tx.conn()).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

pub async fn list(
    conn: &mut Conn,
    sight: Sight,
    status: Option<VendorStatus>,
    now: DateTime<Utc>,
    after: Option<VendorId>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let after = after.unwrap_or(VendorId(uuid::Uuid::nil()));
    let mut query = vendors::table
        .filter(vendors::id.gt(after).and(seen(sight)))
        .select(Row::as_select())
        .order(vendors::id)
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        // The status as it is shown: a suspension that is over is none.
        let shown = diesel::dsl::sql::<Text>(
            "(CASE WHEN vendors.status = 'suspended' AND vendors.suspended_until <= ",
        )
        .bind::<Timestamptz, _>(now)
        .sql(" THEN 'verified' ELSE vendors.status END)");
        query = query.filter(shown.eq(status.as_str()));
    }
    Ok(query.load(conn).await?)
}

/// Files that wait for verification, oldest first; from the one after a place in the queue.
pub async fn queue(
    conn: &mut Conn,
    realm: Realm,
    after: Option<&(DateTime<Utc>, VendorId)>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let (since, id) = after.copied().unwrap_or((DateTime::UNIX_EPOCH, VendorId(uuid::Uuid::nil())));
    Ok(vendors::table
        .filter(vendors::realm.eq(realm))
        .filter(vendors::status.eq_any([VendorStatus::Submitted, VendorStatus::InReview]))
        .filter(vendors::submitted_at.gt(since).or(vendors::submitted_at.eq(since).and(vendors::id.gt(id))))
        .select(Row::as_select())
        .order((vendors::submitted_at, vendors::id))
        .limit(limit)
        .load(conn)
        .await?)
}

/// Verified vendors of a realm, those whose suspension is over among them.
pub async fn public(
    conn: &mut Conn,
    realm: Realm,
    region: Option<&str>,
    after: Option<VendorId>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let after = after.unwrap_or(VendorId(uuid::Uuid::nil()));
    let mut query = vendors::table
        .filter(vendors::realm.eq(realm).and(vendors::id.gt(after)))
        .filter(open_at(now))
        .select(Row::as_select())
        .order(vendors::id)
        .limit(limit)
        .into_boxed();
    if let Some(region) = region {
        query = query.filter(vendors::region_code.like(format!("{region}%")));
    }
    Ok(query.load(conn).await?)
}

pub async fn find_public(
    conn: &mut Conn,
    realm: Realm,
    id: VendorId,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    vendors::table
        .filter(vendors::id.eq(id).and(vendors::realm.eq(realm)))
        .filter(open_at(now))
        .select(Row::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// The vendor may trade at an instant: verified, or suspended until then.
fn open_at(now: DateTime<Utc>) -> Box<dyn BoxableExpression<vendors::table, diesel::pg::Pg, SqlType = Bool>> {
    let over =
        diesel::dsl::sql::<Bool>("coalesce(suspended_until <= ").bind::<Timestamptz, _>(now).sql(", false)");
    Box::new(
        vendors::status.eq(VendorStatus::Verified).or(vendors::status.eq(VendorStatus::Suspended).and(over)),
    )
}

/// Saves a locked file as its next version.
pub async fn save(tx: &mut Tx, row: Row) -> Result<Row, Error> {
    let version = row.version;
    let next = Row { version: version + 1, ..row };
    diesel::update(vendors::table.find(next.id).filter(vendors::version.eq(version)))
        .set(&next)
        .returning(Row::as_returning())
        .get_result(tx.conn())
        .await
        .on_constraint("vendors_nib_key", Code::NibTaken)
}

pub async fn regions(conn: &mut Conn, vendor: VendorId) -> Result<Vec<ServedRegion>, Error> {
    let rows: Vec<(String, ShippingTerms, Amount)> = vendor_regions::table
        .filter(vendor_regions::vendor_id.eq(vendor))
        .select((vendor_regions::region_code, vendor_regions::shipping_terms, vendor_regions::fee))
        .order(vendor_regions::region_code)
        .load(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(region_code, shipping_terms, fee)| ServedRegion { region_code, shipping_terms, fee })
        .collect())
}

pub async fn replace_regions(tx: &mut Tx, vendor: VendorId, regions: &[ServedRegion]) -> Result<(), Error> {
    diesel::delete(vendor_regions::table.filter(vendor_regions::vendor_id.eq(vendor)))
        .execute(tx.conn())
        .await?;
    let rows: Vec<_> = regions
        .iter()
        .map(|region| {
            (
                vendor_regions::vendor_id.eq(vendor),
                vendor_regions::region_code.eq(&region.region_code),
                vendor_regions::shipping_terms.eq(region.shipping_terms),
                vendor_regions::fee.eq(region.fee),
            )
        })
        .collect();
    diesel::insert_into(vendor_regions::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

pub async fn licences(conn: &mut Conn, vendor: VendorId) -> Result<Vec<Licence>, Error> {
    type Columns = (String, String, String, Option<String>, Option<NaiveDate>);
    let rows: Vec<Columns> = vendor_licences::table
        .filter(vendor_licences::vendor_id.eq(vendor).and(vendor_licences::ended_at.is_null()))
        .select((
            vendor_licences::kind,
            vendor_licences::number,
            vendor_licences::issuer,
            vendor_licences::register,
            vendor_licences::expires_on,
        ))
        .order(vendor_licences::id)
        .load(conn)
        .await?;
    let licence =
        |(kind, number, issuer, register, expires_on)| Licence { kind, number, issuer, register, expires_on };
    Ok(rows.into_iter().map(licence).collect())
}

pub async fn replace_licences(
    tx: &mut Tx,
    vendor: VendorId,
    licences: &[Licence],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(
        vendor_licences::table
            .filter(vendor_licences::vendor_id.eq(vendor).and(vendor_licences::ended_at.is_null())),
    )
    .set(vendor_licences::ended_at.eq(now))
    .execute(tx.conn())
    .await?;
    let rows: Vec<_> = licences
        .iter()
        .map(|licence| {
            (
                vendor_licences::id.eq(new_id::<uuid::Uuid>()),
                vendor_licences::vendor_id.eq(vendor),
                vendor_licences::kind.eq(&licence.kind),
                vendor_licences::number.eq(&licence.number),
                vendor_licences::issuer.eq(&licence.issuer),
                vendor_licences::register.eq(&licence.register),
                vendor_licences::expires_on.eq(licence.expires_on),
                vendor_licences::status.eq("declared"),
            )
        })
        .collect();
    diesel::insert_into(vendor_licences::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

/// Notes that a fact is the vendor's own word until a register confirms it.
pub async fn note_fact(
    tx: &mut Tx,
    vendor: VendorId,
    fact: &str,
    source: &str,
    confirmed_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    diesel::insert_into(vendor_facts::table)
        .values((
            vendor_facts::vendor_id.eq(vendor),
            vendor_facts::fact.eq(fact),
            vendor_facts::source.eq(source),
            vendor_facts::confirmed_at.eq(confirmed_at),
        ))
        .on_conflict((vendor_facts::vendor_id, vendor_facts::fact))
        .do_update()
        .set((vendor_facts::source.eq(source), vendor_facts::confirmed_at.eq(confirmed_at)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn insert_document(tx: &mut Tx, row: &DocumentRow) -> Result<(), Error> {
    diesel::insert_into(vendor_documents::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

pub async fn documents(conn: &mut Conn, vendor: VendorId) -> Result<Vec<DocumentRow>, Error> {
    Ok(vendor_documents::table
        .filter(vendor_documents::vendor_id.eq(vendor).and(vendor_documents::ended_at.is_null()))
        .select(DocumentRow::as_select())
        .order(vendor_documents::id)
        .limit(100)
        .load(conn)
        .await?)
}

pub async fn document(conn: &mut Conn, vendor: VendorId, id: DocumentId) -> Result<DocumentRow, Error> {
    vendor_documents::table
        .filter(vendor_documents::id.eq(id).and(vendor_documents::vendor_id.eq(vendor)))
        .filter(vendor_documents::ended_at.is_null())
        .select(DocumentRow::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn end_document(tx: &mut Tx, id: DocumentId, now: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(vendor_documents::table.find(id))
        .set(vendor_documents::ended_at.eq(now))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a person is a member of the vendor.
pub async fn is_member(conn: &mut Conn, vendor: VendorId, user: UserId) -> Result<bool, Error> {
    let found = memberships::table.filter(
        memberships::organisation_id
            .eq(crate::kernel::OrganisationId(vendor.0))
            .and(memberships::user_id.eq(user))
            .and(memberships::ended_at.is_null()),
    );
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(conn).await?)
}

/// What a purchase needs to know of a vendor.
#[derive(QueryableByName, Clone, Debug)]
pub struct Trading {
    #[diesel(sql_type = SqlUuid)]
    pub id: VendorId,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Bool)]
    pub vat_registered: bool,
    #[diesel(sql_type = Bool)]
    pub open: bool,
}

/// Vendors by id, with whether they may trade now.
pub async fn trading(
    conn: &mut Conn,
    realm: Realm,
    ids: &[VendorId],
    now: DateTime<Utc>,
) -> Result<Vec<Trading>, Error> {
    Ok(sql("SELECT id, name, vat_registered,
            (status = 'verified' OR (status = 'suspended' AND coalesce(suspended_until <= $3, false))) AS open
         FROM vendors WHERE id = ANY($1) AND realm = $2")
    .bind::<diesel::sql_types::Array<SqlUuid>, _>(ids)
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await?)
}

/// How a vendor ships to a region.
#[derive(QueryableByName, Clone, Debug, PartialEq)]
pub struct Shipping {
    #[diesel(sql_type = Text)]
    pub terms: ShippingTerms,
    #[diesel(sql_type = diesel::sql_types::Numeric)]
    pub fee: Amount,
}

/// The terms for a place: the closest region that the vendor named above it; who named none serves
/// the own regency with shipping included. `None`: not served.
pub async fn shipping(
    conn: &mut Conn,
    vendor: VendorId,
    region_code: &str,
) -> Result<Option<Shipping>, Error> {
    let rows: Vec<Shipping> = sql("SELECT terms, fee FROM (
         SELECT shipping_terms AS terms, fee, length(region_code) AS closeness FROM vendor_regions
         WHERE vendor_id = $1 AND ($2 = region_code OR $2 LIKE region_code || '.%')
         UNION ALL
         SELECT 'included', 0, 0 FROM vendors v WHERE v.id = $1 AND $2 LIKE left(v.region_code, 5) || '%'
           AND NOT EXISTS (SELECT FROM vendor_regions WHERE vendor_id = $1)) AS t
         ORDER BY closeness DESC LIMIT 1")
    .bind::<SqlUuid, _>(vendor)
    .bind::<Text, _>(region_code)
    .load(conn)
    .await?;
    Ok(rows.into_iter().next())
}

/// The region of a vendor's seat.
pub async fn seat(conn: &mut Conn, vendor: VendorId) -> Result<Option<String>, Error> {
    Ok(vendors::table.find(vendor).select(vendors::region_code).first(conn).await?)
}

/// Whether there is a vendor with this id.
pub async fn is_known(conn: &mut Conn, vendor: VendorId) -> Result<bool, Error> {
    Ok(diesel::select(diesel::dsl::exists(vendors::table.find(vendor))).get_result(conn).await?)
}
