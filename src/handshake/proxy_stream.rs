//! Shared by all kinds of proxies: sending, and the failures of a broken connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::connect::{ByteStream, TcpInfo, Transport};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

pub(super) async fn send(io: &mut ByteStream, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

/// The failure for a connection to the proxy that broke before the tunnel was open.
pub(super) fn broken(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return closed();
    }
    failure(FailureKind::Other).with_message(error)
}

/// The failure for a proxy that closed the connection before the tunnel was open.
pub(super) fn closed() -> Failure {
    failure(FailureKind::Other).with_message("closed by the proxy")
}

pub(super) const fn failure(kind: FailureKind) -> Failure {
    Failure::new(Phase::Proxy, kind)
}

/// A stream that returns bytes read ahead before the rest.
pub(super) struct Ahead {
    rest: Vec<u8>,
    io: ByteStream,
}

impl Ahead {
    pub(super) fn new(rest: Vec<u8>, io: ByteStream) -> Self {
        Ahead { rest, io }
    }
}

impl Transport for Ahead {
    fn tcp_info(&self) -> Option<TcpInfo> {
        self.io.tcp_info()
    }

    fn reset_on_drop(&mut self) {
        self.io.reset_on_drop();
    }

    fn set_user_timeout(&mut self, timeout: Duration) {
        self.io.set_user_timeout(timeout);
    }

    fn settle(&mut self) {
        self.io.settle();
    }
}

impl AsyncRead for Ahead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Poll::Ready(Ok(()))
    }
}

write_through!(Ahead);
