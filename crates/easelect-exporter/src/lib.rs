//! A Prometheus exporter of Easemob (环信) endpoints, by blackbox_exporter's conventions: every probe is a
//! handshake that was verified to its end, each phase timed on its own.
//!
//! | path | answers |
//! | --- | --- |
//! | `/probe?target=…&module=…` | one probe of a group (`cn1/websocket`), a host of the catalogue, or a URL |
//! | `/metrics` | what probing in the background brought, and the exporter itself |
//! | `/-/reload` | (POST, PUT) reads the modules again; where they are wrong, those from before stay |
//! | `/-/healthy`, `/-/ready`, `/` | what they say |
//!
//! The program is `easelect-exporter`; its README tells about modules. Here is what it is made of, for
//! tests and for those who embed it.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//! use easelect_exporter::{Exporter, Limits, Network, Settings, serve};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let network = Network::simulated("beijing")?;
//! let exporter = Arc::new(Exporter::new(Settings::default(), network)?);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! serve(listener, exporter, Limits::default(), std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::unwrap_used, clippy::panic)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
mod labels;

mod network;

mod one_address;

mod config;

mod target;

mod probe;

mod shared;

mod answer;

mod background;

mod metrics;

mod exporter;

mod page;

mod http;

mod server;

mod args;

mod run;

pub use config::{Config, DEFAULT_MODULE, MAX_FILE};
pub use exporter::{Exporter, Settings};
pub use labels::Labels;
pub use network::Network;
pub use run::main;
pub use server::{Limits, serve};
