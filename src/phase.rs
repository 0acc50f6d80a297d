//! The phases of opening a connection and their durations.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A step of opening a connection. Variants are in the order in which the steps happen.
///
/// The names are the values of blackbox_exporter's `phase` label, plus `upgrade` for the opening
/// handshake of RFC 6455 §4 and `proxy` for the request to a proxy. Each phase is timed separately;
/// the durations are not cumulative.
///
/// The enum is exhaustive, so that code that shows results fails to compile when a phase is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// DNS lookup of the endpoint's host, or of the proxy's host when a proxy is used.
    Resolve,
    /// TCP connect: SYN sent to SYN-ACK received. With a proxy, this is the connect to the proxy.
    Connect,
    /// Tunnel through the proxy: request sent to answer checked (`CONNECT`, RFC 9110 §9.3.6, or
    /// SOCKS5, RFC 1928). Present only with a [`Proxy`](crate::Proxy).
    ///
    /// A failure to connect to the proxy itself is also reported in this phase, so that it is not
    /// mistaken for a failure of the endpoint.
    Proxy,
    /// TLS handshake (RFC 8446): ClientHello sent to the server's Finished verified.
    Tls,
    /// WebSocket opening handshake (RFC 6455 §4): request sent to response head checked.
    Upgrade,
    /// HTTP request: request sent to first byte of the response received.
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

/// The outcome of sending the upgrade request as TLS 1.3 early data (RFC 8446 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EarlyData {
    /// No early data was sent.
    #[default]
    NotSent,
    /// The attempt ended before the server accepted or rejected the early data.
    Unanswered,
    /// The server accepted the early data, which can save one round trip.
    Accepted,
    /// The server rejected the early data. The request was sent again after the handshake, or on a new
    /// connection if the server closed this one because of it or answered 425 (RFC 8470 §5.2).
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

/// The duration of each phase of one attempt.
///
/// A phase that did not happen or did not finish is absent; it is never reported as zero.
///
/// Phases never overlap, even with [early data](EarlyData), where the upgrade request travels with the
/// ClientHello: [`Phase::Tls`] lasts until the server's Finished is verified, and [`Phase::Upgrade`] is
/// the remaining time, which is close to zero if the answer follows directly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    phases: [Option<Duration>; Phase::ALL.len()],
    early_data: EarlyData,
}

impl Timings {
    /// Returns the duration of a phase, or `None` if it did not finish.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.phases[phase.index()]
    }

    /// Records the duration of one phase.
    pub fn set(&mut self, phase: Phase, took: Duration) {
        self.phases[phase.index()] = Some(took);
    }

    /// Whether the upgrade request was sent as early data, and whether the server accepted it.
    #[must_use]
    pub fn early_data(&self) -> EarlyData {
        self.early_data
    }

    pub(crate) fn set_early_data(&mut self, early_data: EarlyData) {
        self.early_data = early_data;
    }

    /// Returns the sum of the finished phases except [`Phase::Resolve`].
    ///
    /// One lookup serves many attempts, so it does not count towards each of them.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.iter()
            .filter(|(phase, _)| *phase != Phase::Resolve)
            .map(|(_, took)| took)
            .sum()
    }

    /// The time until bytes could be exchanged with the host: connect plus, if any, the proxy.
    pub(crate) fn dial(&self) -> Option<Duration> {
        let proxy = self.get(Phase::Proxy).unwrap_or_default();
        Some(self.get(Phase::Connect)? + proxy)
    }

    /// Iterates over the finished phases in order.
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
