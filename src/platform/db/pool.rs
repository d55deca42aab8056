//! Bounded pools: one for the process, and one for each HTTP worker. Connections are opened on, and
//! driven by, the runtime that made the pool: a worker's queries wake no other thread (a third more
//! reads a second than from one shared pool), and one busy worker never stalls another's query.
use super::transaction::Tx;
use crate::kernel::{Error, Realm};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
    deadpool::{Object, Pool},
};
use futures_util::FutureExt;
use std::time::Duration;
use tokio::runtime::Handle;

pub type Conn = AsyncPgConnection;
pub type PooledConn = Object<Conn>;

/// The database as the process sees it.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Conn>,
    url: String,
    size: usize,
    wait: Duration,
}

impl Db {
    /// A pool against `url` (`postgres://…` or `host=… user=…`); connects on first use. Must be
    /// called on the runtime that will ask, which must outlive it.
    pub fn new(url: &str, size: usize, wait: Duration) -> anyhow::Result<Self> {
        let runtime = Handle::current();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |url: &str| {
            let (runtime, url) = (runtime.clone(), url.to_owned());
            async move {
                runtime
                    .spawn(async move { establish(&url).await })
                    .await
                    .map_err(|error| ConnectionError::BadConnection(error.to_string()))?
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(wait))
            .create_timeout(Some(wait))
            .runtime(deadpool::Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, url: url.to_owned(), size, wait })
    }

    /// A pool of its own for one of so many workers, on its runtime: an equal share of this one's size.
    pub fn share(&self, workers: usize) -> anyhow::Result<Self> {
        Self::new(&self.url, self.size.div_ceil(workers.max(1)), self.wait)
    }

    /// The address, for a bare client beside the pool (COPY, LISTEN).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection for reads.
    ///
    /// # Errors
    /// `Unavailable` when none can be had in time.
    pub async fn conn(&self) -> Result<PooledConn, Error> {
        self.pool.get().await.map_err(|error| Error::Unavailable(error.to_string()))
    }

    /// Runs `work` in one transaction of a realm and commits it. Serialization failures and
    /// deadlocks run it again, a few times.
    pub async fn transaction<T>(
        &self,
        realm: Realm,
        work: impl AsyncFn(&mut Tx) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.run(realm, true, &work).await
    }

    /// Runs `work` in one transaction and rolls it back whatever it answers.
    pub async fn rehearsal<T>(
        &self,
        realm: Realm,
        work: impl AsyncFn(&mut Tx) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.run(realm, false, &work).await
    }

    async fn run<T>(
        &self,
        realm: Realm,
        commit: bool,
        work: &impl AsyncFn(&mut Tx) -> Result<T, Error>,
    ) -> Result<T, Error> {
        const ATTEMPTS: u32 = 5;
        let mut attempt = 1;
        loop {
            let mut tx = Tx::begin(self.conn().await?, realm).await?;
            let outcome = work(&mut tx).await;
            let outcome = match outcome {
                Ok(value) if commit => tx.commit().await.map(|()| value),
                Ok(value) => tx.roll_back().await.map(|()| value),
                Err(error) => {
                    // The first error is the one that tells; a broken connection leaves the pool.
                    let _ = tx.roll_back().await;
                    Err(error)
                }
            };
            match outcome {
                Err(Error::Retry) if attempt < ATTEMPTS => attempt += 1,
                Err(Error::Retry) => return Err(Error::Unavailable("the transaction kept losing".into())),
                outcome => return outcome,
            }
        }
    }
}

async fn establish(url: &str) -> ConnectionResult<Conn> {
    let bad = |error: &dyn std::fmt::Display| ConnectionError::BadConnection(error.to_string());
    let config: tokio_postgres::Config =
        url.parse().map_err(|_| bad(&"the database address is malformed"))?;
    if matches!(config.get_ssl_mode(), tokio_postgres::config::SslMode::Disable)
        || config.get_hosts().iter().all(|host| matches!(host, tokio_postgres::config::Host::Unix(_)))
    {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(|e| bad(&e))?;
        return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    }
    let (client, connection) = config.connect(tls()).await.map_err(|e| bad(&e))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

fn tls() -> tokio_postgres_rustls::MakeRustlsConnect {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tokio_postgres_rustls::MakeRustlsConnect::new(config)
}
