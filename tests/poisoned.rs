//! A history is only a hint: whatever a file contains, within ten connections the selector does as
//! well as without it. In the simulated network and paused time.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use easelect::{
    ByteStream, Catalog, CatalogFormat, Connect, DialOutcome, DialerBuilder, Error, History,
    HistoryStore, PinnedHost, RefreshBudget, Region, Selector, SelectorBuilder, Service,
};
use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Round trips in ms of the hosts, each with two addresses. All differ, so that settling for any but
/// the fastest shows.
const ROUND_TRIPS: [[u64; 2]; 5] = [[300, 260], [60, 75], [40, 90], [150, 130], [200, 220]];

/// The number of connections that a file may make worse.
const TO_RECOVER: usize = 10;
/// The number of connections after that whose mean time to open is compared.
const COMPARED: usize = 20;
/// The largest ratio of that mean to the one without a file, over all trials.
const AS_GOOD: f64 = 1.1;
/// The largest ratio in any trial to the worst trial without a file.
const AS_GOOD_AS_THE_WORST: f64 = 1.2;
/// The most by which a connection may exceed the slowest one without a file during recovery: the time
/// to notice that an address is silent.
const WHILE_IT_RECOVERS: Duration = Duration::from_secs(2);

fn address(host: usize, number: usize) -> IpAddr {
    let [host, number] = [host, number].map(|n| u8::try_from(n).unwrap());
    IpAddr::from([44, 128, host, number])
}

fn world() -> (Lab, Catalog) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for (n, round_trips) in ROUND_TRIPS.iter().enumerate() {
        let mut host =
            Host::new(&format!("h{n}.example")).with_dns_delay(Duration::from_millis(20));
        for (number, rtt) in round_trips.iter().enumerate() {
            let address = address(n, number);
            host = host.with_address(address);
            let path = Path::new(address).with_rtt(Duration::from_millis(*rtt));
            scenario = scenario.with_path(path);
        }
        scenario = scenario.with_host(host);
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

fn builder((lab, catalog): &(Lab, Catalog), seed: u64) -> SelectorBuilder {
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.clone())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(seed)
}

/// Loads this history, and saves nothing.
#[derive(Debug)]
struct Says(History);

impl HistoryStore for Says {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(Some(self.0.clone()))
    }

    fn save(&self, _: &History) -> Result<(), Error> {
        Ok(())
    }
}

/// The times to open of this many connections, one every `pause`.
async fn opened(selector: &Selector, count: usize, pause: Duration) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..count {
        let connection = selector.connect().await.unwrap();
        took.push(connection.time_to_open());
        drop(connection);
        tokio::time::sleep(pause).await;
    }
    took
}

fn mean(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64
}

/// The current time, in the format of a history.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(now.unwrap().as_millis()).unwrap()
}

fn filter(mean: f64, variance: f64, at_ms: u64) -> Value {
    json!({"mean": mean, "variance": variance, "at_ms": at_ms, "surprise": 0})
}

fn health(successes: f64, failures: f64, in_a_row: u32, counted_ms: u64, until_ms: u64) -> Value {
    json!({
        "successes": successes, "failures": failures, "counted_ms": counted_ms,
        "in_a_row": in_a_row, "breaker_open_until_ms": until_ms,
    })
}

/// A file's entry for one address.
fn claim(
    host: &str,
    address: SocketAddr,
    syn: Value,
    rest: Value,
    health: Value,
    at: u64,
) -> Value {
    json!({
        "region": "own", "host": host, "address": address, "service": "websocket",
        "syn": syn, "rest": rest, "health": health,
        "listed_ms": at, "seen_ms": at, "opened_ms": at,
    })
}

fn history(candidates: &[Value], used_ms: u64, syn_trust: f64) -> History {
    let network = json!({
        "id": "home", "used_ms": used_ms, "syn_trust": syn_trust,
        "syn_trust_samples": u32::MAX, "candidates": candidates,
    });
    let text = json!({"schema": 1, "networks": [network]}).to_string();
    History::from_json(&text).unwrap()
}

/// Every address of the world, with its index.
fn addresses() -> impl Iterator<Item = (usize, usize, SocketAddr)> {
    let hosts = ROUND_TRIPS.iter().enumerate();
    let all = hosts.flat_map(|(host, all)| (0..all.len()).map(move |number| (host, number)));
    all.map(|(host, number)| (host, number, SocketAddr::new(address(host, number), 443)))
}

