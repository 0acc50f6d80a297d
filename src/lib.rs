//! easelect gets an Easemob (环信) instant-messaging client onto the fastest endpoint that really
//! works for it.
//!
//! Easemob publishes several hosts for each of its data centres and services and has developers
//! paste one into their configuration. This crate measures them all from where the client is,
//! ranks them by verified handshakes, opens the connection on the fastest, and says why the others
//! are not.
//!
//! # Which type for which job
//!
//! | you want to | use |
//! | --- | --- |
//! | connect a client to the fastest endpoint | [`Selector::connect`] |
//! | stay connected | [`Selector::session`], or [`Selector::reconnector`] and a loop of your own |
//! | call REST on the fastest host | `Selector::rest`, or `Selector::base_url` with a client of your own |
//! | keep your own SDK's dialling, in a better order | [`Selector::candidates`], [`Selector::report`] |
//! | connect, stay connected or call REST without async | [`blocking`] |
//! | know why a connection failed or was slow | [`ConnectError`], [`Connection::timings`], [`Selector::explain`] |
//! | tell a first connection which hosts are likely near | [`Priors`], [`Selector::network_changed_to`] |
//! | keep what was learned for the next start | [`FileHistory`], or a [`HistoryStore`] of your own |
//! | measure every endpoint, phase by phase | [`Prober`], a stream of [`ProbeEvent`]s |
//! | put what was measured in order | [`rank`], [`Ranking`] |
//! | go through a proxy, pin addresses, use other roots or another resolver | [`Dialer`], given to `Selector` and `Prober` alike |
//! | know or add endpoints | [`Catalog`] |
//! | say which of them may be raced together | a [`Region`], or [`Residency::mainland_pool`] |
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use easelect::{Region, Selector};
//!
//! let selector = Selector::builder(Region::CN1).build()?;
//! let connection = selector.connect().await?;
//! println!("{} in {:?}", connection.url(), connection.time_to_open());
//! let websocket = connection.into_websocket(); // tokio-tungstenite's, live
//! # drop(websocket);
//! # Ok(())
//! # }
//! ```
//!
//! # What is never done
//!
//! Endpoints of different data centres are not raced against each other; hosts that Easemob
//! doesn't publish are not guessed; no certificate goes unverified ([`TlsClient`] says where revocation is
//! part of that); probes send no credentials, headers or queries of the app's. A proxy's user and
//! password go to that proxy only.
//!
//! # Logging
//!
//! A span `connect` (`residency`, `endpoints`) is around every race. Events go to [`tracing`].
//!
//! | target | event | level | fields |
//! | --- | --- | --- | --- |
//! | `easelect::connect` | `dialling` | debug | `host`, `address` |
//! | | `attempt failed` | debug | `host`, `address`, `phase`, `kind` |
//! | | `look-up failed` | debug | `host`, `family`, `kind` |
//! | | `open` | info | `url`, `address`, `time_to_open_ms`, `attempts` |
//! | | `no endpoint could be opened` | warn | `attempts`, `elapsed_ms`, `timed_out` |
//! | | `reconnecting` | debug | `delay_ms` |
//! | | `woke from sleep` | debug | `slept` |
//! | | `the resolver panicked` | warn | |
//! | `easelect::history` | `nothing remembered`, `nothing will be kept`, `history not kept` | warn | `error` |
//! | `easelect::probe` | `sample` | debug | `host`, `address`, `round`, and `total_ms` or `phase`, `kind` |
//!
//! They hold hosts, addresses and paths, never headers or queries. Nothing is printed by itself.
//!
//! # Features
//!
//! | feature | default | brings |
//! | --- | --- | --- |
//! | `rest` | yes | [`Selector`]'s `rest` and `base_url`, with reqwest |
//! | `toml` | yes | catalogue files in TOML; those in JSON need no feature |
//! | `dns` | no | `DnsResolver`: asks name servers itself; exact failure kinds, times to live, forged answers |
//! | `webpki-roots` | no | Mozilla's roots compiled in |

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[macro_use]
mod identifier;

