//! Faults of TCP: on the simulated network with exact times, and from the kernel on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use easelect::{
    Dialer, Endpoint, FailureKind as Kind, Phase, PinnedHost, Prober, Region, Rounds, Service,
    Tier, TlsClient,
};
use easelect_lab::Fault;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::trial::{self, Ended, RTT, Row, TIMEOUT, lab, ms, path, websocket, with};

fn row(name: &'static str, fault: Fault, kind: Kind, took: Duration) -> Row {
    Row {
        name,
        path: with(fault),
        failure: Some((Phase::Connect, kind)),
        kept: &[],
        tier: Tier::Unreachable,
        took,
    }
}

fn accepted(name: &'static str, fault: Fault, kind: Kind, took: Duration) -> Row {
    Row {
        failure: Some((Phase::Tls, kind)),
        kept: &[Phase::Connect],
        ..row(name, fault, kind, took)
    }
}

#[tokio::test(start_paused = true)]
async fn faults_of_tcp() {
    let rtt = ms(RTT);
    for row in [
        row("refused", Fault::Refuse, Kind::Refused, rtt),
        row("SYN black hole", Fault::BlackHole, Kind::Timeout, TIMEOUT),
        row("no route", Fault::Unreachable, Kind::Unreachable, ms(0)),
        row(
            "a router says no",
            Fault::HostUnreachable,
            Kind::Unreachable,
            rtt,
        ),
        row("reset on connect", Fault::ResetOnConnect, Kind::Reset, rtt),
        accepted("reset on accept", Fault::ResetOnAccept, Kind::Reset, rtt),
        accepted("close on accept", Fault::CloseOnAccept, Kind::Closed, rtt),
        accepted(
            "nothing gets through after TCP",
            Fault::DropData,
            Kind::Timeout,
            TIMEOUT,
        ),
        Row {
            path: path().with_accept_delay(ms(2000)),
            failure: None,
            kept: &[Phase::Connect, Phase::Tls, Phase::Upgrade],
            tier: Tier::Ready,
            ..row(
                "accept after 2 s",
                Fault::None,
                Kind::Other,
                ms(2000 + 3 * RTT),
            )
        },
    ] {
        row.check(&websocket()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_accept_after_two_seconds_shows_in_its_phase_alone() {
    let endpoint = websocket();
    let lab = lab(&endpoint, path().with_accept_delay(ms(2000)));
    let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
    let timings = &ended.samples[0].timings;
    assert_eq!(timings.get(Phase::Connect), Some(ms(2000 + RTT)));
    assert_eq!(timings.get(Phase::Tls), Some(ms(RTT)));
}

/// The longest that an attempt on loopback may take; a hang would take forever.
const TIME_OUT: Duration = Duration::from_millis(500);
const GENEROUS: Duration = Duration::from_secs(20);

/// One attempt at a local port, whose server never speaks TLS.
async fn attempt(port: u16) -> Ended {
    let url = format!("wss://localhost:{port}/ws");
    let endpoint = Endpoint::new(Region::SGP1, Service::Websocket, &url).unwrap();
    let nobody = trial::lab(&endpoint, path()).root();
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(
            Dialer::builder()
                .pin(PinnedHost::new(
                    "localhost",
                    port,
                    vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
                ))
                .tls(TlsClient::with_roots([nobody]).unwrap())
                .attempt_timeout(TIME_OUT)
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(1));
    let started = Instant::now();
    let ended = trial::probe(prober).await;
    assert!(started.elapsed() < GENEROUS, "it hangs");
    assert_eq!(ended.ranked.tier, Tier::Unreachable);
    ended
}

#[track_caller]
fn expect(ended: &Ended, failure: (Phase, Kind), kept: &[Phase]) {
    let sample = &ended.samples[0];
    let told = sample.outcome.clone().unwrap_err();
    assert_eq!((told.phase(), told.kind()), failure, "{told}");
    let phases: Vec<Phase> = sample.timings.iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, kept);
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_kernel_refuses() {
    let (listener, port) = listener().await;
    drop(listener);
    let ended = attempt(port).await;
    expect(&ended, (Phase::Connect, Kind::Refused), &[]);
}

/// The phase is a race between two messages of the kernel; the kind is always a reset.
#[tokio::test]
async fn a_server_resets_on_accept() {
    let (listener, port) = listener().await;
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_zero_linger().unwrap();
    };
    let (ended, ()) = tokio::join!(attempt(port), server);
    match ended.samples[0].timings.get(Phase::Connect) {
        None => expect(&ended, (Phase::Connect, Kind::Reset), &[]),
        Some(_) => expect(&ended, (Phase::Tls, Kind::Reset), &[Phase::Connect]),
    }
}

#[tokio::test]
async fn a_server_resets_when_it_has_the_client_hello() {
    let (listener, port) = listener().await;
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.peek(&mut [0]).await.unwrap();
        stream.set_zero_linger().unwrap();
    };
    let (ended, ()) = tokio::join!(attempt(port), server);
    expect(&ended, (Phase::Tls, Kind::Reset), &[Phase::Connect]);
}

#[tokio::test]
async fn a_server_closes_on_accept() {
    let (listener, port) = listener().await;
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Reads what was sent first: closing with unread data causes a reset.
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
    };
    let (ended, ()) = tokio::join!(attempt(port), server);
    expect(&ended, (Phase::Tls, Kind::Closed), &[Phase::Connect]);
}

/// The kernel accepts connections automatically, so a server that is two seconds late, or never
/// accepts, is silent in TLS.
#[tokio::test]
async fn a_server_that_never_accepts_is_silent_in_tls() {
    let (_listener, port) = listener().await;
    let ended = attempt(port).await;
    expect(&ended, (Phase::Tls, Kind::Timeout), &[Phase::Connect]);
    assert!(ended.samples[0].elapsed >= TIME_OUT);
}

/// Linux drops SYNs while the queue of those not yet accepted is full (`tcp_max_syn_backlog` and
/// the listener's own limit): a black hole without privileges.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_accept_queue_is_a_black_hole() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    let full = loop {
        let one = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), one).await {
            Ok(stream) => filling.push(stream.unwrap()),
            Err(_) => break true,
        }
        if filling.len() > 64 {
            break false;
        }
    };
    assert!(full, "the queue takes everybody");
    let ended = attempt(address.port()).await;
    expect(&ended, (Phase::Connect, Kind::Timeout), &[]);
    assert!(ended.samples[0].elapsed >= TIME_OUT);
}