/// Claims that the slowest address is certainly the fastest, and all others hopeless.
fn pinned_to_the_slowest(of_others: &(Value, Value, Value)) -> History {
    let now = now_ms();
    let claims = addresses().map(|(host, number, address)| {
        let sure = || filter(0.0, 1e-12, now);
        let (syn, rest, health) = match (host, number) {
            (0, 0) => (sure(), sure(), health(1e8, 0.0, 0, now, 0)),
            _ => of_others.clone(),
        };
        claim(&format!("h{host}.example"), address, syn, rest, health, now)
    });
    history(&claims.collect::<Vec<_>>(), now, 0.2)
}

/// Results of selectors without a file, and with some.
#[derive(Default)]
struct Compared {
    without: Vec<Vec<Duration>>,
    with: Vec<(String, Vec<Duration>)>,
}

impl Compared {
    async fn add(&mut self, world: &(Lab, Catalog), file: Option<(&str, History)>, seed: u64) {
        let pause = Duration::from_secs(60);
        let count = TO_RECOVER + COMPARED;
        match file {
            None => {
                let selector = builder(world, seed).build().unwrap();
                self.without.push(opened(&selector, count, pause).await);
            }
            Some((what, file)) => {
                let selector = builder(world, seed).history(Says(file)).build().unwrap();
                let took = opened(&selector, count, pause).await;
                self.with.push((what.to_owned(), took));
            }
        }
    }

    fn assert(&self) {
        let recovered = |took: &Vec<Duration>| mean(&took[TO_RECOVER..]);
        let without: Vec<f64> = self.without.iter().map(recovered).collect();
        let worst = without.iter().copied().fold(0.0, f64::max);
        let slowest = *self.without.iter().flatten().max().unwrap() + WHILE_IT_RECOVERS;
        for (what, took) in &self.with {
            let is_good = recovered(took) <= AS_GOOD_AS_THE_WORST * worst;
            assert!(
                is_good && *took.iter().max().unwrap() <= slowest,
                "{what}: {took:?}"
            );
        }
        let with: Vec<f64> = self.with.iter().map(|(_, took)| recovered(took)).collect();
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        let (with, without) = (mean(&with), mean(&without));
        assert!(with <= AS_GOOD * without, "{with:.4} s for {without:.4} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_pins_nobody_and_bars_nobody() {
    let now = now_ms();
    let far = now + 400 * DAY_MS;
    let well = health(1.0, 0.0, 0, now, 0);
    let barred = |since| health(0.0, 9.0, 30, since, since + DAY_MS);
    let sure = |mean: f64| filter(mean, 1e-12, now);
    let late = |mean: f64| filter(mean, 1e-12, far);
    let failing = health(0.0, 1e8, 0, now, 0);
    let failed = health(0.0, 1e8, 9, far, far);
    let of_others = [
        ("slow", (sure(9.0), sure(0.8), well.clone())),
        ("slow in TLS", (sure(3.7), sure(5.0), well)),
        ("failing", (sure(9.0), sure(0.8), failing)),
        ("barred", (sure(3.7), sure(0.8), barred(now))),
        ("barred for ever", (sure(9.0), sure(0.8), barred(far))),
        ("of the future", (late(9.0), late(5.0), failed)),
    ];
    let (world, mut compared) = (world(), Compared::default());
    for seed in 0..20 {
        compared.add(&world, None, seed).await;
    }
    for (what, of_others) in &of_others {
        for seed in 0..5 {
            let file = pinned_to_the_slowest(of_others);
            compared.add(&world, Some((what, file)), seed).await;
        }
    }
    compared.assert();
}

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Numbers that an attacker, a damaged disk or a wrong clock may produce.
fn moment() -> impl Strategy<Value = u64> {
    let now = now_ms();
    prop_oneof![
        2 => Just(now),
        1 => now - 40 * DAY_MS..now + 40 * DAY_MS,
        1 => prop_oneof![Just(0), Just(u64::MAX), Just(now + 365 * DAY_MS)],
    ]
}

fn level() -> impl Strategy<Value = Value> {
    let mean = prop_oneof![-3.0..12.0, Just(0.0), Just(-19.0), Just(19.0), Just(1e300)];
    let variance = prop_oneof![Just(0.0), Just(1e-12), Just(0.02), Just(9.9), Just(-1.0)];
    let level =
        (mean, variance, moment()).prop_map(|(mean, variance, at)| filter(mean, variance, at));
    prop_oneof![8 => level, 1 => Just(Value::Null)]
}

fn state() -> impl Strategy<Value = Value> {
    let count = || prop_oneof![Just(0.0), Just(1.0), Just(240.0), Just(1e9), Just(-1.0)];
    let in_a_row = prop_oneof![Just(0_u32), Just(2), Just(30), Just(u32::MAX)];
    (count(), count(), in_a_row, moment(), moment())
        .prop_map(|(s, f, in_a_row, counted, until)| health(s, f, in_a_row, counted, until))
}

fn file() -> impl Strategy<Value = History> {
    let odd = [
        "0.0.0.0",
        "127.0.0.1",
        "10.9.8.7",
        "44.128.9.9",
        "224.0.0.1",
        "::",
        "::1",
        "fe80::1",
    ];
    let own = addresses().map(|(host, _, address)| (host, address));
    let odd = odd.into_iter().flat_map(|ip| {
        let address = SocketAddr::new(ip.parse().unwrap(), 443);
        [(1, address), (2, address)]
    });
    let claims: Vec<_> = own
        .chain(odd)
        .map(|(host, address)| {
            let said = (
                level(),
                level(),
                state(),
                moment(),
                prop::bool::weighted(0.9),
            );
            said.prop_map(move |(syn, rest, health, at, is_in)| {
                let host = format!("h{host}.example");
                is_in.then(|| claim(&host, address, syn, rest, health, at))
            })
        })
        .collect();
    let trust = prop_oneof![Just(0.2), Just(-2.0), Just(2.0), Just(1e300)];
    (claims, moment(), trust).prop_map(|(claims, used, trust)| {
        let claims: Vec<Value> = claims.into_iter().flatten().collect();
        history(&claims, used, trust)
    })
}

#[tokio::test(start_paused = true)]
async fn any_file_is_outgrown_within_ten_connections() {
    let (world, mut compared) = (world(), Compared::default());
    let mut runner = TestRunner::deterministic();
    for seed in 0..60 {
        compared.add(&world, None, seed).await;
        let file = file().new_tree(&mut runner).unwrap().current();
        let what = file.to_json().unwrap();
        compared.add(&world, Some((&what, file)), seed).await;
    }
    compared.assert();
}

/// Saves in memory, through JSON as a file does.
#[derive(Clone, Debug)]
struct Keeps(Arc<Mutex<History>>);

impl HistoryStore for Keeps {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        let mut kept = self.0.lock().unwrap();
        *kept = History::from_json(&kept.clone().merge(history.clone()).to_json()?)?;
        Ok(())
    }
}

/// Distrusting a valid history would lose it for nothing: the first connection of a new run has no
/// other information.
#[tokio::test(start_paused = true)]
async fn a_true_file_is_worth_having() {
    let (world, pause) = (world(), Duration::from_secs(60));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let kept = Keeps(Arc::default());
        let first = builder(&world, seed).history(kept.clone());
        let first = first.build().unwrap();
        let took = opened(&first, TO_RECOVER + COMPARED, pause).await;
        without.push(took[0]);
        first.shutdown().await.unwrap();
        let second = builder(&world, seed).history(kept).build().unwrap();
        with.extend(opened(&second, 1, pause).await);
    }
    let (with, without) = (mean(&with), mean(&without));
    assert!(with < 0.9 * without, "{with:.4} s for {without:.4} s");
}

