//! The state that all ends of a lab share: names, routes, certificates, the log, counters.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easelect::Error;
use tokio::time::Instant;

use crate::certificates::Certificates;
use crate::host::Names;
use crate::log::{Event, EventKind, Log};
use crate::path::Route;
use crate::scenario::Scenario;
use crate::syns::Syns;

/// A running lab.
pub(crate) struct Network {
    pub(crate) seed: u64,
    pub(crate) start: Instant,
    pub(crate) syns: Syns,
    pub(crate) names: Names,
    pub(crate) routes: Mutex<BTreeMap<IpAddr, Arc<Route>>>,
    pub(crate) certificates: Certificates,
    pub(crate) log: Log,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) serving: Arc<AtomicUsize>,
    pub(crate) dials: AtomicU64,
    pub(crate) handshakes: AtomicU64,
    pub(crate) queries: AtomicU64,
}

impl Network {
    /// Starts a scenario's network: its steps count from now.
    pub(crate) fn new(scenario: Scenario) -> Result<Self, Error> {
        scenario.syns.check().map_err(Scenario::error)?;
        let start = Instant::now();
        let mut routes = BTreeMap::new();
        for path in &scenario.paths {
            path.check().map_err(Scenario::error)?;
            let shared = Arc::new(path.clone());
            for address in &path.addresses {
                let route = Arc::new(Route::new(start, Arc::clone(&shared)));
                if routes.insert(address.to_canonical(), route).is_some() {
                    let why = format!("path {address}: expected once, found twice");
                    return Err(Scenario::error(why));
                }
            }
        }
        Ok(Network {
            seed: scenario.seed,
            start,
            syns: scenario.syns,
            names: Names::new(scenario.hosts).map_err(Scenario::error)?,
            routes: Mutex::new(routes),
            certificates: Certificates::new()?,
            log: Log::default(),
            open: Arc::default(),
            serving: Arc::default(),
            dials: AtomicU64::new(0),
            handshakes: AtomicU64::new(0),
            queries: AtomicU64::new(0),
        })
    }

    pub(crate) fn routes(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Arc<Route>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn route(&self, address: IpAddr) -> Option<Arc<Route>> {
        self.routes().get(&address.to_canonical()).cloned()
    }

    pub(crate) fn event(&self, address: SocketAddr, connection: Option<u64>, kind: EventKind) {
        self.log.push(Event {
            at: self.start.elapsed(),
            address: Some(address),
            connection,
            kind,
        });
    }

    /// Returns the source of one connection's randomness.
    pub(crate) fn rng(&self, address: IpAddr, number: u64) -> fastrand::Rng {
        let address = match address.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mut state = self.seed;
        for word in [(address >> 64) as u64, address as u64, number] {
            // Generators whose seeds are close would draw alike: each word is hashed into the state.
            state = fastrand::Rng::with_seed(state ^ word).u64(..);
        }
        fastrand::Rng::with_seed(state)
    }
}

/// Adds one to a counter for as long as it lives.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
