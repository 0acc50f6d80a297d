//! How wide to race, and how long to wait for whom: the price of being fast.

use std::time::Duration;

/// By how many seconds a crowd's queue of handshakes may grow in a second. Up to this, hedges cost the
/// servers next to nothing in the storm of `sim`; with none of it they double their load.
const QUEUE_GROWTH: f64 = 3.0;

/// How wide to race.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Width {
    /// At most so many dials at once when something opened on this network before.
    pub dials: usize,
    /// θ: the least by which another dial must be expected to improve ln of the cost.
    pub worth: f64,
    /// Dials at once when nothing did.
    pub cold_dials: usize,
    /// The same where a prior tells which hosts are near: those beyond `cold_dials` go to further addresses
    /// of the nearest.
    pub foretold_dials: usize,
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
    /// Handshakes at once while all goes well: a second one where it is expected to be over before the
    /// first.
    pub handshakes: usize,
    /// TCP-only probes after a connection opened, of addresses of which only a file tells.
    pub checks: usize,
    /// While several dials are silent and nobody answered at all, one of them is made anew so often:
    /// kernels repeat SYNs after ever longer times. `None`: never, since a crowd must not send more.
    pub redial: Option<Duration>,
}

impl Width {
    /// The default: more dials cost more than they gain.
    pub const FAST: Width = Width {
        dials: 6,
        worth: 0.02,
        cold_dials: 4,
        foretold_dials: 6,
        in_flight: 8,
        syn_patience: 2.2,
        syn_least_ms: 80.0,
        z: 1.8,
        flight_least_ms: 35.0,
        dial_patience: Duration::from_secs(1),
        handshake_patience: Duration::from_secs(2),
        handshakes: 2,
        checks: 1,
        redial: Some(Duration::from_millis(400)),
    };

    /// Three quarters of the extra dials of [`FAST`](Self::FAST), a little slower.
    pub const THRIFTY: Width = Width {
        dials: 4,
        worth: 0.0315,
        cold_dials: 4,
        foretold_dials: 4,
        syn_patience: 2.5,
        syn_least_ms: 100.0,
        flight_least_ms: 40.0,
        ..Width::FAST
    };

    /// One at a time, the next only after a failure or silence, and no probes. A handshake gets 10 s:
    /// an overloaded server answers late, and works for nobody when its client has left.
    pub const ONE: Width = Width {
        dials: 1,
        worth: f64::INFINITY,
        cold_dials: 1,
        foretold_dials: 1,
        in_flight: 1,
        syn_patience: 0.0,
        syn_least_ms: 3_000.0,
        z: 0.0,
        flight_least_ms: 10_000.0,
        dial_patience: Duration::from_secs(3),
        handshake_patience: Duration::from_secs(10),
        handshakes: 1,
        checks: 0,
        redial: None,
    };

    /// One at a time as long as that goes well, for clients that reconnect all together: a second SYN
    /// when the first is late, a second handshake when the first is late and the crowd is not why (see
    /// [`after_loss`](Self::after_loss)). The late one goes on; never more than two of a kind.
    ///
    /// - SYNs: kernels answer them however busy TLS is, and they are three packets. 3 expected round
    ///   trips are three standard deviations of what was not heard of for hours; 300 ms begin less than
    ///   one in twenty for nothing. A third is sent only in the place of one that was silent for 3 s.
    /// - Handshakes: three standard deviations, but 1.5 s: another host's three round trips still fit
    ///   into 2 s. 1 s gains nothing that shows.
    pub const RECONNECT: Width = Width {
        in_flight: 2,
        syn_patience: 3.0,
        syn_least_ms: 300.0,
        z: 3.0,
        flight_least_ms: 1_500.0,
        ..Width::ONE
    };

    /// [`RECONNECT`](Self::RECONNECT) so long after the connection was lost.
    ///
    /// A crowd that all came at once has made a queue, and a hedge would double it. But a queue began
    /// when the connection was lost, and grows by 3 s in a second if four times as many come as the
    /// servers can take: a handshake that is silent for longer than three times that is not waiting
    /// in one. So clients that come early hedge early, those that come late as good as never.
    #[must_use]
    pub fn after_loss(since: Duration) -> Width {
        let usual = Width::RECONNECT;
        let longest_ms = usual.handshake_patience.as_secs_f64() * 1_000.0;
        let queue_ms = QUEUE_GROWTH * since.as_secs_f64() * 1_000.0;
        Width {
            flight_least_ms: queue_ms.clamp(usual.flight_least_ms, longest_ms),
            ..usual
        }
    }
}
