//! Connections through real proxies on loopback, and their failures.

mod support;

#[path = "support/proxy.rs"]
mod relay;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use easelect::{
    Catalog, CatalogFormat, Dialer, DialerBuilder, Endpoint, Failure, FailureKind, Family, History,
    HistoryStore, Phase, PinnedHost, ProbeEvent, Prober, ProberBuilder, Proxy, Refusal, Region,
    Resolve, Resolved, Rounds, Sample, Selector, SelectorBuilder, Service, SessionOptions,
    SessionState, Timings, TlsClient,
};
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use relay::{Manner, Relay};
use support::{Behaviour, Server};
use tokio_rustls::TlsAcceptor;

const BASIC: &str = "Basic bWU6c2VjcmV0";

/// The proxy protocols and their URLs.
fn ways() -> [(Manner, &'static str); 4] {
    [
        (Manner::Http(None), "http://"),
        (Manner::Http(Some(BASIC)), "http://me:secret@"),
        (Manner::Socks5(None), "socks5://"),
        (
            Manner::Socks5(Some(("me", "secret"))),
            "socks5h://me:secret@",
        ),
    ]
}

fn proxy(front: &str, address: SocketAddr) -> Proxy {
    format!("{front}{address}").parse().unwrap()
}

/// A local resolver that knows no name.
#[derive(Debug)]
struct Nobody;

impl Resolve for Nobody {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        Box::pin(async { Err(Failure::new(Phase::Resolve, FailureKind::NotFound)) })
    }
}

/// Trusts the server's certificate and can't resolve any name.
fn dialer(server: &Server, proxy: Proxy) -> DialerBuilder {
    direct(server).proxy(proxy)
}

fn direct(server: &Server) -> DialerBuilder {
    Dialer::builder()
        .resolver(Nobody)
        .tls(TlsClient::with_roots([server.root.clone()]).unwrap())
}

fn prober(server: &Server, proxy: Proxy) -> ProberBuilder {
    probing(server, dialer(server, proxy))
}

fn probing(server: &Server, dialer: DialerBuilder) -> ProberBuilder {
    let url = format!("wss://localhost:{}/ws", server.address.port());
    Prober::builder()
        .endpoints([Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap()])
        .dialer(dialer.build().unwrap())
        .rounds(Rounds::Exact(1))
}

/// Every attempt, in the order of their ends. Statistics would leave out those that a busy machine delayed.
async fn samples(prober: ProberBuilder) -> Vec<Sample> {
    let events = prober.build().unwrap().run();
    let samples = events.filter_map(async |event| match event {
        ProbeEvent::Sample(sample) => Some(*sample),
        _ => None,
    });
    samples.collect().await
}

/// The only attempt.
async fn sample(prober: ProberBuilder) -> Sample {
    let mut samples = samples(prober).await;
    assert_eq!(samples.len(), 1);
    samples.remove(0)
}

fn failure(sample: &Sample) -> (Phase, FailureKind) {
    let failure = sample.outcome.as_ref().unwrap_err();
    (failure.phase(), failure.kind())
}

fn selector(server: &Server, proxy: Proxy) -> Selector {
    selecting(server, dialer(server, proxy)).build().unwrap()
}

fn selecting(server: &Server, dialer: DialerBuilder) -> SelectorBuilder {
    let port = server.address.port();
    let own = format!(
        "[[region]]\nid = \"own\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\nurl = \"wss://localhost:{port}/ws\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://localhost:{port}/\"\n"
    );
    let catalog = Catalog::builtin()
        .with_file(&own, CatalogFormat::Toml, "own.toml")
        .unwrap();
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog)
        .dialer(dialer.build().unwrap())
}

#[tokio::test]
async fn a_bare_stream_opens_through_every_kind_of_proxy() {
    let server = Server::start(Behaviour::default()).await;
    let port = server.address.port();
    let url = format!("https://localhost:{port}/");
    let endpoint = Endpoint::new(Region::CN1, Service::Rest, &url).unwrap();
    for (manner, front) in ways() {
        let relay = Relay::start(manner, server.address).await;
        let dialer = dialer(&server, proxy(front, relay.address));
        let dialer = dialer.build().unwrap();
        let opened = dialer.open(&endpoint, Duration::from_secs(30)).await;
        assert!(opened.is_ok(), "{front}");
        assert_eq!(relay.asked(), [format!("localhost:{port}")], "{front}");
    }
    let relay = Relay::start(Manner::Http(Some(BASIC)), server.address).await;
    let dialer = dialer(&server, proxy("http://", relay.address));
    let dialer = dialer.build().unwrap();
    let refused = dialer.open(&endpoint, Duration::from_secs(30)).await;
    let failure = refused.unwrap_err();
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Proxy, FailureKind::AuthRequired)
    );
}