/// Even an app that opens one or two connections per run detects a false history.
#[tokio::test(start_paused = true)]
async fn what_a_file_says_does_not_outlive_many_short_runs() {
    let now = now_ms();
    let hopeless = |at| (filter(9.0, 1e-12, at), filter(9.0, 1e-12, at));
    for (connections, at) in [(1, now), (2, now), (1, now + 400 * DAY_MS)] {
        let (world, mut compared) = (world(), Compared::default());
        for seed in 0..4 {
            compared.add(&world, None, seed).await;
        }
        let (syn, rest) = hopeless(at);
        let file = pinned_to_the_slowest(&(syn, rest, health(1.0, 0.0, 0, now, 0)));
        let kept = Keeps(Arc::new(Mutex::new(file)));
        let mut took = Vec::new();
        while took.len() < TO_RECOVER + COMPARED {
            let seed = took.len() as u64;
            let selector = builder(&world, seed).history(kept.clone()).build().unwrap();
            took.extend(opened(&selector, connections, Duration::from_secs(1)).await);
            selector.flush().await.unwrap();
        }
        compared.with.push((format!("{connections}, {at}"), took));
        compared.assert();
    }
}

/// Records dials on their way to the lab.
#[derive(Clone, Debug)]
struct Noted {
    inner: Arc<dyn Connect>,
    dialled: Arc<Mutex<Vec<IpAddr>>>,
}

