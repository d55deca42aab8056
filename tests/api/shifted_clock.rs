//! The clock of the machine that the application runs on may be wrong. Two real processes on one database, one five
//! minutes fast and one five minutes slow, agree on every deadline of the trade, since all take it from the database.
use crate::support::purchase::{Asked, line, quoted};
use crate::support::trade::Vendor;
use crate::support::{Answer, Caller, PASSWORD, TestApp, bench};
use chrono::{DateTime, TimeDelta, Utc};
use lokapasar::kernel::Realm;
use lokapasar::platform::sealing::KeyRing;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const BINARY: &str = env!("CARGO_BIN_EXE_lokapasar");
/// How far each process is off, and how near to a deadline it is asked: nearer than it is off.
const OFF: i64 = 300;
const NEAR: TimeDelta = TimeDelta::minutes(2);
const EVALUATION: &str = "/evaluation";

/// Whoever loads this reads another time of day; what only measures how long something takes is left alone.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift;

__attribute__((constructor)) static void read_shift(void) {
    const char *text = getenv("CLOCK_SHIFT_SECONDS");
    shift = text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int outcome = (int)syscall(SYS_clock_gettime, clock, now);
    if (outcome == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift;
    return outcome;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    int outcome = clock_gettime(CLOCK_REALTIME, &precise);
    if (outcome == 0) {
        now->tv_sec = precise.tv_sec;
        now->tv_usec = precise.tv_nsec / 1000;
    }
    return outcome;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
"#;

/// The compiled shim; none, said aloud, where nothing compiles C.
fn shim(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("shifted_clock.c"), folder.join("shifted_clock.so"));
    std::fs::write(&source, SHIM).unwrap();
    let mut compiler = std::process::Command::new("cc");
    match compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("SKIPPED: no process ran under a shifted clock, since there is no C compiler `cc`");
            None
        }
        made => {
            let made = made.unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Some(library)
        }
    }
}

/// Where processes of the program run, and on what.
struct Ground {
    scratch: PathBuf,
    keys: PathBuf,
    url: String,
    shim: PathBuf,
}

impl Ground {
    fn command(&self, seconds: i64) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.scratch.join("log")).unwrap();
        let mut command = Command::new(BINARY);
        command
            .current_dir(&self.scratch)
            .env("LD_PRELOAD", &self.shim)
            .env("CLOCK_SHIFT_SECONDS", seconds.to_string())
            .env("DATABASE_URL", &self.url)
            .env("LOKAPASAR_DATA_DIR", &self.scratch)
            .env("LOKAPASAR_KEYS_FILE", &self.keys)
            .env("LOKAPASAR_REALM", "sandbox")
            .env("LOKAPASAR_LISTEN", "127.0.0.1:0")
            .env("LOKAPASAR_PUBLIC_URL", "http://127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.join("log")).unwrap_or_default()
    }

    async fn serve(&self, seconds: i64) -> Server {
        let mut process = self.command(seconds).arg("serve").spawn().unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = told.next_line().await.unwrap().unwrap_or_else(|| panic!("no start: {}", self.log()));
        let (_, base) = told.split_once("listens on ").unwrap_or_else(|| panic!("{told}"));
        Server { base: base.to_owned(), _process: process }
    }

    /// A worker that does everything that is due by now.
    async fn work(&self, seconds: i64) {
        let done = self.command(seconds).args(["worker", "--once"]).output().await.unwrap();
        assert!(done.status.success(), "{}", self.log());
    }
}

struct Server {
    base: String,
    _process: Child,
}

impl Server {
    /// Somebody who calls here.
    async fn log_in(&self, who: &Caller) -> Caller {
        let mut here = Caller::new(&self.base);
        let body = json!({ "contact": who.contact, "password": PASSWORD, "membership_id": who.membership });
        here.token = Some(here.post("/api/v1/auth/sessions", body).await.expect(200).text("/access_token"));
        here
    }

    /// Somebody who calls here with the token that was given elsewhere.
    fn with_token_of(&self, other: &Caller) -> Caller {
        let mut here = Caller::new(&self.base);
        here.token.clone_from(&other.token);
        here
    }

    /// The time that the process itself believes.
    async fn believes(&self) -> DateTime<Utc> {
        let date = Caller::new(&self.base).get("/health/live").await.expect(200).header("date");
        DateTime::parse_from_rfc2822(&date).unwrap().to_utc()
    }
}

fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

async fn act(who: &Caller, quote: &str, verb: &str) -> Answer {
    who.act(&format!("/api/v1/quotes/{quote}/actions/{verb}")).await
}

/// A quote that is written, though not handed in.
async fn writes(who: &Caller, asked: &Asked, pen: &str) -> String {
    let body =
        json!({ "lines": [quoted(&asked.lines[0], pen, "12000")], "shipping_fee": "0", "lead_time_days": 3 });
    who.post(&at(&asked.request, "/quotes"), body).await.expect(201).id()
}

