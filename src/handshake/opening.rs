//! `Dialer::open()`: TLS to an endpoint, at whichever of its addresses answers first.

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

/// RFC 8305 §5, §8: the Connection Attempt Delay, 250 ms where nothing is known.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

impl Dialer {
    /// Opens an encrypted byte stream to an endpoint, as every probe and connection is opened:
    /// resolver, pins, families, proxy and roots are this dialer's. Nothing is sent on it, and no session
    /// resumed.
    ///
    /// Addresses are tried as RFC 8305 has it: each 250 ms after the one before, or as soon as that
    /// failed; the first whose certificate is verified is it.
    ///
    /// # Errors
    ///
    /// Where none is open `within` this time: the failure of the address that came farthest, or of the
    /// look-up; what is still under way then fails with [`FailureKind::Timeout`] in its phase.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn open(
        &self,
        endpoint: &Endpoint,
        within: Duration,
    ) -> Result<SecureStream, Failure> {
        let started = Instant::now();
        // A century is as good as for ever, and can be added.
        let deadline = started + within.min(Duration::from_secs(100 * 365 * 24 * 60 * 60));
        let handshake = Handshake::new(self.with_tls(self.tls().for_probes()));
        let peer = self.peer(endpoint);
        let families = self.families().list().iter();
        let mut lookups: FuturesUnordered<_> = families
            .map(|family| self.look_up(&peer, *family, within, within))
            .collect();
        let mut waiting: Vec<IpAddr> = Vec::new();
        let mut attempts = FuturesUnordered::new();
        // Of each attempt, until it failed.
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
        // A host has a family, or its look-up failed.
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

/// Keeps the one that says most: of the farthest phase, and of a name without an address in one family
/// the other one's.
fn keep_farthest(kept: &mut Option<Failure>, failure: Failure) {
    let rank = |one: &Failure| (one.phase(), one.kind() != FailureKind::NoAddress);
    if kept.as_ref().is_none_or(|kept| rank(kept) < rank(&failure)) {
        *kept = Some(failure);
    }
}
