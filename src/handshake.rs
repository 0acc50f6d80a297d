//! The timed pipeline: connect → (proxy →) tls → upgrade, or an HTTP request in place of the upgrade.
//!
//! Existing clients can't time the phases separately: tokio-tungstenite's helper fuses TLS with the
//! upgrade, and reqwest exposes no phases at all. One parser reads the response head in both cases,
//! so a REST probe has the same limits as an upgrade and works without the `rest` feature.

/// Implements `AsyncWrite` by forwarding to the field `io`.
macro_rules! write_through {
    ($wrapper:ty) => {
        impl AsyncWrite for $wrapper {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.io).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.io.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.io).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.io).poll_shutdown(cx)
            }
        }
    };
}

mod after_upgrade;
mod byte_limit;
mod early_data;
mod http_connect;
mod http_request;
mod opening;
mod proxy_stream;
#[cfg(any(test, fuzzing))]
pub(crate) mod replay;
mod response_head;
mod secure_stream;
mod socks5;
mod through_proxy;
mod websocket_key;
mod websocket_path;
mod websocket_upgrade;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

pub use after_upgrade::AfterUpgrade;
use byte_limit::ByteLimit;
use early_data::Early;
#[cfg(feature = "rest")]
pub(crate) use response_head::delay_asked;
pub use secure_stream::SecureStream;
pub(crate) use websocket_path::Paths;
pub use websocket_upgrade::ConnectOptions;

use crate::catalog::Endpoint;
use crate::certificate::CertificateChain;
use crate::connect::{ByteStream, TcpInfo, Transport, Watch};
use crate::dialer::Dialer;
use crate::failure::{Failure, FailureKind};
use crate::phase::{EarlyData, Phase, Timings};
use crate::tls::{self, SeenChains, TlsSession};

/// The default `User-Agent` of probes and connections.
const USER_AGENT: &str = concat!("easelect/", env!("CARGO_PKG_VERSION"));

/// The progress of an attempt. It stays readable after the attempt is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<Reached>>);

/// The state in a [`Progress`].
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// The current phase, or the last one.
    pub(crate) phase: Phase,
    pub(crate) timings: Timings,
    pub(crate) started: Option<Instant>,
    /// Bytes arrived since the last call of `has_heard`.
    heard: bool,
    /// The state of TCP right after connecting.
    pub(crate) tcp_at_connect: Option<TcpInfo>,
    /// The state of TCP when the attempt ended.
    pub(crate) tcp_at_end: Option<TcpInfo>,
    pub(crate) session: Option<TlsSession>,
    /// The accepted certificates, if the handshake keeps them.
    pub(crate) chain: Option<Arc<CertificateChain>>,
    /// The server asked for a client certificate.
    certificate_wanted: bool,
    /// The HTTP status of the response, of success or failure.
    pub(crate) status: Option<u16>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress(Arc::new(Mutex::new(Reached {
            phase: Phase::Connect,
            timings: Timings::default(),
            started: None,
            heard: false,
            tcp_at_connect: None,
            tcp_at_end: None,
            session: None,
            chain: None,
            certificate_wanted: false,
            status: None,
        })))
    }

    pub(crate) fn reached(&self) -> Reached {
        self.lock().clone()
    }

    pub(crate) fn timings(&self) -> Timings {
        self.lock().timings
    }

    /// Whether bytes arrived since the last call.
    pub(crate) fn has_heard(&self) -> bool {
        std::mem::take(&mut self.lock().heard)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self, at: Instant) {
        self.lock().started = Some(at);
    }

    fn begin(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    fn early_data(&self, early_data: EarlyData) {
        self.lock().timings.set_early_data(early_data);
    }

    /// Records the end of connecting and the state of TCP, now and when the stream ends.
    fn connected(&self, took: Duration, io: ByteStream) -> ByteStream {
        let tcp = io.tcp_info();
        let mut reached = self.lock();
        reached.timings.set(Phase::Connect, took);
        reached.tcp_at_connect = tcp;
        io.watched_by(Arc::clone(&self.0) as Arc<dyn Watch>)
    }

    /// Adjusts a failure to what this attempt learned earlier.
    fn amend(&self, failure: Failure) -> Failure {
        match self.lock().certificate_wanted {
            true => tls::with_certificate_wanted(failure),
            false => failure,
        }
    }

    /// Records that the current phase succeeded `at` this instant.
    fn done(&self, since: Instant, at: Instant) {
        let mut reached = self.lock();
        let phase = reached.phase;
        reached.timings.set(phase, at - since);
    }
}

impl Watch for Mutex<Reached> {
    fn heard(&self) {
        let mut reached = self.lock().unwrap_or_else(PoisonError::into_inner);
        reached.heard = true;
    }

