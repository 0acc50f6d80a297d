//! Early data for the upgrade: what it saves, what it never contains, and how it falls back. In the
//! simulated network in paused time, then over real sockets.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use easelect::{
    AttemptOutcome, Catalog, CatalogFormat, ConnectOptions, Connection, Dialer, EarlyData,
    Endpoint, Failure, FailureKind, Phase, PinnedHost, Prober, Region, Rounds, Selector,
    SelectorBuilder, Service, TlsClient,
};
use easelect_lab::{EventKind, Fault, Host, Lab, Path, Scenario, TlsVersion};
use futures::{SinkExt, StreamExt};
use support::{Behaviour, Server};

const RTT: Duration = Duration::from_millis(40);

fn address() -> IpAddr {
    IpAddr::from([44, 128, 0, 1])
}

fn path() -> Path {
    Path::new(address()).with_rtt(RTT)
}

fn early_path() -> Path {
    path().with_early_data(true)
}

fn world(path: Path) -> Lab {
    let host = Host::new("im.example").with_address(address());
    let scenario = Scenario::new(1).with_host(host).with_path(path);
    Lab::new(scenario).unwrap()
}

/// A private region with one host: `authority`, at `path`.
fn own(authority: &str, path: &str) -> SelectorBuilder {
    let text = format!(
        "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
         url = \"wss://{authority}{path}\"\n"
    );
    let catalog = Catalog::builtin()
        .with_file(&text, CatalogFormat::Toml, "own.toml")
        .unwrap();
    Selector::builder(Region::new("own").unwrap()).catalog(catalog)
}

fn builder(lab: &Lab) -> SelectorBuilder {
    in_lab(lab, own("im.example", "/ws"))
}

fn in_lab(lab: &Lab, builder: SelectorBuilder) -> SelectorBuilder {
    builder.dialer(lab.dialer().build().unwrap()).seed(1)
}

/// A selector that has connected once, so that it holds a session and knows the address.
async fn warm(lab: &Lab) -> Selector {
    let selector = builder(lab).early_data(true).build().unwrap();
    let first = selector.connect().await.unwrap();
    assert_eq!(first.timings().early_data(), EarlyData::NotSent);
    assert_eq!(first.time_to_open(), 3 * RTT);
    end(lab, first).await;
    selector
}

async fn end(lab: &Lab, connection: Connection) {
    drop(connection);
    tokio::time::sleep(2 * RTT).await;
    assert_eq!((lab.open(), lab.serving()), (0, 0));
}

async fn echo(connection: &mut Connection, text: &str) {
    connection.send(text.into()).await.unwrap();
    let answer = connection.next().await.unwrap().unwrap();
    assert_eq!(answer.into_text().unwrap(), text);
}

/// The number of requests received as early data.
fn early(lab: &Lab) -> usize {
    let events = lab.events().into_iter();
    events
        .filter(|event| event.kind == EventKind::CameEarly)
        .count()
}

fn upgraded(lab: &Lab) -> usize {
    let events = lab.events().into_iter();
    events
        .filter(|event| matches!(event.kind, EventKind::Upgraded { .. }))
        .count()
}

fn phases(connection: &Connection) -> [Option<Duration>; 3] {
    [Phase::Connect, Phase::Tls, Phase::Upgrade].map(|phase| connection.timings().get(phase))
}

