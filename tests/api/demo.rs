//! The demo's own check: purchases by every method, played from an empty database to the last acceptance.
use crate::support::watch;
use lokapasar::platform::db::{Cluster, ClusterOptions};
use std::process::Stdio;
use tokio::process::Command;

/// What each method's purchase comes to, in the check's words, in the order in which they are played.
const STORIES: [&str; 12] = [
    "the vendor accepts",
    "its lines go into a new draft",
    "the vendor accepts the last",
    "the vendor accepts the order",
    "it is approved within hours",
    "why there was no other is filed",
    "five vendors are invited",
    "one is taken back",
    "the last one comes too late",
    "the cheapest falls short",
    "the winner accepts the order",
    "the worker has announced what lapsed",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_check_plays_a_purchase_by_every_method_and_may_be_run_again() {
    let directory = std::env::temp_dir().join(format!("lokapasar-demo-{}", std::process::id()));
    // A server that is there already is used and left alone, and ours ends with this process in any case.
    let settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
    let options = ClusterOptions {
        directory: directory.join("demo"),
        programs: None,
        server_settings: settings.map(str::to_owned).to_vec(),
    };
    let cluster = Cluster::open(options).await.expect("PostgreSQL 15 or later is installed");
    let mut watcher = watch(&cluster, &directory);
    for _ in 0..2 {
        let run = Command::new(env!("CARGO_BIN_EXE_lokapasar"))
            .args(["demo", "--check"])
            .current_dir(&directory)
            .env("LOKAPASAR_DATA_DIR", &directory)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let [told, faults] = [&run.stdout, &run.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert!(run.status.success(), "{told}{faults}");
        let mut steps = told.lines().map(|line| line.splitn(3, " ms  ").last().unwrap_or_default());
        for story in STORIES {
            assert!(steps.any(|step| step == story), "{story} is missing or comes too early in\n{told}");
        }
        let count = told.lines().filter(|line| line.contains(" ms  ")).count();
        assert!(told.ends_with(&format!("journey: {count} steps ok\n")), "{told}");
    }
    drop(watcher.stdin.take());
    watcher.wait().unwrap();
}
