//! `lokapasar config`: every setting with its value, and where it comes from.
use crate::settings::{self, Settings, Source};
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct ShowConfig {
    /// Adds each setting's default, source and meaning.
    #[arg(long)]
    explain: bool,
}

pub fn run(command: &ShowConfig, file: Option<&Path>, settings: &Settings) -> anyhow::Result<ExitCode> {
    for (setting, value, source) in settings::explain(file, settings)? {
        println!("{} = {value:?}", setting.key);
        if command.explain {
            let source = match source {
                Source::Default => "default".to_owned(),
                Source::File(path) => format!("file {}", path.display()),
                Source::Environment(name) => format!("environment {name}"),
            };
            println!("    {}\n    default {:?}, now from: {source}", setting.meaning, setting.default);
        }
    }
    settings.validate()?;
    Ok(ExitCode::SUCCESS)
}
