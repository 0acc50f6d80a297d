//! How often a selector queries the resolver, in the simulated network and paused time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, Failure, FailureKind, Family, Phase, PinnedHost, Region, Resolve,
    Resolved, Selector, SelectorBuilder,
};
use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::task::noop_waker_ref;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

fn host(n: u8) -> Host {
    let host = Host::new(&format!("h{n}.example"));
    host.with_address(ip(n)).with_dns_delay(ms(20))
}

/// Two hosts whose DNS answers have this TTL.
fn world(ttl: Option<Duration>) -> Lab {
    let mut scenario = Scenario::new(1);
    for n in 0..2 {
        let host = match ttl {
            Some(ttl) => host(n).with_ttl(ttl),
            None => host(n),
        };
        let path = Path::new(ip(n)).with_rtt(ms(40));
        scenario = scenario.with_host(host).with_path(path);
    }
    Lab::new(scenario).unwrap()
}

fn catalog() -> Catalog {
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..2 {
        for (service, scheme) in [("websocket", "wss"), ("rest", "https")] {
            text += &format!(
                "[[endpoint]]\nregion = \"own\"\nservice = \"{service}\"\n\
                 url = \"{scheme}://h{n}.example/\"\n"
            );
        }
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    catalog.unwrap()
}

fn builder(lab: &Lab) -> SelectorBuilder {
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(1)
}

fn asking(lab: &Lab, resolver: impl Resolve) -> Selector {
    let dialer = lab.dialer().resolver(resolver).build().unwrap();
    builder(lab).dialer(dialer).build().unwrap()
}

/// Opens a connection, a moment after the last one.
async fn connect(selector: &Selector) {
    selector.connect().await.unwrap();
    sleep(ms(100)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_used_until_it_ends() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    for _ in 0..5 {
        connect(&selector).await;
    }
    assert_eq!(lab.queries(), 4, "two hosts, two families");
    sleep(MINUTE).await;
    connect(&selector).await;
    assert_eq!(lab.queries(), 8);
}

#[tokio::test(start_paused = true)]
async fn without_a_time_to_live_each_connection_asks() {
    let lab = world(None);
    let selector = builder(&lab).build().unwrap();
    for n in 1..=3 {
        connect(&selector).await;
        assert_eq!(lab.queries(), 4 * n);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_one_time_ask_once() {
    let lab = world(None);
    let selector = builder(&lab).build().unwrap();
    for connected in join_all((0..20).map(|_| selector.connect())).await {
        let took = connected.unwrap().timings().get(Phase::Resolve);
        assert_eq!(took, Some(ms(20)));
    }
    assert_eq!(lab.queries(), 4);
}

#[tokio::test(start_paused = true)]
async fn rest_and_websocket_of_a_host_share_its_answers() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    connect(&selector).await;
    selector.base_url().await.unwrap();
    assert!(selector.candidates().next().await.unwrap().is_ok());
    assert_eq!(lab.queries(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_took_no_time() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    // The selector knows nothing about either host: both refuse.
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::Refuse).unwrap();
    }
    selector.connect().await.unwrap_err();
    for n in 0..2 {
        lab.set_fault(ip(n), Fault::None).unwrap();
    }
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(120));
    assert_eq!(connection.timings().get(Phase::Resolve), None);
    assert_eq!(lab.queries(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_use_is_asked_for_before_it_ends() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    connect(&selector).await;
    sleep(s(44)).await;
    connect(&selector).await;
    assert_eq!(lab.queries(), 4, "in the third quarter of its life");
    sleep(s(1)).await;
    for _ in 0..5 {
        connect(&selector).await;
    }
    assert_eq!(lab.queries(), 8, "in the last, once");
    // The new answer is valid for a minute.
    sleep(s(30)).await;
    connect(&selector).await;
    assert_eq!(lab.queries(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_not_be_had_anew_holds_to_its_end() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    connect(&selector).await;
    for n in 0..2 {
        lab.set_dns(&format!("h{n}.example"), Dns::ServerFailure)
            .unwrap();
    }
    sleep(s(46)).await;
    for _ in 0..3 {
        connect(&selector).await;
    }
    assert_eq!(lab.queries(), 8, "asked once more, in vain");
    sleep(s(20)).await;
    connect(&selector).await;
    assert_eq!(lab.queries(), 12, "it is over");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_ahead_of_time_ends_with_the_selector() {
    for shut_down in [false, true] {
        let lab = world(Some(MINUTE));
        let selector = builder(&lab).build().unwrap();
        connect(&selector).await;
        for n in 0..2 {
            lab.set_dns(&format!("h{n}.example"), Dns::Timeout).unwrap();
        }
        sleep(s(46)).await;
        drop(selector.connect().await.unwrap());
        assert!(lab.open() > 0, "a query is under way");
        if shut_down {
            selector.shutdown().await.unwrap();
        } else {
            drop(selector);
        }
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lab.open(), 0);
    }
}

/// Counts queries and forwards them.
#[derive(Debug)]
struct Counting {
    lab: Arc<dyn Resolve>,
    changes: AtomicUsize,
    panics: bool,
}

impl Resolve for Counting {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        self.lab.resolve(host, family)
    }

    fn network_changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a panic that the test wants");
    }
}

#[tokio::test(start_paused = true)]
async fn on_another_network_all_is_asked_anew() {
    for panics in [false, true] {
        let lab = world(Some(MINUTE));
        let resolver = Arc::new(Counting {
            lab: lab.resolver(),
            changes: AtomicUsize::new(0),
            panics,
        });
        let selector = asking(&lab, Arc::clone(&resolver));
        connect(&selector).await;
        selector.network_changed(Some("office"));
        assert_eq!(resolver.changes.load(Ordering::SeqCst), 1);
        connect(&selector).await;
        assert_eq!(lab.queries(), 8);
    }
}

/// A late answer from the old network's DNS server is not used on the new network.
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_under_way_during_a_move_is_not_kept() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    let moves = async {
        sleep(ms(10)).await;
        selector.network_changed(Some("office"));
    };
    let (connection, ()) = tokio::join!(selector.connect(), moves);
    connection.unwrap();
    // The race started again there.
    assert_eq!(lab.queries(), 8);
    connect(&selector).await;
    assert_eq!(lab.queries(), 8, "those are kept");
}

#[tokio::test(start_paused = true)]
async fn pinned_hosts_and_addresses_ask_nobody() {
    let lab = world(None);
    let pins = (0..2).map(|n| PinnedHost::new(&format!("h{n}.example"), 443, vec![ip(n)]));
    let dialer = pins.fold(lab.dialer(), |dialer, pin| dialer.pin(pin));
    let selector = builder(&lab).dialer(dialer.build().unwrap());
    let connection = selector.build().unwrap().connect().await.unwrap();
    assert_eq!(connection.timings().get(Phase::Resolve), None);
    assert_eq!(lab.queries(), 0);
}

/// Never answers the first queries; counts all.
#[derive(Debug)]
struct Silent {
    lab: Arc<dyn Resolve>,
    left: Mutex<usize>,
}

impl Resolve for Silent {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let answer = self.lab.resolve(host, family);
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return answer;
        }
        *left -= 1;
        futures::future::pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gave_up_holds_up_nobody() {
    let lab = world(Some(MINUTE));
    let (silent, left) = (lab.resolver(), Mutex::new(4));
    let selector = asking(&lab, Silent { lab: silent, left });
    let given_up = tokio::time::timeout(ms(500), selector.connect()).await;
    assert!(given_up.is_err());
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(20 + 120));
}

/// A new connection doesn't wait for a query that was repeated without an answer.
#[tokio::test(start_paused = true)]
async fn a_query_that_is_late_for_one_is_asked_anew_for_another() {
    let lab = world(Some(MINUTE));
    // Two names in two families, each after 0, 1, 1.8 and 2.8 s.
    let (silent, left) = (lab.resolver(), Mutex::new(16));
    let selector = asking(&lab, Silent { lab: silent, left });
    let second = async {
        sleep(s(3)).await;
        selector.connect().await.unwrap().time_to_open()
    };
    let first = tokio::time::timeout(s(4), selector.connect());
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err());
    assert_eq!(second, ms(20 + 120));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_up_nobody() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    let mut stuck = Box::pin(selector.connect());
    let mut context = Context::from_waker(noop_waker_ref());
    assert!(stuck.as_mut().poll(&mut context).is_pending());
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(20 + 120));
    assert_eq!(lab.queries(), 4);
    drop(stuck);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Queries started on a runtime that is no longer driven, and on one that is gone.
#[test]
fn another_runtime_is_not_waited_for() {
    for gone in [false, true] {
        let first = runtime();
        let lab = {
            let _entered = first.enter();
            world(Some(MINUTE))
        };
        let selector = builder(&lab).build().unwrap();
        let mut begun = selector.connect().boxed();
        let pending = first.block_on(async {
            // The queries are spawned and sent.
            let pending = (&mut begun).now_or_never().is_none();
            tokio::task::yield_now().await;
            pending
        });
        assert!(pending);
        let left = (!gone).then_some(first);
        let second = runtime();
        let connected = second.block_on(selector.connect());
        assert_eq!(connected.unwrap().time_to_open(), ms(20 + 120), "{gone}");
        drop((left, begun));
    }
}

/// That a family has no addresses is cached together with the addresses of the other family.
#[tokio::test(start_paused = true)]
async fn that_there_is_none_in_one_family_is_not_kept_alone() {
    let lab = world(Some(MINUTE));
    for n in 0..2 {
        lab.set_host(host(n).with_dns(Dns::NoAddress)).unwrap();
    }
    let selector = builder(&lab).build().unwrap();
    for n in 1..=3 {
        let error = selector.connect().await.unwrap_err();
        let kind = error.failure().unwrap().kind();
        assert_eq!((kind, lab.queries()), (FailureKind::NoAddress, 4 * n));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_kept() {
    let lab = world(Some(MINUTE));
    for n in 0..2 {
        let name = format!("h{n}.example");
        lab.set_dns(&name, Dns::NotFound).unwrap();
    }
    let selector = builder(&lab).build().unwrap();
    selector.connect().await.unwrap_err();
    for n in 0..2 {
        lab.set_dns(&format!("h{n}.example"), Dns::Ok).unwrap();
    }
    let started = Instant::now();
    selector.connect().await.unwrap();
    assert_eq!(started.elapsed(), ms(20 + 120));
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_moment_no_query_goes_on() {
    let lab = world(Some(MINUTE));
    let selector = builder(&lab).build().unwrap();
    for _ in 0..3 {
        let mut connecting = Box::pin(selector.connect());
        let mut context = Context::from_waker(noop_waker_ref());
        let polled = connecting.as_mut().poll(&mut context);
        assert!(matches!(polled, Poll::Pending));
        sleep(ms(5)).await;
        assert_eq!(lab.open(), 4);
        drop(connecting);
        tokio::task::yield_now().await;
        assert_eq!(lab.open(), 0);
    }
}
