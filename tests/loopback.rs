//! The pipeline over real sockets, real TLS and a real server, on loopback.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use easelect::{
    ByteStream, Catalog, Connect, ConnectOptions, Connection, Dialer, Endpoint, FailureKind,
    Family, Phase, PinnedHost, ProbeEvent, ProbeOutcome, Prober, Ranked, Region, Resolve, Resolved,
    Rounds, Sample, Selector, SelectorBuilder, Service, Silence, TcpConnect, Tier, TlsClient,
};
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use support::{Behaviour, Server};

const INJECTED: Duration = Duration::from_millis(300);

fn endpoint(server: &Server, service: Service, path: &str) -> Endpoint {
    let scheme = if service.is_websocket() {
        "wss"
    } else {
        "https"
    };
    let url = format!("{scheme}://localhost:{}{path}", server.address.port());
    Endpoint::new(Region::CN1, service, &url).unwrap()
}

fn pin(server: &Server) -> PinnedHost {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    PinnedHost::new("localhost", server.address.port(), vec![loopback])
}

fn tls(server: &Server) -> TlsClient {
    TlsClient::with_roots([server.root.clone()]).unwrap()
}

async fn probe(server: &Server, endpoint: Endpoint, rounds: u32) -> Ranked {
    let outcome = Prober::builder()
        .endpoints([endpoint])
        .dialer(
            Dialer::builder()
                .pin(pin(server))
                .tls(tls(server))
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(rounds))
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    assert!(outcome.complete());
    only(outcome)
}

fn only(outcome: ProbeOutcome) -> Ranked {
    assert_eq!(outcome.rankings.len(), 1);
    let mut endpoints = outcome.rankings.into_iter().next().unwrap().endpoints;
    assert_eq!(endpoints.len(), 1);
    endpoints.remove(0)
}

/// Checks that the delay shows in `phase`, and that every other phase is much shorter.
fn assert_only(ranked: &Ranked, phase: Phase, expected: &[Phase]) {
    assert_eq!(ranked.tier, Tier::Ready, "{:?}", ranked.reason);
    for one in Phase::ALL {
        let summary = ranked.stats.phase(one).summary();
        if !expected.contains(&one) {
            assert_eq!(summary, None, "{one} did not happen");
            continue;
        }
        let shortest = summary.expect("the phase happened").min;
        if one == phase {
            assert!(shortest >= INJECTED, "{one} took {shortest:?}");
        } else {
            assert!(shortest < INJECTED / 2, "{one} took {shortest:?}");
        }
    }
}

const WEBSOCKET: [Phase; 4] = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Upgrade];

#[tokio::test]
async fn a_delay_of_the_tls_handshake_shows_there_alone() {
    let server = Server::start(Behaviour {
        tls_delay: INJECTED,
        ..Behaviour::default()
    })
    .await;
    let ranked = probe(&server, endpoint(&server, Service::Websocket, "/ws"), 2).await;
    assert_only(&ranked, Phase::Tls, &WEBSOCKET);
    server.idle().await;
}

#[tokio::test]
async fn a_delay_of_the_upgrade_shows_there_alone() {
    let server = Server::start(Behaviour {
        answer_delay: INJECTED,
        ..Behaviour::default()
    })
    .await;
    let ranked = probe(&server, endpoint(&server, Service::Websocket, "/ws"), 2).await;
    assert_only(&ranked, Phase::Upgrade, &WEBSOCKET);
    server.idle().await;
}

#[tokio::test]
async fn a_delay_of_the_answer_shows_there_alone() {
    let server = Server::start(Behaviour {
        answer_delay: INJECTED,
        ..Behaviour::default()
    })
    .await;
    let ranked = probe(&server, endpoint(&server, Service::Rest, "/"), 2).await;
    let phases = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Tls,
        Phase::Processing,
    ];
    assert_only(&ranked, Phase::Processing, &phases);
    server.idle().await;
}

/// Delays connects and DNS lookups.
#[derive(Debug)]
struct Slow;

