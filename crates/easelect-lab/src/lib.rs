//! A simulated network for tests: names, paths with delay, loss and faults, and real TLS and WebSocket
//! servers.
//!
//! A [`Lab`] plugs in below TLS. Its [`resolver`](Lab::resolver) and [`connector`](Lab::connector)
//! replace the system's. The TLS and WebSocket handshakes on top run the same code as on a real
//! network. The servers' certificates are signed by the lab's own [`root`](Lab::root), which is
//! trusted by [`Lab::dialer`] and [`Lab::tls`]. [`Scenario`] describes the network and documents its
//! TOML format; [`Fault`] lists everything that can go wrong.
//!
//! # Time
//!
//! Tokio's clock times everything. In real time, a lab is a slow network. In paused time
//! (`#[tokio::test(start_paused = true)]`), an hour passes in milliseconds, and delays are exact.
//! Without jitter, loss and a bandwidth limit, each of these takes one round trip: a TCP connect, a
//! TLS 1.3 handshake (full or resumed), and a WebSocket upgrade. If the server accepts early data,
//! the TLS handshake and the upgrade take one round trip together.
//!
//! Delays are rounded to whole milliseconds, as tokio's timers are. The remainder is carried over to
//! the connection's next flight, so that sums stay correct. In real time, a round trip takes 1 or 2 ms
//! longer, because tokio's timers are late by as much.
//!
//! # Randomness
//!
//! Jitter and loss depend on the scenario's seed, the address, and the number of the connection to
//! that address, and on nothing that happens elsewhere. Keys and signatures don't depend on the seed.
//! Their lengths differ by a few bytes from lab to lab, which changes times only on a path with a
//! bandwidth limit.
//!
//! # Servers
//!
//! A server listens on every port of every address that has a [`Path`]. It shows a certificate for
//! whichever host the client names (SNI), speaks HTTP/1.1 with `keep-alive`, and confirms the
//! WebSocket subprotocol `xmpp` where a client offers it. After an upgrade it echoes text and binary
//! messages of up to 1 MiB. Any other request is answered by 404, unless the scenario sets another
//! status.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use easelect::Family;
//! use easelect_lab::{Lab, Scenario};
//! use tokio::time::Instant;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let scenario = Scenario::from_toml(
//!     r#"
//!         [[host]]
//!         name = "im.example.com"
//!         addresses = ["44.128.0.1"]
//!
//!         [[path]]
//!         address = "44.128.0.1"
//!         rtt = "40ms"
//!         steps = [{ at = "5s", fault = "refuse" }]
//!     "#,
//!     "example.toml",
//! )?;
//! let lab = Lab::new(scenario)?;
//!
//! let found = lab.resolver().resolve("im.example.com", Family::V4).await?;
//! let address = (found.addresses[0], 443).into();
//! let start = Instant::now();
//! let stream = lab.connector().connect("im.example.com", address).await?;
//! assert_eq!(start.elapsed(), Duration::from_millis(40));
//! assert_eq!(lab.open(), 1);
//! drop(stream);
//! assert_eq!(lab.open(), 0);
//!
//! tokio::time::sleep(Duration::from_secs(5)).await;
//! assert!(lab.connector().connect("im.example.com", address).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

// In the order in which data flows: a module uses only those above it (the workspace's
// tests/structure.rs checks it).
mod fault;

mod log;

mod path;

mod host;

mod syns;

mod file;

mod scenario;

mod certificates;

mod pipe;

mod tls;

mod network;

mod visit;

mod http;

mod server;

mod connector;

mod resolver;

mod lab;

pub use fault::{Fault, TlsVersion};
pub use host::{Dns, Host};
pub use lab::Lab;
pub use log::{Event, EventKind};
pub use path::{Path, Step};
pub use scenario::Scenario;

/// The README's code, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
