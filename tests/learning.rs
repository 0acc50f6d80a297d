//! What a selector learns, stores and reports, in the simulated network and paused time.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use easelect::{
    Candidate, Catalog, CatalogFormat, CloseReason, ConnectOptions, DialOutcome, Error, ErrorKind,
    Expectation, FileHistory, History, HistoryStore, Reconnector, RefreshBudget, Region, Selector,
    SelectorBuilder, SelectorEvent, ServerHint, Standing,
};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

/// Hosts h0.example … in their own region, with one address each.
fn world(rtts: &[u64]) -> (Lab, Catalog) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for (n, rtt) in rtts.iter().enumerate() {
        let address = ip(u8::try_from(n).unwrap());
        scenario = scenario
            .with_host(
                Host::new(&format!("h{n}.example"))
                    .with_address(address)
                    .with_dns_delay(ms(20)),
            )
            .with_path(Path::new(address).with_rtt(ms(*rtt)));
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

fn builder(lab: &Lab, catalog: &Catalog) -> SelectorBuilder {
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.clone())
        .dialer(lab.dialer().build().unwrap())
        .seed(1)
}

/// All candidates, in order.
async fn candidates(selector: &Selector) -> Vec<Candidate> {
    selector.candidates().try_collect().await.unwrap()
}

