//! Sessions, in the simulated network and paused time.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, ConnectOptions, Connection, LossReason, Refusal, Region, Selector,
    SelectorEvent, ServerHint, Session, SessionOptions, SessionState,
};
use easelect_lab::{EventKind, Fault, Host, Lab, Path, Scenario};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

const S: Duration = Duration::from_secs(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

fn path(n: u8) -> Path {
    Path::new(ip(n)).with_rtt(ms(40 + 20 * u64::from(n)))
}

/// Two hosts, and a selector whose clients reconnect within 2 ms.
fn world() -> (Lab, Selector) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..2 {
        let host = Host::new(&format!("h{n}.example")).with_address(ip(n));
        scenario = scenario.with_host(host).with_path(path(n));
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    let lab = Lab::new(scenario).unwrap();
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(1)
        .build()
        .unwrap();
    let hint = ServerHint {
        clients: 1.0,
        rate: 1e3,
    };
    selector.set_server_hint(Some(hint)).unwrap();
    (lab, selector)
}

/// The next connection, and the states before it.
async fn opened(session: &mut Session) -> (Connection, Vec<String>) {
    let mut told = Vec::new();
    loop {
        match session.next().await.unwrap() {
            SessionState::Open(connection) => return (connection, told),
            state => {
                let name = format!("{state:?}");
                let end = name.find(['(', ' ', '{']).unwrap_or(name.len());
                told.push(name[..end].to_owned());
            }
        }
    }
}

async fn lost(session: &mut Session) -> LossReason {
    match session.next().await.unwrap() {
        SessionState::Lost(loss) => loss.reason,
        other => panic!("{other:?}"),
    }
}

/// Reads to the end and returns the number of messages.
async fn read(connection: &mut Connection) -> usize {
    let mut messages = 0;
    while let Some(message) = connection.next().await {
        messages += usize::from(message.is_ok());
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_is_opened_again() {
    let (lab, selector) = world();
    let mut events = selector.events();
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, told) = opened(&mut session).await;
    assert_eq!(told, ["Connecting"]);
    connection.send("hello".into()).await.unwrap();
    let echo = connection.next().await.unwrap().unwrap();
    assert_eq!(echo.to_text().unwrap(), "hello");
    sleep(60 * S).await;
    lab.reset(connection.address().ip());
    read(&mut connection).await;
    let reason = lost(&mut session).await;
    assert!(matches!(reason, LossReason::Broken { .. }), "{reason:?}");
    let (mut connection, told) = opened(&mut session).await;
    assert_eq!(told, ["Waiting", "Connecting"]);
    // Also when the server closes in order, and when the app drops the connection.
    sleep(60 * S).await;
    lab.close(connection.address().ip());
    read(&mut connection).await;
    let reason = lost(&mut session).await;
    assert!(
        matches!(reason, LossReason::Closed { code: None, .. }),
        "{reason:?}"
    );
    let (connection, _) = opened(&mut session).await;
    drop(connection);
    assert_eq!(lost(&mut session).await, LossReason::Dropped);
    drop((session, selector));
    let told: Vec<SelectorEvent> = events.by_ref().collect().await;
    let count = |is: fn(&SelectorEvent) -> bool| told.iter().filter(|one| is(one)).count();
    assert_eq!(count(|one| matches!(one, SelectorEvent::Opened { .. })), 3);
    assert_eq!(count(|one| matches!(one, SelectorEvent::Closed { .. })), 3);
    assert_eq!(count(|one| matches!(one, SelectorEvent::Waiting { .. })), 2);
}

/// TCP alone would notice after minutes.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_noticed_and_a_live_one_left_alone() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    // An hour without a message.
    assert!(timeout(3600 * S, connection.next()).await.is_err());
    assert!(session.next().now_or_never().is_none());
    lab.set_fault(connection.address().ip(), Fault::BlackHole)
        .unwrap();
    let began = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("no data received for 45s"),
        "{error}"
    );
    assert!(began.elapsed() <= 45 * S, "{:?}", began.elapsed());
    assert!(connection.next().await.is_none());
    assert_eq!(lost(&mut session).await, LossReason::Silent);
    let (connection, _) = opened(&mut session).await;
    assert_eq!(connection.endpoint().host(), "h1.example");
}

