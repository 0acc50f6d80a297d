//! One question to one DNS server, over UDP with repeats, and over TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::Resolved;
use super::message::{self, Question, Said, malformed};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// Wait after each query before the next one; 15 s in total. The first repeats come early because a
/// datagram is cheap and a caller's timeout is 5 s by default.
const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Timeout over TCP, which retransmits lost packets itself.
const TCP_LIMIT: Duration = Duration::from_secs(15);

/// How much longer to listen after an unreadable answer, which may be forged.
const AFTER_UNREADABLE: Duration = Duration::from_millis(500);

/// More than a server sends in a datagram: queries ask for at most 1232 bytes.
const MAX_DATAGRAM: usize = 4096;

/// The message has the ID of no query.
const ANOTHER: &str = "an answer to another query";

/// The result of one exchange.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) outcome: Result<Resolved, Failure>,
    /// Time from the first query to the answer.
    pub(super) took: Duration,
    /// Whether the answer came over TCP.
    pub(super) over_tcp: bool,
    /// A second, different answer to the same query.
    pub(super) second: Option<Result<Resolved, Failure>>,
}

/// Asks over UDP, and over TCP if the answer is truncated. Keeps listening for `listen` after the first
/// answer over UDP.
pub(super) async fn over_udp(
    server: SocketAddr,
    question: &Question,
    listen: Duration,
) -> Exchange {
    let started = Instant::now();
    let ended = |outcome, over_tcp| Exchange {
        outcome,
        took: started.elapsed(),
        over_tcp,
        second: None,
    };
    let mut udp = match Udp::open(server).await {
        Ok(udp) => udp,
        Err(error) => return ended(Err(failure_of(&error)), false),
    };
    match udp.ask(question).await {
        Ok(Heard::Answer(outcome, id)) => {
            let mut exchange = ended(outcome, false);
            if listen > Duration::ZERO {
                let until = Instant::now() + listen;
                exchange.second = udp.other(question, id, &exchange.outcome, until).await;
            }
            exchange
        }
        Ok(Heard::Truncated) => ended(tcp(server, question).await, true),
        Err(failure) => ended(Err(failure), false),
    }
}

/// Asks over TCP only.
pub(super) async fn over_tcp(server: SocketAddr, question: &Question) -> Exchange {
    let started = Instant::now();
    let outcome = tcp(server, question).await;
    Exchange {
        outcome,
        took: started.elapsed(),
        over_tcp: true,
        second: None,
    }
}

enum Heard {
    /// The answer, and the ID of its query.
    Answer(Result<Resolved, Failure>, u16),
    Truncated,
}

/// A socket for one question. It has a fresh port picked by the system (RFC 5452 §9.2), and is connected:
/// datagrams from other addresses don't reach it, and a closed port is reported.
struct Udp {
    socket: UdpSocket,
    buffer: Vec<u8>,
    /// The IDs of the queries sent, and whether each had EDNS.
    sent: Vec<(u16, bool)>,
}

impl Udp {
    async fn open(server: SocketAddr) -> io::Result<Self> {
        let any = match server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(server).await?;
        Ok(Udp {
            socket,
            buffer: vec![0; MAX_DATAGRAM],
            sent: Vec::new(),
        })
    }

    /// Repeats the query until there is an answer. Only the first has EDNS, in case something on the way
    /// drops such queries.
    async fn ask(&mut self, question: &Question) -> Result<Heard, Failure> {
        let mut edns = true;
        for wait in WAITS {
            self.send(question, edns).await?;
            let mut until = Instant::now() + wait;
            let mut unreadable = None;
            while let Some((message, query)) = self.receive(until).await? {
                let (id, had_edns) = query.unwrap_or_default();
                let said = match query {
                    Some(_) => question.read(message),
                    None => Said::Unreadable(malformed(ANOTHER)),
                };
                match said {
                    Said::Answer(outcome) => return Ok(Heard::Answer(outcome, id)),
                    Said::Truncated => return Ok(Heard::Truncated),
                    Said::AskPlainly(failure) if !had_edns => {
                        return Ok(Heard::Answer(Err(failure), id));
                    }
                    // A query without EDNS was already sent.
                    Said::AskPlainly(_) if !edns => {}
                    Said::AskPlainly(_) => break,
                    Said::Unreadable(failure) => {
                        unreadable = Some(failure);
                        until = until.min(Instant::now() + AFTER_UNREADABLE);
                    }
                }
            }
            match unreadable {
                Some(failure) if !edns => return Err(failure),
                _ => edns = false,
            }
        }
        Err(Failure::new(Phase::Resolve, FailureKind::Timeout))
    }

