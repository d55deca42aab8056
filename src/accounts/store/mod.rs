//! How accounts are remembered.
mod log_ins;

pub use log_ins::*;

use crate::kernel::{
    Capacity, Code, ContactId, Error, InvitationId, Language, MembershipId, OrganisationId, OrganisationKind,
    PersonalValueId, Realm, Role, SessionId, TimeZone, UnitId, UserId, refuse,
};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::platform::personal::PersonalKind;
use crate::schema::{
    contacts, invitations, membership_units, memberships, organisations, sessions, users, work_units,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct NewUser {
    pub id: UserId,
    pub full_name: String,
    pub password_hash: String,
    pub language: Language,
    pub demo: bool,
    pub reset_requested_at: Option<DateTime<Utc>>,
    /// Rises with each request for a reset and with each new password; a link knows its own.
    pub reset_version: i32,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = contacts, check_for_backend(diesel::pg::Pg))]
pub struct ContactRow {
    pub id: ContactId,
    pub user_id: UserId,
    pub kind: PersonalKind,
    pub value_id: PersonalValueId,
    pub verified_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub link_version: i32,
}

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
}

pub struct SessionStanding {
    pub user_id: UserId,
    pub standing: Option<Standing>,
}

/// Memberships that hold today, by the clock and zone of each organisation.
const STANDING: &str =
    "SELECT m.id AS membership_id, m.version, m.organisation_id, o.name AS organisation_name,
    o.kind AS organisation_kind, o.realm, m.role, m.capacity, o.time_zone,
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

pub async fn insert_user(tx: &mut Tx, user: &NewUser) -> Result<(), Error> {
    diesel::insert_into(users::table).values(user).execute(tx.conn()).await?;
    Ok(())
}

pub async fn user(conn: &mut Conn, id: UserId) -> Result<Option<NewUser>, Error> {
    Ok(users::table
        .filter(users::id.eq(id).and(users::ended_at.is_null()))
        .select(NewUser::as_select())
        .first(conn)
        .await
        .optional()?)
}

pub async fn lock_user(tx: &mut Tx, id: UserId) -> Result<Option<NewUser>, Error> {
    Ok(users::table
        .filter(users::id.eq(id).and(users::ended_at.is_null()))
        .select(NewUser::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?)
}

pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<(), Error> {
    diesel::update(users::table.find(id))
        .set((
            users::password_hash.eq(hash),
            users::reset_requested_at.eq(None::<DateTime<Utc>>),
            users::reset_version.eq(users::reset_version + 1),
            users::version.eq(users::version + 1),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Begins a reset; the links of earlier ones are void.
pub async fn ask_reset(tx: &mut Tx, id: UserId, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(users::table.find(id))
        .set((users::reset_requested_at.eq(at), users::reset_version.eq(users::reset_version + 1)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn insert_contact(tx: &mut Tx, contact: &ContactRow) -> Result<(), Error> {
    diesel::insert_into(contacts::table).values(contact).execute(tx.conn()).await?;
    Ok(())
}

pub async fn lock_contact(tx: &mut Tx, id: ContactId) -> Result<Option<ContactRow>, Error> {
    Ok(contacts::table
        .filter(contacts::id.eq(id).and(contacts::ended_at.is_null()))
        .select(ContactRow::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?)
}

pub async fn verify_contact(tx: &mut Tx, id: ContactId, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(contacts::table.find(id))
        .set((contacts::verified_at.eq(at), contacts::link_version.eq(contacts::link_version + 1)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The verified contact that owns a personal value.
pub async fn contact_of_value(conn: &mut Conn, value: PersonalValueId) -> Result<Option<ContactRow>, Error> {
    Ok(contacts::table
        .filter(
            contacts::value_id
                .eq(value)
                .and(contacts::verified_at.is_not_null())
                .and(contacts::ended_at.is_null()),
        )
        .select(ContactRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

pub async fn contacts_of_user(conn: &mut Conn, user: UserId) -> Result<Vec<ContactRow>, Error> {
    Ok(contacts::table
        .filter(contacts::user_id.eq(user).and(contacts::ended_at.is_null()))
        .select(ContactRow::as_select())
        .order(contacts::id)
        .limit(20)
        .load(conn)
        .await?)
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
pub async fn officer(
    conn: &mut Conn,
    id: MembershipId,
    agency: OrganisationId,
    unit: UnitId,
) -> Result<Option<Officer>, Error> {
    let rows: Vec<Officer> = sql(format!(
        "SELECT s.membership_id, m.user_id, s.role, u.full_name,
            (CASE WHEN cardinality(s.units) = 0 THEN s.organisation_id = $2 ELSE $3 = ANY(s.units) END) AS covers_unit
         FROM ({STANDING}) AS s JOIN memberships m ON m.id = s.membership_id JOIN users u ON u.id = m.user_id
         WHERE s.membership_id = $1"
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

/// Whether accounts with published passwords are among the users.
pub async fn demo_accounts_exist(conn: &mut Conn) -> Result<bool, Error> {
    let demo = users::table.filter(users::demo.eq(true).and(users::ended_at.is_null()));
    Ok(diesel::select(diesel::dsl::exists(demo)).get_result(conn).await?)
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
