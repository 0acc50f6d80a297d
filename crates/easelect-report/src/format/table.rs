//! The report for a terminal: a first screen to act upon, then the details that it follows from.

mod bars;
mod circumstances;
mod details;
mod deviations;
mod first_screen;

use easelect::Tier;

use crate::layout::Style;
use crate::model::{EndpointModel, FindingModel, Model};
use crate::texts::{Lang, Text, text};

pub use details::details;
pub(super) use details::state;
pub use first_screen::first_screen;

/// The whole report for a person: the [first screen](first_screen()), then the [details](details()).
#[must_use]
pub fn table(model: &Model, style: Style) -> String {
    let below = text("see the findings below", "见下文“发现”");
    let screen = first_screen::screen(model, style, None, below);
    format!("{screen}\n{}", details(model, style))
}

/// `Word: text`, with the language's own colon.
fn headed(word: Text, rest: &str, lang: Lang) -> String {
    let Text { en, zh } = word;
    text(format!("{en}: {rest}"), format!("{zh}：{rest}")).of(lang)
}

/// Whether it says that something fails.
fn is_grave(finding: &FindingModel) -> bool {
    ["blocks", "harms"].contains(&&*finding.severity)
}

/// The tier by its identifier.
fn tier_of(row: &EndpointModel) -> Tier {
    let all = [Tier::Ready, Tier::Answering];
    let found = all.into_iter().find(|one| one.as_str() == row.tier);
    found.unwrap_or(Tier::Unreachable)
}