// In the order in which data flows: a module uses only those above it (tests/structure.rs).
mod phase;

mod certificate;

mod failure;

mod error;

mod clock;

mod catalog;

mod proxy;

mod resolve;

mod connect;

mod network_id;

mod tls;

mod dialer;

mod handshake;

mod sample;

mod stats;

mod rank;

mod probe;

mod history;

mod connection;

mod selector;

pub mod blocking;

/// Futures of the traits [`Resolve`] and [`Connect`], and streams of events.
pub use futures;
/// The HTTP client whose answer [`RestResponse::into_inner`] gives.
#[cfg(feature = "rest")]
pub use reqwest;
/// Configuration and certificates of a [`TlsClient`].
pub use rustls;
/// The WebSocket crate whose types leave through [`Connection`]. Without its own handshake
/// (`client_async`), unless the app switches on that crate's feature `handshake`.
pub use tokio_tungstenite;

pub use catalog::{
    Catalog, CatalogFormat, Confidence, Endpoint, EndpointEntry, Locality, Reference, Region,
    RegionEntry, RegionInfo, Residency, Service, UserCatalog, Variant,
};
pub use certificate::{Certificate, CertificateChain, ChainFault, Trust};
pub use connect::{ByteStream, Connect, Io, Silence, TcpConnect, TcpInfo, Transport};
pub use connection::{CloseReason, ConnectError, ConnectErrorKind, Connection, Feedback};
pub use dialer::{Dialer, DialerBuilder, Peer, PinnedHost};
pub use easelect_engine::backoff::ServerHint;
pub use easelect_engine::history::{History, HistoryError};
pub use easelect_engine::priors::{Priors, PriorsError};
pub use easelect_engine::shown::{is_hidden, shown, without_secrets};
pub use easelect_engine::timestamp::Timestamp;
pub use error::{Error, ErrorKind};
pub use failure::{Failure, FailureKind};
pub use handshake::{AfterUpgrade, ConnectOptions, SecureStream};
pub use history::{FileHistory, HistoryStore};
pub use network_id::LocalNetwork;
pub use phase::{EarlyData, Phase, Timings};
pub use probe::{Ended, ProbeEvent, ProbeOutcome, Prober, ProberBuilder, Probing, Rounds};
pub use proxy::Proxy;
pub use rank::{Ranked, Ranking, Reason, Tier, rank};
#[cfg(feature = "dns")]
pub use resolve::{DnsAnswer, DnsResolver};
pub use resolve::{
    Families, Family, Nat64, Resolve, Resolved, SystemResolver, is_local, nat64_prefix,
};
pub use sample::{Attempt, AttemptOutcome, Lookup, Sample, Unfinished};
pub use selector::{
    Candidate, DialOutcome, Expectation, Explanation, Policy, RefreshBudget, Selector,
    SelectorBuilder, SelectorEvent, SelectorStats, Standing,
};
pub use selector::{
    Loss, LossReason, Reconnector, Refusal, Session, SessionControl, SessionOptions, SessionState,
};
#[cfg(feature = "rest")]
pub use selector::{Rest, RestError, RestErrorKind, RestOptions, RestRequest, RestResponse};
pub use stats::{AddressStats, Distribution, EndpointStats, FailureCount, Summary};
pub use tls::{TlsClient, TlsSession};

/// Where the targets of `fuzz/` reach the readers of what peers write. Only cargo-fuzz builds it.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads an answer to an upgrade, and to a REST probe. A panic is a finding.
    pub fn upgrade(answer: &[u8]) {
        crate::handshake::replay::upgrade(answer);
    }

    /// Reads a proxy's answer. A panic is a finding.
    pub fn proxy(answer: &[u8]) {
        crate::handshake::replay::proxy(answer);
    }

    /// Reads a name server's answer. A panic is a finding.
    #[cfg(feature = "dns")]
    pub fn dns(answer: &[u8]) {
        crate::resolve::dns::replay(answer);
    }
}

/// The code in these documents is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../README.zh-CN.md")]
#[doc = include_str!("../docs/ranking.md")]
struct Readme;
