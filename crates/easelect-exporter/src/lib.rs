//! A Prometheus exporter for Easemob (环信) endpoints that follows blackbox_exporter's conventions.
//!
//! Each probe is a complete handshake (TCP, TLS, WebSocket or HTTP) with a verified certificate, timed phase
//! by phase.
//!
//! | path | response |
//! | --- | --- |
//! | `/probe?target=…&module=…` | the result of probing a group (`cn1/websocket`), a host of the catalogue, or a URL |
//! | `/metrics` | the results of background probing, and metrics about the exporter itself |
//! | `/-/reload` | POST or PUT: reloads the configuration file; a wrong file changes nothing |
//! | `/-/healthy`, `/-/ready` | status 200 |
//! | `/` | a landing page |
//!
//! The program is `easelect-exporter`; its README documents the configuration file, flags and metrics. This
//! library half serves tests and programs that embed the exporter.
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

// In data-flow order: a module uses only those above it. The workspace's tests/structure.rs checks this.
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
