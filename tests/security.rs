//! The promises in `SECURITY.md` that several modules keep together, about what is sent and shown.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

mod support;

#[path = "support/proxy.rs"]
#[allow(dead_code, reason = "one kind of proxy is enough here")]
mod relay;

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use easelect::{
    Catalog, CatalogFormat, ConnectOptions, Dialer, DialerBuilder, Endpoint, Error, FailureKind,
    History, HistoryStore, PinnedHost, ProbeOutcome, Prober, Proxy, Region, RestOptions, Rounds,
    Selector, SelectorBuilder, Service, SessionOptions, SessionState, TlsClient, is_hidden,
};
use easelect_report::{ConnectRecord, catalog_json, catalog_table, json, table};
use easelect_report::{Context, Lang, Model, Report, Style, connects_json, connects_table};
use futures::{FutureExt, StreamExt};
use relay::{Manner, Relay};
use support::{Behaviour, Server};

/// Part of every secret in these tests.
const SECRET: &str = "hunter2";
/// `me:pw-hunter2`, RFC 7617.
const BASIC: &str = "Basic bWU6cHctaHVudGVyMg==";

/// Everything logged in this process, at all levels.
fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    struct Writer(&'static Mutex<Vec<u8>>);
    impl io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    LOG.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(|| Writer(log()))
            .init();
        Mutex::default()
    })
}

fn logged() -> String {
    String::from_utf8(log().lock().unwrap().clone()).unwrap()
}

fn dialer(server: &Server) -> DialerBuilder {
    Dialer::builder()
        .pin(pin(server))
        .tls(TlsClient::with_roots([server.root.clone()]).unwrap())
}

fn selecting(server: &Server, path: &str, proxy: Option<Proxy>) -> SelectorBuilder {
    let port = server.address.port();
    let own = format!(
        "[[region]]\nid = \"own\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
         url = \"wss://localhost:{port}{path}\"\n\
         [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://localhost:{port}/\"\n"
    );
    let catalog = Catalog::builtin().with_file(&own, CatalogFormat::Toml, "own.toml");
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(dialer(server).proxy(proxy).build().unwrap())
}

fn pin(server: &Server) -> PinnedHost {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    PinnedHost::new("localhost", server.address.port(), vec![loopback])
}

async fn probe(server: &Server, service: Service, proxy: Option<Proxy>) -> ProbeOutcome {
    let scheme = if service.is_websocket() {
        "wss"
    } else {
        "https"
    };
    let url = format!("{scheme}://localhost:{}/ws", server.address.port());
    let prober = Prober::builder()
        .endpoints([Endpoint::new(Region::CN1, service, &url).unwrap()])
        .dialer(dialer(server).proxy(proxy).build().unwrap())
        .rounds(Rounds::Exact(1))
        .build()
        .unwrap();
    prober.run().outcome().await
}

/// Keeps the last saved history.
#[derive(Debug, Default)]
struct Kept(Mutex<Option<History>>);

impl HistoryStore for Kept {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(None)
    }
    fn save(&self, history: &History) -> Result<(), Error> {
        *self.0.lock().unwrap() = Some(history.clone());
        Ok(())
    }
}

fn assert_keeps_secrets(what: &str, told: &str) {
    let lower = told.to_ascii_lowercase();
    assert!(!lower.contains(SECRET), "{what}: {told}");
    assert!(!told.contains(&BASIC["Basic ".len()..]), "{what}: {told}");
}

fn assert_debug(what: &str, one: &impl Debug) {
    assert_keeps_secrets(what, &format!("{one:?} {one:#?}"));
}

