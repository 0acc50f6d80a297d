//! Byte streams below TLS: TCP, and what the kernel knows about it.
//!
//! [`Connect`] is a seam: tests, benches and embedders (a tunnel, a simulated network) put their
//! own streams under the same TLS and WebSocket code.

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

/// Anything that tokio reads and writes, as a byte stream to a peer.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// An [`Io`] whose transport can be asked, and told how to end.
pub trait Transport: Io {
    /// What the transport itself counts and measures, as it is now, if it can tell.
    fn tcp_info(&self) -> Option<TcpInfo>;

    /// Makes the coming drop reset the connection instead of closing it in order, so that a loser
    /// of a race leaves nothing behind on either side.
    fn reset_on_drop(&mut self);

    /// Ends the connection once what was sent is unacknowledged for so long (RFC 5482; on Linux
    /// `TCP_USER_TIMEOUT`), if the transport can.
    fn set_user_timeout(&mut self, timeout: Duration) {
        let _ = timeout;
    }

    /// The attempt succeeded: what was bounded or watched until then is so no longer. It does nothing
    /// by default; what wraps a [`ByteStream`] passes it on.
    fn settle(&mut self) {}
}

/// Is told how an attempt goes on, and how TCP stood when it ended, whichever way.
pub(crate) trait Watch: Send + Sync {
    /// Bytes came.
    fn heard(&self);

    /// So it stood.
    fn ended(&self, tcp: TcpInfo);
}

/// A byte stream to a peer, of any kind.
pub struct ByteStream {
    kind: Kind,
    watch: Option<Arc<dyn Watch>>,
}

enum Kind {
    Plain(Box<dyn Io>),
    Transport(Box<dyn Transport>),
}

impl ByteStream {
    /// Of bytes alone: nothing is known of what carries them.
    #[must_use]
    pub fn opaque(io: impl Io) -> Self {
        ByteStream {
            kind: Kind::Plain(Box::new(io)),
            watch: None,
        }
    }

    /// Of a transport that can be asked.
    #[must_use]
    pub fn of_transport(io: impl Transport) -> Self {
        ByteStream {
            kind: Kind::Transport(Box::new(io)),
            watch: None,
        }
    }

    /// Tells `watch` when bytes come, until the stream is dropped, or [settled](Transport::settle), and how
    /// TCP stands then. An attempt
    /// that fails, or is given up, takes its stream along: nobody can ask it later.
    pub(crate) fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Tells how TCP stands, and nothing any more.
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

/// Calls a method of whichever stream it is.
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

/// Opens byte streams to addresses. TLS is put on top by the caller.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Connects to `address`, which is one of `host`'s; a tunnel may have its far end look the name
    /// up instead. Through a proxy, both are the proxy's. Dropping the future gives the attempt up at
    /// once; there is no time-out of its own.
    ///
    /// # Errors
    ///
    /// What the operating system says, or would say.
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

/// TCP through the operating system, with `TCP_NODELAY`.
///
/// Without `TCP_NODELAY` the first request after a TLS 1.3 handshake waits for the
/// acknowledgement of the client's Finished: one round trip more (42.8 ms instead of 32.5 ms
/// measured on a path of 10.4 ms).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TcpConnect;

impl TcpConnect {
    /// TCP through the operating system.
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
        // A failure only means an orderly close.
        let _ = self.set_zero_linger();
    }

    #[cfg(target_os = "linux")]
    fn set_user_timeout(&mut self, timeout: Duration) {
        // The kernel reads it as an int.
        let ms = i32::try_from(timeout.as_millis())
            .unwrap_or(i32::MAX)
            .unsigned_abs();
        // A failure only means that a dead peer is noticed later.
        let _ = nix::sys::socket::setsockopt(self, nix::sys::socket::sockopt::TcpUserTimeout, &ms);
    }
}

/// The failure that an error of connecting means.
pub(crate) fn failure_of(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::Refused,
        io::ErrorKind::TimedOut => FailureKind::Timeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FailureKind::Reset,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => FailureKind::Unreachable,
        io::ErrorKind::PermissionDenied => FailureKind::Permission,
        io::ErrorKind::OutOfMemory => FailureKind::OutOfResources,
        _ if kernel::lacks_way(error) => FailureKind::Unreachable,
        _ if kernel::lacks_resources(error) => FailureKind::OutOfResources,
        _ => FailureKind::Other,
    };
    Failure::new(Phase::Connect, kind).with_message(error)
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;

    /// A machine without IPv6 at all, or a route that is a black hole.
    pub(super) fn lacks_way(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error(),
            Some(libc::EAFNOSUPPORT | libc::EINVAL)
        )
    }

    pub(super) fn lacks_resources(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error(),
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS)
        )
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    pub(super) fn lacks_way(_: &std::io::Error) -> bool {
        false
    }

    pub(super) fn lacks_resources(_: &std::io::Error) -> bool {
        false
    }
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

    /// Keeps what it was told.
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
            // Older kernels than 5.4 don't count.
            assert!(
                tcp.bytes_acknowledged.is_none_or(|bytes| bytes == 5),
                "{tcp:?}"
            );
            assert!(tcp.bytes_received.is_none_or(|bytes| bytes == 7), "{tcp:?}");
            assert_eq!((tcp.retransmissions, tcp.unacknowledged), (0, 0));
        }
    }
}
