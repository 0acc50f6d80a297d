//! The verdict: what is at fault, who can act, and what to do next.

use super::every_group_ready;
use super::finding::{Finding, Severity};
use super::texts::{Lang, next_step, usable_but, verdict_text, who_acts};
use super::{Group, Row};

/// Where the fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no fault: every group has a first choice and nothing fails.
    AllWell,
    /// Every group has a first choice, but something fails.
    SomeEndpointsFail,
    /// This computer: its clock, its firewall, no network.
    ThisComputer,
    /// The network of this computer.
    Network,
    /// Easemob's hosts.
    Easemob,
    /// The configuration of the app or of the user.
    Configuration,
    /// Unknown: the evidence doesn't show where the fault is.
    Unclear,
    /// Unknown: the measurement ended too early.
    NotMeasured,
}

impl Fault {
    /// All of them.
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

    /// Returns the stable identifier used in JSON, for example `"this_computer"`.
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

/// What is at fault, the finding that shows it, and who can act.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    fault: Fault,
    cause: Option<Finding>,
}

impl Verdict {
    /// Returns where the fault lies.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Returns the verdict in words: what is at fault, and why.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match &self.cause {
            // Its text already says that everything works, only slowly.
            Some(cause) if cause.code == "slow_to_open" => cause.text(lang),
            // The endpoint in use works, too.
            Some(cause) if cause.code == "current_slower" => usable_but(&cause.text).of(lang),
            cause => {
                let cause = cause.as_ref().map(|cause| cause.text.clone());
                verdict_text(self.fault, cause).of(lang)
            }
        }
    }

    /// Returns who can act, in words.
    #[must_use]
    pub fn who_acts(&self, lang: Lang) -> String {
        let actor = self.cause.as_ref().and_then(|cause| cause.actor);
        who_acts(self.fault, actor).of(lang)
    }

    /// Returns what to do next, in words.
    #[must_use]
    pub fn next_step(&self, lang: Lang) -> String {
        let hint = self.cause.as_ref().map(|cause| cause.hint.clone());
        let hint = hint.filter(|hint| !hint.en.is_empty());
        hint.unwrap_or_else(|| next_step(self.fault)).of(lang)
    }

    /// Returns the finding behind the verdict, if there is one.
    #[must_use]
    pub fn cause(&self) -> Option<&Finding> {
        self.cause.as_ref()
    }
}

/// Returns the verdict: that of the gravest finding, the first of several.
pub(super) fn verdict(groups: &[Group], findings: &[Finding]) -> Verdict {
    let all_ready = every_group_ready(groups);
    let unfinished = findings.iter().find(|one| one.code == "unfinished");
    let gravest = findings.iter().min_by_key(|one| one.severity);
    // Failing endpoints are no verdict on services whose other endpoints were not tried.
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

/// Whether a lookup of the endpoint ended in a failure.
fn has_lookups(row: &Row) -> bool {
    !row.ranked.stats.failures().is_empty()
}
