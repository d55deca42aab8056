//! Who acts for whom: memberships, deputies among them, and invitations to them.
use super::super::model::DeputyKind;
use crate::kernel::{
    Capacity, Code, Error, InvitationId, MembershipId, OrganisationId, OrganisationKind, PersonalValueId,
    Realm, Role, SessionId, TimeZone, UnitId, UserId, refuse,
};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::platform::personal::PersonalKind;
use crate::schema::{invitations, membership_units, memberships, sessions, users};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashMap;

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = memberships, check_for_backend(diesel::pg::Pg))]
pub struct MembershipRow {
    pub id: MembershipId,
    pub user_id: UserId,
    pub organisation_id: OrganisationId,
    pub realm: Realm,
    pub role: Role,
    pub capacity: Option<Capacity>,
    pub letter_number: Option<String>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub ended_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
    pub deputy_for: Option<MembershipId>,
    pub deputy_kind: Option<DeputyKind>,
}

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = invitations, check_for_backend(diesel::pg::Pg))]
pub struct InvitationRow {
    pub id: InvitationId,
    pub realm: Realm,
    pub organisation_id: OrganisationId,
    pub contact_kind: PersonalKind,
    pub contact_id: PersonalValueId,
    pub role: Role,
    pub capacity: Option<Capacity>,
    pub letter_number: Option<String>,
    pub unit_ids: Vec<UnitId>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub invited_by: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub version: i32,
}

/// A live membership as tokens need it.
#[derive(QueryableByName, Clone)]
pub struct Standing {
    #[diesel(sql_type = SqlUuid)]
    pub membership_id: MembershipId,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = SqlUuid)]
    pub organisation_id: OrganisationId,
    #[diesel(sql_type = Text)]
    pub organisation_name: String,
    #[diesel(sql_type = Text)]
    pub organisation_kind: OrganisationKind,
    #[diesel(sql_type = Text)]
    pub realm: Realm,
    #[diesel(sql_type = Text)]
    pub role: Role,
    #[diesel(sql_type = Nullable<Text>)]
    pub capacity: Option<Capacity>,
    #[diesel(sql_type = Text)]
    pub time_zone: String,
    #[diesel(sql_type = Array<SqlUuid>)]
    pub units: Vec<UnitId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub deputy_for: Option<MembershipId>,
}

pub struct SessionStanding {
    pub user_id: UserId,
    pub standing: Option<Standing>,
}

/// Memberships that hold today, by the clock and zone of each organisation.
const STANDING: &str =
    "SELECT m.id AS membership_id, m.version, m.organisation_id, o.name AS organisation_name,
    o.kind AS organisation_kind, o.realm, m.role, m.capacity, o.time_zone, m.deputy_for,
    ARRAY(SELECT unit_id FROM membership_units mu WHERE mu.membership_id = m.id ORDER BY 1) AS units
    FROM memberships m JOIN organisations o ON o.id = m.organisation_id JOIN realms r ON r.realm = o.realm
    CROSS JOIN LATERAL (SELECT ((clock_timestamp() + make_interval(secs => r.clock_offset_seconds))
        AT TIME ZONE o.time_zone)::date AS today) AS d
    WHERE m.ended_at IS NULL AND o.ended_at IS NULL AND m.valid_from <= d.today
      AND (m.valid_to IS NULL OR m.valid_to >= d.today)";

/// The session's user and, when asked for, the membership, if they still stand.
pub async fn standing_of_session(
    conn: &mut Conn,
    session: SessionId,
    membership: Option<MembershipId>,
) -> Result<Option<SessionStanding>, Error> {
    let user: Option<UserId> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(session).and(sessions::ended_at.is_null()).and(users::ended_at.is_null()))
        .select(users::id)
        .first(conn)
        .await
        .optional()?;
    let Some(user_id) = user else { return Ok(None) };
    let standing = match membership {
        Some(membership) => standing(conn, user_id, membership).await?,
        None => None,
    };
    Ok(Some(SessionStanding { user_id, standing }))
}

pub async fn standing(
    conn: &mut Conn,
    user: UserId,
    membership: MembershipId,
) -> Result<Option<Standing>, Error> {
    let rows: Vec<Standing> = sql(format!("{STANDING} AND m.user_id = $1 AND m.id = $2"))
        .bind::<SqlUuid, _>(user)
        .bind::<SqlUuid, _>(membership)
        .load(conn)
        .await?;
    Ok(rows.into_iter().next())
}

pub async fn standings(conn: &mut Conn, user: UserId) -> Result<Vec<Standing>, Error> {
    Ok(sql(format!("{STANDING} AND m.user_id = $1 ORDER BY m.id LIMIT 100"))
        .bind::<SqlUuid, _>(user)
        .load(conn)
        .await?)
}

