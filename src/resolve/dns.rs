//! Direct queries to DNS servers: exact failure kinds, TTLs, and each server's own answer.
//!
//! Messages are encoded and parsed by hickory, but the exchange is our own: it queries exactly the given
//! server, for any name. hickory's resolver has a cache, reads the hosts file, and answers some special
//! names itself.

mod exchange;
mod message;
mod system_servers;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::{Family, Resolve, Resolved};
use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, FailureKind};
use exchange::Exchange;
use message::Question;
#[cfg(fuzzing)]
pub(crate) use message::replay;

/// A resolver that queries DNS servers directly.
///
/// It distinguishes NXDOMAIN, SERVFAIL, REFUSED and silence, and reports TTLs. It looks up every name as
/// given, including `localhost` and names with underscores, and uses no cache, hosts file or search list.
///
/// It sends a first query over UDP with EDNS (RFC 6891) and repeats it without EDNS after 1 s, 3 s and
/// 7 s. It gives up after 15 s. If an answer is truncated, it asks again over TCP, for at most another
/// 15 s.
///
/// | result | kind |
/// | --- | --- |
/// | no answer | [`Timeout`](FailureKind::Timeout) |
/// | NXDOMAIN | [`NotFound`](FailureKind::NotFound) |
/// | the name has no address in this family | [`NoAddress`](FailureKind::NoAddress) |
/// | SERVFAIL | [`ServerFailure`](FailureKind::ServerFailure) |
/// | REFUSED, a referral to other servers, or a closed port | [`Refused`](FailureKind::Refused) |
/// | only unreadable answers, or answers to another question | [`Malformed`](FailureKind::Malformed) |
/// | no route to the server | [`Unreachable`](FailureKind::Unreachable) |
///
/// It doesn't see names that only the platform's resolver knows (a VPN's split DNS, mDNS). Use it for a
/// second opinion rather than as a replacement for [`SystemResolver`](super::SystemResolver).
#[derive(Clone)]
pub struct DnsResolver(Arc<Servers>);

struct Servers {
    addresses: ArcSwap<Vec<SocketAddr>>,
    /// Whether these are the system's, which may change with the network.
    of_system: bool,
}

/// A DNS server's answer to one question.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DnsAnswer {
    /// The addresses, or why there are none.
    pub outcome: Result<Resolved, Failure>,
    /// Time from the first query to the answer.
    pub took: Duration,
    /// Whether the answer came over TCP, because the caller asked for it or the UDP answer was truncated.
    pub over_tcp: bool,
    /// A second answer to the same query with other addresses or of another kind. A server answers a
    /// query once, so one of the two answers is forged.
    pub second: Option<Result<Resolved, Failure>>,
}

impl DnsResolver {
    /// Creates a resolver that queries all DNS servers in the system's configuration at once.
    ///
    /// The first answer with addresses, or that there are none, is returned. The configuration is read
    /// again when a [`Selector`](crate::Selector) notices that the device moved to another network or
    /// slept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the configuration can't be read or names no server.
    pub fn system() -> Result<Self, Error> {
        let servers = read_system().map_err(|error| {
            let why = format!(
                "the system's DNS servers can't be read ({error}): give one with DnsResolver::at"
            );
            Error::new(ErrorKind::Input, why)
        })?;
        Ok(DnsResolver::of(servers, true))
    }

    /// Creates a resolver that queries only this DNS server.
    #[must_use]
    pub fn at(server: SocketAddr) -> Self {
        DnsResolver::of(vec![server], false)
    }

    /// Returns the DNS servers that are queried, in the order of the configuration.
    #[must_use]
    pub fn servers(&self) -> Vec<SocketAddr> {
        Vec::clone(&self.0.addresses.load())
    }

    fn of(servers: Vec<SocketAddr>, of_system: bool) -> Self {
        DnsResolver(Arc::new(Servers {
            addresses: ArcSwap::from_pointee(servers),
            of_system,
        }))
    }

    /// Queries one DNS server over UDP, and over TCP if the answer is truncated.
    ///
    /// After the first answer over UDP it keeps listening for `listen`, since the real answer often
    /// follows a forged one. The call takes at most 15 s plus `listen`, or 30 s with TCP. Drop the future
    /// to cancel it.
    pub async fn ask(
        server: SocketAddr,
        host: &str,
        family: Family,
        listen: Duration,
    ) -> DnsAnswer {
        match Question::new(host, family) {
            Ok(question) => exchange::over_udp(server, &question, listen).await.into(),
            Err(failure) => DnsAnswer::unasked(failure, false),
        }
    }

