//! Results of single attempts and DNS lookups.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::shown::without_secrets;

use crate::catalog::Endpoint;
use crate::certificate::CertificateChain;
use crate::connect::{Silence, TcpInfo};
use crate::failure::{Failure, FailureKind};
use crate::handshake::AfterUpgrade;
use crate::phase::{Phase, Timings};
use crate::resolve::Family;
use crate::tls::TlsSession;

/// The result of one probe: one attempt at one address of one endpoint.
#[derive(Clone)]
#[non_exhaustive]
pub struct Sample {
    /// The endpoint probed.
    pub endpoint: Endpoint,
    /// The path requested: the endpoint's own, or an alternate one.
    pub path: String,
    /// The address probed, or the proxy's address.
    pub address: SocketAddr,
    /// The round of probing, from 1.
    pub round: u32,
    /// The duration of each phase that completed, at [`path`](Self::path).
    pub timings: Timings,
    /// The start, relative to the start of the run.
    pub started: Duration,
    /// The time from the start of connecting to the end of the handshake, of success or failure. It
    /// includes an earlier attempt at a wrong path.
    pub elapsed: Duration,
    /// `Ok(())` if the handshake completed with a verified certificate and a right answer.
    pub outcome: Result<(), Failure>,
    /// The HTTP status of the response, if any arrived.
    pub status: Option<u16>,
    /// The TLS session, if its handshake completed.
    pub session: Option<TlsSession>,
    /// The certificates that the server sent, accepted or rejected.
    pub chain: Option<Arc<CertificateChain>>,
    /// How the server ended the WebSocket right after opening it, if it did. The handshake counts as
    /// a success nonetheless.
    ///
    /// A prober waits one round trip for this in the first attempt at an address, and in every
    /// further one once it has happened there. In other attempts it notices only what has already
    /// arrived.
    pub after_upgrade: Option<AfterUpgrade>,
    /// The state of TCP right after connecting, if the system reports it. Through a proxy, of the
    /// connection to the proxy.
    pub tcp_at_connect: Option<TcpInfo>,
    /// The state of TCP when the attempt ended. Absent if TCP did not connect.
    pub tcp_at_end: Option<TcpInfo>,
    /// Whether this machine, not the network, delayed the connect. The sample then counts as an
    /// attempt, but its duration does not influence a ranking while there are other samples.
    pub locally_delayed: bool,
}

/// Omits queries, as [`Endpoint`] does.
impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Sample");
        told.field("endpoint", &self.endpoint)
            .field("path", &without_secrets(&self.path))
            .field("address", &self.address)
            .field("round", &self.round)
            .field("started", &self.started)
            .field("elapsed", &self.elapsed)
            .field("timings", &self.timings)
            .field("outcome", &self.outcome)
            .field("after_upgrade", &self.after_upgrade);
        told.finish_non_exhaustive()
    }
}

impl Sample {
    /// Creates a sample, for ranking measurements made elsewhere. Set further fields as they are
    /// known.
    ///
    /// The path is the endpoint's own, the round is 1, and `elapsed` is the sum of `timings`.
    #[must_use]
    pub fn new(
        endpoint: Endpoint,
        address: SocketAddr,
        timings: Timings,
        outcome: Result<(), Failure>,
    ) -> Self {
        Sample {
            path: endpoint.path().to_owned(),
            endpoint,
            address,
            round: 1,
            started: Duration::ZERO,
            timings,
            elapsed: timings.total(),
            outcome,
            status: None,
            session: None,
            chain: None,
            after_upgrade: None,
            tcp_at_connect: None,
            tcp_at_end: None,
            locally_delayed: false,
        }
    }

    /// Returns the end, relative to the start of the run.
    #[must_use]
    pub fn ended(&self) -> Duration {
        self.started.saturating_add(self.elapsed)
    }

    /// Returns the number of retransmitted segments, SYNs included; 0 if the system does not report
    /// it.
    #[must_use]
    pub fn retransmissions(&self) -> u32 {
        let of = |tcp: Option<TcpInfo>| tcp.map_or(0, |tcp| tcp.retransmissions);
        of(self.tcp_at_connect).max(of(self.tcp_at_end))
    }