/// A temporary folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.json")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_survives_a_restart() {
    let folder = Folder::new("restart");
    let (lab, catalog) = world(&[200, 40, 120]);
    let store = Arc::new(FileHistory::new(folder.file()));
    let first = builder(&lab, &catalog)
        .history(Arc::clone(&store))
        .build()
        .unwrap();
    for _ in 0..5 {
        first.connect().await.unwrap();
    }
    first.shutdown().await.unwrap();
    drop(first);
    let second = builder(&lab, &catalog).history(store).build().unwrap();
    assert_eq!(second.best().unwrap().host(), "h1.example");
    // Warm at once: the remembered address is dialled before DNS has answered.
    assert_eq!(second.connect().await.unwrap().time_to_open(), ms(120));
    // No partial file remains.
    second.shutdown().await.unwrap();
    assert_eq!(folder.names(), ["history.json", "history.json.lock"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_history_never_fails_a_connection() {
    let (lab, catalog) = world(&[40, 60]);
    for bad in [
        "",
        "{",
        "[]",
        "{\"schema\": 1}",
        "{\"schema\": \"x\"}",
        "\u{0}\u{0}",
        "{\"schema\":1,\"networks\":[{\"id\":1}]}",
    ] {
        let folder = Folder::new("bad");
        fs::write(folder.file(), bad).unwrap();
        let store = Arc::new(FileHistory::new(folder.file()));
        let selector = builder(&lab, &catalog)
            .history(store.clone())
            .build()
            .unwrap();
        selector.connect().await.unwrap();
        selector.shutdown().await.unwrap();
        assert!(store.load().unwrap().is_some(), "{bad:?}");
        assert!(
            folder.names().contains(&"history.json.corrupt".to_owned()),
            "{bad:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_history_is_left_alone() {
    let folder = Folder::new("newer");
    let newer = "{\"schema\": 99, \"something\": \"else\"}";
    fs::write(folder.file(), newer).unwrap();
    let store = Arc::new(FileHistory::new(folder.file()));
    assert_eq!(store.load().unwrap_err().kind(), ErrorKind::NewerHistory);
    let (lab, catalog) = world(&[40]);
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    selector.connect().await.unwrap();
    let told = selector.shutdown().await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::NewerHistory);
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), newer);
}

#[tokio::test(start_paused = true)]
async fn an_unwritable_place_costs_the_memory_only() {
    let (lab, catalog) = world(&[40]);
    let store =
        FileHistory::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no/such/folder/x"));
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    selector.connect().await.unwrap();
    assert_eq!(
        selector.shutdown().await.unwrap_err().kind(),
        ErrorKind::History
    );
}

#[tokio::test(start_paused = true)]
async fn a_history_cut_anywhere_never_panics() {
    let folder = Folder::new("cut");
    let (lab, catalog) = world(&[40, 60]);
    let store = Arc::new(FileHistory::new(folder.file()));
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    selector.connect().await.unwrap();
    selector.shutdown().await.unwrap();
    let whole = fs::read_to_string(folder.file()).unwrap();
    assert!(History::from_json(&whole).is_ok());
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        assert!(History::from_json(&whole[..cut]).is_err(), "{cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_writers_keep_what_both_learned() {
    let folder = Folder::new("merge");
    let (lab, catalog) = world(&[40, 60]);
    let store = Arc::new(FileHistory::new(folder.file()));
    let selectors = ["home", "office"].map(|network| {
        builder(&lab, &catalog)
            .history(Arc::clone(&store))
            .network(network)
            .build()
            .unwrap()
    });
    for selector in &selectors {
        selector.connect().await.unwrap();
        selector.shutdown().await.unwrap();
    }
    let kept = store.load().unwrap().unwrap().to_json().unwrap();
    assert!(
        kept.contains("\"home\"") && kept.contains("\"office\""),
        "{kept}"
    );
}

#[tokio::test(start_paused = true)]
async fn of_many_networks_the_latest_are_remembered() {
    let (lab, catalog) = world(&[40, 200]);
    let selector = builder(&lab, &catalog).build().unwrap();
    let best_on = |network: usize| {
        selector.network_changed(Some(&network.to_string()));
        selector.best()
    };
    for network in 0..=32 {
        assert_eq!(best_on(network), None);
        selector.connect().await.unwrap();
    }
    assert_eq!(best_on(0), None);
    assert!(best_on(1).is_some() && best_on(32).is_some());
}

#[tokio::test(start_paused = true)]
async fn each_network_has_a_memory_of_its_own() {
    let (lab, catalog) = world(&[40, 200]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    let mut events = selector.events();
    for _ in 0..3 {
        selector.connect().await.unwrap();
    }
    assert_eq!(selector.best().unwrap().host(), "h0.example");
    selector.network_changed(Some("office"));
    assert_eq!(
        (selector.best(), selector.network().as_str()),
        (None, "office")
    );
    lab.set_fault(ip(0), Fault::BlackHole).unwrap();
    for _ in 0..3 {
        selector.connect().await.unwrap();
    }
    assert_eq!(selector.best().unwrap().host(), "h1.example");
    selector.network_changed(Some("home"));
    assert_eq!(selector.best().unwrap().host(), "h0.example");
    let mut seen = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        seen.push(event);
    }
    let networks = seen
        .iter()
        .filter(|one| matches!(one, SelectorEvent::NetworkChanged { .. }));
    assert_eq!(networks.count(), 2);
    assert!(
        matches!(&seen[0], SelectorEvent::PreferenceChanged { from: None, to } if to.host() == "h0.example")
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_race_showed_is_not_learned_of_the_network_moved_to() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    let moves = async {
        tokio::time::sleep(ms(10)).await;
        selector.network_changed(Some("office"));
    };
    let (connection, ()) = tokio::join!(selector.connect(), moves);
    connection.unwrap();
    // The race restarted there.
    assert!(selector.best().is_some());
    selector.network_changed(Some("home"));
    assert_eq!((selector.best(), selector.expectations().len()), (None, 0));
}

/// Measurements during a move may belong to either network, or to neither.
#[tokio::test(start_paused = true)]
async fn who_went_and_came_back_has_moved() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog)
        .network("home")
        .refresh(RefreshBudget::NONE)
        .build()
        .unwrap();
    let there_and_back = || {
        selector.network_changed(Some("office"));
        selector.network_changed(Some("home"));
    };
    // Both refuse before the move, neither after it.
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::Refuse).unwrap();
    }
    let moves = async {
        tokio::time::sleep(ms(70)).await;
        there_and_back();
        for n in 0..2 {
            lab.set_fault(ip(n), Fault::None).unwrap();
        }
    };
    let (connection, ()) = tokio::join!(selector.connect(), moves);
    assert_eq!(connection.unwrap().endpoint().host(), "h0.example");
    let shown = selector.expectations();
    let refused = |one: &&Expectation| one.standing == Standing::BreakerOpen;
    assert_eq!(shown.iter().filter(refused).count(), 0, "{shown:?}");
    let connection = selector.connect().await.unwrap();
    there_and_back();
    let before = selector.expectations();
    connection.feedback().report_rtt(ms(400));
    connection.feedback().closed(CloseReason::Lost);
    assert_eq!(selector.expectations(), before);
}