pub async fn insert_membership(tx: &mut Tx, row: &MembershipRow, unit_ids: &[UnitId]) -> Result<(), Error> {
    diesel::insert_into(memberships::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("memberships_active_key", Code::MembershipTaken)?;
    let rows: Vec<_> = unit_ids
        .iter()
        .map(|unit| (membership_units::membership_id.eq(row.id), membership_units::unit_id.eq(*unit)))
        .collect();
    diesel::insert_into(membership_units::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

pub async fn memberships(
    conn: &mut Conn,
    organisation: OrganisationId,
    after: Option<MembershipId>,
    limit: i64,
) -> Result<Vec<(MembershipRow, String)>, Error> {
    let after = after.unwrap_or(MembershipId(uuid::Uuid::nil()));
    Ok(memberships::table
        .inner_join(users::table)
        .filter(memberships::organisation_id.eq(organisation).and(memberships::id.gt(after)))
        .select((MembershipRow::as_select(), users::full_name))
        .order(memberships::id)
        .limit(limit)
        .load(conn)
        .await?)
}

pub async fn lock_membership(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: MembershipId,
) -> Result<MembershipRow, Error> {
    memberships::table
        .filter(memberships::id.eq(id).and(memberships::organisation_id.eq(organisation)))
        .select(MembershipRow::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// A membership of an organisation, ended ones too.
pub async fn membership(
    conn: &mut Conn,
    organisation: OrganisationId,
    id: MembershipId,
) -> Result<Option<MembershipRow>, Error> {
    Ok(memberships::table
        .filter(memberships::id.eq(id).and(memberships::organisation_id.eq(organisation)))
        .select(MembershipRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Of some memberships those that are a deputy's, each with the officer's.
pub async fn officers_of(
    conn: &mut Conn,
    deputies: &[MembershipId],
) -> Result<HashMap<MembershipId, MembershipId>, Error> {
    if deputies.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(MembershipId, MembershipId)> = memberships::table
        .filter(memberships::id.eq_any(deputies).and(memberships::deputy_for.is_not_null()))
        .select((memberships::id, memberships::deputy_for.assume_not_null()))
        .load(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// A deputy with both names.
#[derive(QueryableByName, Clone)]
pub struct DeputyRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: MembershipId,
    #[diesel(sql_type = SqlUuid)]
    pub officer_id: MembershipId,
    #[diesel(sql_type = Text)]
    pub officer_name: String,
    #[diesel(sql_type = SqlUuid)]
    pub user_id: UserId,
    #[diesel(sql_type = Text)]
    pub full_name: String,
    #[diesel(sql_type = Text)]
    pub kind: DeputyKind,
    #[diesel(sql_type = Text)]
    pub role: Role,
    #[diesel(sql_type = Nullable<Text>)]
    pub capacity: Option<Capacity>,
    #[diesel(sql_type = Nullable<Text>)]
    pub letter_number: Option<String>,
    #[diesel(sql_type = Date)]
    pub valid_from: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    pub valid_to: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

const DEPUTY: &str = "SELECT m.id, m.deputy_for AS officer_id, o.full_name AS officer_name, m.user_id, u.full_name,
    m.deputy_kind AS kind, m.role, m.capacity, m.letter_number, m.valid_from, m.valid_to, m.ended_at, m.version
    FROM memberships m JOIN users u ON u.id = m.user_id JOIN memberships f ON f.id = m.deputy_for JOIN users o ON o.id = f.user_id
    WHERE m.organisation_id = $1";

pub async fn deputy(
    conn: &mut Conn,
    agency: OrganisationId,
    id: MembershipId,
) -> Result<Option<DeputyRow>, Error> {
    let rows: Vec<DeputyRow> = sql(format!("{DEPUTY} AND m.id = $2"))
        .bind::<SqlUuid, _>(agency)
        .bind::<SqlUuid, _>(id)
        .load(conn)
        .await?;
    Ok(rows.into_iter().next())
}

/// The deputies of an agency, newest first.
pub async fn deputies(
    conn: &mut Conn,
    agency: OrganisationId,
    after: Option<MembershipId>,
    limit: i64,
) -> Result<Vec<DeputyRow>, Error> {
    Ok(sql(format!("{DEPUTY} AND m.id < $2 ORDER BY m.id DESC LIMIT $3"))
        .bind::<SqlUuid, _>(agency)
        .bind::<SqlUuid, _>(after.unwrap_or(MembershipId(uuid::Uuid::max())))
        .bind::<BigInt, _>(limit)
        .load(conn)
        .await?)
}

pub async fn end_membership(tx: &mut Tx, id: MembershipId, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(memberships::table.find(id))
        .set((memberships::ended_at.eq(at), memberships::version.eq(memberships::version + 1)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Roles a person holds in an organisation, the person's rows locked against a racing grant.
pub async fn roles_held(tx: &mut Tx, user: UserId, organisation: OrganisationId) -> Result<Vec<Role>, Error> {
    sql("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(user)
        .execute(tx.conn())
        .await?;
    // A term that is over by its own date ends here, so that it stands in nobody's way.
    let now = tx.now().await?;
    let today = TimeZone::JAKARTA.date_of(now);
    diesel::update(
        memberships::table
            .filter(memberships::user_id.eq(user).and(memberships::organisation_id.eq(organisation)))
            .filter(memberships::ended_at.is_null().and(memberships::valid_to.lt(today))),
    )
    .set((memberships::ended_at.eq(now), memberships::version.eq(memberships::version + 1)))
    .execute(tx.conn())
    .await?;
    Ok(memberships::table
        .filter(memberships::user_id.eq(user).and(memberships::organisation_id.eq(organisation)))
        .filter(memberships::ended_at.is_null())
        .select(memberships::role)
        .load(tx.conn())
        .await?)
}

/// How many hold a role today; the organisation's row is locked, so that of two that end at once
/// the second sees the first.
pub async fn count_active(
    tx: &mut Tx,
    organisation: OrganisationId,
    role: Role,
    today: NaiveDate,
) -> Result<i64, Error> {
    sql("SELECT 1 FROM organisations WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(organisation)
        .execute(tx.conn())
        .await?;
    Ok(memberships::table
        .filter(memberships::organisation_id.eq(organisation).and(memberships::role.eq(role)))
        .filter(memberships::ended_at.is_null().and(memberships::valid_from.le(today)))
        .filter(memberships::valid_to.is_null().or(memberships::valid_to.ge(today)))
        .count()
        .get_result(tx.conn())
        .await?)
}

/// The units that a membership was given for; none: the whole organisation.
pub async fn units_of(conn: &mut Conn, membership: MembershipId) -> Result<Vec<UnitId>, Error> {
    Ok(membership_units::table
        .filter(membership_units::membership_id.eq(membership))
        .select(membership_units::unit_id)
        .load(conn)
        .await?)
}

/// An officer of an agency as requests name them.
#[derive(QueryableByName, Clone)]
pub struct Officer {
    #[diesel(sql_type = SqlUuid)]
    pub membership_id: MembershipId,
    #[diesel(sql_type = SqlUuid)]
    pub user_id: UserId,
    #[diesel(sql_type = Text)]
    pub role: Role,
    #[diesel(sql_type = Text)]
    pub full_name: String,
    #[diesel(sql_type = Bool)]
    pub covers_unit: bool,
}

/// A live membership of the realm that may act for a unit: its own agency's, or appointed to it.
/// Requests name the officer's membership, never a deputy's; while the post is vacant its deputy is the
/// person behind it.
pub async fn officer(
    conn: &mut Conn,
    id: MembershipId,
    agency: OrganisationId,
    unit: UnitId,
) -> Result<Option<Officer>, Error> {
    let rows: Vec<Officer> = sql(format!(
        "SELECT $1 AS membership_id, m.user_id, s.role, u.full_name,
            (CASE WHEN cardinality(s.units) = 0 THEN s.organisation_id = $2 ELSE $3 = ANY(s.units) END) AS covers_unit
         FROM ({STANDING}) AS s JOIN memberships m ON m.id = s.membership_id JOIN users u ON u.id = m.user_id
         WHERE (s.membership_id = $1 AND s.deputy_for IS NULL) OR s.deputy_for = $1
         ORDER BY s.deputy_for NULLS FIRST LIMIT 1"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(agency)
    .bind::<SqlUuid, _>(unit)
    .load(conn)
    .await?;
    Ok(rows.into_iter().next())
}

pub async fn insert_invitation(tx: &mut Tx, row: &InvitationRow) -> Result<(), Error> {
    diesel::insert_into(invitations::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

pub async fn invitations(
    conn: &mut Conn,
    organisation: OrganisationId,
    after: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<InvitationRow>, Error> {
    let after = after.unwrap_or(InvitationId(uuid::Uuid::nil()));
    Ok(invitations::table
        .filter(invitations::organisation_id.eq(organisation).and(invitations::id.gt(after)))
        .select(InvitationRow::as_select())
        .order(invitations::id)
        .limit(limit)
        .load(conn)
        .await?)
}

pub async fn lock_invitation(tx: &mut Tx, id: InvitationId) -> Result<Option<InvitationRow>, Error> {
    Ok(invitations::table
        .find(id)
        .select(InvitationRow::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?)
}

pub async fn end_invitation(
    tx: &mut Tx,
    id: InvitationId,
    accepted: Option<DateTime<Utc>>,
    revoked: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    diesel::update(invitations::table.find(id))
        .set((
            invitations::accepted_at.eq(accepted),
            invitations::revoked_at.eq(revoked),
            invitations::version.eq(invitations::version + 1),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}