#[tokio::test]
async fn every_phase_is_measured_through_every_kind_of_proxy() {
    let server = Server::start(Behaviour::default()).await;
    for (manner, front) in ways() {
        let relay = Relay::start(manner, server.address).await;
        let prober = prober(&server, proxy(front, relay.address));
        for sample in samples(prober.rounds(Rounds::Exact(2))).await {
            assert_eq!(sample.outcome, Ok(()), "{front}");
            let phases: Vec<Phase> = sample.timings.iter().map(|(phase, _)| phase).collect();
            assert_eq!(
                phases,
                [Phase::Connect, Phase::Proxy, Phase::Tls, Phase::Upgrade]
            );
            assert_eq!(sample.address, relay.address);
        }
        // The proxy got the name itself: it can't have been looked up here.
        let name = format!("localhost:{}", server.address.port());
        assert_eq!(relay.asked(), [name.clone(), name]);
        server.idle().await;
        relay.idle().await;
    }
    assert_eq!(server.accepted(), 8);
}

#[tokio::test]
async fn a_hosts_slowness_does_not_show_in_the_proxys_phase() {
    let server = Server::start(Behaviour {
        tls_delay: Duration::from_millis(300),
        ..Behaviour::default()
    })
    .await;
    let relay = Relay::start(Manner::Http(None), server.address).await;
    let timings = sample(prober(&server, proxy("", relay.address)))
        .await
        .timings;
    assert!(timings.get(Phase::Tls).unwrap() >= Duration::from_millis(300));
    assert!(timings.get(Phase::Proxy).unwrap() < Duration::from_millis(150));
}

#[tokio::test]
async fn a_connection_through_a_proxy_is_live_and_learned_from() {
    let server = Server::start(Behaviour::default()).await;
    for (manner, front) in ways() {
        let relay = Relay::start(manner, server.address).await;
        let selector = selector(&server, proxy(front, relay.address));
        for _ in 0..2 {
            let mut connection = selector.connect().await.unwrap();
            connection.send("hello".into()).await.unwrap();
            let answer = connection.next().await.unwrap().unwrap();
            assert_eq!(answer.into_text().unwrap().as_str(), "hello");
            assert_eq!(connection.address(), relay.address);
            assert!(connection.timings().get(Phase::Proxy).is_some());
            assert!(connection.timings().total() <= connection.time_to_open());
            assert_eq!(selector.best().as_ref(), Some(connection.endpoint()));
        }
        assert!(
            !selector.network().contains(" via "),
            "{}",
            selector.network()
        );
        selector.network_changed(Some("elsewhere"));
        assert_eq!(
            (selector.network().as_str(), selector.best()),
            ("elsewhere", None)
        );
        drop(selector);
        server.idle().await;
        relay.idle().await;
    }
}

/// Keeps a history in memory.
#[derive(Debug, Default)]
struct Kept(Mutex<Option<History>>);

impl HistoryStore for Kept {
    fn load(&self) -> Result<Option<History>, easelect::Error> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, history: &History) -> Result<(), easelect::Error> {
        *self.0.lock().unwrap() = Some(history.clone());
        Ok(())
    }
}

#[tokio::test]
async fn what_is_learned_through_a_proxy_is_kept_apart() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(None), server.address).await;
    let store = Arc::new(Kept::default());
    let ours = |dialer| {
        let store = Arc::clone(&store);
        selecting(&server, dialer).history(store).build().unwrap()
    };
    let via = |front| ours(dialer(&server, proxy(front, relay.address)));
    let first = via("http://");
    first.connect().await.unwrap();
    first.shutdown().await.unwrap();
    assert!(via("http://").best().is_some());
    assert_eq!(via("socks5://").best(), None);
    assert_eq!(ours(direct(&server)).best(), None);
    // Another user name at the same proxy makes no difference.
    assert!(via("http://me:secret@").best().is_some());
}

#[cfg(feature = "rest")]
#[tokio::test]
async fn rest_goes_through_the_same_proxy() {
    let server = Server::start(Behaviour::default()).await;
    for (manner, front) in ways() {
        let relay = Relay::start(manner, server.address).await;
        let selector = selector(&server, proxy(front, relay.address));
        let rest = selector.rest().unwrap();
        let answer = rest.get("/users").send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(relay.asked().len(), 2, "{front}");
        assert!(rest.get("https://other.example/").send().await.is_err());
        assert_eq!(
            relay.accepted(),
            2,
            "what isn't ours never gets to the proxy"
        );
    }
}

