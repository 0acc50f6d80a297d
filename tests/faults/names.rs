//! Faults of DNS servers on the wire: a scripted server on loopback, queried by `DnsResolver`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use easelect::{
    Dialer, DnsResolver, Endpoint, FailureKind as Kind, Families, Phase, Prober, Region, Rounds,
    Service, Tier, TlsClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::trial::{self, Ended};

/// How the server answers over UDP. Over TCP it always answers in full, unless it has no TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Good,
    /// With this response code (RFC 1035 §4.1.1).
    Code(u8),
    /// With the name, and no record (RFC 2308 §2.2).
    NoData,
    Silent,
    Garbage,
    /// With an answer to another question.
    WrongId,
    /// First like that, then correctly, as after a clumsy forger.
    WrongIdThenGood,
    /// With the truncation bit and no record (RFC 7766 §5).
    Truncated,
    /// The same, without TCP.
    TruncatedWithoutTcp,
}

/// The address of every name, where nothing listens on the port probed.
const ADDRESS: [u8; 4] = [127, 0, 0, 1];

/// A DNS server, which stops when dropped.
struct NameServer {
    address: SocketAddr,
    over_tcp: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// One free port for both.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        if let Ok(tcp) = TcpListener::bind(address).await {
            return (udp, tcp);
        }
    }
}

impl NameServer {
    async fn start(script: Script) -> Self {
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let over_tcp = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut query = [0; 1500];
            loop {
                let (length, from) = udp.recv_from(&mut query).await.unwrap();
                for answer in answers(script, &query[..length]) {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let counted = Arc::clone(&over_tcp);
        if script != Script::TruncatedWithoutTcp {
            tasks.spawn(async move {
                loop {
                    let (mut stream, _) = tcp.accept().await.unwrap();
                    counted.fetch_add(1, Ordering::SeqCst);
                    // A two-byte length precedes each message (RFC 1035 §4.2.2).
                    let length = stream.read_u16().await.unwrap();
                    let mut query = vec![0; usize::from(length)];
                    stream.read_exact(&mut query).await.unwrap();
                    let answer = good(&query);
                    let length = u16::try_from(answer.len()).unwrap();
                    stream.write_u16(length).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
        NameServer {
            address,
            over_tcp,
            _tasks: tasks,
        }
    }
}

fn answers(script: Script, query: &[u8]) -> Vec<Vec<u8>> {
    let wrong_id = || {
        let mut answer = good(query);
        answer[0] ^= 0x55;
        answer
    };
    match script {
        Script::Good => vec![good(query)],
        Script::Code(code) => vec![answer(query, code, 0x81, false)],
        Script::NoData => vec![answer(query, 0, 0x81, false)],
        Script::Silent => Vec::new(),
        Script::Garbage => vec![b"\xff\xfe this is no DNS message".to_vec()],
        Script::WrongId => vec![wrong_id()],
        Script::WrongIdThenGood => vec![wrong_id(), good(query)],
        // 0x83: a response, truncated, recursion desired.
        Script::Truncated | Script::TruncatedWithoutTcp => vec![answer(query, 0, 0x83, false)],
    }
}

fn good(query: &[u8]) -> Vec<u8> {
    answer(query, 0, 0x81, true)
}

/// A message with the query's identifier and question, and perhaps one A record.
fn answer(query: &[u8], code: u8, flags: u8, with_record: bool) -> Vec<u8> {
    // The question ends with its class; what follows (EDNS) is left out.
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..12 + name + 5];
    let asks_a = question[name + 2] == 1;
    let records = u8::from(with_record && asks_a);
    let mut answer = query[..2].to_vec();
    answer.extend([flags, 0x80 | code, 0, 1, 0, records, 0, 0, 0, 0]);
    answer.extend(question);
    if records == 1 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(ADDRESS);
    }
    answer
}

/// The time that a lookup at a silent server may take here.
const TIME_OUT: Duration = Duration::from_millis(500);
/// An unreadable answer may be followed by a readable one.
const LONG: Duration = Duration::from_secs(10);
const GENEROUS: Duration = Duration::from_secs(20);

async fn ask(script: Script, time_out: Duration) -> (NameServer, Ended) {
    let server = NameServer::start(script).await;
    // A port that was just free, so that connecting is refused.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("wss://im.example.com:{port}/ws");
    let endpoint = Endpoint::new(Region::SGP1, Service::Websocket, &url).unwrap();
    let root = trial::lab(&endpoint, trial::path()).root();
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(
            Dialer::builder()
                .resolver(DnsResolver::at(server.address))
                .families(Families::V4)
                .tls(TlsClient::with_roots([root]).unwrap())
                .attempt_timeout(time_out)
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(1));
    let started = Instant::now();
    let ended = trial::probe(prober).await;
    assert!(started.elapsed() < GENEROUS, "{script:?} hangs");
    (server, ended)
}

#[tokio::test]
async fn faults_on_the_wire() {
    for (script, kind) in [
        (Script::Code(3), Kind::NotFound),
        (Script::Code(2), Kind::ServerFailure),
        (Script::Code(5), Kind::Refused),
        (Script::Code(1), Kind::Other),
        (Script::NoData, Kind::NoAddress),
        (Script::Silent, Kind::Timeout),
        (Script::Garbage, Kind::Malformed),
        (Script::WrongId, Kind::Malformed),
    ] {
        let time_out = match kind {
            Kind::Timeout => TIME_OUT,
            _ => LONG,
        };
        let (_server, ended) = ask(script, time_out).await;
        let lookup = &ended.lookups[0];
        let failure = lookup.outcome.clone().unwrap_err();
        let told = (failure.phase(), failure.kind());
        assert_eq!(told, (Phase::Resolve, kind), "{script:?}: {failure}");
        if kind == Kind::Timeout {
            assert!(lookup.took >= TIME_OUT, "{script:?}");
        }
        assert_eq!(ended.ranked.tier, Tier::Unreachable);
        assert!(ended.samples.is_empty());
    }
}

#[tokio::test]
async fn what_is_found_is_the_right_answer() {
    for (script, over_tcp) in [
        (Script::Good, 0),
        (Script::WrongIdThenGood, 0),
        (Script::Truncated, 1),
    ] {
        let (server, ended) = ask(script, LONG).await;
        let found = ended.lookups[0].outcome.clone().unwrap();
        assert_eq!(found, [IpAddr::from(ADDRESS)], "{script:?}");
        assert_eq!(server.over_tcp.load(Ordering::SeqCst), over_tcp);
        let failure = ended.samples[0].outcome.clone().unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
    }
}

/// The remaining addresses count as missing or unreachable, never as found.
#[tokio::test]
async fn a_truncated_answer_without_tcp_is_no_answer() {
    let (server, ended) = ask(Script::TruncatedWithoutTcp, LONG).await;
    assert!(ended.lookups[0].outcome.is_err());
    assert_eq!(server.over_tcp.load(Ordering::SeqCst), 0);
}
