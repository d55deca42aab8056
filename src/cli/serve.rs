//! `lokapasar serve`
use super::process::Process;
use super::worker;
use crate::app;
use crate::platform::db::migrations;
use crate::platform::{http, telemetry};
use crate::settings::Settings;
use anyhow::bail;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Serve {
    /// Runs the worker in this process too.
    #[arg(long)]
    with_worker: bool,
    /// Brings the schema up to date first; an embedded database always is.
    #[arg(long)]
    migrate: bool,
}

pub async fn run(command: Serve, settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::start_logging(&settings.log)?;
    let process = Process::open(settings, "lokapasar").await?;
    if command.migrate || process.cluster.is_some() {
        process.migrate().await?;
    }
    let status = migrations::status(&process.app.db).await?;
    if !status.pending.is_empty() {
        bail!("{} migrations wait: run `lokapasar migrate up` first", status.pending.len());
    }
    process.refuse_demo_accounts().await?;
    let running = http::serve(process.app.clone(), app::register).await?;
    println!("lokapasar listens on http://{}", running.address);
    let worker = command.with_worker.then(|| worker::spawn(running.app.clone()));
    process.until_told_to_stop().await?;
    running.stop().await;
    if let Some(worker) = worker {
        worker.stop();
    }
    process.close()?;
    Ok(ExitCode::SUCCESS)
}
