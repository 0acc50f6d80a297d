//! How wide to race and how long to wait: what being fast may cost.

use std::time::Duration;

/// By how many seconds a crowd's queue of handshakes grows per second. With this value hedges add next
/// to no load in the simulated restart (`sim`); with zero they double it.
const QUEUE_GROWTH: f64 = 3.0;

/// The parameters of a race: how many attempts, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Width {
    /// The most dials at once on a network where something opened before.
    pub dials: usize,
    /// θ: the least expected improvement of ln of the cost for which another dial is made.
    pub worth: f64,
    /// The dials at once on a network where nothing opened yet.
    pub cold_dials: usize,
    /// The same with a prior. Those beyond `cold_dials` go to further addresses of the nearest hosts.
    pub foretold_dials: usize,
    /// The most attempts in flight. Beyond it the attempt that has been silent longest is replaced.
    /// More would only take bandwidth from those under way.
    pub in_flight: usize,
    /// After this many expected round trips without a SYN-ACK the next candidate is dialled …
    pub syn_patience: f64,
    /// … but not before, in ms.
    pub syn_least_ms: f64,
    /// The deadline of a flight of the handshake: this many standard deviations above its mean …
    pub z: f64,
    /// … but not before, in ms.
    pub flight_least_ms: f64,
    /// A dial that is silent for this long may be replaced. Linux repeats an unanswered SYN after 1 s:
    /// by then it was lost, or the path is dead.
    pub dial_patience: Duration,
    /// A handshake that began this long ago may be replaced. It takes two round trips where a dial
    /// takes one.
    pub handshake_patience: Duration,
    /// Handshakes at once while none is late. A second one starts if it is expected to finish before
    /// the first.
    pub handshakes: usize,
    /// TCP-only probes of addresses known only from a stored history, after a connection opened. Zero
    /// means none; otherwise the caller's own budget counts.
    pub checks: usize,
    /// How often one of several silent dials is repeated while no address has answered: kernels repeat
    /// SYNs at ever longer intervals. `None` for never, because a crowd must not send more.
    pub redial: Option<Duration>,
}

impl Width {
    /// The default.
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

    /// About three quarters of the extra dials of [`FAST`](Self::FAST), slightly slower.
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

    /// One attempt at a time, the next only after a failure or silence, and no probes. A handshake gets
    /// 10 s: an overloaded server answers late, and its work is wasted if the client has left.
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

    /// For clients that reconnect together: one attempt at a time while it goes well. A second SYN is
    /// sent when the first is late. A second handshake starts when the first is late and the crowd is
    /// not the reason (see [`after_loss`](Self::after_loss)). The late attempt continues, and there are
    /// never more than two.
    ///
    /// - SYNs: kernels answer them however busy TLS is, and they cost three packets. 3 expected round
    ///   trips are three standard deviations for a path not heard of for hours. With at least 300 ms,
    ///   fewer than one connection in twenty sends an unnecessary second SYN. A third is sent only to
    ///   replace one that was silent for 3 s.
    /// - Handshakes: three standard deviations, and at least 1.5 s, so that the three round trips of
    ///   another host fit into 2 s. 1 s gains nothing measurable.
    pub const RECONNECT: Width = Width {
        in_flight: 2,
        syn_patience: 3.0,
        syn_least_ms: 300.0,
        z: 3.0,
        flight_least_ms: 1_500.0,
        ..Width::ONE
    };

    /// Returns [`RECONNECT`](Self::RECONNECT), adapted to the time since the connection was lost.
    ///
    /// If a crowd reconnects at once, its handshakes queue, and a hedge would double the queue. The
    /// queue began when the connection was lost. It grows by 3 s per second if four times as many
    /// clients come as the servers can take. So a handshake that is silent for longer than three times
    /// `since` is not waiting in a queue. Clients that come early therefore hedge early, and those that
    /// come late hardly ever.
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