/// A middlebox that passes the 101 and nothing after it is noticed every time.
#[tokio::test(start_paused = true)]
async fn silence_from_the_beginning_is_silence() {
    let (lab, selector) = world();
    for n in 0..2 {
        lab.set_path(path(n).with_fault(Fault::SilentAfter101))
            .unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    for _ in 0..4 {
        let (mut connection, _) = opened(&mut session).await;
        read(&mut connection).await;
        assert_eq!(lost(&mut session).await, LossReason::Silent);
    }
}

/// A server that accepts and closes causes no tight loop.
#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_closes_is_not_asked_again_and_again() {
    let (lab, selector) = world();
    selector.set_server_hint(None).unwrap();
    for n in 0..2 {
        lab.set_path(path(n).with_fault(Fault::EndAfter101))
            .unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    let began = Instant::now();
    let mut connections = 0;
    while began.elapsed() < 600 * S {
        let (mut connection, _) = opened(&mut session).await;
        read(&mut connection).await;
        lost(&mut session).await;
        connections += 1;
    }
    // In the end uniform in 0 to 60 s: about 20 in ten minutes, and a few more at first.
    assert!((10..60).contains(&connections), "{connections}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_pauses_until_the_app_resumes_or_the_network_changes() {
    for status in [401, 403] {
        let (lab, selector) = world();
        for n in 0..2 {
            lab.set_path(path(n).with_status(status)).unwrap();
        }
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let options = SessionOptions::new().connect_by(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            ConnectOptions::new()
                .header("authorization", "Bearer x")
                .unwrap()
        });
        let mut session = selector.session(options);
        let control = session.control();
        for round in 1..4 {
            assert!(matches!(
                session.next().await,
                Some(SessionState::Connecting)
            ));
            match session.next().await.unwrap() {
                SessionState::Refused(Refusal::Status { status: told, .. }) => {
                    assert_eq!(told, status)
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(asked.load(Ordering::SeqCst), round);
            let dials = lab.dials();
            assert!(
                timeout(3600 * S, session.next()).await.is_err(),
                "it pauses"
            );
            assert_eq!(lab.dials(), dials);
            match round {
                1 => control.resume(),
                2 => selector.network_changed(Some("office")),
                _ => {}
            }
        }
        // A gateway's page is not a refusal of the app.
        for n in 0..2 {
            let page = path(n)
                .with_status(403)
                .with_fields(&["Content-Type: text/html; charset=utf-8"]);
            lab.set_path(page.with_body("<html>Access denied</html>"))
                .unwrap();
        }
        control.resume();
        assert!(matches!(
            session.next().await,
            Some(SessionState::Connecting)
        ));
        let waiting = session.next().await.unwrap();
        assert!(
            matches!(waiting, SessionState::Waiting { error: Some(_), .. }),
            "{waiting:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_of_1008_is_a_refusal_and_of_the_service_s_own_codes_what_the_app_says() {
    let (lab, selector) = world();
    for n in 0..2 {
        lab.set_path(path(n).with_fault(Fault::CloseFrameAfter101))
            .unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    read(&mut connection).await;
    match session.next().await.unwrap() {
        SessionState::Refused(Refusal::Close { code: 1008, reason }) => {
            assert_eq!(reason, "go away")
        }
        other => panic!("{other:?}"),
    }
    assert!(timeout(3600 * S, session.next()).await.is_err());
}

/// When the old network is gone, the session doesn't wait for the ping timeout. A connection that
/// survives the move stays.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_network_is_gone_ends_soon() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    selector.network_changed(Some("vpn"));
    assert!(
        timeout(60 * S, connection.next()).await.is_err(),
        "it survives"
    );
    let before = connection.address().ip();
    lab.set_fault(before, Fault::BlackHole).unwrap();
    selector.network_changed(Some("office"));
    let began = Instant::now();
    read(&mut connection).await;
    assert!(began.elapsed() <= 3 * S, "{:?}", began.elapsed());
    assert_eq!(lost(&mut session).await, LossReason::NetworkGone);
    let (connection, told) = opened(&mut session).await;
    assert_eq!(told, ["Connecting"], "no waiting on a new network");
    assert!(began.elapsed() <= 4 * S, "{:?}", began.elapsed());
    assert_ne!(connection.address().ip(), before);
}

#[tokio::test(start_paused = true)]
async fn an_app_in_a_hurry_waits_no_longer_than_it_must() {
    let (lab, selector) = world();
    let crowd = ServerHint {
        clients: 1e6,
        rate: 1e3,
    };
    selector.set_server_hint(Some(crowd)).unwrap();
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::Refuse).unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    let mut failed = async || loop {
        if let Some(SessionState::Waiting { .. }) = session.next().await {
            return;
        }
    };
    failed().await;
    let began = Instant::now();
    let hurries = async {
        sleep(ms(300)).await;
        for _ in 0..100 {
            control.hurry();
            sleep(ms(10)).await;
        }
    };
    tokio::join!(failed(), hurries);
    let took = began.elapsed();
    assert!((S..2 * S).contains(&took), "{took:?}");
    // `Retry-After` comes first.
    for n in 0..2 {
        let busy = path(n).with_fault(Fault::None).with_status(503);
        lab.set_path(busy.with_retry_after(120 * S)).unwrap();
    }
    control.hurry();
    failed().await;
    let began = Instant::now();
    let hurries = async {
        sleep(ms(300)).await;
        control.hurry();
    };
    tokio::join!(failed(), hurries);
    let took = began.elapsed();
    assert!((119 * S..125 * S).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_at_rest_pings_rarely_and_stays_closed() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    let (mut connection, _) = opened(&mut session).await;
    control.rest();
    // The session limits the pace.
    let at_rest = async |session: &mut Session, connection: &mut Connection| {
        let began = Instant::now();
        tokio::select! {
            state = session.next() => panic!("{state:?}"),
            _ = read(connection) => began.elapsed(),
            () = sleep(3600 * S) => began.elapsed(),
        }
    };
    assert_eq!(at_rest(&mut session, &mut connection).await, 3600 * S);
    tokio::select! {
        _ = read(&mut connection) => panic!("it ended"),
        () = sleep(100 * S) => {}
    }
    lab.set_fault(connection.address().ip(), Fault::BlackHole)
        .unwrap();
    let took = at_rest(&mut session, &mut connection).await;
    assert!((60 * S..=260 * S).contains(&took), "{took:?}");
    assert_eq!(lost(&mut session).await, LossReason::Silent);
    assert!(matches!(session.next().await, Some(SessionState::Resting)));
    let dials = lab.dials();
    assert!(timeout(3600 * S, session.next()).await.is_err());
    assert_eq!(lab.dials(), dials);
    control.hurry();
    opened(&mut session).await;
}

/// Also between two polls of the session.
#[tokio::test(start_paused = true)]
async fn a_wish_counts_from_the_state_on_that_it_answers() {
    let (lab, selector) = world();
    let crowd = ServerHint {
        clients: 1e6,
        rate: 1e3,
    };
    selector.set_server_hint(Some(crowd)).unwrap();
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    let (mut connection, _) = opened(&mut session).await;
    // A past hurry doesn't affect later waits.
    control.hurry();
    sleep(60 * S).await;
    lab.reset(connection.address().ip());
    read(&mut connection).await;
    lost(&mut session).await;
    let Some(SessionState::Waiting { until, .. }) = session.next().await else {
        panic!()
    };
    assert!(until > Instant::now() + 10 * S);
    control.hurry();
    let began = Instant::now();
    opened(&mut session).await;
    assert!(began.elapsed() < 2 * S, "{:?}", began.elapsed());
    // Resting takes effect without a poll of the session.
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    session.control().rest();
    sleep(ms(100)).await;
    lab.set_fault(connection.address().ip(), Fault::BlackHole)
        .unwrap();
    let began = Instant::now();
    read(&mut connection).await;
    assert!(began.elapsed() > 200 * S, "{:?}", began.elapsed());
    // Refused, and resumed before the next poll.
    for n in 0..2 {
        lab.set_path(path(n).with_fault(Fault::None).with_status(401))
            .unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    session.next().await.unwrap();
    assert!(matches!(
        session.next().await,
        Some(SessionState::Refused(_))
    ));
    control.resume();
    assert!(matches!(
        session.next().await,
        Some(SessionState::Connecting)
    ));
}

/// The writing half of a split connection fills the line; the ping must not take its wake-up.
#[tokio::test(start_paused = true)]
async fn a_writer_of_its_own_is_woken() {
    let (lab, selector) = world();
    for n in 0..2 {
        lab.set_path(path(n).with_bandwidth_kbps(64)).unwrap();
    }
    let options = SessionOptions::new().ping_interval(S).ping_timeout(40 * S);
    let mut session = selector.session(options);
    let (connection, _) = opened(&mut session).await;
    let (mut sink, mut stream) = connection.split();
    let writes = tokio::spawn(async move {
        for _ in 0..4 {
            sink.send(Message::binary(vec![7; 300 * 1024]))
                .await
                .unwrap();
        }
        sink
    });
    let mut echoed = 0;
    while echoed < 4 {
        let message = timeout(900 * S, stream.next()).await.expect("it goes on");
        echoed += usize::from(message.unwrap().unwrap().is_binary());
    }
    drop(writes.await.unwrap());
}

/// The bytes of a large message on a slow line are signs of life.
#[tokio::test(start_paused = true)]
async fn a_large_message_is_no_silence() {
    let (lab, selector) = world();
    for n in 0..2 {
        lab.set_path(path(n).with_bandwidth_kbps(64)).unwrap();
    }
    let options = SessionOptions::new()
        .ping_interval(5 * S)
        .ping_timeout(40 * S);
    let mut session = selector.session(options);
    let (mut connection, _) = opened(&mut session).await;
    // 128 s in each direction.
    let large = Message::binary(vec![7; 1024 * 1024]);
    connection.send(large).await.unwrap();
    let echo = timeout(600 * S, connection.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(echo.len(), 1024 * 1024);
}

#[tokio::test(start_paused = true)]
async fn many_sessions_share_what_is_learned_and_nothing_else() {
    let (lab, selector) = world();
    let mut sessions: Vec<Session> = (0..20)
        .map(|_| selector.session(SessionOptions::new()))
        .collect();
    let mut connections = Vec::new();
    for session in &mut sessions {
        connections.push(opened(session).await.0);
    }
    let pings = |lab: &Lab| {
        let upgraded =
            |event: &easelect_lab::Event| matches!(event.kind, EventKind::Upgraded { .. });
        lab.events().iter().filter(|event| upgraded(event)).count()
    };
    assert_eq!(pings(&lab), 20);
    // A refusal of one session doesn't stop the others.
    drop(connections.pop());
    let last = sessions.last_mut().unwrap();
    assert_eq!(lost(last).await, LossReason::Dropped);
    for session in &mut sessions[..19] {
        assert!(session.next().now_or_never().is_none());
    }
}

/// A server that answers a login but then goes silent is a dead connection, not a server without pongs.
#[tokio::test(start_paused = true)]
async fn losses_one_after_another_are_all_noticed() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    for _ in 0..4 {
        let (mut connection, _) = opened(&mut session).await;
        connection.send("login".into()).await.unwrap();
        connection.next().await.unwrap().unwrap();
        let at = connection.address().ip();
        lab.set_fault(at, Fault::BlackHole).unwrap();
        let ended = timeout(60 * S, read(&mut connection)).await;
        assert!(ended.is_ok(), "it is noticed");
        lab.set_fault(at, Fault::None).unwrap();
        assert_eq!(lost(&mut session).await, LossReason::Silent);
    }
}

/// A move that the connection survived doesn't affect its loss a day later.
#[tokio::test(start_paused = true)]
async fn a_move_that_was_survived_ends_no_back_off() {
    let (lab, selector) = world();
    let crowd = ServerHint {
        clients: 1e6,
        rate: 1e3,
    };
    selector.set_server_hint(Some(crowd)).unwrap();
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    selector.network_changed(Some("vpn"));
    assert!(timeout(24 * 3600 * S, connection.next()).await.is_err());
    lab.close(connection.address().ip());
    read(&mut connection).await;
    let (_, told) = opened(&mut session).await;
    assert_eq!(told, ["Lost", "Waiting", "Connecting"]);
}

/// Even in a hurry `Retry-After` is respected, and attempts stay a second apart.
#[tokio::test(start_paused = true)]
async fn a_hurry_out_of_rest_hammers_nobody() {
    for (fault, status, most) in [(Fault::EndAfter101, None, 61), (Fault::None, Some(503), 2)] {
        let (lab, selector) = world();
        for n in 0..2 {
            let path = path(n).with_fault(fault);
            lab.set_path(match status {
                Some(status) => path.with_status(status).with_retry_after(120 * S),
                None => path,
            })
            .unwrap();
        }
        let mut session = selector.session(SessionOptions::new());
        let control = session.control();
        let (began, mut attempts) = (Instant::now(), 0);
        let hammers = async {
            loop {
                control.rest();
                sleep(ms(5)).await;
                control.hurry();
                control.resume();
                sleep(ms(5)).await;
            }
        };
        let goes_on = async {
            loop {
                match session.next().await.unwrap() {
                    SessionState::Connecting => attempts += 1,
                    SessionState::Open(mut connection) => _ = read(&mut connection).await,
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = hammers => {}
            () = goes_on => {}
            () = tokio::time::sleep_until(began + 60 * S) => {}
        }
        assert!(attempts <= most, "{attempts}");
    }
}

/// A logout doesn't count against the server, whichever side sends the last Close frame.
#[tokio::test(start_paused = true)]
async fn what_the_app_closes_is_nobody_s_fault() {
    let (_lab, selector) = world();
    let options = SessionOptions::new().refuses(|code| code == 1000);
    let mut session = selector.session(options);
    for _ in 0..3 {
        let (mut connection, _) = opened(&mut session).await;
        let best = selector.best();
        connection.close().await.unwrap();
        read(&mut connection).await;
        assert_eq!(lost(&mut session).await, LossReason::Dropped);
        assert_eq!(selector.best(), best);
    }
    assert_eq!(selector.stats().lost, 0);
}

/// A refusal is reported whatever the other attempts did.
#[tokio::test(start_paused = true)]
async fn a_refusal_by_one_is_a_refusal() {
    for other in [
        path(1).with_status(503),
        path(1).with_fault(Fault::BlackHole),
        path(1)
            .with_status(403)
            .with_fields(&["Content-Type: text/html"]),
    ] {
        let (lab, selector) = world();
        lab.set_path(path(0).with_status(401)).unwrap();
        lab.set_path(other).unwrap();
        let mut session = selector.session(SessionOptions::new());
        session.next().await.unwrap();
        match session.next().await.unwrap() {
            SessionState::Refused(Refusal::Status { status, .. }) => assert_eq!(status, 401),
            other => panic!("{other:?}"),
        }
    }
}

/// A resting session opens nothing, whatever its previous state.
#[tokio::test(start_paused = true)]
async fn rest_ends_waiting_and_refusals_too() {
    let (lab, selector) = world();
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::Refuse).unwrap();
    }
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    session.next().await.unwrap();
    assert!(matches!(
        session.next().await,
        Some(SessionState::Waiting { .. })
    ));
    control.rest();
    assert!(matches!(session.next().await, Some(SessionState::Resting)));
    let dials = lab.dials();
    selector.network_changed(Some("office"));
    assert!(timeout(3600 * S, session.next()).await.is_err());
    assert_eq!(lab.dials(), dials);
}

/// A failed send counts as a loss even before the app reads.
#[tokio::test(start_paused = true)]
async fn a_connection_that_can_not_be_written_was_lost() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    let (mut connection, _) = opened(&mut session).await;
    lab.reset(connection.address().ip());
    sleep(S).await;
    while connection.send("hello".into()).await.is_ok() {}
    drop(connection);
    let reason = lost(&mut session).await;
    assert!(matches!(reason, LossReason::Broken { .. }), "{reason:?}");
    assert_eq!(selector.stats().lost, 1);
}

/// The app comes to the foreground with a connection that died meanwhile.
#[tokio::test(start_paused = true)]
async fn a_hurry_asks_an_open_connection_whether_it_lives() {
    let (lab, selector) = world();
    let mut session = selector.session(SessionOptions::new());
    let control = session.control();
    let (mut connection, _) = opened(&mut session).await;
    control.hurry();
    assert!(
        timeout(10 * S, connection.next()).await.is_err(),
        "it lives"
    );
    lab.set_fault(connection.address().ip(), Fault::BlackHole)
        .unwrap();
    control.hurry();
    let began = Instant::now();
    read(&mut connection).await;
    assert!(began.elapsed() <= 15 * S, "{:?}", began.elapsed());
    assert_eq!(lost(&mut session).await, LossReason::Silent);
}
