//! `lokapasar import`
use super::process::{Process, plain};
use super::progress;
use crate::accounts;
use crate::kernel::{Ctx, Error, OrganisationId, Realm};
use crate::packages::{self, ImportTarget};
use crate::platform::db::Tx;
use crate::platform::tabular::{Report, Sheet, SheetFault};
use crate::policies;
use crate::settings::Settings;
use anyhow::Context;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Regions by Kemendagri code: code, name, level, parent.
    Regions(Source),
    /// Work units of an agency, as SiRUP lists satker.
    WorkUnits(Source),
    /// Procurement packages, as SiRUP exports them or in our own template.
    Packages(Source),
    /// Budget lines of packages that are in place.
    BudgetLines(Source),
}

#[derive(clap::Args)]
struct Source {
    /// CSV with commas or semicolons, in UTF-8.
    file: PathBuf,
    /// Realm that the rows go to.
    #[arg(long, default_value = "live")]
    realm: Realm,
    /// Agency by its code; the file's own when left out. Regions belong to none.
    #[arg(long, value_name = "CODE")]
    agency: Option<String>,
    /// Maps an old plan to this fiscal year.
    #[arg(long, value_name = "YEAR")]
    as_fiscal_year: Option<i32>,
    /// Writes every finding (line, column, code, message, refused) to this CSV file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Reads and checks everything and stores nothing.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(command: Import, settings: Settings) -> anyhow::Result<ExitCode> {
    let process = Process::open(settings, "lokapasar").await?;
    if process.cluster.is_some() {
        process.migrate().await?;
    }
    let (kind, source) = match &command.what {
        What::Regions(source) => ("regions", source),
        What::WorkUnits(source) => ("work units", source),
        What::Packages(source) => ("packages", source),
        What::BudgetLines(source) => ("budget lines", source),
    };
    let ctx = Ctx::system(source.realm, "cli-import");
    let bar = progress::spinner(kind);
    let work = async |tx: &mut Tx| -> Result<Report, Error> {
        let file = File::open(&source.file).map_err(|error| Error::Internal(error.to_string()))?;
        match &command.what {
            What::Regions(_) => policies::import_regions(tx, file).await,
            What::WorkUnits(_) => {
                Ok(accounts::import_units(tx, &ctx, source.agency.as_deref(), file).await?.report)
            }
            What::Packages(_) => {
                let target = target(tx, source).await?;
                Ok(packages::import_packages(tx, &ctx, target, file).await?)
            }
            What::BudgetLines(_) => {
                let target = target(tx, source).await?;
                Ok(packages::import_budget_lines(tx, &ctx, target, file).await?)
            }
        }
    };
    let db = &process.app.db;
    let outcome = if source.dry_run {
        db.rehearsal(source.realm, work).await
    } else {
        db.transaction(source.realm, work).await
    };
    bar.finish_and_clear();
    let report = outcome.map_err(|error| match error {
        Error::Internal(text) => anyhow::anyhow!("{}: {text}; nothing was stored", source.file.display()),
        error => plain(error),
    })?;
    if let Some(path) = &source.report {
        write_report(&report, path)?;
    }
    println!(
        "{kind}: {} rows, {} taken ({} new or changed), {} with warnings, {} refused",
        report.rows, report.taken, report.changed, report.warned, report.refused
    );
    process.close()?;
    Ok(ExitCode::SUCCESS)
}

/// The agency that is named, or the one whose unit the file's first row names.
async fn target(tx: &mut Tx, source: &Source) -> Result<ImportTarget, Error> {
    let realm = tx.realm();
    let agency: Option<OrganisationId> = match &source.agency {
        Some(code) => accounts::agency_by_code(tx.conn(), realm, code).await?,
        None => match first_unit(&source.file)? {
            Some(unit) => accounts::agency_of_source_code(tx.conn(), realm, &unit).await?,
            None => None,
        },
    };
    let agency = agency.ok_or_else(|| {
        Error::Internal(
            "the agency is unknown: import its work units first, or name it with --agency CODE".into(),
        )
    })?;
    Ok(ImportTarget { agency, as_fiscal_year: source.as_fiscal_year })
}

fn first_unit(file: &Path) -> Result<Option<String>, Error> {
    let unreadable = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
    let source = File::open(file).map_err(|error| unreadable(&error))?;
    let mut sheet = Sheet::open(source, &[]).map_err(|fault| unreadable(&fault))?;
    let mut first = None;
    sheet
        .rows(|cells| {
            if first.is_none() {
                first = cells.given(&["kd_satker", "unit_code"]).map(ToOwned::to_owned);
            }
            Ok::<_, SheetFault>(())
        })
        .map_err(|fault| unreadable(&fault))?;
    Ok(first)
}

fn write_report(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut writer =
        csv::Writer::from_path(path).with_context(|| format!("{} cannot be written", path.display()))?;
    for finding in &report.findings {
        writer.serialize(finding)?;
    }
    writer.flush()?;
    Ok(())
}
