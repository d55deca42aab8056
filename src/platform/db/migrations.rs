//! The schema's migrations, embedded; run by the owner's role.
use super::Db;
use super::sql::sql;
use anyhow::anyhow;
use diesel::migration::{Migration, MigrationSource};
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Names of the migrations that are in place and of those that wait.
#[derive(Debug, serde::Serialize)]
pub struct Status {
    pub applied: Vec<String>,
    pub pending: Vec<String>,
}

/// Runs what is pending; processes that try at once take turns.
pub async fn up(owner: &Db) -> anyhow::Result<Vec<String>> {
    let mut conn = owner.conn().await?;
    lock(&mut conn).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    let done = harness
        .run_pending_migrations(MIGRATIONS)
        .map(|done| done.iter().map(ToString::to_string).collect())
        .map_err(|error| anyhow!("a migration failed: {error}"));
    // The connection goes back to its pool either way, and must not take the lock with it.
    unlock(&mut harness.into_inner()).await?;
    done
}

/// Takes the newest migration back.
pub async fn down_one(owner: &Db) -> anyhow::Result<String> {
    let mut conn = owner.conn().await?;
    lock(&mut conn).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    let undone = harness
        .revert_last_migration(MIGRATIONS)
        .map(|undone| undone.to_string())
        .map_err(|error| anyhow!("a migration cannot be taken back: {error}"));
    unlock(&mut harness.into_inner()).await?;
    undone
}

pub async fn status(db: &Db) -> anyhow::Result<Status> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let mut conn = db.conn().await?;
    let rows: Vec<Row> = sql("SELECT version FROM __diesel_schema_migrations ORDER BY version")
        .load(&mut conn)
        .await
        .unwrap_or_default();
    let known: Vec<Box<dyn Migration<diesel::pg::Pg>>> =
        MIGRATIONS.migrations().map_err(|error| anyhow!("the migrations cannot be read: {error}"))?;
    let names: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let applied: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    let pending = names.into_iter().filter(|name| !applied.contains(name)).collect();
    Ok(Status { applied, pending })
}

/// Session lock: the harness opens a transaction of its own for each migration.
async fn lock(conn: &mut super::Conn) -> anyhow::Result<()> {
    sql("SELECT pg_advisory_lock(7305226)").execute(conn).await?;
    Ok(())
}

async fn unlock(conn: &mut super::Conn) -> anyhow::Result<()> {
    sql("SELECT pg_advisory_unlock(7305226)").execute(conn).await?;
    Ok(())
}
