//! People and the contacts by which they log in.
use crate::kernel::{ContactId, Error, Language, PersonalValueId, UserId};
use crate::platform::db::{Conn, Tx};
use crate::platform::personal::PersonalKind;
use crate::schema::{contacts, users};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct UserRow {
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

pub async fn insert_user(tx: &mut Tx, user: &UserRow) -> Result<(), Error> {
    diesel::insert_into(users::table).values(user).execute(tx.conn()).await?;
    Ok(())
}

pub async fn user(conn: &mut Conn, id: UserId) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::id.eq(id).and(users::ended_at.is_null()))
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

pub async fn lock_user(tx: &mut Tx, id: UserId) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::id.eq(id).and(users::ended_at.is_null()))
        .select(UserRow::as_select())
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

/// Whether accounts with published passwords are among the users.
pub async fn demo_accounts_exist(conn: &mut Conn) -> Result<bool, Error> {
    let demo = users::table.filter(users::demo.eq(true).and(users::ended_at.is_null()));
    Ok(diesel::select(diesel::dsl::exists(demo)).get_result(conn).await?)
}
