//! What a selector tells of itself: events as they happen, counts when asked.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::health::Transition;
use futures::{Stream, StreamExt};
use tokio::sync::broadcast;

use super::lock;
use super::memory::Change;
use crate::catalog::{Endpoint, Service};
use crate::connection::{CloseReason, ConnectError, ConnectErrorKind, Opening};
use crate::phase::Phase;
use crate::sample::{Attempt, AttemptOutcome};
use crate::stats::{Distribution, Summary};

/// Something happened in a [`Selector`](crate::Selector).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectorEvent {
    /// A race ended with an open endpoint: a connection of the app's, or what REST will use.
    Opened {
        /// The endpoint; its [service](Endpoint::service) says which it is.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// From the call to the open endpoint, look-ups and losers included.
        time_to_open: Duration,
        /// Addresses dialled, the winner included.
        dials: u64,
        /// TLS handshakes begun, the winner's included.
        handshakes: u64,
    },
    /// A race ended with nothing open.
    Failed {
        /// For which service.
        service: Service,
        /// Why.
        why: ConnectErrorKind,
        /// How long it was tried.
        elapsed: Duration,
        /// Addresses dialled.
        dials: u64,
        /// TLS handshakes begun.
        handshakes: u64,
    },
    /// A connection ended, as far as was told: by its session, or by [`Feedback`](crate::Feedback).
    Closed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// Who ended it.
        reason: CloseReason,
        /// How long it was open.
        lived: Duration,
    },
    /// A connection that was lost, or couldn't be opened, is waited for before the next try.
    Waiting {
        /// So long.
        delay: Duration,
    },
    /// A REST request was answered, or was not.
    Requested {
        /// By this endpoint.
        endpoint: Endpoint,
        /// With this status; `None` for no answer.
        status: Option<u16>,
        /// From the request to the head of the answer, or to the failure.
        took: Duration,
    },
    /// What was kept could not be read: nothing is remembered from earlier runs.
    HistoryNotRead {
        /// What the store says.
        why: String,
    },
    /// What was learned can't be kept, or could not. It is tried again with the next write.
    HistoryNotKept {
        /// What the store says.
        why: String,
    },
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

/// What a [`Selector`](crate::Selector) did so far: its [events](SelectorEvent), counted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelectorStats {
    /// Connections opened; what REST's races open is not counted here.
    pub opened: u64,
    /// Calls that ended without a connection.
    pub failed: u64,
    /// Connections that ended otherwise than by the app, as far as was told.
    pub lost: u64,
    /// Addresses dialled in races, winners and REST's races included: neither what a move cut off nor
    /// what REST requests open.
    pub dials: u64,
    /// TLS handshakes begun, winners and REST's races included.
    pub handshakes: u64,
    /// TCP connects made in the background.
    pub background_dials: u64,
    /// How often a connection was opened on another endpoint or address than the one before.
    pub switches: u64,
    /// How long connections took to open; `None` before the first.
    pub time_to_open: Option<Summary>,
    /// REST requests, second tries included, other than those that found no endpoint to ask.
    pub requests: u64,
    /// REST requests that were not answered, or by 502, 503 or 504.
    pub requests_failed: u64,
    /// How long REST requests took to the head of their answer; `None` before the first.
    pub time_to_answer: Option<Summary>,
}

#[derive(Debug, Default)]
struct Counts {
    stats: SelectorStats,
    time_to_open: Distribution,
    time_to_answer: Distribution,
    last: Option<(Endpoint, SocketAddr)>,
}