    /// Whether packets were lost, as far as the system reports it: a segment was retransmitted, or
    /// arrived while an earlier one was missing.
    ///
    /// The duration then says little about the host. The sample counts as an attempt, but its
    /// duration does not influence a ranking while there are other samples.
    #[must_use]
    pub fn had_loss(&self) -> bool {
        let gap = self.tcp_at_end.and_then(|tcp| tcp.out_of_order);
        self.retransmissions() > 0 || gap.is_some_and(|count| count > 0)
    }

    /// Returns the round-trip time to the host, or through a proxy to the proxy: the kernel's
    /// measurement or, without one, the duration of the connect. `None` if it is unknown, as after a
    /// repeated SYN.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        /// A SYN is repeated after 1 s (RFC 6298 §2.1), so a longer connect is no round trip.
        const SYN_REPEATED: Duration = Duration::from_secs(1);
        match self.tcp_at_connect {
            Some(tcp) => tcp.rtt,
            None => (self.timings.get(Phase::Connect)).filter(|took| *took < SYN_REPEATED),
        }
    }

    /// Whether it failed after connecting because of something received too early to be the host's
    /// answer to what was sent in that phase: at least a quarter of the round trip, and at least 1
    /// ms, too early. Its sender is then nearer than the host, or did not wait for the request.
    ///
    /// Always false through a proxy, where the round trip to the host is unknown.
    #[must_use]
    pub fn failed_sooner_than_round_trip(&self) -> bool {
        let Err(failure) = &self.outcome else {
            return false;
        };
        let by_somebody = !failure.is_local()
            && !matches!(failure.kind(), FailureKind::Timeout | FailureKind::Other);
        let later = matches!(
            failure.phase(),
            Phase::Tls | Phase::Upgrade | Phase::Processing
        );
        let direct = self.timings.get(Phase::Proxy).is_none();
        let Some(round_trip) = self.round_trip() else {
            return false;
        };
        let in_phase = self.elapsed.saturating_sub(self.timings.total());
        let margin = Duration::from_millis(1).max(round_trip / 4);
        by_somebody && later && direct && in_phase + margin <= round_trip
    }

    /// Classifies the silence of an attempt that timed out, if the system reports enough. `None` for
    /// other outcomes and through a proxy.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        let failure = self.outcome.as_ref().err()?;
        let timed_out = failure.kind() == FailureKind::Timeout;
        let direct = self.timings.get(Phase::Proxy).is_none() && failure.phase() != Phase::Proxy;
        let tcp = self.tcp_at_end.filter(|_| timed_out && direct)?;
        tcp.silence(&self.tcp_at_connect?)
    }
}

/// The result of one DNS lookup: one host in one address family.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lookup {
    /// The host name, or the proxy's.
    pub host: String,
    /// The port; part of the result because pins are per port.
    pub port: u16,
    /// The address family.
    pub family: Family,
    /// The round of probing, from 1.
    pub round: u32,
    /// The start, relative to the start of the run.
    pub started: Duration,
    /// The duration.
    pub took: Duration,
    /// The addresses, or why there are none. At most 16 from the resolver; all those that are pinned.
    pub outcome: Result<Vec<IpAddr>, Failure>,
    /// The number of further addresses in the answer, which are not used: no service needs so many,
    /// and an answer must not make a client flood others.
    pub left_out: usize,
}

impl Lookup {
    /// Creates a lookup in round 1 with zero duration. Set further fields as they are known.
    #[must_use]
    pub fn new(
        host: impl Into<String>,
        port: u16,
        family: Family,
        outcome: Result<Vec<IpAddr>, Failure>,
    ) -> Self {
        Lookup {
            host: host.into(),
            port,
            family,
            round: 1,
            started: Duration::ZERO,
            took: Duration::ZERO,
            outcome,
            left_out: 0,
        }
    }
}

