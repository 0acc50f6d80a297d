//! The simulated network as its users see it: exact times in paused time, and every fault.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easelect::{ByteStream, Catalog, ErrorKind, FailureKind, Family, Transport};
use easelect_lab::{Dns, EventKind, Fault, Host, Lab, Path, Scenario, Step, TlsVersion};
use futures::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const HOST: &str = "im.example.com";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The example of RFC 6455 §1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ip() -> IpAddr {
    IpAddr::from([44, 128, 0, 1])
}

fn at() -> SocketAddr {
    (ip(), 443).into()
}

fn path() -> Path {
    Path::new(ip()).with_rtt(ms(40))
}

fn lab(path: Path) -> Lab {
    let host = Host::new(HOST).with_address(ip());
    Lab::new(Scenario::new(1).with_host(host).with_path(path)).unwrap()
}

fn config(lab: &Lab) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(lab.root()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn dial(lab: &Lab) -> io::Result<ByteStream> {
    lab.connector().connect("im.example.com", at()).await
}

async fn tls(config: &Arc<ClientConfig>, wire: ByteStream) -> io::Result<TlsStream<ByteStream>> {
    let name = ServerName::try_from(HOST).unwrap();
    TlsConnector::from(Arc::clone(config))
        .connect(name, wire)
        .await
}

async fn secure(lab: &Lab) -> io::Result<TlsStream<ByteStream>> {
    tls(&config(lab), dial(lab).await?).await
}

fn upgrade(path: &str, extra: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{extra}\r\n"
    )
}