#[tokio::test]
async fn secrets_go_where_they_are_for_and_nowhere_else() {
    log();
    let server = Server::start(Behaviour::default()).await;
    let relay = Relay::start(Manner::Http(Some(BASIC)), server.address).await;
    let proxy: Proxy = format!("http://me:pw-hunter2@{}", relay.address)
        .parse()
        .unwrap();
    let options = ConnectOptions::new()
        .header("authorization", "Bearer hunter2")
        .and_then(|o| o.header("cookie", "session=hunter2"))
        .and_then(|o| o.query("token=hunter2"))
        .and_then(|o| o.subprotocol("hunter2"))
        .unwrap();
    let kept = Arc::new(Kept::default());
    let builder =
        selecting(&server, "/ws?key=hunter2", Some(proxy.clone())).history(Arc::clone(&kept));
    for (what, told) in [
        (
            "the proxy",
            format!("{proxy} {proxy:?} {:?}", proxy.for_reqwest()),
        ),
        ("options", format!("{options:?} {options:#?}")),
        ("the builder", format!("{builder:?} {builder:#?}")),
    ] {
        assert_keeps_secrets(what, &told);
    }

    let selector = builder.build().unwrap();
    let connection = selector.connect_with(&options).await.unwrap();
    let sent = server.heads().concat();
    for own in [
        "Bearer hunter2",
        "session=hunter2",
        "token=hunter2",
        "key=hunter2",
    ] {
        assert!(sent.contains(own), "the app's own is not sent: {sent}");
    }
    assert!(!sent.contains("Proxy-Authorization"), "{sent}");
    assert_debug("timings", &connection.timings());
    assert_debug("feedback", &connection.feedback());
    assert_debug("the selector", &selector);
    assert_debug("its stats", &selector.stats());
    let rest = selector.rest().unwrap();
    assert_debug("its REST handle", &rest);
    let request = rest.post("/users?token=hunter2").bearer_auth("hunter2");
    assert_debug("a request", &request.body("hunter2"));
    assert_debug("a connection", &connection);
    assert_debug("a websocket", &connection.into_websocket());

    // A server that refuses and echoes the request.
    let answer = "HTTP/1.1 403 No\r\nX-You-Sent: Bearer hunter2\r\nContent-Length: 0\r\n\r\n";
    let refusing = Server::start(Behaviour {
        answer: Some(answer.to_owned()),
        ..Behaviour::default()
    });
    let refusing = refusing.await;
    let failed = selecting(&refusing, "/ws?key=hunter2", None);
    let failed = failed.build().unwrap();
    let error = failed.connect_with(&options).await.unwrap_err();
    assert_keeps_secrets(
        "a connection's error",
        &format!("{error} {error:?} {error:#?}"),
    );

    // Probes after a connection with secrets contain none of them.
    let before = server.heads().len();
    let through = Some(proxy.clone());
    let probed = probe(&server, Service::Websocket, through.clone()).await;
    assert!(probed.complete());
    assert_debug("what a probe found", &probed);
    assert!(probe(&server, Service::Rest, through).await.complete());
    selector.base_url().await.unwrap();
    let probes = &server.heads()[before..];
    assert!(probes.len() >= 3, "{probes:?}");
    for head in probes {
        let lower = head.to_ascii_lowercase();
        for never in ["cookie:", "authorization:", "?", SECRET] {
            assert!(!lower.contains(never), "a probe sent {head}");
        }
    }

    selector.shutdown().await.unwrap();
    let history = kept.0.lock().unwrap().take().expect("it was kept");
    assert_keeps_secrets("the history", &history.to_json().unwrap());
    let logged = logged();
    for event in ["open", "no endpoint could be opened", "sample"] {
        assert!(logged.contains(event), "nothing is logged of {event:?}");
    }
    for line in logged.lines() {
        assert_keeps_secrets("the log", line);
    }
}

/// The server chooses the subprotocol, so the connection knows it.
const CHOSEN: &str = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: hunter2\r\n\r\n";

