//! Servers on loopback with certificates of their own, for pages.
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What a server does once TLS is up.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Upgrades, this long after the request.
    Upgrade(Duration),
    /// Upgrades at this path, and answers 404 elsewhere.
    UpgradeAt(&'static str),
    /// Upgrades to this subprotocol.
    Subprotocol(&'static str),
    /// Accepts and never answers, not even in TLS.
    Silence,
    /// Answers with this head.
    Answer(&'static str),
}

/// A server on loopback that plays a host.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The head of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(does: Does) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (acceptor, asked) = (acceptor.clone(), kept.clone());
                tokio::spawn(async move {
                    if matches!(does, Does::Silence) {
                        std::future::pending::<()>().await;
                    }
                    let stream = acceptor.accept(stream).await.ok()?;
                    serve(stream, does, &asked).await
                });
            }
        });
        Server { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves until the browser closes, or a WebSocket was opened and closed.
async fn serve(
    mut stream: TlsStream<TcpStream>,
    does: Does,
    asked: &Mutex<Vec<String>>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let field = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
        };
        let key = field("Sec-WebSocket-Key:");
        asked.lock().unwrap().push(head.clone());
        let protocol = match does {
            Does::Upgrade(after) => {
                tokio::time::sleep(after).await;
                String::new()
            }
            Does::UpgradeAt(right) if path == right => String::new(),
            Does::Subprotocol(right) if field("Sec-WebSocket-Protocol:")? == right => {
                format!("Sec-WebSocket-Protocol: {right}\r\n")
            }
            Does::Answer(answer) => {
                stream.write_all(answer.as_bytes()).await.ok()?;
                continue;
            }
            _ => {
                let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(none).await.ok()?;
                continue;
            }
        };
        let accept = derive_accept_key(key?.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        // Answers the closing handshake.
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while socket.next().await.is_some_and(|one| one.is_ok()) {}
        return Some(());
    }
}

/// Returns a port that refuses connections while the socket is kept.
pub(crate) fn refusing() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}
