//! `lokapasar openapi`: the contract as YAML, made from the very routes that are served.
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

pub fn run() -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(crate::app::contract().yaml().as_bytes()) {
        // A reader that has seen enough is no fault.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