impl Connect for Slow {
    fn connect(
        &self,
        _: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, std::io::Result<ByteStream>> {
        Box::pin(async move {
            tokio::time::sleep(INJECTED).await;
            TcpConnect::new().connect("localhost", address).await
        })
    }
}

impl Resolve for Slow {
    fn resolve(
        &self,
        _: &str,
        _: Family,
    ) -> BoxFuture<'static, Result<Resolved, easelect::Failure>> {
        Box::pin(async {
            tokio::time::sleep(INJECTED).await;
            Ok(Resolved::new(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
        })
    }
}

#[tokio::test]
async fn a_delay_of_the_connect_shows_there_alone_and_as_local() {
    let server = Server::start(Behaviour::default()).await;
    let outcome = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .pin(pin(&server))
                .connector(Slow)
                .tls(tls(&server))
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(2))
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    let ranked = only(outcome);
    if cfg!(target_os = "linux") {
        // The kernel's round trip shows that this machine delayed the connect.
        assert_eq!(ranked.stats.locally_delayed(), 2);
        assert!(ranked.total().unwrap().min >= INJECTED);
        assert_eq!(ranked.stats.phase(Phase::Connect).count(), 0);
    } else {
        assert_only(&ranked, Phase::Connect, &WEBSOCKET);
    }
}

#[tokio::test]
async fn a_delay_of_the_lookup_shows_there_alone() {
    let server = Server::start(Behaviour::default()).await;
    let outcome = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .resolver(Slow)
                .tls(tls(&server))
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(2))
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    assert_only(&only(outcome), Phase::Resolve, &WEBSOCKET);
}

#[tokio::test]
async fn rounds_are_exact_and_earlier_phases_survive_a_later_failure() {
    let server = Server::start(Behaviour {
        answer: Some("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n".to_owned()),
        ..Behaviour::default()
    })
    .await;
    let ranked = probe(&server, endpoint(&server, Service::Websocket, "/ws"), 4).await;
    assert_eq!((ranked.tier, ranked.stats.attempts()), (Tier::Answering, 4));
    assert_eq!(server.accepted(), 4);
    // Samples delayed by a busy machine count as attempts, but not as measurements.
    let measured = ranked.stats.phase(Phase::Tls).count();
    assert_eq!(measured + ranked.stats.locally_delayed(), 4);
    assert_eq!(ranked.stats.phase(Phase::Upgrade).count(), 0);
    let failure = &ranked.stats.failures()[0].failure;
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Upgrade, FailureKind::Rejected)
    );
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_untrusted_root_is_refused() {
    let server = Server::start(Behaviour::default()).await;
    let other = Server::start(Behaviour::default()).await;
    let outcome = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .pin(pin(&server))
                .tls(tls(&other))
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(1))
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    let ranked = only(outcome);
    assert_eq!(ranked.tier, Tier::Unreachable);
    let failure = &ranked.stats.failures()[0].failure;
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Tls, FailureKind::CertificateUntrusted)
    );
}

#[tokio::test]
async fn a_silent_server_costs_the_time_out_and_no_more() {
    let server = Server::start(Behaviour {
        silent: true,
        ..Behaviour::default()
    })
    .await;
    let started = Instant::now();
    let outcome = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .pin(pin(&server))
                .tls(tls(&server))
                .attempt_timeout(Duration::from_millis(200))
                .build()
                .unwrap(),
        )
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    assert!(started.elapsed() < Duration::from_secs(10), "a hang");
    let ranked = only(outcome);
    // After two timeouts in one phase, the address is abandoned.
    assert_eq!(ranked.stats.attempts(), 2);
    let failure = &ranked.stats.failures()[0].failure;
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Tls, FailureKind::Timeout)
    );
    assert_eq!(ranked.stats.phase(Phase::Connect).count(), 2);
    server.idle().await;
}

#[tokio::test]
async fn dropping_the_stream_stops_everything() {
    let server = Server::start(Behaviour {
        silent: true,
        ..Behaviour::default()
    })
    .await;
    let mut probing = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .pin(pin(&server))
                .tls(tls(&server))
                .build()
                .unwrap(),
        )
        .build()
        .unwrap()
        .run();
    // The first event is the lookup; the attempt is then under way or about to start.
    probing.next().await.unwrap();
    drop(probing);
    server.idle().await;
}

fn selector(server: &Server, path: &str) -> SelectorBuilder {
    let catalog = Catalog::builtin()
        .with_endpoint(endpoint(server, Service::Websocket, path).with_label("own"))
        .unwrap();
    // In a private region, this endpoint is the only one in the race.
    let user = format!(
        "[[region]]\nid = \"own\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\nurl = \"wss://localhost:{port}{path}\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://localhost:{port}/\"\n",
        port = server.address.port()
    );
    let catalog = catalog
        .with_file(&user, easelect::CatalogFormat::Toml, "own.toml")
        .unwrap();
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog)
        .dialer(
            Dialer::builder()
                .pin(pin(server))
                .tls(tls(server))
                .build()
                .unwrap(),
        )
}

