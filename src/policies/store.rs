//! Policy values, holidays and regions as they rest in the database.
use super::model::{Policies, PolicyVersion};
use crate::kernel::{Calendar, Error, OrganisationId};
use crate::platform::db::{Conn, sql};
use crate::schema::{holidays, policies, regions};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Date, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashSet;
use uuid::Uuid;

#[derive(QueryableByName)]
pub struct Row {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
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
}

/// The values in force on a day, an agency's own before the platform's.
pub async fn rows_at(
    conn: &mut Conn,
    day: NaiveDate,
    agency: Option<OrganisationId>,
) -> Result<Vec<Row>, Error> {
    Ok(sql(
        "SELECT DISTINCT ON (key) id, key, agency_id, value, unit, valid_from, valid_to, legal_basis, note
         FROM policies WHERE valid_from <= $1 AND (valid_to IS NULL OR valid_to >= $1)
           AND (agency_id IS NULL OR agency_id = $2)
         ORDER BY key, agency_id NULLS LAST",
    )
    .bind::<Date, _>(day)
    .bind::<Nullable<SqlUuid>, _>(agency)
    .load(conn)
    .await?)
}

/// The values in force on a day for an agency (none: the platform's).
pub async fn at(conn: &mut Conn, day: NaiveDate, agency: Option<OrganisationId>) -> Result<Policies, Error> {
    let rows = rows_at(conn, day, agency).await?;
    let version =
        |row: Row| (row.key, PolicyVersion { id: row.id, value: row.value, legal_basis: row.legal_basis });
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
    pub value: String,
    pub unit: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub legal_basis: String,
    pub note: String,
    pub set_at: chrono::DateTime<chrono::Utc>,
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
