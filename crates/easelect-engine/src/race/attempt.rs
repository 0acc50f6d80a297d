//! One attempt in a race: its state, what it is expected to take, and what it showed.

use super::Candidate;
use crate::forecast::{Forecast, SynTrust};
use crate::health::Severity;
use crate::id::{CandidateId, HostId};
use crate::observation::{Measured, Observation};

/// A SYN silent for this many expected round trips, and this many standard deviations, is taken to be
/// lost. Jitter and spikes hardly explain it.
const LONG: (f64, f64) = (1.8, 1.0);
/// How many times the deadline of a flight its first bytes may take on a slow link. At 20 kbit/s the
/// first packet of a server's flight comes after 3.7 SYN round trips.
const SLOW_LINK: f64 = 4.0;

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
pub(super) struct Attempt {
    candidate: Candidate,
    state: State,
    dialled_ms: f64,
    /// How many others were dialled just before.
    dialled_before: usize,
    syn_ms: Option<f64>,
    handshake_ms: Option<f64>,
    /// The time allowed for the first flight of the handshake.
    flight_ms: f64,
    /// When bytes of the handshake last arrived or TLS completed; initially, when it began.
    heard_ms: f64,
    /// The longest wait for its bytes.
    pace_ms: f64,
    tls_ms: Option<f64>,
    rest_ms: Option<f64>,
    /// When the dial or the flight under way is late.
    deadline_ms: f64,
    /// When it was cancelled.
    cancelled_ms: Option<f64>,
    failure: Option<Severity>,
}

impl Attempt {
    pub(super) fn new(candidate: Candidate) -> Self {
        Attempt {
            candidate,
            state: State::Waiting,
            dialled_ms: 0.0,
            dialled_before: 0,
            syn_ms: None,
            handshake_ms: None,
            flight_ms: 0.0,
            heard_ms: 0.0,
            pace_ms: 0.0,
            tls_ms: None,
            rest_ms: None,
            deadline_ms: 0.0,
            cancelled_ms: None,
            failure: None,
        }
    }

    /// DNS has returned its address now.
    pub(super) fn give(&mut self) {
        self.candidate.remembered = false;
    }

    /// Whether DNS returned its address in the past but not yet again.
    pub(super) fn is_remembered(&self) -> bool {
        self.candidate.remembered
    }

    /// Whether it starts after all others.
    pub(super) fn is_last_resort(&self) -> bool {
        self.candidate.last_resort
    }

    /// Whether it is an acceleration node.
    pub(super) fn is_accelerated(&self) -> bool {
        self.candidate.accelerated
    }

    /// Sort key that puts doubtful candidates last: last resorts, then those whose breaker is open.
    pub(super) fn class(&self) -> (bool, bool) {
        (
            self.candidate.last_resort,
            self.candidate.forecast.breaker_open,
        )
    }

    /// The forecast before the race.
    pub(super) fn forecast(&self) -> &Forecast {
        &self.candidate.forecast
    }

    /// Its id on the network.
    pub(super) fn id(&self) -> Option<CandidateId> {
        self.candidate.id
    }

