//! The log of a lab's events.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use easelect::Family;

/// One event in a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The time since the lab was created.
    pub at: Duration,
    /// The server's address; `None` for a DNS query.
    pub address: Option<SocketAddr>,
    /// The number of the connection to this IP address, counted from 0. `None` for a DNS query, and for
    /// an address without a path.
    pub connection: Option<u64>,
    /// The kind of the event.
    pub kind: EventKind,
}

/// The kind of an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The client looked up a name.
    Queried {
        /// The name, in lower case, without a final dot.
        host: String,
        /// The requested family of addresses.
        family: Family,
    },
    /// The client started to connect.
    Dialled,
    /// The server answered a SYN with a SYN-ACK.
    Accepted,
    /// The client learnt that the connect failed: refused, reset, or without a route.
    Refused,
    /// The connect timed out: no SYN was answered.
    TimedOut,
    /// The client abandoned the connect before its outcome.
    Abandoned,
    /// The server completed the TLS handshake. If it accepted early data, the client's Finished is
    /// still to come.
    TlsDone {
        /// The name in the ClientHello (SNI), or the IP address if there was none.
        host: String,
        /// Whether the handshake resumed an earlier session.
        resumed: bool,
    },
    /// A request arrived as early data (RFC 8446 §2.3). The connection's next event is its
    /// [`Requested`](Self::Requested).
    CameEarly,
    /// A request arrived.
    Requested {
        /// The method; `GET` for an upgrade.
        method: String,
        /// The path and query.
        path: String,
    },
    /// The server answered an upgrade with 101.
    Upgraded {
        /// The path and query.
        path: String,
    },
    /// A text or binary message arrived.
    Message {
        /// The message's length in bytes.
        length: usize,
    },
    /// The server's end of the connection closed.
    Closed,
}

/// More events than the busiest bench causes. Beyond it, the oldest are dropped.
const CAPACITY: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<VecDeque<Event>>);

impl Log {
    pub(crate) fn push(&self, event: Event) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= CAPACITY {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().cloned().collect()
    }
}
