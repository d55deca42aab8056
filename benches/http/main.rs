//! What the whole product costs beside the bare SQL it sends, both taken in the same run.
//!
//! `cargo bench --bench http` starts the program itself (`demo`, so authentication, limits, logging,
//! metrics and the worker are on) on a database of its own, and for each path:
//!
//! 1. records the statements that the server sends for some calls, from PostgreSQL's own log;
//! 2. calls the path over 1, 8 and 32 kept-alive connections;
//! 3. replays the recorded statements over as many bare connections, prepared, with fresh ids.
//!
//! The ratio of the two rates is the figure that counts; absolute ones hold for a machine and a day.
//! `BENCH_PRODUCTS`, `BENCH_VENDORS`, `BENCH_SECONDS`, `BENCH_CONNECTIONS` and `BENCH_PATHS` (names,
//! by comma) set another size; `BENCH_SHOW_STATEMENTS` prints the statements of one call of each path.
//! Nothing fails on a time.
//!
//! `cargo bench --bench http -- plans` shows instead how PostgreSQL answers what is asked of requests and
//! quotes, among `BENCH_REQUESTS` others.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock and settings of its own")]
mod load;
mod paths;
mod plans;
mod quotes;
mod record;
mod server;

use anyhow::Context;
use load::{Measured, Target};
use paths::Path;
use record::Recording;
use server::Server;
use std::time::Duration;

/// How much is measured.
struct Size {
    products: u32,
    vendors: u32,
    time: Duration,
    connections: Vec<usize>,
    paths: Option<Vec<String>>,
    /// For plans.
    requests: u32,
}

impl Size {
    fn read() -> anyhow::Result<Self> {
        let number = |name: &str, default: u32| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name} must be a whole number")),
            Err(_) => Ok(default),
        };
        let list = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        };
        let connections = list("BENCH_CONNECTIONS")
            .unwrap_or_else(|| ["1", "8", "32"].map(str::to_owned).to_vec())
            .iter()
            .map(|text| text.parse().context("BENCH_CONNECTIONS must be whole numbers"))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            products: number("BENCH_PRODUCTS", 20_000)?,
            vendors: number("BENCH_VENDORS", 1_000)?,
            time: Duration::from_secs(number("BENCH_SECONDS", 8)?.into()),
            connections,
            paths: list("BENCH_PATHS"),
            requests: number("BENCH_REQUESTS", 200_000)?,
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let size = Size::read()?;
    let mut server = Server::start(&size).await?;
    if std::env::args().any(|argument| argument == "plans") {
        plans::show(&server, size.requests).await?;
        return server.stop().await;
    }
    println!("machine: {}", server::machine());
    println!("{} vendors, {} products; {}", size.vendors, size.products, server.started());
    println!();
    println!(
        "| Path | Connections | Calls/s | p50 ms | p95 ms | p99 ms | Bare/s | Bare p99 ms | Ratio | Statements |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let wanted = |name: &str| size.paths.as_ref().is_none_or(|names| names.iter().any(|one| one == name));
    for path in Path::all(&server, wanted).await? {
        path.prepare(&server).await?;
        let recording = Recording::take(&server, &path.apart()).await.with_context(|| path.name())?;
        let path = path.beside();
        let mut connections: Vec<usize> =
            size.connections.iter().map(|connections| path.at_most(*connections)).collect();
        connections.dedup();
        for connections in connections {
            server.forget_attempts().await?;
            let called = load::run(&Target::Server(&server, &path), connections, size.time).await?;
            let bare = load::run(&Target::Bare(&server, &path, &recording), connections, size.time).await?;
            println!("{}", row(path.name(), connections, &called, &bare, recording.statements()));
        }
    }
    println!();
    println!("{}", server.memory()?);
    server.stop().await
}

fn row(name: &str, connections: usize, called: &Measured, bare: &Measured, statements: usize) -> String {
    format!(
        "| {name} | {connections} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {statements} |",
        called.rate(),
        called.milliseconds(0.50),
        called.milliseconds(0.95),
        called.milliseconds(0.99),
        bare.rate(),
        bare.milliseconds(0.99),
        called.rate() / bare.rate(),
    )
}
