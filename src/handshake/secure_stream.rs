//! The encrypted byte stream handed to the app.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::byte_limit::ByteLimit;
use crate::connect::TcpInfo;

/// The encrypted byte stream under a WebSocket, or one opened by
/// [`Dialer::open`](crate::Dialer::open).
// Boxed: futures that hold or return it reserve its size several times, 7 kB in a probe.
pub struct SecureStream(pub(super) Box<TlsStream<ByteLimit>>);

impl SecureStream {
    /// Returns the transport's current counters and measurements of this connection, if it provides
    /// any. Through a proxy, they describe the connection to the proxy.
    #[must_use]
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        self.0.get_ref().0.tcp_info()
    }

    /// The number of bytes received so far, TLS included: shows the arrival of a large message long
    /// before its end.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.0.get_ref().0.bytes_read()
    }

    /// The number of sent bytes known to have made progress, and whether that means acknowledged: by
    /// the peer if the transport reports it, otherwise only accepted by the transport.
    pub(crate) fn bytes_got_on(&self) -> (u64, bool) {
        let acknowledged = self.tcp_info().and_then(|tcp| tcp.bytes_acknowledged);
        match acknowledged {
            Some(bytes) => (bytes, true),
            None => (self.0.get_ref().0.bytes_written(), false),
        }
    }

    /// See [`Transport::set_user_timeout`].
    pub(crate) fn set_user_timeout(&mut self, timeout: Duration) {
        self.0.get_mut().0.set_user_timeout(timeout);
    }
}

impl fmt::Debug for SecureStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecureStream")
    }
}

impl AsyncRead for SecureStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for SecureStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
