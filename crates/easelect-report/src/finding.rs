//! A finding: what the measurement shows, how grave it is, who can act and what to do.

use std::collections::BTreeSet;

use super::texts::{Lang, Text, text};
use super::verdict::Fault;

/// Something that the measurement shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) fault: Fault,
    pub(crate) actor: Option<Actor>,
    pub(crate) text: Text,
    pub(crate) hint: Text,
    /// The endpoints, by place, whose failures it explains, so that later rules blame nobody for them.
    pub(crate) explains: BTreeSet<usize>,
}

/// The gravity of a finding, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// A service can't be used because of it.
    Blocks,
    /// Every service can be used, but not everything works.
    Harms,
    /// Worth knowing, nothing is wrong.
    Informs,
    /// Background for reading the report.
    Background,
}

impl Severity {
    #[cfg(test)]
    const ALL: [Severity; 4] = [
        Severity::Blocks,
        Severity::Harms,
        Severity::Informs,
        Severity::Background,
    ];

    /// The stable identifier: `"blocks"`, `"harms"`, `"informs"`, `"background"`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Severity::Blocks => "blocks",
            Severity::Harms => "harms",
            Severity::Informs => "informs",
            Severity::Background => "background",
        }
    }
}

/// Who can do something about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The user of this computer.
    You,
    /// The network's administrator.
    NetworkAdministrator,
    /// Easemob support.
    Easemob,
    /// The app's developer.
    Developer,
}

impl Actor {
    #[cfg(test)]
    const ALL: [Actor; 4] = [
        Actor::You,
        Actor::NetworkAdministrator,
        Actor::Easemob,
        Actor::Developer,
    ];

    /// The stable identifier, for example `"network_administrator"`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Actor::You => "you",
            Actor::NetworkAdministrator => "network_administrator",
            Actor::Easemob => "easemob",
            Actor::Developer => "developer",
        }
    }

    /// Where the fault lies that this actor can repair.
    pub(crate) fn fault(actor: Option<Self>) -> Fault {
        match actor {
            Some(Actor::You) => Fault::ThisComputer,
            Some(Actor::NetworkAdministrator) => Fault::Network,
            Some(Actor::Easemob) => Fault::Easemob,
            Some(Actor::Developer) => Fault::Configuration,
            None => Fault::Unclear,
        }
    }
}

impl Finding {
    /// A finding that only informs and needs no action.
    pub(crate) fn new(code: &'static str, text: Text) -> Self {
        Finding {
            code,
            severity: Severity::Informs,
            fault: Fault::AllWell,
            actor: None,
            text,
            hint: self::text("", ""),
            explains: BTreeSet::new(),
        }
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets who can act, and so where the fault lies.
    pub(crate) fn actor(mut self, actor: impl Into<Option<Actor>>) -> Self {
        self.actor = actor.into();
        self.fault = Actor::fault(self.actor);
        self
    }

    /// Sets where the fault lies, if it isn't where the actor is.
    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Sets the hint. No hint is better than a guess.
    pub(crate) fn hint_text(mut self, hint: Text) -> Self {
        self.hint = hint;
        self
    }

    /// Adds the endpoints whose failures it explains.
    pub(crate) fn explaining(mut self, places: impl IntoIterator<Item = usize>) -> Self {
        self.explains.extend(places);
        self
    }

    /// Sets the gravity: whether it makes a service unusable, or only harms.
    pub(crate) fn blocking(self, blocks: bool) -> Self {
        self.severity(match blocks {
            true => Severity::Blocks,
            false => Severity::Harms,
        })
    }

    /// Sets the gravity of a finding about some endpoints. Where every service can be used, the verdict is that some
    /// endpoints fail.
    pub(crate) fn of_endpoints(self, blocks: bool) -> Self {
        let one = self.blocking(blocks);
        match blocks {
            true => one,
            false => one.fault(Fault::SomeEndpointsFail),
        }
    }

    /// Where every service has a first choice, a finding that only harms doesn't say that the fault is on Easemob's
    /// side or in the configuration.
    pub(crate) fn where_all_is_usable(&mut self) {
        let accuses = [Fault::Easemob, Fault::Configuration].contains(&self.fault);
        if accuses && self.severity == Severity::Harms {
            self.fault = Fault::SomeEndpointsFail;
        }
    }

    /// Returns the stable identifier used in JSON, for example `"ipv6_broken"`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the finding in words.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        self.text.clone().of(lang)
    }

    /// Returns what to do about it; empty where there is no better advice than to wait or to try elsewhere.
    #[must_use]
    pub fn hint(&self, lang: Lang) -> String {
        self.hint.clone().of(lang)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_lists_severities_and_actors() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path.join("../../docs/report.schema.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let listed = |name: &str| schema["$defs"][name]["enum"].as_array().unwrap().clone();
        assert_eq!(listed("severity"), Severity::ALL.map(Severity::as_str));
        let mut actors = listed("actor");
        assert!(actors.pop().unwrap().is_null());
        assert_eq!(actors, Actor::ALL.map(Actor::as_str));
    }
}
