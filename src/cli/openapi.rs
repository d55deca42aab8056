//! `lokapasar openapi`
use std::process::ExitCode;

pub fn run() -> anyhow::Result<ExitCode> {
    print!("{}", crate::app::contract().yaml());
    Ok(ExitCode::SUCCESS)
}
