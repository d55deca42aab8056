//! The embedded PostgreSQL: found on this machine, kept in a folder of ours, reached through a
//! socket in a private folder alone.
//!
//! The data folder belongs to an unprivileged account when we run as root (PostgreSQL refuses
//! root). A file lock in the data folder lets one process at a time start or stop the server; who
//! finds it running adopts it, and only who started it stops it.
use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Pid, Uid, User, chown, geteuid};
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const OLDEST_VERSION: u32 = 15;
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
const OWNER: &str = "lokapasar_owner";
const APPLICATION: &str = "lokapasar_app";

/// How to run a cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Our data folder; the cluster lies in `postgres` below it.
    pub directory: PathBuf,
    /// Folder of the server programs; `None`: search.
    pub programs: Option<PathBuf>,
    /// Further server settings (`name=value`), as tests use them.
    pub server_settings: Vec<String>,
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    options: ClusterOptions,
    programs: PathBuf,
    account: Option<User>,
    socket: PathBuf,
    started: AtomicBool,
}

impl Cluster {
    /// Makes the cluster where it is missing, starts it where it is stopped, adopts it where it runs.
    ///
    /// # Errors
    /// One sentence; without PostgreSQL it names the command that installs it.
    pub async fn open(options: ClusterOptions) -> anyhow::Result<Self> {
        let programs = find_programs(options.programs.as_deref())?;
        let account = unprivileged_account()?;
        let directory = private_folder(&options.directory, account.as_ref())?;
        let options = ClusterOptions { directory, ..options };
        let socket = socket_path(&options.directory)?;
        let cluster = Self { options, programs, account, socket, started: AtomicBool::new(false) };
        let lock = cluster.lock()?;
        cluster.initialise()?;
        cluster.ensure_running().await?;
        cluster.prepare_roles().await?;
        drop(lock);
        Ok(cluster)
    }

