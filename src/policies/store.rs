//! Policy values, holidays and regions as they rest in the database.
use super::model::{Policies, PolicyVersion};
use crate::kernel::{Calendar, Code, Error, MembershipId, OrganisationId, PolicyId, Realm, Role, refuse};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::schema::{holidays, policies, regions};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashSet;
use uuid::Uuid;

#[derive(QueryableByName)]
pub struct Row {
    #[diesel(sql_type = SqlUuid)]
    pub id: PolicyId,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub agency_id: Option<OrganisationId>,
    #[diesel(sql_type = Text)]
    pub value: String,
    #[diesel(sql_type = Text)]
    pub unit: String,
    #[diesel(sql_type = Date)]
    pub valid_from: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    pub valid_to: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    pub legal_basis: String,
    #[diesel(sql_type = Text)]
    pub note: String,
    #[diesel(sql_type = Timestamptz)]
    pub set_at: DateTime<Utc>,
    /// The appointment by which it was set; none: it came with the program.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub set_by: Option<MembershipId>,
    #[diesel(sql_type = Nullable<Text>)]
    pub set_by_role: Option<Role>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub set_by_organisation_id: Option<OrganisationId>,
    #[diesel(sql_type = Nullable<Text>)]
    pub end_reason: Option<String>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

/// A value with whose appointment set it.
const VALUE: &str =
    "p.id, p.key, p.agency_id, p.value, p.unit, p.valid_from, p.valid_to, p.legal_basis, p.note, p.set_at,
    p.set_by, m.role AS set_by_role, m.organisation_id AS set_by_organisation_id, p.end_reason, p.version
    FROM policies p LEFT JOIN memberships m ON m.id = p.set_by";

/// The values in force on a day, an agency's own before the platform's.
pub async fn rows_at(
    conn: &mut Conn,
    day: NaiveDate,
    agency: Option<OrganisationId>,
) -> Result<Vec<Row>, Error> {
    Ok(sql(format!(
        "SELECT DISTINCT ON (p.key) {VALUE} WHERE p.valid_from <= $1 AND (p.valid_to IS NULL OR p.valid_to >= $1)
           AND (p.agency_id IS NULL OR p.agency_id = $2)
         ORDER BY p.key, p.agency_id NULLS LAST"
    ))
    .bind::<Date, _>(day)
    .bind::<Nullable<SqlUuid>, _>(agency)
    .load(conn)
    .await?)
}

/// Every value that a key has had or will have, the platform's and an agency's own, oldest first.
pub async fn history(conn: &mut Conn, key: &str, agency: Option<OrganisationId>) -> Result<Vec<Row>, Error> {
    Ok(sql(format!(
        "SELECT {VALUE} WHERE p.key = $1 AND (p.agency_id IS NULL OR p.agency_id = $2)
         ORDER BY p.agency_id NULLS FIRST, p.valid_from LIMIT 500"
    ))
    .bind::<Text, _>(key)
    .bind::<Nullable<SqlUuid>, _>(agency)
    .load(conn)
    .await?)
}

pub async fn find(conn: &mut Conn, id: PolicyId) -> Result<Row, Error> {
    let rows: Vec<Row> =
        sql(format!("SELECT {VALUE} WHERE p.id = $1")).bind::<SqlUuid, _>(id).load(conn).await?;
    rows.into_iter().next().ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked.
pub async fn lock(tx: &mut Tx, id: PolicyId) -> Result<Row, Error> {
    let rows: Vec<Row> = sql(format!("SELECT {VALUE} WHERE p.id = $1 FOR NO KEY UPDATE OF p"))
        .bind::<SqlUuid, _>(id)
        .load(tx.conn())
        .await?;
    rows.into_iter().next().ok_or_else(|| refuse(Code::NotFound))
}

/// The unit in which a key's values are written, and its first value; none: no such key.
pub async fn example_of(conn: &mut Conn, key: &str) -> Result<Option<(String, String)>, Error> {
    Ok(policies::table
        .filter(policies::key.eq(key))
        .select((policies::unit, policies::value))
        .order(policies::valid_from)
        .first(conn)
        .await
        .optional()?)
}

/// # Errors
/// `policy_overlaps`
pub(super) async fn insert(tx: &mut Tx, row: &NewPolicy) -> Result<(), Error> {
    diesel::insert_into(policies::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("policies_overlap_excl", Code::PolicyOverlaps)?;
    Ok(())
}

pub async fn end(tx: &mut Tx, id: PolicyId, valid_to: NaiveDate, reason: &str) -> Result<(), Error> {
    diesel::update(policies::table.filter(policies::id.eq(id)))
        .set((
            policies::valid_to.eq(valid_to),
            policies::end_reason.eq(reason),
            policies::version.eq(policies::version + 1),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether an organisation is an agency of a realm.
pub async fn agency_is_of(conn: &mut Conn, agency: OrganisationId, realm: Realm) -> Result<bool, Error> {
    use crate::schema::organisations;
    let found = organisations::table
        .filter(organisations::id.eq(agency).and(organisations::realm.eq(realm)))
        .filter(organisations::kind.eq("agency").and(organisations::ended_at.is_null()));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(conn).await?)
}

/// The values in force on a day for an agency (none: the platform's).
pub async fn at(conn: &mut Conn, day: NaiveDate, agency: Option<OrganisationId>) -> Result<Policies, Error> {
    let rows = rows_at(conn, day, agency).await?;
    let version =
        |row: Row| (row.key, PolicyVersion { id: row.id.0, value: row.value, legal_basis: row.legal_basis });
    Ok(Policies::new(rows.into_iter().map(version).collect()))
}

/// Keys whose last value ends before a day, with that end.
pub async fn expiring(conn: &mut Conn, before: NaiveDate) -> Result<Vec<(String, NaiveDate)>, Error> {
    #[derive(QueryableByName)]
    struct Ending {
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Date)]
        ends: NaiveDate,
    }
    let rows: Vec<Ending> = sql("SELECT key, max(valid_to) AS ends FROM policies WHERE agency_id IS NULL
         GROUP BY key HAVING bool_and(valid_to IS NOT NULL) AND max(valid_to) < $1 ORDER BY key")
    .bind::<Date, _>(before)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.ends)).collect())
}

/// The holiday calendar.
pub async fn calendar(conn: &mut Conn) -> Result<Calendar, Error> {
    let days: Vec<NaiveDate> = holidays::table.select(holidays::day).load(conn).await?;
    Ok(Calendar::new(days))
}

/// Which of the codes are regions we know.
pub async fn known_regions(conn: &mut Conn, codes: &[String]) -> Result<HashSet<String>, Error> {
    let known: Vec<String> =
        regions::table.filter(regions::code.eq_any(codes)).select(regions::code).load(conn).await?;
    Ok(known.into_iter().collect())
}

pub(super) async fn insert_missing(conn: &mut Conn, rows: &[NewPolicy]) -> Result<usize, Error> {
    let mut added = 0;
    for row in rows {
        added +=
            diesel::insert_into(policies::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    }
    Ok(added)
}

#[derive(Insertable)]
#[diesel(table_name = policies)]
pub(super) struct NewPolicy {
    pub id: Uuid,
    pub key: String,
    pub agency_id: Option<OrganisationId>,
    pub value: String,
    pub unit: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub legal_basis: String,
    pub note: String,
    pub set_at: DateTime<Utc>,
    pub set_by: Option<MembershipId>,
}

pub(super) async fn upsert_holidays(conn: &mut Conn, rows: &[NewHoliday]) -> Result<(), Error> {
    diesel::insert_into(holidays::table).values(rows).on_conflict_do_nothing().execute(conn).await?;
    Ok(())
}

#[derive(Insertable, serde::Deserialize)]
#[diesel(table_name = holidays)]
pub(super) struct NewHoliday {
    #[serde(rename = "date")]
    pub day: NaiveDate,
    pub name: String,
    pub kind: String,
    pub legal_basis: String,
}

#[derive(Insertable, serde::Deserialize, Clone)]
#[diesel(table_name = regions)]
pub(super) struct NewRegion {
    pub code: String,
    pub name: String,
    pub level: String,
    #[serde(alias = "parent")]
    pub parent_code: Option<String>,
}

/// Adds regions and renames known ones; answers how many rows changed.
pub(super) async fn upsert_regions(conn: &mut Conn, rows: &[NewRegion]) -> Result<usize, Error> {
    let column = |pick: fn(&NewRegion) -> Option<String>| rows.iter().map(pick).collect::<Vec<_>>();
    Ok(sql(
        "INSERT INTO regions (code, name, level, parent_code)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
         ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name, level = EXCLUDED.level, parent_code = EXCLUDED.parent_code
         WHERE (regions.name, regions.level, regions.parent_code)
             IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.level, EXCLUDED.parent_code)",
    )
    .bind::<diesel::sql_types::Array<Nullable<Text>>, _>(column(|row| Some(row.code.clone())))
    .bind::<diesel::sql_types::Array<Nullable<Text>>, _>(column(|row| Some(row.name.clone())))
    .bind::<diesel::sql_types::Array<Nullable<Text>>, _>(column(|row| Some(row.level.clone())))
    .bind::<diesel::sql_types::Array<Nullable<Text>>, _>(column(|row| row.parent_code.clone()))
    .execute(conn)
    .await?)
}
