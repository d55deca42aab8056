//! `lokapasar migrate`
use super::process::Process;
use crate::platform::db::migrations;
use crate::settings::Settings;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Migrate {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(clap::Subcommand)]
enum Direction {
    /// Runs what is pending and loads the reference data.
    Up,
    /// Takes the newest migration back.
    Down,
    /// Lists what is in place and what waits.
    Status,
}

pub async fn run(command: Migrate, settings: Settings) -> anyhow::Result<ExitCode> {
    let process = Process::open(settings, "lokapasar").await?;
    match command.direction {
        Direction::Up => {
            let done = process.migrate().await?;
            println!("{} migrations run, reference data in place", done.len());
        }
        Direction::Down => println!("taken back: {}", migrations::down_one(&process.owner()?).await?),
        Direction::Status => {
            let status = migrations::status(&process.owner()?).await?;
            status.applied.iter().for_each(|name| println!("in place  {name}"));
            status.pending.iter().for_each(|name| println!("pending   {name}"));
        }
    }
    process.close()?;
    Ok(ExitCode::SUCCESS)
}