    pub(super) fn host(&self) -> HostId {
        self.candidate.forecast.place.host
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Whether it is in flight: started, and neither failed nor cancelled.
    pub(super) fn is_flying(&self) -> bool {
        use State::{Dialling, Established, Handshaking};
        matches!(self.state, Dialling | Established | Handshaking)
    }

    /// The SYN's round trip, once it was answered.
    pub(super) fn syn_ms(&self) -> Option<f64> {
        self.syn_ms
    }

    /// When the dial or the flight under way is late.
    pub(super) fn deadline_ms(&self) -> f64 {
        self.deadline_ms
    }

    /// When its SYN was sent and when it was answered.
    pub(super) fn went_and_came_ms(&self) -> Option<(f64, f64)> {
        Some((self.dialled_ms, self.dialled_ms + self.syn_ms?))
    }

    /// When its first bytes arrive if they take `take_ms`, within a multiple of the deadline.
    pub(super) fn first_bytes_ms(&self, take_ms: f64) -> Option<f64> {
        Some(self.handshake_ms? + take_ms.min(SLOW_LINK * self.flight_ms))
    }

    /// Whether the address answered in any way: the connection was established, or refused.
    pub(super) fn is_answered(&self) -> bool {
        let refused = |one: Severity| one != Severity::Elsewhere;
        self.syn_ms.is_some() || self.failure.is_some_and(refused)
    }

    /// When the dial or handshake under way began.
    pub(super) fn under_way_since_ms(&self) -> Option<f64> {
        match self.state {
            State::Dialling => Some(self.dialled_ms),
            State::Handshaking => self.handshake_ms,
            _ => None,
        }
    }

    /// When the handshake under way began.
    pub(super) fn handshake_began_ms(&self) -> Option<f64> {
        self.handshake_ms
            .filter(|_| self.state == State::Handshaking)
    }

    /// Whether bytes of its handshake arrived.
    pub(super) fn is_heard(&self) -> bool {
        self.handshake_ms
            .is_some_and(|began_ms| self.heard_ms > began_ms)
    }

    /// Whether it was dialled at or after this time.
    pub(super) fn was_dialled_since(&self, since_ms: f64) -> bool {
        !self.is_waiting() && self.dialled_ms >= since_ms
    }

    pub(super) fn dial(&mut self, now_ms: f64, deadline_ms: f64, before: usize) {
        self.state = State::Dialling;
        self.dialled_ms = now_ms;
        self.dialled_before = before;
        self.deadline_ms = deadline_ms;
    }

    pub(super) fn established(&mut self, syn_ms: f64) {
        self.syn_ms = Some(syn_ms);
        self.state = State::Established;
    }

    pub(super) fn shake_hands(&mut self, now_ms: f64, deadline_ms: f64) {
        self.state = State::Handshaking;
        self.handshake_ms = Some(now_ms);
        self.flight_ms = deadline_ms - now_ms;
        self.heard_ms = now_ms;
        self.deadline_ms = deadline_ms;
    }

    /// Bytes of its TLS handshake arrived. The next ones get the time allowed for a flight or the
    /// longest wait so far, whichever is longer; all together at most `most_ms`.
    pub(super) fn progressed(&mut self, now_ms: f64, most_ms: f64) {
        let Some(began_ms) = self.handshake_ms.filter(|_| self.tls_ms.is_none()) else {
            return;
        };
        if now_ms <= self.heard_ms {
            return;
        }
        self.pace_ms = self.pace_ms.max(now_ms - self.heard_ms);
        self.heard_ms = now_ms;
        let anew_ms = now_ms + self.flight_ms.max(self.pace_ms);
        self.deadline_ms = self.deadline_ms.max(anew_ms.min(began_ms + most_ms));
    }

    /// The longest wait for bytes of its handshake.
    pub(super) fn pace_ms(&self) -> f64 {
        self.pace_ms
    }

    /// Until when no third handshake is started beside this one and another late one.
    pub(super) fn late_alike_until_ms(&self, most_ms: f64) -> f64 {
        let began_ms = self.handshake_ms.unwrap_or_default();
        let until_ms = self.heard_ms + (SLOW_LINK - 1.0) * self.flight_ms;
        until_ms.min(began_ms + most_ms)
    }

    /// TLS completed. The upgrade has its own deadline, unless nothing is known of the path.
    pub(super) fn secured(&mut self, now_ms: f64, deadline_ms: Option<f64>) {
        self.tls_ms = self.handshake_ms.map(|began_ms| now_ms - began_ms);
        self.heard_ms = now_ms;
        self.deadline_ms = deadline_ms.unwrap_or(self.deadline_ms);
    }

    pub(super) fn opened(&mut self, now_ms: f64) {
        self.rest_ms = self.handshake_ms.map(|began_ms| now_ms - began_ms);
        self.state = State::Open;
    }

    pub(super) fn failed(&mut self, severity: Severity) {
        self.failure = Some(severity);
        self.state = State::Over;
    }

    pub(super) fn cancel(&mut self, now_ms: f64) {
        self.state = State::Over;
        self.cancelled_ms = Some(now_ms);
    }

    /// Its forecast, updated with the SYN's round trip if there is one and SYNs are trusted.
    pub(super) fn updated(&self, queue_ms: f64, syn_trust: SynTrust) -> Forecast {
        match self.syn_ms {
            Some(syn_ms) if syn_trust.trusted => self.forecast().answered(syn_ms - queue_ms),
            _ => *self.forecast(),
        }
    }

    /// The expected cost of TLS and upgrade.
    pub(super) fn priced_rest_ms(&self, queue_ms: f64, syn_trust: SynTrust) -> f64 {
        let rest_ms = self.updated(queue_ms, syn_trust).rest_ms() + 2.0 * queue_ms;
        self.forecast().priced(rest_ms)
    }

    /// Whether a SYN silent for this long was lost rather than late. Never, if the forecast is hearsay.
    fn is_long_ms(&self, silent_ms: f64) -> bool {
        let Forecast { syn, noise, .. } = self.forecast();
        let late = LONG.0.max((LONG.1 * (syn.variance + noise).sqrt()).exp());
        !self.forecast().hearsay && silent_ms > late * self.forecast().syn_ms()
    }

    /// What it showed by the end of the race.
    pub(super) fn observation(&self, now_ms: f64, queue_ms: f64, won: bool) -> Observation {
        let until_ms = self.cancelled_ms.unwrap_or(now_ms);
        let late = until_ms > self.deadline_ms;
        let failed = self.failure.is_some();
        let silent_ms = until_ms - self.dialled_ms - queue_ms;
        let silent_for_long = won && !failed && self.is_long_ms(silent_ms);
        // If no candidate opened, silence says more about the network than about this one, and the
        // deadline would be taken for a round trip.
        let silence = |ms| won.then_some(Measured::AtLeast(ms));
        let syn = match (self.syn_ms, failed) {
            (Some(syn_ms), _) => Some(Measured::Took((syn_ms - queue_ms).max(0.1))),
            (None, true) => None,
            (None, false) => silence(silent_ms),
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
        // A verified candidate may only be slow. One that never opened here is more likely a trap.
        let silent = match (
            overtaken,
            self.syn_ms.is_some() && !self.forecast().verified,
        ) {
            (false, _) => None,
            (true, false) => Some(Severity::Doubt),
            (true, true) => Some(Severity::Soft),
        };
        Observation {
            syn,
            rest,
            tls_ms: self.tls_ms.map(|tls_ms| (tls_ms - queue_ms).max(0.1)),
            whole: None,
            opened: self.state == State::Open,
            syns_before: (self.syn_ms.is_some() || silent_for_long).then_some(self.dialled_before),
            // If another candidate accepted the same credentials, they are not the reason.
            failure: match self.failure {
                Some(Severity::Credentials) if won => Some(Severity::Soft),
                failure => failure.or(silent),
            },
            at_address: self.syn_ms.is_none(),
        }
    }
}
