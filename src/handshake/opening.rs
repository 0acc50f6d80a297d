//! `Dialer::open()`: TLS to an endpoint, at the first of its addresses to complete a handshake.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::{Handshake, Progress, SecureStream, Target};
use crate::catalog::Endpoint;
use crate::dialer::Dialer;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::resolve::interleave;

/// The Connection Attempt Delay of RFC 8305 (§5, §8): 250 ms without measurements.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

impl Dialer {
    /// Opens an encrypted byte stream to an endpoint, with this dialer's resolver, pins, address
    /// families, proxy and roots. Sends nothing on it, and resumes no session.
    ///
    /// Addresses are tried as in RFC 8305: the next one starts 250 ms after the previous one, or as
    /// soon as an attempt fails. The first verified TLS handshake wins.
    ///
    /// # Errors
    ///
    /// If no handshake completes `within` this time, returns the failure of the attempt that got
    /// furthest, or of the DNS lookup. Attempts still running at the deadline count as
    /// [`FailureKind::Timeout`] in their current phase.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its time and I/O drivers enabled.
    pub async fn open(
        &self,
        endpoint: &Endpoint,
        within: Duration,
    ) -> Result<SecureStream, Failure> {
        let started = Instant::now();
        // A century, which can be added to an `Instant`, unlike `Duration::MAX`.
        let deadline = started + within.min(Duration::from_secs(100 * 365 * 24 * 60 * 60));
        let handshake = Handshake::new(self.with_tls(self.tls().for_probes()));
        let peer = self.peer(endpoint);
        let families = self.families().list().iter();
        let mut lookups: FuturesUnordered<_> = families
            .map(|family| self.look_up(&peer, *family, within, within))
            .collect();
        let mut waiting: Vec<IpAddr> = Vec::new();
        let mut attempts = FuturesUnordered::new();
        // Each attempt's progress; `None` once it has failed.
        let mut under_way: Vec<Option<Progress>> = Vec::new();
        let mut failed: Option<Failure> = None;
        let mut next = started;
        while !(lookups.is_empty() && attempts.is_empty() && waiting.is_empty()) {
            if !waiting.is_empty() && (attempts.is_empty() || next <= Instant::now()) {
                let address = SocketAddr::new(waiting.remove(0), peer.port);
                let (number, progress) = (under_way.len(), Progress::new());
                under_way.push(Some(progress.clone()));
                let attempt = attempt(&handshake, endpoint, address, progress);
                attempts.push(async move { (number, attempt.await) });
                next = Instant::now() + ATTEMPT_DELAY;
            }
            tokio::select! {
                Some(looked_up) = lookups.next() => match looked_up.outcome {
                    Ok(found) => {
                        waiting.extend(found.addresses);
                        waiting = interleave(&waiting);
                    }
                    Err(failure) => keep_farthest(&mut failed, failure),
                },
                Some(ended) = attempts.next() => match ended {
                    (_, Ok(stream)) => return Ok(stream),
                    (number, Err(failure)) => {
                        under_way[number] = None;
                        keep_farthest(&mut failed, failure);
                        next = Instant::now();
                    }
                },
                () = sleep_until(next), if !waiting.is_empty() => {}
                () = sleep_until(deadline) => {
                    let phases = under_way.iter().flatten().map(|one| one.reached().phase);
                    let phase = phases.max().unwrap_or(Phase::Resolve);
                    keep_farthest(&mut failed, Failure::new(phase, FailureKind::Timeout));
                    break;
                }
            }
        }
        // There is at least one family, and each yields addresses or a failure.
        Err(failed.unwrap_or_else(|| Failure::new(Phase::Resolve, FailureKind::NoAddress)))
    }
}

async fn attempt(
    handshake: &Handshake,
    endpoint: &Endpoint,
    address: SocketAddr,
    progress: Progress,
) -> Result<SecureStream, Failure> {
    let io = handshake.dial(endpoint, address, &progress).await?;
    let target = Target {
        endpoint,
        address,
        path: endpoint.path(),
    };
    let mut stream = handshake.secure_alone(io, target, &progress).await?.stream;
    stream.0.get_mut().0.lift();
    Ok(stream)
}

/// Keeps the more informative failure: of the later phase, and for a DNS lookup any failure but a
/// missing address of one family.
fn keep_farthest(kept: &mut Option<Failure>, failure: Failure) {
    let rank = |one: &Failure| (one.phase(), one.kind() != FailureKind::NoAddress);
    if kept.as_ref().is_none_or(|kept| rank(kept) < rank(&failure)) {
        *kept = Some(failure);
    }
}
