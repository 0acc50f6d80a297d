//! What one attempt, or one look-up, brought.

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

/// The result of one attempt at one address of one endpoint.
#[derive(Clone)]
#[non_exhaustive]
pub struct Sample {
    /// The endpoint probed.
    pub endpoint: Endpoint,
    /// The path used: the endpoint's own, or an alternate one.
    pub path: String,
    /// The address probed; the proxy's, where one leads to the endpoint.
    pub address: SocketAddr,
    /// The round of probing that it belongs to, from 1.
    pub round: u32,
    /// How long each phase took, as far as the attempt came.
    pub timings: Timings,
    /// When it started, since the run began.
    pub started: Duration,
    /// From the start of connecting to the end of the handshake, good or bad.
    pub elapsed: Duration,
    /// Nothing, if the handshake was verified to its end.
    pub outcome: Result<(), Failure>,
    /// The HTTP status that was answered, good or bad.
    pub status: Option<u16>,
    /// What was negotiated, if TLS came to its end.
    pub session: Option<TlsSession>,
    /// The certificates that were shown, whether they were accepted or refused.
    pub chain: Option<Arc<CertificateChain>>,
    /// How the server ended the WebSocket as soon as it was open; the handshake succeeded nonetheless.
    /// A prober waits a round trip for it in the first attempt at an address, and in all once it has
    /// seen it there.
    pub after_upgrade: Option<AfterUpgrade>,
    /// How TCP stood right after connecting, where the system can tell; as the connect, up to the
    /// proxy where there is one.
    pub tcp_at_connect: Option<TcpInfo>,
    /// How it stood when the attempt ended, well or not. Absent where no connection came about.
    pub tcp_at_end: Option<TcpInfo>,
    /// This machine, not the network, made the connect long. Such a sample is counted but does
    /// not decide a ranking.
    pub locally_delayed: bool,
}

/// Without queries, as [`Endpoint`] has it.
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
    /// A sample of one's own making, for ranking what was measured elsewhere; set further fields
    /// as they are known.
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

    /// When it ended, since the run began.
    #[must_use]
    pub fn ended(&self) -> Duration {
        self.started.saturating_add(self.elapsed)
    }

    /// How often a segment was sent again, the SYN included; 0 where the system can't tell.
    #[must_use]
    pub fn retransmissions(&self) -> u32 {
        let of = |tcp: Option<TcpInfo>| tcp.map_or(0, |tcp| tcp.retransmissions);
        of(self.tcp_at_connect).max(of(self.tcp_at_end))
    }

    /// Whether packets of it were lost, as far as the system can tell: some were sent again, or came
    /// while one before them was missing. How long it took says nothing of the host then: such a
    /// sample is counted but does not decide a ranking.
    #[must_use]
    pub fn had_loss(&self) -> bool {
        let gap = self.tcp_at_end.and_then(|tcp| tcp.out_of_order);
        self.retransmissions() > 0 || gap.is_some_and(|count| count > 0)
    }

    /// The round trip up to the host or, through a proxy, to the proxy: the kernel's figure, or how
    /// long connecting took where there is none. `None` where it is unknown, as after a repeated SYN.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        /// Until a SYN is sent again (RFC 6298 §2.1). A longer connect says nothing of the round trip.
        const SYN_REPEATED: Duration = Duration::from_secs(1);
        match self.tcp_at_connect {
            Some(tcp) => tcp.rtt,
            None => (self.timings.get(Phase::Connect)).filter(|took| *took < SYN_REPEATED),
        }
    }

    /// Whether it failed after connecting, by what somebody sent, sooner than an answer to what was
    /// sent in that phase could have come from the host: by a quarter of the round trip and by a
    /// millisecond or more. Whoever sent it is nearer, or did not wait to be asked. Never through a
    /// proxy, where the host's round trip is unknown.
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

    /// What it means that nothing more came until the time-out, if that is how it failed and the
    /// system can tell. Only of a connection straight to the host.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        let failure = self.outcome.as_ref().err()?;
        let timed_out = failure.kind() == FailureKind::Timeout;
        let direct = self.timings.get(Phase::Proxy).is_none() && failure.phase() != Phase::Proxy;
        let tcp = self.tcp_at_end.filter(|_| timed_out && direct)?;
        tcp.silence(&self.tcp_at_connect?)
    }
}

