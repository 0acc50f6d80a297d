//! Events of a selector, and the counts made from them.

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

/// Something that happened in a [`Selector`](crate::Selector); see
/// [`Selector::events`](crate::Selector::events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectorEvent {
    /// A race succeeded: a connection of the app opened, or REST has an endpoint or connection to use.
    Opened {
        /// The endpoint. Its [service](Endpoint::service) distinguishes a WebSocket from REST.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// The time from the call to the open endpoint, including DNS and failed attempts.
        time_to_open: Duration,
        /// Addresses dialled, including the winner.
        dials: u64,
        /// TLS handshakes started, including the winner's.
        handshakes: u64,
    },
    /// A race failed: no endpoint opened.
    Failed {
        /// The service.
        service: Service,
        /// Why it failed.
        why: ConnectErrorKind,
        /// How long the race took.
        elapsed: Duration,
        /// Addresses dialled.
        dials: u64,
        /// TLS handshakes started.
        handshakes: u64,
    },
    /// A connection ended. Reported for connections of sessions, and for others through
    /// [`Feedback`](crate::Feedback).
    Closed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// How it ended. [`CloseReason::ByApp`] also covers connections left behind on another network.
        reason: CloseReason,
        /// How long it was open.
        lived: Duration,
    },
    /// A session or reconnector waits before its next attempt.
    Waiting {
        /// How long it waits.
        delay: Duration,
    },
    /// A REST request was sent and answered, or failed.
    Requested {
        /// The endpoint that the request was for.
        endpoint: Endpoint,
        /// The HTTP status; `None` if there was no response.
        status: Option<u16>,
        /// The time from the request to the head of the response, or to the failure.
        took: Duration,
    },
    /// The stored history could not be read. The selector starts without it.
    HistoryNotRead {
        /// The error of the store.
        why: String,
    },
    /// The history can't be written, or a write failed. The next write includes the data again.
    HistoryNotKept {
        /// The error of the store.
        why: String,
    },
    /// The preferred endpoint changed on this network.
    PreferenceChanged {
        /// The previous one; `None` for the first.
        from: Option<Endpoint>,
        /// The new one.
        to: Endpoint,
    },
    /// An address failed and is tried last for a while; see
    /// [`Standing::BreakerOpen`](crate::Standing::BreakerOpen).
    BreakerOpened {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
    },
    /// An address that had failed works again, or its failure is no longer believed because only the
    /// stored history tells of it.
    BreakerClosed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
    },
    /// An address was measured in the background; see [`RefreshBudget`](crate::RefreshBudget).
    Refreshed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// The TCP round trip; `None` if the address refused the connection or was silent for 3 s.
        round_trip: Option<Duration>,
    },
    /// The device moved to another network.
    NetworkChanged {
        /// The network's identifier.
        id: String,
    },
    /// This listener fell more than 64 events behind.
    Missed {
        /// The number of missed events. The next event is the oldest one still available.
        count: u64,
    },
}

/// Counts of what a [`Selector`](crate::Selector) has done since it was built; see
/// [`Selector::stats`](crate::Selector::stats).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelectorStats {
    /// WebSocket connections opened.
    pub opened: u64,
    /// Calls to connect that ended without a connection.
    pub failed: u64,
    /// Connections that the server ended or that were lost; see [`SelectorEvent::Closed`].
    pub lost: u64,
    /// Addresses dialled in races, including the winners and REST's races. Not counted are races
    /// restarted by a change of network, and connections that REST requests open with reqwest.
    pub dials: u64,
    /// TLS handshakes started in the same races.
    pub handshakes: u64,
    /// TCP connects made in the background.
    pub background_dials: u64,
    /// How often a connection opened on another endpoint or address than the previous one.
    pub switches: u64,
    /// The time that connections took to open; `None` before the first.
    pub time_to_open: Option<Summary>,
    /// REST requests, including retries on another endpoint. Requests for which no endpoint was
    /// available are not counted.
    pub requests: u64,
    /// REST requests without a response, or with 502, 503 or 504.
    pub requests_failed: u64,
    /// The time that REST requests took to the head of the response; `None` before the first.
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
                // REST's races cost the same, but open no connection of the app.
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

/// Whether a status means that the server is of no use at the moment, whatever the request (RFC 9110
/// §15.6.3 to §15.6.5): a gateway without its backend, or an overload. What 500 means, only the app
/// knows.
pub(super) fn is_gateway_trouble(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// The event of a finished race.
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

/// Sends events to listeners, and counts them.
#[derive(Debug)]
pub(super) struct Events {
    sender: broadcast::Sender<SelectorEvent>,
    counts: Mutex<Counts>,
    /// Events from before the selector was built, for the first listener.
    first: Mutex<Vec<SelectorEvent>>,
}

/// The number of events kept for a slow listener.
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
        // Fails if there is no listener.
        let _ = self.sender.send(event);
    }

    /// Keeps an event for the first listener.
    pub(super) fn keep(&self, event: SelectorEvent) {
        lock(&self.first).push(event);
    }

    pub(super) fn stats(&self) -> SelectorStats {
        lock(&self.counts).stats()
    }

    /// The events from now on.
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
        // Fused, because `select!` loops may poll it after its end.
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
