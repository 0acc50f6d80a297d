//! What a selector tells of itself: events as they happen, counts when asked.

use std::net::SocketAddr;
use std::time::Duration;

use futures::Stream;
use tokio::sync::broadcast;

use super::Selector;
use crate::catalog::Endpoint;
use crate::connection::{ConnectError, Opening};
use crate::phase::Phase;
use crate::sample::{Attempt, AttemptOutcome};
use crate::stats::{Distribution, Summary};

/// Something changed in a [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectorEvent {
    /// Another endpoint is preferred on this network.
    PreferenceChanged {
        /// The one before; `None` for the first.
        from: Option<Endpoint>,
        /// The one from now on.
        to: Endpoint,
    },
    /// An address failed, and is tried last for a while.
    BreakerOpened {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
    },
    /// An address that had failed works again.
    BreakerClosed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
    },
    /// An address was measured in the background.
    Refreshed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// Its TCP round trip; `None` if it refused or did not answer within 3 s.
        round_trip: Option<Duration>,
    },
    /// The device is on another network.
    NetworkChanged {
        /// The network's identifier.
        id: String,
    },
}

/// What a [`Selector`] did so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelectorStats {
    /// Connections opened; what REST's races open is not counted here.
    pub opened: u64,
    /// Calls that ended without a connection.
    pub failed: u64,
    /// Addresses dialled, winners and REST's races included.
    pub dials: u64,
    /// TLS handshakes begun, winners and REST's races included.
    pub handshakes: u64,
    /// TCP connects made in the background.
    pub background_dials: u64,
    /// How often a connection was opened on another endpoint or address than the one before.
    pub switches: u64,
    /// How long connections took to open; `None` before the first.
    pub time_to_open: Option<Summary>,
}

/// The counts behind [`SelectorStats`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    opened: u64,
    failed: u64,
    dials: u64,
    handshakes: u64,
    background_dials: u64,
    switches: u64,
    time_to_open: Distribution,
    last: Option<(Endpoint, SocketAddr)>,
}

impl Counts {
    /// A race for the WebSocket service, or for REST, came to this. What REST's races open is no
    /// connection of the app's, but they cost as much.
    pub(super) fn raced(&mut self, for_rest: bool, outcome: Result<&Opening, &ConnectError>) {
        let attempts = match outcome {
            Ok(opening) => {
                if !for_rest {
                    self.opened(&opening.endpoint, opening.address, opening.time_to_open);
                }
                &opening.attempts
            }
            Err(error) => {
                self.failed += u64::from(!for_rest);
                &error.attempts
            }
        };
        for attempt in attempts.iter().filter(|one| one.address.is_some()) {
            self.dials += 1;
            self.handshakes += u64::from(began_tls(attempt));
        }
    }

    /// One address is dialled in the background.
    pub(super) fn dialled_in_background(&mut self) {
        self.background_dials += 1;
    }

    fn opened(&mut self, endpoint: &Endpoint, address: SocketAddr, took: Duration) {
        self.opened += 1;
        self.time_to_open.record(took);
        let now = (endpoint.clone(), address);
        if self.last.as_ref().is_some_and(|last| *last != now) {
            self.switches += 1;
        }
        self.last = Some(now);
    }

    pub(super) fn stats(&self) -> SelectorStats {
        SelectorStats {
            opened: self.opened,
            failed: self.failed,
            dials: self.dials,
            handshakes: self.handshakes,
            background_dials: self.background_dials,
            switches: self.switches,
            time_to_open: self.time_to_open.summary(),
        }
    }
}

fn began_tls(attempt: &Attempt) -> bool {
    match &attempt.outcome {
        AttemptOutcome::Won => true,
        AttemptOutcome::Cancelled(phase) => *phase >= Phase::Tls,
        AttemptOutcome::Failed(failure) => failure.phase() >= Phase::Tls,
    }
}

impl Selector {
    /// What changes from now on, as a stream that ends with the selector. A reader that is more
    /// than 64 events behind misses the oldest.
    pub fn events(&self) -> impl Stream<Item = SelectorEvent> + Send + Unpin + use<> {
        let receiver = self.0.events.subscribe();
        Box::pin(futures::stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((event, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        }))
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> SelectorStats {
        super::lock(&self.0.counts).stats()
    }
}
