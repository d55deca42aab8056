//! Organisations, agencies' work units, and the realms' clocks.
use crate::kernel::{Code, Error, OrganisationId, OrganisationKind, Realm, TimeZone, UnitId, refuse};
use crate::platform::db::{Conn, OnConstraint, Tx};
use crate::schema::{organisations, work_units};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use std::collections::HashMap;

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = organisations, check_for_backend(diesel::pg::Pg))]
pub struct OrganisationRow {
    pub id: OrganisationId,
    pub realm: Realm,
    pub kind: OrganisationKind,
    pub name: String,
    pub code: Option<String>,
    pub time_zone: String,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = work_units, check_for_backend(diesel::pg::Pg))]
pub struct UnitRow {
    pub id: UnitId,
    pub realm: Realm,
    pub agency_id: OrganisationId,
    pub parent_id: Option<UnitId>,
    pub code: String,
    pub source_code: Option<String>,
    pub name: String,
    pub short_name: String,
    pub source: Option<String>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub version: i32,
}

pub async fn insert_organisation(tx: &mut Tx, row: &OrganisationRow) -> Result<(), Error> {
    diesel::insert_into(organisations::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("organisations_code_key", Code::CodeTaken)?;
    Ok(())
}

pub async fn organisation(
    conn: &mut Conn,
    realm: Realm,
    id: OrganisationId,
) -> Result<Option<OrganisationRow>, Error> {
    Ok(organisations::table
        .filter(
            organisations::id
                .eq(id)
                .and(organisations::realm.eq(realm))
                .and(organisations::ended_at.is_null()),
        )
        .select(OrganisationRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

pub async fn organisations(
    conn: &mut Conn,
    realm: Realm,
    kind: Option<OrganisationKind>,
    after: Option<OrganisationId>,
    limit: i64,
) -> Result<Vec<OrganisationRow>, Error> {
    let mut query = organisations::table
        .filter(organisations::realm.eq(realm).and(organisations::ended_at.is_null()))
        .select(OrganisationRow::as_select())
        .order(organisations::id)
        .limit(limit)
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(organisations::kind.eq(kind));
    }
    if let Some(after) = after {
        query = query.filter(organisations::id.gt(after));
    }
    Ok(query.load(conn).await?)
}

/// The realm's one platform organisation.
pub async fn platform_organisation(conn: &mut Conn, realm: Realm) -> Result<Option<OrganisationRow>, Error> {
    Ok(organisations(conn, realm, Some(OrganisationKind::Platform), None, 1).await?.into_iter().next())
}

/// An agency of a realm by its code.
pub async fn agency_by_code(
    conn: &mut Conn,
    realm: Realm,
    code: &str,
) -> Result<Option<OrganisationId>, Error> {
    Ok(organisations::table
        .filter(organisations::realm.eq(realm).and(organisations::code.eq(code)))
        .select(organisations::id)
        .first(conn)
        .await
        .optional()?)
}

pub async fn organisation_name(conn: &mut Conn, id: OrganisationId) -> Result<String, Error> {
    Ok(organisations::table.find(id).select(organisations::name).first(conn).await?)
}

/// The names of some organisations.
pub async fn organisation_names(
    conn: &mut Conn,
    ids: &[OrganisationId],
) -> Result<HashMap<OrganisationId, String>, Error> {
    let rows: Vec<(OrganisationId, String)> = organisations::table
        .filter(organisations::id.eq_any(ids))
        .select((organisations::id, organisations::name))
        .load(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Gives an organisation the name that its vendor's file has now.
pub async fn rename_organisation(tx: &mut Tx, id: OrganisationId, name: &str) -> Result<(), Error> {
    diesel::update(organisations::table.find(id))
        .set((organisations::name.eq(name), organisations::version.eq(organisations::version + 1)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The zone in which an organisation's days begin.
pub async fn time_zone_of(conn: &mut Conn, id: OrganisationId) -> Result<TimeZone, Error> {
    let name: String = organisations::table.find(id).select(organisations::time_zone).first(conn).await?;
    Ok(TimeZone::parse(&name).unwrap_or(TimeZone::JAKARTA))
}

pub async fn insert_unit(tx: &mut Tx, row: &UnitRow) -> Result<(), Error> {
    diesel::insert_into(work_units::table).values(row).execute(tx.conn()).await.map_err(
        |error| match &error {
            diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _) => {
                refuse(Code::CodeTaken)
            }
            _ => error.into(),
        },
    )?;
    Ok(())
}

pub async fn units(
    conn: &mut Conn,
    realm: Realm,
    agency: OrganisationId,
    after: Option<UnitId>,
    limit: i64,
) -> Result<Vec<UnitRow>, Error> {
    let after = after.unwrap_or(UnitId(uuid::Uuid::nil()));
    Ok(work_units::table
        .filter(work_units::agency_id.eq(agency).and(work_units::realm.eq(realm)))
        .filter(work_units::ended_at.is_null().and(work_units::id.gt(after)))
        .select(UnitRow::as_select())
        .order(work_units::id)
        .limit(limit)
        .load(conn)
        .await?)
}

/// Whether a unit is of an agency.
pub async fn unit_of_agency(conn: &mut Conn, agency: OrganisationId, unit: UnitId) -> Result<bool, Error> {
    let found = work_units::table.filter(work_units::id.eq(unit).and(work_units::agency_id.eq(agency)));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(conn).await?)
}

/// The unit's part of document numbers.
pub async fn short_name_of_unit(conn: &mut Conn, unit: UnitId) -> Result<String, Error> {
    Ok(work_units::table.find(unit).select(work_units::short_name).first(conn).await?)
}

/// How many of the units exist in the realm, and in one agency when it is named.
pub async fn count_units(
    conn: &mut Conn,
    realm: Realm,
    agency: Option<OrganisationId>,
    ids: &[UnitId],
) -> Result<i64, Error> {
    let query = work_units::table
        .filter(
            work_units::id.eq_any(ids).and(work_units::realm.eq(realm)).and(work_units::ended_at.is_null()),
        )
        .count()
        .into_boxed();
    let query = match agency {
        Some(agency) => query.filter(work_units::agency_id.eq(agency)),
        None => query,
    };
    Ok(query.get_result(conn).await?)
}

/// An agency's units by the number that another register gives them.
pub async fn units_by_source_code(
    conn: &mut Conn,
    agency: OrganisationId,
) -> Result<std::collections::HashMap<String, UnitId>, Error> {
    let rows: Vec<(Option<String>, UnitId)> = work_units::table
        .filter(work_units::agency_id.eq(agency).and(work_units::source_code.is_not_null()))
        .select((work_units::source_code, work_units::id))
        .load(conn)
        .await?;
    Ok(rows.into_iter().filter_map(|(code, id)| Some((code?, id))).collect())
}

/// The agency of a realm that has a unit with this number.
pub async fn agency_of_source_code(
    conn: &mut Conn,
    realm: Realm,
    code: &str,
) -> Result<Option<OrganisationId>, Error> {
    Ok(work_units::table
        .filter(work_units::realm.eq(realm).and(work_units::source_code.eq(code)))
        .select(work_units::agency_id)
        .first(conn)
        .await
        .optional()?)
}

/// Where the realm's clock stands ahead of the database's, in seconds.
pub async fn clock_offset(conn: &mut Conn, realm: Realm) -> Result<i64, Error> {
    use crate::schema::realms;
    Ok(realms::table.find(realm).select(realms::clock_offset_seconds).first(conn).await?)
}

/// Moves a realm's clock forward, never back.
pub async fn move_clock(tx: &mut Tx, realm: Realm, by_seconds: i64) -> Result<(), Error> {
    use crate::schema::realms;
    diesel::update(realms::table.find(realm))
        .set(realms::clock_offset_seconds.eq(realms::clock_offset_seconds + by_seconds))
        .execute(tx.conn())
        .await?;
    Ok(())
}
