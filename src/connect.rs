//! Byte streams below TLS: TCP, and the kernel's data about it.
//!
//! Through [`Connect`], an app, a test or a bench puts its own streams (a tunnel, a simulated network)
//! under the same TLS and WebSocket code.

mod tcp_info;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub use tcp_info::{Silence, TcpInfo};

use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// Any stream that tokio can read and write.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// An [`Io`] that reports on its transport and controls how the connection ends.
pub trait Transport: Io {
    /// Returns the transport's current counters and measurements, if available.
    fn tcp_info(&self) -> Option<TcpInfo>;

    /// Makes a later drop reset the connection instead of closing it in order, so that an attempt that
    /// lost a race leaves no state on either side.
    fn reset_on_drop(&mut self);

    /// Closes the connection if sent data stays unacknowledged for this long (RFC 5482; on Linux
    /// `TCP_USER_TIMEOUT`). The default does nothing.
    fn set_user_timeout(&mut self, timeout: Duration) {
        let _ = timeout;
    }

    /// Reports that the attempt succeeded, so that limits and monitoring for attempts end. The default does
    /// nothing; a type that wraps a [`ByteStream`] must forward the call.
    fn settle(&mut self) {}
}

/// An observer of an attempt.
pub(crate) trait Watch: Send + Sync {
    /// Bytes arrived.
    fn heard(&self);

    /// The attempt ended, in whatever way, with this state of TCP.
    fn ended(&self, tcp: TcpInfo);
}

/// A byte stream to a peer.
pub struct ByteStream {
    kind: Kind,
    watch: Option<Arc<dyn Watch>>,
}

enum Kind {
    Plain(Box<dyn Io>),
    Transport(Box<dyn Transport>),
}

impl ByteStream {
    /// Wraps a stream about whose transport nothing is known.
    #[must_use]
    pub fn opaque(io: impl Io) -> Self {
        ByteStream {
            kind: Kind::Plain(Box::new(io)),
            watch: None,
        }
    }

    /// Wraps a stream that implements [`Transport`].
    #[must_use]
    pub fn of_transport(io: impl Transport) -> Self {
        ByteStream {
            kind: Kind::Transport(Box::new(io)),
            watch: None,
        }
    }

    /// Reports to `watch` when bytes arrive, until the stream is dropped or [settled](Transport::settle), and
    /// the state of TCP at that moment. It can't be read later, since an attempt that fails or is cancelled
    /// drops its stream.
    pub(crate) fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Reports the state of TCP, and ends the observation.
    fn tell(&mut self) {
        if let Some(watch) = self.watch.take()
            && let Some(tcp) = self.tcp_info()
        {
            watch.ended(tcp);
        }
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Transport for ByteStream {
    fn tcp_info(&self) -> Option<TcpInfo> {
        match &self.kind {
            Kind::Plain(_) => None,
            Kind::Transport(io) => io.tcp_info(),
        }
    }

    fn reset_on_drop(&mut self) {
        if let Kind::Transport(io) = &mut self.kind {
            io.reset_on_drop();
        }
    }

    fn set_user_timeout(&mut self, timeout: Duration) {
        if let Kind::Transport(io) = &mut self.kind {
            io.set_user_timeout(timeout);
        }
    }

    fn settle(&mut self) {
        self.tell();
        if let Kind::Transport(io) = &mut self.kind {
            io.settle();
        }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteStream")
    }
}

/// Calls a method of the inner stream.
macro_rules! each {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match &mut $stream.kind {
            Kind::Plain(io) => Pin::new(io).$method($($argument),*),
            Kind::Transport(io) => Pin::new(io).$method($($argument),*),
        }
    };
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = each!(self, poll_read(cx, buf));
        if buf.filled().len() > before
            && let Some(watch) = &self.watch
        {
            watch.heard();
        }
        polled
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(io) => io.is_write_vectored(),
            Kind::Transport(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_shutdown(cx))
    }
}

/// Opens byte streams to addresses. The caller adds TLS.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Connects to `address`, which is one of `host`'s. With a [`Proxy`](crate::Proxy), both are the
    /// proxy's.
    ///
    /// An implementation that tunnels may ignore the address and let the far end look up the host. It needs
    /// no timeout; dropping the future must cancel the attempt at once.
    ///
    /// # Errors
    ///
    /// The operating system's error, or a corresponding one. Its [`kind`](io::Error::kind) decides the
    /// [`FailureKind`](crate::FailureKind).
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>>;
}

impl<C: Connect + ?Sized> Connect for Arc<C> {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>> {
        C::connect(self, host, address)
    }
}

/// The operating system's TCP, with `TCP_NODELAY`.
///
/// Without `TCP_NODELAY`, the first request after a TLS 1.3 handshake would wait for the acknowledgement
/// of the client's Finished, which costs one round trip: 42.8 ms instead of 32.5 ms, measured on a path
/// with 10.4 ms.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TcpConnect;

