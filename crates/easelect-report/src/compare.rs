//! Two reports side by side: what changed from one (A) to the other (B), in words. What chance brings about
//! is not called a change; how that is decided stands in `statistics`.
//!
//! Whatever a report says was written by others: it is bounded and escaped here.

mod circumstances;
mod endpoint;
mod findings;
mod group;
mod identity;
mod lookups;
mod shape;
mod statistics;
mod summary;

use easelect::Phase;

use super::model::{Model, VerdictModel};
use super::texts::{Lang, Text, shown, text};

pub use shape::{comparison_json, comparison_table};

/// What changed from a report A to a report B.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub(crate) sides: [Side; 2],
    pub(crate) summary: Text,
    pub(crate) effect: Option<Effect>,
    /// What was otherwise when B was measured; no change of what was measured.
    pub(crate) circumstances: Vec<Change>,
    /// What is of no endpoint alone.
    pub(crate) changes: Vec<Change>,
    pub(crate) groups: Vec<GroupComparison>,
    /// What only looks like a change, and what can't be compared.
    pub(crate) notes: Vec<Text>,
}

/// One of the two reports.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Side {
    /// What the user calls it, such as the file's name.
    pub(crate) name: Option<String>,
    pub(crate) version: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: String,
    pub(crate) os: String,
    pub(crate) complete: bool,
    pub(crate) verdict: VerdictModel,
}

/// What a change means to whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// It is better in B.
    Better,
    /// It is worse in B.
    Worse,
    /// It is another, no better and no worse.
    Different,
}

/// One thing that is otherwise in B.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) code: &'static str,
    pub(crate) effect: Effect,
    pub(crate) phase: Option<Phase>,
    pub(crate) figures: Figures,
    /// Under the name of what it is of.
    pub(crate) text: Text,
    /// The same in a sentence that has the name in it.
    pub(crate) headline: Text,
}

/// What it was in A, and is in B.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figures {
    None,
    Millis([f64; 2]),
    FailedRatio([f64; 2]),
    Words([Option<String>; 2]),
}

/// One service in one data centre, in both reports.
#[derive(Clone, Debug)]
pub(crate) struct GroupComparison {
    pub(crate) region: String,
    pub(crate) service: String,
    /// Data centre and service, as a title and in a sentence.
    pub(crate) title: Text,
    pub(crate) name: Text,
    /// Of the first choice.
    pub(crate) changes: Vec<Change>,
    /// What opening the first choice takes, whichever it is: told in the summary.
    pub(crate) opening: Option<Change>,
    pub(crate) endpoints: Vec<EndpointComparison>,
    pub(crate) notes: Vec<Text>,
}

/// One endpoint in both reports.
#[derive(Clone, Debug)]
pub(crate) struct EndpointComparison {
    /// As it is configured.
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) notes: Vec<Text>,
}

impl Change {
    /// One whose text needs no name.
    fn new(code: &'static str, effect: Effect, text: Text) -> Self {
        Change {
            code,
            effect,
            phase: None,
            figures: Figures::None,
            headline: text.clone(),
            text,
        }
    }

    fn headline(mut self, headline: Text) -> Self {
        self.headline = headline;
        self
    }

    fn phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    fn figures(mut self, figures: Figures) -> Self {
        self.figures = figures;
        self
    }
}

impl EndpointComparison {
    /// A text that doesn't say what it is of, behind the name of that.
    fn named(&self, told: &Text) -> Text {
        let name = &self.name;
        text(
            format!("{name}: {}", told.en),
            format!("{name}：{}", told.zh),
        )
    }

    /// Adds what is other in B, and neither better nor worse for that.
    fn push_other(&mut self, code: &'static str, told: Text, words: [Option<String>; 2]) {
        let headline = self.named(&told);
        let change = Change::new(code, Effect::Different, told).headline(headline);
        self.changes.push(change.figures(Figures::Words(words)));
    }
}

impl Comparison {
    /// Compares report B with report A. The two may be in different languages, of different versions, and of
    /// different services; data centres are never compared with each other. Where one is
    /// [redacted](Model::redacted), what it hides is hidden in both.
    #[must_use]
    pub fn new(a: &Model, b: &Model) -> Self {
        match a.redacted == b.redacted {
            true => Self::between(a, b),
            // What is hidden in one alone would read as a change.
            false => Self::between(&a.redacted(), &b.redacted()),
        }
    }

    fn between(a: &Model, b: &Model) -> Self {
        let (groups, mut notes) = group::compared(a, b);
        let circumstances = circumstances::differences(a, b);
        let mut changes = Vec::new();
        if !groups.is_empty() {
            changes.extend(lookups::changes(a, b));
            let (found, chance) = findings::changes(a, b, &groups);
            changes.extend(found);
            notes.extend(chance);
        }
        let (summary, effect) = summary::summary(a, b, &changes, &groups);
        let summary = match circumstances::of_one_simulated(a, b) {
            Some(warning) => text(
                format!("{} {}", warning.en, summary.en),
                format!("{}{}", warning.zh, summary.zh),
            ),
            None => summary,
        };
        Comparison {
            sides: [a, b].map(Side::of),
            summary,
            effect,
            circumstances,
            changes,
            groups,
            notes,
        }
    }

    /// Sets what the two are called beside A and B, such as the names of their files.
    #[must_use]
    pub fn with_names(mut self, a: &str, b: &str) -> Self {
        for (side, name) in self.sides.iter_mut().zip([a, b]) {
            side.name = Some(shown(name, 100));
        }
        self
    }

    /// Whether anything changed beyond noise. Circumstances, such as another network, are no change.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.effect.is_some()
    }

    /// Whether the two have any service of any data centre in common.
    #[must_use]
    pub fn comparable(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The sentence on top.
    #[must_use]
    pub fn summary(&self, lang: Lang) -> String {
        self.summary.clone().of(lang)
    }
}

impl Side {
    fn of(model: &Model) -> Self {
        let environment = &model.environment;
        Side {
            name: None,
            version: shown(&model.version, 40),
            started_at: shown(&model.started_at, 40),
            finished_at: shown(&model.finished_at, 40),
            os: shown(&format!("{} {}", environment.os, environment.arch), 60),
            complete: model.complete,
            verdict: VerdictModel {
                code: shown(&model.verdict.code, 60),
                actor: model.verdict.actor.as_deref().map(|one| shown(one, 60)),
                text: shown(&model.verdict.text, 1000),
                who_acts: shown(&model.verdict.who_acts, 200),
                next_step: shown(&model.verdict.next_step, 1000),
                not_tested: shown(&model.verdict.not_tested, 200),
            },
        }
    }
}
