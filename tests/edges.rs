//! Edge cases: at a deadline, after an end, between two steps, and next to the app's own code.

mod support;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use easelect::{
    ByteStream, Catalog, CatalogFormat, CloseReason, Connect, ConnectErrorKind, ConnectOptions,
    DialOutcome, Dialer, DialerBuilder, Endpoint, Error, ErrorKind, Failure, FailureKind, Family,
    FileHistory, History, HistoryStore, Phase, PinnedHost, Policy, ProbeEvent, Prober, Proxy,
    Region, Resolve, Resolved, Selector, SelectorBuilder, ServerHint, Service, SessionOptions,
    TlsClient,
};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

fn own() -> Region {
    Region::new("own").unwrap()
}

/// A WebSocket endpoint and a REST endpoint of one region.
fn world() -> (Lab, Catalog) {
    let host = |name, n| Host::new(name).with_address(ip(n));
    let path = |n| Path::new(ip(n)).with_rtt(Duration::from_millis(20));
    let scenario = Scenario::new(1)
        .with_host(host("ws.one.example", 1))
        .with_path(path(1))
        .with_host(host("one.example", 2))
        .with_path(path(2));
    let text = "[[region]]\nid = \"own\"\n\
                [[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
                url = \"wss://ws.one.example/websocket\"\n\
                [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://one.example/v1\"\n";
    let catalog = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

fn builder(lab: &Lab, catalog: &Catalog) -> SelectorBuilder {
    Selector::builder(own())
        .catalog(catalog.clone())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(1)
}

fn websockets(catalog: &Catalog) -> Vec<Endpoint> {
    catalog.group(&own().into(), Service::Websocket).unwrap()
}

/// A store that panics, or fails for a while, and reports every history that it saves.
#[derive(Debug)]
struct Store {
    panics: bool,
    fails: Arc<AtomicBool>,
    saved: Mutex<mpsc::Sender<()>>,
}

impl HistoryStore for Store {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(None)
    }

    fn save(&self, _: &History) -> Result<(), Error> {
        assert!(!self.panics, "the store panics, as the test wants");
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::History, "the disk is full"));
        }
        self.saved.lock().unwrap().send(()).unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_flush_is_not_well_where_the_store_panicked() {
    let (lab, catalog) = world();
    let store = Store {
        panics: true,
        fails: Arc::default(),
        saved: Mutex::new(mpsc::channel().0),
    };
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    drop(selector.connect().await.unwrap());
    for _ in 0..2 {
        assert!(selector.flush().await.unwrap_err().is_history());
    }
}

#[tokio::test]
async fn what_could_not_be_written_is_written_at_the_end() {
    let (lab, catalog) = world();
    let fails = Arc::new(AtomicBool::new(true));
    let (saved, told) = mpsc::channel();
    let store = Store {
        panics: false,
        fails: Arc::clone(&fails),
        saved: Mutex::new(saved),
    };
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    drop(selector.connect().await.unwrap());
    assert!(selector.flush().await.is_err());
    fails.store(false, Ordering::SeqCst);
    drop(selector);
    told.recv_timeout(Duration::from_secs(30)).unwrap();
}

#[test]
fn the_cause_of_an_error_can_be_had() {
    let file = FileHistory::new("/nowhere/at/all/history.json");
    let error = file.save(&History::default()).unwrap_err();
    let cause = error.get_ref().downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
}

#[derive(Debug)]
struct Hangs;

