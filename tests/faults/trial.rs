//! One attempt at one endpoint, and the checks made on it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use easelect::{
    ByteStream, Catalog, Connect, Endpoint, FailureKind, Lookup, Phase, ProbeEvent, Prober,
    ProberBuilder, Ranked, Rounds, Sample, Service, TcpInfo, Tier, Transport,
};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The default timeout of an attempt.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// The round trip of every path here.
pub(crate) const RTT: u64 = 40;

/// The most bytes read from a peer before it is ready.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn ip() -> IpAddr {
    IpAddr::from([44, 128, 0, 1])
}

pub(crate) fn path() -> Path {
    Path::new(ip()).with_rtt(ms(RTT))
}

pub(crate) fn with(fault: Fault) -> Path {
    path().with_fault(fault)
}

/// A published endpoint with a documented path, so without alternate paths.
pub(crate) fn published(wanted: impl Fn(Service) -> bool) -> Endpoint {
    let catalog = Catalog::builtin();
    let sure = |one: &&Endpoint| wanted(one.service()) && one.alternate_paths().is_empty();
    catalog.endpoints().iter().find(sure).unwrap().clone()
}

pub(crate) fn websocket() -> Endpoint {
    published(Service::is_websocket)
}

pub(crate) fn rest() -> Endpoint {
    published(|service| service == Service::Rest)
}

/// A network in which this path leads to the endpoint's only address.
pub(crate) fn lab(endpoint: &Endpoint, path: Path) -> Lab {
    let host = Host::new(endpoint.host()).with_address(ip());
    Lab::new(Scenario::new(1).with_host(host).with_path(path)).unwrap()
}

pub(crate) fn prober(lab: &Lab, endpoint: &Endpoint) -> ProberBuilder {
    Prober::builder()
        .endpoints([endpoint.clone()])
        .dialer(lab.dialer().build().unwrap())
        .rounds(Rounds::Exact(1))
        .seed(1)
}

/// The result of a probe.
pub(crate) struct Ended {
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) ranked: Ranked,
}

pub(crate) async fn probe(prober: ProberBuilder) -> Ended {
    let mut probing = prober.build().unwrap().run();
    let (mut lookups, mut samples) = (Vec::new(), Vec::new());
    while let Some(event) = probing.next().await {
        match event {
            ProbeEvent::Lookup(lookup) => lookups.push(lookup),
            ProbeEvent::Sample(sample) => samples.push(*sample),
            ProbeEvent::Finished(outcome) => {
                assert!(outcome.complete());
                let mut rankings = outcome.rankings.into_iter();
                let ranked = rankings.next().unwrap().endpoints.remove(0);
                return Ended {
                    lookups,
                    samples,
                    ranked,
                };
            }
            _ => {}
        }
    }
    panic!("the stream ended without an outcome");
}

/// Waits until only the test's own task is left.
pub(crate) async fn no_task_is_left(what: &str) {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let gone = async {
        while alive() > 0 {
            tokio::task::yield_now().await;
        }
    };
    settled(gone, what).await;
}

/// Tasks under way may need a few more polls, but no timeout.
async fn settled(gone: impl Future<Output = ()>, what: &str) {
    let gone = std::pin::pin!(gone);
    let turns = async {
        for _ in 0..100_000 {
            tokio::task::yield_now().await;
        }
    };
    let turns = std::pin::pin!(turns);
    let ended = futures::future::select(gone, turns).await;
    let settled = matches!(ended, futures::future::Either::Left(_));
    assert!(settled, "{what}: a task is left");
}

/// A fault, and the expected outcome of one attempt.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) path: Path,
    /// `None`: not a fault for a client that follows the RFCs.
    pub(crate) failure: Option<(Phase, FailureKind)>,
    /// The phases measured before it.
    pub(crate) kept: &'static [Phase],
    pub(crate) tier: Tier,
    /// From the SYN to the end. The delays are exact.
    pub(crate) took: Duration,
}

impl Row {
    /// Probes once, and compares the result with the row.
    pub(crate) async fn check(&self, endpoint: &Endpoint) -> Sample {
        let name = self.name;
        let lab = lab(endpoint, self.path.clone());
        let counted = Counting::new(lab.connector());
        let (read, open) = (Arc::clone(&counted.read), Arc::clone(&counted.open));
        let mut ended =
            probe(prober(&lab, endpoint).dialer(lab.dialer().connector(counted).build().unwrap()))
                .await;
        let sample = ended.samples.pop().unwrap();
        assert!(ended.samples.is_empty(), "{name}: one attempt");
        let failure = sample.outcome.as_ref().err();
        let failure = failure.map(|failure| (failure.phase(), failure.kind()));
        let kept: Vec<Phase> = sample.timings.iter().map(|(phase, _)| phase).collect();
        let told = (failure, kept.as_slice(), ended.ranked.tier, sample.elapsed);
        assert_eq!(
            told,
            (self.failure, self.kept, self.tier, self.took),
            "{name}"
        );
        assert!(sample.elapsed <= TIMEOUT, "{name} outlives its timeout");
        let read = read.load(Ordering::SeqCst);
        assert!(read <= MAX_BYTES, "{name}: {read} bytes were read");
        assert_eq!(open.load(Ordering::SeqCst), 0, "{name}: a stream is open");
        assert_eq!(lab.open(), 0, "{name}: a socket or a lookup is open");
        // Servers learn half a round trip later that the client is gone.
        tokio::time::sleep(ms(RTT)).await;
        assert_eq!(lab.serving(), 0, "{name}: a server waits");
        no_task_is_left(name).await;
        sample
    }
}

/// Counts bytes read and open streams.
#[derive(Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn Connect>,
    pub(crate) read: Arc<AtomicUsize>,
    pub(crate) open: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn Connect>) -> Self {
        Counting {
            inner,
            read: Arc::default(),
            open: Arc::default(),
        }
    }
}

struct Counted {
    io: ByteStream,
    read: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Connect for Counting {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>> {
        let connecting = self.inner.connect(host, address);
        let (read, open) = (Arc::clone(&self.read), Arc::clone(&self.open));
        Box::pin(async move {
            let io = connecting.await?;
            open.fetch_add(1, Ordering::SeqCst);
            Ok(ByteStream::of_transport(Counted { io, read, open }))
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Counted {
    fn tcp_info(&self) -> Option<TcpInfo> {
        self.io.tcp_info()
    }

    fn reset_on_drop(&mut self) {
        self.io.reset_on_drop();
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        self.read.fetch_add(read, Ordering::SeqCst);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
