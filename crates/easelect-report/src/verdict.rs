//! The one sentence that comes first: what is at fault, and who can act.

use easelect::{Confidence, Reason, Tier};

use super::finding::{Actor, Finding, What};
use super::texts::{Lang, finding_text, verdict_text};
use super::{Group, every_group_ready};

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
    /// Unknown: nothing could be measured in the time given.
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

    /// The verdict for a person.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let cause = self.cause.as_ref();
        let why = cause.map(|cause| finding_text(&cause.what, cause.now));
        verdict_text(self.fault, why, self.actor()).of(lang)
    }

    fn actor(&self) -> Option<Actor> {
        match self.fault {
            Fault::AllWell => None,
            Fault::SomeEndpointsFail => self.cause.as_ref().map(|cause| cause.what.actor()),
            Fault::ThisComputer | Fault::NotMeasured => Some(Actor::You),
            Fault::Network => Some(Actor::NetworkAdministrator),
            Fault::Easemob => Some(Actor::Easemob),
            Fault::Configuration => Some(Actor::Developer),
        }
    }
}

/// The verdict that the findings and groups lead to.
pub(super) fn verdict(groups: &[Group], findings: &[Finding]) -> Verdict {
    let find = |wanted: fn(&What) -> bool| findings.iter().find(|one| wanted(&one.what)).cloned();
    let given = |fault, cause| Verdict { fault, cause };

    if let Some(cause) = find(|what| {
        matches!(
            what,
            What::NoNetwork
                | What::NotPermitted
                | What::OutOfResources { .. }
                | What::ClockWrong { .. }
        )
    }) {
        return given(Fault::ThisComputer, Some(cause));
    }
    if let Some(cause) = find(|what| matches!(what, What::ProxyFails { .. })) {
        let fault = match cause.what.actor() {
            Actor::You => Fault::ThisComputer,
            _ => Fault::Network,
        };
        return given(fault, Some(cause));
    }
    if let Some(cause) = find(|what| {
        matches!(
            what,
            What::NoNameResolved { .. }
                | What::NothingGetsThrough { .. }
                | What::CaptivePortal { .. }
                | What::Interception { .. }
        )
    }) {
        return given(Fault::Network, Some(cause));
    }
    let mut rows = groups.iter().flat_map(|group| &group.endpoints);
    if rows.all(|row| row.ranked.reason == Reason::NotProbed) {
        return given(
            Fault::NotMeasured,
            find(|what| matches!(what, What::Unfinished { .. })),
        );
    }
    if let Some(cause) = find(|what| {
        matches!(
            what,
            What::CurrentFails { best: Some(_), .. }
                | What::CurrentPathWrong { .. }
                | What::CurrentSlower { much: true, .. }
        )
    }) {
        return given(Fault::Configuration, Some(cause));
    }
    if every_group_ready(groups) {
        return usable(groups, findings);
    }
    let hijack = find(|what| matches!(what, What::Hijack { .. } | What::OneAddress { .. }));
    if hijack.is_some() && without_first(groups).all(|group| suspected(group, findings)) {
        return given(Fault::Network, hijack);
    }
    let own = without_first(groups)
        .flat_map(|group| &group.endpoints)
        .all(|row| row.ranked.endpoint().confidence() == Confidence::User);
    let path = find(|what| matches!(what, What::PathWrong { .. }));
    let only_paths = without_first(groups).all(|group| {
        group
            .endpoints
            .iter()
            .any(|row| row.ranked.tier == Tier::Answering)
    }) && find(
        |what| matches!(what, What::EndpointDown { failure, .. } if failure.is_answer()),
    )
    .is_none();
    if path.is_some() && only_paths {
        return given(Fault::Configuration, path);
    }
    let cause = find(|what| {
        matches!(
            what,
            What::CertificateExpired { .. } | What::EndpointDown { .. } | What::PathWrong { .. }
        )
    });
    let fault = match cause.as_ref().map(|cause| cause.what.actor()) {
        Some(Actor::NetworkAdministrator) => Fault::Network,
        _ if own => Fault::Configuration,
        _ => Fault::Easemob,
    };
    given(fault, cause)
}

/// Every group has a first choice.
fn usable(groups: &[Group], findings: &[Finding]) -> Verdict {
    let problem = findings.iter().find(|one| one.what.is_problem()).cloned();
    let all_ready = groups
        .iter()
        .flat_map(|group| &group.endpoints)
        .all(|row| row.ranked.tier == Tier::Ready);
    let fault = match &problem {
        None => Fault::AllWell,
        Some(one) if all_ready => match one.what {
            What::Ipv6Broken { .. } => Fault::Network,
            What::SourceFailed { .. } | What::CurrentSlower { .. } => Fault::Configuration,
            What::AboveThreshold { .. } => Fault::AllWell,
            _ => Fault::SomeEndpointsFail,
        },
        Some(_) => Fault::SomeEndpointsFail,
    };
    Verdict {
        fault,
        cause: problem,
    }
}

fn without_first(groups: &[Group]) -> impl Iterator<Item = &Group> {
    groups.iter().filter(|group| group.best().is_none())
}

/// Whether all hosts of a group are suspected to be hijacked.
fn suspected(group: &Group, findings: &[Finding]) -> bool {
    group.endpoints.iter().all(|row| {
        findings.iter().any(|one| match &one.what {
            What::Hijack { hosts, .. } | What::OneAddress { hosts, .. } => {
                hosts.iter().any(|h| h == row.ranked.endpoint().host())
            }
            _ => false,
        })
    })
}
