//! One look-up, one attempt: under its time-out, with the paths that were learned.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::time::Instant;

use super::job::{Job, LookupJob};
use crate::certificate::Certificate;
use crate::dialer::Dialer;
use crate::failure::{Failure, FailureKind};
use crate::handshake::{ConnectOptions, Handshake, Paths, Progress, Request, Target, Upgrade};
use crate::sample::{Lookup, Sample};

/// What all attempts and look-ups of a run share.
#[derive(Debug)]
pub(super) struct Attempts {
    dialer: Dialer,
    handshake: Handshake,
    paths: Paths,
    /// What the proxy said when it wanted other credentials: it isn't asked again with these, since
    /// some lock an account after a few wrong passwords.
    locked_out: OnceLock<Failure>,
    certificates: Certificates,
}

/// Certificates that were read. An endpoint shows the same one every time, and to read it costs
/// 2 % of a probe.
#[derive(Debug, Default)]
struct Certificates(Mutex<BTreeMap<Vec<u8>, Option<Arc<Certificate>>>>);

/// More than the servers of a few hundred hosts have; at 2 kB each.
const MAX_CERTIFICATES: usize = 256;

impl Certificates {
    /// What a certificate says, where that can be told.
    fn read(&self, der: &[u8]) -> Option<Arc<Certificate>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = known.get(der) {
            return read.clone();
        }
        let read = Certificate::from_der(der).map(Arc::new);
        if known.len() >= MAX_CERTIFICATES {
            known.clear();
        }
        known.insert(der.to_vec(), read.clone());
        read
    }
}

impl Attempts {
    /// Attempts that resume no session: a probe measures full handshakes, all alike.
    pub(super) fn new(dialer: Dialer) -> Self {
        let dialer = dialer.with_tls(dialer.tls().without_resumption());
        Attempts {
            handshake: Handshake::new(dialer.clone()),
            dialer,
            paths: Paths::default(),
            locked_out: OnceLock::new(),
            certificates: Certificates::default(),
        }
    }

    /// Makes a look-up.
    pub(super) async fn look_up(&self, job: LookupJob) -> Lookup {
        let started = Instant::now();
        let timeout = self.dialer.attempt_timeout();
        let found = self.dialer.look_up(&job.peer(), job.family, timeout).await;
        let left_out = found.as_ref().map_or(0, |found| found.left_out);
        Lookup {
            took: started.elapsed(),
            host: job.host,
            port: job.port,
            family: job.family,
            round: job.round,
            outcome: found.map(|found| found.addresses),
            left_out,
        }
    }

    /// Makes an attempt; once more on another path, if the failure says that this one is wrong.
    pub(super) async fn probe(&self, job: Job) -> Sample {
        let started = Instant::now();
        let deadline = started + self.dialer.attempt_timeout();
        let endpoint = &job.endpoint;
        let mut path = self.paths.of(endpoint);
        let mut progress = job.progress.clone();
        let mut outcome = self.attempt(&job, &path, deadline, &progress).await;
        if let Err(failure) = outcome {
            let again = async |path| {
                let second = Progress::new();
                let ended = self.attempt(&job, path, deadline, &second).await;
                ended.map(|()| second)
            };
            outcome = match self.paths.retry(endpoint, failure, again).await {
                Ok((right, second)) => {
                    (path, progress) = (right, second);
                    Ok(())
                }
                Err(failure) => Err(failure),
            };
        }
        let reached = progress.reached();
        let refused = outcome.as_ref().err().and_then(Failure::certificate);
        let accepted = || self.certificates.read(reached.certificate.as_deref()?);
        Sample {
            certificate: refused.cloned().or_else(accepted),
            path,
            address: job.address,
            round: job.round,
            timings: reached.timings,
            elapsed: started.elapsed(),
            outcome,
            status: reached.status,
            session: reached.session,
            kernel_rtt: reached.kernel,
            locally_delayed: reached.locally_delayed(),
            endpoint: job.endpoint,
        }
    }

    /// Connects, and opens what the service is about, on one path.
    async fn attempt(
        &self,
        job: &Job,
        path: &str,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if let Some(said) = self.locked_out.get()
            && self.dialer.peer(&job.endpoint).proxy.is_some()
        {
            return Err(said.clone());
        }
        let nothing_of_the_apps = ConnectOptions::new();
        let target = Target {
            endpoint: &job.endpoint,
            address: job.address,
            path,
        };
        let run = pin!(async {
            let handshake = &self.handshake;
            if job.endpoint.service().is_websocket() {
                let upgrade = Upgrade(&nothing_of_the_apps);
                let websocket = handshake.dial_and_open(target, upgrade, progress).await?;
                websocket.goodbye();
                Ok(())
            } else {
                handshake.dial_and_open(target, Request, progress).await
            }
        });
        let ended = tokio::time::timeout_at(deadline, run).await;
        let ended = ended
            .unwrap_or_else(|_| Err(Failure::new(progress.reached().phase, FailureKind::Timeout)));
        if let Err(failure) = &ended
            && failure.kind() == FailureKind::AuthRequired
        {
            // The first one's words are kept.
            let _ = self.locked_out.set(failure.clone());
        }
        ended
    }
}