impl Resolve for Hangs {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_that_hang_until_the_deadline_are_a_time_out() {
    let (lab, catalog) = world();
    let dialer = lab.dialer().resolver(Hangs).build().unwrap();
    let selector = builder(&lab, &catalog).dialer(dialer).build().unwrap();
    let error = selector.connect().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_stopped_while_its_proxy_is_looked_up() {
    let (lab, catalog) = world();
    let proxy: Proxy = "http://proxy.example:8080".parse().unwrap();
    let dialer = lab.dialer().resolver(Hangs).proxy(proxy).build().unwrap();
    let prober = Prober::builder()
        .endpoints(websockets(&catalog))
        .dialer(dialer);
    let started = Instant::now();
    let outcome = prober.build().unwrap().run().stop().await;
    assert_eq!(
        (started.elapsed(), outcome.complete()),
        (Duration::ZERO, false)
    );
}

/// As when a user presses Ctrl-C at this moment.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_stream_told_is_still_there() {
    let (lab, catalog) = world();
    let prober = Prober::builder()
        .endpoints(websockets(&catalog))
        .dialer(lab.dialer().build().unwrap());
    let mut probing = prober.build().unwrap().run();
    while let Some(event) = probing.next().await {
        if matches!(event, ProbeEvent::Finished(_)) {
            break;
        }
    }
    assert_eq!(probing.stop().await.rankings.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_101_that_is_wrong_is_no_refusal() {
    let (lab, catalog) = world();
    lab.set_fault(ip(1), Fault::BadAccept).unwrap();
    let selector = builder(&lab, &catalog).build().unwrap();
    let error = selector.connect().await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Failed, "{error}");
}

#[tokio::test]
async fn events_end_and_stay_ended() {
    let (lab, catalog) = world();
    let selector = builder(&lab, &catalog).build().unwrap();
    let mut events = selector.events();
    drop(selector);
    assert_eq!(events.next().await, None);
    assert_eq!(events.next().await, None);
}

/// Calls that wait for nothing need no runtime.
#[test]
fn outside_of_a_runtime_nothing_panics_that_does_not_say_so() {
    let (lab, catalog) = world();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let selector = builder(&lab, &catalog).build().unwrap();
    let (connection, candidate) = runtime.block_on(async {
        let candidate = selector.candidates().next().await.unwrap().unwrap();
        (selector.connect().await.unwrap(), candidate)
    });
    let feedback = connection.feedback();
    feedback.report_rtt(Duration::from_millis(20));
    drop(connection);
    drop(runtime);
    feedback.closed(CloseReason::Lost);
    let elapsed = Duration::from_secs(1);
    selector.report(&candidate, DialOutcome::GivenUp, elapsed);
    selector.network_changed(Some("office"));
    selector.set_policy(Policy::Thrifty);
    let _ = (selector.best(), selector.explain(), selector.stats());
    let _ = (
        selector.session(SessionOptions::new()),
        selector.reconnector(),
    );
    let mut events = selector.events();
    assert!(events.next().now_or_never().is_none());
    let bare = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    bare.block_on(selector.shutdown()).unwrap();
    drop(selector);
    assert_eq!(events.next().now_or_never(), Some(None));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_that_was_given_up_uses_no_change_of_network_up() {
    let (lab, catalog) = world();
    let selector = builder(&lab, &catalog).build().unwrap();
    let (mut reconnector, options) = (selector.reconnector(), ConnectOptions::new());
    drop(reconnector.connect(&options).await.unwrap());
    selector.network_changed(Some("cellular"));
    let soon = Duration::from_millis(5);
    let given_up = tokio::time::timeout(soon, reconnector.connect(&options)).await;
    assert!(given_up.is_err());
    let started = Instant::now();
    reconnector.connect(&options).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn one_change_of_network_is_one_attempt_at_once() {
    let (lab, catalog) = world();
    let selector = builder(&lab, &catalog).build().unwrap();
    let (mut reconnector, options) = (selector.reconnector(), ConnectOptions::new());
    drop(reconnector.connect(&options).await.unwrap());
    let hint = ServerHint {
        clients: 1e6,
        rate: 1.0,
    };
    selector.set_server_hint(Some(hint)).unwrap();
    lab.set_fault(ip(1), Fault::Refuse).unwrap();
    let started = Instant::now();
    let moves = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        selector.network_changed(Some("cellular"));
    };
    let (failed, ()) = tokio::join!(reconnector.connect(&options), moves);
    failed.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1));
    let started = Instant::now();
    reconnector.connect(&options).await.unwrap_err();
    assert!(started.elapsed() > Duration::from_secs(1));
}

#[derive(Debug)]
struct KnowsNothing;

impl Resolve for KnowsNothing {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        Box::pin(async { Err(Failure::new(Phase::Resolve, FailureKind::NoAddress)) })
    }
}