impl Noted {
    /// The addresses dialled since the last call.
    fn take(&self) -> Vec<IpAddr> {
        std::mem::take(&mut *self.dialled.lock().unwrap())
    }
}

impl Connect for Noted {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, std::io::Result<ByteStream>> {
        self.dialled.lock().unwrap().push(address.ip());
        self.inner.connect(host, address)
    }
}

/// Published hosts, each at its own address, with a record of dials.
struct Published {
    lab: Lab,
    noted: Noted,
    hosts: Vec<String>,
}

impl Published {
    fn new() -> Self {
        let group = Catalog::builtin().group(&Region::CN1.into(), Service::Websocket);
        let hosts: Vec<String> = group
            .unwrap()
            .iter()
            .map(|one| one.host().to_owned())
            .collect();
        let mut scenario = Scenario::new(1);
        for (n, host) in hosts.iter().enumerate() {
            let host = Host::new(host).with_address(address(n, 0));
            let path = Path::new(address(n, 0)).with_rtt(Duration::from_millis(60));
            // If an old address still answers, faster.
            let old = Path::new(address(n, 9)).with_rtt(Duration::from_millis(20));
            let host = host
                .with_dns_delay(Duration::from_millis(100))
                .with_ttl(Duration::ZERO);
            scenario = scenario.with_host(host).with_path(path).with_path(old);
        }
        let lab = Lab::new(scenario).unwrap();
        let noted = Noted {
            inner: lab.connector(),
            dialled: Arc::default(),
        };
        Published { lab, noted, hosts }
    }

    fn builder(&self, dialer: impl FnOnce(DialerBuilder) -> DialerBuilder) -> SelectorBuilder {
        let dialer = dialer(self.lab.dialer().connector(self.noted.clone()));
        Selector::builder(Region::CN1)
            .dialer(dialer.build().unwrap())
            .refresh(RefreshBudget::NONE)
            .network("home")
            .seed(1)
    }

    /// A file that is certain of these addresses of the first host, since `listed_ms`.
    fn knows(&self, addresses: &[&str], listed_ms: u64) -> History {
        let now = now_ms();
        let claims = addresses.iter().map(|ip| {
            let sure = || filter(0.0, 1e-12, now);
            let well = health(9.0, 0.0, 0, now, 0);
            let address = SocketAddr::new(ip.parse().unwrap(), 443);
            let mut claim = claim(&self.hosts[0], address, sure(), sure(), well, now);
            claim["region"] = json!("cn1");
            claim["listed_ms"] = json!(listed_ms);
            claim
        });
        history(&claims.collect::<Vec<_>>(), now, 0.2)
    }
}

/// A file has as many addresses of each host as fit. Nothing answers there, or something that delays
/// every handshake; DNS returns them, or fails in their family.
#[tokio::test(start_paused = true)]
async fn addresses_of_a_file_hold_up_none_that_dns_gives() {
    let faults = [Fault::BlackHole, Fault::SilentTls, Fault::SilentHttp];
    let answers = [Dns::NoAddress, Dns::ServerFailure, Dns::Timeout];
    // The second one delays handshakes.
    let claims = [(0.0, 0.0, 0.2), (1.6, 6.0, 2.0)];
    for ((fault, answer), (syn, rest, trust)) in faults
        .iter()
        .flat_map(|fault| answers.map(|answer| (fault, answer)))
        .flat_map(|tried| claims.map(|claim| (tried, claim)))
    {
        let published = Published::new();
        let (mut known, now) = (Vec::new(), now_ms());
        for (host, name) in published.hosts.iter().enumerate() {
            let dns = Host::new(name).with_address(address(host, 0));
            published.lab.set_host(dns.with_dns_aaaa(answer)).unwrap();
            for n in 1..=16 {
                let ip = IpAddr::from([0x2600, 1, host as u16, 0, 0, 0, 0, n]);
                let path = Path::new(ip).with_rtt(Duration::from_millis(5));
                let path = path.with_fault(*fault);
                published.lab.set_path(path).unwrap();
                let (syn, rest) = (filter(syn, 1e-12, now), filter(rest, 1e-12, now));
                let well = health(9.0, 0.0, 0, now, 0);
                let mut claim = claim(name, SocketAddr::new(ip, 443), syn, rest, well, now);
                claim["region"] = json!("cn1");
                known.push(claim);
            }
        }
        let file = history(&known, now, trust);
        let selector = published.builder(|one| one).history(Says(file));
        let took = opened(&selector.build().unwrap(), 4, Duration::from_secs(60)).await;
        let without = published.builder(|one| one).build().unwrap();
        let without = opened(&without, 1, Duration::ZERO).await[0];
        assert!(
            *took.iter().max().unwrap() <= without + WHILE_IT_RECOVERS,
            "{fault:?}, {answer:?}, {rest}: {took:?}, {without:?} without"
        );
    }
}