/// The query of a catalogue's URL may contain a token. It is sent to the endpoint and shown nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_s_own_query_is_in_no_text() {
    log();
    let server = Server::start(Behaviour::default()).await;
    let own = || selecting(&server, "/ws?key=hunter2", None);
    let selector = own().build().unwrap();
    let mut events = selector.events();
    for candidate in selector.candidates().collect::<Vec<_>>().await {
        assert_debug("a candidate", &candidate);
    }
    let mut session = selector.session(SessionOptions::new());
    assert_debug("a session", &session);
    let open = loop {
        match session.next().await.unwrap() {
            SessionState::Open(connection) => break connection,
            state => assert_debug("a session's state", &state),
        }
    };
    assert!(open.url().ends_with("key=hunter2") && open.endpoint().url().ends_with("key=hunter2"));
    assert_debug("an open session", &(&session, session.control(), &open));
    drop((open, session));
    let mut reconnector = selector.reconnector();
    let connection = reconnector.connect(&ConnectOptions::new()).await.unwrap();
    assert_debug(
        "a reconnector",
        &(&reconnector, &connection, connection.attempts()),
    );
    let explanation = selector.explain();
    assert_keeps_secrets("why", &format!("{explanation} {explanation:?}"));
    let best = selector.best().unwrap();
    assert_keeps_secrets("the best", &format!("{best} {best:?} {best:#?}"));
    let mut told = 0;
    while let Some(Some(event)) = events.next().now_or_never() {
        assert_debug("an event", &event);
        told += 1;
    }
    assert!(told > 0, "there was no event");
    let sent = server.heads().concat();
    assert!(sent.contains("GET /ws?key=hunter2 "), "{sent}");

    // The same with the blocking API.
    let blocking = tokio::task::spawn_blocking({
        let builder = own();
        move || {
            let selector = builder.build_blocking().unwrap();
            let connection = selector.connect().unwrap();
            assert_debug("a blocking connection", &(&selector, &connection));
            assert_debug(
                "a blocking session",
                &selector.session(SessionOptions::new()),
            );
            assert_debug("a blocking reconnector", &selector.reconnector());
            connection.subprotocol().map(str::to_owned)
        }
    });
    assert_eq!(blocking.await.unwrap(), None);

    // Reports in every format, with and without a successful handshake.
    let records = [ConnectRecord::opened(
        connection.url(),
        connection.address(),
        connection.time_to_open(),
        connection.timings(),
        connection.attempts().to_vec(),
    )];
    let refusing = Server::start(Behaviour {
        answer: Some(
            "HTTP/1.1 302 Found\r\nLocation: https://u:hunter2@x/?t=hunter2\r\n\r\n".into(),
        ),
        ..Behaviour::default()
    });
    let refusing = refusing.await;
    for server in [&server, &refusing] {
        let url = format!("wss://localhost:{}/ws?key=hunter2", server.address.port());
        let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
        let prober = prober_of(&endpoint, server);
        assert_debug("a prober", &prober);
        let mut probing = prober.run();
        let mut evidence = easelect_report::Evidence::default();
        while let Some(event) = probing.next().await {
            assert_debug("a probe's event", &event);
            evidence.add(event);
        }
        let outcome = probe_of(&endpoint, server).await;
        let now = SystemTime::now();
        let mut context = Context::new(Catalog::builtin(), now, now);
        (context.evidence, context.in_use) = (evidence, vec![endpoint.clone()]);
        let report = Report::new(&outcome, context);
        assert_debug("a report", &report);
        for lang in [Lang::En, Lang::Zh] {
            let model = Model::new(&report, lang);
            for (format, text) in [
                ("a report's JSON", json(&model)),
                ("a report's table", table(&model, Style::plain())),
                ("connections' JSON", connects_json(&records, lang, now)),
                (
                    "connections' table",
                    connects_table(&records, lang, Style::plain(), now),
                ),
                (
                    "the list's JSON",
                    catalog_json(&Catalog::builtin(), std::slice::from_ref(&endpoint), lang),
                ),
                (
                    "the list's table",
                    catalog_table(
                        &Catalog::builtin(),
                        std::slice::from_ref(&endpoint),
                        lang,
                        Style::plain(),
                    ),
                ),
            ] {
                assert_keeps_secrets(format, &text);
                assert!(
                    text.contains("localhost"),
                    "{format} is of something else: {text}"
                );
            }
        }
    }

    // The URL of a request, and the one it is redirected to.
    let selector = selecting(&refusing, "/ws?key=hunter2", None)
        .rest(RestOptions::new())
        .build()
        .unwrap();
    let rest = selector.rest().unwrap();
    for path in [
        "/users?token=hunter2",
        "https://localhost.evil/?token=hunter2",
        "https://u:hunter2@h/",
    ] {
        let error = rest.get(path).send().await.unwrap_err();
        assert_keeps_secrets(
            "a request's error",
            &format!("{error} {error:?} {error:#?}"),
        );
    }
    for line in logged().lines() {
        assert_keeps_secrets("the log", line);
    }
}

