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
//! use easelect::lab::{Lab, Scenario};
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
//! let stream = lab.connector().connect(address).await?;
//! assert_eq!(start.elapsed(), Duration::from_millis(40));
//! assert_eq!(lab.open(), 1);
//! drop(stream);
//! assert_eq!(lab.open(), 0);
//!
//! tokio::time::sleep(Duration::from_secs(5)).await;
//! assert!(lab.connector().connect(address).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Scenario`] has the whole format, [`Fault`] everything that can go wrong.

mod certificates;
mod connector;
mod fault;
mod file;
mod http;
mod log;
mod names;
mod path;
mod pipe;
mod scenario;
mod server;
mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use tokio::time::Instant;

pub use fault::{Fault, TlsVersion};
pub use log::{Event, EventKind};
pub use names::{Dns, Host};
pub use path::{Path, Step};
pub use scenario::Scenario;

use crate::error::Error;
use crate::resolve::Resolve;
use crate::tls::TlsClient;
use crate::transport::Connect;
use certificates::Certificates;
use path::{Cut, Route, Settings};

/// A simulated network. A cheap handle: clones are the same network.
#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
    seed: u64,
    start: Instant,
    syns: Vec<Duration>,
    give_up: Duration,
    names: names::Names,
    routes: Mutex<BTreeMap<IpAddr, Arc<Route>>>,
    certificates: Certificates,
    log: log::Log,
    open: Arc<AtomicUsize>,
    serving: Arc<AtomicUsize>,
    dials: AtomicU64,
    handshakes: AtomicU64,
    queries: AtomicU64,
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("seed", &self.0.seed)
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn routes(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Arc<Route>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, address: IpAddr) -> Option<Arc<Route>> {
        self.routes().get(&address.to_canonical()).cloned()
    }

    fn event(&self, address: SocketAddr, connection: Option<u64>, kind: EventKind) {
        self.log.push(Event {
            at: self.start.elapsed(),
            address: Some(address),
            connection,
            kind,
        });
    }

    /// The randomness of one connection.
    fn rng(&self, address: IpAddr, number: u64) -> fastrand::Rng {
        let address = match address.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mut state = self.seed;
        for word in [(address >> 64) as u64, address as u64, number] {
            // Each word moves the state to a random place of its own.
            state = fastrand::Rng::with_seed(state ^ word).u64(..);
        }
        fastrand::Rng::with_seed(state)
    }
}

impl Lab {
    /// Starts the network: the scenario's steps count from now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when the scenario is out of range or
    /// has a name or an address twice; [`ErrorKind::Tls`](crate::ErrorKind::Tls) when its
    /// certificates can't be made.
    pub fn new(scenario: Scenario) -> Result<Lab, Error> {
        scenario.check_syns().map_err(Scenario::error)?;
        let start = Instant::now();
        let mut routes = BTreeMap::new();
        for path in &scenario.paths {
            path.check().map_err(Scenario::error)?;
            let shared = Arc::new(path.clone());
            for address in &path.addresses {
                let route = Arc::new(Route::new(start, Arc::clone(&shared)));
                if routes.insert(address.to_canonical(), route).is_some() {
                    let why = format!("path {address} is there twice: expected once");
                    return Err(Scenario::error(why));
                }
            }
        }
        Ok(Lab(Arc::new(Inner {
            seed: scenario.seed,
            start,
            give_up: scenario.give_up(),
            syns: scenario.syns,
            names: names::Names::new(scenario.hosts).map_err(Scenario::error)?,
            routes: Mutex::new(routes),
            certificates: Certificates::new()?,
            log: log::Log::default(),
            open: Arc::default(),
            serving: Arc::default(),
            dials: AtomicU64::new(0),
            handshakes: AtomicU64::new(0),
            queries: AtomicU64::new(0),
        })))
    }

    /// The network's name server.
    #[must_use]
    pub fn resolver(&self) -> Arc<dyn Resolve> {
        Arc::new(names::Resolver(Arc::clone(&self.0)))
    }

    /// What connects to the network's addresses, at any port. Connecting needs a tokio runtime
    /// with timers: the servers run there, each for as long as its connection.
    #[must_use]
    pub fn connector(&self) -> Arc<dyn Connect> {
        Arc::new(connector::Connector(Arc::clone(&self.0)))
    }

