//! What happened in the lab.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use easelect::Family;

/// One thing that happened in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, since the lab was made.
    pub at: Duration,
    /// Where; `None` for a DNS query.
    pub address: Option<SocketAddr>,
    /// Which connection to that IP address, counted from 0; `None` for a DNS query.
    pub connection: Option<u64>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A name was looked up.
    Queried {
        /// The name, in lower case.
        host: String,
        /// Which addresses of it.
        family: Family,
    },
    /// The client began to connect.
    Dialled,
    /// A SYN arrived at the server, which answered it by SYN-ACK.
    Accepted,
    /// The connection was refused, or there was no route: the client knows.
    Refused,
    /// No SYN was answered and the client's kernel gave up.
    TimedOut,
    /// The client gave its attempt up before it was connected.
    Abandoned,
    /// The server's side of the TLS handshake is complete, but for the client's Finished where
    /// early data is taken.
    TlsDone {
        /// The name in the ClientHello (SNI), or the address.
        host: String,
        /// Whether an earlier session was resumed.
        resumed: bool,
    },
    /// A request arrived as early data (RFC 8446 §2.3): the next event of its connection.
    CameEarly,
    /// A request arrived.
    Requested {
        /// The method, `GET` for an upgrade.
        method: String,
        /// Path and query.
        path: String,
    },
    /// The server answered 101.
    Upgraded {
        /// Path and query.
        path: String,
    },
    /// A text or binary message arrived.
    Message {
        /// Its length, in bytes.
        length: usize,
    },
    /// The server's side of the connection ended.
    Closed,
}

/// More than the busiest bench makes; beyond it the oldest go.
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
