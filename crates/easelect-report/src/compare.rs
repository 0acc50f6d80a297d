//! Compares two reports: what changed from one (A) to the other (B), in words. A difference that may be
//! chance is not a change; `statistics` decides that.
//!
//! Reports come from strangers, so every text of theirs is shortened and escaped here.

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
use super::texts::{Lang, Text, shown, text, verdict_lead};
use super::verdict::Fault;

pub use shape::{comparison_json, comparison_table};

/// The changes from a report A to a report B.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub(crate) sides: [Side; 2],
    pub(crate) summary: Text,
    pub(crate) effect: Option<Effect>,
    /// Differences in the conditions of the two measurements. They don't count as changes.
    pub(crate) circumstances: Vec<Change>,
    /// Changes that concern more than one endpoint.
    pub(crate) changes: Vec<Change>,
    pub(crate) groups: Vec<GroupComparison>,
    /// Differences that may be chance, and what can't be compared.
    pub(crate) notes: Vec<Text>,
}

/// One of the two reports.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Side {
    /// A name from the user, such as the file's name.
    pub(crate) name: Option<String>,
    pub(crate) version: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: String,
    pub(crate) os: String,
    pub(crate) complete: bool,
    pub(crate) verdict: VerdictModel,
    /// The verdict in both languages, as far as the report has them.
    #[serde(skip)]
    pub(crate) verdict_text: Text,
}

/// The effect of a change on clients that connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// B is better.
    Better,
    /// B is worse.
    Worse,
    /// B differs, and is neither better nor worse.
    Different,
}

/// One difference of B from A.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) code: &'static str,
    pub(crate) effect: Effect,
    pub(crate) phase: Option<Phase>,
    pub(crate) figures: Figures,
    /// The text below a heading that names its subject.
    pub(crate) text: Text,
    /// The same as a sentence that names its subject.
    pub(crate) headline: Text,
}

/// The values in A and in B.
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
    /// Data centre and service, as a title.
    pub(crate) title: Text,
    /// Data centre and service, as part of a sentence.
    pub(crate) name: Text,
    /// Changes of the first choice.
    pub(crate) changes: Vec<Change>,
    /// The change in the time to open the first choice, whichever endpoint that is; used in the summary.
    pub(crate) opening: Option<Change>,
    pub(crate) endpoints: Vec<EndpointComparison>,
    pub(crate) notes: Vec<Text>,
}

/// One endpoint in both reports.
#[derive(Clone, Debug)]
pub(crate) struct EndpointComparison {
    /// The URL as configured.
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) notes: Vec<Text>,
}

impl Change {
    /// A change whose text needs no subject.
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
    /// Puts the endpoint's name before a text that doesn't contain it.
    fn named(&self, told: &Text) -> Text {
        let name = &self.name;
        text(
            format!("{name}: {}", told.en),
            format!("{name}：{}", told.zh),
        )
    }

    /// Adds a difference that is neither better nor worse.
    fn push_other(&mut self, code: &'static str, told: Text, words: [Option<String>; 2]) {
        let headline = self.named(&told);
        let change = Change::new(code, Effect::Different, told).headline(headline);
        self.changes.push(change.figures(Figures::Words(words)));
    }
}

impl Comparison {
    /// Compares report B with report A.
    ///
    /// The reports may differ in language, version and services. Data centres are never compared with each
    /// other. If only one report is [redacted](Model::redacted), the other is redacted first.
    #[must_use]
    pub fn new(a: &Model, b: &Model) -> Self {
        match a.redacted == b.redacted {
            true => Self::between(a, b),
            // What only one of the two hides would read as a change.
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

    /// Sets names for A and B, such as the names of their files.
    #[must_use]
    pub fn with_names(mut self, a: &str, b: &str) -> Self {
        for (side, name) in self.sides.iter_mut().zip([a, b]) {
            side.name = Some(shown(name, 100));
        }
        self
    }

    /// Whether anything changed beyond noise. A different condition, such as another network, is not a change.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.effect.is_some()
    }

    /// Whether the two reports have a service of a data centre in common.
    #[must_use]
    pub fn comparable(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Returns the summary: one or two sentences.
    #[must_use]
    pub fn summary(&self, lang: Lang) -> String {
        self.summary.clone().of(lang)
    }
}

impl Side {
    fn of(model: &Model) -> Self {
        let environment = &model.environment;
        let verdict_text = shown(&model.verdict.text, 1000);
        let fault = (Fault::ALL.iter()).find(|one| one.as_str() == model.verdict.code);
        // A report has its verdict in one language. In the other, its first sentence is known.
        let lead = |lang| match fault {
            Some(fault) if lang != model.lang => verdict_lead(*fault).of(lang),
            _ => verdict_text.clone(),
        };
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
                text: verdict_text.clone(),
                who_acts: shown(&model.verdict.who_acts, 200),
                next_step: shown(&model.verdict.next_step, 1000),
                not_tested: shown(&model.verdict.not_tested, 200),
            },
            verdict_text: text(lead(Lang::En), lead(Lang::Zh)),
        }
    }
}