const OLD: &str = "44.128.0.9";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_file_gives_no_published_host_an_address_that_dns_could_not() {
    let published = Published::new();
    for impossible in [
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "ff02::1",
        "2001:db8::1",
        "::ffff:0.0.0.0",
        // Possible only if DNS returns it.
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "198.18.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
    ] {
        let file = published.knows(&[impossible], now_ms());
        let selector = published.builder(|one| one).history(Says(file));
        selector.build().unwrap().connect().await.unwrap();
        let dialled = published.noted.take();
        assert!(
            !dialled.contains(&ip(impossible)),
            "{impossible}: {dialled:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_dns_no_longer_gives_is_dialled_once() {
    let published = Published::new();
    let file = published.knows(&[OLD], now_ms());
    let selector = published.builder(|one| one).history(Says(file));
    let selector = selector.build().unwrap();
    selector.connect().await.unwrap();
    assert_eq!(
        published.noted.take()[0],
        ip(OLD),
        "while its name is looked up"
    );
    for _ in 0..3 {
        // DNS answers after the old address has won.
        tokio::time::sleep(Duration::from_secs(1)).await;
        selector.connect().await.unwrap();
        let dialled = published.noted.take();
        assert!(!dialled.contains(&ip(OLD)), "{dialled:?}");
    }
    // It is used again when DNS returns it.
    published
        .lab
        .set_addresses(&published.hosts[0], &[ip(OLD)])
        .unwrap();
    selector.connect().await.unwrap();
    published.noted.take();
    tokio::time::sleep(Duration::from_secs(1)).await;
    selector.connect().await.unwrap();
    assert!(published.noted.take().contains(&ip(OLD)));
}

/// The winner is slow, and the DNS answer arrives even later: the selector waits for it.
#[tokio::test(start_paused = true)]
async fn however_late_dns_is_it_is_heard() {
    let published = Published::new();
    let rtt = Duration::from_millis(900);
    published.lab.set_rtt(ip(OLD), rtt).unwrap();
    for (host, name) in published.hosts.iter().enumerate() {
        let dns = Host::new(name).with_address(address(host, 0));
        let dns = dns.with_dns_delay(Duration::from_secs(4));
        published.lab.set_host(dns).unwrap();
    }
    let file = published.knows(&[OLD], now_ms());
    let selector = published.builder(|one| one).history(Says(file));
    let selector = selector.build().unwrap();
    for first in [true, false] {
        selector.connect().await.unwrap();
        let dialled = published.noted.take();
        assert_eq!(dialled.contains(&ip(OLD)), first, "{dialled:?}");
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

/// An app whose own SDK dials uses only the first candidate.
#[tokio::test(start_paused = true)]
async fn what_dns_no_longer_gives_is_handed_out_once() {
    let published = Published::new();
    let file = published.knows(&[OLD], now_ms());
    let selector = published.builder(|one| one).history(Says(file));
    let selector = selector.build().unwrap();
    for first in [true, false] {
        let mut candidates = selector.candidates();
        let candidate = candidates.next().await.unwrap().unwrap();
        assert_eq!(candidate.address.ip() == ip(OLD), first);
        selector.report(&candidate, DialOutcome::Opened, Duration::from_millis(60));
        drop(candidates);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_expires_a_week_after_dns_gave_it_however_often_it_opened() {
    let published = Published::new();
    for (days, is_dialled) in [(6, true), (8, false)] {
        let file = published.knows(&[OLD], now_ms() - days * DAY_MS);
        let selector = published.builder(|one| one).history(Says(file));
        selector.build().unwrap().connect().await.unwrap();
        let dialled = published.noted.take();
        assert_eq!(
            dialled.contains(&ip(OLD)),
            is_dialled,
            "{days} days: {dialled:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pinned_is_nowhere_else_whatever_a_file_says() {
    let published = Published::new();
    let pin = PinnedHost::new(&published.hosts[0], 443, vec![address(0, 0)]);
    let file = published.knows(&[OLD], now_ms());
    let selector = published.builder(|one| one.pin(pin)).history(Says(file));
    selector.build().unwrap().connect().await.unwrap();
    assert!(!published.noted.take().contains(&ip(OLD)));
}
