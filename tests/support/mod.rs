//! A real server on loopback: TCP, TLS with its own CA, HTTP and WebSocket, with delays and faults in
//! each phase.

#![allow(dead_code, reason = "no test uses everything")]

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How a [`Server`] behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// The delay before the ServerHello.
    pub(crate) tls_delay: Duration,
    /// The delay between request and response.
    pub(crate) answer_delay: Duration,
    /// Whether delays are exact to a few microseconds, which keeps a core busy.
    pub(crate) exact_delays: bool,
    /// The response instead of an upgrade, or to a GET. `{accept}` in it becomes the correct answer to
    /// the WebSocket key.
    pub(crate) answer: Option<String>,
    /// The only path that is upgraded; `None` for every path.
    pub(crate) path: Option<&'static str>,
    /// Whether it stays silent after accepting.
    pub(crate) silent: bool,
    /// Whether it accepts TLS 1.3 early data.
    pub(crate) early_data: bool,
    /// Whether it neither resumes nor offers TLS sessions.
    pub(crate) no_sessions: bool,
    /// The address that it listens on, if not 127.0.0.1. Linux has all of 127.0.0.0/8.
    pub(crate) at: Option<Ipv4Addr>,
    /// The name in its certificate, if not `localhost`.
    pub(crate) name: Option<&'static str>,
}

impl Behaviour {
    async fn wait(&self, delay: Duration) {
        if !self.exact_delays {
            return tokio::time::sleep(delay).await;
        }
        // The runtime's timers fire up to 1 ms late, and a core has to wake up.
        let until = Instant::now() + delay;
        if let Some(most) = delay.checked_sub(Duration::from_millis(2)) {
            tokio::time::sleep(most).await;
        }
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
    }
}

/// The most bytes of early data.
const MAX_EARLY_DATA: u32 = 16 * 1024;

/// A server, which runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) root: CertificateDer<'static>,
    open: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
    early: Arc<AtomicUsize>,
    takes_none: Arc<AtomicBool>,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let at = behaviour.at.unwrap_or(Ipv4Addr::LOCALHOST);
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut config, root) = config_for(behaviour.name.unwrap_or("localhost"));
        if behaviour.no_sessions {
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        // Clones share TLS sessions.
        let strict = TlsAcceptor::from(Arc::new(config.clone()));
        if behaviour.early_data {
            config.max_early_data_size = MAX_EARLY_DATA;
        }
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let early = Arc::new(AtomicUsize::new(0));
        let takes_none = Arc::new(AtomicBool::new(false));
        let open = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (opened, counted) = (Arc::clone(&open), Arc::clone(&accepted));
        let (came_early, none) = (Arc::clone(&early), Arc::clone(&takes_none));
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let strictly = none.load(Ordering::SeqCst);
                let acceptor = if strictly { &strict } else { &acceptor };
                let (acceptor, behaviour) = (acceptor.clone(), behaviour.clone());
                let (came_early, record) = (Arc::clone(&came_early), Arc::clone(&record));
                let guard = Open::new(&opened);
                tokio::spawn(async move {
                    let _guard = guard;
                    // A client may go at any time; that is its right.
                    let _ = serve(stream, acceptor, behaviour, &came_early, &record).await;
                });
            }
        });
        Server {
            address,
            root,
            open,
            accepted,
            early,
            takes_none,
            heads,
            task,
        }
    }

    /// Returns the heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Returns the number of requests that came as early data so far.
    pub(crate) fn early(&self) -> usize {
        self.early.load(Ordering::SeqCst)
    }

    /// Refuses early data from now on, although sessions offered it.
    pub(crate) fn take_no_early_data(&self) {
        self.takes_none.store(true, Ordering::SeqCst);
    }

    /// Returns the number of connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until no connection is open.
    pub(crate) async fn idle(&self) {
        none_open(&self.open).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts as an open connection until it is dropped.
pub(crate) struct Open(Arc<AtomicUsize>);

impl Open {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the count of open connections is 0.
pub(crate) async fn none_open(count: &AtomicUsize) {
    let gone = async {
        while count.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("the client left a connection open");
}

pub(crate) fn server_config() -> (ServerConfig, CertificateDer<'static>) {
    config_for("localhost")
}

fn config_for(name: &str) -> (ServerConfig, CertificateDer<'static>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    // With the name of its issuer, OpenSSL would take it for self-signed.
    params.distinguished_name.push(DnType::CommonName, name);
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    (config, issuer.der().clone())
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    behaviour: Behaviour,
    came_early: &AtomicUsize,
    heads: &Mutex<Vec<String>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    if behaviour.silent {
        let mut stream = stream;
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        return Ok(());
    }
    behaviour.wait(behaviour.tls_delay).await;
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    if let Some(mut early) = stream.get_mut().1.early_data() {
        early.read_to_end(&mut head)?;
        came_early.fetch_add(usize::from(!head.is_empty()), Ordering::SeqCst);
    }
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8(head)?;
    heads.lock().unwrap().push(head.clone());
    behaviour.wait(behaviour.answer_delay).await;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let known = behaviour.path.is_none_or(|only| path.starts_with(only));
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .filter(|_| known);
    let accept =
        |key: &str| tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = match (&behaviour.answer, key) {
        (Some(answer), key) => answer.replace("{accept}", &key.map(accept).unwrap_or_default()),
        (None, None) => {
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        (None, Some(key)) => format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            accept(key)
        ),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await?;
    if behaviour.answer.is_none() && key.is_some() {
        let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
        let mut websocket =
            tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, None).await;
        while let Some(message) = websocket.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                websocket.send(message).await?;
            }
        }
        return Ok(());
    }
    stream.shutdown().await?;
    Ok(())
}