fn failed(outcome: &AttemptOutcome) -> &Failure {
    match outcome {
        AttemptOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_open_takes_two_round_trips() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    for _ in 0..20 {
        let mut connection = selector.connect().await.unwrap();
        assert_eq!(connection.time_to_open(), 2 * RTT);
        assert_eq!(connection.timings().early_data(), EarlyData::Accepted);
        let expected = [Some(RTT), Some(RTT), Some(Duration::ZERO)];
        assert_eq!(phases(&connection), expected);
        assert_eq!(connection.timings().total(), 2 * RTT);
        echo(&mut connection, "hello").await;
        end(&lab, connection).await;
    }
    assert_eq!((early(&lab), upgraded(&lab)), (20, 21));
}

/// Whether each handshake resumed a session, in order.
fn resumed(lab: &Lab) -> Vec<bool> {
    let events = lab.events().into_iter();
    let done = events.filter_map(|event| match event.kind {
        EventKind::TlsDone { resumed, .. } => Some(resumed),
        _ => None,
    });
    done.collect()
}

/// A reused ticket lets an observer of two networks recognise the client (RFC 8446 §C.4).
#[tokio::test(start_paused = true)]
async fn no_ticket_goes_to_another_network() {
    use EarlyData::{Accepted, NotSent};

    let lab = world(early_path());
    let selector = builder(&lab).early_data(true).network("home");
    let selector = selector.build().unwrap();
    let open_twice = async || {
        for expected in [NotSent, Accepted] {
            let connection = selector.connect().await.unwrap();
            assert_eq!(connection.timings().early_data(), expected);
            end(&lab, connection).await;
        }
    };
    open_twice().await;
    for network in ["train", "home"] {
        selector.network_changed(Some(network));
        open_twice().await;
    }
    // Naming the same network again is not a change.
    selector.network_changed(Some("home"));
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), Accepted);
    assert_eq!(resumed(&lab), [false, true, false, true, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn selectors_show_no_ticket_of_another() {
    let lab = world(early_path());
    let dialer = lab.dialer().build().unwrap();
    let url = "wss://im.example/ws";
    let endpoint = Endpoint::new(Region::new("own").unwrap(), Service::Websocket, url).unwrap();
    // All use clones of one `TlsClient`.
    for _ in 0..2 {
        let selector = own("im.example", "/ws").dialer(dialer.clone()).seed(1);
        let selector = selector.build().unwrap();
        for _ in 0..2 {
            end(&lab, selector.connect().await.unwrap()).await;
        }
    }
    for _ in 0..2 {
        let opened = dialer.open(&endpoint, Duration::MAX).await.unwrap();
        // The server's log entry follows one way later.
        tokio::time::sleep(RTT).await;
        drop(opened);
    }
    assert_eq!(resumed(&lab), [false, true, false, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_early_unasked() {
    let lab = world(early_path());
    let selector = builder(&lab).build().unwrap();
    for _ in 0..3 {
        let connection = selector.connect().await.unwrap();
        assert_eq!(connection.time_to_open(), 3 * RTT);
        assert_eq!(connection.timings().early_data(), EarlyData::NotSent);
        end(&lab, connection).await;
    }
    assert_eq!(resumed(&lab), [false, true, true]);
    assert_eq!(early(&lab), 0);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_of_the_apps_own_does_not_ask_for_it() {
    let lab = world(early_path());
    let mut config =
        rustls::ClientConfig::clone(TlsClient::with_roots([lab.root()]).unwrap().config());
    config.enable_early_data = true;
    let tls = TlsClient::from_config(config);
    let selector = builder(&lab)
        .dialer(lab.dialer().tls(tls).build().unwrap())
        .build()
        .unwrap();
    for _ in 0..3 {
        let mut connection = selector.connect().await.unwrap();
        assert_eq!(connection.time_to_open(), 3 * RTT);
        assert_eq!(connection.timings().early_data(), EarlyData::NotSent);
        echo(&mut connection, "hello").await;
        end(&lab, connection).await;
    }
    assert_eq!(early(&lab), 0);
}

#[tokio::test(start_paused = true)]
async fn probes_never_send_it() {
    let lab = world(early_path());
    let tls = TlsClient::with_roots([lab.root()]).unwrap();
    let selector = builder(&lab)
        .dialer(lab.dialer().tls(tls.clone()).build().unwrap())
        .early_data(true);
    let selector = selector.build().unwrap();
    let connection = selector.connect().await.unwrap();
    let endpoint = connection.endpoint().clone();
    end(&lab, connection).await;
    let outcome = Prober::builder()
        .endpoints([endpoint])
        .dialer(lab.dialer().tls(tls).build().unwrap())
        .rounds(Rounds::Exact(3))
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    let total = outcome.rankings[0].endpoints[0].total().unwrap();
    assert_eq!((total.count, total.min), (3, 3 * RTT));
    assert_eq!(early(&lab), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_apps_goes_early() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    let new = ConnectOptions::new;
    for options in [
        new().header("x-client", "a").unwrap(),
        new().origin("https://app.example").unwrap(),
        new().query("token=a").unwrap(),
        new().subprotocol("xmpp").unwrap(),
    ] {
        let connection = selector.connect_with(&options).await.unwrap();
        assert_eq!(connection.time_to_open(), 3 * RTT, "{options:?}");
        assert_eq!(connection.timings().early_data(), EarlyData::NotSent);
        end(&lab, connection).await;
    }
    let query = in_lab(&lab, own("im.example", "/ws?token=a"));
    let query = query.early_data(true).build().unwrap();
    for _ in 0..2 {
        let connection = query.connect().await.unwrap();
        assert_eq!(connection.time_to_open(), 3 * RTT);
        end(&lab, connection).await;
    }
    assert_eq!(early(&lab), 0);
    // Limits and buffer sizes are not part of the request.
    let config = easelect::tokio_tungstenite::tungstenite::protocol::WebSocketConfig::default();
    let options = new().websocket(config);
    let connection = selector.connect_with(&options).await.unwrap();
    assert_eq!(connection.time_to_open(), 2 * RTT);
    assert_eq!(early(&lab), 1);
}

#[tokio::test(start_paused = true)]
async fn frames_behind_an_early_answer_are_not_lost() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    lab.set_fault(address(), Fault::FramesAfter101).unwrap();
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), 2 * RTT);
    for expected in ["one", "two"] {
        let message = connection.next().await.unwrap().unwrap();
        assert_eq!(message.into_text().unwrap(), expected);
    }
    echo(&mut connection, "three").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_server_needs_for_the_answer_is_the_upgrades() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    let delay = Duration::from_millis(70);
    lab.set_path(early_path().with_http_delay(delay)).unwrap();
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), EarlyData::Accepted);
    assert_eq!(phases(&connection), [Some(RTT), Some(RTT), Some(delay)]);
    assert_eq!(connection.time_to_open(), 2 * RTT + delay);
    echo(&mut connection, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_the_session_costs_nothing_more() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    lab.set_path(path()).unwrap();
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), EarlyData::Rejected);
    assert_eq!(connection.time_to_open(), 3 * RTT);
    assert_eq!(phases(&connection), [Some(RTT); 3]);
    echo(&mut connection, "hello").await;
    assert_eq!((lab.dials(), early(&lab), upgraded(&lab)), (2, 0, 2));
    end(&lab, connection).await;
    // Its new sessions don't allow early data, so none is sent until it does again.
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), 3 * RTT);
    end(&lab, connection).await;
    lab.set_path(early_path()).unwrap();
    let mut last = EarlyData::NotSent;
    for _ in 0..6 {
        let connection = selector.connect().await.unwrap();
        last = connection.timings().early_data();
        end(&lab, connection).await;
    }
    assert_eq!(last, EarlyData::Accepted);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_went_bad_is_refused() {
    for (fault, kind) in [
        (Fault::Untrusted, FailureKind::CertificateUntrusted),
        (Fault::Expired, FailureKind::CertificateExpired),
        (Fault::WrongHost, FailureKind::CertificateWrongHost),
    ] {
        let lab = world(early_path());
        let selector = warm(&lab).await;
        lab.set_fault(address(), fault).unwrap();
        let error = selector.connect().await.unwrap_err();
        let attempt = &error.attempts()[0];
        assert_eq!(failed(&attempt.outcome).phase(), Phase::Tls);
        assert_eq!(failed(&attempt.outcome).kind(), kind);
        assert_eq!(attempt.timings.get(Phase::Tls), None);
        // There is no second attempt, and the early request can't be decrypted by anyone.
        assert_eq!((lab.dials(), early(&lab), upgraded(&lab)), (2, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn too_early_is_asked_again_without() {
    let lab = world(early_path().with_fault(Fault::TooEarly));
    let selector = warm(&lab).await;
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), EarlyData::Rejected);
    assert_eq!(connection.time_to_open(), (2 + 3) * RTT);
    assert_eq!(phases(&connection), [Some(RTT); 3]);
    echo(&mut connection, "hello").await;
    assert_eq!((lab.dials(), lab.open(), early(&lab)), (3, 1, 1));
    end(&lab, connection).await;
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), EarlyData::NotSent);
    assert_eq!(connection.time_to_open(), 3 * RTT);
    assert_eq!((lab.dials(), early(&lab)), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn too_early_without_early_data_is_a_failure() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    lab.set_path(early_path().with_status(425)).unwrap();
    let error = selector.connect().await.unwrap_err();
    let failure = failed(&error.attempts()[0].outcome);
    assert_eq!(
        (failure.phase(), failure.kind(), failure.status()),
        (Phase::Upgrade, FailureKind::Rejected, Some(425))
    );
    assert_eq!((lab.dials(), lab.open()), (3, 0));
}

/// RFC 8446 §D.3: a client must fail this handshake, and may retry without early data.
#[tokio::test(start_paused = true)]
async fn a_server_that_went_back_to_tls_1_2_is_asked_again_without() {
    let lab = world(early_path());
    let selector = warm(&lab).await;
    lab.set_path(path().with_tls(TlsVersion::V1_2)).unwrap();
    let mut connection = selector.connect().await.unwrap();
    assert_eq!(connection.timings().early_data(), EarlyData::Rejected);
    assert_eq!(connection.time_to_open(), (2 + 4) * RTT);
    echo(&mut connection, "hello").await;
    assert_eq!((lab.dials(), lab.open()), (3, 1));
    end(&lab, connection).await;
    lab.set_path(early_path()).unwrap();
    for _ in 0..3 {
        let connection = selector.connect().await.unwrap();
        assert_eq!(connection.timings().early_data(), EarlyData::NotSent);
        end(&lab, connection).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_either_way_is_tried_once_more_and_not_blamed_on_early_data() {
    for (fault, kind) in [
        (Fault::CloseAfterHello, FailureKind::Closed),
        (Fault::ResetOnHello, FailureKind::Reset),
        (Fault::TlsAlert, FailureKind::NoCommonParameters),
    ] {
        let lab = world(early_path());
        let selector = warm(&lab).await;
        lab.set_fault(address(), fault).unwrap();
        let error = selector.connect().await.unwrap_err();
        let failure = failed(&error.attempts()[0].outcome);
        assert_eq!((failure.phase(), failure.kind()), (Phase::Tls, kind));
        assert_eq!((lab.dials(), lab.open()), (3, 0), "{fault:?}");
        lab.set_fault(address(), Fault::None).unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        let mut last = EarlyData::NotSent;
        for _ in 0..3 {
            let connection = selector.connect().await.unwrap();
            last = connection.timings().early_data();
            end(&lab, connection).await;
        }
        assert_eq!(last, EarlyData::Accepted, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_after_an_early_request_are_those_of_the_upgrade() {
    for (fault, kind) in [
        (Fault::BadAccept, FailureKind::BadAccept),
        (Fault::GarbageHttp, FailureKind::NotHttp),
        (Fault::CloseAfterTls, FailureKind::Closed),
        (Fault::CaptivePortal, FailureKind::Rejected),
    ] {
        let lab = world(early_path());
        let selector = warm(&lab).await;
        lab.set_fault(address(), fault).unwrap();
        let error = selector.connect().await.unwrap_err();
        let attempt = &error.attempts()[0];
        let failure = failed(&attempt.outcome);
        assert_eq!((failure.phase(), failure.kind()), (Phase::Upgrade, kind));
        assert_eq!(attempt.timings.early_data(), EarlyData::Accepted);
        assert_eq!(attempt.timings.get(Phase::Tls), Some(RTT));
        assert_eq!((lab.dials(), lab.open()), (2, 0), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline() {
    for (fault, phase, expected) in [
        (Fault::SilentTls, Phase::Tls, EarlyData::Unanswered),
        (Fault::SilentHttp, Phase::Upgrade, EarlyData::Accepted),
    ] {
        let lab = world(early_path());
        let selector = warm(&lab).await;
        lab.set_fault(address(), fault).unwrap();
        let error = selector.connect().await.unwrap_err();
        assert!(error.is_timeout());
        let attempts = error.attempts();
        assert_eq!(attempts[0].timings.early_data(), expected);
        assert_eq!(attempts[0].outcome, AttemptOutcome::Cancelled(phase));
        assert_eq!(lab.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_leaves_nothing_open() {
    for fault in [Fault::None, Fault::TooEarly] {
        for at in (0..240).step_by(10).map(Duration::from_millis) {
            let lab = world(early_path());
            let selector = warm(&lab).await;
            lab.set_fault(address(), fault).unwrap();
            // The timeout drops it, with whatever is under way.
            let _ = tokio::time::timeout(at, selector.connect()).await;
            assert_eq!(lab.open(), 0, "{fault:?} at {at:?}");
            tokio::time::sleep(2 * RTT).await;
            assert_eq!(lab.serving(), 0, "{fault:?} at {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn raced_servers_are_each_asked_early_and_one_stays() {
    let other = IpAddr::from([44, 128, 0, 2]);
    let host = Host::new("im.example")
        .with_address(address())
        .with_address(other);
    let path = early_path().with_address(other).with_jitter(0.2);
    let scenario = Scenario::new(3).with_host(host).with_path(path);
    let lab = Lab::new(scenario).unwrap();
    let selector = builder(&lab).early_data(true).build().unwrap();
    for _ in 0..50 {
        let mut connection = selector.connect().await.unwrap();
        assert_eq!(lab.open(), 1);
        echo(&mut connection, "hello").await;
        drop(connection);
        tokio::time::sleep(20 * RTT).await;
        assert_eq!((lab.open(), lab.serving()), (0, 0));
    }
    assert!(early(&lab) >= 40, "{}", early(&lab));
}

/// On loopback, with tokio-rustls' own server, which reads early data after the handshake.
async fn loopback(server: &Server) -> Selector {
    let port = server.address.port();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    own(&format!("localhost:{port}"), "/ws")
        .dialer(
            Dialer::builder()
                .pin(PinnedHost::new("localhost", port, vec![loopback]))
                .tls(TlsClient::with_roots([server.root.clone()]).unwrap())
                .build()
                .unwrap(),
        )
        .early_data(true)
        .build()
        .unwrap()
}

async fn open_and_echo(selector: &Selector) -> EarlyData {
    let mut connection = selector.connect().await.unwrap();
    echo(&mut connection, "hello").await;
    let timings = connection.timings();
    assert!(timings.total() <= connection.time_to_open());
    // Includes the lookup, if the connection waited for it.
    let waited = usize::from(timings.get(Phase::Resolve).is_some());
    assert_eq!(timings.iter().count(), 3 + waited, "{timings:?}");
    timings.early_data()
}

#[tokio::test]
async fn over_real_sockets_it_is_taken_or_not() {
    let server = Server::start(Behaviour {
        early_data: true,
        ..Behaviour::default()
    })
    .await;
    let selector = loopback(&server).await;
    assert_eq!(open_and_echo(&selector).await, EarlyData::NotSent);
    assert_eq!(open_and_echo(&selector).await, EarlyData::Accepted);
    assert_eq!((server.accepted(), server.early()), (2, 1));
    // The server resumes the session and skips the early data.
    server.take_no_early_data();
    assert_eq!(open_and_echo(&selector).await, EarlyData::Rejected);
    assert_eq!((server.accepted(), server.early()), (3, 1));
    server.idle().await;
}