fn before(instant: &str) -> String {
    (instant.parse::<DateTime<Utc>>().unwrap() - NEAR).to_rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_five_minutes_fast_and_slow_keep_the_same_deadlines() {
    let database = bench().await.clone_database().await;
    let scratch = bench().await.scratch(&format!("shifted-{database}"));
    let Some(shim) = shim(&scratch) else { return };
    let keys = scratch.join("keys.toml");
    let ground = Ground { keys: keys.clone(), url: bench().await.url(&database), scratch, shim };
    let made = ground.command(0).args(["admin", "keys", "create"]).output().await.unwrap();
    assert!(made.status.success(), "{}", ground.log());
    let (url, ring) = (ground.url.clone(), KeyRing::read(&keys).unwrap());
    let app = TestApp::start_with_keys(url, database, Realm::Sandbox, ring, |_| {}).await;
    let (mut vendors, mut pens): (Vec<Vendor>, Vec<String>) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let vendor = app.vendor().await;
        pens.push(app.made(&vendor, "12500.00").await);
        vendors.push(vendor);
    }
    let office = app.office().await;
    let asked = office.asks(office.quotation(&pens[0], "100", json!({}))).await;
    let (fast, slow) = (ground.serve(OFF).await, ground.serve(-OFF).await);
    let apart = (fast.believes().await - slow.believes().await).num_seconds();
    assert!((2 * OFF - 60..2 * OFF + 60).contains(&apart), "the processes' clocks are {apart} s apart");

    // Tokens alone go by the process's clock, with a minute's grace: one from the future is refused.
    let [ahead, behind] = [fast.log_in(&office.officer).await, slow.log_in(&office.officer).await];
    let here = at(&asked.request, "");
    ahead.get(&here).await.expect(200);
    behind.get(&here).await.expect(200);
    fast.with_token_of(&behind).get(&here).await.expect(200);
    slow.with_token_of(&ahead).get(&here).await.expect_problem(401, "invalid_token");

    // Two minutes before the deadline: past it for the fast process, if that were asked.
    app.set_clock(&before(&asked.deadline)).await;
    let [first, second] = [fast.log_in(&vendors[0].owner).await, slow.log_in(&vendors[1].owner).await];
    let mut quotes = Vec::new();
    for (vendor, pen) in [(&first, &pens[0]), (&second, &pens[1])] {
        let quote = writes(vendor, &asked, pen).await;
        act(vendor, &quote, "submit").await.expect(200);
        quotes.push(quote);
    }
    let [soon, late] = [fast.log_in(&vendors[2].owner).await, slow.log_in(&vendors[2].owner).await];
    let third = writes(&soon, &asked, &pens[2]).await;
    ahead.act(&at(&asked.request, "/opening")).await.expect_problem(409, "too_early");
    ground.work(OFF).await;
    assert_eq!(app.count("SELECT count(*) FROM opened_quotes").await, 0);

    // At the deadline: minutes before it for the slow process.
    app.set_clock(&asked.deadline).await;
    for vendor in [&late, &soon] {
        act(vendor, &third, "submit").await.expect_problem(409, "deadline_passed");
        let again = vendor.post(&at(&asked.request, "/quotes"), json!({})).await;
        again.expect_problem(409, "deadline_passed");
    }
    act(&second, &quotes[1], "withdraw").await.expect_problem(409, "deadline_passed");
    ground.work(-OFF).await;
    let shown = ahead.get(&here).await.expect(200);
    assert_eq!(shown.text("/status"), "evaluating");

    // Equal totals of equal businesses: who came first by the database's clock, whatever the processes believed.
    let reason = json!({ "reason": "Harga terendah" });
    let complete =
        ahead.post_as(&at(&asked.request, EVALUATION), "complete", reason.clone()).await.expect(200);
    let ranked: Vec<&Value> = complete.body["ranking"]["whole"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ranked| &ranked["quote_id"])
        .collect();
    assert_eq!(ranked, [quotes[0].as_str(), quotes[1].as_str()]);
    assert_eq!(complete.text("/ranking/whole/1/tie_broken_by"), "earlier_submission");
    let again = behind.post_as(&at(&asked.request, EVALUATION), "complete", reason).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), again.bytes), ("true", complete.bytes.clone()));

    // The winner's order is accepted in time through the fast process, and another too late through the slow one.
    let note = json!({ "note": "Contoh barang dan alamat diperiksa" });
    behind.post(&format!("/api/v1/quotes/{}/actions/verify", quotes[0]), note).await.expect(200);
    let award = json!({ "content_hash": complete.text("/content_hash") });
    let decides = slow.log_in(&office.approver).await;
    decides.post(&at(&asked.request, "/actions/award"), award).await.expect(200);
    let lapsing = office.ordered(vec![line(&pens[1], "10")]).await;
    let [won, lapsing] = [office.order(&asked.request).await, office.order(&lapsing).await];
    let due = async |who: &Caller, order: &str| {
        who.get(&format!("/api/v1/orders/{order}")).await.expect(200).text("/answer_due_at")
    };
    app.set_clock(&before(&due(&first, &won).await)).await;
    first.act(&format!("/api/v1/orders/{won}/actions/accept")).await.expect(200);
    app.set_clock(&due(&second, &lapsing).await).await;
    second.act(&format!("/api/v1/orders/{lapsing}/actions/accept")).await.expect_problem(409, "expired");
    drop((fast, slow));
    let _ = std::fs::remove_dir_all(&ground.scratch);
    app.finish().await;
}