    fn ended(&self, tcp: TcpInfo) {
        let mut reached = self.lock().unwrap_or_else(PoisonError::into_inner);
        reached.tcp_at_end = Some(tcp);
    }
}

impl Reached {
    /// Whether this machine, not the network, delayed the connect: the kernel's round-trip time is
    /// much shorter, and no SYN was repeated. Timers and scheduling add up to 2 ms.
    pub(crate) fn locally_delayed(&self) -> bool {
        let connect = self.timings.get(Phase::Connect);
        let (Some(tcp), Some(connect)) = (self.tcp_at_connect, connect) else {
            return false;
        };
        let Some(rtt) = tcp.rtt else {
            return false;
        };
        let margin = Duration::from_millis(2).max(rtt / 4);
        tcp.retransmissions == 0 && connect > rtt + margin
    }
}

/// An open WebSocket, and the subprotocol that the server chose.
pub(crate) struct WebSocket {
    pub(crate) stream: Box<WebSocketStream<SecureStream>>,
    pub(crate) subprotocol: Option<String>,
}

/// Omits the subprotocol: the app may send a token as one.
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}

impl WebSocket {
    /// Listens for what the server does right after the upgrade, for at most `patience`.
    pub(crate) async fn listen(&mut self, patience: Duration) -> Option<AfterUpgrade> {
        after_upgrade::listen(&mut self.stream, patience).await
    }

    /// Sends a Close frame if that is possible without waiting, and ends a probe's connection.
    pub(crate) fn goodbye(mut self) {
        let _ = self.stream.close(None).now_or_never();
    }
}

/// The target of an attempt: an endpoint at one of its addresses, and a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'a str,
}

/// An exchange with a host after the TLS handshake.
pub(crate) trait Exchange: Copy + Send + Sync {
    /// The result of success.
    type Opened: Send;

    /// Whether success proves that the service works; TLS alone doesn't.
    const PROVES: bool = true;

    /// The app's additions to the upgrade; `None` if the exchange is not an upgrade.
    fn options(&self) -> Option<&ConnectOptions>;

    /// Sends the request and checks the response.
    fn run(
        self,
        secured: Secured,
        target: Target<'_>,
        progress: &Progress,
    ) -> impl Future<Output = Result<Self::Opened, Failure>> + Send;
}

/// The WebSocket upgrade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upgrade<'a> {
    options: &'a ConnectOptions,
    /// How much to read of a refusal's body.
    body: Body,
}

impl<'a> Upgrade<'a> {
    /// An app's upgrade: never waits for a refusal's body.
    pub(crate) fn of_an_app(options: &'a ConnectOptions) -> Self {
        let body = Body::AsItCame;
        Upgrade { options, body }
    }

    /// A probe's upgrade.
    pub(crate) fn of_a_probe(options: &'a ConnectOptions) -> Self {
        let body = Body::Awaited;
        Upgrade { options, body }
    }
}

/// The HTTP request of a REST probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request;

impl Exchange for Upgrade<'_> {
    type Opened = WebSocket;

    fn options(&self) -> Option<&ConnectOptions> {
        Some(self.options)
    }

    async fn run(
        self,
        secured: Secured,
        target: Target<'_>,
        progress: &Progress,
    ) -> Result<WebSocket, Failure> {
        upgrade(secured, target, self, progress).await
    }
}

/// How much to read of the body of an unwanted response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Only what arrived together with the head.
    AsItCame,
    /// Also what arrives within one more round trip.
    Awaited,
}

/// Runs the upgrade. If the request went as early data, only reads the response.
async fn upgrade(
    secured: Secured,
    target: Target<'_>,
    Upgrade { options, body }: Upgrade<'_>,
    progress: &Progress,
) -> Result<WebSocket, Failure> {
    let Secured { mut stream, asked } = secured;
    let started = Instant::now();
    progress.begin(Phase::Upgrade);
    let (request, mut head) = match asked {
        Some(request) => (
            request,
            response_head::read(&mut stream, Phase::Upgrade).await?,
        ),
        None => {
            let request = websocket_upgrade::request(target.endpoint, target.path, options);
            let head = exchange(&mut stream, &request.bytes, Phase::Upgrade).await?;
            (request, head)
        }
    };
    let answered = Instant::now();
    progress.lock().status = Some(head.status);
    let subprotocol = match websocket_upgrade::check(&request, &head) {
        Ok(subprotocol) => subprotocol,
        // The response may echo the app's headers or query, which may be secret.
        Err(failure) if !options.adds_nothing() => return Err(failure.with_page(head.is_page())),
        Err(failure) => {
            if body == Body::Awaited {
                head.await_body(&mut stream, answered - started).await;
            }
            return Err(head.describe(failure).with_page(head.is_page()));
        }
    };
    progress.done(started, answered);
    stream.0.get_mut().0.lift();
    let config = options.websocket_config();
    let stream =
        WebSocketStream::from_partially_read(stream, head.rest, Role::Client, config).await;
    Ok(WebSocket {
        stream: Box::new(stream),
        subprotocol,
    })
}