    /// Whether this process started the server (and will stop it).
    pub fn started_here(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    pub fn data(&self) -> PathBuf {
        self.options.directory.join("postgres")
    }

    /// Address of a database for the application's role.
    pub fn url(&self, database: &str) -> String {
        self.address(APPLICATION, database)
    }

    /// Address of a database for the owner's role.
    pub fn owner_url(&self, database: &str) -> String {
        self.address(OWNER, database)
    }

    /// Address for the cluster's superuser, who makes databases.
    pub fn superuser_url(&self) -> String {
        self.address("postgres", "postgres")
    }

    /// Makes a database of the owner's when it is missing, by a template when one is named.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> anyhow::Result<()> {
        ensure!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "odd database name"
        );
        let _lock = self.lock()?;
        let client = self.superuser().await?;
        if client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await?.is_none() {
            let template = template.map(|t| format!(" TEMPLATE {t}")).unwrap_or_default();
            client.batch_execute(&format!("CREATE DATABASE {name} OWNER {OWNER}{template}")).await?;
        }
        Ok(())
    }

    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        let client = self.superuser().await?;
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        Ok(())
    }

    /// Stops the server when this process started it.
    pub fn close(&self) -> anyhow::Result<()> {
        if self.started.swap(false, Ordering::Relaxed) {
            let _lock = self.lock()?;
            self.control(&["stop", "-m", "fast", "-w", "-t", "60"])?;
            let _ = fs::remove_dir_all(&self.socket);
        }
        Ok(())
    }

    /// The private folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// The server's process id, while it runs.
    pub fn server_pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Whether the server's process is there, by its pid alone: cheap enough to ask often. One that
    /// died and was not waited for by its parent is not.
    pub fn alive(&self) -> bool {
        let Some(pid) = self.server_pid() else { return false };
        let there = nix::sys::signal::kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH);
        there && !defunct(pid)
    }

    /// Starts the server again after it died or was stopped; for whoever supervises it.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        self.ensure_running().await
    }

    /// Starts the server unless one answers. A pid file alone proves nothing: it may name a server
    /// that is dying this moment, or a process of somebody else's.
    async fn ensure_running(&self) -> anyhow::Result<()> {
        for _ in 0..120 {
            if !self.running() {
                return self.start().await;
            }
            if self.superuser().await.is_ok() {
                return Ok(());
            }
            self.remove_stale_pid()?;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("a PostgreSQL server runs on {} but does not answer", self.data().display())
    }

    fn address(&self, role: &str, database: &str) -> String {
        format!("host={} user={role} dbname={database}", self.socket.display())
    }

    /// Waits until no other process makes, starts or stops anything in the data folder.
    pub fn lock(&self) -> anyhow::Result<Flock<File>> {
        let path = self.options.directory.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .context("the data folder cannot be locked")
    }

    fn initialise(&self) -> anyhow::Result<()> {
        let data = self.data();
        if data.join("PG_VERSION").exists() && data.join("global/pg_control").exists() {
            let version = fs::read_to_string(data.join("PG_VERSION"))?;
            let programs = version_of(&self.programs).unwrap_or_default();
            ensure!(
                version.trim() == programs.to_string(),
                "the data in {} was made by PostgreSQL {} but the programs found are {programs}: set database.programs to the folder of version {}",
                data.display(),
                version.trim(),
                version.trim()
            );
            return Ok(());
        }
        ensure!(
            !data.exists(),
            "{} is no whole cluster: restore it, or move it away and a new one is made",
            data.display()
        );
        // A cluster gets its name when it is whole; what an interrupted run left holds nothing of anybody's.
        let unfinished = data.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        let mut command = self.command("initdb");
        command.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--username=postgres",
            "--no-instructions",
            "-D",
        ]);
        succeed(command.arg(&unfinished).output()?, "initdb")?;
        Ok(fs::rename(unfinished, data)?)
    }

    async fn start(&self) -> anyhow::Result<()> {
        // Whoever stopped the server took the folder away with it.
        socket_folder(&self.socket, self.account.as_ref())?;
        let mut settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c unix_socket_permissions=0700 -c lc_messages=C \
             -c timezone=UTC -c max_connections=100 -c shared_buffers=256MB -c jit=off",
            self.socket.display()
        );
        for setting in &self.options.server_settings {
            settings.push_str(&format!(" -c {setting}"));
        }
        let log = self.options.directory.join("postgres.log");
        let arguments =
            ["start", "-w", "-t", "60", "-l", &log.display().to_string(), "-o", &settings].map(str::to_owned);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut tries = 0;
        while let Err(error) = self.control(&arguments) {
            tries += 1;
            if tries == 20 {
                return Err(error)
                    .context(format!("the embedded PostgreSQL does not start; see {}", log.display()));
            }
            // After a kill the old server's children may need a moment to let go of its memory,
            // and its pid file may by now name a process of somebody else's.
            self.remove_stale_pid()?;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn remove_stale_pid(&self) -> anyhow::Result<()> {
        let Some(pid) = self.server_pid() else { return Ok(()) };
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let gone = command.trim() != "postgres" || defunct(pid);
        if gone && Path::new("/proc/self").exists() {
            fs::remove_file(self.data().join("postmaster.pid"))?;
        }
        Ok(())
    }

    fn running(&self) -> bool {
        self.control(&["status"]).is_ok()
    }

    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command("pg_ctl");
        // The server must not hold our pipes open, so its output goes to its log file alone.
        command.arg("-D").arg(self.data()).args(arguments).stdin(std::process::Stdio::null());
        if arguments.first() == Some(&"start") {
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            let status = command.process_group(0).status()?;
            ensure!(status.success(), "pg_ctl start ended with {status}");
            return Ok(());
        }
        succeed(command.output()?, "pg_ctl")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env_remove("PGDATA")
            .env_remove("PGHOST")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.options.directory);
        if let Some(account) = &self.account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        command
    }

    async fn superuser(&self) -> anyhow::Result<tokio_postgres::Client> {
        let (client, connection) = tokio_postgres::connect(&self.superuser_url(), tokio_postgres::NoTls)
            .await
            .context("the embedded PostgreSQL does not answer")?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn prepare_roles(&self) -> anyhow::Result<()> {
        let client = self.superuser().await?;
        for role in [OWNER, APPLICATION] {
            if client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_none() {
                client.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await?;
            }
        }
        client
            .batch_execute(&format!(
                "ALTER ROLE {APPLICATION} SET statement_timeout = '30s';
                 ALTER ROLE {APPLICATION} SET lock_timeout = '10s';
                 ALTER ROLE {APPLICATION} SET idle_in_transaction_session_timeout = '60s';"
            ))
            .await?;
        Ok(())
    }
}

