//! The blocking API in real time, in the simulated network (whose servers run on the selector's thread)
//! and on loopback.

mod support;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use easelect::blocking::{Connection, Selector, SessionState};
use easelect::tokio_tungstenite::tungstenite::{Error, Message};
use easelect::{
    ByteStream, Catalog, CatalogFormat, Connect, ConnectOptions, DialOutcome, Dialer,
    DialerBuilder, LossReason, PinnedHost, Region, RestOptions, SelectorEvent, SessionOptions,
    TlsClient,
};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(44, 128, 0, 1));
const ENDPOINTS: &str = r#"
[[region]]
id = "own"
[[endpoint]]
region = "own"
service = "websocket"
url = "wss://h.example/websocket"
[[endpoint]]
region = "own"
service = "rest"
url = "https://h.example/"
"#;

/// A timeout longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

fn lab() -> Lab {
    let scenario = Scenario::new(1)
        .with_host(Host::new("h.example").with_address(ADDRESS))
        .with_path(Path::new(ADDRESS).with_rtt(Duration::from_millis(2)));
    Lab::new(scenario).unwrap()
}

fn built(endpoints: &str, dialer: DialerBuilder) -> Selector {
    let catalog = Catalog::builtin()
        .with_file(endpoints, CatalogFormat::Toml, "endpoints.toml")
        .unwrap();
    easelect::Selector::builder(Region::new("own").unwrap())
        .catalog(catalog)
        .dialer(dialer.build().unwrap())
        .rest(RestOptions::new().through_connector())
        .network("home")
        .seed(1)
        .build_blocking()
        .unwrap()
}

fn selector(lab: &Lab) -> Selector {
    built(ENDPOINTS, lab.dialer())
}

/// A connector that reports the end of every thread on which it connects.
#[derive(Debug)]
struct Watched {
    connector: Arc<dyn Connect>,
    ends: Mutex<mpsc::Sender<String>>,
}

impl Connect for Watched {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>> {
        thread_local!(static END: RefCell<Option<End>> = const { RefCell::new(None) });
        let ends = self.ends.lock().unwrap().clone();
        END.with_borrow_mut(|end| _ = end.get_or_insert(End(ends)));
        self.connector.connect(host, address)
    }
}

struct End(mpsc::Sender<String>);

impl Drop for End {
    fn drop(&mut self) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        // Fails if the test is over.
        let _ = self.0.send(name);
    }
}

/// A selector, and a receiver of the end of its thread.
fn watched(lab: &Lab) -> (Selector, mpsc::Receiver<String>) {
    let (ends, ended) = mpsc::channel();
    let (connector, ends) = (lab.connector(), Mutex::new(ends));
    let dialer = lab.dialer().connector(Watched { connector, ends });
    (built(ENDPOINTS, dialer), ended)
}

#[track_caller]
fn assert_ends(ended: &mpsc::Receiver<String>) {
    assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), "easelect-blocking");
}

#[track_caller]
fn assert_echoes(connection: &Connection, text: &str) {
    connection.send(text.into()).unwrap();
    assert_eq!(connection.read().unwrap(), Some(text.into()));
}

/// The lab's server sends a Close frame, but no TLS close_notify.
#[track_caller]
fn assert_ends_with_close(connection: &Connection) {
    assert!(connection.read().unwrap().unwrap().is_close());
    let ended = connection.read().unwrap_err();
    assert!(matches!(ended, Error::Io(_)), "{ended:?}");
    assert_eq!(connection.read().unwrap(), None);
}

#[test]
fn a_connection_is_opened_read_written_and_closed() {
    let lab = lab();
    let selector = selector(&lab);
    let mut events = selector.events();
    assert_eq!(events.next_timeout(Duration::ZERO), Poll::Pending);
    let options = ConnectOptions::new().query("v=1").unwrap();
    let connection = selector.connect_with(&options).unwrap();
    assert_eq!(connection.endpoint().host(), "h.example");
    assert_eq!(connection.url(), "wss://h.example/websocket");
    assert_eq!(connection.address(), SocketAddr::new(ADDRESS, 443));
    assert_eq!(connection.subprotocol(), None);
    assert!(connection.timings().total() <= connection.time_to_open());
    assert_eq!(connection.attempts().len(), 1);
    assert!(matches!(
        events.next(),
        Some(SelectorEvent::Opened { .. } | SelectorEvent::PreferenceChanged { .. })
    ));
    // Methods that don't wait are those of the asynchronous selector.
    assert_eq!(selector.best().as_ref(), Some(connection.endpoint()));
    assert_eq!(selector.stats().opened, 1);

    assert_echoes(&connection, "hello");
    let nothing = connection.read_timeout(Duration::ZERO).unwrap();
    assert_eq!(nothing, Poll::Pending);
    connection.send("again".into()).unwrap();
    let again = connection.read_timeout(PATIENCE).unwrap();
    assert_eq!(again, Poll::Ready(Some("again".into())));

    connection.close().unwrap();
    assert_ends_with_close(&connection);
    assert_eq!(
        connection.read_timeout(PATIENCE).unwrap(),
        Poll::Ready(None)
    );
    let late = connection.send("late".into());
    assert!(matches!(late, Err(Error::AlreadyClosed)), "{late:?}");
}

