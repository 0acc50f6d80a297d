//! What a peer may answer, played from memory: where the fuzz targets come in. The readers are
//! those of real connections.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::{head, request, socks, tunnel, upgrade};
use crate::catalog::Endpoint;
use crate::failure::Failure;
use crate::phase::Phase;
use crate::proxy::{Protocol, Proxy};
use crate::transport::{BoxIo, Io};

/// The example of RFC 6455 §1.3, so that an answer on file can be the right one.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What an upgrade to `endpoint` makes of an answer that arrives in pieces of this size: the
/// subprotocol, and the bytes that are the WebSocket's.
///
/// # Errors
///
/// As an attempt that was answered so.
pub fn upgraded(
    endpoint: &Endpoint,
    options: &super::ConnectOptions,
    answer: &[u8],
    piece: usize,
) -> Result<(Option<String>, Vec<u8>), Failure> {
    let mut peer = Peer::new(answer, piece);
    let mut head = at_once(head::read(&mut peer, Phase::Upgrade))?;
    let request = upgrade::request_with(KEY, endpoint, "/", options);
    let subprotocol = upgrade::check(&request, &head)?;
    head.rest.extend_from_slice(&peer.answer[peer.said..]);
    Ok((subprotocol, head.rest))
}

/// What a REST probe makes of it: the status.
///
/// # Errors
///
/// As an attempt that was answered so.
pub fn answered(answer: &[u8], piece: usize) -> Result<u16, Failure> {
    let mut peer = Peer::new(answer, piece);
    let head = at_once(head::read(&mut peer, Phase::Processing))?;
    request::check(&head)?;
    Ok(head.status)
}

/// What the way through `proxy` makes of it: the bytes that are the host's.
///
/// # Errors
///
/// As an attempt that was answered so.
pub fn tunnelled(proxy: &Proxy, answer: &[u8], piece: usize) -> Result<Vec<u8>, Failure> {
    const HOST: (&str, u16) = ("im.example", 443);
    let mut io = BoxIo(Box::new(Peer::new(answer, piece)));
    let mut rest = match proxy.protocol() {
        Protocol::Http | Protocol::Https => {
            at_once(tunnel::connect(&mut io, proxy, HOST.0, HOST.1))?
        }
        Protocol::Socks5 => {
            let credentials = proxy.credentials();
            at_once(socks::connect(&mut io, credentials, HOST.0, HOST.1))?;
            Vec::new()
        }
    };
    at_once(io.read_to_end(&mut rest)).map_err(|error| tunnel::broken(&error))?;
    Ok(rest)
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

/// Takes whatever is sent, and says its answer piece by piece.
struct Peer {
    answer: Vec<u8>,
    said: usize,
    piece: usize,
}

impl Peer {
    fn new(answer: &[u8], piece: usize) -> Self {
        Peer {
            answer: answer.to_vec(),
            said: 0,
            piece: piece.max(1),
        }
    }
}

impl Io for Peer {}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.answer[self.said..];
        let count = rest.len().min(self.piece).min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.said += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
