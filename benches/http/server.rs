//! The program under measurement, as a process of its own, and its database.
use super::Size;
use anyhow::{Context, bail};
use lokapasar::platform::db::{Cluster, ClusterOptions};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio_postgres::{Client, NoTls};

const DATABASE: &str = "lokapasar_demo";
/// Below the range from which the system takes the ports of outgoing connections.
const LISTEN: &str = "127.0.0.1:20480";

pub struct Server {
    process: Child,
    cluster: Cluster,
    directory: PathBuf,
    started: String,
}

impl Server {
    /// Loads the data, starts the program on them and waits for its address.
    pub async fn start(size: &Size) -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("lokapasar-bench-{}", std::process::id()));
        let cluster = Cluster::open(ClusterOptions {
            directory: directory.join("demo"),
            programs: None,
            server_settings: Vec::new(),
        })
        .await?;
        let began = Instant::now();
        let counts = [("--vendors", size.vendors), ("--products", size.products)];
        let status = program(&directory, &counts).arg("--load-only").stdout(Stdio::null()).status()?;
        if !status.success() {
            bail!("the data cannot be loaded");
        }
        let loaded = began.elapsed();
        let (process, ready) = serve(&directory, &counts)?;
        let started = format!("loaded in {:.0} s, ready {ready}", loaded.as_secs_f64());
        let server = Self { process, cluster, directory, started };
        server.superuser().await?.batch_execute("VACUUM ANALYZE").await?;
        Ok(server)
    }

    pub fn address(&self) -> &'static str {
        LISTEN
    }

    /// How long loading and starting took.
    pub fn started(&self) -> &str {
        &self.started
    }

    /// A bare connection with the application's role.
    pub async fn client(&self) -> anyhow::Result<Client> {
        connect(&self.cluster.url(DATABASE)).await
    }

    /// Log-ins that were replayed count as attempts, and would delay those that are measured next.
    pub async fn forget_attempts(&self) -> anyhow::Result<()> {
        Ok(self.superuser().await?.batch_execute("DELETE FROM login_delays").await?)
    }

    pub async fn superuser(&self) -> anyhow::Result<Client> {
        connect(&self.cluster.superuser_url().replace("dbname=postgres", &format!("dbname={DATABASE}"))).await
    }

    /// Address of the application's role, for the library's own pool.
    pub fn url(&self) -> String {
        self.cluster.url(DATABASE)
    }

    /// PostgreSQL's log.
    pub fn database_log(&self) -> PathBuf {
        self.directory.join("demo/postgres.log")
    }

    /// The greatest resident memory of the program so far.
    pub fn memory(&self) -> anyhow::Result<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .context("the memory can be read on Linux only")?;
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        Ok(format!("peak resident memory of the program: {}", peak.trim_start_matches("VmHWM:").trim()))
    }

    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(pid) = self.cluster.server_pid() {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGQUIT);
        }
        let _ = std::fs::remove_dir_all(self.cluster.socket_folder());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn serve(directory: &Path, counts: &[(&str, u32)]) -> anyhow::Result<(Child, String)> {
    let log = File::create(directory.join("server.log"))?;
    let mut process =
        program(directory, counts).args(["--listen", LISTEN]).stdout(Stdio::piped()).stderr(log).spawn()?;
    let output = process.stdout.take().context("the program has no output")?;
    let mut lines = BufReader::new(output).lines();
    for line in lines.by_ref() {
        let line = line?;
        if line.contains("listens on") {
            let ready = line.split("ready").nth(1).unwrap_or_default();
            let ready = ready.trim_matches(|c: char| c == ')' || c.is_whitespace()).to_owned();
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((process, ready));
        }
    }
    bail!("the program ended before it listened; see {}", directory.join("server.log").display())
}

fn program(directory: &Path, counts: &[(&str, u32)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lokapasar"));
    command.arg("--data-dir").arg(directory).arg("demo");
    for (name, count) in counts {
        command.args([*name, &count.to_string()]);
    }
    command
        .env_remove("DATABASE_URL")
        .env("LOKAPASAR_LOG_FILTER", "info")
        .env("LOKAPASAR_HTTP_REQUESTS_PER_MINUTE", "100000000")
        .env("LOKAPASAR_HTTP_LOG_IN_ATTEMPTS_PER_MINUTE", "100000000");
    command
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Processor, cores and memory in a few words.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split(':').nth(1).unwrap_or_default().trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    format!("{}, {cores} cores, memory {}", field(&cpu, "model name"), field(&memory, "MemTotal"))
}