impl Counts {
    fn take_in(&mut self, event: &SelectorEvent) {
        let stats = &mut self.stats;
        match event {
            SelectorEvent::Opened {
                endpoint,
                address,
                time_to_open,
                dials,
                handshakes,
            } => {
                stats.dials += dials;
                stats.handshakes += handshakes;
                // What REST's races open is no connection of the app's, but costs as much.
                if endpoint.service().is_websocket() {
                    stats.opened += 1;
                    self.time_to_open.record(*time_to_open);
                    let now = Some((endpoint.clone(), *address));
                    stats.switches += u64::from(self.last.is_some() && self.last != now);
                    self.last = now;
                }
            }
            SelectorEvent::Failed {
                service,
                dials,
                handshakes,
                ..
            } => {
                stats.dials += dials;
                stats.handshakes += handshakes;
                stats.failed += u64::from(service.is_websocket());
            }
            SelectorEvent::Closed { reason, .. } => {
                stats.lost += u64::from(*reason != CloseReason::ByApp);
            }
            SelectorEvent::Requested { status, took, .. } => {
                stats.requests += 1;
                let failed = status.is_none_or(is_gateway_trouble);
                stats.requests_failed += u64::from(failed);
                if status.is_some() {
                    self.time_to_answer.record(*took);
                }
            }
            SelectorEvent::Refreshed { .. } => stats.background_dials += 1,
            _ => {}
        }
    }

    fn stats(&self) -> SelectorStats {
        SelectorStats {
            time_to_open: self.time_to_open.summary(),
            time_to_answer: self.time_to_answer.summary(),
            ..self.stats.clone()
        }
    }
}

/// Whether a server that answers so is no use now, whatever it was asked (RFC 9110 §15.6.3 to §15.6.5):
/// a gateway without its backend, or an overload. What 500 means only the app knows.
pub(super) fn is_gateway_trouble(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// What a race came to.
pub(super) fn of_race(service: Service, outcome: Result<&Opening, &ConnectError>) -> SelectorEvent {
    let attempts = match outcome {
        Ok(opening) => &*opening.attempts,
        Err(error) => error.attempts(),
    };
    let dialled = attempts.iter().filter(|one| one.address.is_some());
    let dials = dialled.clone().count() as u64;
    let handshakes = dialled.filter(|one| began_tls(one)).count() as u64;
    match outcome {
        Ok(opening) => SelectorEvent::Opened {
            endpoint: opening.endpoint.clone(),
            address: opening.address,
            time_to_open: opening.time_to_open,
            dials,
            handshakes,
        },
        Err(error) => SelectorEvent::Failed {
            service,
            why: error.kind(),
            elapsed: error.elapsed(),
            dials,
            handshakes,
        },
    }
}

fn began_tls(attempt: &Attempt) -> bool {
    match &attempt.outcome {
        AttemptOutcome::Won => true,
        AttemptOutcome::Cancelled(phase) => *phase >= Phase::Tls,
        AttemptOutcome::Failed(failure) => failure.phase() >= Phase::Tls,
    }
}

/// Tells whoever listens, and counts.
#[derive(Debug)]
pub(super) struct Events {
    sender: broadcast::Sender<SelectorEvent>,
    counts: Mutex<Counts>,
    /// What happened while the selector was built, for the first who listens.
    first: Mutex<Vec<SelectorEvent>>,
}

/// Events kept for a listener that is behind.
const KEPT: usize = 64;

impl Events {
    pub(super) fn new() -> Self {
        Events {
            sender: broadcast::channel(KEPT).0,
            counts: Mutex::default(),
            first: Mutex::default(),
        }
    }

    pub(super) fn send(&self, event: SelectorEvent) {
        lock(&self.counts).take_in(&event);
        // Nobody may be listening.
        let _ = self.sender.send(event);
    }

    /// Keeps this for the first who listens.
    pub(super) fn keep(&self, event: SelectorEvent) {
        lock(&self.first).push(event);
    }

    pub(super) fn stats(&self) -> SelectorStats {
        lock(&self.counts).stats()
    }

    /// What is told from now on.
    pub(super) fn listen(&self) -> impl Stream<Item = SelectorEvent> + Send + Unpin + use<> {
        let receiver = self.sender.subscribe();
        let first = futures::stream::iter(std::mem::take(&mut *lock(&self.first)));
        let events = futures::stream::unfold(receiver, |mut receiver| async {
            let event = match receiver.recv().await {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(count)) => SelectorEvent::Missed { count },
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((event, receiver))
        });
        // Whoever selects among streams asks again after the end.
        Box::pin(first.chain(events).fuse())
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
