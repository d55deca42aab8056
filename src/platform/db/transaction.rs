//! Proof that a transaction is open. Commands and writing store functions take `&mut Tx`; only
//! [`Db`](super::Db) makes one, so a write outside a transaction does not compile.
use super::pool::{Conn, PooledConn};
use super::sql::sql;
use crate::kernel::{Error, Realm};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl, TransactionManager};

type Manager = <Conn as AsyncConnection>::TransactionManager;

pub struct Tx {
    conn: PooledConn,
    realm: Realm,
}

impl Tx {
    pub(super) async fn begin(mut conn: PooledConn, realm: Realm) -> Result<Self, Error> {
        Manager::begin_transaction(&mut *conn).await?;
        Ok(Self { conn, realm })
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        Ok(Manager::commit_transaction(&mut *self.conn).await?)
    }

    pub(super) async fn roll_back(mut self) -> Result<(), Error> {
        Ok(Manager::rollback_transaction(&mut *self.conn).await?)
    }

    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    pub fn realm(&self) -> Realm {
        self.realm
    }

    /// Goes on in the realm of the thing that was found.
    pub fn enter(&mut self, realm: Realm) {
        self.realm = realm;
    }

    /// The trade's clock: the database's time plus the realm's offset (none in live, by CHECK).
    /// Ask after the row locks were taken: in the locking statement itself it would be the time
    /// before the wait.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, Error> {
        let realm = self.realm;
        now(self.conn(), realm).await
    }

    /// Today in a zone, by the trade's clock.
    pub async fn today(&mut self, zone: crate::kernel::TimeZone) -> Result<NaiveDate, Error> {
        Ok(zone.date_of(self.now().await?))
    }
}

/// The trade's clock outside a transaction, for reads whose answer depends on it.
pub async fn now(conn: &mut Conn, realm: Realm) -> Result<DateTime<Utc>, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let row: Row = sql("SELECT clock_timestamp() + make_interval(secs => clock_offset_seconds) AS now
         FROM realms WHERE realm = $1")
    .bind::<Text, _>(realm)
    .get_result(conn)
    .await?;
    Ok(row.now)
}
