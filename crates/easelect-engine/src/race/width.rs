//! How wide to race, and how long to wait for whom: the price of being fast.

use std::time::Duration;

use crate::history::Refresh;

/// How wide to race.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Width {
    /// k: at most so many dials at once when something opened on this network before.
    pub dials: usize,
    /// θ: the least value of information for which another one is dialled, the expected improvement
    /// of ln of the cost.
    pub worth: f64,
    /// Dials at once when nothing did.
    pub cold_dials: usize,
    /// Attempts in flight at most; beyond it the one that has been silent longest is replaced.
    /// More in flight only takes bandwidth from those under way.
    pub in_flight: usize,
    /// No SYN-ACK after so many expected round trips: the next is dialled …
    pub syn_patience: f64,
    /// … but not before, in ms.
    pub syn_least_ms: f64,
    /// The deadline of a flight of the handshake: so many standard deviations above its mean …
    pub z: f64,
    /// … but not before, in ms.
    pub flight_least_ms: f64,
    /// A dial that was silent for so long may be replaced. Linux repeats an unanswered SYN after
    /// 1 s: by then it was lost, or the path is dead.
    pub dial_patience: Duration,
    /// A handshake that began so long ago may be replaced: it has two round trips to go where a
    /// dial has one.
    pub handshake_patience: Duration,
    /// TCP-only probes after a connection opened.
    pub refresh: Refresh,
}

impl Width {
    /// The default: more dials cost more than they gain, and one probe after a connection is enough.
    pub const FAST: Width = Width {
        dials: 3,
        worth: 0.021,
        cold_dials: 3,
        in_flight: 8,
        syn_patience: 2.2,
        syn_least_ms: 80.0,
        z: 1.4,
        flight_least_ms: 35.0,
        dial_patience: Duration::from_secs(1),
        handshake_patience: Duration::from_secs(2),
        refresh: Refresh {
            probes: 1,
            worth: 0.015,
        },
    };

    /// Half the extra dials of [`FAST`](Self::FAST), a little slower. It sees less, so that more has to
    /// be asked in the background.
    pub const THRIFTY: Width = Width {
        dials: 2,
        worth: 0.055,
        cold_dials: 2,
        syn_patience: 2.5,
        syn_least_ms: 100.0,
        z: 1.64,
        flight_least_ms: 40.0,
        refresh: Refresh {
            probes: 1,
            worth: 0.003,
        },
        ..Width::FAST
    };

    /// One at a time, the next only after a failure or silence, and no probes: for clients
    /// that reconnect all together. A handshake gets 10 s: an overloaded server answers late, and works for nobody when
    /// its client has left.
    pub const ONE: Width = Width {
        dials: 1,
        worth: f64::INFINITY,
        cold_dials: 1,
        in_flight: 1,
        syn_patience: 0.0,
        syn_least_ms: 3_000.0,
        z: 0.0,
        flight_least_ms: 10_000.0,
        dial_patience: Duration::from_secs(3),
        handshake_patience: Duration::from_secs(10),
        refresh: Refresh {
            probes: 0,
            worth: f64::INFINITY,
        },
    };
}
