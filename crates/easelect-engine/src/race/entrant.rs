//! One candidate in a race: how far it is, what it is now expected to take, what it showed.

use crate::forecast::{Forecast, Gate};
use crate::health::Severity;
use crate::lesson::{Lesson, Measured};

/// Who takes part, and under which conditions.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is expected of it.
    pub forecast: Forecast,
    /// Starts after all others: an address at which only a proxy or a hijacker can answer.
    pub last_resort: bool,
    /// An acceleration node: little bandwidth, so few at a time.
    pub accelerated: bool,
}

impl From<Forecast> for Entry {
    fn from(forecast: Forecast) -> Self {
        Entry {
            forecast,
            last_resort: false,
            accelerated: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Waiting,
    Dialling,
    Established,
    Handshaking,
    Open,
    Over,
}

#[derive(Debug)]
pub(super) struct Entrant {
    pub(super) forecast: Forecast,
    pub(super) last_resort: bool,
    pub(super) accelerated: bool,
    /// Weighed for the dials made at once.
    pub(super) considered: bool,
    pub(super) state: State,
    pub(super) dialled_ms: f64,
    pub(super) syn_ms: Option<f64>,
    pub(super) handshake_ms: Option<f64>,
    pub(super) tls_ms: Option<f64>,
    pub(super) rest_ms: Option<f64>,
    /// When the dial or the flight under way is late.
    pub(super) deadline_ms: f64,
    /// When it was given up.
    pub(super) cancelled_ms: Option<f64>,
    pub(super) failure: Option<Severity>,
}

impl Entrant {
    pub(super) fn new(entry: Entry) -> Self {
        Entrant {
            forecast: entry.forecast,
            last_resort: entry.last_resort,
            accelerated: entry.accelerated,
            considered: false,
            state: State::Waiting,
            dialled_ms: 0.0,
            syn_ms: None,
            handshake_ms: None,
            tls_ms: None,
            rest_ms: None,
            deadline_ms: 0.0,
            cancelled_ms: None,
            failure: None,
        }
    }

    /// In flight: it was started, and neither failed nor was given up.
    pub(super) fn is_flying(&self) -> bool {
        use State::{Dialling, Established, Handshaking};
        matches!(self.state, Dialling | Established | Handshaking)
    }

    /// Its forecast, with the SYN's answer where there is one and it says something.
    pub(super) fn updated(&self, queue_ms: f64, gate: Gate) -> Forecast {
        match self.syn_ms {
            Some(syn_ms) if gate.trusted => self.forecast.answered(syn_ms - queue_ms),
            _ => self.forecast,
        }
    }

    /// What TLS and upgrade are expected to cost from their start on.
    pub(super) fn priced_rest_ms(&self, queue_ms: f64, gate: Gate) -> f64 {
        let rest_ms = self.updated(queue_ms, gate).rest_ms() + 2.0 * queue_ms;
        self.forecast.priced(rest_ms)
    }

    pub(super) fn lesson(&self, candidate: usize, now_ms: f64, queue_ms: f64, won: bool) -> Lesson {
        let until_ms = self.cancelled_ms.unwrap_or(now_ms);
        let late = until_ms > self.deadline_ms;
        let failed = self.failure.is_some();
        // Where nobody opened, silence says more of the network than of the candidate, and the
        // deadline's length would be taken for a round trip's.
        let silence = |ms| won.then_some(Measured::AtLeast(ms));
        let syn = match (self.syn_ms, failed) {
            (Some(syn_ms), _) => Some(Measured::Took((syn_ms - queue_ms).max(0.1))),
            (None, true) => None,
            (None, false) => silence(until_ms - self.dialled_ms - queue_ms),
        };
        let rest = match (self.rest_ms, self.handshake_ms) {
            (Some(rest_ms), _) => Some(Measured::Took((rest_ms - 2.0 * queue_ms).max(0.1))),
            (None, Some(began_ms)) if !failed => silence(until_ms - began_ms - 2.0 * queue_ms),
            _ => None,
        };
        let overtaken = match self.state {
            State::Dialling | State::Over | State::Handshaking => late && won,
            State::Waiting | State::Established | State::Open => false,
        };
        // A verified one may only be slow; one that never opened here is rather a trap.
        let silent = match (overtaken, self.syn_ms.is_some() && !self.forecast.verified) {
            (false, _) => None,
            (true, false) => Some(Severity::Doubt),
            (true, true) => Some(Severity::Soft),
        };
        Lesson {
            candidate,
            syn,
            rest,
            tls_ms: self.tls_ms.map(|tls_ms| (tls_ms - queue_ms).max(0.1)),
            whole_ms: None,
            opened: self.state == State::Open,
            failure: self.failure.or(silent),
        }
    }
}
