//! One question to one name server: over UDP, again where it is lost, and over TCP.

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

/// How long each query is waited for before the next one is sent: one datagram more or less costs
/// nobody anything, and a caller waits 5 s by default. Together 15 s.
const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The same for TCP, which sends again by itself.
const TCP_LIMIT: Duration = Duration::from_secs(15);

/// How much longer is listened after an answer that can't be read: it may be somebody else's.
const AFTER_UNREADABLE: Duration = Duration::from_millis(500);

/// More than any server sends in a datagram: 1232 bytes are asked for.
const MAX_DATAGRAM: usize = 4096;

/// What a message is that has the ID of no query.
const ANOTHER: &str = "an answer to another query";

/// What one exchange brought.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) outcome: Result<Resolved, Failure>,
    /// From the first query to the answer.
    pub(super) took: Duration,
    /// Whether it was over TCP in the end.
    pub(super) over_tcp: bool,
    /// Another answer to the very same query, which says something else.
    pub(super) second: Option<Result<Resolved, Failure>>,
}

/// Asks over UDP, and over TCP where the answer is truncated. Listens on for `listen` after the
/// first answer.
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
    /// What was answered, to the query of this ID.
    Answer(Result<Resolved, Failure>, u16),
    Truncated,
}

/// A socket for one question: its port is a new one that the system picks (RFC 5452 §9.2), and it is
/// connected, so that what others send doesn't reach it and a closed port is told.
struct Udp {
    socket: UdpSocket,
    buffer: Vec<u8>,
    /// IDs of the queries sent, and whether each had EDNS.
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

    /// Asks until there is an answer. The first query has EDNS; whoever drops such queries hears the
    /// second.
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
                    // The query without EDNS is on its way already.
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

    /// Listens for another answer to the query of this ID, one that differs from the first.
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

    /// Sends a query with an ID of its own, so that a second answer to it can't be one to another.
    async fn send(&mut self, question: &Question, edns: bool) -> Result<(), Failure> {
        let id = random_id()?;
        let query = question.query(id, edns)?;
        self.sent.push((id, edns));
        let sent = self.socket.send(&query).await;
        sent.map(|_| ()).map_err(|error| failure_of(&error))
    }

    /// The next message, and the query whose ID it has: that ID, and whether it had EDNS.
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

/// Whether two answers to one query can't both be the server's: not of the same kind, or not of the
/// same addresses.
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

/// One query and its answer, each behind its length (RFC 1035 §4.2.2).
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

/// Not to be guessed (RFC 5452 §9.2).
fn random_id() -> Result<u16, Failure> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| {
        let failure = Failure::new(Phase::Resolve, FailureKind::Other);
        failure.with_message("this system has no random numbers")
    })?;
    Ok(u16::from_be_bytes(id))
}

fn failure_of(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::Refused,
        io::ErrorKind::TimedOut => FailureKind::Timeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FailureKind::Reset,
        io::ErrorKind::UnexpectedEof => FailureKind::Closed,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable
        // A link-local address without its interface.
        | io::ErrorKind::InvalidInput => FailureKind::Unreachable,
        io::ErrorKind::PermissionDenied => FailureKind::Permission,
        io::ErrorKind::OutOfMemory => FailureKind::OutOfResources,
        _ if lacks_resources(error) => FailureKind::OutOfResources,
        _ => FailureKind::Other,
    };
    Failure::new(Phase::Resolve, kind).with_message(error)
}

#[cfg(target_os = "linux")]
fn lacks_resources(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [libc::EMFILE, libc::ENFILE, libc::ENOBUFS]
        .into_iter()
        .any(|one| number == Some(one))
}

#[cfg(not(target_os = "linux"))]
fn lacks_resources(_: &io::Error) -> bool {
    false
}
