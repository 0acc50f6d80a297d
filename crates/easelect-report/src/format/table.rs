//! The report for a terminal: a first screen to act on, then the details behind it.

mod bars;
mod circumstances;
mod details;
mod first_screen;

use crate::layout::Style;
use crate::model::{FindingModel, Model};
use crate::texts::text;

pub use details::details;
pub(super) use details::state;
pub use first_screen::first_screen;

/// Formats the whole report for a terminal: the [first screen](first_screen()), then the [details](details()).
#[must_use]
pub fn table(model: &Model, style: Style) -> String {
    let below = text("see the findings below", "见下文“发现”");
    let screen = first_screen::screen(model, style, None, below);
    format!("{screen}\n{}", details(model, style))
}

/// Whether a finding says that something fails.
fn is_grave(finding: &FindingModel) -> bool {
    ["blocks", "harms"].contains(&&*finding.severity)
}