#[tokio::test(start_paused = true)]
async fn breakers_are_told_and_a_failing_favourite_is_left() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog).build().unwrap();
    for _ in 0..5 {
        selector.connect().await.unwrap();
    }
    let mut events = selector.events();
    lab.set_fault(ip(0), Fault::Expired).unwrap();
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.endpoint().host(), "h1.example");
    assert_eq!(selector.best().unwrap().host(), "h1.example");
    assert!(
        matches!(events.next().await, Some(SelectorEvent::BreakerOpened { address, .. }) if address.ip() == ip(0))
    );
    // While the breaker is open, it isn't dialled.
    let dials = lab.dials();
    let again = selector.connect().await.unwrap();
    assert_eq!(again.attempts().len(), 1);
    assert_eq!(lab.dials() - dials, 1);
}

/// For example an expired token: every host refuses it, and none is penalised.
#[tokio::test(start_paused = true)]
async fn who_refuses_the_apps_credentials_is_no_worse_for_it() {
    for status in [401, 403] {
        let (lab, catalog) = world(&[40, 60, 80, 100]);
        let selector = builder(&lab, &catalog).build().unwrap();
        for _ in 0..5 {
            selector.connect().await.unwrap();
        }
        let chances = || {
            let shown = selector.expectations();
            let mut chances: Vec<_> = (shown.iter())
                .map(|one| {
                    let open = one.standing == Standing::BreakerOpen;
                    (one.address, one.failure_probability, open)
                })
                .collect();
            chances.sort_by_key(|one| one.0);
            chances
        };
        let (best, before) = (selector.best(), chances());
        let mut events = selector.events();
        for n in 0..4 {
            let path = Path::new(ip(n)).with_rtt(ms(40 + 20 * u64::from(n)));
            lab.set_path(path.with_status(status)).unwrap();
        }
        for _ in 0..3 {
            let error = selector.connect().await.unwrap_err();
            assert_eq!(error.status(), Some(status));
        }
        while let Some(Some(event)) = events.next().now_or_never() {
            let opened = matches!(event, SelectorEvent::BreakerOpened { .. });
            assert!(!opened, "{event:?}");
        }
        assert_eq!(selector.best(), best, "{status}");
        for (one, was) in chances().iter().zip(&before) {
            // Earlier failures fade meanwhile.
            assert!(
                one.0 == was.0 && one.1 <= was.1 + 1e-3 && !one.2,
                "{one:?} {was:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reconnecting_waits_at_random_and_a_new_network_does_not() {
    let (lab, catalog) = world(&[40]);
    let mut delays = Vec::new();
    for seed in 0..20 {
        let selector = builder(&lab, &catalog).seed(seed).build().unwrap();
        let mut reconnector = selector.reconnector();
        // The time until the connection is open again, after it was open for a minute.
        let mut reopened = async || {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let started = Instant::now();
            reconnector.connect(&ConnectOptions::new()).await.unwrap();
            started.elapsed()
        };
        assert!(reopened().await < ms(200), "the first time");
        delays.push(reopened().await);
        selector.network_changed(Some("other"));
        assert!(reopened().await < ms(200), "on another network");
        let hint = ServerHint {
            clients: 1e6,
            rate: 1e4,
        };
        selector.set_server_hint(Some(hint)).unwrap();
        // Spread over 1.6 × clients / rate: 160 s.
        delays.push(reopened().await / 16);
    }
    assert!(
        delays
            .iter()
            .all(|delay| *delay <= Duration::from_millis(10_200))
    );
    let mean = delays.iter().sum::<Duration>() / 40;
    assert!((ms(3_000)..ms(7_000)).contains(&mean), "{mean:?}");
}

/// The usual order on a phone: the connection is lost, then the system reports the new network.
#[tokio::test(start_paused = true)]
async fn a_new_network_ends_the_wait_for_the_old_server() {
    let (lab, catalog) = world(&[40]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    let (mut reconnector, options) = (selector.reconnector(), ConnectOptions::new());
    reconnector.connect(&options).await.unwrap();
    let hint = ServerHint {
        clients: 1e6,
        rate: 1e3,
    };
    selector.set_server_hint(Some(hint)).unwrap();
    let started = Instant::now();
    let moves = async {
        tokio::time::sleep(ms(10)).await;
        selector.network_changed(Some("office"));
    };
    let (connection, ()) = tokio::join!(reconnector.connect(&options), moves);
    connection.unwrap();
    assert!(started.elapsed() < ms(300), "{:?}", started.elapsed());
}

/// Old failures cause no wait, and a server that accepts and closes is not contacted again at once.
#[tokio::test(start_paused = true)]
async fn a_connection_that_lived_for_a_minute_ends_the_back_off() {
    let (lab, catalog) = world(&[40]);
    let mut waited = [Duration::ZERO; 2];
    for seed in 0..20 {
        for (lives, waited) in [Duration::from_secs(60), ms(59_900)]
            .iter()
            .zip(&mut waited)
        {
            let selector = builder(&lab, &catalog).seed(seed).build().unwrap();
            let (mut reconnector, options) = (selector.reconnector(), ConnectOptions::new());
            lab.set_fault(ip(0), Fault::Refuse).unwrap();
            for _ in 0..6 {
                reconnector.connect(&options).await.unwrap_err();
            }
            lab.set_fault(ip(0), Fault::None).unwrap();
            reconnector.connect(&options).await.unwrap();
            tokio::time::sleep(*lives).await;
            let started = Instant::now();
            reconnector.connect(&options).await.unwrap();
            *waited += started.elapsed();
        }
    }
    let [after_a_minute, sooner] = waited.map(|all| all / 20);
    assert!(
        (ms(2_500)..ms(7_500)).contains(&after_a_minute),
        "{after_a_minute:?}"
    );
    assert!((ms(20_000)..ms(40_000)).contains(&sooner), "{sooner:?}");
}

/// What is learned is shared, but each connection has its own backoff: 20 of them, each refused once.
#[tokio::test(start_paused = true)]
async fn each_connection_has_a_back_off_of_its_own() {
    let (lab, catalog) = world(&[40]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    let options = ConnectOptions::new();
    let mut reconnectors: Vec<_> = (0..20).map(|_| selector.reconnector()).collect();
    lab.set_fault(ip(0), Fault::Refuse).unwrap();
    for one in &mut reconnectors {
        one.connect(&options).await.unwrap_err();
    }
    lab.set_fault(ip(0), Fault::None).unwrap();
    let reopened = async |reconnectors: &mut Vec<Reconnector>| {
        let all = reconnectors.iter_mut().map(|one| async {
            let started = Instant::now();
            one.connect(&options).await.unwrap();
            started.elapsed()
        });
        futures::future::join_all(all).await
    };
    // Uniform in 0 to 4 s, each.
    for took in reopened(&mut reconnectors).await {
        assert!(took < ms(4_200), "{took:?}");
    }
    // A move ends all waits.
    selector.network_changed(Some("office"));
    for took in reopened(&mut reconnectors).await {
        assert!(took < ms(300), "{took:?}");
    }
}

/// Reporting the same network again changes nothing, and a move during a race restarts it.
#[tokio::test(start_paused = true)]
async fn a_race_follows_the_device_to_another_network() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::BlackHole).unwrap();
    }
    let started = Instant::now();
    let moves = async {
        tokio::time::sleep(ms(500)).await;
        let dials = lab.dials();
        for _ in 0..30 {
            selector.network_changed(Some("home"));
            tokio::time::sleep(ms(1)).await;
        }
        assert_eq!(lab.dials(), dials);
        for n in 0..2 {
            lab.set_path(Path::new(ip(n)).with_rtt(ms(40))).unwrap();
        }
        selector.network_changed(Some("office"));
    };
    let (connection, ()) = tokio::join!(selector.connect(), moves);
    let connection = connection.unwrap();
    assert!(
        connection.time_to_open() < ms(800),
        "{:?}",
        connection.time_to_open()
    );
    assert!(started.elapsed() < ms(800));
    // A network that keeps changing doesn't extend a call for ever.
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::BlackHole).unwrap();
    }
    let started = Instant::now();
    let flaps = async {
        for n in 0.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            selector.network_changed(Some(["home", "office"][n % 2]));
        }
    };
    let lost = tokio::select! {
        lost = selector.connect() => lost,
        () = flaps => return,
    };
    lost.unwrap_err();
    assert!(
        started.elapsed() <= Duration::from_secs(31),
        "{:?}",
        started.elapsed()
    );
}

