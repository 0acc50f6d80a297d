//! Runs single lookups and attempts, with their timeouts, on the paths learned.

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use super::job::{Job, LookupJob};
use crate::dialer::Dialer;
use crate::failure::{Failure, FailureKind};
use crate::handshake::{
    AfterUpgrade, ConnectOptions, Handshake, Paths, Progress, Request, Target, Upgrade,
};
use crate::phase::Phase;
use crate::sample::{Lookup, Sample};

/// The state shared by all attempts and lookups of a run.
#[derive(Debug)]
pub(super) struct Attempts {
    /// When the run began.
    began: Instant,
    dialer: Dialer,
    handshake: Handshake,
    paths: Paths,
    /// The proxy's failure after it rejected its credentials. It is not asked again: some proxies
    /// lock an account after a few wrong passwords.
    locked_out: OnceLock<Failure>,
}

/// A completed handshake, and what the server did next.
struct Opened {
    at: Instant,
    after_upgrade: Option<AfterUpgrade>,
}

impl Opened {
    fn now() -> Self {
        Opened {
            at: Instant::now(),
            after_upgrade: None,
        }
    }
}

impl Attempts {
    pub(super) fn new(dialer: Dialer, began: Instant) -> Self {
        let dialer = dialer.with_tls(dialer.tls().for_probes());
        Attempts {
            began,
            handshake: Handshake::new(dialer.clone()).keeping_chains(),
            dialer,
            paths: Paths::default(),
            locked_out: OnceLock::new(),
        }
    }

    pub(super) async fn look_up(&self, job: LookupJob) -> Lookup {
        let (peer, timeout) = (job.peer(), self.dialer.attempt_timeout());
        // The wait for its start is bounded by the run's own deadline.
        let looked_up = (self.dialer).look_up(&peer, job.family, timeout, Duration::MAX);
        let looked_up = looked_up.await;
        let took = looked_up.took.unwrap_or_default();
        let found = looked_up.outcome;
        let left_out = found.as_ref().map_or(0, |found| found.left_out);
        Lookup {
            started: self.began.elapsed().saturating_sub(took),
            took,
            host: job.host,
            port: job.port,
            family: job.family,
            round: job.round,
            outcome: found.map(|found| found.addresses),
            left_out,
        }
    }

    /// Makes an attempt, and tries alternate paths if the failure suggests a wrong path.
    pub(super) async fn probe(&self, job: Job) -> Sample {
        let started = Instant::now();
        let deadline = started + self.dialer.attempt_timeout();
        let endpoint = &job.endpoint;
        let mut path = self.paths.of(endpoint);
        let mut progress = job.progress.clone();
        progress.start(started);
        let mut outcome = self.attempt(&job, &path, deadline, &progress).await;
        if let Err(failure) = outcome {
            let again = async |path| {
                let second = Progress::new();
                let ended = self.attempt(&job, path, deadline, &second).await;
                ended.map(|opened| (second, opened))
            };
            outcome = match self.paths.retry(endpoint, failure, again).await {
                Ok((right, (second, opened))) => {
                    (path, progress) = (right, second);
                    Ok(opened)
                }
                Err(failure) => Err(failure),
            };
        }
        let (outcome, opened) = match outcome {
            Ok(opened) => (Ok(()), opened),
            Err(failure) => (Err(failure), Opened::now()),
        };
        let reached = progress.reached();
        let refused = outcome.as_ref().err().and_then(Failure::chain);
        Sample {
            chain: refused.or(reached.chain.as_ref()).cloned(),
            after_upgrade: opened.after_upgrade,
            path,
            address: job.address,
            round: job.round,
            timings: reached.timings,
            started: started - self.began,
            elapsed: opened.at - started,
            outcome,
            status: reached.status,
            session: reached.session,
            tcp_at_connect: reached.tcp_at_connect,
            tcp_at_end: reached.tcp_at_end,
            locally_delayed: reached.locally_delayed(),
            endpoint: job.endpoint,
        }
    }

    /// Makes one attempt on one path.
    async fn attempt(
        &self,
        job: &Job,
        path: &str,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<Opened, Failure> {
        if let Some(said) = self.locked_out.get()
            && self.dialer.peer(&job.endpoint).proxy.is_some()
        {
            return Err(said.clone());
        }
        let nothing_of_the_apps = ConnectOptions::of_a_probe();
        let target = Target {
            endpoint: &job.endpoint,
            address: job.address,
            path,
        };
        let mut run = pin!(async {
            let handshake = &self.handshake;
            if job.endpoint.service().is_websocket() {
                let upgrade = Upgrade::of_a_probe(&nothing_of_the_apps);
                let mut websocket = handshake.dial_and_open(target, upgrade, progress).await?;
                let mut opened = Opened::now();
                let patience = match job.listens {
                    // The upgrade took one round trip; the next message may take as long.
                    true => progress.timings().get(Phase::Upgrade).unwrap_or_default(),
                    false => Duration::ZERO,
                };
                let left = deadline.saturating_duration_since(opened.at);
                opened.after_upgrade = websocket.listen(patience.min(left / 2)).await;
                websocket.goodbye();
                Ok(opened)
            } else {
                handshake.dial_and_open(target, Request, progress).await?;
                Ok(Opened::now())
            }
        });
        let began = Instant::now();
        let least = job.silence.as_ref().map(|silence| began + silence.least());
        let mut until = least.map_or(deadline, |least| least.min(deadline));
        let ended = loop {
            if let Ok(ended) = tokio::time::timeout_at(until, run.as_mut()).await {
                break ended;
            }
            let phase = progress.phase();
            let enough = (job.silence.as_ref())
                .filter(|_| phase == Phase::Connect)
                .and_then(|silence| silence.enough(began - self.began));
            let longer = enough.map_or(deadline, |enough| deadline.min(began + enough));
            if longer <= until {
                break Err(Failure::new(phase, FailureKind::Timeout));
            }
            until = longer;
        };
        if let Err(failure) = &ended
            && failure.kind() == FailureKind::AuthRequired
        {
            // The first failure is kept.
            let _ = self.locked_out.set(failure.clone());
        }
        ended
    }
}