    /// Queries one DNS server over TCP, whose answers are hard to forge and which may get through where UDP
    /// is blocked. The call takes at most 15 s. Drop the future to cancel it.
    pub async fn ask_over_tcp(server: SocketAddr, host: &str, family: Family) -> DnsAnswer {
        match Question::new(host, family) {
            Ok(question) => exchange::over_tcp(server, &question).await.into(),
            Err(failure) => DnsAnswer::unasked(failure, true),
        }
    }
}

impl DnsAnswer {
    fn unasked(failure: Failure, over_tcp: bool) -> Self {
        DnsAnswer {
            outcome: Err(failure),
            took: Duration::ZERO,
            over_tcp,
            second: None,
        }
    }
}

impl From<Exchange> for DnsAnswer {
    fn from(exchange: Exchange) -> Self {
        DnsAnswer {
            outcome: exchange.outcome,
            took: exchange.took,
            over_tcp: exchange.over_tcp,
            second: exchange.second,
        }
    }
}

impl FromStr for DnsResolver {
    type Err = Error;

    /// Parses the address of a DNS server: `223.5.5.5`, `223.5.5.5:5353`, `2400:3200::1`,
    /// `[2400:3200::1]:53`, or `fe80::1%eth0` with the interface of a link-local address (RFC 4007 §11).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for any other text, for port 0, and for an interface that doesn't exist.
    fn from_str(text: &str) -> Result<Self, Error> {
        system_servers::parse(text).map(Self::at).ok_or_else(|| {
            let why = format!(
                "DNS server {text:?}: expected an IP address, optionally with a port (1.2.3.4:53)"
            );
            Error::new(ErrorKind::Input, why)
        })
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.0.addresses.load();
        f.debug_tuple("DnsResolver").field(&**servers).finish()
    }
}

impl Resolve for DnsResolver {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let servers = self.0.addresses.load_full();
        let question = Question::new(host, family);
        Box::pin(async move {
            let question = question?;
            let asked = servers.iter();
            let asked = asked.map(|server| exchange::over_udp(*server, &question, Duration::ZERO));
            let mut answers: FuturesUnordered<_> = asked.collect();
            let mut failed: Option<Failure> = None;
            while let Some(exchange) = answers.next().await {
                match exchange.outcome {
                    Err(failure) if !knows(&failure) => {
                        // Any other failure says more than a timeout.
                        let silent = |one: &Failure| one.kind() == FailureKind::Timeout;
                        if failed.as_ref().is_none_or(silent) {
                            failed = Some(failure);
                        }
                    }
                    outcome => return outcome,
                }
            }
            Err(failed.expect("a resolver has at least one server"))
        })
    }

    fn network_changed(&self) {
        if !self.0.of_system {
            return;
        }
        match read_system() {
            Ok(servers) => self.0.addresses.store(Arc::new(servers)),
            // Keep the old servers rather than none.
            Err(error) => tracing::warn!(
                target: "easelect::connect",
                error,
                "the system's DNS servers can't be read"
            ),
        }
    }
}

/// The DNS servers that the platform's resolver queries in turn, if known.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
pub(crate) fn asked_by_platform() -> Vec<SocketAddr> {
    system_servers::read().unwrap_or_default()
}

/// Unknown: these platforms choose DNS servers per interface or name.
#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
pub(crate) fn asked_by_platform() -> Vec<SocketAddr> {
    Vec::new()
}

/// The first addresses that any of the servers returns. All are queried at once.
pub(crate) async fn found_by_any(
    servers: Vec<SocketAddr>,
    host: &str,
    family: Family,
) -> Option<Resolved> {
    let question = Question::new(host, family).ok()?;
    let asked = servers.iter();
    let asked = asked.map(|server| exchange::over_udp(*server, &question, Duration::ZERO));
    let mut answers: FuturesUnordered<_> = asked.collect();
    while let Some(exchange) = answers.next().await {
        if let Ok(found) = exchange.outcome {
            return Some(found);
        }
    }
    None
}

/// The system's DNS servers, at least one.
fn read_system() -> Result<Vec<SocketAddr>, String> {
    let servers = system_servers::read()?;
    match servers.as_slice() {
        [] => Err("there are none".to_owned()),
        _ => Ok(servers),
    }
}

