//! Byte streams below TLS: TCP, and what the kernel knows about it.
//!
//! [`Connect`] is a seam: tests, benches and embedders (a tunnel, a simulated network) put their
//! own streams under the same TLS and WebSocket code.

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

use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// Anything that tokio reads and writes, as a byte stream to a peer.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// An [`Io`] whose transport can be asked, and told how to end.
pub trait Transport: Io {
    /// What the transport itself measured, if it can tell.
    fn kernel_rtt(&self) -> Option<KernelRtt>;

    /// Makes the coming drop reset the connection instead of closing it in order, so that a loser
    /// of a race leaves nothing behind on either side.
    fn reset_on_drop(&mut self);
}

/// A byte stream to a peer, of any kind.
pub struct ByteStream(Kind);

enum Kind {
    Plain(Box<dyn Io>),
    Transport(Box<dyn Transport>),
}

impl ByteStream {
    /// Of bytes alone: nothing is known of what carries them.
    #[must_use]
    pub fn opaque(io: impl Io) -> Self {
        ByteStream(Kind::Plain(Box::new(io)))
    }

    /// Of a transport that can be asked.
    #[must_use]
    pub fn of_transport(io: impl Transport) -> Self {
        ByteStream(Kind::Transport(Box::new(io)))
    }
}

impl Transport for ByteStream {
    fn kernel_rtt(&self) -> Option<KernelRtt> {
        match &self.0 {
            Kind::Plain(_) => None,
            Kind::Transport(io) => io.kernel_rtt(),
        }
    }

    fn reset_on_drop(&mut self) {
        if let Kind::Transport(io) = &mut self.0 {
            io.reset_on_drop();
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
        match &mut $stream.0 {
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
        each!(self, poll_read(cx, buf))
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
        match &self.0 {
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

/// The transport's own measurement of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelRtt {
    /// The smoothed round-trip time. Right after connecting it is that of SYN and SYN-ACK, taken
    /// by the kernel: free of this process's own delays.
    pub smoothed: Duration,
    /// Segments sent again so far. A repeated SYN makes the round trip unknown to the kernel
    /// (Karn's rule) and explains a long connect.
    pub retransmissions: u32,
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
    fn kernel_rtt(&self) -> Option<KernelRtt> {
        kernel::rtt(self)
    }

    fn reset_on_drop(&mut self) {
        // A failure only means an orderly close.
        let _ = self.set_zero_linger();
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
    use std::time::Duration;

    // The macro calls the other one by its bare name.
    use nix::{getsockopt_impl, sockopt_impl};
    use tokio::net::TcpStream;

    use super::KernelRtt;

    /// The prefix of `struct tcp_info` up to `tcpi_total_retrans`, in 32-bit words. Present in
    /// every kernel since 2.6; asking for more fails on older ones.
    type Prefix = [u32; 26];
    const RTT: usize = 17;
    const TOTAL_RETRANS: usize = 25;

    sockopt_impl!(TcpInfo, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, Prefix);

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

    pub(super) fn rtt(stream: &TcpStream) -> Option<KernelRtt> {
        let info = nix::sys::socket::getsockopt(stream, TcpInfo).ok()?;
        (info[RTT] > 0).then(|| KernelRtt {
            smoothed: Duration::from_micros(info[RTT].into()),
            retransmissions: info[TOTAL_RETRANS],
        })
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

    pub(super) fn rtt(_: &tokio::net::TcpStream) -> Option<super::KernelRtt> {
        None
    }
}

#[cfg(test)]
mod tests {
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
            let kernel = stream.kernel_rtt().unwrap();
            assert!(kernel.smoothed < Duration::from_secs(1));
            assert_eq!(kernel.retransmissions, 0);
        } else {
            assert_eq!(stream.kernel_rtt(), None);
        }
    }
}
