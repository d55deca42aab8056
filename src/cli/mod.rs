//! The command line: one file a subcommand. Errors are one sentence on standard error; the exit
//! code is 0 for success, 1 for a refusal or fault, 2 for wrong arguments.
mod admin;
mod config;
mod demo;
mod doctor;
mod import;
mod migrate;
mod openapi;
mod process;
mod progress;
mod serve;
mod verify;
mod worker;

pub use process::{Process, prepare_database};
pub use verify::evaluation as verify_evaluation;
pub use worker::{Progress, step as step_worker};

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Public-procurement marketplace: small businesses sell, government offices buy, on record.
#[derive(Parser)]
#[command(name = "lokapasar", version, about, max_term_width = 100)]
struct Arguments {
    /// Configuration file; ./lokapasar.toml when it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the embedded database, keys and files.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API.
    Serve(serve::Serve),
    /// Delivers notices and announces what lapsed; several may run.
    Worker(worker::Work),
    /// Starts everything with believable data in a sandbox, to look around or to check.
    Demo(demo::Demo),
    /// Brings the schema up, takes one migration down, or shows where it stands.
    Migrate(migrate::Migrate),
    /// Reads regions, work units, packages or budget lines from a CSV file.
    Import(import::Import),
    /// Prints the OpenAPI contract as YAML.
    Openapi,
    /// Recomputes offline what the marketplace decided, from its published answers.
    Verify(verify::Verify),
    /// Does what only the platform's own people may do.
    Admin(admin::Admin),
    /// Shows the configuration.
    Config(config::ShowConfig),
    /// Examines the installation: one line each, exit code 1 on a fault.
    Doctor,
}

/// Runs the program on the process's arguments.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // Exactly one provider for tokens and TLS, chosen before anything uses either.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments.config.as_deref();
    let read = || -> anyhow::Result<crate::settings::Settings> {
        let mut settings = crate::settings::Settings::read(file)?;
        if let Some(directory) = &arguments.data_dir {
            settings.set_data_dir(directory);
        }
        Ok(settings)
    };
    let load = || read().and_then(|settings| settings.validate().map(|()| settings));
    match arguments.command {
        Command::Openapi => openapi::run(),
        Command::Verify(command) => verify::run(&command),
        Command::Config(command) => config::run(&command, file, &read()?),
        Command::Serve(command) => serve::run(command, load()?).await,
        Command::Worker(command) => worker::run(command, load()?).await,
        Command::Migrate(command) => migrate::run(command, load()?).await,
        Command::Demo(command) => demo::run(command, load()?).await,
        Command::Import(command) => import::run(command, load()?).await,
        Command::Admin(command) => admin::run(command, load()?).await,
        Command::Doctor => doctor::run(load()?).await,
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("lokapasar: {error:#}");
    ExitCode::from(1)
}
