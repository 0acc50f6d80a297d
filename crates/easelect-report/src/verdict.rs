//! What comes first: what is at fault, who can act, and what to do next.

use super::every_group_ready;
use super::finding::{Finding, Severity};
use super::texts::{Lang, next_step, verdict_text, who_acts};
use super::{Group, Row};

/// Where the fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nowhere: every group has a first choice and nothing fails.
    AllWell,
    /// Every group has a first choice, but something fails.
    SomeEndpointsFail,
    /// This computer: its clock, its firewall, no network.
    ThisComputer,
    /// The network that it is in.
    Network,
    /// Particular hosts of Easemob's.
    Easemob,
    /// What the app, or the user, has configured.
    Configuration,
    /// What was seen does not tell.
    Unclear,
    /// Unknown: the measurement ended before it could tell.
    NotMeasured,
}

impl Fault {
    /// Every one.
    pub const ALL: &'static [Fault] = &[
        Fault::AllWell,
        Fault::SomeEndpointsFail,
        Fault::ThisComputer,
        Fault::Network,
        Fault::Easemob,
        Fault::Configuration,
        Fault::Unclear,
        Fault::NotMeasured,
    ];

    /// The stable identifier used in JSON, for example `"this_computer"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::AllWell => "all_well",
            Fault::SomeEndpointsFail => "some_endpoints_fail",
            Fault::ThisComputer => "this_computer",
            Fault::Network => "network",
            Fault::Easemob => "easemob",
            Fault::Configuration => "configuration",
            Fault::Unclear => "unclear",
            Fault::NotMeasured => "not_measured",
        }
    }
}

/// What is at fault, why that is thought, and who can act.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    fault: Fault,
    cause: Option<Finding>,
}

impl Verdict {
    /// Where the fault lies.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The verdict for a person: what is the matter, and why.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match &self.cause {
            // Everything works, only slowly: it says that by itself.
            Some(cause) if cause.code == "slow_to_open" => cause.text(lang),
            cause => {
                let cause = cause.as_ref().map(|cause| cause.text.clone());
                verdict_text(self.fault, cause).of(lang)
            }
        }
    }

    /// Who can act, for a person.
    #[must_use]
    pub fn who_acts(&self, lang: Lang) -> String {
        let actor = self.cause.as_ref().and_then(|cause| cause.actor);
        who_acts(self.fault, actor).of(lang)
    }

    /// What to do next, for a person.
    #[must_use]
    pub fn next_step(&self, lang: Lang) -> String {
        let hint = self.cause.as_ref().map(|cause| cause.hint.clone());
        let hint = hint.filter(|hint| !hint.en.is_empty());
        hint.unwrap_or_else(|| next_step(self.fault)).of(lang)
    }

    /// What leads to it, if anything does.
    #[must_use]
    pub fn cause(&self) -> Option<&Finding> {
        self.cause.as_ref()
    }
}

/// The verdict: what the gravest finding says, the first of several.
pub(super) fn verdict(groups: &[Group], findings: &[Finding]) -> Verdict {
    let all_ready = every_group_ready(groups);
    let unfinished = findings.iter().find(|one| one.code == "unfinished");
    let gravest = findings.iter().min_by_key(|one| one.severity);
    // That some endpoints fail is no verdict on services whose others were not tried.
    let is_told = |one: &&Finding| {
        let open = one.fault == Fault::SomeEndpointsFail && !all_ready && unfinished.is_some();
        one.severity <= Severity::Harms && !open
    };
    let problem = gravest.filter(is_told).cloned();
    let mut rows = groups.iter().flat_map(|group| &group.endpoints);
    let measured = rows.any(|row: &Row| row.ranked.stats.attempts() > 0 || has_lookups(row));
    let fault = match &problem {
        Some(one) => one.fault,
        None if all_ready => Fault::AllWell,
        None if measured && unfinished.is_none() => Fault::Unclear,
        None => Fault::NotMeasured,
    };
    let cause = problem.or_else(|| unfinished.filter(|_| fault == Fault::NotMeasured).cloned());
    Verdict { fault, cause }
}

/// Whether a look-up of it came to an end.
fn has_lookups(row: &Row) -> bool {
    !row.ranked.stats.failures().is_empty()
}