/// A subprotocol may be a token. It must not be shown even if the server chose it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subprotocol_of_the_app_s_is_in_no_text() {
    log();
    let server = Server::start(Behaviour {
        answer: Some(CHOSEN.to_owned()),
        ..Behaviour::default()
    });
    let server = server.await;
    let options = ConnectOptions::new().subprotocol("hunter2").unwrap();
    let selector = selecting(&server, "/ws", None).build().unwrap();
    let connection = selector.connect_with(&options).await.unwrap();
    assert_eq!(connection.subprotocol(), Some("hunter2"));
    assert_debug("a connection", &connection);
    let builder = selecting(&server, "/ws", None);
    let threads = tokio::task::spawn_blocking(move || {
        let selector = builder.build_blocking().unwrap();
        let connection = selector.connect_with(&options).unwrap();
        assert_eq!(connection.subprotocol(), Some("hunter2"));
        assert_debug("a blocking connection", &connection);
    });
    threads.await.unwrap();
}

fn prober_of(endpoint: &Endpoint, server: &Server) -> Prober {
    Prober::builder()
        .endpoints([endpoint.clone()])
        .dialer(dialer(server).build().unwrap())
        .rounds(Rounds::Exact(1))
        .build()
        .unwrap()
}

async fn probe_of(endpoint: &Endpoint, server: &Server) -> ProbeOutcome {
    prober_of(endpoint, server).run().outcome().await
}

/// Whether a character could deceive a terminal, a log file or a reader. `tests/shown.rs` compares this with
/// Unicode's tables.
fn is_raw(c: char) -> bool {
    c != '\n' && is_hidden(c)
}

/// Every text made from a peer's behaviour.
fn assert_escaped(outcome: ProbeOutcome) {
    let now = SystemTime::now();
    let mut shown: Vec<String> = Vec::new();
    let ranked = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    for failure in ranked.flat_map(|one| one.stats.failures()) {
        let told = failure.failure.to_string();
        assert!(!told.contains('\n'), "{told:?}");
        shown.extend([told, format!("{:?}", failure.failure)]);
    }
    assert!(!shown.is_empty(), "nothing failed");
    let report = Report::new(&outcome, Context::new(Catalog::builtin(), now, now));
    for lang in [Lang::En, Lang::Zh] {
        shown.extend([
            json(&Model::new(&report, lang)),
            table(&Model::new(&report, lang), Style::plain()),
        ]);
    }
    shown.push(logged());
    for text in shown {
        assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{text}");
        assert!(!text.contains("EVIL\n"), "a peer broke the line: {text}");
    }
}

/// Colours, a cleared screen, a window title, a carriage return, reversed text, a tag, a zero-width
/// character, a filler.
const EVIL: &str =
    "EVIL\u{9b}2J\u{202e}\u{2066}\u{2028}\u{85}\u{200b}\u{e0041}\u{3164}\u{2800}\t<b>&\"";

#[tokio::test]
async fn what_a_server_writes_is_escaped() {
    log();
    for (head, service, kind) in [
        (
            format!("HTTP/1.1 302 Found\r\nLocation: http://{EVIL}"),
            Service::Websocket,
            FailureKind::Redirected,
        ),
        (
            format!("HTTP/1.1 403 {EVIL}"),
            Service::Websocket,
            FailureKind::Rejected,
        ),
        (
            "HTTP/1.1 403 \x1b[2JEVIL".to_owned(),
            Service::Websocket,
            FailureKind::NotHttp,
        ),
        (
            format!("HTTP/1.1 500 {EVIL}"),
            Service::Rest,
            FailureKind::ServerError,
        ),
        (
            format!("{EVIL}\x1b[2J"),
            Service::Rest,
            FailureKind::NotHttp,
        ),
    ] {
        let server = Server::start(Behaviour {
            answer: Some(format!("{head}\r\nContent-Length: 0\r\n\r\n")),
            ..Behaviour::default()
        });
        let server = server.await;
        let outcome = probe(&server, service, None).await;
        let stats = &outcome.rankings[0].endpoints[0].stats;
        assert_eq!(stats.failures()[0].failure.kind(), kind, "{head:?}");
        assert_escaped(outcome);
    }
}

