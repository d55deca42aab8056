//! Sessions, refresh tokens and log-in delays.
use crate::kernel::{Error, MembershipId, SessionId, UserId};
use crate::platform::db::{Conn, Tx, sql};
use crate::schema::{login_delays, refresh_tokens, sessions};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Clone)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub membership_id: Option<MembershipId>,
    pub device: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
}

pub async fn insert_session(
    tx: &mut Tx,
    id: SessionId,
    user: UserId,
    membership: Option<MembershipId>,
    device: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id),
            sessions::user_id.eq(user),
            sessions::membership_id.eq(membership),
            sessions::device.eq(device),
            sessions::created_at.eq(now),
            sessions::last_used_at.eq(now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn sessions_of_user(
    conn: &mut Conn,
    user: UserId,
    after: Option<SessionId>,
    limit: i64,
) -> Result<Vec<SessionRow>, Error> {
    let after = after.unwrap_or(SessionId(uuid::Uuid::nil()));
    Ok(sessions::table
        .filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()).and(sessions::id.gt(after)))
        .select(SessionRow::as_select())
        .order(sessions::id)
        .limit(limit)
        .load(conn)
        .await?)
}

/// Ends a user's open sessions, one or all; how many were open.
pub async fn end_sessions(
    tx: &mut Tx,
    user: UserId,
    session: Option<SessionId>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    Ok(sql("UPDATE sessions SET ended_at = $3, end_reason = $4
         WHERE user_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id = $2)")
    .bind::<SqlUuid, _>(user)
    .bind::<Nullable<SqlUuid>, _>(session)
    .bind::<diesel::sql_types::Timestamptz, _>(now)
    .bind::<Text, _>(reason)
    .execute(tx.conn())
    .await?)
}

pub async fn insert_refresh_token(
    tx: &mut Tx,
    hash: &[u8],
    session: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(hash),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::created_at.eq(now),
            refresh_tokens::expires_at.eq(expires_at),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub struct Refresh {
    pub session: SessionRow,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// A refresh token's session, locked so that of two uses one is the second.
pub async fn lock_refresh_token(tx: &mut Tx, hash: &[u8]) -> Result<Option<Refresh>, Error> {
    let found: Option<(SessionRow, DateTime<Utc>, Option<DateTime<Utc>>)> = refresh_tokens::table
        .inner_join(sessions::table)
        .filter(refresh_tokens::token_hash.eq(hash).and(sessions::ended_at.is_null()))
        .select((SessionRow::as_select(), refresh_tokens::expires_at, refresh_tokens::used_at))
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    Ok(found.map(|(session, expires_at, used_at)| Refresh { session, expires_at, used_at }))
}

pub async fn use_refresh_token(
    tx: &mut Tx,
    hash: &[u8],
    session: SessionId,
    membership: Option<MembershipId>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(refresh_tokens::table.find(hash))
        .set(refresh_tokens::used_at.eq(now))
        .execute(tx.conn())
        .await?;
    diesel::update(sessions::table.find(session))
        .set((sessions::last_used_at.eq(now), sessions::membership_id.eq(membership)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Until when a subject waits, its row locked so that of many attempts at once each is counted.
pub async fn blocked_until(tx: &mut Tx, subject: &[u8]) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(login_delays::table
        .find(subject)
        .select(login_delays::blocked_until)
        .for_update()
        .first(tx.conn())
        .await
        .optional()?)
}

/// Counts one more attempt of a subject (a log-in, a mail asked for); answers how many there are now.
/// Those before a quiet hour are forgotten.
pub async fn count_attempt(tx: &mut Tx, subject: &[u8], now: DateTime<Utc>) -> Result<i32, Error> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = Integer)]
        failures: i32,
    }
    let count: Count = sql(
        "INSERT INTO login_delays AS d (subject, failures, blocked_until) VALUES ($1, 1, $2)
         ON CONFLICT (subject) DO UPDATE
         SET blocked_until = CASE WHEN d.blocked_until < $2 - interval '1 hour' THEN $2 ELSE d.blocked_until END,
             failures = CASE WHEN d.blocked_until < $2 - interval '1 hour' THEN 1 ELSE least(d.failures + 1, 1000) END
         RETURNING failures",
    )
    .bind::<diesel::sql_types::Bytea, _>(subject)
    .bind::<diesel::sql_types::Timestamptz, _>(now)
    .get_result(tx.conn())
    .await?;
    Ok(count.failures)
}

pub async fn block(tx: &mut Tx, subject: &[u8], until: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(login_delays::table.find(subject))
        .set(login_delays::blocked_until.eq(until))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn forgive(tx: &mut Tx, subject: &[u8]) -> Result<(), Error> {
    diesel::delete(login_delays::table.find(subject)).execute(tx.conn()).await?;
    Ok(())
}

/// Takes back one attempt that turned out right.
pub async fn uncount(tx: &mut Tx, subject: &[u8]) -> Result<(), Error> {
    diesel::update(login_delays::table.find(subject))
        .set(login_delays::failures.eq(login_delays::failures - 1))
        .execute(tx.conn())
        .await?;
    diesel::delete(login_delays::table.find(subject).filter(login_delays::failures.le(0)))
        .execute(tx.conn())
        .await?;
    Ok(())
}
