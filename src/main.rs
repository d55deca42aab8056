//! The program: parses arguments, calls `cli`.
use std::process::ExitCode;

fn main() -> ExitCode {
    lokapasar::cli::run()
}
