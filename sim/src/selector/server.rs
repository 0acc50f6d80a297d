//! The server at the far end of a dial: real TLS and a real upgrade, with the sampled delays.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::network::Scene;
use crate::world::{Answer, Attempt};

/// The servers' certificates.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    /// The root that clients trust.
    pub(super) root: CertificateDer<'static>,
    right: Arc<ServerConfig>,
    /// For another host: makes TLS handshakes fail.
    wrong: Arc<ServerConfig>,
}

impl Identities {
    /// Creates the certificates of servers with these names.
    pub(super) fn new(names: Vec<String>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let config = |names| -> Result<_, Box<dyn Error + Send + Sync>> {
            let key = KeyPair::generate()?;
            let leaf = CertificateParams::new(names)?.signed_by(&key, &authority)?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(
                    vec![leaf.der().clone()],
                    PrivateKeyDer::Pkcs8(key.serialize_der().into()),
                )?;
            Ok(Arc::new(config))
        };
        Ok(Identities {
            right: config(names)?,
            wrong: config(vec!["elsewhere.example".to_owned()])?,
            root: authority.der().clone(),
        })
    }
}

/// Serves one connection with the attempt's delays and faults, until the client leaves.
pub(super) async fn serve(
    mut stream: DuplexStream,
    attempt: Attempt,
    identities: Identities,
    scene: Arc<Scene>,
) -> io::Result<()> {
    let (tls_ms, identity) = match attempt.tls {
        Answer::After(ms) => (ms, identities.right),
        // A wrong certificate also stands for a reset: the Selector treats both as a broken path.
        Answer::Fails(ms) => (ms, identities.wrong),
        Answer::Never => {
            stream.read_u8().await?;
            scene.count_handshake();
            return listen(&mut stream).await;
        }
    };
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    scene.count_handshake();
    scene.moments.pass(tls_ms).await;
    let mut stream = hello.into_stream(identity).await?;
    let key = requested_key(&mut stream).await?;
    let Answer::After(upgrade_ms) = attempt.upgrade else {
        return listen(&mut stream).await;
    };
    scene.moments.pass(upgrade_ms).await;
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await?;
    listen(&mut stream).await
}

/// Reads a request and returns its WebSocket key.
async fn requested_key(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let key = (head.lines()).find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    key.map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Reads until the client leaves.
async fn listen(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await?;
    Ok(())
}
