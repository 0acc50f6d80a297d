//! What every kind of proxy has in common: bytes sent, and what the end of them means.

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

/// The failure that a connection to the proxy means that ended in the middle of it all.
pub(super) fn broken(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return failure(FailureKind::Other).with_message("closed by the proxy");
    }
    failure(FailureKind::Other).with_message(error)
}

pub(super) const fn failure(kind: FailureKind) -> Failure {
    Failure::new(Phase::Proxy, kind)
}

/// A stream of which some bytes were read ahead.
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