#[test]
fn one_thread_reads_while_others_write() {
    let lab = lab();
    let connection = selector(&lab).connect().unwrap();
    let (writers, each) = (4, 100);
    let connection = &connection;
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut seen = vec![0; writers];
            for _ in 0..writers * each {
                let message = connection.read().unwrap().unwrap();
                let text = message.to_text().unwrap();
                let (writer, number) = text.split_once(' ').unwrap();
                let writer: usize = writer.parse().unwrap();
                assert_eq!(number.parse(), Ok(seen[writer]), "in order");
                seen[writer] += 1;
            }
        });
        for writer in 0..writers {
            scope.spawn(move || {
                for number in 0..each {
                    let text = format!("{writer} {number}");
                    connection.send(text.into()).unwrap();
                }
            });
        }
        reader.join().unwrap();
    });
}

#[test]
fn what_nobody_reads_waits_and_is_all_there_later() {
    let lab = lab();
    let connection = selector(&lab).connect().unwrap();
    let messages = 500;
    for number in 0..messages {
        connection.send(number.to_string().into()).unwrap();
    }
    connection.close().unwrap();
    for number in 0..messages {
        assert_eq!(connection.read().unwrap(), Some(number.to_string().into()));
    }
    assert_ends_with_close(&connection);
}

#[test]
fn a_session_connects_again() {
    let lab = lab();
    let selector = selector(&lab);
    let mut session = selector.session(SessionOptions::new());
    for network in ["office", "home"] {
        assert!(matches!(session.next(), Some(SessionState::Connecting)));
        let Some(SessionState::Open(connection)) = session.next() else {
            panic!("it is open");
        };
        assert!(session.next_timeout(Duration::ZERO).is_pending());
        assert_echoes(&connection, "hello");
        lab.reset(ADDRESS);
        assert!(connection.read().is_err());
        assert_eq!(connection.read().unwrap(), None);
        let state = session.next();
        let Some(SessionState::Lost(loss)) = state else {
            panic!("{state:?}");
        };
        assert!(matches!(loss.reason, LossReason::Broken { .. }), "{loss:?}");
        let state = session.next();
        let Some(SessionState::Waiting { error: None, .. }) = state else {
            panic!("{state:?}");
        };
        // Or it would wait for some seconds.
        selector.network_changed(Some(network));
    }
    assert!(matches!(session.next(), Some(SessionState::Connecting)));
    let Some(SessionState::Open(connection)) = session.next() else {
        panic!("it is open");
    };
    // The control works while another call waits.
    session.control().rest();
    drop(connection);
    let state = session.next();
    let Some(SessionState::Lost(loss)) = state else {
        panic!("{state:?}");
    };
    assert_eq!(loss.reason, LossReason::Dropped);
    assert!(matches!(session.next(), Some(SessionState::Resting)));
    session.control().hurry();
    assert!(matches!(session.next(), Some(SessionState::Connecting)));
}

#[test]
fn a_reconnector_connects_again() {
    let lab = lab();
    let selector = selector(&lab);
    let mut reconnector = selector.reconnector();
    for network in ["office", "home"] {
        let connection = reconnector.connect(&ConnectOptions::new()).unwrap();
        assert_echoes(&connection, "hello");
        // Or it would wait for some seconds.
        selector.network_changed(Some(network));
    }
    lab.set_fault(ADDRESS, Fault::Refuse).unwrap();
    let error = reconnector.connect(&ConnectOptions::new()).unwrap_err();
    assert_eq!(error.attempts().len(), 1);
}

#[test]
fn an_app_that_dials_itself_gets_candidates() {
    let selector = selector(&lab());
    let candidates: Vec<_> = selector.candidates().map(Result::unwrap).collect();
    assert_eq!(candidates.len(), 1);
    let took = Duration::from_millis(20);
    selector.report(&candidates[0], DialOutcome::Opened, took);
    assert_eq!(selector.best(), Some(candidates[0].endpoint.clone()));
    selector.flush().unwrap();
    selector.shutdown().unwrap();
}

