//! Long work that several runs may share: a row that says how far it came, so that a crash only
//! costs the batch under way.
use super::clock::Clock;
use super::db::{Tx, sql};
use crate::kernel::Error;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The running job of a kind, begun when there is none.
pub async fn begin(tx: &mut Tx, kind: &str) -> Result<Uuid, Error> {
    let now = tx.now().await?;
    sql("INSERT INTO jobs (id, kind, state, started_at) VALUES ($1, $2, 'running', $3)
         ON CONFLICT (kind) WHERE state = 'running' DO NOTHING")
    .bind::<SqlUuid, _>(Clock::new_id())
    .bind::<Text, _>(kind)
    .bind::<Timestamptz, _>(now)
    .execute(tx.conn())
    .await?;
    let row: Row = sql("SELECT id FROM jobs WHERE kind = $1 AND state = 'running' FOR UPDATE")
        .bind::<Text, _>(kind)
        .get_result(tx.conn())
        .await?;
    Ok(row.id)
}

pub async fn advance(tx: &mut Tx, job: Uuid, done: usize) -> Result<(), Error> {
    sql("UPDATE jobs SET done = done + $2 WHERE id = $1")
        .bind::<SqlUuid, _>(job)
        .bind::<BigInt, _>(i64::try_from(done).unwrap_or(i64::MAX))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn finish(tx: &mut Tx, job: Uuid) -> Result<(), Error> {
    let now = tx.now().await?;
    sql("UPDATE jobs SET state = 'done', ended_at = $2 WHERE id = $1")
        .bind::<SqlUuid, _>(job)
        .bind::<Timestamptz, _>(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