/// Both have clones of one `TlsClient`. A ticket shared between them would let a server link the two.
#[tokio::test]
async fn no_ticket_goes_another_way() {
    use easelect::EarlyData::{Accepted, NotSent};

    let server = Server::start(Behaviour {
        early_data: true,
        ..Behaviour::default()
    })
    .await;
    let relay = Relay::start(Manner::Http(None), server.address).await;
    let tls = TlsClient::with_roots([server.root.clone()]).unwrap();
    let pin = PinnedHost::new(
        "localhost",
        server.address.port(),
        vec![server.address.ip()],
    );
    let straight = direct(&server).pin(pin).tls(tls.clone());
    let proxied = dialer(&server, proxy("", relay.address)).tls(tls);
    for way in [straight, proxied] {
        let selector = selecting(&server, way).early_data(true).build().unwrap();
        for expected in [NotSent, Accepted] {
            let mut connection = selector.connect().await.unwrap();
            assert_eq!(connection.timings().early_data(), expected);
            connection.send("hello".into()).await.unwrap();
            connection.next().await.unwrap().unwrap();
        }
    }
    assert_eq!(relay.asked().len(), 2);
}

#[tokio::test]
async fn a_proxy_may_have_tls_of_its_own() {
    let server = Server::start(Behaviour::default()).await;
    let (config, root) = support::server_config();
    let manner = Manner::Https(Some(BASIC), TlsAcceptor::from(Arc::new(config)));
    let relay = Relay::start(manner, server.address).await;
    let port = relay.address.port();
    let secure: Proxy = format!("https://me:secret@localhost:{port}")
        .parse()
        .unwrap();
    let pin = || PinnedHost::new("localhost", port, vec![relay.address.ip()]);
    let both = TlsClient::with_roots([server.root.clone(), root]).unwrap();
    let pinned = || dialer(&server, secure.clone()).pin(pin());
    let good = sample(probing(&server, pinned().tls(both))).await;
    assert_eq!(good.outcome, Ok(()));
    assert_eq!(relay.asked().len(), 1);
    // The proxy's certificate is verified like any other, and its faults are failures of the proxy.
    let untrusted = sample(probing(&server, pinned())).await;
    assert_eq!(failure(&untrusted), (Phase::Proxy, FailureKind::Other));
    let told = untrusted.outcome.unwrap_err().to_string();
    assert!(told.contains("certificate is not trusted"), "{told}");
    relay.idle().await;
    server.idle().await;
    // A proxy without TLS of its own.
    let plain = Relay::start(
        Manner::Says(b"HTTP/1.1 400 No\r\n\r\n".to_vec()),
        server.address,
    )
    .await;
    let plain = sample(prober(&server, proxy("https://", plain.address))).await;
    assert_eq!(failure(&plain), (Phase::Proxy, FailureKind::NotAProxy));
}

/// TLS messages after the handshake are no answer, but count towards the limit of bytes.
#[tokio::test]
async fn the_bytes_of_a_proxys_own_tls_count() {
    let server = Server::start(Behaviour::default()).await;
    let tried = async |tickets: usize| {
        let (mut config, root) = support::server_config();
        config.send_tls13_tickets = tickets;
        let manner = Manner::Https(None, TlsAcceptor::from(Arc::new(config)));
        let relay = Relay::start(manner, server.address).await;
        let port = relay.address.port();
        let secure: Proxy = format!("https://localhost:{port}").parse().unwrap();
        let both = TlsClient::with_roots([server.root.clone(), root]).unwrap();
        let pin = PinnedHost::new("localhost", port, vec![relay.address.ip()]);
        let selector = selecting(&server, dialer(&server, secure).pin(pin).tls(both));
        let connected = selector.build().unwrap().connect().await;
        (relay, connected)
    };
    // 75 bytes each.
    let (relay, flooded) = tried(4000).await;
    let error = flooded.map(|_| ()).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(
        (failure.phase(), failure.kind()),
        (Phase::Proxy, FailureKind::NotAProxy)
    );
    relay.idle().await;
    // Once the connection is open, there is no limit.
    let (_relay, connected) = tried(2).await;
    let mut connection = connected.unwrap();
    let long = "x".repeat(1024 * 1024);
    connection.send(long.as_str().into()).await.unwrap();
    let answer = connection.next().await.unwrap().unwrap();
    assert!(answer.into_text().unwrap().as_str() == long);
}

