//! `lokapasar verify`: recomputes offline what the marketplace decided, from the published JSON alone.
use crate::quotes::{self, EvaluationInput, Ranking};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Verify {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Recomputes a ranking from the answer of GET /api/v1/requests/{id}/evaluation.
    Evaluation {
        /// The answer, as a file; `-` reads standard input.
        file: PathBuf,
    },
}

/// What of an evaluation's answer is recomputed.
#[derive(Deserialize)]
struct Answer {
    input: EvaluationInput,
    ranking: Ranking,
    content_hash: Option<String>,
}

pub fn run(command: &Verify) -> anyhow::Result<ExitCode> {
    let What::Evaluation { file } = &command.what;
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("standard input cannot be read")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
    };
    println!("{}", evaluation(&text)?);
    Ok(ExitCode::SUCCESS)
}

/// Recomputes; answers one sentence.
///
/// # Errors
/// A sentence that says what differs.
pub fn evaluation(text: &str) -> anyhow::Result<String> {
    let answer: Answer = serde_json::from_str(text).context("this is not the answer of an evaluation")?;
    if answer.input.formula != quotes::FORMULA {
        bail!(
            "the formula {} is unknown here; this program computes {}",
            answer.input.formula,
            quotes::FORMULA
        );
    }
    let own = quotes::rank(&answer.input);
    if own.quotes != answer.ranking.quotes {
        bail!("the amounts differ from those recomputed");
    }
    if own != answer.ranking {
        bail!("the order differs from the one recomputed");
    }
    let hash = hex::encode(quotes::evaluation_hash(&answer.input, &own)?);
    if answer.content_hash.is_some_and(|told| told != hash) {
        bail!("the content hash differs from the one recomputed");
    }
    let ranked = own.whole.len() + own.lines.iter().map(|line| line.ranked.len()).sum::<usize>();
    Ok(format!("evaluation: {} quotes, {ranked} ranks recomputed and equal, hash {hash}", own.quotes.len()))
}
