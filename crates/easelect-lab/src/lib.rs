//! A simulated network: names, paths with delay and loss, and real TLS and WebSocket servers.
//!
//! A [`Lab`] plugs in below TLS. Its [`resolver`](Lab::resolver) and [`connector`](Lab::connector)
//! take the place of the system's; the handshakes on top are the same code as on a real network,
//! against certificates of the lab's own [`root`](Lab::root), which nobody else trusts.
//!
//! Everything is timed by tokio: in real time a lab is a slow network, in paused time
//! (`#[tokio::test(start_paused = true)]`) an hour of it passes in milliseconds, and the times are
//! exact. Without jitter and loss a TCP connect, a full or resumed TLS 1.3 handshake, and a
//! WebSocket upgrade each take exactly one round trip; with early data that is taken, the last two
//! take one together. Delays are whole milliseconds, as tokio's
//! timers; what is left over is carried to the connection's next flight, so that sums stay right.
//! In real time a round trip takes 1 or 2 ms more, which is how late tokio's timers are.
//!
//! Randomness comes from the scenario's seed, the address, and the number of the connection to
//! it: what happens elsewhere changes nothing. Keys and signatures are not from the seed; they
//! differ by a few bytes from lab to lab, which only a path with a bandwidth shows.
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
//!
//! [`Scenario`] has the whole format, [`Fault`] everything that can go wrong.

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
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