/// Sends a request and reads until the first head is complete, the peer closes, 64 KiB, or 60 s.
async fn ask(stream: &mut TlsStream<ByteStream>, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(16 * 1024);
    let head = async {
        while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            if stream.read_buf(&mut bytes).await? == 0 {
                break;
            }
            if bytes.len() > 64 * 1024 {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(())
    };
    match timeout(Duration::from_secs(60), head).await {
        Ok(read) => read.map(|()| String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The response to an upgrade over a path with this fault.
async fn answer(path: Path) -> io::Result<String> {
    let lab = lab(path);
    let mut stream = secure(&lab).await?;
    ask(&mut stream, &upgrade("/websocket", "")).await
}

#[tokio::test(start_paused = true)]
async fn each_phase_takes_exactly_one_round_trip() {
    for rtt in [2, 9, 40, 41, 300] {
        let lab = lab(path().with_rtt(ms(rtt)));
        let config = config(&lab);
        for round in 0..3 {
            let start = Instant::now();
            let wire = dial(&lab).await.unwrap();
            assert_eq!(start.elapsed(), ms(rtt), "connect");
            let kernel = wire.tcp_info().unwrap();
            assert_eq!((kernel.rtt, kernel.retransmissions), (Some(ms(rtt)), 0));

            let start = Instant::now();
            let mut stream = tls(&config, wire).await.unwrap();
            assert_eq!(start.elapsed(), ms(rtt), "tls");
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            assert_eq!(resumed, round > 0);

            let start = Instant::now();
            let answer = ask(&mut stream, &upgrade("/websocket", "")).await.unwrap();
            assert_eq!(start.elapsed(), ms(rtt), "upgrade");
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            assert!(answer.contains(ACCEPT), "{answer}");

            let start = Instant::now();
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
            socket.send(Message::text("hello")).await.unwrap();
            let echoed = socket.next().await.unwrap().unwrap();
            assert_eq!(echoed, Message::text("hello"));
            socket.send(Message::Ping(vec![1].into())).await.unwrap();
            let pong = socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong(vec![1].into()));
            assert_eq!(start.elapsed(), ms(2 * rtt), "messages");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tls_1_2_takes_two_round_trips_and_one_when_resumed() {
    let lab = lab(path().with_tls(TlsVersion::V1_2));
    let config = config(&lab);
    for round_trips in [2, 1] {
        let wire = dial(&lab).await.unwrap();
        let start = Instant::now();
        let mut stream = tls(&config, wire).await.unwrap();
        assert_eq!(start.elapsed(), round_trips * ms(40));
        ask(&mut stream, &upgrade("/", "")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn delays_of_the_server_count_in_their_phase() {
    let lab = lab(path()
        .with_accept_delay(ms(10))
        .with_tls_delay(ms(20))
        .with_http_delay(ms(30)));
    let start = Instant::now();
    let wire = dial(&lab).await.unwrap();
    assert_eq!(start.elapsed(), ms(50));
    let mut stream = tls(&config(&lab), wire).await.unwrap();
    assert_eq!(start.elapsed(), ms(110));
    ask(&mut stream, &upgrade("/", "")).await.unwrap();
    assert_eq!(start.elapsed(), ms(180));
}

#[tokio::test(start_paused = true)]
async fn bandwidth_delays_by_the_byte() {
    // 1000 bytes at 80 kbit/s are 100 ms each way; TLS adds a few bytes.
    let lab = lab(path().with_bandwidth_kbps(80));
    let mut stream = secure(&lab).await.unwrap();
    ask(&mut stream, &upgrade("/", "")).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let start = Instant::now();
    socket.send(Message::text("x".repeat(1000))).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let took = start.elapsed();
    assert!((ms(240)..ms(250)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn connecting_fails_as_the_kernel_says() {
    let failure = async |fault| {
        let lab = lab(path().with_fault(fault));
        let start = Instant::now();
        let error = dial(&lab).await.err().unwrap();
        assert_eq!(lab.open(), 0);
        (error.kind(), start.elapsed())
    };
    assert_eq!(
        failure(Fault::Refuse).await,
        (io::ErrorKind::ConnectionRefused, ms(40))
    );
    assert_eq!(
        failure(Fault::Unreachable).await,
        (io::ErrorKind::NetworkUnreachable, ms(0))
    );
    assert_eq!(
        failure(Fault::HostUnreachable).await,
        (io::ErrorKind::HostUnreachable, ms(40))
    );
    // SYNs up to 67 s, the last wait 64 s.
    assert_eq!(
        failure(Fault::BlackHole).await,
        (io::ErrorKind::TimedOut, Duration::from_secs(131))
    );
    let lab = lab(path());
    let nowhere = "44.128.0.99:443".parse().unwrap();
    let connector = lab.connector();
    let waiting = timeout(
        Duration::from_secs(10),
        connector.connect("nowhere.example", nowhere),
    );
    assert!(waiting.await.is_err());
    assert_eq!(lab.open(), 0);
    let last = lab.events().pop().unwrap();
    assert_eq!((last.kind, last.at), (EventKind::Abandoned, ms(10_000)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_syn_costs_what_the_kernel_waits() {
    for (lost, wait) in [(1, 1000), (2, 2000), (4, 4000), (6, 7000), (8, 19_000)] {
        let lab = lab(path().with_drop_first_syns(lost));
        let start = Instant::now();
        let wire = dial(&lab).await.unwrap();
        assert_eq!(start.elapsed(), ms(wait + 40));
        let kernel = wire.tcp_info().unwrap();
        assert_eq!((kernel.rtt, kernel.retransmissions), (Some(ms(40)), lost));
    }
    let text = "syn_retransmit = \"linux-6.4\"\n[[path]]\naddress = \"44.128.0.1\"\n\
                rtt = 40\ndrop_first_syns = 2\n";
    let lab = Lab::new(Scenario::from_toml(text, "x").unwrap()).unwrap();
    let start = Instant::now();
    dial(&lab).await.unwrap();
    assert_eq!(start.elapsed(), ms(3040));
}

#[tokio::test(start_paused = true)]
async fn a_lost_flight_costs_a_retransmission() {
    let lab = lab(path());
    let mut stream = secure(&lab).await.unwrap();
    ask(&mut stream, &upgrade("/", "")).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let start = Instant::now();
    lab.set_loss(ip(), 1.0).unwrap();
    socket.send(Message::text("late")).await.unwrap();
    lab.set_loss(ip(), 0.0).unwrap();
    socket.next().await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(240));
    let kernel = socket.get_ref().get_ref().0.tcp_info().unwrap();
    assert_eq!(kernel.retransmissions, 1);

    // Repeated in vain after 200 and 600 ms, and successfully at 1400 ms.
    let start = Instant::now();
    lab.set_fault(ip(), Fault::BlackHole).unwrap();
    socket.send(Message::text("later")).await.unwrap();
    tokio::time::sleep(ms(1000)).await;
    lab.set_fault(ip(), Fault::None).unwrap();
    socket.next().await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(1440));
}

#[tokio::test(start_paused = true)]
async fn a_script_changes_the_path() {
    let s = Duration::from_secs;
    let lab = lab(path()
        .with_step(Step::at(s(5)).until(s(10)).with_fault(Fault::Refuse))
        .with_step(Step::at(s(10)).with_rtt(ms(80))));
    let start = Instant::now();
    dial(&lab).await.unwrap();
    assert_eq!(start.elapsed(), ms(40));
    tokio::time::sleep_until(start + s(5)).await;
    assert!(dial(&lab).await.is_err());
    tokio::time::sleep_until(start + s(10)).await;
    dial(&lab).await.unwrap();
    assert_eq!(start.elapsed(), ms(10_080));
    lab.set_rtt(ip(), ms(20)).unwrap();
    dial(&lab).await.unwrap();
    assert_eq!(start.elapsed(), ms(10_100));
    assert!(lab.set_fault([44, 128, 0, 9].into(), Fault::None).is_err());
    assert!(lab.set_loss(ip(), 2.0).is_err());
}

#[tokio::test(start_paused = true)]
async fn below_tls() {
    let outcome = async |fault| {
        let lab = lab(path().with_fault(fault));
        let start = Instant::now();
        let result = timeout(Duration::from_secs(60), secure(&lab)).await;
        let kind = match result {
            Ok(result) => Some(result.err().unwrap().kind()),
            Err(_) => None,
        };
        (kind, start.elapsed())
    };
    use io::ErrorKind::{ConnectionReset, InvalidData, UnexpectedEof};
    let hung = Duration::from_secs(60);
    for (fault, kind, took) in [
        (Fault::ResetOnAccept, Some(ConnectionReset), ms(40)),
        (Fault::CloseOnAccept, Some(UnexpectedEof), ms(40)),
        (Fault::DropData, None, hung),
        (Fault::ResetOnHello, Some(ConnectionReset), ms(80)),
        (Fault::CloseAfterHello, Some(UnexpectedEof), ms(80)),
        (Fault::SilentTls, None, hung),
        (Fault::GarbageTls, Some(InvalidData), ms(80)),
        (Fault::PlainHttp, Some(InvalidData), ms(80)),
        (Fault::TlsAlert, Some(InvalidData), ms(80)),
    ] {
        assert_eq!(outcome(fault).await, (kind, took), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_certificates() {
    let error = async |fault| {
        let error = secure(&lab(path().with_fault(fault))).await.err().unwrap();
        let error = error.get_ref().unwrap().downcast_ref::<rustls::Error>();
        match error.unwrap() {
            rustls::Error::InvalidCertificate(error) => error.clone(),
            other => panic!("{fault:?}: {other}"),
        }
    };
    assert!(matches!(
        error(Fault::Expired).await,
        CertificateError::ExpiredContext { .. }
    ));
    assert!(matches!(
        error(Fault::NotYetValid).await,
        CertificateError::NotValidYetContext { .. }
    ));
    assert!(matches!(
        error(Fault::WrongHost).await,
        CertificateError::NotValidForNameContext { .. }
    ));
    assert_eq!(
        error(Fault::Untrusted).await,
        CertificateError::UnknownIssuer
    );
    assert!(matches!(
        error(Fault::SelfSigned).await,
        CertificateError::UnknownIssuer | CertificateError::Other(_)
    ));
    // In TLS 1.3 the alert arrives after the client's handshake.
    let error = answer(path().with_fault(Fault::ClientCertificateRequired)).await;
    let error = error.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn after_tls() {
    let outcome = async |fault| answer(path().with_fault(fault)).await;
    let kind = async |fault| outcome(fault).await.err().unwrap().kind();
    assert_eq!(outcome(Fault::CloseAfterTls).await.unwrap(), "");
    assert_eq!(
        kind(Fault::ResetAfterTls).await,
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(kind(Fault::SilentHttp).await, io::ErrorKind::TimedOut);
    assert_eq!(kind(Fault::SlowLoris).await, io::ErrorKind::TimedOut);
    assert_eq!(kind(Fault::HeaderFlood).await, io::ErrorKind::FileTooLarge);
    let answer = async |fault| outcome(fault).await.unwrap();
    assert!(!answer(Fault::GarbageHttp).await.starts_with("HTTP"));
    let portal = answer(Fault::CaptivePortal).await;
    assert!(portal.starts_with("HTTP/1.1 200 OK\r\n") && portal.contains("text/html"));
    let bad = answer(Fault::BadAccept).await;
    assert!(bad.contains("101") && bad.contains("Sec-WebSocket-Accept") && !bad.contains(ACCEPT));
    let bare = answer(Fault::NoUpgradeHeader).await;
    assert!(
        bare.contains(ACCEPT) && !bare.contains("Upgrade: "),
        "{bare}"
    );
    let both = answer(Fault::KeepAliveUpgrade).await;
    assert!(both.contains("Connection: keep-alive, Upgrade\r\n"));
    let hints = answer(Fault::EarlyHints).await;
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\n"));
    assert!(hints.contains("HTTP/1.1 101"), "they travel together");
    let extension = answer(Fault::UnrequestedExtension).await;
    assert!(extension.contains("Sec-WebSocket-Extensions: permessage-deflate"));
    let protocol = answer(Fault::UnrequestedProtocol).await;
    assert!(protocol.contains("Sec-WebSocket-Protocol: unheard-of"));
    let endless = answer(Fault::EndlessBody).await;
    assert!(endless.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nzzz"));
    let frames = answer(Fault::FramesAfter101).await;
    assert!(
        frames.ends_with("\r\n\r\n\u{fffd}\u{3}one\u{fffd}\u{3}two"),
        "{frames:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn silence_after_the_upgrade() {
    let lab = lab(path().with_fault(Fault::SilentAfter101));
    let mut stream = secure(&lab).await.unwrap();
    let answer = ask(&mut stream, &upgrade("/", "")).await.unwrap();
    assert!(answer.contains(ACCEPT));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::Ping(vec![].into())).await.unwrap();
    let waiting = timeout(Duration::from_secs(30), socket.next());
    assert!(waiting.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn paths_statuses_and_subprotocols() {
    let host = Host::new(HOST)
        .with_address(ip())
        .with_ws_paths(&["/websocket"])
        .with_rest_status(401);
    let scenario = Scenario::new(1).with_host(host).with_path(path());
    let lab = Lab::new(scenario).unwrap();
    let mut stream = secure(&lab).await.unwrap();
    // Several requests on one connection, the last one an upgrade.
    for (request, status) in [
        (upgrade("/ws/websocket", ""), "404"),
        (format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), "401"),
        (
            format!("POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}"),
            "401",
        ),
        (
            upgrade("/websocket?v=1", "Sec-WebSocket-Protocol: xmpp\r\n"),
            "101",
        ),
    ] {
        let answer = ask(&mut stream, &request).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let protocol = answer.contains("Sec-WebSocket-Protocol: xmpp\r\n");
        assert_eq!(protocol, status == "101");
    }
    let moved = path()
        .with_status(302)
        .with_location("https://x.example/")
        .with_retry_after(Duration::from_secs(7));
    let moved = answer(moved).await.unwrap();
    assert!(moved.starts_with("HTTP/1.1 302 Found\r\n"));
    assert!(moved.contains("Location: https://x.example/\r\nRetry-After: 7\r\n"));
    let blocked = path()
        .with_status(403)
        .with_fields(&["Server: gateway", "CF-RAY: 8c1-FRA"])
        .with_body("<html>blocked");
    let blocked = answer(blocked).await.unwrap();
    assert!(blocked.contains("\r\nServer: gateway\r\nCF-RAY: 8c1-FRA\r\n"));
    assert!(blocked.ends_with("\r\n\r\n<html>blocked"), "{blocked}");
}

#[tokio::test(start_paused = true)]
async fn names_are_answered_by_family() {
    let v6: IpAddr = "2600:1f00::1".parse().unwrap();
    let host = Host::new(HOST)
        .with_address(ip())
        .with_address(v6)
        .with_dns_delay(ms(20))
        .with_dns_delay_aaaa(ms(200))
        .with_ttl(Duration::from_secs(60));
    let lab = Lab::new(Scenario::new(1).with_host(host)).unwrap();
    let ask = async |name: &str, family| {
        let start = Instant::now();
        let answer = lab.resolver().resolve(name, family).await;
        (answer.map_err(|failure| failure.kind()), start.elapsed())
    };
    let (answer, took) = ask("IM.Example.com.", Family::V4).await;
    let answer = answer.unwrap();
    assert_eq!((answer.addresses, took), (vec![ip()], ms(20)));
    assert_eq!(answer.ttl, Some(Duration::from_secs(60)));
    let (answer, took) = ask(HOST, Family::V6).await;
    assert_eq!((answer.unwrap().addresses, took), (vec![v6], ms(200)));
    let unknown = ask("nowhere.example", Family::V4).await;
    assert_eq!(unknown, (Err(FailureKind::NotFound), ms(0)));
    for (dns, kind) in [
        (Dns::NotFound, FailureKind::NotFound),
        (Dns::Refused, FailureKind::Refused),
        (Dns::ServerFailure, FailureKind::ServerFailure),
        (Dns::Temporary, FailureKind::Temporary),
        (Dns::NoAddress, FailureKind::NoAddress),
    ] {
        lab.set_dns(HOST, dns).unwrap();
        assert_eq!(ask(HOST, Family::V4).await, (Err(kind), ms(20)));
    }
    lab.set_dns(HOST, Dns::Timeout).unwrap();
    let waiting = timeout(Duration::from_secs(10), ask(HOST, Family::V6));
    assert!(waiting.await.is_err());
    assert_eq!(lab.open(), 0);
    lab.set_dns(HOST, Dns::Ok).unwrap();
    lab.set_addresses(HOST, &[v6]).unwrap();
    let (answer, _) = ask(HOST, Family::V4).await;
    assert_eq!(answer, Err(FailureKind::NoAddress));
    assert_eq!(lab.queries(), 10);
    assert!(lab.set_dns("nowhere.example", Dns::Ok).is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_outlives_its_client() {
    for fault in [
        Fault::None,
        Fault::SilentTls,
        Fault::DropData,
        Fault::SlowLoris,
        Fault::HeaderFlood,
        Fault::EndlessBody,
        Fault::SilentAfter101,
    ] {
        let lab = lab(path().with_fault(fault));
        {
            let attempt = async {
                let mut stream = secure(&lab).await.unwrap();
                let _ = ask(&mut stream, &upgrade("/", "")).await;
                stream
            };
            let kept = timeout(Duration::from_secs(5), attempt).await;
            assert_eq!(lab.open(), usize::from(kept.is_ok()), "{fault:?}");
        }
        let mut reset = dial(&lab).await.unwrap();
        reset.reset_on_drop();
        drop(reset);
        assert_eq!(lab.open(), 0);
        tokio::time::sleep(ms(21)).await;
        assert_eq!(lab.serving(), 0, "{fault:?}");
        let events = lab.events();
        let count = |kind| events.iter().filter(|event| event.kind == kind).count();
        assert_eq!(count(EventKind::Closed), count(EventKind::Accepted));
    }
}

#[tokio::test(start_paused = true)]
async fn servers_cut_connections() {
    let lab = lab(path());
    for (cut, expected) in [
        (Lab::close as fn(&Lab, IpAddr), Ok(0)),
        (Lab::reset, Err(io::ErrorKind::ConnectionReset)),
    ] {
        let mut wire = dial(&lab).await.unwrap();
        cut(&lab, ip());
        let start = Instant::now();
        let read = wire.read(&mut [0; 8]).await;
        assert_eq!(read.map_err(|error| error.kind()), expected);
        assert_eq!(start.elapsed(), ms(20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_replays() {
    let times = async |seed| {
        let path = path().with_jitter(0.3).with_loss(0.1);
        let host = Host::new(HOST).with_address(ip());
        let lab = Lab::new(Scenario::new(seed).with_host(host).with_path(path)).unwrap();
        let config = config(&lab);
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            let mut stream = tls(&config, dial(&lab).await.unwrap()).await.unwrap();
            times.push(start.elapsed());
            ask(&mut stream, &upgrade("/", "")).await.unwrap();
            times.push(start.elapsed());
        }
        times
    };
    assert_eq!(times(1).await, times(1).await);
    assert_ne!(times(1).await, times(2).await);
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_story() {
    let lab = lab(path());
    let mut stream = secure(&lab).await.unwrap();
    ask(&mut stream, &upgrade("/websocket", "")).await.unwrap();
    drop(stream);
    tokio::time::sleep(ms(100)).await;
    let told: Vec<_> = lab.events().into_iter().map(|e| (e.at, e.kind)).collect();
    let path = "/websocket".to_owned();
    let (method, host) = ("GET".to_owned(), HOST.to_owned());
    assert_eq!(
        told,
        [
            (ms(0), EventKind::Dialled),
            (ms(20), EventKind::Accepted),
            (
                ms(100),
                EventKind::TlsDone {
                    host,
                    resumed: false
                }
            ),
            (
                ms(100),
                EventKind::Requested {
                    method,
                    path: path.clone()
                }
            ),
            (ms(100), EventKind::Upgraded { path }),
            (ms(140), EventKind::Closed),
        ]
    );
    assert_eq!((lab.dials(), lab.handshakes()), (1, 1));
    assert!(
        lab.root_pem()
            .starts_with("-----BEGIN CERTIFICATE-----\nMII")
    );
    let pem = lab.root_pem();
    let read =
        <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::from_pem_slice(
            pem.as_bytes(),
        );
    assert_eq!(read.unwrap(), lab.root());
}

#[test]
fn a_scenario_out_of_range_is_refused() {
    for (scenario, wanted) in [
        (
            Scenario::new(1).with_path(path().with_loss(1.1)),
            "loss 1.1",
        ),
        (
            Scenario::new(1).with_path(path().with_status(101)),
            "status",
        ),
        (
            Scenario::new(1).with_path(path()).with_path(path()),
            "twice",
        ),
        (Scenario::new(1).with_host(Host::new("")), "DNS name"),
        (
            Scenario::new(1).with_host(Host::new("a").with_name("A")),
            "twice",
        ),
        (Scenario::new(1).with_syn_retransmit(&[ms(1)]), "from 0"),
    ] {
        let error = Lab::new(scenario).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Scenario);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

/// One attempt at an endpoint's first IPv4 address. Returns whether it succeeds on some path.
async fn works(lab: &Lab, endpoint: &easelect::Endpoint, rest: bool) -> bool {
    let resolver = lab.resolver();
    let Ok(found) = resolver.resolve(endpoint.host(), Family::V4).await else {
        return false;
    };
    let address = (found.addresses[0], endpoint.port()).into();
    let connector = lab.connector();
    let Ok(Ok(wire)) = timeout(
        Duration::from_secs(3),
        connector.connect("im.example.com", address),
    )
    .await
    else {
        return false;
    };
    let name = ServerName::try_from(endpoint.host().to_owned()).unwrap();
    let tls = TlsConnector::from(config(lab)).connect(name, wire);
    let Ok(mut stream) = tls.await else {
        return false;
    };
    let request = if rest {
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", endpoint.host())
    } else {
        upgrade(endpoint.path(), "Sec-WebSocket-Protocol: xmpp\r\n")
    };
    let answer = ask(&mut stream, &request).await.unwrap();
    answer.starts_with(if rest { "HTTP/1.1 4" } else { "HTTP/1.1 101 " })
}

#[tokio::test(start_paused = true)]
async fn beijing_has_every_host_and_a_way_for_every_group() {
    assert_eq!(Scenario::BUILT_IN, ["beijing", "hostile"]);
    assert!(
        Scenario::BUILT_IN
            .iter()
            .all(|name| Scenario::built_in(name).is_some())
    );
    assert!(Scenario::built_in("mars").is_none());
    let lab = Lab::new(Scenario::built_in("beijing").unwrap()).unwrap();
    let catalog = Catalog::builtin();
    let (mut working, mut failing) = (std::collections::BTreeSet::new(), Vec::new());
    for endpoint in catalog.endpoints() {
        let rest = !endpoint.service().is_websocket();
        if works(&lab, endpoint, rest).await {
            working.insert((endpoint.region().clone(), endpoint.service()));
        } else {
            failing.push(endpoint.host());
        }
    }
    assert_eq!(working.len(), 22);
    assert_eq!(
        failing,
        [
            "msync-api-61.easecdn.com",
            "msync-api-41.easecdn.com",
            "a31.easecdn.com",
            "a71.easemob.com",
            "im-api-wechat-31.easecdn.com",
            "im-api-alipay.easemob.com",
        ]
    );
}