/// The only failure, with the phases before it.
async fn failed(server: &Server, front: &str, relay: &Relay) -> Failure {
    let started = Instant::now();
    let dialer = dialer(server, proxy(front, relay.address));
    let patient = dialer.attempt_timeout(Duration::from_secs(5));
    let sample = sample(probing(server, patient)).await;
    assert!(started.elapsed() < Duration::from_secs(15), "a hang");
    assert!(sample.timings.get(Phase::Connect).is_some());
    assert_eq!(sample.timings.get(Phase::Proxy), None);
    let failure = sample.outcome.unwrap_err();
    assert_eq!(failure.phase(), Phase::Proxy);
    relay.idle().await;
    failure
}

#[tokio::test]
async fn what_a_proxy_may_answer_is_told_apart() {
    use FailureKind::{AuthRequired, NotAProxy, Other, Rejected};

    let says = |text: &str| Manner::Says(text.as_bytes().to_vec());
    let bytes = |bytes: &[u8]| Manner::Says(bytes.to_vec());
    let server = Server::start(Behaviour::default()).await;
    for (front, manner, kind, status) in [
        (
            "http://",
            Manner::Http(Some(BASIC)),
            AuthRequired,
            Some(407),
        ),
        (
            "http://me:wrong@",
            Manner::Http(Some(BASIC)),
            AuthRequired,
            Some(407),
        ),
        (
            "http://",
            says("HTTP/1.1 403 Forbidden\r\n\r\n"),
            Rejected,
            Some(403),
        ),
        (
            "http://",
            says("HTTP/1.0 502 Bad Gateway\r\n\r\n<html>"),
            Rejected,
            Some(502),
        ),
        ("http://", says("SSH-2.0-OpenSSH\r\n"), NotAProxy, None),
        ("http://", Manner::Ends(Vec::new()), Other, None),
        (
            "http://",
            Manner::Ends(b"HTTP/1.1 200".to_vec()),
            Other,
            None,
        ),
        (
            "http://",
            Manner::Endless(b"HTTP/1.1 200 OK\r\nX: "),
            NotAProxy,
            None,
        ),
        (
            "http://",
            Manner::Endless(b"HTTP/1.1 100 Wait\r\n\r\n"),
            NotAProxy,
            None,
        ),
        (
            "socks5://",
            Manner::Socks5(Some(("me", "secret"))),
            AuthRequired,
            None,
        ),
        (
            "socks5://me:wrong@",
            Manner::Socks5(Some(("me", "secret"))),
            AuthRequired,
            None,
        ),
        ("socks5://me:secret@", bytes(&[5, 0xff]), AuthRequired, None),
        (
            "socks5://",
            bytes(&[5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0]),
            Rejected,
            None,
        ),
        ("socks5://", bytes(&[5, 0, 5, 2]), Rejected, None),
        (
            "socks5://",
            says("HTTP/1.1 400 Bad Request\r\n\r\n"),
            NotAProxy,
            None,
        ),
        ("socks5://", Manner::Endless(b"x"), NotAProxy, None),
        ("socks5://", Manner::Ends(Vec::new()), Other, None),
        ("socks5://", Manner::Ends(vec![5, 0, 5]), Other, None),
    ] {
        let relay = Relay::start(manner, server.address).await;
        let failure = failed(&server, front, &relay).await;
        assert_eq!(
            (failure.kind(), failure.status()),
            (kind, status),
            "{front} {failure}"
        );
        assert!(!failure.to_string().contains("secret"), "{failure}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(Some(BASIC)), server.address).await;
    let prober = prober(&server, proxy("http://me:wrong@", relay.address));
    let samples = samples(prober.rounds(Rounds::Exact(3))).await;
    assert_eq!((samples.len(), relay.accepted()), (3, 1));
    for sample in samples {
        assert_eq!(failure(&sample), (Phase::Proxy, FailureKind::AuthRequired));
    }
}

/// Repeated attempts with a wrong password could lock the account.
#[tokio::test]
async fn a_connection_tries_a_wrong_password_no_more_than_it_dials_at_once() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(Some(BASIC)), server.address).await;
    let mut own = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..12 {
        own += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/ws\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&own, CatalogFormat::Toml, "own.toml");
    let dialer = dialer(&server, proxy("http://me:wrong@", relay.address));
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(dialer.build().unwrap())
        .build()
        .unwrap();
    let error = selector.connect().await.unwrap_err();
    assert!((1..=4).contains(&relay.accepted()), "{}", relay.accepted());
    assert!(!error.is_timeout(), "{error}");
    // A session makes no further attempt until the app reacts.
    let mut session = selector.session(SessionOptions::default());
    loop {
        match session.next().await.unwrap() {
            SessionState::Connecting => {}
            SessionState::Refused(Refusal::Status { status, .. }) => {
                assert_eq!(status, 407);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_proxys_words_are_kept_and_escaped() {
    let server = Server::start(Behaviour::default()).await;
    let answer = b"HTTP/1.1 403 Blocked\tby policy\r\n\r\n".to_vec();
    let relay = Relay::start(Manner::Says(answer), server.address).await;
    let failure = failed(&server, "http://", &relay).await;
    assert_eq!(failure.message(), Some("Blocked\tby policy"));
    assert!(failure.to_string().ends_with("(Blocked\\tby policy)"));
    let answer = vec![5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0];
    let relay = Relay::start(Manner::Says(answer), server.address).await;
    let failure = failed(&server, "socks5://", &relay).await;
    assert_eq!(failure.message(), Some("SOCKS5 reply 4: host unreachable"));
}

#[tokio::test]
async fn a_silent_proxy_costs_the_time_out_and_no_more() {
    let server = Server::start(Behaviour::default()).await;
    for front in ["http://", "socks5://"] {
        let relay = Relay::start(Manner::Silent, server.address).await;
        let started = Instant::now();
        let dialer = dialer(&server, proxy(front, relay.address));
        let hasty = dialer.attempt_timeout(Duration::from_millis(200));
        let sample = sample(probing(&server, hasty)).await;
        assert!(started.elapsed() < Duration::from_secs(10), "a hang");
        assert_eq!(failure(&sample), (Phase::Proxy, FailureKind::Timeout));
        assert!(sample.timings.get(Phase::Connect).is_some());
        relay.idle().await;
    }
}

/// A port that refuses.
async fn nowhere() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_taken_for_the_endpoint() {
    let server = Server::start(Behaviour::default()).await;
    let sample = sample(prober(&server, proxy("http://", nowhere().await))).await;
    let expected = (Phase::Proxy, FailureKind::Refused);
    assert_eq!(failure(&sample), expected);
    assert_eq!(sample.timings, Timings::default());

    let selector = selector(&server, proxy("http://me:secret@", nowhere().await));
    let error = selector.connect().await.unwrap_err();
    let told = error.failure().unwrap();
    assert_eq!((told.phase(), told.kind()), expected);
    let told = format!("{error} {error:?}");
    assert!(!told.contains("secret"), "{told}");
}

#[tokio::test]
async fn what_comes_behind_the_proxys_answer_is_the_hosts() {
    let server = Server::start(Behaviour::default()).await;
    let answer = b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH\r\n".to_vec();
    let relay = Relay::start(Manner::Says(answer), server.address).await;
    let sample = sample(prober(&server, proxy("http://", relay.address))).await;
    assert_eq!(failure(&sample), (Phase::Tls, FailureKind::NotTls));
    assert!(sample.timings.get(Phase::Proxy).is_some());
}

#[tokio::test]
async fn exceptions_go_past_the_proxy() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(None), server.address).await;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let pin = PinnedHost::new("localhost", server.address.port(), vec![loopback]);
    let past = proxy("http://", relay.address).bypassing("other.example,localhost");
    let sample = sample(probing(&server, dialer(&server, past).pin(pin))).await;
    assert_eq!(sample.outcome, Ok(()));
    assert_eq!(sample.timings.get(Phase::Proxy), None);
    assert_eq!((relay.accepted(), server.accepted()), (0, 1));
}

#[tokio::test]
async fn of_a_proxys_addresses_one_that_answers_is_used() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(None), server.address).await;
    let (dead, live) = (IpAddr::from([127, 0, 0, 2]), relay.address.ip());
    let port = relay.address.port();
    let both: Proxy = format!("http://proxy.example:{port}").parse().unwrap();
    let pin = PinnedHost::new("proxy.example", port, vec![dead, live]);
    let pinned = dialer(&server, both.clone()).pin(pin);
    let sample = sample(probing(&server, pinned)).await;
    assert_eq!((sample.outcome, sample.address), (Ok(()), relay.address));
    // A name without an address fails like any other.
    let outcome = prober(&server, both).build().unwrap().run().outcome().await;
    let failures = outcome.rankings[0].endpoints[0].stats.failures();
    assert_eq!(failures[0].failure.phase(), Phase::Resolve);
}

#[tokio::test]
async fn endpoints_behind_one_proxy_need_not_wait_for_each_other() {
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Together(2), server.address).await;
    let endpoints = ["wss://a.example/", "wss://b.example/"]
        .map(|url| Endpoint::new(Region::CN1, Service::Websocket, url).unwrap());
    let prober = prober(&server, proxy("http://", relay.address)).endpoints(endpoints);
    for sample in samples(prober).await {
        assert_eq!(failure(&sample), (Phase::Proxy, FailureKind::Rejected));
    }
}
