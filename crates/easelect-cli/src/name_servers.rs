//! Direct DNS lookups: what each of the system's DNS servers answers for hosts that could not be resolved or
//! reached.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use easelect::{
    Dialer, DnsAnswer, DnsResolver, Failure, FailureKind, Families, Family, Phase, PinnedHost,
    ProbeOutcome, Ranked, Resolved,
};
use easelect_report::{DirectLookup, DnsTransport};
use futures::StreamExt;
use futures::future::join_all;
use tokio::time::{sleep, timeout};

use crate::words::{Usage, say, shown};

/// How many hosts are looked up at once. Each takes up to six sockets: three DNS servers, two families.
const AT_A_TIME: usize = 16;

/// How long to listen to one DNS server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For an answer.
    answer: Duration,
    /// For a second answer, after the first one.
    second: Duration,
}

/// The resolver sends three queries, after 0, 1 and 3 s. A forged answer comes from nearby and so arrives before the
/// right one; a round trip around the world takes less than a second.
pub(crate) const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(5),
    second: Duration::from_secs(2),
};

/// The limit of all direct lookups together.
const LIMIT: Duration = Duration::from_secs(20);

/// After so many questions without any answer, a DNS server is not asked again.
const ENOUGH_SILENCE: usize = 4;

/// Parses the value of `--dns`: an address, optionally with an interface and a port.
pub(crate) fn name_server(text: &str) -> Result<SocketAddr, Usage> {
    let parsed = text.parse::<DnsResolver>().ok();
    let server = parsed.and_then(|one| one.servers().first().copied());
    server.ok_or_else(|| {
        let text = shown(text);
        say(
            format!("--dns {text}: expected the IP address of a DNS server, or IP:PORT"),
            format!("--dns {text}：应为 DNS 服务器的 IP 地址，或 IP:PORT"),
        )
        .into()
    })
}

/// Returns the names to look up directly: those that were not found, and those at whose addresses no server proved to
/// be the host. A forged answer shows in the latter way only.
pub(crate) fn in_question(
    outcome: &ProbeOutcome,
    dialer: &Dialer,
    pinned: &[PinnedHost],
) -> BTreeSet<String> {
    let all = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    let led_nowhere = all.filter(|ranked| {
        let (peer, failures) = (dialer.peer(ranked.endpoint()), ranked.stats.failures());
        let is_pinned = pinned.iter().any(|pin| pin.covers(peer.host, peer.port));
        if ranked.stats.addresses().is_empty() {
            let lookup = |phase| phase == Phase::Resolve;
            return !is_pinned && failures.iter().any(|one| lookup(one.failure.phase()));
        }
        // Behind a proxy no name is resolved here but the proxy's, which was found.
        !is_pinned && peer.proxy.is_none() && !failures.is_empty() && !proved(ranked)
    });
    led_nowhere
        .map(|ranked| dialer.peer(ranked.endpoint()).host.to_owned())
        .filter(|host| host.parse::<IpAddr>().is_err())
        .collect()
}

/// Whether the host proved its identity at least once.
fn proved(ranked: &Ranked) -> bool {
    let failures = ranked.stats.failures();
    let behind_tls = failures.iter().any(|one| one.failure.phase() > Phase::Tls);
    ranked.stats.successes() > 0 || behind_tls
}

/// Asks each DNS server for each host. The answers are in the order of hosts, then servers.
pub(crate) async fn ask(
    servers: &[SocketAddr],
    hosts: BTreeSet<String>,
    families: Families,
    patience: Patience,
) -> Vec<DirectLookup> {
    let new = |at: &SocketAddr| Server::new(*at, patience);
    let servers: Vec<Server> = servers.iter().map(new).collect();
    let of_host = |host: String| {
        let servers = &servers;
        async move {
            let questions = servers
                .iter()
                .flat_map(|server| families.list().iter().map(move |family| (server, *family)));
            let asked = questions.map(|(server, family)| server.ask(&host, family));
            join_all(asked).await.concat()
        }
    };
    let answers = futures::stream::iter(hosts.into_iter().map(of_host)).buffered(AT_A_TIME);
    let answers: Vec<Vec<DirectLookup>> = answers.take_until(sleep(LIMIT)).collect().await;
    answers.concat()
}

/// A DNS server, and how it answered so far.
struct Server {
    at: SocketAddr,
    patience: Patience,
    silent: AtomicUsize,
    answered: AtomicBool,
    asked_over_tcp: AtomicBool,
}

