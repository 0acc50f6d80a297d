//! A connection's bytes: two in-memory directions with delay and loss.
//!
//! Everything that one side writes before it reads anything new from the other is one *flight*. It is
//! delayed, and lost, as a whole. A lost flight is sent again as by TCP, and later flights wait for it.
//! The reader draws the fate of a retransmission when its time comes, so that changes of the path in the
//! meantime take effect.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use crate::path::{Carry, Link, Route};

/// The most bytes on their way in one direction. Beyond it, the writer waits.
const WINDOW: usize = 256 * 1024;

/// Linux's minimum. RFC 6298 §2.4 says 1 s.
const MIN_RTO: Duration = Duration::from_millis(200);
/// Linux's TCP_RTO_MAX.
const MAX_RTO: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// The state that both ends share.
pub(crate) struct Wire {
    route: Arc<Route>,
    state: Mutex<State>,
}

struct State {
    /// Indexed by the side that writes.
    ways: [Way; 2],
    carry: Carry,
}

/// One direction.
struct Way {
    rng: fastrand::Rng,
    flights: VecDeque<Flight>,
    /// The bytes in `flights`.
    queued: usize,
    /// The segments read at the far end.
    heard: u64,
    /// The arrival of the last segment that was read. No later segment arrives earlier.
    floor: Instant,
    /// When everything written so far has left, at the path's bandwidth.
    line_free: Instant,
    /// How late the reader's timer last woke it.
    late: Duration,
    retransmissions: u32,
    /// FIN or RST was written.
    closed: bool,
    /// FIN or RST was read.
    ended: Option<End>,
    /// Set when the writer's end was dropped.
    gone: Option<Gone>,
    /// Whether dropping the writer's end sends RST instead of FIN.
    reset_on_drop: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy)]
struct Gone {
    /// When FIN or RST arrives at the other side.
    at: Instant,
    /// From when on the other side's writes fail. After FIN, that takes the RST that answers a write.
    broken: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Rst,
}

struct Flight {
    sent: Instant,
    /// [`Way::heard`] of the opposite direction when it was sent.
    heard: u64,
    arrival: Arrival,
    segments: VecDeque<Segment>,
}

#[derive(Clone, Copy)]
enum Arrival {
    At(Instant),
    Lost { again: Instant, rto: Duration },
}

struct Segment {
    payload: Payload,
    /// How much later than the flight's first byte it arrives.
    behind: Duration,
}

enum Payload {
    Bytes(Vec<u8>, usize),
    End(End),
}

impl Way {
    fn new(rng: fastrand::Rng, now: Instant) -> Self {
        Way {
            rng,
            flights: VecDeque::new(),
            queued: 0,
            heard: 0,
            floor: now,
            line_free: now,
            late: Duration::ZERO,
            retransmissions: 0,
            closed: false,
            ended: None,
            gone: None,
            reset_on_drop: false,
            reader: None,
            writer: None,
        }
    }