impl Exchange for Request {
    type Opened = ();

    fn options(&self) -> Option<&ConnectOptions> {
        None
    }

    async fn run(
        self,
        secured: Secured,
        target: Target<'_>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mut stream = secured.stream;
        let started = Instant::now();
        progress.begin(Phase::Processing);
        let request = http_request::request(target.endpoint);
        let mut head = exchange(&mut stream, &request, Phase::Processing).await?;
        progress.lock().status = Some(head.status);
        progress.done(started, head.first_byte);
        match http_request::check(&head) {
            Ok(()) => Ok(()),
            Err(failure) => {
                let patience = head.first_byte - started;
                head.await_body(&mut stream, patience).await;
                Err(head.describe(failure))
            }
        }
    }
}

/// No exchange: returns the encrypted stream as it is.
#[cfg(feature = "rest")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

#[cfg(feature = "rest")]
impl Exchange for Nothing {
    type Opened = SecureStream;

    const PROVES: bool = false;

    fn options(&self) -> Option<&ConnectOptions> {
        None
    }

    async fn run(
        self,
        secured: Secured,
        _: Target<'_>,
        _: &Progress,
    ) -> Result<SecureStream, Failure> {
        let mut stream = secured.stream;
        stream.0.get_mut().0.lift();
        Ok(stream)
    }
}

/// A completed TLS handshake.
pub(crate) struct Secured {
    stream: SecureStream,
    /// The upgrade request, if the server accepted it as early data.
    asked: Option<websocket_upgrade::Request>,
}

/// Opens connections, phase by phase.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    dialer: Dialer,
    early: Option<Arc<Early>>,
    /// Keeps the servers' certificates, if anything needs them.
    chains: Option<Arc<SeenChains>>,
}