/// An attempt or DNS lookup that was under way when a run ended early, or attempts that were planned
/// and never started. It is not a failure, and counts against nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unfinished {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The address, or the proxy's. Absent if none was known yet.
    pub address: Option<SocketAddr>,
    /// The phase under way; absent if it never started.
    pub phase: Option<Phase>,
    /// The address family, for a DNS lookup.
    pub family: Option<Family>,
    /// The start, relative to the start of the run; absent if it never started.
    pub started: Option<Duration>,
    /// The time spent in this phase so far; zero if it never started.
    pub waited: Duration,
    /// The durations of the phases before.
    pub timings: Timings,
    /// The number of attempts: 1 if under way, otherwise the number never started.
    pub attempts: u64,
}

impl Unfinished {
    /// Creates an entry for attempts that never started, without an address. Set further fields as
    /// they are known.
    #[must_use]
    pub fn new(endpoint: Endpoint, attempts: u64) -> Self {
        Unfinished {
            endpoint,
            address: None,
            phase: None,
            family: None,
            started: None,
            waited: Duration::ZERO,
            timings: Timings::default(),
            attempts,
        }
    }
}

/// One attempt in a connection race.
#[derive(Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The endpoint dialled, or whose host was looked up.
    pub endpoint: Endpoint,
    /// The path requested: the endpoint's own, or the alternate one that worked.
    pub path: String,
    /// The address dialled, possibly a proxy's; absent if the DNS lookup failed.
    pub address: Option<SocketAddr>,
    /// The start, relative to the call to connect.
    pub started: Duration,
    /// The end, relative to the call to connect.
    pub ended: Duration,
    /// The durations of the phases that completed.
    pub timings: Timings,
    /// The outcome.
    pub outcome: AttemptOutcome,
}

/// Omits queries, as [`Endpoint`] does.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Attempt");
        told.field("endpoint", &self.endpoint)
            .field("path", &without_secrets(&self.path))
            .field("address", &self.address)
            .field("started", &self.started)
            .field("ended", &self.ended)
            .field("timings", &self.timings)
            .field("outcome", &self.outcome);
        told.finish()
    }
}

/// The outcome of an [`Attempt`].
///
/// Deliberately exhaustive: code that displays results should fail to compile when a variant is
/// added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It became the connection.
    Won,
    /// It was cancelled in this phase: another attempt opened first, or replaced it.
    Cancelled(Phase),
    /// It failed.
    Failed(Failure),
}

impl AttemptOutcome {
    /// Returns the stable identifier: `"won"`, `"cancelled"` or `"failed"`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            AttemptOutcome::Won => "won",
            AttemptOutcome::Cancelled(_) => "cancelled",
            AttemptOutcome::Failed(_) => "failed",
        }
    }
}

display_identifier!(AttemptOutcome);

impl Attempt {
    /// Creates an attempt without an address, with zero durations. Set further fields as they are
    /// known.
    #[must_use]
    pub fn new(endpoint: Endpoint, outcome: AttemptOutcome) -> Self {
        Attempt {
            path: endpoint.path().to_owned(),
            endpoint,
            address: None,
            started: Duration::ZERO,
            ended: Duration::ZERO,
            timings: Timings::default(),
            outcome,
        }
    }

    /// Returns the phase in which it was cancelled or failed, or the last one completed if it won.
    #[must_use]
    pub fn phase_reached(&self) -> Phase {
        match &self.outcome {
            AttemptOutcome::Cancelled(phase) => *phase,
            AttemptOutcome::Failed(failure) => failure.phase(),
            AttemptOutcome::Won => {
                let last = self.timings.iter().last();
                last.map_or(Phase::Upgrade, |(phase, _)| phase)
            }
        }
    }