#[tokio::test]
async fn a_subprotocol_that_was_not_offered_is_not_shown() {
    log();
    for (accept, kind) in [
        (EVIL, FailureKind::BadAccept),
        ("{accept}", FailureKind::UnrequestedExtensionOrProtocol),
    ] {
        let answer = format!(
            "HTTP/1.1 101 {EVIL}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {EVIL}\r\n\r\n"
        );
        let server = Server::start(Behaviour {
            answer: Some(answer),
            ..Behaviour::default()
        });
        let outcome = probe(&server.await, Service::Websocket, None).await;
        let failure = &outcome.rankings[0].endpoints[0].stats.failures()[0].failure;
        assert_eq!((failure.kind(), failure.message()), (kind, None));
        assert_escaped(outcome);
    }
}

#[tokio::test]
async fn names_in_a_certificate_are_escaped() {
    log();
    let server = Server::start(Behaviour {
        name: Some("evil\x1b[2J\r\nEVIL\n.example"),
        ..Behaviour::default()
    });
    let outcome = probe(&server.await, Service::Websocket, None).await;
    let stats = &outcome.rankings[0].endpoints[0].stats;
    let kind = stats.failures()[0].failure.kind();
    assert_eq!(kind, FailureKind::CertificateWrongHost);
    assert_escaped(outcome);
}

#[tokio::test]
async fn what_a_proxy_writes_is_escaped() {
    log();
    let server = Server::start(Behaviour::default()).await;
    for answer in [
        "HTTP/1.1 502 tab\tEVIL",
        &format!("HTTP/1.1 502 {EVIL}"),
        EVIL,
    ] {
        let says = Manner::Says(format!("{answer}\r\n\r\n").into_bytes());
        let relay = Relay::start(says, server.address).await;
        let proxy = format!("http://{}", relay.address).parse().unwrap();
        assert_escaped(probe(&server, Service::Websocket, Some(proxy)).await);

        let proxy: Proxy = format!("http://{}", relay.address).parse().unwrap();
        let selector = selecting(&server, "/ws", Some(proxy)).build().unwrap();
        let error = selector.connect().await.unwrap_err();
        let records = [ConnectRecord::failed(
            error.to_string(),
            error.attempts().to_vec(),
        )];
        let now = SystemTime::now();
        for lang in [Lang::En, Lang::Zh] {
            for text in [
                error.to_string(),
                format!("{error:?}"),
                connects_json(&records, lang, now),
                connects_table(&records, lang, Style::plain(), now),
            ] {
                assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{text}");
            }
        }
    }
}

#[test]
fn what_a_file_says_is_escaped() {
    let text = r#"
        [[region]]
        id = "own"
        name_en = "a\u001b[2J\u009b2J\u202e\u007fb\nEVIL"
        [[endpoint]]
        region = "own"
        service = "websocket"
        url = "wss://own.example/"
        label = "\u001b]0;x\u0007\u2066\U000e0001"
    "#;
    let catalog = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own.toml");
    let catalog = catalog.unwrap();
    let own = &catalog.endpoints()[44..];
    for lang in [Lang::En, Lang::Zh] {
        let table = catalog_table(&catalog, own, lang, Style::plain());
        let json = catalog_json(&catalog, own, lang);
        for text in [&table, &json] {
            assert!(text.contains("own.example"));
            assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{text}");
        }
        // JSON's own escapes: a parser gets the original text.
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(read.to_string().contains("\u{202e}"), "{json}");
    }
}
