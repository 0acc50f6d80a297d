//! Connecting: the client's SYNs, and the server's task when one arrives.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use easelect::{ByteStream, Connect, TcpInfo, Transport};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::fault::Fault;
use crate::log::EventKind;
use crate::network::{Counted, Network};
use crate::path::{Carry, Cut, Route};
use crate::pipe::{Side, Stream, Wire};
use crate::server;
use crate::visit::Visit;

pub(crate) struct Connector(pub(crate) Arc<Network>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lab::Connector")
    }
}

impl Connect for Connector {
    fn connect(&self, _: &str, address: SocketAddr) -> BoxFuture<'static, io::Result<ByteStream>> {
        let network = Arc::clone(&self.0);
        Box::pin(async move {
            let connection = dial(&network, address).await?;
            Ok(ByteStream::of_transport(connection))
        })
    }
}

/// Logs an abandoned connect: one that is dropped before its outcome.
struct Attempt {
    network: Arc<Network>,
    address: SocketAddr,
    number: Option<u64>,
    over: bool,
}

impl Attempt {
    fn event(&self, kind: EventKind) {
        self.network.event(self.address, self.number, kind);
    }

    fn failed(mut self, kind: EventKind, error: io::ErrorKind) -> io::Error {
        self.event(kind);
        self.over = true;
        error.into()
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.over {
            self.event(EventKind::Abandoned);
        }
    }
}

async fn dial(network: &Arc<Network>, address: SocketAddr) -> io::Result<Connection> {
    let open = Counted::new(&network.open);
    network.dials.fetch_add(1, Ordering::Relaxed);
    let route = network.route(address.ip());
    let number = route.as_ref().map(|route| route.dial());
    let attempt = Attempt {
        network: Arc::clone(network),
        address,
        number,
        over: false,
    };
    attempt.event(EventKind::Dialled);
    let start = Instant::now();
    if let (Some(route), Some(number)) = (route, number) {
        let mut rng = network.rng(address.ip(), number);
        let mut carry = Carry::new(&mut rng);
        for (index, sent) in network.syns.times().iter().enumerate() {
            let sent = start + *sent;
            sleep_until(sent).await;
            let link = route.link(sent);
            let fault = route.fault();
            let lost = [link.loses(&mut rng), link.loses(&mut rng)];
            let there = carry.round(link.one_way(&mut rng));
            let back = carry.round(link.one_way(&mut rng));
            if fault == Fault::Unreachable {
                let error = io::ErrorKind::NetworkUnreachable;
                return Err(attempt.failed(EventKind::Refused, error));
            }
            let dropped = route.setting(|s| s.drop_first_syns).unwrap_or(0) as usize;
            // `drop_data` lets TCP's handshake through.
            let lost = match fault {
                Fault::BlackHole => true,
                Fault::DropData => false,
                _ => lost[0] || lost[1],
            };
            if lost || index < dropped {
                continue;
            }
            let refused = match fault {
                Fault::Refuse => Some(io::ErrorKind::ConnectionRefused),
                Fault::ResetOnConnect => Some(io::ErrorKind::ConnectionReset),
                Fault::HostUnreachable => Some(io::ErrorKind::HostUnreachable),
                _ => None,
            };
            if let Some(error) = refused {
                sleep_until(sent + there + back).await;
                return Err(attempt.failed(EventKind::Refused, error));
            }
            let delay = route.setting(|s| s.accept_delay).unwrap_or_default();
            let accepted = sent + there + delay;
            sleep_until(accepted).await;
            attempt.event(EventKind::Accepted);
            let (wire, stream) = accept(network, &route, address, number, &mut rng, carry)?;
            let done = accepted + back;
            sleep_until(done).await;
            // SYNs sent while the answer was on its way count as retransmissions, too.
            let more = network.syns.times()[index + 1..]
                .iter()
                .filter(|at| start + **at < done);
            let mut attempt = attempt;
            attempt.over = true;
            return Ok(Connection {
                stream,
                wire,
                rtt: done - sent,
                syn_retransmissions: u32::try_from(index + more.count()).unwrap_or(u32::MAX),
                _open: open,
            });
        }
    }
    sleep_until(start + network.syns.give_up()).await;
    Err(attempt.failed(EventKind::TimedOut, io::ErrorKind::TimedOut))
}

/// Starts the server's task and returns the client's end.
fn accept(
    network: &Arc<Network>,
    route: &Arc<Route>,
    address: SocketAddr,
    number: u64,
    rng: &mut fastrand::Rng,
    carry: Carry,
) -> io::Result<(Arc<Wire>, Stream)> {
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let (wire, client, server, dropped) =
        Wire::connect(Arc::clone(route), rng, carry, Instant::now());
    let visit = Visit {
        network: Arc::clone(network),
        route: Arc::clone(route),
        wire: Arc::clone(&wire),
        address,
        number,
    };
    let cut = route.cut.subscribe();
    let serving = Counted::new(&network.serving);
    runtime.spawn(async move {
        let _serving = serving;
        let end = Ending {
            wire: Arc::clone(&visit.wire),
            dropped,
            cut,
        };
        let closing = visit.clone();
        tokio::select! {
            biased;
            () = server::serve(visit, server) => {}
            () = end.wait() => {}
        }
        closing.event(EventKind::Closed);
    });
    Ok((wire, client))
}

/// What ends a server's task, whatever it is doing.
struct Ending {
    wire: Arc<Wire>,
    dropped: oneshot::Receiver<()>,
    cut: tokio::sync::watch::Receiver<(u64, Cut)>,
}

impl Ending {
    /// Waits until the client's FIN or RST has arrived, or until the lab cuts the connection.
    async fn wait(mut self) {
        let wire = Arc::clone(&self.wire);
        let dropped = self.dropped;
        let gone = async move {
            // Nothing is ever sent: the receiver fails when the client's end is dropped.
            let _ = dropped.await;
            if let Some(at) = wire.client_gone() {
                sleep_until(at).await;
            }
        };
        tokio::select! {
            biased;
            () = gone => {}
            Ok(()) = self.cut.changed() => {
                if self.cut.borrow().1 == Cut::Reset {
                    self.wire.reset_on_drop(Side::Server);
                }
            }
        }
    }
}

/// The client's end of a connection.
struct Connection {
    stream: Stream,
    wire: Arc<Wire>,
    rtt: Duration,
    syn_retransmissions: u32,
    _open: Counted,
}

impl Transport for Connection {
    fn tcp_info(&self) -> Option<TcpInfo> {
        let later = self.wire.retransmissions(Side::Client);
        let retransmissions = self.syn_retransmissions.saturating_add(later);
        Some(TcpInfo::new(Some(self.rtt), retransmissions))
    }

    fn reset_on_drop(&mut self) {
        self.wire.reset_on_drop(Side::Client);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
