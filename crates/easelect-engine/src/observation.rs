//! What a connection, a probe or the app showed of a candidate: what [`race`](crate::race) hands
//! to [`history`](crate::history).

use crate::health::Severity;

/// A measured time in ms, without the access link's queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    /// It took so long.
    Took(f64),
    /// Given up after so long: it would have taken longer.
    AtLeast(f64),
}

/// What was shown of a candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// The SYN's round trip.
    pub syn: Option<Measured>,
    /// TLS and upgrade.
    pub rest: Option<Measured>,
    /// TLS alone.
    pub tls_ms: Option<f64>,
    /// All of it, where nothing else is known: from an app that dials itself.
    pub whole: Option<Measured>,
    /// Its handshake was verified to the end.
    pub opened: bool,
    /// That it failed, and how much that says.
    pub failure: Option<Severity>,
    /// Of a SYN, how many others were sent just before it in the same race; none if there was no SYN, or the race
    /// was over before it could be late.
    pub syns_before: Option<usize>,
    /// That its address failed, which refused the SYN or left it unanswered: so it would have done
    /// whatever was asked, and of whichever host.
    pub at_address: bool,
}

impl Observation {
    /// Of a background probe, TCP only: the SYN's round trip without queueing, or silence, which
    /// proves little.
    #[must_use]
    pub fn of_probe(syn_ms: Option<f64>) -> Self {
        Observation {
            syn: syn_ms.map(Measured::Took),
            failure: syn_ms.is_none().then_some(Severity::Doubt),
            at_address: syn_ms.is_none(),
            ..Observation::default()
        }
    }

    /// As it would have been without early data, which saved a round trip: whether the next
    /// connection can use it is another question.
    #[must_use]
    pub fn with_a_round_trip_more(mut self) -> Self {
        if let (Some(Measured::Took(syn_ms)), Some(Measured::Took(rest_ms))) = (self.syn, self.rest)
        {
            self.rest = Some(Measured::Took(rest_ms + syn_ms));
        }
        self
    }

    /// Of a failure of which nothing else is known.
    #[must_use]
    pub fn of_failure(severity: Severity) -> Self {
        Observation {
            failure: Some(severity),
            ..Observation::default()
        }
    }
}
