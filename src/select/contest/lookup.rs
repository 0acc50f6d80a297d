//! Looking names up beside the race.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::time::Instant;

use super::{Contest, Event};
use crate::failure::Failure;
use crate::phase::Timings;
use crate::resolve::Family;
use crate::sample::{Attempt, AttemptOutcome};

/// A lost question is asked again after 5 s by glibc, after 2.5 s by musl; most answers are there
/// within 0.2 s (the simulated world's 99th percentile without losses is 0.13 s).
const AGAIN: Duration = Duration::from_secs(1);

/// Asks, and asks once more if there was no answer for long: one of the two may have been lost.
async fn insist<F: Future<Output = Result<Vec<IpAddr>, Failure>>>(
    ask: impl Fn() -> F,
) -> Result<Vec<IpAddr>, Failure> {
    let first = pin!(ask());
    let second = pin!(async {
        tokio::time::sleep(AGAIN).await;
        ask().await
    });
    match select(first, second).await {
        Either::Left((answer, _)) => answer,
        Either::Right((Ok(addresses), _)) => Ok(addresses),
        // The first may still do better than a failure.
        Either::Right((Err(_), first)) => first.await,
    }
}

impl Contest<'_> {
    pub(super) fn look_up(&mut self, timeout: Duration) {
        let ground = self.ground;
        for (index, endpoint) in ground.plan.endpoints.iter().enumerate() {
            for family in ground.names.families.list() {
                self.lookups += 1;
                self.events.push(Box::pin(async move {
                    let asked = Instant::now();
                    let peer = ground.names.peer(endpoint);
                    let ask = || {
                        let names = ground.names;
                        names.lookup(peer.host, peer.port, *family, peer.trust, timeout)
                    };
                    let outcome = insist(ask).await;
                    Event::Lookup {
                        endpoint: index,
                        family: *family,
                        took: asked.elapsed(),
                        outcome,
                    }
                }));
            }
        }
    }

    pub(super) fn on_lookup(
        &mut self,
        endpoint: usize,
        family: Family,
        took: Duration,
        outcome: Result<Vec<IpAddr>, Failure>,
    ) {
        self.lookups -= 1;
        let one = &self.ground.plan.endpoints[endpoint];
        match outcome {
            Ok(addresses) => {
                let port = self.ground.names.peer(one).port;
                for ip in addresses {
                    self.add(endpoint, SocketAddr::new(ip, port), Some(took));
                }
            }
            Err(failure) => {
                tracing::debug!(
                    target: "easelect::connect",
                    host = one.host(),
                    family = ?family,
                    kind = failure.kind().as_str(),
                    "look-up failed"
                );
                self.failed_lookups.push(Attempt {
                    endpoint: one.clone(),
                    path: one.path().to_owned(),
                    address: None,
                    started: Duration::ZERO,
                    ended: took,
                    timings: Timings::default(),
                    outcome: AttemptOutcome::Failed(failure),
                });
            }
        }
        if self.lookups == 0 {
            self.race.no_more();
        }
    }
}