    /// Listens for a second answer to the query with this ID that differs from the first.
    async fn other(
        &mut self,
        question: &Question,
        id: u16,
        first: &Result<Resolved, Failure>,
        until: Instant,
    ) -> Option<Result<Resolved, Failure>> {
        while let Ok(Some((message, query))) = self.receive(until).await {
            if query.is_some_and(|(its, _)| its == id)
                && let Said::Answer(other) = question.read(message)
                && differ(first, &other)
            {
                return Some(other);
            }
        }
        None
    }

    /// Sends a query with a new ID, so that answers to repeated queries can be distinguished.
    async fn send(&mut self, question: &Question, edns: bool) -> Result<(), Failure> {
        let id = random_id()?;
        let query = question.query(id, edns)?;
        self.sent.push((id, edns));
        let sent = self.socket.send(&query).await;
        sent.map(|_| ()).map_err(|error| failure_of(&error))
    }

    /// The next message, with the ID of its query and whether that query had EDNS.
    async fn receive(
        &mut self,
        until: Instant,
    ) -> Result<Option<(&[u8], Option<(u16, bool)>)>, Failure> {
        let received = timeout_at(until, self.socket.recv(&mut self.buffer)).await;
        let Ok(length) = received else {
            return Ok(None);
        };
        let message = &self.buffer[..length.map_err(|error| failure_of(&error))?];
        let id = message::id(message);
        let query = self.sent.iter().find(|(sent, _)| Some(*sent) == id);
        Ok(Some((message, query.copied())))
    }
}

/// Whether two answers to one query differ in kind or addresses, so that one of them is forged.
fn differ(one: &Result<Resolved, Failure>, other: &Result<Resolved, Failure>) -> bool {
    let sorted = |found: &Resolved| {
        let mut addresses = found.addresses.clone();
        addresses.sort_unstable();
        addresses
    };
    match (one, other) {
        (Ok(one), Ok(other)) => sorted(one) != sorted(other),
        (Err(one), Err(other)) => one.kind() != other.kind(),
        _ => true,
    }
}

async fn tcp(server: SocketAddr, question: &Question) -> Result<Resolved, Failure> {
    let both = async {
        match tcp_once(server, question, true).await? {
            Said::AskPlainly(_) => tcp_once(server, question, false).await,
            said => Ok(said),
        }
    };
    let late = |_| Failure::new(Phase::Resolve, FailureKind::Timeout);
    match timeout(TCP_LIMIT, both).await.map_err(late)?? {
        Said::Answer(outcome) => outcome,
        Said::AskPlainly(failure) | Said::Unreadable(failure) => Err(failure),
        Said::Truncated => Err(malformed("truncated over TCP")),
    }
}

/// One query and its answer, each preceded by its length (RFC 1035 §4.2.2).
async fn tcp_once(server: SocketAddr, question: &Question, edns: bool) -> Result<Said, Failure> {
    let id = random_id()?;
    let query = question.query(id, edns)?;
    let exchange = async {
        let length = u16::try_from(query.len()).map_err(io::Error::other)?;
        let mut stream = TcpStream::connect(server).await?;
        stream
            .write_all(&[&length.to_be_bytes(), query.as_slice()].concat())
            .await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    let answer: Vec<u8> = exchange
        .await
        .map_err(|error: io::Error| failure_of(&error))?;
    match message::id(&answer) {
        Some(its) if its == id => Ok(question.read(&answer)),
        _ => Ok(Said::Unreadable(malformed(ANOTHER))),
    }
}

/// An unpredictable ID (RFC 5452 §9.2).
fn random_id() -> Result<u16, Failure> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| {
        let failure = Failure::new(Phase::Resolve, FailureKind::Other);
        failure.with_message("no random numbers from the operating system")
    })?;
    Ok(u16::from_be_bytes(id))
}

fn failure_of(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof => FailureKind::Closed,
        // From a link-local address without its interface.
        io::ErrorKind::InvalidInput => FailureKind::Unreachable,
        _ => FailureKind::of_io(error),
    };
    Failure::new(Phase::Resolve, kind).with_message(error)
}
