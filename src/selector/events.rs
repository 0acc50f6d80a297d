//! What a selector tells of itself: events as they happen, counts when asked.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::health::Transition;
use futures::{Stream, StreamExt};
use tokio::sync::broadcast;

use super::lock;
use super::memory::Change;
use crate::catalog::Endpoint;
use crate::connection::{ConnectError, Opening};
use crate::phase::Phase;
use crate::sample::{Attempt, AttemptOutcome};
use crate::stats::{Distribution, Summary};

/// Something changed in a [`Selector`](crate::Selector).
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
    /// This listener was more than 64 events behind.
    Missed {
        /// How many events it missed; the next one is the oldest that is still there.
        count: u64,
    },
}

/// What a [`Selector`](crate::Selector) did so far.
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
pub(super) struct Counters(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    opened: u64,
    failed: u64,
    dials: u64,
    handshakes: u64,
    background_dials: u64,
    switches: u64,
    time_to_open: Distribution,
    last: Option<(Endpoint, SocketAddr)>,
}

impl Counters {
    /// A race for the WebSocket service, or for REST, came to this. What REST's races open is no
    /// connection of the app's, but they cost as much.
    pub(super) fn raced(&self, for_rest: bool, outcome: Result<&Opening, &ConnectError>) {
        let mut counts = lock(&self.0);
        let attempts = match outcome {
            Ok(opening) => {
                if !for_rest {
                    counts.opened(&opening.endpoint, opening.address, opening.time_to_open);
                }
                &opening.attempts
            }
            Err(error) => {
                counts.failed += u64::from(!for_rest);
                error.attempts()
            }
        };
        for attempt in attempts.iter().filter(|one| one.address.is_some()) {
            counts.dials += 1;
            counts.handshakes += u64::from(began_tls(attempt));
        }
    }

    /// One address is dialled in the background.
    pub(super) fn dialled_in_background(&self) {
        lock(&self.0).background_dials += 1;
    }

    pub(super) fn stats(&self) -> SelectorStats {
        lock(&self.0).stats()
    }
}

impl Counts {
    fn opened(&mut self, endpoint: &Endpoint, address: SocketAddr, took: Duration) {
        self.opened += 1;
        self.time_to_open.record(took);
        let now = (endpoint.clone(), address);
        if self.last.as_ref().is_some_and(|last| *last != now) {
            self.switches += 1;
        }
        self.last = Some(now);
    }

    fn stats(&self) -> SelectorStats {
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

/// Tells whoever listens.
#[derive(Clone, Debug)]
pub(super) struct Events(broadcast::Sender<SelectorEvent>);

/// Events kept for a listener that is behind.
const KEPT: usize = 64;

impl Events {
    pub(super) fn new() -> Self {
        Events(broadcast::channel(KEPT).0)
    }

    pub(super) fn send(&self, event: SelectorEvent) {
        // Nobody may be listening.
        let _ = self.0.send(event);
    }

    /// What is told from now on.
    pub(super) fn listen(&self) -> impl Stream<Item = SelectorEvent> + Send + Unpin + use<> {
        let receiver = self.0.subscribe();
        let events = futures::stream::unfold(receiver, |mut receiver| async {
            let event = match receiver.recv().await {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(count)) => SelectorEvent::Missed { count },
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((event, receiver))
        });
        // Whoever selects among streams asks again after the end.
        Box::pin(events.fuse())
    }
}

impl From<Change> for SelectorEvent {
    fn from(change: Change) -> Self {
        match change {
            Change::Preference { from, to } => SelectorEvent::PreferenceChanged {
                from: from.map(|(endpoint, _)| endpoint),
                to: to.0,
            },
            Change::Breaker((endpoint, address), Transition::Opened) => {
                SelectorEvent::BreakerOpened { endpoint, address }
            }
            Change::Breaker((endpoint, address), Transition::Closed) => {
                SelectorEvent::BreakerClosed { endpoint, address }
            }
        }
    }
}