    /// The kind of its failure, if it failed.
    pub(crate) fn failure_kind(&self) -> Option<FailureKind> {
        match &self.outcome {
            AttemptOutcome::Failed(failure) => Some(failure.kind()),
            AttemptOutcome::Won | AttemptOutcome::Cancelled(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Region, Service};

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// A sample that connected after `connect` ms and failed `later` ms after that.
    fn sample(connect: u64, later: u64, phase: Phase, kind: FailureKind) -> Sample {
        let url = "wss://im-api.example.com/websocket";
        let endpoint = Endpoint::new(Region::CN1, Service::Websocket, url);
        let mut timings = Timings::default();
        timings.set(Phase::Connect, ms(connect));
        let failed = Err(Failure::new(phase, kind));
        let address = "192.0.2.1:443".parse().unwrap();
        let mut sample = Sample::new(endpoint.unwrap(), address, timings, failed);
        sample.elapsed = ms(connect + later);
        sample
    }

    #[test]
    fn nobody_answers_sooner_than_the_round_trip() {
        let sooner = |sample: &Sample| sample.failed_sooner_than_round_trip();
        let reset = |later| sample(31, later, Phase::Tls, FailureKind::Reset);
        assert!(sooner(&reset(8)));
        // Round trips differ by a few milliseconds.
        assert!(!sooner(&reset(29)) && !sooner(&reset(31)) && !sooner(&reset(200)));
        let with = |rtt, syns| {
            let mut reset = reset(8);
            reset.tcp_at_connect = Some(TcpInfo::new(rtt, syns));
            reset
        };
        assert!(sooner(&with(Some(ms(31)), 0)));
        // This machine delayed the connect, or the SYN was repeated.
        assert!(!sooner(&with(Some(ms(7)), 0)));
        assert!(!sooner(&with(None, 1)));
        assert!(!sooner(&sample(1031, 8, Phase::Tls, FailureKind::Reset)));
        // On a local network every answer is early.
        let mut near = sample(1, 0, Phase::Tls, FailureKind::Reset);
        near.tcp_at_connect = Some(TcpInfo::new(Some(Duration::from_micros(900)), 0));
        assert!(!sooner(&near));
        // Failures without a sender, or without a round trip yet.
        assert!(!sooner(&sample(31, 8, Phase::Tls, FailureKind::Other)));
        assert!(!sooner(&sample(31, 8, Phase::Tls, FailureKind::Timeout)));
        assert!(!sooner(&sample(31, 8, Phase::Connect, FailureKind::Reset)));
        assert!(sooner(&sample(
            31,
            8,
            Phase::Upgrade,
            FailureKind::Rejected
        )));
        let mut proxied = reset(8);
        proxied.timings.set(Phase::Proxy, ms(0));
        assert!(!sooner(&proxied));
    }

    #[test]
    fn loss_is_known_without_a_round_trip() {
        let mut lossy = sample(1031, 40, Phase::Tls, FailureKind::Closed);
        assert!(!lossy.had_loss());
        lossy.tcp_at_connect = Some(TcpInfo::new(None, 1));
        assert_eq!((lossy.retransmissions(), lossy.had_loss()), (1, true));
        lossy.tcp_at_end = Some(TcpInfo::new(None, 3));
        assert_eq!(lossy.retransmissions(), 3);
        let mut gap = sample(31, 40, Phase::Tls, FailureKind::Closed);
        gap.tcp_at_end = Some(TcpInfo::new(None, 0));
        assert!(!gap.had_loss());
        gap.tcp_at_end.as_mut().unwrap().out_of_order = Some(1);
        assert_eq!((gap.retransmissions(), gap.had_loss()), (0, true));
    }

    #[test]
    fn only_a_time_out_straight_to_the_host_is_a_silence() {
        let silent = |phase, kind| {
            let mut sample = sample(31, 5000, phase, kind);
            sample.tcp_at_connect = Some(TcpInfo::new(None, 0));
            let mut end = TcpInfo::new(None, 4);
            end.unacknowledged = 1;
            sample.tcp_at_end = Some(end);
            sample
        };
        let told = silent(Phase::Tls, FailureKind::Timeout).silence();
        assert_eq!(told, Some(Silence::Unacknowledged));
        assert_eq!(silent(Phase::Tls, FailureKind::Reset).silence(), None);
        assert_eq!(silent(Phase::Proxy, FailureKind::Timeout).silence(), None);
        let mut proxied = silent(Phase::Tls, FailureKind::Timeout);
        proxied.timings.set(Phase::Proxy, ms(31));
        assert_eq!(proxied.silence(), None);
    }
}