/// Whether a process is dead but for its entry in the process table; `false` where that cannot be told.
fn defunct(pid: i32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; the state follows the last one.
    text.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Whoever fails leaves no server of its own behind either.
impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the embedded PostgreSQL could not be stopped");
        }
    }
}

fn find_programs(configured: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = configured {
        ensure!(
            version_of(folder).is_some_and(|version| version >= OLDEST_VERSION),
            "database.programs names {}, which holds no PostgreSQL {OLDEST_VERSION} or later",
            folder.display()
        );
        return Ok(folder.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let usual = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"]
        .iter()
        .filter_map(|root| fs::read_dir(root).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            path.starts_with("/usr/lib/postgresql")
                || name.starts_with("pgsql-")
                || name.starts_with("postgresql")
        })
        .map(|path| path.join("bin"));
    let mut found: Vec<(u32, PathBuf)> = usual
        .chain(on_path)
        .filter_map(|folder| version_of(&folder).map(|version| (version, folder)))
        .filter(|(version, _)| *version >= OLDEST_VERSION)
        .collect();
    found.sort_by_key(|(version, _)| *version);
    match found.pop() {
        Some((_, folder)) => Ok(folder),
        None => bail!(
            "no PostgreSQL {OLDEST_VERSION} or later was found on this machine: install it with `{}`, or set DATABASE_URL",
            install_command()
        ),
    }
}

/// The major version of the server programs in a folder, when all that we need are there.
fn version_of(folder: &Path) -> Option<u32> {
    if !PROGRAMS.iter().all(|program| folder.join(program).exists()) {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(['.', 'b', 'r']).next()?.parse().ok()
}

fn install_command() -> &'static str {
    if Path::new("/etc/debian_version").exists() {
        "apt-get install -y postgresql"
    } else if Path::new("/etc/redhat-release").exists() {
        "dnf install -y postgresql-server"
    } else if cfg!(target_os = "macos") {
        "brew install postgresql@17"
    } else {
        "your system's package manager (package postgresql)"
    }
}

/// The account that runs the server when we are root.
fn unprivileged_account() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["lokapasar", "postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!(
        "PostgreSQL refuses to run as root and there is no account lokapasar, postgres or nobody: create one with `useradd --system lokapasar`"
    )
}

fn private_folder(path: &Path, account: Option<&User>) -> anyhow::Result<PathBuf> {
    let cannot = || format!("{} cannot be made", path.display());
    // What lies above stays passable, or the account that runs the server could not come in.
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).with_context(cannot)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(cannot)?;
    let path = path.canonicalize()?;
    if let Some(account) = account {
        chown(&path, Some(account.uid), Some(account.gid))?;
        for parent in path.ancestors().skip(1) {
            let mode = fs::metadata(parent)?;
            ensure!(
                mode.mode() & 0o001 != 0 || mode.uid() == account.uid.as_raw(),
                "the account {} cannot reach {}: choose another --data-dir, such as /var/lib/lokapasar",
                account.name,
                path.display()
            );
        }
    }
    Ok(path)
}

/// Where the socket lies: in a folder of a short name, since the path may have 107 bytes.
fn socket_path(directory: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let digest = crate::platform::sealing::sha256(directory.as_os_str().as_bytes());
    let path = std::env::temp_dir().join(format!("lokapasar-{}", hex::encode(&digest[..6])));
    ensure!(path.as_os_str().len() < 90, "the folder for temporary files has too long a name for a socket");
    Ok(path)
}

/// Makes the socket's private folder.
fn socket_folder(path: &Path, account: Option<&User>) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("{} cannot be made", path.display()));
        }
        _ => {}
    }
    let expected = account.map_or_else(geteuid, |account| account.uid);
    let meta = fs::symlink_metadata(path)?;
    ensure!(
        meta.is_dir() && [expected, geteuid()].contains(&Uid::from_raw(meta.uid())),
        "{} belongs to somebody else: remove it",
        path.display()
    );
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))?;
    }
    Ok(fs::set_permissions(path, Permissions::from_mode(0o700))?)
}

fn succeed(output: Output, program: &str) -> anyhow::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    bail!("{program} failed: {}", text.lines().last().unwrap_or("without a word"))
}
