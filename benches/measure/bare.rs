//! The least cost of a handshake: tokio, tokio-rustls and tungstenite in a loop, without easelect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;

pub(crate) type WebSocket = WebSocketStream<TlsStream<TcpStream>>;

/// A bare client of one server.
pub(crate) struct Bare {
    address: SocketAddr,
    url: String,
    connector: TlsConnector,
}

impl Bare {
    pub(crate) fn new(
        address: SocketAddr,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        resume: bool,
    ) -> Self {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(store)
            .with_no_client_auth();
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Bare {
            address,
            url: format!("wss://localhost:{}/ws", address.port()),
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    /// Opens a WebSocket and sends a Close frame, as a probe does. Returns the times of connect, TLS and
    /// upgrade.
    pub(crate) async fn probe(&self) -> [Duration; 3] {
        let (mut websocket, took) = self.open().await;
        let _ = websocket.close(None).now_or_never();
        took
    }

    /// Opens a WebSocket. Also returns the times of connect, TLS and upgrade.
    pub(crate) async fn open(&self) -> (WebSocket, [Duration; 3]) {
        let started = Instant::now();
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.set_nodelay(true).expect("TCP has it");
        let connected = Instant::now();
        let name = ServerName::try_from("localhost").expect("a good name");
        let stream = self.connector.connect(name, stream).await;
        let stream = stream.expect("it is trusted");
        let secured = Instant::now();
        let opened = tokio_tungstenite::client_async(self.url.as_str(), stream).await;
        let (websocket, _) = opened.expect("it upgrades");
        let upgraded = Instant::now();
        let took = [connected - started, secured - connected, upgraded - secured];
        (websocket, took)
    }
}
