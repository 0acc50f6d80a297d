//! The expected cost of opening a candidate.
//!
//! ```text
//! x        ln of the SYN round trip in ms
//! ρ        ln of (TLS + upgrade)/SYN round trip
//! E        = (e^x + e^(x+ρ))·(1 + π)·(1.15 if unverified)·(0.94 if it opened last) + 100 ms·π
//! ```

use crate::unseen::{Belief, Place};

/// R of a little known network: the variance of ln of one measured flight around the path's present
/// state, between the jitter of Wi-Fi and of cellular. More noise also makes further dials worth more.
pub const NOISE: f64 = 0.025;

/// A factor for candidates that never opened on this network: the address may be hijacked.
const UNVERIFIED: f64 = 1.15;

/// A factor for the last winner: among equals it is preferred, because its TLS session can be resumed.
/// This also saves dials.
const LAST_WINNER: f64 = 0.94;

/// The cost of a failure in ms: the silence until a spare is tried. Results hardly depend on it.
const FAILURE_MS: f64 = 100.0;

/// The forecast for a candidate at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    /// Its host and family.
    pub place: Place,
    /// x: ln of the SYN round trip in ms.
    pub syn: Belief,
    /// ρ: ln of (TLS + upgrade)/SYN round trip.
    pub rest: Belief,
    /// π: the probability that the next attempt fails.
    pub failure_chance: f64,
    /// Whether it has opened on this network.
    pub verified: bool,
    /// Whether it was the last to open on this network.
    pub last_winner: bool,
    /// Whether its breaker is open: it is then tried last.
    pub breaker_open: bool,
    /// Whether x comes from a stored history or a prior and was not measured since.
    pub hearsay: bool,
    /// Whether there is a prior for its network.
    pub foretold: bool,
    /// R̂: the estimate of R for this network.
    pub noise: f64,
}

/// How far the SYNs of a network predict its handshakes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SynTrust {
    /// The duration of a TLS flight in SYN round trips; 1 on an honest path.
    pub stretch: f64,
    /// False behind a middlebox that answers SYNs itself, where they say nothing about the path.
    pub trusted: bool,
    /// How many SYNs at once get through; [`usize::MAX`] where none are dropped.
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
    /// Returns the expected SYN round trip in ms.
    #[inline]
    pub fn syn_ms(&self) -> f64 {
        self.syn.mean.exp()
    }

    /// Returns the expected time of TLS and upgrade together, in ms.
    #[inline]
    pub fn rest_ms(&self) -> f64 {
        (self.syn.mean + self.rest.mean).exp()
    }

    /// Returns E, the expected cost in ms.
    #[inline]
    pub fn cost_ms(&self) -> f64 {
        self.priced(self.syn_ms() + self.rest_ms())
    }

    /// Returns a time in ms with the cost of failures and of being unverified added.
    #[inline]
    pub fn priced(&self, ms: f64) -> f64 {
        let unverified = if self.verified { 1.0 } else { UNVERIFIED };
        let loyal = if self.last_winner { LAST_WINNER } else { 1.0 };
        ms * (1.0 + self.failure_chance) * unverified * loyal + FAILURE_MS * self.failure_chance
    }

    /// Returns the forecast updated with the SYN round trip `syn_ms`, which excludes queueing.
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
        // Variance and noise are equal, so the mean moves half way, in logarithms.
        let one = forecast(0, 50.0).answered(200.0);
        assert!((one.syn_ms() - 100.0).abs() < 1e-6);
        assert!((one.syn.variance - 0.0125).abs() < 1e-9);
    }
}
