//! The embedded PostgreSQL: made, stopped, adopted, recovered, and reachable by nobody else.
use lokapasar::platform::db::{Cluster, ClusterOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A place for one test's cluster. A shell of its own stops what runs there and removes it when
/// our end of its pipe closes: at the end of the test, however it ends.
struct Ground {
    directory: PathBuf,
    shell: Child,
}

/// Folder of the data; then the folder of its socket, as `Cluster` names it, is read from the
/// server's own file.
const CLEAN: &str = r#"
read _
file="$2/postgres/postmaster.pid"
pid=$(sed -n 1p "$file" 2>/dev/null); socket=$(sed -n 5p "$file" 2>/dev/null)
if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ]; then
    kill -QUIT "$pid"
    while grep -qs 'State:.[^ZX]' "/proc/$pid/status"; do sleep 0.1; done
fi
case "$socket" in "${TMPDIR:-/tmp}"/lokapasar-*) rm -rf "$socket" ;; esac
rm -rf "$1"
"#;

impl Ground {
    fn new(name: &str) -> Self {
        Self::at(name, "")
    }

    /// With further folders below, to make the path long.
    fn at(name: &str, below: &str) -> Self {
        let root = std::env::temp_dir().join(format!("lokapasar-cluster-{}-{name}", std::process::id()));
        let directory = root.join(below);
        let shell = Command::new("sh")
            .args(["-c".as_ref(), CLEAN.as_ref(), "sh".as_ref(), root.as_os_str(), directory.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whoever kills the whole group of the test process spares the cleaner.
            .process_group(0)
            .spawn()
            .expect("a shell is there");
        Self { directory, shell }
    }

    fn options(&self) -> ClusterOptions {
        let settings = ["fsync=off", "shared_buffers=16MB", "max_connections=20"];
        ClusterOptions {
            directory: self.directory.clone(),
            programs: None,
            server_settings: settings.map(str::to_owned).to_vec(),
        }
    }

    async fn open(&self) -> Cluster {
        Cluster::open(self.options()).await.expect("the cluster opens")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// One value out of SQL, by the superuser.
async fn ask(cluster: &Cluster, database: &str, text: &str) -> String {
    let url = cluster.superuser_url().replace("dbname=postgres", &format!("dbname={database}"));
    let (client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("the cluster answers");
    let driver = tokio::spawn(connection);
    let messages = client.simple_query(text).await.expect("the statement runs");
    drop(client);
    let _ = driver.await;
    let rows = messages.into_iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    rows.last().unwrap_or_default()
}

async fn answers(cluster: &Cluster) -> bool {
    tokio_postgres::connect(&cluster.superuser_url(), tokio_postgres::NoTls).await.is_ok()
}

fn socket_folder(cluster: &Cluster) -> PathBuf {
    let url = cluster.url("postgres");
    url.split_whitespace().find_map(|part| part.strip_prefix("host=")).expect("a host").into()
}

fn pid_file(cluster: &Cluster) -> PathBuf {
    cluster.data().join("postmaster.pid")
}

async fn remember(cluster: &Cluster, what: &str) {
    cluster.create_database("shop", None).await.expect("a database can be made");
    ask(
        cluster,
        "shop",
        &format!("CREATE TABLE IF NOT EXISTS memory (what text); INSERT INTO memory VALUES ('{what}')"),
    )
    .await;
}

async fn remembered(cluster: &Cluster) -> String {
    ask(cluster, "shop", "SELECT string_agg(what, ',' ORDER BY what) FROM memory").await
}

/// Kills the server the hard way; its pid file stays behind.
fn kill_hard(cluster: &Cluster) -> i32 {
    let pid = cluster.server_pid().expect("it runs");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it can be killed");
    pid
}

#[tokio::test(flavor = "multi_thread")]
async fn data_survives_closing_and_opening_again() {
    let ground = Ground::new("again");
    let cluster = ground.open().await;
    assert!(cluster.started_here());
    remember(&cluster, "rice").await;
    // Making it a second time changes nothing.
    cluster.create_database("shop", None).await.expect("a database can be made");
    let (data, pid) = (cluster.data(), cluster.server_pid().expect("it runs"));
    cluster.close().expect("it stops");
    assert!(!data.join("postmaster.pid").exists(), "a clean stop leaves no pid file");
    let cluster = ground.open().await;
    assert!(cluster.started_here());
    assert_ne!(cluster.server_pid(), Some(pid));
    assert_eq!(remembered(&cluster).await, "rice");
    cluster.drop_database("shop").await.expect("it can be dropped");
    assert_eq!(
        ask(&cluster, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shop'").await,
        "0"
    );
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_it_running_adopts_it_and_leaves_it_running() {
    let ground = Ground::new("adopt");
    let first = ground.open().await;
    remember(&first, "rice").await;
    let second = ground.open().await;
    assert!(first.started_here() && !second.started_here());
    assert_eq!(second.server_pid(), first.server_pid());
    assert_eq!((second.url("shop"), second.owner_url("shop")), (first.url("shop"), first.owner_url("shop")));
    assert_eq!(remembered(&second).await, "rice");
    second.close().expect("it lets go");
    assert_eq!(remembered(&first).await, "rice", "the server runs on");
    let third = ground.open().await;
    first.close().expect("it stops");
    assert!(!answers(&third).await, "who started it stopped it");
    third.close().expect("nothing is left to do");
}

#[test]
fn processes_that_open_at_once_start_one_server() {
    let ground = Ground::new("once");
    // A thread with a runtime of its own stands for a process: it may wait for the folder's lock.
    let opening: Vec<_> = (0..3)
        .map(|_| {
            let options = ground.options();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(Cluster::open(options)).expect("the cluster opens")
            })
        })
        .collect();
    let clusters: Vec<Cluster> = opening.into_iter().map(|thread| thread.join().expect("it opens")).collect();
    assert_eq!(clusters.iter().filter(|cluster| cluster.started_here()).count(), 1);
    assert_eq!(clusters.iter().filter_map(Cluster::server_pid).collect::<HashSet<_>>().len(), 1);
    let (starter, adopters): (Vec<_>, Vec<_>) = clusters.into_iter().partition(Cluster::started_here);
    for cluster in adopters.into_iter().chain(starter) {
        cluster.close().expect("it closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_started_again() {
    let ground = Ground::new("killed");
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    let pid = kill_hard(&cluster);
    gone(pid).await;
    assert!(pid_file(&cluster).exists(), "the stale file is there");
    let again = ground.open().await;
    assert!(again.started_here());
    assert_ne!(again.server_pid(), Some(pid));
    assert_eq!(remembered(&again).await, "rice", "what was committed is there");
    again.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_dying_this_moment_is_not_adopted() {
    let ground = Ground::new("dying");
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    // Its number may outlive it for a while, until somebody takes note of its end.
    kill_hard(&cluster);
    let again = ground.open().await;
    assert!(again.started_here());
    assert_eq!(remembered(&again).await, "rice");
    again.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_supervises_it_restarts_it_and_later_stops_it() {
    let ground = Ground::new("restart");
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    let first = cluster.server_pid();
    cluster.restart().await.expect("nothing is to be done");
    assert_eq!(cluster.server_pid(), first, "a running server is left alone");
    gone(kill_hard(&cluster)).await;
    cluster.restart().await.expect("it starts again");
    assert_eq!(remembered(&cluster).await, "rice");
    cluster.close().expect("it stops");
    assert!(!ground.directory.join("postgres/postmaster.pid").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_right_after_a_kill_leaves_a_server_that_answers() {
    let ground = Ground::new("at-once");
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    kill_hard(&cluster);
    cluster.restart().await.expect("it starts again");
    assert!(answers(&cluster).await, "restart said that all is well");
    assert_eq!(remembered(&cluster).await, "rice");
    cluster.close().expect("it stops");
}

/// Waits until a killed process is no more.
async fn gone(pid: i32) {
    let waiting = async {
        while Path::new(&format!("/proc/{pid}")).exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it ends");
}

/// A process that has nothing to do with the cluster, of the account `owner` where one is named.
struct Stranger(Child);

impl Stranger {
    fn start(owner: Option<&User>) -> Self {
        let mut command = Command::new("cat");
        if let Some(owner) = owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat is there"))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("it can be asked").is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Leaves the cluster behind as after a crash, its pid file naming `stranger`.
async fn crashed_beside(ground: &Ground, stranger: &Stranger) {
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    let stale = fs::read_to_string(pid_file(&cluster)).expect("the pid file is there");
    let path = pid_file(&cluster);
    let pid = cluster.server_pid().expect("it runs").to_string();
    cluster.close().expect("it stops");
    let renamed = stale.replacen(&pid, &stranger.0.id().to_string(), 1);
    fs::write(&path, renamed).expect("it can be written");
    let owner = fs::metadata(ground.directory.join("postgres/PG_VERSION")).expect("it is there");
    std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).expect("it can be given away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_file_that_names_another_accounts_process_is_recovered_from() {
    // Without root every process that we can start is of the server's own account, as below.
    let ground = Ground::new("foreign");
    let mut stranger = Stranger::start(None);
    crashed_beside(&ground, &stranger).await;
    let cluster = ground.open().await;
    assert!(cluster.started_here());
    assert_eq!(remembered(&cluster).await, "rice");
    assert!(stranger.lives(), "the other process is left alone");
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_file_that_names_a_foreign_process_of_the_same_account_is_recovered_from() {
    let ground = Ground::new("reused");
    // As after a restart of the machine: the number now belongs to another program.
    let cluster = ground.open().await;
    let account = fs::metadata(cluster.data()).expect("it is there").uid();
    cluster.close().expect("it stops");
    let account = User::from_uid(account.into()).expect("accounts can be read");
    let mut stranger = Stranger::start(account.as_ref().filter(|_| geteuid().is_root()));
    crashed_beside(&ground, &stranger).await;
    let cluster = ground.open().await;
    assert!(cluster.started_here());
    assert_eq!(remembered(&cluster).await, "rice");
    assert!(stranger.lives(), "the other process is left alone");
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reaches_it() {
    let ground = Ground::new("private");
    let cluster = ground.open().await;
    assert_eq!(ask(&cluster, "postgres", "SHOW listen_addresses").await, "");
    let socket = socket_folder(&cluster);
    assert_eq!(ask(&cluster, "postgres", "SHOW unix_socket_directories").await, socket.display().to_string());
    assert_eq!(fs::metadata(&socket).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(cluster.data()).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&ground.directory).expect("it is there").permissions().mode() & 0o777, 0o700);
    let file = fs::metadata(socket.join(".s.PGSQL.5432")).expect("the socket is there");
    assert_eq!(file.permissions().mode() & 0o777, 0o700);
    assert_eq!(file.uid(), fs::metadata(cluster.data()).expect("it is there").uid());
    assert_ne!(file.uid(), 0, "PostgreSQL never runs as root");
    let listening = inodes_listening_on_tcp();
    let pid = cluster.server_pid().expect("it runs");
    let ours: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its files can be listed")
        .filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.display().to_string()))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    assert!(!ours.is_empty(), "its socket is among its files");
    assert!(ours.iter().all(|inode| !listening.contains(inode)), "it listens on TCP");
    for (setting, value) in [("lc_messages", "C"), ("TimeZone", "UTC"), ("server_encoding", "UTF8")] {
        assert_eq!(ask(&cluster, "postgres", &format!("SHOW {setting}")).await, value, "{setting}");
    }
    cluster.close().expect("it stops");
}

fn inodes_listening_on_tcp() -> Vec<String> {
    const LISTEN: &str = "0A";
    let mut found = Vec::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            text => text.expect("it can be read"),
        };
        let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        found.extend(
            rows.filter(|row| row.get(3) == Some(&LISTEN)).filter_map(|row| Some((*row.get(9)?).to_owned())),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_very_long_path_works() {
    let below = ["x".repeat(120), "y".repeat(120), "with a space".to_owned()].join("/");
    let ground = Ground::at("long", &below);
    fs::create_dir_all(ground.directory.parent().expect("a folder above")).expect("folders can be made");
    assert!(ground.directory.as_os_str().len() > 260);
    let cluster = ground.open().await;
    let socket = socket_folder(&cluster).join(".s.PGSQL.5432");
    assert!(socket.exists());
    assert!(socket.as_os_str().len() <= 107, "{} bytes", socket.as_os_str().len());
    remember(&cluster, "rice").await;
    assert_eq!(remembered(&cluster).await, "rice");
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_folders_above_the_data_are_made_so_that_the_server_reaches_it() {
    let ground = Ground::at("above", "not/there/yet");
    let cluster = ground.open().await;
    assert_eq!(fs::metadata(&ground.directory).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert_eq!(ask(&cluster, "postgres", "SELECT 1").await, "1");
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_initdb_is_done_again() {
    let ground = Ground::new("half");
    fs::create_dir_all(ground.directory.join("postgres.unfinished/global")).expect("a folder can be made");
    for file in ["PG_VERSION", "global/pg_control"] {
        fs::write(ground.directory.join("postgres.unfinished").join(file), "15\n")
            .expect("a file can be written");
    }
    let cluster = ground.open().await;
    assert_eq!(ask(&cluster, "postgres", "SELECT 1").await, "1");
    cluster.close().expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_whole_is_refused_and_left_alone() {
    let ground = Ground::new("restore");
    let base = ground.directory.join("postgres/base");
    fs::create_dir_all(&base).expect("a folder can be made");
    fs::write(base.join("1"), "half of a backup").expect("a file can be written");
    let error = Cluster::open(ground.options()).await.expect_err("it is refused");
    one_sentence(&error, &["no whole cluster", "restore it"]);
    assert_eq!(fs::read_to_string(base.join("1")).expect("it is there"), "half of a backup");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_adopted_a_server_starts_it_again_when_its_starter_has_gone() {
    let ground = Ground::new("orphan");
    let starter = ground.open().await;
    remember(&starter, "rice").await;
    let adopter = ground.open().await;
    starter.close().expect("it stops");
    assert!(!adopter.alive());
    adopter.restart().await.expect("it starts");
    assert!(adopter.alive() && adopter.started_here());
    assert_eq!(remembered(&adopter).await, "rice");
    adopter.close().expect("it stops");
}

/// One sentence for whoever runs the program: no second line, no full stop inside.
#[track_caller]
fn one_sentence(error: &anyhow::Error, words: &[&str]) {
    let text = format!("{error:#}");
    assert!(!text.contains('\n') && !text.contains(". ") && text.len() < 400, "{text}");
    for word in words {
        assert!(text.contains(word), "{word} is missing in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_folder_without_postgresql_is_named_with_its_setting() {
    let ground = Ground::new("empty");
    let nothing = ground.directory.join("bin");
    fs::create_dir_all(&nothing).expect("a folder can be made");
    let options = ClusterOptions {
        directory: ground.directory.join("data"),
        programs: Some(nothing.clone()),
        ..ground.options()
    };
    let error = Cluster::open(options).await.expect_err("there is nothing to run");
    one_sentence(&error, &["database.programs", &nothing.display().to_string(), "PostgreSQL 15"]);
    assert!(!ground.directory.join("data").exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_folder_with_an_older_postgresql_is_refused() {
    let ground = Ground::new("older");
    let folder = programs_that_say(&ground, "postgres (PostgreSQL) 14.11");
    let options = ClusterOptions { programs: Some(folder.clone()), ..ground.options() };
    let error = Cluster::open(options).await.expect_err("it is too old");
    one_sentence(&error, &["database.programs", &folder.display().to_string(), "PostgreSQL 15 or later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_another_version_is_left_alone() {
    let ground = Ground::new("version");
    let cluster = ground.open().await;
    remember(&cluster, "rice").await;
    cluster.close().expect("it stops");
    let version = fs::read_to_string(ground.directory.join("postgres/PG_VERSION")).expect("it is there");
    let folder = programs_that_say(&ground, "postgres (PostgreSQL) 99.1 (Debian 99.1-1)");
    let options = ClusterOptions { programs: Some(folder), ..ground.options() };
    let error = Cluster::open(options).await.expect_err("the versions differ");
    one_sentence(&error, &["database.programs", "99", &format!("PostgreSQL {}", version.trim())]);
    let cluster = ground.open().await;
    assert_eq!(remembered(&cluster).await, "rice");
    cluster.close().expect("it stops");
}

/// Programs that only tell their version.
fn programs_that_say(ground: &Ground, version: &str) -> PathBuf {
    let folder = ground.directory.join("bin");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for program in ["initdb", "pg_ctl", "postgres"] {
        let path = folder.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).expect("a file can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be made a program");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_made_is_named() {
    let ground = Ground::new("blocked");
    fs::create_dir_all(&ground.directory).expect("a folder can be made");
    let file = ground.directory.join("file");
    fs::write(&file, "").expect("a file can be written");
    let options = ClusterOptions { directory: file.join("data"), ..ground.options() };
    let error = Cluster::open(options).await.expect_err("a file is in the way");
    one_sentence(&error, &[&file.join("data").display().to_string()]);
}
