//! How wide to race: the price of being fast.

use std::time::Duration;

/// How wide to race.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Width {
    /// Candidates dialled at once, at most, when something is known.
    pub(crate) dials: usize,
    /// The value of information, in predicted standard deviations, that a further dial must have.
    pub(crate) worth: f64,
    /// Attempts in flight at most.
    pub(crate) in_flight: usize,
    /// A SYN is late after this many predicted round trips …
    pub(crate) syn_factor: f64,
    /// … and no less than this.
    pub(crate) syn_least: Duration,
    /// A leg of the handshake is late after e^(x + z·σ) …
    pub(crate) leg_z: f64,
    /// … and no less than this.
    pub(crate) leg_least: Duration,
}

impl Width {
    /// The default: race-everything's latency at a fifth of its connects (k ≤ 4, θ = 0.03).
    pub(crate) const FAST: Width = Width {
        dials: 4,
        worth: 0.03,
        in_flight: 5,
        syn_factor: 2.25,
        syn_least: Duration::from_millis(80),
        leg_z: 1.42,
        leg_least: Duration::from_millis(35),
    };
    /// Half its connects, a little slower (k ≤ 3, θ = 0.1).
    pub(crate) const THRIFTY: Width = Width {
        dials: 3,
        worth: 0.1,
        syn_factor: 2.5,
        syn_least: Duration::from_millis(100),
        leg_z: 1.64,
        leg_least: Duration::from_millis(40),
        ..Width::FAST
    };
    /// One at a time, the next only after a failure or 3 s of silence: for reconnecting herds.
    pub(crate) const ONE: Width = Width {
        dials: 1,
        worth: f64::INFINITY,
        in_flight: 1,
        syn_factor: f64::INFINITY,
        syn_least: Duration::from_secs(3),
        leg_z: f64::INFINITY,
        leg_least: Duration::from_secs(3),
    };
}
