//! What a candidate is expected to cost.
//!
//! ```text
//! x        ln of the SYN round trip in ms
//! ρ        ln of (TLS + upgrade)/SYN round trip
//! E        = (e^x + e^(x+ρ))·(1 + π)·(1.15 if unverified)·(0.94 if it opened last) + 100 ms·π
//! ```

use crate::unseen::{Belief, Place};

/// R of a network of which little is known: the variance of ln of one measured flight around the path's
/// present state, between the jitter of Wi-Fi and of cellular. It also scales what further dials are worth:
/// more noise dials more.
pub const NOISE: f64 = 0.025;

/// A factor: a candidate that never opened on this network may be a hijacked address.
const UNVERIFIED: f64 = 1.15;

/// A factor: of equals rather the one that was used last, whose session can be resumed. It saves
/// dials.
const LAST_WINNER: f64 = 0.94;

/// What a failure costs, in ms: the silence until a spare is tried. The value hardly matters.
const FAILURE_MS: f64 = 100.0;

/// What is expected of a candidate at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    /// Its cluster, host and family.
    pub place: Place,
    /// x.
    pub syn: Belief,
    /// ρ.
    pub rest: Belief,
    /// π.
    pub failure_chance: f64,
    /// It opened on this network before.
    pub verified: bool,
    /// It was the last to open on this network.
    pub last_winner: bool,
    /// Its breaker is open: it is tried last.
    pub breaker_open: bool,
    /// x is what a file or a prior told, and was not measured since.
    pub hearsay: bool,
    /// A prior tells what to expect on its network.
    pub foretold: bool,
    /// R̂, what R is on this network.
    pub noise: f64,
}

/// What the SYNs of a network say about its handshakes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SynTrust {
    /// TLS flights take so many times a SYN's round trip; 1 on an honest path.
    pub stretch: f64,
    /// False behind a middlebox that answers SYNs itself: they say nothing about the path.
    pub trusted: bool,
    /// So many SYNs at once get through; [`usize::MAX`] where nobody drops any.
    pub at_once: usize,
}

impl Default for SynTrust {
    /// An honest path.
    fn default() -> Self {
        SynTrust {
            stretch: 1.0,
            trusted: true,
            at_once: usize::MAX,
        }
    }
}

impl Forecast {
    /// The expected SYN round trip.
    #[inline]
    pub fn syn_ms(&self) -> f64 {
        self.syn.mean.exp()
    }

    /// The expected time of TLS and upgrade together.
    #[inline]
    pub fn rest_ms(&self) -> f64 {
        (self.syn.mean + self.rest.mean).exp()
    }

    /// E.
    #[inline]
    pub fn cost_ms(&self) -> f64 {
        self.priced(self.syn_ms() + self.rest_ms())
    }

    /// A time with what its failing and its being unknown cost.
    #[inline]
    pub fn priced(&self, ms: f64) -> f64 {
        let unverified = if self.verified { 1.0 } else { UNVERIFIED };
        let loyal = if self.last_winner { LAST_WINNER } else { 1.0 };
        ms * (1.0 + self.failure_chance) * unverified * loyal + FAILURE_MS * self.failure_chance
    }

    /// The forecast once the SYN was answered, after so many ms without queueing.
    pub fn answered(&self, syn_ms: f64) -> Forecast {
        let gain = self.syn.variance / (self.syn.variance + self.noise);
        Forecast {
            syn: Belief {
                mean: self.syn.mean + gain * (syn_ms.max(0.1).ln() - self.syn.mean),
                variance: self.syn.variance * (1.0 - gain),
            },
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::HostId;

    /// A verified candidate of that SYN round trip, with twice that for the rest.
    fn forecast(host: usize, syn_ms: f64) -> Forecast {
        Forecast {
            place: Place {
                host: HostId::new(host),
                ..Place::default()
            },
            syn: Belief {
                mean: syn_ms.ln(),
                variance: 0.025,
            },
            rest: Belief {
                mean: 2.0_f64.ln(),
                variance: 0.01,
            },
            failure_chance: 0.02,
            verified: true,
            last_winner: false,
            hearsay: false,
            foretold: false,
            breaker_open: false,
            noise: NOISE,
        }
    }

    #[test]
    fn the_cost_by_hand() {
        let one = forecast(0, 50.0);
        assert!((one.cost_ms() - (150.0 * 1.02 + 2.0)).abs() < 1e-9);
        let unverified = Forecast {
            verified: false,
            ..one
        };
        assert!((unverified.cost_ms() - (150.0 * 1.02 * 1.15 + 2.0)).abs() < 1e-9);
    }

    #[test]
    fn an_answer_counts_as_much_as_it_is_sure() {
        // Variance and noise alike: half way, in logarithms.
        let one = forecast(0, 50.0).answered(200.0);
        assert!((one.syn_ms() - 100.0).abs() < 1e-6);
        assert!((one.syn.variance - 0.0125).abs() < 1e-9);
    }
}