/// Whether the answer is that the name has no address. Other servers would say the same.
fn knows(failure: &Failure) -> bool {
    matches!(
        failure.kind(),
        FailureKind::NotFound | FailureKind::NoAddress
    )
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};
    use tokio::task::JoinSet;

    use super::message::tests::{a_record, answer, question_of};
    use super::*;

    const ADDRESS: [u8; 4] = [203, 0, 114, 7];
    const OTHER: [u8; 4] = [203, 0, 114, 8];
    const LONG: Duration = Duration::from_secs(60);

    /// Makes an answer to a query.
    type Answers = fn(&[u8]) -> Vec<u8>;

    /// A DNS server on loopback, until it is dropped.
    struct NameServer {
        address: SocketAddr,
        /// The queries that came over UDP.
        queries: Arc<Mutex<Vec<Vec<u8>>>>,
        tasks: JoinSet<()>,
    }

    impl NameServer {
        /// Sends these answers to a query over UDP. The closure gets the number of earlier queries.
        async fn new(answers: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = socket.local_addr().unwrap();
            let queries = Arc::new(Mutex::new(Vec::new()));
            let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::clone(&queries);
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let mut query = [0; 1500];
                loop {
                    let (length, from) = socket.recv_from(&mut query).await.unwrap();
                    let query = &query[..length];
                    let before = seen.lock().unwrap().len();
                    seen.lock().unwrap().push(query.to_vec());
                    for answer in answers(before, query) {
                        socket.send_to(&answer, from).await.unwrap();
                    }
                }
            });
            NameServer {
                address,
                queries,
                tasks,
            }
        }

        /// Answers over TCP as well; `None` if the same port isn't free for TCP.
        async fn with_tcp(
            mut self,
            answers: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
        ) -> Option<Self> {
            let listener = TcpListener::bind(self.address).await.ok()?;
            self.tasks.spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let length = stream.read_u16().await.unwrap();
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    let answer = answers(&query);
                    let length = u16::try_from(answer.len()).unwrap();
                    stream.write_u16(length).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
            Some(self)
        }

        fn had_edns(&self) -> Vec<bool> {
            let queries = self.queries.lock().unwrap();
            queries.iter().map(|query| query[11] == 1).collect()
        }
    }

    fn found(query: &[u8], ip: [u8; 4]) -> Vec<u8> {
        answer(query, [0x81, 0x80], [1, 0, 0], &a_record(12, 60, ip))
    }

    fn coded(query: &[u8], code: u8) -> Vec<u8> {
        answer(query, [0x81, 0x80 | code], [0; 3], &[])
    }

    fn header_only(query: &[u8], code: u8) -> Vec<u8> {
        let mut header = query[..2].to_vec();
        header.extend([0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0]);
        header
    }

    async fn resolved(server: &NameServer) -> Result<Vec<IpAddr>, FailureKind> {
        let resolver = DnsResolver::at(server.address);
        let answer = resolver.resolve("im.example.com", Family::V4);
        let answer = tokio::time::timeout(LONG, answer).await.unwrap();
        let addresses = answer.map(|found| found.addresses);
        addresses.map_err(|failure| failure.kind())
    }

    fn is(address: [u8; 4]) -> Result<Vec<IpAddr>, FailureKind> {
        Ok(vec![address.into()])
    }

    #[tokio::test]
    async fn addresses_come_with_their_time_to_live() {
        let server = NameServer::new(|_, query| vec![found(query, ADDRESS)]).await;
        let resolver = DnsResolver::at(server.address);
        let answer = resolver.resolve("im.example.com", Family::V4);
        let found = answer.await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from(ADDRESS)]);
        assert_eq!(found.ttl, Some(Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn any_name_server_that_has_addresses_is_enough() {
        let silent = NameServer::new(|_, _| Vec::new()).await;
        let fails = NameServer::new(|_, query| vec![coded(query, 2)]).await;
        let knows_none = NameServer::new(|_, query| vec![coded(query, 3)]).await;
        let good = NameServer::new(|_, query| vec![found(query, ADDRESS)]).await;
        let ask = async |servers: &[&NameServer]| {
            let servers = servers.iter().map(|one| one.address).collect();
            let found = found_by_any(servers, "im.example.com", Family::V4);
            let found = tokio::time::timeout(LONG, found).await.unwrap();
            found.map(|found| found.addresses)
        };
        let found = ask(&[&silent, &fails, &knows_none, &good]).await;
        assert_eq!(found, Some(vec![IpAddr::from(ADDRESS)]));
        assert_eq!(ask(&[&fails, &knows_none]).await, None);
    }

    /// Special names (RFC 6761), names in the hosts file and repeated names are queried, too.
    #[tokio::test]
    async fn every_name_is_asked_for_every_time() {
        let server = NameServer::new(|_, query| vec![found(query, ADDRESS)]).await;
        let resolver = DnsResolver::at(server.address);
        let names = [
            "localhost",
            "x.invalid",
            "x.onion",
            "x.local",
            "a_b._tcp.x",
            "x.test",
        ];
        for name in names.iter().chain(&names) {
            let found = resolver.resolve(name, Family::V4).await.unwrap();
            assert_eq!(found.addresses, [IpAddr::from(ADDRESS)], "{name}");
        }
        let queries = server.queries.lock().unwrap().clone();
        assert_eq!(queries.len(), 2 * names.len());
        let mut ids: Vec<&[u8]> = queries.iter().map(|query| &query[..2]).collect();
        ids.dedup();
        assert!(ids.len() > names.len(), "IDs differ: {ids:?}");
        assert!(question_of(&queries[0]).starts_with(b"\x09localhost\0"));
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        for (code, kind) in [
            (0, FailureKind::NoAddress),
            (2, FailureKind::ServerFailure),
            (3, FailureKind::NotFound),
            (5, FailureKind::Refused),
        ] {
            let server = NameServer::new(move |_, query| vec![coded(query, code)]).await;
            assert_eq!(resolved(&server).await, Err(kind), "code {code}");
            assert_eq!(server.had_edns(), [true], "code {code}: asked once");
        }
    }

    #[tokio::test]
    async fn a_server_that_knows_no_edns_is_asked_without() {
        for code in [1, 4, 5] {
            let answers = move |_, query: &[u8]| match query[11] {
                0 => vec![found(query, ADDRESS)],
                _ => vec![header_only(query, code)],
            };
            let server = NameServer::new(answers).await;
            assert_eq!(resolved(&server).await, is(ADDRESS), "code {code}");
            assert_eq!(server.had_edns(), [true, false], "code {code}");
        }
        // No answer to EDNS, as behind a firewall that drops what it doesn't know.
        let answers = |_, query: &[u8]| match query[11] {
            0 => vec![found(query, ADDRESS)],
            _ => Vec::new(),
        };
        let server = NameServer::new(answers).await;
        assert_eq!(resolved(&server).await, is(ADDRESS));
        assert_eq!(server.had_edns(), [true, false]);
        // Refuses every query.
        let server = NameServer::new(|_, query| vec![header_only(query, 5)]).await;
        assert_eq!(resolved(&server).await, Err(FailureKind::Refused));
        assert_eq!(server.had_edns(), [true, false]);
    }

    #[tokio::test]
    async fn a_truncated_answer_is_asked_for_over_tcp() {
        let truncated = |query: &[u8]| answer(query, [0x83, 0x80], [0; 3], &[]);
        let server = loop {
            let server = NameServer::new(move |_, query| vec![truncated(query)]).await;
            let tcp = |query: &[u8]| match query[11] {
                0 => found(query, ADDRESS),
                _ => header_only(query, 1),
            };
            if let Some(server) = server.with_tcp(tcp).await {
                break server;
            }
        };
        assert_eq!(resolved(&server).await, is(ADDRESS));
        let host = "im.example.com";
        let udp = DnsResolver::ask(server.address, host, Family::V4, Duration::ZERO).await;
        let tcp = DnsResolver::ask_over_tcp(server.address, host, Family::V4).await;
        for answer in [udp, tcp] {
            assert!(answer.over_tcp);
            assert_eq!(answer.outcome.unwrap().addresses, [IpAddr::from(ADDRESS)]);
        }
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let closed = socket.local_addr().unwrap();
        drop(socket);
        let host = "im.example.com";
        let udp = DnsResolver::ask(closed, host, Family::V4, Duration::ZERO).await;
        let tcp = DnsResolver::ask_over_tcp(closed, host, Family::V4).await;
        for answer in [udp, tcp] {
            let failure = answer.outcome.unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Refused, "{failure}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_malformed_unless_an_answer_follows() {
        let other_id = |query: &[u8]| {
            let mut answer = found(query, OTHER);
            answer[0] ^= 0x55;
            answer
        };
        let other_name = |query: &[u8]| {
            let mut answer = found(query, OTHER);
            answer[13] ^= 1;
            answer
        };
        let cut = |query: &[u8]| found(query, OTHER)[..40].to_vec();
        let odd: [Answers; 4] = [other_id, other_name, cut, |_| vec![0xff; 5]];
        let each = odd.map(|odd| async move {
            let server = NameServer::new(move |_, query| vec![odd(query)]).await;
            assert_eq!(resolved(&server).await, Err(FailureKind::Malformed));
            let answers = move |_, query: &[u8]| vec![odd(query), found(query, ADDRESS)];
            let server = NameServer::new(answers).await;
            assert_eq!(resolved(&server).await, is(ADDRESS));
            assert_eq!(server.had_edns(), [true]);
        });
        futures::future::join_all(each).await;
    }

    #[tokio::test]
    async fn a_second_answer_to_one_query_is_told_if_it_differs() {
        let second = async |answers: fn(&[u8]) -> Vec<Vec<u8>>| {
            let server = NameServer::new(move |_, query| answers(query)).await;
            let listen = Duration::from_millis(300);
            let host = "im.example.com";
            let answer = DnsResolver::ask(server.address, host, Family::V4, listen).await;
            assert_eq!(answer.outcome.unwrap().addresses, [IpAddr::from(ADDRESS)]);
            let second = answer.second?.map(|found| found.addresses);
            Some(second.map_err(|failure| failure.kind()))
        };
        let same = second(|query| vec![found(query, ADDRESS), found(query, ADDRESS)]).await;
        assert_eq!(same, None);
        let other = second(|query| vec![found(query, ADDRESS), found(query, OTHER)]).await;
        assert_eq!(other, Some(is(OTHER)));
        let none = second(|query| vec![found(query, ADDRESS), coded(query, 3)]).await;
        assert_eq!(none, Some(Err(FailureKind::NotFound)));
    }

    /// The answer to a repeated query doesn't count as a second answer.
    #[tokio::test]
    async fn a_lost_query_is_sent_again() {
        let answers = |before, query: &[u8]| match before {
            0 => Vec::new(),
            _ => vec![found(query, ADDRESS)],
        };
        let server = NameServer::new(answers).await;
        let host = "im.example.com";
        let answer = DnsResolver::ask(server.address, host, Family::V4, Duration::ZERO).await;
        assert_eq!(answer.outcome.unwrap().addresses, [IpAddr::from(ADDRESS)]);
        assert!(answer.took >= Duration::from_secs(1) && answer.second.is_none());
    }

    #[tokio::test]
    async fn of_many_servers_the_first_that_knows_is_believed() {
        let silent = NameServer::new(|_, _| Vec::new()).await;
        let failing = NameServer::new(|_, query| vec![coded(query, 2)]).await;
        let knowing = NameServer::new(|_, query| vec![found(query, ADDRESS)]).await;
        let of = async |servers: &[&NameServer]| {
            let servers = servers.iter().map(|server| server.address);
            let resolver = DnsResolver::of(servers.collect(), false);
            let found = resolver.resolve("im.example.com", Family::V4).await;
            let found = found.map(|found| found.addresses);
            found.map_err(|failure| failure.kind())
        };
        assert_eq!(of(&[&silent, &failing, &knowing]).await, is(ADDRESS));
        assert_eq!(of(&[&failing]).await, Err(FailureKind::ServerFailure));
        let nobody = NameServer::new(|_, query| vec![coded(query, 3)]).await;
        assert_eq!(of(&[&silent, &nobody]).await, Err(FailureKind::NotFound));
    }

    #[test]
    fn a_server_is_read_from_text() {
        let resolver: DnsResolver = "[::1]:5353".parse().unwrap();
        assert_eq!(resolver.servers(), ["[::1]:5353".parse().unwrap()]);
        let error = "dns.example".parse::<DnsResolver>().unwrap_err();
        assert!(error.is_input(), "{error}");
        assert!(!DnsResolver::system().unwrap().servers().is_empty());
    }

    #[test]
    fn on_another_network_the_systems_servers_are_read_again() {
        let left: SocketAddr = "192.0.2.53:53".parse().unwrap();
        let resolver = DnsResolver::of(vec![left], true);
        let clone = resolver.clone();
        resolver.network_changed();
        let system = DnsResolver::system().unwrap().servers();
        assert_eq!(clone.servers(), system);
        let named = DnsResolver::at(left);
        named.network_changed();
        assert_eq!(named.servers(), [left]);
    }
}
