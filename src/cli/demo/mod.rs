//! `lokapasar demo`: everything started, believable data loaded, one account a role, ready to try.
//!
//! Its database, keys and files lie in a folder of their own (`demo` below the data folder) in a
//! sandbox realm; no other subcommand will run on them.
mod check;
mod load;

use super::process::Process;
use super::worker;
use crate::app;
use crate::kernel::{Realm, Role};
use crate::platform::{http, telemetry};
use crate::settings::{MailKind, Settings};
use secrecy::SecretString;
use std::process::ExitCode;
use std::time::Instant;

/// The password of every demo account; public, and refused everywhere but here.
pub const PASSWORD: &str = "gerobak-lumpia-melintas-senja";

#[derive(clap::Args)]
pub struct Demo {
    /// Vendors to load.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_335))]
    vendors: u32,
    /// Products to load.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=438_448))]
    products: u32,
    /// Loads the data and ends.
    #[arg(long)]
    load_only: bool,
    /// Address and port; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Plays whole purchases by every method over HTTP, in a database of its own, and says how it went.
    #[arg(long)]
    check: bool,
}

pub async fn run(command: Demo, mut settings: Settings) -> anyhow::Result<ExitCode> {
    settings.set_data_dir(&settings.data_dir.join("demo"));
    settings.database.url = SecretString::default();
    settings.database.owner_url = SecretString::default();
    settings.realm = Realm::Sandbox;
    settings.mail.kind = MailKind::Memory;
    settings.listen = if command.check { "127.0.0.1:0".into() } else { command.listen.clone() };
    settings.demo = true;
    if settings.log.filter == "info,lokapasar=info" {
        // Every request on the screen would drown what the demo has to say.
        settings.log.filter = "warn".into();
    }
    telemetry::start_logging(&settings.log)?;
    if command.check {
        return check::run(settings).await;
    }
    let started = Instant::now();
    let process = Process::open(settings, "lokapasar_demo").await?;
    process.migrate().await?;
    let loaded = load::everything(&process, command.vendors, command.products).await?;
    let owners = load::other_owners(&process).await?;
    println!("{loaded} ({:.1} s)", started.elapsed().as_secs_f64());
    if command.load_only {
        process.close()?;
        return Ok(ExitCode::SUCCESS);
    }
    let running = http::serve(process.app.clone(), app::register).await?;
    let background = worker::spawn(running.app.clone());
    welcome(&format!("http://{}", running.address), &owners, started);
    process.until_told_to_stop().await?;
    running.stop().await;
    background.stop();
    process.close()?;
    Ok(ExitCode::SUCCESS)
}

fn welcome(address: &str, owners: &[String], started: Instant) {
    println!("\nLokapasar listens on {address} (ready after {:.1} s)\n", started.elapsed().as_secs_f64());
    println!("Accounts, all with the password {PASSWORD}:");
    for (role, contact) in load::accounts() {
        println!("  {:<22} {contact}", role.as_str());
    }
    for contact in owners {
        println!("  {:<22} {contact} (another vendor's)", Role::VendorOwner.as_str());
    }
    println!("\nTry:");
    println!("  curl '{address}/public/v1/products?q=kertas&limit=3'");
    println!("  curl -X POST {address}/api/v1/auth/sessions -H 'Content-Type: application/json' \\");
    println!(
        "       -d '{{\"contact\":\"procurement_officer@demo.example.id\",\"password\":\"{PASSWORD}\"}}'"
    );
    println!("  {address}/docs/");
    println!("  lokapasar demo --check");
    println!("\nCtrl-C stops it; the data stay.");
}