/// Trouble of the device itself leaves no trace: when it is over, everything is as before.
#[tokio::test(start_paused = true)]
async fn a_device_without_a_network_bars_nobody() {
    let (lab, catalog) = world(&[40, 60, 80]);
    let selector = builder(&lab, &catalog).network("home").build().unwrap();
    selector.connect().await.unwrap();
    for n in 0..3 {
        lab.set_fault(ip(n), Fault::Unreachable).unwrap();
    }
    for _ in 0..9 {
        selector.connect().await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    for n in 0..3 {
        lab.set_fault(ip(n), Fault::None).unwrap();
    }
    selector.connect().await.unwrap();
    let open = |one: &&Expectation| one.standing == Standing::BreakerOpen;
    assert_eq!(selector.expectations().iter().filter(open).count(), 0);
}

/// Connections don't fail because of it. It is reported: at build to the first listener, later to all.
#[tokio::test(start_paused = true)]
async fn a_history_that_can_not_be_kept_is_told() {
    let folder = Folder::new("not-kept");
    let (lab, catalog) = world(&[40]);
    let missing = folder.0.join("missing").join("history.json");
    let store = FileHistory::new(&missing);
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    let mut events = selector.events();
    let told = |event: Option<Option<SelectorEvent>>| match event {
        Some(Some(SelectorEvent::HistoryNotKept { why })) => why,
        other => panic!("{other:?}"),
    };
    let why = told(events.next().now_or_never());
    assert!(why.contains("folder does not exist"), "{why}");
    assert!(
        selector.events().next().now_or_never().is_none(),
        "told once"
    );
    selector.connect().await.unwrap();
    assert!(selector.shutdown().await.unwrap_err().is_history());
    let mut later = selector.events();
    selector.connect().await.unwrap();
    selector.shutdown().await.unwrap_err();
    let mut seen = Vec::new();
    while let Some(Some(event)) = later.next().now_or_never() {
        seen.push(event);
    }
    assert!(
        seen.iter()
            .any(|one| matches!(one, SelectorEvent::HistoryNotKept { .. })),
        "{seen:?}"
    );
    // The folder exists now: nothing was lost.
    fs::create_dir(missing.parent().unwrap()).unwrap();
    selector.shutdown().await.unwrap();
    let kept = FileHistory::new(&missing).load().unwrap().unwrap();
    assert!(kept.to_json().unwrap().contains("h0.example"));
    // A history that can't be read is reported.
    fs::write(&missing, "no history").unwrap();
    let store = FileHistory::new(&missing);
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    let first = selector.events().next().now_or_never();
    assert!(
        matches!(first, Some(Some(SelectorEvent::HistoryNotRead { .. }))),
        "{first:?}"
    );
}

/// What a heartbeat taught is stored even if no further connection opens.
#[tokio::test(start_paused = true)]
async fn what_feedback_taught_is_kept() {
    let folder = Folder::new("feedback");
    let (lab, catalog) = world(&[40]);
    let store = Arc::new(FileHistory::new(folder.file()));
    let selector = builder(&lab, &catalog).history(store).build().unwrap();
    let connection = selector.connect().await.unwrap();
    selector.shutdown().await.unwrap();
    let before = fs::read_to_string(folder.file()).unwrap();
    connection.feedback().report_rtt(ms(400));
    selector.shutdown().await.unwrap();
    assert_ne!(fs::read_to_string(folder.file()).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_teaches_without_probes() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog)
        .refresh(RefreshBudget::NONE)
        .build()
        .unwrap();
    let mut connection = selector.connect().await.unwrap();
    for _ in 0..4 {
        connection = selector.connect().await.unwrap();
    }
    assert_eq!(connection.endpoint().host(), "h0.example");
    // The path becomes slower during the connection, as its heartbeat shows.
    lab.set_rtt(ip(0), ms(400)).unwrap();
    let feedback = connection.feedback();
    for _ in 0..20 {
        feedback.report_rtt(ms(400));
    }
    selector.connect().await.unwrap();
    assert_eq!(selector.best().unwrap().host(), "h1.example");
    // A connection that breaks at once counts as a failure.
    let connection = selector.connect().await.unwrap();
    let broken = connection.endpoint().clone();
    connection.feedback().closed(CloseReason::Lost);
    let next = selector.connect().await.unwrap();
    assert_ne!(*next.endpoint(), broken);
}

/// The preference, its event and the ranking follow heartbeats automatically, without another call.
#[tokio::test(start_paused = true)]
async fn heartbeats_alone_change_who_is_best() {
    let (lab, catalog) = world(&[40, 60]);
    let selector = builder(&lab, &catalog)
        .refresh(RefreshBudget::NONE)
        .build()
        .unwrap();
    // Both have opened.
    for candidate in candidates(&selector).await {
        selector.report(&candidate, DialOutcome::Opened, ms(200));
    }
    let connection = loop {
        let connection = selector.connect().await.unwrap();
        if connection.endpoint().host() == "h0.example"
            && selector.best().unwrap().host() == "h0.example"
        {
            break connection;
        }
    };
    let mut events = selector.events();
    let round_trip = || selector.expectations()[0].round_trip;
    let before = round_trip();
    connection.feedback().report_rtt(ms(80));
    assert!(round_trip() > before);
    for _ in 0..20 {
        connection.feedback().report_rtt(ms(400));
    }
    assert_eq!(selector.best().unwrap().host(), "h1.example");
    assert!(
        matches!(events.next().now_or_never(), Some(Some(SelectorEvent::PreferenceChanged { to, .. })) if to.host() == "h1.example")
    );
}

#[tokio::test(start_paused = true)]
async fn background_traffic_keeps_to_its_budget() {
    let rtts: Vec<u64> = (0..12).map(|n| 40 + 2 * n).collect();
    let (lab, catalog) = world(&rtts);
    for (budget, most) in [(0, 0), (2, 2), (3, 3)] {
        let folder = Folder::new("budget");
        let store = Arc::new(FileHistory::new(folder.file()));
        // Only addresses known from a stored history are checked.
        for told in [false, true] {
            let selector = builder(&lab, &catalog)
                .history(Arc::clone(&store))
                .refresh(RefreshBudget::dials(budget))
                .build()
                .unwrap();
            for n in 1..=5 {
                let connection = selector.connect().await.unwrap();
                tokio::time::sleep(Duration::from_secs(10)).await;
                assert!(selector.stats().background_dials <= n * most, "{budget}");
                drop(connection);
            }
            let checked = selector.stats().background_dials > 0;
            assert_eq!(checked, told && budget > 0, "{told} {budget}");
            selector.shutdown().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_selector_leaves_nothing_open() {
    let rtts: Vec<u64> = (0..12).map(|n| 40 + 10 * n).collect();
    let (lab, catalog) = world(&rtts);
    for wait in 0..60 {
        let selector = builder(&lab, &catalog).build().unwrap();
        let connection = selector.connect().await.unwrap();
        tokio::time::sleep(ms(wait)).await;
        drop((selector, connection));
        tokio::task::yield_now().await;
        assert_eq!(lab.open(), 0, "after {wait} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_selector_dials_no_more() {
    let rtts: Vec<u64> = (0..12).map(|n| 40 + 2 * n).collect();
    let (lab, catalog) = world(&rtts);
    let selector = builder(&lab, &catalog).build().unwrap();
    let connection = selector.connect().await.unwrap();
    selector.shutdown().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(lab.open(), 1, "the app's own connection");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(selector.stats().background_dials, 0);
    drop(connection);
}

#[tokio::test(start_paused = true)]
async fn counts_add_up() {
    let (lab, catalog) = world(&[40, 60, 80]);
    let selector = builder(&lab, &catalog)
        .refresh(RefreshBudget::NONE)
        .build()
        .unwrap();
    for _ in 0..10 {
        selector.connect().await.unwrap();
    }
    let stats = selector.stats();
    assert_eq!((stats.opened, stats.failed), (10, 0));
    assert_eq!(stats.dials, lab.dials());
    assert!(stats.handshakes >= 10);
    assert_eq!(stats.time_to_open.unwrap().count, 10);
}

/// A custom store that panics in one method.
#[derive(Debug)]
struct Panicking(&'static str);

impl Panicking {
    fn ask(&self, what: &str) -> Result<(), Error> {
        assert!(self.0 != what, "hunter2");
        Ok(())
    }
}

impl HistoryStore for Panicking {
    fn load(&self) -> Result<Option<History>, Error> {
        self.ask("load").map(|()| None)
    }

    fn check(&self) -> Result<(), Error> {
        self.ask("check")
    }

    fn save(&self, _: &History) -> Result<(), Error> {
        self.ask("save")
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_told_and_fails_nothing() {
    let (lab, catalog) = world(&[40, 60]);
    for place in ["load", "check", "save", "nowhere"] {
        let store = Panicking(place);
        let selector = builder(&lab, &catalog).history(store).build().unwrap();
        let mut events = selector.events();
        selector.connect().await.unwrap();
        // Twice: a store that panicked is called again.
        for _ in 0..2 {
            let flushed = selector.shutdown().await.map_err(|error| error.to_string());
            let wanted = match place {
                "save" => Err("the store has panicked".to_owned()),
                _ => Ok(()),
            };
            assert_eq!(flushed, wanted, "{place}");
        }
        let mut told = Vec::new();
        while let Some(Some(event)) = events.next().now_or_never() {
            match event {
                SelectorEvent::HistoryNotKept { why } => told.push(format!("not kept: {why}")),
                SelectorEvent::HistoryNotRead { why } => told.push(format!("not read: {why}")),
                _ => {}
            }
        }
        // The history may be written once more before the flush.
        if place == "save" && told.len() == 3 {
            told.pop();
        }
        let wanted: &[&str] = match place {
            "load" => &["not read: the store has panicked"],
            "check" => &["not kept: the store has panicked"],
            "save" => &["not kept: the store has panicked"; 2],
            _ => &[],
        };
        assert_eq!(told, wanted, "{place}");
    }
}
