//! One cluster for the whole run. It is stopped and removed by a small watcher of its own when
//! the test process ends, however it ends.
use lokapasar::cli;
use lokapasar::platform::db::{Cluster, ClusterOptions, Db};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

const TEMPLATE: &str = "lokapasar_template";

pub struct Bench {
    cluster: Cluster,
    directory: PathBuf,
    databases: AtomicU32,
    _watcher: std::process::Child,
}

/// The run's cluster, started on first use with a migrated template database in it.
pub async fn bench() -> &'static Bench {
    static BENCH: OnceCell<Bench> = OnceCell::const_new();
    BENCH.get_or_init(start).await
}

async fn start() -> Bench {
    let directory = std::env::temp_dir().join(format!("lokapasar-test-{}", std::process::id()));
    let server_settings =
        ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400"];
    let options = ClusterOptions {
        directory: directory.clone(),
        programs: None,
        server_settings: server_settings.map(str::to_owned).to_vec(),
    };
    let cluster = Cluster::open(options).await.expect("PostgreSQL 15 or later is installed");
    let watcher = watch(&cluster, &directory);
    cluster.create_database(TEMPLATE, None).await.expect("the template can be made");
    let owner =
        Db::new(&cluster.owner_url(TEMPLATE), 1, Duration::from_secs(10)).expect("the owner can connect");
    cli::prepare_database(&owner).await.expect("the migrations run");
    drop(owner);
    Bench { cluster, directory, databases: AtomicU32::new(0), _watcher: watcher }
}

/// A shell that waits for the end of our side of a pipe, then stops the server and cleans up.
pub fn watch(cluster: &Cluster, directory: &Path) -> std::process::Child {
    let pid_file = cluster.data().join("postmaster.pid");
    Command::new("sh")
        .arg("-c")
        .arg("read _; kill -QUIT $(head -n 1 \"$1\"); while kill -0 $(head -n 1 \"$1\"); do sleep 0.1; done; rm -rf \"$2\" \"$3\"")
        .args(["sh".as_ref(), pid_file.as_os_str(), directory.as_os_str(), cluster.socket_folder().as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell is there")
}

impl Bench {
    /// A fresh database like the template.
    pub async fn clone_database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.cluster.create_database(&name, Some(TEMPLATE)).await.expect("the template can be cloned");
        name
    }

    /// A fresh, empty database.
    pub async fn empty_database(&self) -> String {
        let name = format!("e{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.cluster.create_database(&name, None).await.expect("a database can be made");
        name
    }

    pub fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    pub fn owner_url(&self, database: &str) -> String {
        self.cluster.owner_url(database)
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A folder for one test's files.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("lokapasar-files-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder can be made");
        path
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs SQL as the superuser and answers the rows as text.
    pub async fn sql(&self, database: &str, text: &str) -> Vec<Vec<Option<String>>> {
        sql(&self.cluster.superuser_url().replace("dbname=postgres", &format!("dbname={database}")), text)
            .await
    }
}

/// Runs SQL at an address and answers the rows as text.
pub async fn sql(url: &str, text: &str) -> Vec<Vec<Option<String>>> {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the cluster answers");
    let driver = tokio::spawn(connection);
    let messages = client.simple_query(text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    drop(client);
    let _ = driver.await;
    messages
        .into_iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(ToOwned::to_owned)).collect())
            }
            _ => None,
        })
        .collect()
}
