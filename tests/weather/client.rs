//! A simulated client that connects, stays connected for a while and connects again; everything it
//! does is checked.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use easelect::{
    ByteStream, Connect, Connection, Dialer, Error, Failure, Family, History, HistoryStore, Region,
    Residency, Resolve, Resolved, Selector, TcpInfo, TlsClient, Transport,
};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::outages::Outages;

/// A selector's default deadline.
const DEADLINE: Duration = Duration::from_secs(15);

/// The mean duration of a connection.
const STAY: Duration = Duration::from_secs(3 * 3600);

/// The most attempts of one call: every address answered or remembered, and as many again on other
/// paths.
const MAX_ATTEMPTS: usize = 32;

/// The most open sockets: the connection, a race of at most eight with its spares, and a background
/// SYN.
const MAX_OPEN: usize = 12;

/// The most memory: 256 addresses of 500 bytes, and as much again for comparing them.
const MAX_HISTORY: usize = 256 * 1024;

/// Statistics of one client, or of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) opened: u64,
    pub(crate) failed: u64,
    pub(crate) attempts: usize,
    pub(crate) open: usize,
    pub(crate) history: usize,
    pub(crate) slowest: Duration,
    pub(crate) storms: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.attempts = self.attempts.max(other.attempts);
        self.open = self.open.max(other.open);
        self.history = self.history.max(other.history);
        self.slowest = self.slowest.max(other.slowest);
    }
}

pub(crate) struct Client {
    outages: Arc<Outages>,
    random: fastrand::Rng,
    name: String,
    regions: BTreeSet<Region>,
    selector: Selector,
    watch: Arc<Watch>,
}

/// What a client does, as it does it.
struct Watch {
    outages: Arc<Outages>,
    name: String,
    regions: BTreeSet<Region>,
    open: AtomicUsize,
    most: AtomicUsize,
    history: Mutex<usize>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Client {
    pub(crate) fn new(outages: Arc<Outages>, seed: u64, number: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed << 20 | number);
        let residency: Residency = match number % 7 {
            0 => Region::CN1.into(),
            1 => Region::CN2.into(),
            2 => Residency::mainland_pool(),
            3 => Region::SGP1.into(),
            4 => Region::SGP2.into(),
            5 => Region::US1.into(),
            _ => Region::DE2.into(),
        };
        let name = format!("seed {seed}, client {number} ({residency})");
        let regions: BTreeSet<Region> = residency.regions().iter().cloned().collect();
        let watch = Arc::new(Watch {
            outages: Arc::clone(&outages),
            name: name.clone(),
            regions: regions.clone(),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            history: Mutex::new(0),
        });
        let selector = Selector::builder(residency)
            .dialer(
                Dialer::builder()
                    .resolver(Arc::new(Watched(
                        outages.lab.resolver(),
                        Arc::clone(&watch),
                    )))
                    .connector(Arc::new(Watched(
                        outages.lab.connector(),
                        Arc::clone(&watch),
                    )))
                    .tls(TlsClient::with_roots([outages.lab.root()]).unwrap())
                    .build()
                    .unwrap(),
            )
            .history(Arc::clone(&watch))
            .seed(random.u64(..))
            .build()
            .unwrap();
        Client {
            outages,
            random,
            name,
            regions,
            selector,
            watch,
        }
    }

    /// Until then.
    pub(crate) async fn live(mut self, end: Instant) -> Tally {
        let mut tally = Tally::default();
        while Instant::now() < end {
            let asked = Instant::now();
            match self.selector.connect().await {
                Ok(connection) => {
                    tally.opened += 1;
                    tally.slowest = tally.slowest.max(asked.elapsed());
                    tally.attempts = tally.attempts.max(connection.attempts().len());
                    self.check(&connection);
                    let stay = STAY.mul_f64(2.0 * self.random.f64());
                    tokio::time::sleep(stay).await;
                }
                Err(error) => {
                    tally.failed += 1;
                    tally.attempts = tally.attempts.max(error.attempts().len());
                    let late = asked.elapsed() > DEADLINE + Duration::from_millis(1);
                    assert!(!late, "{}: {:?}", self.name, asked.elapsed());
                    // The call may fail earlier if everything was refused.
                    tokio::time::sleep_until(asked + DEADLINE).await;
                    let reachable = self.outages.reachable(&self.regions, asked);
                    assert!(
                        reachable.is_empty(),
                        "{}: {reachable:?} stayed reachable: {error}\n{:?}\n{}",
                        self.name,
                        error.attempts(),
                        self.selector.explain()
                    );
                    let pause = Duration::from_millis(self.random.u64(500..60_000));
                    tokio::time::sleep(pause).await;
                }
            }
            assert!(tally.attempts <= MAX_ATTEMPTS, "{}: {tally:?}", self.name);
        }
        tally.open = self.watch.most.load(Ordering::SeqCst);
        self.selector.shutdown().await.unwrap();
        let stats = self.selector.stats();
        assert_eq!((stats.opened, stats.failed), (tally.opened, tally.failed));
        drop(self.selector);
        assert_eq!(self.watch.open.load(Ordering::SeqCst), 0, "{}", self.name);
        tally.history = *self.watch.history.lock().unwrap();
        tally
    }

    /// Checks that the connection leads to one of the host's own addresses, inside the residency.
    fn check(&self, connection: &Connection) {
        let (endpoint, address) = (connection.endpoint(), connection.address());
        let own = self.outages.belongs(endpoint.host(), address.ip());
        assert!(own, "{}: {} at {address}", self.name, endpoint.host());
        let eligible = self.regions.contains(endpoint.region());
        assert!(eligible, "{}: {}", self.name, endpoint.region());
    }
}

/// A resolver or connector whose calls are checked.
#[derive(Debug)]
struct Watched<T: ?Sized>(Arc<T>, Arc<Watch>);

impl Resolve for Watched<dyn Resolve> {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let region = self.1.outages.region_of_host(host);
        let eligible = region.is_some_and(|region| self.1.regions.contains(region));
        assert!(eligible, "{} asks for {host}", self.1.name);
        self.0.resolve(host, family)
    }
}

impl Connect for Watched<dyn Connect> {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>> {
        let watch = Arc::clone(&self.1);
        let eligible = match watch.outages.region_of(address.ip()) {
            Some(region) => watch.regions.contains(region),
            None => watch.outages.is_hijacker(address.ip()),
        };
        assert!(eligible, "{} dials {address}", watch.name);
        let connecting = self.0.connect(host, address);
        let open = 1 + watch.open.fetch_add(1, Ordering::SeqCst);
        watch.most.fetch_max(open, Ordering::SeqCst);
        assert!(open <= MAX_OPEN, "{}: {open} open", watch.name);
        let mut counted = Counted(None, watch);
        Box::pin(async move {
            counted.0 = Some(connecting.await?);
            Ok(ByteStream::of_transport(counted))
        })
    }
}

impl HistoryStore for Watch {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(None)
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        let size = history.to_json()?.len();
        assert!(size <= MAX_HISTORY, "{}: {size} bytes", self.name);
        let mut most = self.history.lock().unwrap();
        *most = size.max(*most);
        Ok(())
    }
}

/// A stream or a connect, counted while it lives.
struct Counted(Option<ByteStream>, Arc<Watch>);

impl Counted {
    fn io(&mut self) -> Pin<&mut ByteStream> {
        Pin::new(self.0.as_mut().expect("it is handed out when connected"))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Counted {
    fn tcp_info(&self) -> Option<TcpInfo> {
        self.0.as_ref()?.tcp_info()
    }

    fn reset_on_drop(&mut self) {
        self.io().reset_on_drop();
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