/// One thread connects, which checks the routes, while the app reports networks.
#[test]
fn what_the_app_says_of_the_network_stays() {
    let (lab, catalog) = world();
    let dialer = lab.dialer().resolver(KnowsNothing).build().unwrap();
    let selector = builder(&lab, &catalog).dialer(dialer).build().unwrap();
    let (other, looks) = (selector.clone(), Arc::new(AtomicUsize::new(0)));
    let (ended, looked) = (Arc::new(AtomicBool::new(false)), Arc::clone(&looks));
    let end = Arc::clone(&ended);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.unwrap();
        while !end.load(Ordering::SeqCst) {
            // It fails; only the check before it matters.
            let _ = runtime.block_on(other.candidates().next());
            looked.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..1000 {
        selector.network_changed(None);
        selector.network_changed(Some("home"));
        let before = looks.load(Ordering::SeqCst);
        // The one under way, and one complete one.
        while looks.load(Ordering::SeqCst) < before + 2 && !thread.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(selector.network(), "home");
    }
    ended.store(true, Ordering::SeqCst);
    thread.join().unwrap();
}

/// Reports what is dialled, and refuses.
#[derive(Clone, Debug, Default)]
struct Dialled(Arc<Mutex<Vec<SocketAddr>>>);

impl Connect for Dialled {
    fn connect(
        &self,
        _: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, std::io::Result<ByteStream>> {
        self.0.lock().unwrap().push(address);
        Box::pin(async { Err(std::io::ErrorKind::ConnectionRefused.into()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_pinned_ip_address_is_nowhere_else() {
    let (lab, _) = world();
    let endpoint = Endpoint::new(own(), Service::Websocket, "wss://44.128.0.9/ws").unwrap();
    let pin: PinnedHost = "44.128.0.9:443:10.0.0.1".parse().unwrap();
    let dialled = Dialled::default();
    let dialer = lab.dialer().connector(dialled.clone()).pin(pin);
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(dialer.build().unwrap());
    prober.build().unwrap().run().outcome().await;
    let all = dialled.0.lock().unwrap();
    assert!(
        !all.is_empty()
            && all
                .iter()
                .all(|one| one.ip() == IpAddr::from([10, 0, 0, 1]))
    );
}

/// An app's resolver and connector with a bug.
#[derive(Debug)]
struct Panics {
    at_once: bool,
}

impl Panics {
    fn now<T: Send + 'static>(&self) -> BoxFuture<'static, T> {
        assert!(!self.at_once, "a panic that the test wants");
        Box::pin(async { panic!("a panic that the test wants") })
    }
}

impl Resolve for Panics {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        self.now()
    }
}

impl Connect for Panics {
    fn connect(&self, _: &str, _: SocketAddr) -> BoxFuture<'static, std::io::Result<ByteStream>> {
        self.now()
    }
}

/// The panic fails the attempt at once, and counts against no endpoint.
#[tokio::test(start_paused = true)]
async fn a_panic_of_the_apps_own_code_is_a_failure() {
    for at_once in [true, false] {
        let (lab, catalog) = world();
        let resolving = lab.dialer().resolver(Panics { at_once }).build().unwrap();
        let connecting = lab.dialer().connector(Panics { at_once }).build().unwrap();
        for (dialer, phase) in [(resolving, Phase::Resolve), (connecting, Phase::Connect)] {
            let prober = Prober::builder()
                .endpoints(websockets(&catalog))
                .dialer(dialer.clone());
            let outcome = prober.build().unwrap().run().outcome().await;
            assert!(outcome.complete() && outcome.took < Duration::from_secs(1));
            let failures = outcome.rankings[0].endpoints[0].stats.failures();
            let failure = &failures[0].failure;
            let told = (failure.phase(), failure.kind(), failure.is_local());
            assert_eq!(told, (phase, FailureKind::Panicked, true));
            let selector = builder(&lab, &catalog).dialer(dialer).build().unwrap();
            let error = selector.connect().await.unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::Failed, "{error}");
        }
    }
}

/// Both services on one server of this machine.
fn loopback_dialer(server: &support::Server) -> DialerBuilder {
    let pin = PinnedHost::new(
        "localhost",
        server.address.port(),
        vec![server.address.ip()],
    );
    Dialer::builder()
        .tls(TlsClient::with_roots([server.root.clone()]).unwrap())
        .pin(pin)
}

fn on_loopback(server: &support::Server) -> SelectorBuilder {
    let port = server.address.port();
    let text = format!(
        "[[region]]\nid = \"own\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\nurl = \"wss://localhost:{port}/ws\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://localhost:{port}/\"\n"
    );
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    Selector::builder(own())
        .catalog(catalog.unwrap())
        .dialer(loopback_dialer(server).build().unwrap())
}

#[tokio::test]
async fn one_origin_is_sent() {
    let server = support::Server::start(support::Behaviour::default()).await;
    let options = ConnectOptions::new()
        .origin("https://a.example")
        .and_then(|options| options.origin("https://b.example"))
        .unwrap();
    let selector = on_loopback(&server).build().unwrap();
    drop(selector.connect_with(&options).await.unwrap());
    let heads = server.heads().concat().to_ascii_lowercase();
    let origins: Vec<&str> = heads.lines().filter(|l| l.starts_with("origin:")).collect();
    assert_eq!(origins, ["origin: https://b.example"]);
}

#[cfg(feature = "rest")]
mod rest {
    use tokio::net::TcpListener;

    use easelect::{RestErrorKind, RestOptions};

    use super::*;

    async fn outside() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    /// Neither by an address in the URL nor on another port, with or without a proxy.
    #[tokio::test]
    async fn no_rest_request_goes_anywhere_else() {
        let (lab, catalog) = world();
        let proxy: Proxy = "http://proxy.example:8080".parse().unwrap();
        let server = support::Server::start(support::Behaviour::default()).await;
        let own_streams = |proxy| {
            let dialer = lab.dialer().proxy(proxy).build().unwrap();
            let over_the_lab = RestOptions::new().through_connector();
            let builder = builder(&lab, &catalog).rest(over_the_lab);
            builder.dialer(dialer).build().unwrap()
        };
        let tcp = on_loopback(&server).build().unwrap();
        for selector in [own_streams(None), own_streams(Some(proxy)), tcp] {
            let rest = selector.rest().unwrap();
            let (listener, address) = outside().await;
            for url in [
                format!("http://{address}/v1"),
                format!("https://{address}/v1"),
                format!("https://one.example@{address}/v1"),
                format!("https://user:hunter2@one.example/v1/{address}"),
                "https://one.example:8443/v1".to_owned(),
                "http://one.example/v1".to_owned(),
                "http://one.example:443/v1".to_owned(),
                "https://other.example/v1".to_owned(),
                "https://one.example.other.example/v1".to_owned(),
                "https://one.example/v10".to_owned(),
                "https://44.128.0.2/v1".to_owned(),
                "https://[::ffff:127.0.0.1]/v1".to_owned(),
            ] {
                let request = rest.post(&url).bearer_auth("hunter2").body("hunter2");
                let refused = request.send().await.unwrap_err();
                assert_eq!(refused.kind(), RestErrorKind::Outside, "{url}");
                assert!(!refused.was_sent(), "{url}");
                let told = format!("{refused} {refused:?}");
                assert!(!told.contains("hunter2"), "{told}");
                assert!(listener.accept().now_or_never().is_none(), "{url}");
            }
        }
        assert_eq!((lab.dials(), server.accepted()), (0, 0));
    }

    /// Over TCP, and over the app's own byte streams.
    #[tokio::test]
    async fn no_redirection_leads_out() {
        for status in [301, 302, 303, 307, 308] {
            for scheme in ["http", "https"] {
                let (listener, address) = outside().await;
                let answer = format!(
                    "HTTP/1.1 {status} Elsewhere\r\nLocation: {scheme}://{address}/\r\n\
                     Content-Length: 0\r\n\r\n"
                );
                let server = support::Server::start(support::Behaviour {
                    answer: Some(answer),
                    ..support::Behaviour::default()
                })
                .await;
                for own_streams in [false, true] {
                    let selector = match own_streams {
                        false => on_loopback(&server),
                        true => {
                            let dialer = loopback_dialer(&server).connector(OwnTcp);
                            on_loopback(&server)
                                .rest(RestOptions::new().through_connector())
                                .dialer(dialer.build().unwrap())
                        }
                    };
                    let rest = selector.build().unwrap().rest().unwrap();
                    let url = format!("https://localhost:{}/token", server.address.port());
                    // The server reads until an empty line.
                    let request = rest
                        .post(&url)
                        .bearer_auth("hunter2")
                        .body("secret\r\n\r\n");
                    let refused = request.send().await.unwrap_err();
                    assert_eq!(
                        refused.kind(),
                        RestErrorKind::Redirected,
                        "{status} {refused}"
                    );
                    assert!(listener.accept().now_or_never().is_none(), "{scheme}");
                }
                assert_eq!(server.accepted(), 2, "{status} {scheme}");
            }
        }
    }

    /// TCP by a connector other than the library's own.
    #[derive(Debug)]
    struct OwnTcp;

    impl Connect for OwnTcp {
        fn connect(
            &self,
            _: &str,
            address: SocketAddr,
        ) -> BoxFuture<'static, std::io::Result<ByteStream>> {
            let stream = tokio::net::TcpStream::connect(address);
            Box::pin(async { Ok(ByteStream::opaque(stream.await?)) })
        }
    }

    #[tokio::test]
    async fn requests_go_over_the_app_s_own_byte_streams() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n";
        let server = support::Server::start(support::Behaviour {
            answer: Some(answer.to_owned()),
            ..support::Behaviour::default()
        })
        .await;
        let dialer = loopback_dialer(&server).connector(OwnTcp).build().unwrap();
        let selector = on_loopback(&server).dialer(dialer);
        let selector = selector.rest(RestOptions::new().through_connector());
        let selector = selector.build().unwrap();
        let rest = selector.rest().unwrap();
        let request = rest.get("/users?limit=1").header("x-own", "yes");
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status(), answer.is_success()), (200, true));
        let read: std::collections::BTreeMap<String, u8> = answer.json().await.unwrap();
        assert_eq!(read["a"], 1);
        let head = server.heads().pop().unwrap();
        let port = server.address.port();
        assert!(
            head.starts_with("GET /users?limit=1 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.contains(&format!("host: localhost:{port}\r\n")),
            "{head}"
        );
        assert!(head.contains("x-own: yes\r\n"), "{head}");
    }

    /// A runtime that is not polled can't read answers for others.
    #[test]
    fn a_connection_of_another_runtime_is_not_used() {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap()
        };
        let servers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned();
        let server = servers.block_on(support::Server::start(support::Behaviour {
            answer: Some(answer),
            ..support::Behaviour::default()
        }));
        let selector = on_loopback(&server).build().unwrap();
        let rest = selector.rest().unwrap();
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second, &first] {
            let answer = runtime.block_on(rest.get("/users").send()).unwrap();
            assert_eq!(answer.status(), 200);
            runtime.block_on(answer.bytes()).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_url_of_the_endpoint_counts_against_it() {
        let (lab, catalog) = world();
        let selector = builder(&lab, &catalog).build().unwrap();
        assert_eq!(selector.base_url().await.unwrap(), "https://one.example/v1");
        let dials = lab.dials();
        for other in [
            "https://one.example.other.example/v1/users",
            "https://one.example:8443/v1/users",
            "https://one.example/v10/users",
            "http://one.example/v1/users",
            "no URL",
        ] {
            selector.rest_failed(other);
            selector.base_url().await.unwrap();
            assert_eq!(lab.dials(), dials, "{other}");
        }
        selector.rest_failed("https://ONE.example:443/v1/users?page=2");
        selector.base_url().await.unwrap();
        assert!(lab.dials() > dials);
    }
}