    /// The root of the servers' certificates, made anew for every lab.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.0.certificates.root()
    }

    /// The root in PEM (RFC 7468).
    #[must_use]
    pub fn root_pem(&self) -> String {
        certificates::pem(&self.root())
    }

    /// What the root has revoked: the certificates of [`Fault::Revoked`].
    #[must_use]
    pub fn revocations(&self) -> CertificateRevocationListDer<'static> {
        self.0.certificates.revocations()
    }

    /// TLS that trusts the root, and `extra` ones besides, and refuses what is revoked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when an extra root is not a certificate.
    pub fn tls(
        &self,
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<TlsClient, Error> {
        let roots = std::iter::once(self.root()).chain(extra);
        TlsClient::with_roots_and_revocations(roots, vec![self.revocations()])
    }

    /// What happened so far, the oldest first; at most the last 100,000.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.log.events()
    }

    /// Connections open on the client's side, connects pending, and look-ups pending: 0 when the
    /// client has dropped everything, at once.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Connections open on the servers' side. A server learns that its client is gone half a
    /// round trip later.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.0.serving.load(Ordering::Relaxed)
    }

    /// Connects begun so far.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.0.dials.load(Ordering::Relaxed)
    }

    /// TLS handshakes completed so far, as the servers see it.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.0.handshakes.load(Ordering::Relaxed)
    }

    /// Names looked up so far, once for each family.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Puts a path in the place of those to its addresses, for open connections too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when it is out of range.
    pub fn set_path(&self, path: Path) -> Result<(), Error> {
        path.check().map_err(Scenario::error)?;
        let path = Arc::new(path);
        let mut routes = self.0.routes();
        for address in &path.addresses {
            routes
                .entry(address.to_canonical())
                .and_modify(|route| route.replace(Arc::clone(&path)))
                .or_insert_with(|| Arc::new(Route::new(self.0.start, Arc::clone(&path))));
        }
        Ok(())
    }

    /// Sets what goes wrong at an address from now on, whatever its script says;
    /// [`Fault::None`] heals it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when the address has no path.
    pub fn set_fault(&self, address: IpAddr, fault: Fault) -> Result<(), Error> {
        self.change(address, |settings| settings.fault = Some(fault))
    }

    /// Sets the round-trip time to an address from now on, whatever its script says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when the address has no path, or the
    /// time is above 60 s.
    pub fn set_rtt(&self, address: IpAddr, rtt: Duration) -> Result<(), Error> {
        self.change(address, |settings| settings.rtt = Some(rtt))
    }

    /// Sets the probability that a flight to or from an address is lost, from now on, whatever
    /// its script says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when the address has no path, or the
    /// probability is not within 0 to 1.
    pub fn set_loss(&self, address: IpAddr, loss: f64) -> Result<(), Error> {
        self.change(address, |settings| settings.loss = Some(loss))
    }

    fn change(&self, address: IpAddr, change: impl FnOnce(&mut Settings)) -> Result<(), Error> {
        let route = self.0.route(address).ok_or_else(|| {
            Scenario::error(format!(
                "no path to {address}: expected an address with one"
            ))
        })?;
        route.change(change).map_err(Scenario::error)
    }

    /// Puts a host in the place of those with its names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when it is out of range.
    pub fn set_host(&self, host: Host) -> Result<(), Error> {
        self.0.names.set(host).map_err(Scenario::error)
    }

    /// Sets how a name is answered from now on, in both families.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when no host has the name.
    pub fn set_dns(&self, name: &str, dns: Dns) -> Result<(), Error> {
        let change = |host: &mut Host| (host.dns, host.dns_aaaa) = (dns, None);
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Sets which addresses a name has from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](crate::ErrorKind::Scenario) when no host has the name.
    pub fn set_addresses(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Error> {
        let change = |host: &mut Host| host.addresses = addresses.to_vec();
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Makes the server at an address close its open connections: FIN, without goodbye above it.
    pub fn close(&self, address: IpAddr) {
        self.cut(address, Cut::Close);
    }

    /// Makes the server at an address reset its open connections.
    pub fn reset(&self, address: IpAddr) {
        self.cut(address, Cut::Reset);
    }

    fn cut(&self, address: IpAddr, how: Cut) {
        if let Some(route) = self.0.route(address) {
            route.cut.send_modify(|(count, cut)| {
                *count += 1;
                *cut = how;
            });
        }
    }
}