impl Server {
    fn new(at: SocketAddr, patience: Patience) -> Self {
        Server {
            at,
            patience,
            silent: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            asked_over_tcp: AtomicBool::new(false),
        }
    }

    /// Asks over UDP. If that fails, asks over TCP once, to see whether TCP gets through. If two answers came, asks
    /// over TCP, too: an answer over TCP is hard to forge.
    async fn ask(&self, host: &str, family: Family) -> Vec<DirectLookup> {
        let is_silent = self.silent.load(Ordering::Relaxed) >= ENOUGH_SILENCE;
        if is_silent && !self.answered.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let Patience { answer, second } = self.patience;
        let asked = DnsResolver::ask(self.at, host, family, second);
        let within = answer + second;
        let udp = self.told(host, family, timeout(within, asked).await.ok(), within);
        let kind = udp.outcome.as_ref().err().map(Failure::kind);
        if kind == Some(FailureKind::Timeout) {
            self.silent.fetch_add(1, Ordering::Relaxed);
        } else {
            self.answered.store(true, Ordering::Relaxed);
        }
        let for_nothing = matches!(kind, Some(FailureKind::Timeout | FailureKind::Malformed));
        let first = || !self.asked_over_tcp.swap(true, Ordering::Relaxed);
        if udp.second_answer.is_none() && !(for_nothing && first()) {
            return vec![udp];
        }
        let asked = DnsResolver::ask_over_tcp(self.at, host, family);
        let mut tcp = self.told(host, family, timeout(answer, asked).await.ok(), answer);
        tcp.transport = DnsTransport::Tcp;
        vec![udp, tcp]
    }

    /// Returns the result; `None` means no answer `within` that time.
    fn told(
        &self,
        host: &str,
        family: Family,
        answer: Option<DnsAnswer>,
        within: Duration,
    ) -> DirectLookup {
        let Some(answer) = answer else {
            let late = Failure::new(Phase::Resolve, FailureKind::Timeout);
            let mut silence = DirectLookup::new(host, self.at, family, Err(late));
            silence.took = within;
            return silence;
        };
        let addresses = |found: Resolved| found.addresses;
        let outcome = answer.outcome.map(addresses);
        let mut told = DirectLookup::new(host, self.at, family, outcome);
        if answer.over_tcp {
            told.transport = DnsTransport::Tcp;
        }
        told.took = answer.took;
        told.second_answer = answer.second.map(|second| second.map(addresses));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easelect::{Endpoint, Prober, Region, Rounds, Service};
    use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};
    use tokio::task::JoinSet;

