//! What every subcommand that touches the database begins with.
use crate::platform::App;
use crate::platform::db::{Cluster, ClusterOptions, Db, migrations};
use crate::platform::sealing::KeyRing;
use crate::settings::Settings;
use crate::{app, catalog, policies};
use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::time::Duration;

const SUPERVISION: Duration = Duration::from_secs(2);

/// A process with its database.
pub struct Process {
    pub app: App,
    pub cluster: Option<Cluster>,
    owner_url: String,
}

impl Process {
    /// Opens the database (starting the embedded cluster when none is configured) and the key ring.
    ///
    /// # Errors
    /// One sentence; outside `demo` it refuses demo keys and demo accounts.
    pub async fn open(settings: Settings, database: &str) -> anyhow::Result<Self> {
        let (cluster, url, owner_url) = connect(&settings, database).await?;
        let keys = {
            // Of two first starts at once one makes the ring and the other reads it.
            let _lock = cluster.as_ref().map(|cluster| cluster.lock()).transpose()?;
            keys(&settings, cluster.is_some())?
        };
        let app = app::build(settings, &url, keys)?;
        Ok(Self { app, cluster, owner_url })
    }

    /// Waits for the stop signal, and meanwhile keeps the embedded server running: whoever started
    /// it may leave, and it may die.
    pub async fn until_told_to_stop(&self) -> anyhow::Result<()> {
        tokio::select! {
            outcome = stop_signal() => outcome,
            () = self.supervise() => Ok(()),
        }
    }

    async fn supervise(&self) {
        let Some(cluster) = &self.cluster else { return std::future::pending().await };
        loop {
            tokio::time::sleep(SUPERVISION).await;
            if !cluster.alive()
                && let Err(error) = cluster.restart().await
            {
                tracing::warn!(%error, "the embedded PostgreSQL could not be started again");
            }
        }
    }

    /// Address of the owner's role.
    pub fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// A small pool for the owner's role.
    pub fn owner(&self) -> anyhow::Result<Db> {
        Db::new(&self.owner_url, 1, Duration::from_secs(10))
    }

    /// Brings the schema up to date and loads the reference data.
    pub async fn migrate(&self) -> anyhow::Result<Vec<String>> {
        prepare_database(&self.owner()?).await
    }

    /// Demo accounts have published passwords: nothing but `demo` may run on top of them.
    pub async fn refuse_demo_accounts(&self) -> anyhow::Result<()> {
        if self.app.settings.demo {
            return Ok(());
        }
        let mut conn = self.app.db.conn().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        if crate::accounts::demo_accounts_exist(&mut conn).await.map_err(plain)? {
            bail!(
                "the database holds demo accounts, whose passwords are public: point database.url at another database"
            );
        }
        Ok(())
    }

    /// Leaves: stops the embedded cluster when this process started it.
    pub fn close(self) -> anyhow::Result<()> {
        drop(self.app);
        self.cluster.map_or(Ok(()), |cluster| cluster.close())
    }
}

/// Runs the pending migrations and loads regions, holidays, policies, units and categories.
pub async fn prepare_database(owner: &Db) -> anyhow::Result<Vec<String>> {
    let done = migrations::up(owner).await?;
    owner
        .transaction(crate::kernel::Realm::Live, async |tx| {
            policies::load_regions(tx).await?;
            policies::load_holidays(tx).await?;
            policies::load_policies(tx).await?;
            catalog::load_reference(tx).await
        })
        .await
        .map_err(|error| anyhow::anyhow!("the reference data cannot be loaded: {error}"))?;
    Ok(done)
}

async fn connect(settings: &Settings, database: &str) -> anyhow::Result<(Option<Cluster>, String, String)> {
    if !settings.embedded() {
        let url = settings.database.url.expose_secret().to_owned();
        let owner = settings.database.owner_url.expose_secret();
        let owner = if owner.is_empty() { url.clone() } else { owner.to_owned() };
        return Ok((None, url, owner));
    }
    let programs =
        Some(settings.database.programs.as_str()).filter(|path| !path.is_empty()).map(PathBuf::from);
    let options =
        ClusterOptions { directory: settings.data_dir.clone(), programs, server_settings: Vec::new() };
    let cluster = Cluster::open(options).await?;
    cluster.create_database(database, None).await?;
    let (url, owner) = (cluster.url(database), cluster.owner_url(database));
    Ok((Some(cluster), url, owner))
}

/// Reads the key ring; an embedded installation gets one on its first start.
fn keys(settings: &Settings, embedded: bool) -> anyhow::Result<KeyRing> {
    let path = &settings.keys.file;
    if !path.exists() {
        if !embedded {
            bail!(
                "there is no key ring at {}: make one with `lokapasar admin keys create`, or set keys.file",
                path.display()
            );
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        KeyRing::generate(settings.demo)?.write(path)?;
    }
    let keys = KeyRing::read(path)?;
    if keys.is_demo() && !settings.demo {
        bail!("{} holds demo keys (line `demo = true`): set keys.file to a ring of your own", path.display());
    }
    if !keys.is_demo() && settings.demo {
        bail!("{} holds keys of a real installation: give demo another --data-dir", path.display());
    }
    Ok(keys)
}

/// Turns an error of the house into one for the command line.
pub fn plain(error: crate::kernel::Error) -> anyhow::Error {
    match error {
        crate::kernel::Error::Refused(refusal) => {
            let texts = refusal.code.texts(crate::kernel::Language::En);
            let limit = refusal.limit.map(|limit| format!(" ({limit})")).unwrap_or_default();
            anyhow::anyhow!("{}{limit}: {}", texts.title, texts.remedy)
        }
        error => anyhow::anyhow!("{error}"),
    }
}

async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be watched")?;
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    Ok(())
}
