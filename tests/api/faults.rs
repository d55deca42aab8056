//! What breaks around us: the database is killed, the server is killed, the mail server is away.
use crate::support::purchase::{Office, line};
use crate::support::trade::Vendor;
use crate::support::{Answer, Caller, TestApp, scaled, send, watch};
use chrono::TimeDelta;
use futures_util::future::join_all;
use lokapasar::cli;
use lokapasar::kernel::Realm;
use lokapasar::platform::db::{Cluster, ClusterOptions, Db};
use lokapasar::platform::sealing::KeyRing;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch as signal};

const BINARY: &str = env!("CARGO_BIN_EXE_lokapasar");
const CLIENTS: usize = 4;
/// More repeats than any outage here could ask for.
const REPEATS: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_costs_nothing_that_was_acknowledged_and_the_server_goes_on() {
    let mut stage = Stage::open("database").await;
    let app =
        TestApp::start_on(stage.cluster.url("shop"), "killed_database".into(), Realm::Sandbox, |_| {}).await;
    let (_, pen, office) = shop(&app, 100_000).await;
    let (up, door) = signal::channel(Some(0));
    let (done, until) = signal::channel(false);
    let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
    let buyers = (0..CLIENTS).map(|number| {
        let client = Client {
            number,
            caller: office.officer.clone(),
            door: door.clone(),
            started: None,
            breaks: Arc::default(),
            breaks_allowed: false,
        };
        tokio::spawn(client.buy(office.clone(), pen.clone(), until.clone(), acknowledge.clone()))
    });
    let buyers: Vec<_> = buyers.collect();
    drop(acknowledge);
    let mut kept = Vec::new();
    for round in 1..=scaled(30) {
        for _ in 0..12 + round {
            kept.push(acknowledged.recv().await.expect("the buyers go on"));
        }
        up.send_replace(None);
        let postmaster = stage.cluster.server_pid().expect("the database runs");
        kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
        // Its last children may still answer a question or two.
        let mut away = office.officer.get("/api/v1/requests").await;
        for _ in 0..REPEATS {
            if away.status != 200 {
                break;
            }
            away = office.officer.get("/api/v1/requests").await;
        }
        unavailable(away);
        unavailable(office.officer.post("/api/v1/requests", office.draft_body(vec![line(&pen, "1")])).await);
        unavailable(app.anonymous().get("/public/v1/products").await);
        unavailable(app.anonymous().get("/health/ready").await);
        app.anonymous().get("/health/live").await.expect(200);
        stage.revive().await;
        up.send_replace(Some(round));
    }
    for _ in 0..12 {
        kept.push(acknowledged.recv().await.expect("the buyers go on"));
    }
    done.send_replace(true);
    for buyer in join_all(buyers).await {
        buyer.expect("no buyer met a fault");
    }
    while let Some(ordered) = acknowledged.recv().await {
        kept.push(ordered);
    }
    app.anonymous().get("/health/ready").await.expect(200);
    let (lost, doubled) = audit(&app, &kept).await;
    println!(
        "{} kills of the database, {} acknowledged orders, {lost} lost, {doubled} doubled",
        scaled(30),
        kept.len()
    );
    assert_eq!((lost, doubled), (0, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_again_and_again_loses_nothing_sells_nothing_twice_and_numbers_nothing_twice() {
    let stage = Stage::open("server").await;
    let keys = stage.scratch.join("keys.toml");
    let made = command(&stage.scratch, &keys).args(["admin", "keys", "create"]).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ring = KeyRing::read(&keys).unwrap();
    let kills = scaled(50);
    let app = TestApp::start_with_keys(
        stage.cluster.url("shop"),
        "killed_server".into(),
        Realm::Sandbox,
        ring,
        |_| {},
    )
    .await;
    let stock = u32::try_from(kills * 4).unwrap();
    let (_, pen, office) = shop(&app, stock).await;
    let port = free_port();
    let mut server = Server::start(&stage, &keys, port).await;
    let (up, door) = signal::channel(Some(0));
    let (done, until) = signal::channel(false);
    let (start, mut started) = mpsc::unbounded_channel();
    let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
    let breaks = Arc::new(AtomicUsize::new(0));
    let buyers = (0..CLIENTS).map(|number| {
        let mut caller = Caller::new(&format!("http://127.0.0.1:{port}"));
        caller.token = office.officer.token.clone();
        let client = Client {
            number,
            caller,
            door: door.clone(),
            started: Some(start.clone()),
            breaks: breaks.clone(),
            breaks_allowed: true,
        };
        tokio::spawn(client.buy(office.clone(), pen.clone(), until.clone(), acknowledge.clone()))
    });
    let buyers: Vec<_> = buyers.collect();
    drop((start, acknowledge));
    for round in 1..=kills {
        // Some requests into its life, at another point each time.
        for _ in 0..4 + (round * 7) % 13 {
            started.recv().await.expect("the buyers go on");
        }
        up.send_replace(None);
        server.kill().await;
        while started.try_recv().is_ok() {}
        server = Server::start(&stage, &keys, port).await;
        up.send_replace(Some(round));
    }
    for _ in 0..2 * CLIENTS {
        started.recv().await.expect("the buyers go on");
    }
    done.send_replace(true);
    // Nobody may be left waiting for a server that was not killed.
    up.send_replace(Some(kills + 1));
    for buyer in join_all(buyers).await {
        buyer.expect("no buyer met a fault");
    }
    server.kill().await;
    let mut kept = Vec::new();
    while let Some(ordered) = acknowledged.recv().await {
        kept.push(ordered);
    }
    let (lost, doubled) = audit(&app, &kept).await;
    let oversold =
        app.count("SELECT coalesce(sum(l.quantity), 0)::bigint FROM order_lines l").await - i64::from(stock);
    let log = std::fs::read_to_string(stage.scratch.join("server.log")).unwrap();
    let faults =
        log.lines().filter(|line| line.contains("panicked") || line.contains("\"status\":500")).count();
    println!(
        "{kills} kills of the server, {} requests cut off, {} acknowledged orders, {lost} lost, {doubled} doubled, {} oversold, {faults} faults",
        breaks.load(Ordering::Relaxed),
        kept.len(),
        oversold.max(0),
    );
    assert!(breaks.load(Ordering::Relaxed) >= kills, "the kills hit nobody");
    assert_eq!((lost, doubled, oversold.max(0), faults), (0, 0, 0, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_mail_server_is_down_orders_go_on_and_afterwards_each_mail_arrives_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let printer = app.product(&vendor, "1500000.00", 10).await;
    let office = app.office().await;
    app.work().await;
    let before = app.app.mailer.sent().len();
    let already = app.count("SELECT count(*) FROM deliveries").await;
    app.app.mailer.set_down(true);
    let request = office.ordered(vec![line(&printer, "1")]).await;
    vendor.accept(&office.order(&request).await).await.expect(200);
    for hours in [0, 1, 2] {
        app.app.clock.advance(TimeDelta::hours(hours));
        app.work().await;
    }
    assert_eq!(app.app.mailer.sent().len(), before);
    let waiting =
        "SELECT count(*) FROM deliveries WHERE sent_at IS NULL AND given_up_at IS NULL AND attempts >= 3";
    assert_eq!(app.count(waiting).await, app.count("SELECT count(*) FROM deliveries").await - already);
    app.app.mailer.set_down(false);
    app.app.clock.advance(TimeDelta::hours(7));
    app.work().await;
    let sent = app.app.mailer.sent().split_off(before);
    let mut by_recipient: BTreeMap<&str, usize> = BTreeMap::new();
    for mail in &sent {
        *by_recipient.entry(&mail.to).or_default() += 1;
    }
    // The approver is asked, the officer hears of the approval and of the acceptance, the vendor gets the order.
    let expected = [(&office.approver.contact, 1), (&office.officer.contact, 2), (&vendor.owner.contact, 1)];
    assert_eq!(
        by_recipient,
        expected.map(|(contact, mails)| (contact.as_str(), mails)).into_iter().collect()
    );
    let ids: HashSet<&String> = sent.iter().map(|mail| &mail.message_id).collect();
    let stored = app
        .sql("SELECT format('<%s@lokapasar>', id) FROM deliveries WHERE attempts > 3 AND sent_at IS NOT NULL")
        .await;
    assert_eq!(ids, stored.iter().map(|row| row[0].as_ref().unwrap()).collect());
    // A worker that dies between the mail and the note of it sends again, under the same Message-ID.
    app.sql("UPDATE deliveries SET sent_at = NULL WHERE template = 'order_accepted'").await;
    app.app.clock.advance(TimeDelta::hours(7));
    app.work().await;
    let again = app.app.mailer.sent().split_off(before + sent.len());
    assert_eq!(again.len(), 1);
    assert!(sent.contains(&again[0]));
    app.finish().await;
}

/// A cluster that a test may kill.
struct Stage {
    cluster: Cluster,
    /// For files of processes that run as we do.
    scratch: PathBuf,
    _watcher: std::process::Child,
}

impl Stage {
    async fn open(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("lokapasar-fault-{}-{name}", std::process::id()));
        let options =
            ClusterOptions { directory: directory.clone(), programs: None, server_settings: Vec::new() };
        let cluster = Cluster::open(options).await.expect("PostgreSQL 15 or later is installed");
        let watcher = watch(&cluster, &directory);
        cluster.create_database("shop", None).await.unwrap();
        let owner = Db::new(&cluster.owner_url("shop"), 1, Duration::from_secs(10)).unwrap();
        cli::prepare_database(&owner).await.unwrap();
        let scratch = directory.join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        Self { cluster, scratch, _watcher: watcher }
    }

    /// Starts the killed database again. Until the system has buried the old process, it counts as
    /// running, and a restart does nothing.
    async fn revive(&mut self) {
        for _ in 0..REPEATS {
            self.cluster.restart().await.unwrap();
            if tokio_postgres::connect(&self.cluster.superuser_url(), tokio_postgres::NoTls).await.is_ok() {
                return;
            }
        }
        panic!("the database does not come back");
    }
}

async fn shop(app: &TestApp, stock: u32) -> (Vendor, String, Arc<Office>) {
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "1000.00", stock).await;
    (vendor, pen, Arc::new(app.office().await))
}

#[track_caller]
fn unavailable(answer: Answer) {
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.body);
    answer.expect_problem(503, "unavailable");
}

/// What a purchase that was acknowledged must have left behind.
struct Ordered {
    request: String,
    title: String,
}

/// How many acknowledged purchases are gone, and how many effects happened twice.
async fn audit(app: &TestApp, kept: &[Ordered]) -> (usize, i64) {
    let rows = app
        .sql("SELECT r.id, r.title FROM requests r JOIN orders o ON o.request_id = r.id WHERE r.status = 'ordered' AND o.number <> ''")
        .await;
    let there: HashSet<(String, String)> =
        rows.into_iter().map(|mut row| (row[0].take().unwrap(), row[1].take().unwrap())).collect();
    let lost = kept
        .iter()
        .filter(|ordered| !there.contains(&(ordered.request.clone(), ordered.title.clone())))
        .count();
    // One key stands for one title, one request, one submission, one order.
    let mut doubled = 0;
    for text in [
        "SELECT count(*) - count(DISTINCT title) FROM requests",
        "SELECT count(*) - count(DISTINCT request_id) FROM orders",
        "SELECT count(*) - count(DISTINCT number) FROM orders",
        "SELECT count(*) - count(DISTINCT subject_id) FROM events WHERE kind = 'request.created'",
        "SELECT count(*) - count(DISTINCT subject_id) FROM events WHERE kind = 'request.submitted'",
        "SELECT count(*) - count(DISTINCT subject_id) FROM events WHERE kind = 'order.issued'",
        "SELECT abs((SELECT count(*) FROM orders) - (SELECT reserved FROM stock))::bigint",
        "SELECT abs((SELECT count(*) FROM orders) - (SELECT sum(quantity) FROM stock_reservations WHERE released_at IS NULL))::bigint",
        "SELECT abs((SELECT sum(gross_total) FROM orders) - (SELECT committed FROM budget_lines))::bigint",
        "SELECT reserved::bigint FROM budget_lines",
    ] {
        doubled += app.count(text).await;
    }
    (lost, doubled)
}

/// Somebody who buys one piece after the other and repeats under the same key what was not answered.
struct Client {
    number: usize,
    caller: Caller,
    /// The number of the server's life, none while it is away.
    door: signal::Receiver<Option<usize>>,
    started: Option<mpsc::UnboundedSender<()>>,
    breaks: Arc<AtomicUsize>,
    breaks_allowed: bool,
}

impl Client {
    async fn buy(
        mut self,
        office: Arc<Office>,
        pen: String,
        until: signal::Receiver<bool>,
        acknowledge: mpsc::UnboundedSender<Ordered>,
    ) {
        for number in 0.. {
            if *until.borrow() {
                return;
            }
            let title = format!("Pulpen {}-{number}", self.number);
            let mut body = office.draft_body(vec![line(&pen, "1")]);
            body["title"] = json!(title);
            let draft = self
                .post("/api/v1/requests", &format!("draft-{}-{number}", self.number), Some(body))
                .await
                .expect(201);
            let request = draft.id();
            let key = format!("submit-{}-{number}", self.number);
            let answer = self.post(&format!("/api/v1/requests/{request}/actions/submit"), &key, None).await;
            if answer.status == 409 {
                answer.expect_problem(409, "out_of_stock");
                continue;
            }
            assert_eq!(answer.expect(200).text("/status"), "ordered");
            let _ = acknowledge.send(Ordered { request, title });
        }
    }

    /// Posts until there is an answer that is one.
    async fn post(&mut self, path: &str, key: &str, body: Option<serde_json::Value>) -> Answer {
        let mut last = None;
        for _ in 0..REPEATS {
            let life = self.door.wait_for(Option::is_some).await.map(|life| *life).unwrap_or_default();
            if let Some(started) = &self.started {
                let _ = started.send(());
            }
            let request = self.caller.request(reqwest::Method::POST, path).header("Idempotency-Key", key);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            if !self.breaks_allowed {
                let answer = send(request).await;
                if self.settled(&answer) {
                    return answer;
                }
                last = Some(answer);
                continue;
            }
            match attempt(request).await {
                Some(answer) if self.settled(&answer) => return answer,
                Some(answer) => last = Some(answer),
                None => {
                    self.breaks.fetch_add(1, Ordering::Relaxed);
                    let _ = self.door.wait_for(|now| now.is_some() && *now != life).await;
                }
            }
        }
        panic!("no answer after {REPEATS} attempts, but {:?}", last.map(|answer| answer.body));
    }

    fn settled(&self, answer: &Answer) -> bool {
        assert!(answer.status < 500 || answer.status == 503, "{}", answer.body);
        let again = answer.status == 503 || answer.code() == "idempotency_in_progress";
        assert!(!again || !answer.header("retry-after").is_empty(), "{}", answer.body);
        !again
    }
}

/// An answer, unless the connection broke.
async fn attempt(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.ok()?.to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(Answer { status, headers, bytes, body })
}

/// The real program as its own process.
struct Server(Child);

impl Server {
    async fn start(stage: &Stage, keys: &Path, port: u16) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(stage.scratch.join("server.log"))
            .unwrap();
        let mut child = command(&stage.scratch, keys)
            .arg("serve")
            .env("DATABASE_URL", stage.cluster.url("shop"))
            .env("DATABASE_OWNER_URL", stage.cluster.owner_url("shop"))
            .env("LOKAPASAR_LISTEN", format!("127.0.0.1:{port}"))
            .env("LOKAPASAR_HTTP_REQUESTS_PER_MINUTE", "1000000")
            .env("LOKAPASAR_LOG_FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| {
            panic!("no start: {}", std::fs::read_to_string(stage.scratch.join("server.log")).unwrap())
        });
        assert!(line.ends_with(&format!(":{port}")), "{line}");
        Self(child)
    }

    /// SIGKILL, and gone.
    async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }
}

fn command(scratch: &Path, keys: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .current_dir(scratch)
        .env("LOKAPASAR_DATA_DIR", scratch)
        .env("LOKAPASAR_KEYS_FILE", keys)
        .env("LOKAPASAR_REALM", "sandbox")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A port below those that the system gives out by itself.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (first..32_768)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}
