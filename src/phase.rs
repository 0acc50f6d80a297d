//! The phases of opening a connection, and how long each took.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// One step of opening a connection, in the order in which they happen.
///
/// The names are those of blackbox_exporter's `phase` label, plus `upgrade` for the opening
/// handshake of RFC 6455 §4 and `proxy` for what a proxy is asked first. A phase is a duration of its
/// own, never cumulative.
///
/// Exhaustive: whoever shows results should learn of another one from the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The host name is looked up; through a proxy, the proxy's.
    Resolve,
    /// TCP connects: SYN out to SYN-ACK in. Through a proxy, to the proxy.
    Connect,
    /// The proxy opens the way to the host: request out to its answer checked (CONNECT, RFC 9110
    /// §9.3.6, or SOCKS5, RFC 1928). Only with a [`Proxy`](crate::Proxy).
    ///
    /// A proxy that can't even be connected to fails in this phase, too, so that nobody takes it
    /// for the endpoint.
    Proxy,
    /// TLS handshakes (RFC 8446): ClientHello out to the server's Finished verified.
    Tls,
    /// WebSocket opens (RFC 6455 §4): request out to the response's head checked.
    Upgrade,
    /// An HTTP request is answered: request out to the first byte in.
    Processing,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Phase; 6] = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Proxy,
        Phase::Tls,
        Phase::Upgrade,
        Phase::Processing,
    ];

    /// The stable identifier used in JSON, metrics and logs: `"connect"`, `"tls"`, ….
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Proxy => "proxy",
            Phase::Tls => "tls",
            Phase::Upgrade => "upgrade",
            Phase::Processing => "processing",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What became of an upgrade request sent as TLS 1.3 early data (RFC 8446 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EarlyData {
    /// None was sent.
    #[default]
    NotSent,
    /// It was sent, and the attempt ended before the server said whether it takes it.
    Unanswered,
    /// The server took it: the answer may come one round trip earlier.
    Accepted,
    /// The server did not take it: the request was sent again after the handshake, or, where the
    /// server ended the connection over it or answered 425 (RFC 8470 §5.2), on a new one.
    Rejected,
}

impl EarlyData {
    /// The stable identifier: `"not_sent"`, `"unanswered"`, `"accepted"`, `"rejected"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EarlyData::NotSent => "not_sent",
            EarlyData::Unanswered => "unanswered",
            EarlyData::Accepted => "accepted",
            EarlyData::Rejected => "rejected",
        }
    }
}

display_identifier!(Phase, EarlyData);

/// How long each phase of one attempt took.
///
/// A phase that did not happen, or did not finish, is absent; it is never reported as zero.
///
/// With [early data](EarlyData) the upgrade request travels with the ClientHello. The phases still
/// don't overlap: [`Phase::Tls`] lasts until the server's Finished is verified, as ever, and
/// [`Phase::Upgrade`] is what is left from then on, which is next to nothing where the answer came
/// right behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    phases: [Option<Duration>; Phase::ALL.len()],
    early_data: EarlyData,
}

impl Timings {
    /// The duration of one phase, or `None` if it did not finish.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.phases[phase.index()]
    }

    /// Records the duration of one phase.
    pub fn set(&mut self, phase: Phase, took: Duration) {
        self.phases[phase.index()] = Some(took);
    }

    /// Whether the upgrade request went as early data, and whether the server took it.
    #[must_use]
    pub fn early_data(&self) -> EarlyData {
        self.early_data
    }

    pub(crate) fn set_early_data(&mut self, early_data: EarlyData) {
        self.early_data = early_data;
    }

    /// The sum of the phases that finished, without [`Phase::Resolve`]: one look-up serves many
    /// attempts, so a ranking must not charge it to each.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.iter()
            .filter(|(phase, _)| *phase != Phase::Resolve)
            .map(|(_, took)| took)
            .sum()
    }

    /// How long it took until bytes could be exchanged with the host: connect, and the proxy's part.
    pub(crate) fn dial(&self) -> Option<Duration> {
        let proxy = self.get(Phase::Proxy).unwrap_or_default();
        Some(self.get(Phase::Connect)? + proxy)
    }

    /// The phases that finished, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> + '_ {
        Phase::ALL
            .into_iter()
            .filter_map(|phase| Some((phase, self.get(phase)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_leaves_the_lookup_out() {
        let mut timings = Timings::default();
        timings.set(Phase::Resolve, Duration::from_millis(40));
        timings.set(Phase::Connect, Duration::from_millis(20));
        timings.set(Phase::Tls, Duration::from_millis(21));
        assert_eq!(timings.total(), Duration::from_millis(41));
        assert_eq!(timings.get(Phase::Upgrade), None);
        assert_eq!(timings.iter().count(), 3);
    }

    #[test]
    fn indices_match_the_order() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase.index(), index);
        }
    }
}
