//! Progress bars, only where a terminal looks on.
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar over a known number of things.
pub fn bar(what: &str, total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total).with_message(what.to_owned());
    if let Ok(style) =
        ProgressStyle::with_template("{msg:<24} {bar:30} {human_pos}/{human_len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar
}

/// A counter of things whose number is not known.
pub fn spinner(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{msg:<24} {spinner} {human_pos}") {
        bar.set_style(style);
    }
    bar
}