#[cfg(feature = "rest")]
#[test]
fn rest_is_asked_and_answered() {
    let selector = selector(&lab());
    assert_eq!(selector.base_url().unwrap(), "https://h.example");
    let rest = selector.rest().unwrap();
    let ask = || rest.send(rest.get("/users").bearer_auth("token")).unwrap();
    let answer = ask();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().unwrap(), "{\"server\":\"lab\"}\n");
    assert_eq!(&*ask().bytes().unwrap(), b"{\"server\":\"lab\"}\n");
    let json: serde_json::Value = ask().json().unwrap();
    assert_eq!(json["server"], "lab");
    let outside = rest.send(rest.get("https://elsewhere.example/"));
    let outside = outside.unwrap_err();
    assert_eq!(outside.kind(), easelect::RestErrorKind::Outside);
    selector.rest_failed("https://h.example/users");
}

/// Works in async code, although it blocks the executor.
#[tokio::test]
async fn inside_async_code_nothing_panics() {
    let lab = lab();
    let (selector, ended) = watched(&lab);
    let connection = selector.connect().unwrap();
    assert_echoes(&connection, "hello");
    let mut session = selector.session(SessionOptions::new());
    assert!(matches!(session.next(), Some(SessionState::Connecting)));
    drop((connection, session, selector));
    assert_ends(&ended);
}

#[test]
fn a_connection_outlives_its_selector_and_the_last_handle_ends_the_thread() {
    let lab = lab();
    let (selector, ended) = watched(&lab);
    let (connection, clone) = (selector.connect().unwrap(), selector.clone());
    let (events, candidates) = (selector.events(), selector.candidates());
    let (session, reconnector) = (
        selector.session(SessionOptions::new()),
        selector.reconnector(),
    );
    drop((selector, clone, events, candidates, session, reconnector));
    assert_echoes(&connection, "hello");
    assert!(ended.try_recv().is_err());
    drop(connection);
    assert_ends(&ended);
    assert_eq!(lab.open(), 0);
}

/// The session's task owns the last handle, which is dropped on the thread.
#[test]
fn the_last_handle_is_dropped_on_the_thread_itself() {
    let lab = lab();
    let (selector, ended) = watched(&lab);
    let mine = selector.clone();
    let options = SessionOptions::new().connect_by(move || {
        assert_eq!(mine.residency().to_string(), "own");
        ConnectOptions::new()
    });
    let mut session = selector.session(options);
    session.next().unwrap();
    let open = session.next().unwrap();
    drop(selector);
    drop(session);
    drop(open);
    assert_ends(&ended);
}

/// Panics instead of deadlocking.
#[test]
fn a_call_on_the_thread_itself_panics_where_the_app_waits() {
    let lab = lab();
    let (selector, ended) = watched(&lab);
    let mine = Mutex::new(Some(selector.clone()));
    let options = SessionOptions::new().connect_by(move || {
        let mine = mine.lock().unwrap().take().unwrap();
        drop(mine.connect());
        ConnectOptions::new()
    });
    let mut session = selector.session(options);
    session.next().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| session.next())).unwrap_err();
    let said = panic.downcast::<String>().unwrap();
    assert!(said.contains("would deadlock"), "{said}");
    assert!(session.next().is_none());
    // The thread survives.
    assert_echoes(&selector.connect().unwrap(), "hello");
    drop((session, selector));
    assert_ends(&ended);
}

/// A server that pings and reports the pong.
async fn pinging_server() -> (SocketAddr, TlsClient, mpsc::Receiver<Message>) {
    let (config, root) = support::server_config();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await;
        let socket = tokio_tungstenite::accept_async(stream.unwrap()).await;
        let mut socket = socket.unwrap();
        socket
            .send(Message::Ping("are you there".into()))
            .await
            .unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let _ = tell.send(message);
        }
    });
    (address, TlsClient::with_roots([root]).unwrap(), told)
}

#[test]
fn pings_are_answered_while_nobody_reads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (address, tls, told) = runtime.block_on(pinging_server());
    let pin = PinnedHost::new("localhost", address.port(), vec![address.ip()]);
    let endpoints = ENDPOINTS.replace("h.example", &format!("localhost:{}", address.port()));
    let dialer = Dialer::builder().pin(pin).tls(tls);
    let connection = built(&endpoints, dialer).connect().unwrap();
    let answer = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(answer, Message::Pong("are you there".into()));
    drop(connection);
}