impl TcpConnect {
    /// Creates the connector.
    #[must_use]
    pub const fn new() -> Self {
        TcpConnect
    }
}

impl Connect for TcpConnect {
    fn connect(&self, _: &str, address: SocketAddr) -> BoxFuture<'static, io::Result<ByteStream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(ByteStream::of_transport(stream))
        })
    }
}

impl Transport for TcpStream {
    fn tcp_info(&self) -> Option<TcpInfo> {
        tcp_info::kernel::tcp_info(self)
    }

    fn reset_on_drop(&mut self) {
        // If it fails, the connection is closed in order.
        let _ = self.set_zero_linger();
    }

    #[cfg(target_os = "linux")]
    fn set_user_timeout(&mut self, timeout: Duration) {
        // The kernel expects an int.
        let ms = i32::try_from(timeout.as_millis())
            .unwrap_or(i32::MAX)
            .unsigned_abs();
        // If it fails, a dead peer is noticed later.
        let _ = nix::sys::socket::setsockopt(self, nix::sys::socket::sockopt::TcpUserTimeout, &ms);
    }
}

/// Classifies an error of connecting.
pub(crate) fn failure_of(error: &io::Error) -> Failure {
    Failure::new(Phase::Connect, FailureKind::of_io(error)).with_message(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_computers_own_faults_are_told_apart() {
        use nix::libc;

        for (number, kind) in [
            (libc::EMFILE, FailureKind::OutOfResources),
            (libc::ENFILE, FailureKind::OutOfResources),
            (libc::ENOBUFS, FailureKind::OutOfResources),
            (libc::ENOMEM, FailureKind::OutOfResources),
            (libc::EINVAL, FailureKind::Unreachable),
            (libc::ENETUNREACH, FailureKind::Unreachable),
            (libc::EADDRNOTAVAIL, FailureKind::Unreachable),
            (libc::EACCES, FailureKind::Permission),
            (libc::EPERM, FailureKind::Permission),
        ] {
            let failure = failure_of(&io::Error::from_raw_os_error(number));
            assert_eq!(
                (failure.kind(), failure.is_local()),
                (kind, true),
                "{number}"
            );
        }
        let refused = failure_of(&io::ErrorKind::ConnectionRefused.into());
        assert!(!refused.is_local());
    }

    #[tokio::test]
    async fn tcp_is_nodelay_and_the_kernel_knows_its_round_trip() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpConnect::new()
            .connect("localhost", address)
            .await
            .unwrap();
        if cfg!(target_os = "linux") {
            let tcp = stream.tcp_info().unwrap();
            assert!(tcp.rtt.unwrap() < Duration::from_secs(1));
            assert_eq!(tcp.retransmissions, 0);
        } else {
            assert_eq!(stream.tcp_info(), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_stays_unacknowledged_ends_a_connection_when_asked() {
        use nix::sys::socket::{getsockopt, sockopt::TcpUserTimeout};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(getsockopt(&stream, TcpUserTimeout).unwrap(), 0);
        stream.set_user_timeout(Duration::from_secs(45));
        assert_eq!(getsockopt(&stream, TcpUserTimeout).unwrap(), 45_000);
        stream.set_user_timeout(Duration::MAX);
        assert_eq!(
            getsockopt(&stream, TcpUserTimeout).unwrap(),
            i32::MAX.unsigned_abs()
        );
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<TcpInfo>>);

    impl Watch for Kept {
        fn heard(&self) {}

        fn ended(&self, tcp: TcpInfo) {
            self.0.lock().unwrap().push(tcp);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn how_tcp_stood_is_told_once_at_the_end() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for succeeds in [true, false] {
            let kept = Arc::new(Kept::default());
            let (stream, accepted) = tokio::join!(
                TcpConnect::new().connect("localhost", address),
                listener.accept()
            );
            let mut stream = stream
                .unwrap()
                .watched_by(Arc::clone(&kept) as Arc<dyn Watch>);
            let mut peer = accepted.unwrap().0;
            stream.write_all(b"hello").await.unwrap();
            let mut asked = [0; 5];
            peer.read_exact(&mut asked).await.unwrap();
            peer.write_all(b"welcome").await.unwrap();
            stream.read_exact(&mut [0; 7]).await.unwrap();
            assert!(kept.0.lock().unwrap().is_empty());
            if succeeds {
                stream.settle();
            }
            drop(stream);
            let told = kept.0.lock().unwrap();
            let [tcp] = told[..] else {
                panic!("told {} times", told.len())
            };
            // Kernels before 5.4 don't report these.
            assert!(
                tcp.bytes_acknowledged.is_none_or(|bytes| bytes == 5),
                "{tcp:?}"
            );
            assert!(tcp.bytes_received.is_none_or(|bytes| bytes == 7), "{tcp:?}");
            assert_eq!((tcp.retransmissions, tcp.unacknowledged), (0, 0));
        }
    }
}