/// The result of looking one host up in one family.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lookup {
    /// The host name; the proxy's, where one leads to the endpoint.
    pub host: String,
    /// The port, since a pin is for one.
    pub port: u16,
    /// The family asked for.
    pub family: Family,
    /// The round of probing that it belongs to, from 1.
    pub round: u32,
    /// When it started, since the run began.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
    /// The addresses, at most 16, or why there are none.
    pub outcome: Result<Vec<IpAddr>, Failure>,
    /// How many further addresses were answered, which are not used: nobody needs so many, and
    /// no answer may make a client flood anybody.
    pub left_out: usize,
}

impl Lookup {
    /// A look-up of one's own making, of no duration and in the first round; set further fields as they
    /// are known.
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

/// An attempt, or a look-up, that was under way when the run was cut off, or attempts that were planned
/// and never started. It says nothing against anyone: not awaited is not failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unfinished {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The address; the proxy's, where one leads to the endpoint. Absent where none was known yet.
    pub address: Option<SocketAddr>,
    /// What was being waited for; absent if it was never started.
    pub phase: Option<Phase>,
    /// The family looked up, if it is a look-up.
    pub family: Option<Family>,
    /// When it started, since the run began; absent if it was never started.
    pub started: Option<Duration>,
    /// How long this phase had been waited for; zero if it was never started.
    pub waited: Duration,
    /// How long the phases before took.
    pub timings: Timings,
    /// How many attempts: one that was under way, or those never started.
    pub attempts: u64,
}

impl Unfinished {
    /// So many attempts that were never started, at no address; set further fields as they are known.
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

/// One attempt of a connection race: when it ran, how far it came, how it ended.
#[derive(Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The endpoint dialled, or looked up.
    pub endpoint: Endpoint,
    /// The path asked for: the endpoint's own, or the alternate one that turned out right.
    pub path: String,
    /// The address dialled, which may be a proxy's; absent where the look-up itself failed.
    pub address: Option<SocketAddr>,
    /// When it started, since the call to connect.
    pub started: Duration,
    /// When it ended, since the call to connect.
    pub ended: Duration,
    /// The phases that finished.
    pub timings: Timings,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

/// Without queries, as [`Endpoint`] has it.
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

/// How an [`Attempt`] ended.
///
/// Exhaustive: whoever shows results should learn of another one from the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It became the connection.
    Won,
    /// Another one was open first, or it was given up for a better one, in this phase.
    Cancelled(Phase),
    /// It failed.
    Failed(Failure),
}

impl AttemptOutcome {
    /// The stable identifier: `"won"`, `"cancelled"`, `"failed"`.
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
    /// An attempt of one's own making, at no address and of no duration; set further fields as they are
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

    /// How far it came: the phase that it was given up or failed in, or the last one that it
    /// completed.
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

    /// How it failed, if it did.
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

    /// Connected after `connect`, ended `later` by this.
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
        // This machine made connecting long, or the SYN was sent again.
        assert!(!sooner(&with(Some(ms(7)), 0)));
        assert!(!sooner(&with(None, 1)));
        assert!(!sooner(&sample(1031, 8, Phase::Tls, FailureKind::Reset)));
        // On the same network all are soon.
        let mut near = sample(1, 0, Phase::Tls, FailureKind::Reset);
        near.tcp_at_connect = Some(TcpInfo::new(Some(Duration::from_micros(900)), 0));
        assert!(!sooner(&near));
        // What nobody sent, or what has no round trip yet.
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