    #[test]
    fn a_name_server_has_an_address() {
        let at = |text| name_server(text).ok().map(|one| one.to_string());
        assert_eq!(at("223.5.5.5").as_deref(), Some("223.5.5.5:53"));
        assert_eq!(at("[::1]:54").as_deref(), Some("[::1]:54"));
        for bad in ["", "dns.example", "1.2.3.4:0", "1.2.3", "1.2.3.4:x"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    fn endpoint(host: &str) -> Endpoint {
        let url = format!("wss://{host}/ws");
        Endpoint::new(Region::SGP1, Service::Websocket, &url).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_led_nowhere_are_in_question() {
        let ip = |last| IpAddr::from([44, 128, 0, last]);
        let hosts = [
            ("works.example", Dns::Ok, Fault::None),
            ("lost.example", Dns::Temporary, Fault::None),
            ("silent.example", Dns::Timeout, Fault::None),
            ("dead.example", Dns::Ok, Fault::BlackHole),
            ("impostor.example", Dns::Ok, Fault::WrongHost),
            ("answering.example", Dns::Ok, Fault::BadAccept),
            ("pinned.example", Dns::Ok, Fault::Refuse),
        ];
        let mut scenario = Scenario::new(1);
        for (last, (name, dns, fault)) in (1..).zip(hosts) {
            let host = Host::new(name).with_address(ip(last)).with_dns(dns);
            let path = Path::new(ip(last)).with_fault(fault);
            scenario = scenario.with_host(host).with_path(path);
        }
        let literal = Path::new(ip(99)).with_fault(Fault::Refuse);
        let lab = Lab::new(scenario.with_path(literal)).unwrap();
        let pin = PinnedHost::new("pinned.example", 443, vec![ip(7)]);
        let dialer = lab.dialer().pin(pin.clone()).build().unwrap();
        let names = hosts.iter().map(|(name, ..)| *name);
        let outcome = Prober::builder()
            .endpoints(names.chain(["44.128.0.99"]).map(endpoint))
            .dialer(dialer.clone())
            .rounds(Rounds::Exact(1))
            .build()
            .unwrap()
            .run()
            .outcome()
            .await;
        let asked: Vec<String> = in_question(&outcome, &dialer, &[pin]).into_iter().collect();
        let expected = [
            "dead.example",
            "impostor.example",
            "lost.example",
            "silent.example",
        ];
        assert_eq!(asked, expected);
        // Behind a proxy none of the names is looked up here.
        let proxy: easelect::Proxy = "http://44.128.0.99:8080".parse().unwrap();
        let behind = lab.dialer().proxy(proxy).build().unwrap();
        let outcome = Prober::builder()
            .endpoints(hosts.iter().map(|(name, ..)| endpoint(name)))
            .dialer(behind.clone())
            .rounds(Rounds::Exact(1))
            .build()
            .unwrap()
            .run()
            .outcome()
            .await;
        assert!(in_question(&outcome, &behind, &[]).is_empty());
    }

    const FORGED: [u8; 4] = [44, 128, 0, 1];
    const RIGHT: [u8; 4] = [44, 128, 0, 2];

    /// The answer to an A query; none of the family to another.
    fn answer(query: &[u8], ip: [u8; 4]) -> Vec<u8> {
        let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
        let question = &query[12..12 + name + 5];
        let asks_a = question[name + 2] == 1;
        let mut answer = query[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(asks_a), 0, 0, 0, 0]);
        answer.extend(question);
        if asks_a {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(ip);
        }
        answer
    }

    /// A DNS server that sends these over UDP, one after the other, and the right one over TCP.
    async fn server(over_udp: &'static [[u8; 4]]) -> (SocketAddr, JoinSet<()>) {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let at = udp.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut query = [0; 1500];
            loop {
                let (length, from) = udp.recv_from(&mut query).await.unwrap();
                for ip in over_udp {
                    let answer = answer(&query[..length], *ip);
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut query = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut query).await.unwrap();
                let answer = answer(&query, RIGHT);
                let length = u16::try_from(answer.len()).unwrap();
                stream.write_u16(length).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        (at, tasks)
    }

    /// Where no DNS server is.
    async fn nobody() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap()
    }

    const SOON: Patience = Patience {
        answer: Duration::from_millis(500),
        second: Duration::from_millis(500),
    };

    /// One that forges, one that is silent, one that is none: all at once, as the time allows.
    #[tokio::test]
    async fn each_name_server_is_asked_and_what_is_odd_over_tcp_too() {
        let (forging, _forging) = server(&[FORGED, RIGHT]).await;
        let (silent, _silent) = server(&[]).await;
        let none = nobody().await;
        let hosts = BTreeSet::from(["im.example.com".to_owned()]);
        let told = ask(&[forging, silent, none], hosts, Families::V4, SOON).await;
        let said: Vec<_> = told
            .into_iter()
            .map(|one| {
                assert_eq!(
                    (one.host.as_str(), one.family),
                    ("im.example.com", Family::V4)
                );
                let kind = |failure: Failure| failure.kind();
                let second = one.second_answer.map(|second| second.map_err(kind));
                (one.server, one.transport, one.outcome.map_err(kind), second)
            })
            .collect();
        let is = |ip: [u8; 4]| Ok(vec![IpAddr::from(ip)]);
        let expected = [
            (forging, DnsTransport::Udp, is(FORGED), Some(is(RIGHT))),
            (forging, DnsTransport::Tcp, is(RIGHT), None),
            (silent, DnsTransport::Udp, Err(FailureKind::Timeout), None),
            (silent, DnsTransport::Tcp, is(RIGHT), None),
            (none, DnsTransport::Udp, Err(FailureKind::Refused), None),
        ];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_not_asked_for_ever() {
        let none = nobody().await;
        let server = Server::new(none, SOON);
        server.silent.store(ENOUGH_SILENCE, Ordering::Relaxed);
        assert!(server.ask("im.example.com", Family::V4).await.is_empty());
        server.answered.store(true, Ordering::Relaxed);
        assert_eq!(server.ask("im.example.com", Family::V4).await.len(), 1);
    }
}