impl Handshake {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Handshake {
            dialer,
            early: None,
            chains: None,
        }
    }

    /// Keeps accepted certificates.
    pub(crate) fn keeping_chains(mut self) -> Self {
        self.chains = Some(Arc::default());
        self
    }

    /// Sends early data where allowed.
    pub(crate) fn with_early_data(mut self) -> Self {
        self.early = Some(Arc::default());
        self
    }

    /// First stage: opens a byte stream to the endpoint at `address`, or through the proxy at
    /// `address`.
    pub(crate) async fn dial(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
        progress: &Progress,
    ) -> Result<ByteStream, Failure> {
        let peer = self.dialer.peer(endpoint);
        progress.begin(match peer.proxy {
            // An unreachable proxy is not a fault of the endpoint.
            Some(_) => Phase::Proxy,
            None => Phase::Connect,
        });
        let started = Instant::now();
        let io = self.dialer.connect(&peer, address).await;
        let io = io.map_err(|failure| match peer.proxy {
            Some(_) => through_proxy::unreachable(failure),
            None => failure,
        })?;
        let connected = Instant::now();
        let io = progress.connected(connected - started, io);
        let Some(proxy) = peer.proxy else {
            return Ok(io);
        };
        let (host, port) = (endpoint.host(), endpoint.port());
        let io = through_proxy::open(io, proxy, self.dialer.tls(), host, port).await?;
        progress.done(connected, Instant::now());
        Ok(io)
    }

    /// Runs both stages.
    pub(crate) async fn dial_and_open<E: Exchange>(
        &self,
        target: Target<'_>,
        exchange: E,
        progress: &Progress,
    ) -> Result<E::Opened, Failure> {
        let io = self.dial(target.endpoint, target.address, progress).await?;
        let secured = self.secure(io, target, exchange, progress).await?;
        self.finish(secured, target, exchange, progress).await
    }

    /// Second stage, first half: TLS, with the upgrade request as early data where allowed.
    pub(crate) async fn secure<E: Exchange>(
        &self,
        io: ByteStream,
        target: Target<'_>,
        exchange: E,
        progress: &Progress,
    ) -> Result<Secured, Failure> {
        let early = self.early.as_ref().zip(exchange.options());
        let Some((early, options)) = early.filter(|(early, all)| early.may_ask(target, all)) else {
            return self.secure_alone(io, target, progress).await;
        };
        let request = websocket_upgrade::request(target.endpoint, target.path, options);
        let mut sent = false;
        let put = |session: &mut ClientConnection| {
            sent = early_data::put(session, &request.bytes);
            if sent {
                progress.early_data(EarlyData::Unanswered);
            }
        };
        let config = early_data::with_early_data(&self.dialer.tls().here());
        let secured = self
            .shake_hands(io, target.endpoint, config, put, progress)
            .await;
        match secured {
            Ok(stream) if sent && stream.0.get_ref().1.is_early_data_accepted() => {
                progress.early_data(EarlyData::Accepted);
                let asked = Some(request);
                Ok(Secured { stream, asked })
            }
            Ok(stream) => {
                if sent {
                    progress.early_data(EarlyData::Rejected);
                }
                let asked = None;
                Ok(Secured { stream, asked })
            }
            Err(failure) if sent && early_data::may_be_why(&failure) => {
                progress.early_data(EarlyData::Rejected);
                let secured = self.dial_and_secure_alone(target, progress).await?;
                // It works without early data, so early data was the cause.
                early.refuse(target.endpoint.host());
                Ok(secured)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn secure_alone(
        &self,
        io: ByteStream,
        target: Target<'_>,
        progress: &Progress,
    ) -> Result<Secured, Failure> {
        let config = self.dialer.tls().here();
        let stream = self
            .shake_hands(io, target.endpoint, config, |_| (), progress)
            .await?;
        let asked = None;
        Ok(Secured { stream, asked })
    }

    /// Boxed: it is rare, and would triple the size of the futures that contain it.
    fn dial_and_secure_alone<'a>(
        &'a self,
        target: Target<'a>,
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<Secured, Failure>> {
        Box::pin(async move {
            let io = self.dial(target.endpoint, target.address, progress).await?;
            self.secure_alone(io, target, progress).await
        })
    }

    /// Second stage, second half: the upgrade or the request.
    pub(crate) async fn finish<E: Exchange>(
        &self,
        secured: Secured,
        target: Target<'_>,
        exchange: E,
        progress: &Progress,
    ) -> Result<E::Opened, Failure> {
        let early = self.early.as_ref().filter(|_| secured.asked.is_some());
        let ended = exchange.run(secured, target, progress).await;
        let ended = ended.map_err(|failure| progress.amend(failure));
        let Some(early) = early else {
            return ended;
        };
        match ended {
            Err(failure) if early_data::is_too_early(&failure) => {
                early.refuse(target.endpoint.host());
                progress.early_data(EarlyData::Rejected);
                let secured = self.dial_and_secure_alone(target, progress).await?;
                let ended = exchange.run(secured, target, progress).await;
                ended.map_err(|failure| progress.amend(failure))
            }
            ended => ended,
        }
    }

    /// Runs the TLS handshake, after `prepare` has set up the session.
    async fn shake_hands(
        &self,
        io: ByteStream,
        endpoint: &Endpoint,
        config: Arc<ClientConfig>,
        prepare: impl FnOnce(&mut ClientConnection),
        progress: &Progress,
    ) -> Result<SecureStream, Failure> {
        progress.begin(Phase::Tls);
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| Failure::new(Phase::Tls, FailureKind::Other).with_message(error))?;
        let started = Instant::now();
        let connecting = TlsConnector::from(config).connect_with(name, ByteLimit::new(io), prepare);
        let (ended, wanted) = (self.dialer.tls())
            .wait_for(tls::noticing(connecting))
            .await;
        progress.lock().certificate_wanted = wanted;
        let stream = ended.map_err(|error| {
            let failure = tls::failure_of(&error, Phase::Tls);
            progress.amend(failure)
        })?;
        progress.done(started, Instant::now());
        let session = stream.get_ref().1;
        let mut reached = progress.lock();
        reached.session = TlsSession::of(session);
        if let (Some(seen), Some(shown)) = (&self.chains, session.peer_certificates()) {
            reached.chain = seen.read(shown, endpoint.host(), self.dialer.tls());
        }
        drop(reached);
        Ok(SecureStream(Box::new(stream)))
    }
}

async fn exchange(
    stream: &mut SecureStream,
    request: &[u8],
    phase: Phase,
) -> Result<response_head::Head, Failure> {
    let sent = async {
        stream.write_all(request).await?;
        stream.flush().await
    };
    // A peer that refuses may close before it has read everything; its response is still readable.
    let sent: io::Result<()> = sent.await;
    match response_head::read(stream, phase).await {
        Ok(head) => Ok(head),
        Err(failure) => match sent {
            Err(error) if failure.kind() == FailureKind::Closed => {
                Err(tls::failure_of(&error, phase))
            }
            _ => Err(failure),
        },
    }
}
