//! One look-up, one attempt: under its time-out, with the paths that were learned.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::job::{Job, LookupJob};
use crate::certificate::Certificate;
use crate::failure::{Failure, FailureKind};
use crate::handshake::{ConnectOptions, Handshake, Paths, Progress, Target};
use crate::resolve::Names;
use crate::sample::{Lookup, Sample};

#[derive(Debug)]
pub(super) struct Attempts {
    names: Names,
    handshake: Handshake,
    timeout: Duration,
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
    pub(super) fn new(names: Names, handshake: Handshake, timeout: Duration) -> Self {
        Attempts {
            names,
            handshake,
            timeout,
            paths: Paths::default(),
            locked_out: OnceLock::new(),
            certificates: Certificates::default(),
        }
    }

    pub(super) async fn look_up(&self, job: LookupJob) -> Lookup {
        let started = Instant::now();
        let found = self
            .names
            .find(&job.host, job.port, job.family, job.trust, self.timeout)
            .await;
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

    pub(super) async fn probe(&self, job: Job) -> Sample {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let endpoint = &job.endpoint;
        let mut path = self.paths.of(endpoint);
        let mut progress = job.progress.clone();
        let mut outcome = self.attempt(&job, &path, deadline, &progress).await;
        if let Err(failure) = &outcome
            && self.paths.may_try_alternates(endpoint, failure)
        {
            let mut failures = Vec::new();
            for alternate in endpoint.alternate_paths() {
                let second = Progress::new();
                let again = self.attempt(&job, alternate, deadline, &second).await;
                if let Err(failure) = again {
                    failures.push(failure);
                    continue;
                }
                self.paths.learn(endpoint, alternate);
                path.clone_from(alternate);
                progress = second;
                outcome = Ok(());
                break;
            }
            if outcome.is_err() {
                self.paths.give_up(endpoint, &failures);
            }
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

    async fn attempt(
        &self,
        job: &Job,
        path: &str,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if let Some(said) = self.locked_out.get()
            && self.handshake.proxy_of(&job.endpoint).is_some()
        {
            return Err(said.clone());
        }
        let nothing_of_the_apps = ConnectOptions::new();
        let target = Target::new(&job.endpoint, job.address, path, &nothing_of_the_apps);
        let run = pin!(async {
            let dial = self.handshake.dial(&job.endpoint, job.address, progress);
            let opened = self.handshake.open(dial.await?, target, progress).await?;
            opened.goodbye();
            Ok(())
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
