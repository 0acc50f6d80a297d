//! Observations: what a connection, a probe or the app showed about a candidate. [`race`](crate::race)
//! produces them for [`history`](crate::history).

use crate::health::Severity;

/// A measured time in ms, without the queue of the access link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    /// It took this long.
    Took(f64),
    /// It was cancelled after this long, so it takes longer.
    AtLeast(f64),
}

/// What was observed about a candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// The SYN's round trip.
    pub syn: Option<Measured>,
    /// TLS and upgrade.
    pub rest: Option<Measured>,
    /// TLS alone.
    pub tls_ms: Option<f64>,
    /// SYN, TLS and upgrade together, if only that is known: from an app that dials itself.
    pub whole: Option<Measured>,
    /// Whether the handshake was verified to the end.
    pub opened: bool,
    /// How much its failure says, if it failed.
    pub failure: Option<Severity>,
    /// How many other SYNs were sent just before its own in the same race. `None` without a SYN, or if
    /// the race ended before the SYN could be late.
    pub syns_before: Option<usize>,
    /// Whether the address itself failed, by refusing the SYN or not answering it. That applies to
    /// every service and host at the address.
    pub at_address: bool,
}

impl Observation {
    /// The observation of a TCP-only background probe: the SYN round trip without queueing, or silence,
    /// which proves little.
    #[must_use]
    pub fn of_probe(syn_ms: Option<f64>) -> Self {
        Observation {
            syn: syn_ms.map(Measured::Took),
            failure: syn_ms.is_none().then_some(Severity::Doubt),
            at_address: syn_ms.is_none(),
            ..Observation::default()
        }
    }

    /// The observation as it would have been without early data, which saved a round trip. The next
    /// connection may not be able to use it.
    #[must_use]
    pub fn with_a_round_trip_more(mut self) -> Self {
        if let (Some(Measured::Took(syn_ms)), Some(Measured::Took(rest_ms))) = (self.syn, self.rest)
        {
            self.rest = Some(Measured::Took(rest_ms + syn_ms));
        }
        self
    }

    /// The observation of a failure about which nothing else is known.
    #[must_use]
    pub fn of_failure(severity: Severity) -> Self {
        Observation {
            failure: Some(severity),
            ..Observation::default()
        }
    }
}
