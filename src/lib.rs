//! Connects an Easemob (环信) instant-messaging client to the fastest endpoint that really works.
//!
//! Easemob publishes several hosts for each service in each of its data centres, and an app is usually
//! configured with one of them. A [`Selector`] instead races them for each connection within one data
//! centre, returns the connection that completes first, and learns from every attempt. A [`Prober`]
//! measures every endpoint phase by phase and ranks them. Both report why an endpoint failed or was slower.
//!
//! An endpoint counts as ready only after a complete handshake: TLS with a certificate that verifies
//! for its host, then the right answer to a WebSocket upgrade or HTTP request. A TCP connect alone is not
//! enough, since a transparent proxy or a hijacked address can answer it.
//!
//! This crate is not made by Easemob.
//!
//! # Which type for which job
//!
//! | job | use |
//! | --- | --- |
//! | Connect to the fastest endpoint | [`Selector::connect`] |
//! | Stay connected | [`Selector::session`], or [`Selector::reconnector`] with a loop of your own |
//! | Call the REST API on the fastest host | `Selector::rest`, or `Selector::base_url` with your own HTTP client |
//! | Let another SDK dial, in a better order | [`Selector::candidates`] and [`Selector::report`] |
//! | Do any of these without async | [`blocking`] |
//! | Find out why a connection failed or was slow | [`ConnectError`], [`Connection::timings`], [`Selector::explain`] |
//! | Keep what the selector learned across runs | [`FileHistory`], or your own [`HistoryStore`] |
//! | Give a first connection typical round-trip times | [`Priors`], with [`SelectorBuilder::priors`] |
//! | Measure every endpoint, phase by phase | [`Prober`], a stream of [`ProbeEvent`]s |
//! | Rank the measured endpoints | [`rank`] and [`Ranking`] |
//! | Use a proxy, other roots, another resolver, or pinned addresses | [`Dialer`], for `Selector` and `Prober` alike |
//! | Open a verified TLS stream to an endpoint | [`Dialer::open`] |
//! | List or add endpoints | [`Catalog`] |
//! | Choose the data centre | [`Region`], or [`Residency::mainland_pool`] |
//!
//! # Example
//!
//! ```no_run
//! use easelect::{Region, Selector};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Build one selector and keep it: it learns from every connection.
//! let selector = Selector::builder(Region::CN1).build()?;
//! let connection = selector.connect().await?;
//! println!("{} in {:?}", connection.url(), connection.time_to_open());
//! let websocket = connection.into_websocket(); // tokio-tungstenite's, already open
//! # drop(websocket);
//! # Ok(())
//! # }
//! ```
//!
//! Asynchronous functions need a tokio runtime with I/O and time enabled, and panic outside of one.
//! [`blocking`] brings its own runtime.
//!
//! # Guarantees
//!
//! - **One data centre.** Endpoints of different data centres are never raced against each other. The one
//!   exception, the pool of China 1 and China 2, must be requested by name ([`Residency`]).
//! - **No guessed hosts.** The catalogue holds hosts that Easemob publishes and those that the app adds.
//! - **Verified certificates.** No option turns verification off. [`TlsClient`] says where revocation is
//!   checked. An app that supplies its own [`rustls::ClientConfig`] answers for the verifier in it.
//! - **No secrets in probes.** A probe sends none of the app's headers, subprotocols or query
//!   ([`ConnectOptions`]). The query in an endpoint's own URL is sent to that endpoint only. A proxy's
//!   user name and password go to that proxy only.
//! - **Nothing left behind.** Dropping a future or a stream cancels what it started. Only a lookup inside
//!   the system's resolver can't be cancelled; it ends on its own thread. After a race, unfinished lookups
//!   may complete in the background, and by default one TCP connect may check a remembered address
//!   ([`RefreshBudget`]). Both end with the selector.
//!
//! # Logging
//!
//! The library prints nothing. It emits spans and events to [`tracing`]. A span `connect` (level info,
//! target `easelect::connect`, fields `residency` and `endpoints`) surrounds every race.
//!
//! | target | event | level | when | fields |
//! | --- | --- | --- | --- | --- |
//! | `easelect::connect` | `dialling` | debug | a TCP connect starts | `host`, `address` |
//! | | `attempt failed` | debug | an attempt of a race fails | `host`, `address`, `phase`, `kind` |
//! | | `lookup failed` | debug | a DNS lookup of a race fails | `host`, `family`, `kind` |
//! | | `open` | info | a race is won | `url`, `address`, `time_to_open_ms`, `attempts` |
//! | | `no endpoint could be opened` | warn | a race is lost | `attempts`, `elapsed_ms`, `timed_out` |
//! | | `reconnecting` | debug | a backoff delay starts | `delay_ms` |
//! | | `woke from sleep` | debug | the device slept | `slept` |
//! | | `the resolver panicked` | warn | [`Resolve::network_changed`] panics | none |
//! | | `the system's DNS servers can't be read` | warn | the network changed, with `DnsResolver::system` | `error` |
//! | `easelect::history` | `history not loaded` | warn | [`HistoryStore::load`] fails | `error` |
//! | | `history can't be saved` | warn | [`HistoryStore::check`] fails, or no thread can be started | `error` |
//! | | `history not saved` | warn | [`HistoryStore::save`] fails | `error` |
//! | `easelect::probe` | `sample` | debug | a probe ends | `host`, `address`, `round`, and `total_ms` or `phase` and `kind` |
//!
//! Fields hold hosts, addresses, URLs and the text of local errors. Headers are never logged, and a query is
//! logged as `?…`.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `rest` | yes | `Selector::rest` and `Selector::base_url`, with reqwest |
//! | `toml` | yes | catalogue files in TOML; JSON needs no feature |
//! | `dns` | no | `DnsResolver`, which queries DNS servers directly: exact failure kinds, TTLs, forged answers |
//! | `webpki-roots` | no | Mozilla's root certificates, compiled in |

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[macro_use]
mod identifier;

// In data-flow order: a module uses only those above it (tests/structure.rs).
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

/// Re-exported for implementing [`Resolve`] and [`Connect`], and for consuming streams of events.
pub use futures;
/// Re-exported because [`RestResponse::into_inner`] returns its response type.
#[cfg(feature = "rest")]
pub use reqwest;
/// Re-exported for the configuration and certificates of a [`TlsClient`].
pub use rustls;
/// Re-exported because a [`Connection`] is made of its types. Its own opening handshake (`client_async`)
/// is missing unless the app enables that crate's feature `handshake`.
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

/// Parsers of untrusted bytes, exposed to the targets in `fuzz/`. Only cargo-fuzz builds this.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads an answer to a WebSocket upgrade and to a REST probe.
    pub fn upgrade(answer: &[u8]) {
        crate::handshake::replay::upgrade(answer);
    }

    /// Reads a proxy's answer.
    pub fn proxy(answer: &[u8]) {
        crate::handshake::replay::proxy(answer);
    }

    /// Reads a DNS server's answer.
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