async fn echo(connection: &mut Connection, text: &str) -> String {
    connection.send(text.into()).await.unwrap();
    connection
        .next()
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn the_connection_handed_over_is_live() {
    let server = Server::start(Behaviour::default()).await;
    let selector = selector(&server, "/ws").build().unwrap();
    assert_eq!(selector.best(), None);
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(echo(&mut connection, "hello").await, "hello");
    assert_eq!(connection.address(), server.address);
    assert_eq!(connection.attempts().len(), 1);
    let timings = connection.timings();
    assert!(timings.total() <= connection.time_to_open());
    assert_eq!(selector.best().as_ref(), Some(connection.endpoint()));
    drop(connection);
    server.idle().await;
}

#[tokio::test]
async fn headers_and_query_of_the_app_reach_the_server() {
    let server = Server::start(Behaviour {
        path: Some("/ws?token="),
        ..Behaviour::default()
    })
    .await;
    let selector = selector(&server, "/ws").build().unwrap();
    let options = ConnectOptions::new().query("token=x").unwrap();
    let mut connection = selector.connect_with(&options).await.unwrap();
    assert_eq!(echo(&mut connection, "hi").await, "hi");
    let error = selector.connect().await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 404"), "{error}");
    assert_eq!(error.attempts().len(), 1);
}

#[cfg(feature = "rest")]
#[tokio::test]
async fn rest_goes_to_the_chosen_address_with_a_shared_session() {
    let server = Server::start(Behaviour::default()).await;
    let selector = selector(&server, "/ws").build().unwrap();
    let base = selector.base_url().await.unwrap();
    assert_eq!(base, format!("https://localhost:{}", server.address.port()));
    let rest = selector.rest().unwrap();
    for path in ["/users", &format!("{base}/users")] {
        let answer = rest.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.endpoint().host(), "localhost");
    }
}

/// The single sample of a probe of a server on loopback.
async fn sample_of(address: SocketAddr, timeout: Duration) -> Sample {
    let url = format!("wss://localhost:{}/ws", address.port());
    let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
    let pin = PinnedHost::new("localhost", address.port(), vec![address.ip()]);
    let server = Server::start(Behaviour::default()).await;
    let dialer = Dialer::builder().pin(pin).tls(tls(&server));
    let mut probing = Prober::builder()
        .endpoints([endpoint])
        .dialer(dialer.attempt_timeout(timeout).build().unwrap())
        .rounds(Rounds::Exact(1))
        .build()
        .unwrap()
        .run();
    while let Some(event) = probing.next().await {
        if let ProbeEvent::Sample(sample) = event {
            return *sample;
        }
    }
    panic!("no sample");
}

/// The kernel acknowledges data that a hanging server never reads.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_hangs_has_acknowledged_what_it_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sample = sample_of(listener.local_addr().unwrap(), INJECTED).await;
    let failure = sample.outcome.as_ref().unwrap_err();
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Tls, FailureKind::Timeout)
    );
    let (before, after) = (sample.tcp_at_connect.unwrap(), sample.tcp_at_end.unwrap());
    assert_eq!((before.unacknowledged, after.unacknowledged), (0, 0));
    assert_eq!(sample.retransmissions(), 0);
    assert!(!sample.had_loss());
    // Kernels before 5.4 don't report it.
    if let Some(acknowledged) = after.bytes_acknowledged {
        assert!(acknowledged > 100, "{after:?}");
        assert_eq!(
            (after.bytes_received, after.out_of_order),
            (Some(0), Some(0))
        );
        assert_eq!(sample.silence(), Some(Silence::Silent));
    }
}

/// TCP_INFO is also read on a reset and on success.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn how_tcp_stood_is_known_however_an_attempt_ended() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let resets = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut hello = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut hello)
            .await
            .unwrap();
        // Closing with unread data causes a reset; this ensures that there is some.
        stream.set_zero_linger().unwrap();
    });
    let sample = sample_of(address, Duration::from_secs(30)).await;
    resets.await.unwrap();
    let failure = sample.outcome.as_ref().unwrap_err();
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Tls, FailureKind::Reset)
    );
    let tcp = sample.tcp_at_end.unwrap();
    assert!(
        tcp.bytes_acknowledged.is_none_or(|bytes| bytes > 100),
        "{tcp:?}"
    );
    assert_eq!(sample.silence(), None);

    let server = Server::start(Behaviour::default()).await;
    let prober = Prober::builder()
        .endpoints([endpoint(&server, Service::Websocket, "/ws")])
        .dialer(
            Dialer::builder()
                .pin(pin(&server))
                .tls(tls(&server))
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(1));
    let mut probing = prober.build().unwrap().run();
    while let Some(event) = probing.next().await {
        if let ProbeEvent::Sample(sample) = event {
            assert_eq!(sample.outcome, Ok(()));
            let tcp = sample.tcp_at_end.unwrap();
            assert!(
                tcp.bytes_received.is_none_or(|bytes| bytes > 500),
                "{tcp:?}"
            );
        }
    }
}
