//! What one attempt, or one look-up, brought.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Endpoint;
use crate::certificate::CertificateChain;
use crate::connect::KernelRtt;
use crate::failure::{Failure, FailureKind};
use crate::handshake::AfterUpgrade;
use crate::phase::{Phase, Timings};
use crate::resolve::Family;
use crate::tls::TlsSession;

/// The result of one attempt at one address of one endpoint.
#[derive(Clone, Debug)]
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
    /// What the kernel measured of the connect, where it can tell; as the connect, up to the proxy
    /// where there is one.
    pub kernel_rtt: Option<KernelRtt>,
    /// This machine, not the network, made the connect long. Such a sample is counted but does
    /// not decide a ranking.
    pub locally_delayed: bool,
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
            timings,
            elapsed: timings.total(),
            outcome,
            status: None,
            session: None,
            chain: None,
            after_upgrade: None,
            kernel_rtt: None,
            locally_delayed: false,
        }
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
            took: Duration::ZERO,
            outcome,
            left_out: 0,
        }
    }
}

/// One attempt of a connection race: when it ran, how far it came, how it ended.
#[derive(Clone, Debug)]
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
