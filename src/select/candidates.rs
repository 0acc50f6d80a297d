//! For apps whose own SDK dials: what to try in which order, and what became of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::{Selector, lock};
use crate::catalog::{Endpoint, Variant};
use crate::connection::ConnectError;
use crate::failure::Failure;
use crate::phase::{Phase, Timings};
use crate::race::{Entrant, Race};
use crate::resolve::{Family, Trust, interleave, is_local};
use crate::sample::{Attempt, AttemptOutcome};

/// Longer than glibc's first try at a silent server (5 s) would only wait for its second.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// One address of one endpoint, in the order in which to try it: for apps whose own SDK dials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The endpoint: its URL, host and subprotocol.
    pub endpoint: Endpoint,
    /// Where to dial it: with a proxy, the proxy.
    pub address: SocketAddr,
    /// When to start it, after the first, unless an earlier one succeeds; a failure starts the
    /// next at once.
    pub delay: Duration,
}

impl Selector {
    /// The addresses to try, in order, with their delays: for apps whose own SDK dials. Tell what
    /// became of them with [`report`](Self::report). Waits for every look-up, 5 s at most.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when no name could be resolved.
    pub async fn candidates(&self) -> Result<Vec<Candidate>, ConnectError> {
        let started = Instant::now();
        let plan = self.plan(&self.0.service);
        let lookups = plan
            .endpoints
            .iter()
            .map(|endpoint| self.addresses(endpoint));
        let mut race = Race::new(self.policy().width(), 1.0, false);
        let (mut found, mut attempts) = (Vec::new(), Vec::new());
        for (host, answer) in join_all(lookups).await.into_iter().enumerate() {
            let endpoint = &plan.endpoints[host];
            match answer {
                Ok(addresses) => {
                    let peer = self.0.names.peer(endpoint);
                    for ip in interleave(&addresses) {
                        let address = SocketAddr::new(ip, peer.port);
                        let memory = lock(&self.0.memory);
                        race.add(Entrant {
                            host,
                            family: Family::of(ip),
                            order: host,
                            last_resort: peer.trust == Trust::Public && is_local(ip),
                            accelerated: endpoint.variant() == Variant::Acceleration,
                            prediction: memory.predict(endpoint, address),
                            sticky: memory.is_last_winner(endpoint, address),
                        });
                        found.push((endpoint.clone(), address));
                    }
                }
                Err(failure) => attempts.push(Attempt {
                    endpoint: endpoint.clone(),
                    path: endpoint.path().to_owned(),
                    address: None,
                    started: Duration::ZERO,
                    ended: started.elapsed(),
                    timings: Timings::default(),
                    outcome: AttemptOutcome::Failed(failure),
                }),
            }
        }
        if found.is_empty() {
            return Err(ConnectError {
                attempts,
                elapsed: started.elapsed(),
                timed_out: false,
            });
        }
        let order = race.order();
        let placed = order.into_iter().enumerate().map(|(n, candidate)| {
            let (endpoint, address) = found[candidate].clone();
            let delay = Race::planned_delay(n);
            Candidate {
                endpoint,
                address,
                delay,
            }
        });
        Ok(placed.collect())
    }

    pub(super) async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<IpAddr>, Failure> {
        let names = &self.0.names;
        let peer = names.peer(endpoint);
        let families =
            names.families.list().iter().map(|family| {
                names.lookup(peer.host, peer.port, *family, peer.trust, LOOKUP_TIMEOUT)
            });
        let mut found = Vec::new();
        let mut failed = None;
        for answer in join_all(families).await {
            match answer {
                Ok(addresses) => found.extend(addresses),
                Err(failure) => failed = Some(failure),
            }
        }
        match failed {
            Some(failure) if found.is_empty() => Err(failure),
            _ => Ok(found),
        }
    }

    /// Tells what became of a candidate that the app dialled itself: nothing or a failure, after
    /// `elapsed` from its start to its open WebSocket or its end.
    pub fn report(&self, candidate: &Candidate, outcome: Result<(), Failure>, elapsed: Duration) {
        let mut timings = Timings::default();
        if outcome.is_ok() {
            // The app can't split its phases; the total is what counts.
            timings.set(Phase::Upgrade, elapsed);
        }
        let attempt = Attempt {
            endpoint: candidate.endpoint.clone(),
            path: candidate.endpoint.path().to_owned(),
            address: Some(candidate.address),
            started: Duration::ZERO,
            ended: elapsed,
            timings,
            outcome: match outcome {
                Ok(()) => AttemptOutcome::Won,
                Err(failure) => AttemptOutcome::Failed(failure),
            },
        };
        self.learn(&self.0.service, &[attempt]);
    }
}