    fn send(
        &mut self,
        payload: Payload,
        heard: u64,
        link: Link,
        carry: &mut Carry,
        (now, late): (Instant, Duration),
    ) {
        let length = match &payload {
            Payload::Bytes(bytes, _) => bytes.len(),
            Payload::End(_) => 0,
        };
        self.line_free = self.line_free.max(now);
        if let Some(kbps) = link.bandwidth_kbps {
            // At 1 kbit/s, a bit takes 1 ms.
            let nanos = length as u64 * 8 * 1_000_000 / u64::from(kbps.max(1));
            self.line_free += Duration::from_nanos(nanos);
        }
        let joins = self.flights.back().is_some_and(|flight| {
            let (Arrival::At(until) | Arrival::Lost { again: until, .. }) = flight.arrival;
            flight.heard == heard && now < until
        });
        if !joins {
            let lost = link.loses(&mut self.rng);
            let one_way = carry.round(link.one_way(&mut self.rng));
            let rto = MIN_RTO.max(3 * link.rtt);
            self.flights.push_back(Flight {
                sent: now,
                heard,
                arrival: if lost {
                    let again = now + rto;
                    Arrival::Lost { again, rto }
                } else {
                    Arrival::At(now + one_way.saturating_sub(late))
                },
                segments: VecDeque::new(),
            });
        }
        if let Some(flight) = self.flights.back_mut() {
            let behind = self.line_free.saturating_duration_since(flight.sent);
            // Whole milliseconds, as tokio's timers.
            let behind = Duration::from_millis(u64::try_from(behind.as_millis()).unwrap_or(0));
            flight.segments.push_back(Segment { payload, behind });
            self.queued += length;
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Returns when the reader has something to do: data to read if that is in the past, otherwise to
    /// call this again then.
    fn next(&mut self, route: &Route, carry: &mut Carry, now: Instant) -> Option<Instant> {
        while self.flights.front().is_some_and(|f| f.segments.is_empty()) {
            self.flights.pop_front();
        }
        let flight = self.flights.front_mut()?;
        loop {
            match flight.arrival {
                Arrival::At(at) => {
                    let behind = flight.segments.front()?.behind;
                    return Some(self.floor.max(at + behind));
                }
                Arrival::Lost { again, .. } if again > now => return Some(again),
                Arrival::Lost { again, rto } => {
                    let link = route.link(again);
                    self.retransmissions += 1;
                    let lost = link.loses(&mut self.rng);
                    let one_way = carry.round(link.one_way(&mut self.rng));
                    flight.arrival = if lost {
                        let rto = MAX_RTO.min(2 * rto);
                        let again = again + rto;
                        Arrival::Lost { again, rto }
                    } else {
                        Arrival::At(again + one_way)
                    };
                }
            }
        }
    }

    /// Moves what has arrived into `buf`, as much as fits.
    fn take(&mut self, route: &Route, carry: &mut Carry, now: Instant, buf: &mut ReadBuf<'_>) {
        while buf.remaining() > 0 && self.ended.is_none() {
            let Some(at) = self.next(route, carry, now).filter(|at| *at <= now) else {
                break;
            };
            let segment = self
                .flights
                .front_mut()
                .and_then(|f| f.segments.front_mut());
            let Some(segment) = segment else { break };
            let done = match &mut segment.payload {
                Payload::Bytes(bytes, from) => {
                    let rest = &bytes[*from..];
                    let taken = rest.len().min(buf.remaining());
                    buf.put_slice(&rest[..taken]);
                    *from += taken;
                    self.queued -= taken;
                    *from == bytes.len()
                }
                Payload::End(end) => {
                    // The caller sees the data first, and the end at its next read.
                    if !buf.filled().is_empty() {
                        break;
                    }
                    self.ended = Some(*end);
                    true
                }
            };
            self.floor = at;
            self.heard += 1;
            if done && let Some(flight) = self.flights.front_mut() {
                flight.segments.pop_front();
            }
        }
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl Wire {
    /// Creates a connection at `now`: its state, the client's end, the server's end, and a receiver that
    /// fails when the client's end is dropped.
    pub(crate) fn connect(
        route: Arc<Route>,
        rng: &mut fastrand::Rng,
        carry: Carry,
        now: Instant,
    ) -> (Arc<Wire>, Stream, Stream, oneshot::Receiver<()>) {
        let wire = Arc::new(Wire {
            route,
            state: Mutex::new(State {
                ways: [Way::new(rng.fork(), now), Way::new(rng.fork(), now)],
                carry,
            }),
        });
        let (dropped, gone) = oneshot::channel();
        let client = Stream::new(&wire, Side::Client, Some(dropped));
        let server = Stream::new(&wire, Side::Server, None);
        (wire, client, server, gone)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reset_on_drop(&self, side: Side) {
        self.lock().ways[side as usize].reset_on_drop = true;
    }

    /// Returns the number of flights that `side` sent again.
    pub(crate) fn retransmissions(&self, side: Side) -> u32 {
        self.lock().ways[side as usize].retransmissions
    }

    /// Returns when the server can notice that the client dropped its end, if it did.
    pub(crate) fn client_gone(&self) -> Option<Instant> {
        let gone = self.lock().ways[Side::Client as usize].gone;
        gone.map(|gone| gone.at)
    }

    fn send(&self, state: &mut State, side: Side, payload: Payload) {
        let now = Instant::now();
        let link = self.route.link(now);
        let heard = state.ways[side.other() as usize].heard;
        // In real time, a late timer would delay the server's answer by a millisecond or two. The
        // answer's own delay is shortened by as much.
        let late = match side {
            Side::Server => std::mem::take(&mut state.ways[Side::Client as usize].late),
            Side::Client => Duration::ZERO,
        };
        let way = &mut state.ways[side as usize];
        way.send(payload, heard, link, &mut state.carry, (now, late));
    }

    fn close(&self, side: Side, end: End) {
        let mut state = self.lock();
        let way = &mut state.ways[side as usize];
        if !way.closed {
            way.closed = true;
            self.send(&mut state, side, Payload::End(end));
        }
    }

    fn dropped(&self, side: Side) {
        let end = match self.lock().ways[side as usize].reset_on_drop {
            true => End::Rst,
            false => End::Fin,
        };
        self.close(side, end);
        let now = Instant::now();
        let rtt = self.route.link(now).rtt;
        let mut state = self.lock();
        // Nobody reads what was on its way to the dropped end.
        let incoming = &mut state.ways[side.other() as usize];
        incoming.flights.clear();
        incoming.queued = 0;
        let blocked = incoming.writer.take();
        let way = &mut state.ways[side as usize];
        let arrival = way.flights.back().and_then(|flight| match flight.arrival {
            Arrival::At(at) => Some(at + flight.segments.back()?.behind),
            Arrival::Lost { .. } => None,
        });
        let at = arrival.unwrap_or(now + rtt / 2).max(way.floor);
        let broken = match end {
            End::Rst => at,
            End::Fin => at + rtt,
        };
        way.gone = Some(Gone { at, broken });
        drop(state);
        if let Some(blocked) = blocked {
            blocked.wake();
        }
    }
}

/// One end of a connection.
pub(crate) struct Stream {
    wire: Arc<Wire>,
    side: Side,
    timer: Option<Pin<Box<Sleep>>>,
    /// Dropping it informs the server's task.
    _dropped: Option<oneshot::Sender<()>>,
}

impl Stream {
    fn new(wire: &Arc<Wire>, side: Side, dropped: Option<oneshot::Sender<()>>) -> Self {
        Stream {
            wire: Arc::clone(wire),
            side,
            timer: None,
            _dropped: dropped,
        }
    }

    /// Waits until something can be read, or the stream has ended.
    pub(crate) async fn readable(&mut self) {
        std::future::poll_fn(|cx| self.poll_readable(cx)).await;
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = self.wire.lock();
            let State { ways, carry } = &mut *state;
            let way = &mut ways[self.side.other() as usize];
            if way.ended.is_some() {
                return Poll::Ready(());
            }
            let now = Instant::now();
            let next = way.next(&self.wire.route, carry, now);
            if let Some(at) = next.filter(|at| *at <= now) {
                let waited = self.timer.as_ref().is_some_and(|t| t.deadline() == at);
                way.late = if waited { now - at } else { Duration::ZERO };
                return Poll::Ready(());
            }
            way.reader = Some(cx.waker().clone());
            drop(state);
            let Some(at) = next else {
                return Poll::Pending;
            };
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.wire.dropped(self.side);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_readable(cx));
        let mut state = self.wire.lock();
        let State { ways, carry } = &mut *state;
        let way = &mut ways[self.side.other() as usize];
        way.take(&self.wire.route, carry, Instant::now(), buf);
        match way.ended {
            Some(End::Rst) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Fin) | None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.wire.lock();
        let opposite = &state.ways[self.side.other() as usize];
        let gone = opposite.gone;
        if opposite.ended == Some(End::Rst) || gone.is_some_and(|g| g.broken <= Instant::now()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let way = &mut state.ways[self.side as usize];
        if way.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if gone.is_some() || buf.is_empty() {
            return Poll::Ready(Ok(buf.len()));
        }
        let taken = buf.len().min(WINDOW.saturating_sub(way.queued));
        if taken == 0 {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let payload = Payload::Bytes(buf[..taken].to_vec(), 0);
        self.wire.send(&mut state, self.side, payload);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.close(self.side, End::Fin);
        Poll::Ready(Ok(()))
    }
}
