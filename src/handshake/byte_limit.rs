//! Limits how much a peer may send before it is ready.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::response_head::MAX_BYTES;
use crate::connect::{ByteStream, TcpInfo, Transport};

/// A stream that fails once the peer sends more than [`MAX_BYTES`], TLS included, until the limit is
/// [lifted](Self::lift). TLS and HTTP have limits of their own; this one holds for their sum. Inside
/// a proxy's own TLS there are two: one for the host's bytes, one for all bytes.
#[derive(Debug)]
pub(super) struct ByteLimit {
    io: ByteStream,
    left: Option<usize>,
    read: u64,
    written: u64,
}

impl ByteLimit {
    pub(super) fn new(io: ByteStream) -> Self {
        ByteLimit {
            io,
            left: Some(MAX_BYTES),
            read: 0,
            written: 0,
        }
    }

    /// Lifts the limit: the peer is ready.
    pub(super) fn lift(&mut self) {
        self.left = None;
        self.io.settle();
    }

    /// The number of bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The number of bytes that the transport accepted so far.
    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// See [`Transport::set_user_timeout`].
    pub(super) fn set_user_timeout(&mut self, timeout: Duration) {
        self.io.set_user_timeout(timeout);
    }

    pub(super) fn tcp_info(&self) -> Option<TcpInfo> {
        self.io.tcp_info()
    }

    /// See [`Transport::reset_on_drop`].
    pub(super) fn reset_on_drop(&mut self) {
        self.io.reset_on_drop();
    }
}

impl AsyncRead for ByteLimit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let most = match self.left {
            None => buf.remaining(),
            Some(0) => return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())),
            Some(left) => left.min(buf.remaining()),
        };
        if most == buf.remaining() {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        } else {
            let mut some = ReadBuf::new(buf.initialize_unfilled_to(most));
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut some))?;
            let read = some.filled().len();
            buf.advance(read);
        }
        let read = buf.filled().len() - before;
        self.left = self.left.map(|left| left - read);
        self.read += read as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ByteLimit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_peer_may_send_so_much_and_no_more_until_it_is_ready() {
        let (ours, mut theirs) = tokio::io::duplex(4 * MAX_BYTES);
        let mut limited = ByteLimit::new(ByteStream::opaque(ours));
        theirs.write_all(&vec![0; 3 * MAX_BYTES]).await.unwrap();
        drop(theirs);
        let mut read = Vec::new();
        let error = limited.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read.len(), MAX_BYTES);
        limited.lift();
        limited.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 3 * MAX_BYTES);
    }
}
