//! The calls that a running app makes often: reading the best endpoint and reporting a heartbeat, compared
//! with a bare load and with tower's balancer (power of two choices, peak EWMA). Also: ranking 100 endpoints,
//! planning a race, and loading a history.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use easelect::{
    Candidate, Catalog, CatalogFormat, DialOutcome, Endpoint, EndpointStats, Feedback, History,
    Phase, Region, Sample, Selector, Service, Timings, rank,
};
use easelect_engine::history::{Key, Network};
use easelect_engine::id::CandidateId;
use easelect_engine::observation::{Measured, Observation};
use easelect_engine::race::{self, Action, Race, Width};
use easelect_engine::timestamp::Timestamp;
use easelect_lab::{Host, Lab, Path, Scenario};
use futures::task::noop_waker_ref;
use futures::{FutureExt, StreamExt};
use measure::figures::Figures;
use tower::Service as _;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwma};

/// Four hosts with three addresses each, as in the simulation (`sim`).
const HOSTS: u8 = 4;
const ADDRESSES: u8 = 3;

fn world() -> (Lab, Catalog) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for host in 0..HOSTS {
        let mut named = Host::new(&format!("h{host}.example"));
        for n in 0..ADDRESSES {
            let address = IpAddr::from([44, 128, host, n]);
            let rtt = Duration::from_millis(10 + 6 * u64::from(host) + 4 * u64::from(n));
            named = named.with_address(address);
            scenario = scenario.with_path(Path::new(address).with_rtt(rtt));
        }
        scenario = scenario.with_host(named);
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{host}.example/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

/// A running app: its selector, a connection's feedback, and a candidate that it could dial itself.
struct App {
    selector: Selector,
    feedback: Feedback,
    candidate: Candidate,
    heartbeats: Heartbeats,
}

impl App {
    /// Opens a few connections. In real time, because reading tokio's paused clock costs more.
    async fn start() -> Self {
        let (lab, catalog) = world();
        let selector = Selector::builder(Region::new("own").unwrap())
            .catalog(catalog)
            .dialer(lab.dialer().build().unwrap())
            .network("bench")
            .seed(1)
            .build()
            .unwrap();
        for _ in 0..9 {
            selector.connect().await.unwrap();
        }
        let connection = selector.connect().await.unwrap();
        let candidate = selector.candidates().next().await.unwrap().unwrap();
        App {
            selector,
            feedback: connection.feedback(),
            candidate,
            heartbeats: Heartbeats::new(),
        }
    }

    fn observe(&mut self) {
        self.feedback.report_rtt(self.heartbeats.next());
    }

    fn choose_and_observe(&mut self) -> Option<Endpoint> {
        let best = self.selector.best();
        self.observe();
        best
    }
}

/// Round trips that vary by 10 %, as on Wi-Fi.
struct Heartbeats {
    took: Vec<Duration>,
    next: usize,
}

impl Heartbeats {
    fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(3);
        let mut one = || Duration::from_micros(random.u64(9_000..11_000));
        Heartbeats {
            took: (0..1024).map(|_| one()).collect(),
            next: 0,
        }
    }

    fn next(&mut self) -> Duration {
        self.next = (self.next + 1) % self.took.len();
        self.took[self.next]
    }
}

/// A service that answers at once, so that only choosing and observing are measured.
struct AtOnce;

impl tower::Service<()> for AtOnce {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

type Balanced = Balance<ServiceList<Vec<PeakEwma<AtOnce>>>, ()>;

/// A balancer of as many services as the selector has candidates.
fn balanced() -> Balanced {
    let service = |_| {
        let (rtt, decay_ns) = (Duration::from_millis(30), 1e10);
        PeakEwma::new(AtOnce, rtt, decay_ns, CompleteOnResponse::default())
    };
    let services: Vec<_> = (0..HOSTS * ADDRESSES).map(service).collect();
    Balance::new(ServiceList::new::<()>(services))
}

fn choose_and_call(balanced: &mut Balanced) {
    let mut context = Context::from_waker(noop_waker_ref());
    let ready = balanced.poll_ready(&mut context);
    assert!(ready.is_ready(), "all services are");
    let answer = balanced.call(()).now_or_never();
    assert!(matches!(answer, Some(Ok(()))));
}

/// Returns a history in JSON, of `candidates` candidates on five networks.
fn history(candidates: usize) -> String {
    let level = "{\"mean\":4.0,\"variance\":0.02,\"at_ms\":1700000000000,\"surprise\":0}";
    let health = "{\"successes\":3.0,\"failures\":0.5,\"counted_ms\":1700000000000,\
                  \"in_a_row\":0,\"breaker_open_until_ms\":0}";
    let network = |n: usize| {
        let one = |m: usize| {
            format!(
                "{{\"region\":\"own\",\"host\":\"h{m}.example\",\"address\":\"44.128.0.{m}:443\",\
                 \"service\":\"websocket\",\"listed_ms\":1700000000000,\"seen_ms\":1700000000000,\
                 \"opened_ms\":1700000000000,\"syn\":{level},\"rest\":{level},\"health\":{health}}}"
            )
        };
        let each: Vec<String> = (0..candidates / 5).map(one).collect();
        format!(
            "{{\"id\":\"n{n}\",\"used_ms\":1700000000000,\"syn_trust\":0.1,\"syn_trust_samples\":9,\
             \"candidates\":[{}]}}",
            each.join(",")
        )
    };
    let networks: Vec<String> = (0..5).map(network).collect();
    format!("{{\"schema\":1,\"networks\":[{}]}}", networks.join(","))
}

/// Returns a network on which all addresses were measured a few times, an hour ago.
fn known_network(hosts: u8, addresses: u8) -> (Network, Timestamp) {
    let mut random = fastrand::Rng::with_seed(11);
    let start = Timestamp::from_millis(1_700_000_000_000);
    let mut network = Network::default();
    let mut all = Vec::new();
    for host in 0..hosts {
        for n in 0..addresses {
            let key = Key {
                region: "own".to_owned(),
                host: format!("h{host}.example"),
                address: SocketAddr::new(IpAddr::from([44, 128, host, n]), 443),
                service: "websocket".to_owned(),
            };
            all.push(network.list(&key, start));
        }
    }
    for minutes in 0..5 {
        let now = start.after(Duration::from_secs(60 * minutes));
        let opened = |id: &CandidateId| {
            let syn_ms = 30.0 + 30.0 * random.f64();
            let observation = Observation {
                syn: Some(Measured::Took(syn_ms)),
                rest: Some(Measured::Took(2.0 * syn_ms)),
                opened: true,
                ..Observation::default()
            };
            (*id, observation)
        };
        let shown: Vec<_> = all.iter().map(opened).collect();
        network.learn(&shown, now, 0.5);
    }
    (network, start.after(Duration::from_secs(3600)))
}

/// Does everything that precedes the first SYN of a warm race: forecasts, and the choice of dials.
fn planned(network: &Network, now: Timestamp) -> Race {
    let (forecasts, kinship) = network.outlook(now);
    let mut race = Race::new(Width::FAST, network.syn_trust(now)).among(kinship);
    for (number, forecast) in forecasts.into_iter().enumerate() {
        let candidate = race::Candidate {
            id: Some(CandidateId::new(number)),
            ..forecast.into()
        };
        race.add(candidate, Duration::ZERO);
    }
    race.no_more();
    while let Action::Dial(_) = race.next(Duration::ZERO) {}
    race
}

/// Returns 100 endpoints with `addresses` addresses each, and ten samples per address.
fn hundred(addresses: u8) -> Vec<EndpointStats> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..100)
        .map(|n| {
            let url = format!("wss://host-{n}.example/ws");
            let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
            let mut stats = EndpointStats::new(endpoint.clone());
            for address in 1..=addresses {
                let address = SocketAddr::new(IpAddr::from([10, 0, n, address]), 443);
                for _ in 0..10 {
                    let mut timings = Timings::default();
                    for phase in [Phase::Connect, Phase::Tls, Phase::Upgrade] {
                        timings.set(phase, Duration::from_micros(random.u64(20_000..80_000)));
                    }
                    stats.record(&Sample::new(endpoint.clone(), address, timings, Ok(())));
                }
            }
            stats
        })
        .collect()
}

fn read(bare: &ArcSwapOption<Endpoint>) -> Option<Endpoint> {
    bare.load().as_ref().map(|one| Endpoint::clone(one))
}

/// The number of calls in a turn: a single call is too short to time.
const CALLS: u32 = 5_000;

fn turns() -> usize {
    if measure::is_short() { 3 } else { 300 }
}

/// Returns the median time per call in ns, of one side and of the other.
fn per_call(one: impl FnMut(), other: impl FnMut()) -> (f64, f64) {
    fn turn(mut call: impl FnMut()) -> impl FnMut() {
        move || (0..CALLS).for_each(|_| call())
    }
    let median = |costs: Vec<measure::Cost>| {
        let per_call = |one: measure::Cost| one.wall.as_secs_f64() * 1e9 / f64::from(CALLS);
        measure::quantile(costs.into_iter().map(per_call).collect(), 0.5)
    };
    let (one, other) = measure::turn_by_turn(turns(), turn(one), turn(other));
    (median(one), median(other))
}

/// Ranks endpoints.
fn ranked(stats: Vec<EndpointStats>) -> Option<easelect::Ranking> {
    rank(Region::SGP1.into(), stats)
}

/// Returns the median time of `run` in ms. Preparing its input and dropping its output don't count.
fn alone<I, O>(ready: impl Fn() -> I, run: impl Fn(I) -> O) -> f64 {
    let once = || {
        let input = ready();
        let started = Instant::now();
        let output = run(black_box(input));
        let took = started.elapsed();
        drop(black_box(output));
        took
    };
    measure::median_ms((0..turns()).map(|_| once()))
}

fn report(app: &mut App, bare: &ArcSwapOption<Endpoint>) {
    let mut figures = Figures::of("hot_path");
    let selector = app.selector.clone();
    let (ours, bare) = per_call(
        || drop(black_box(selector.best())),
        || drop(black_box(read(bare))),
    );
    figures.tell("best", ours, "ns");
    figures.aim("best_to_bare_load", ours / bare, "times", 1.5);

    let mut balanced = balanced();
    let (ours, tower) = per_call(
        || drop(black_box(app.choose_and_observe())),
        || choose_and_call(&mut balanced),
    );
    figures.tell("choose_and_observe", ours, "ns");
    figures.tell("choose_and_observe_tower", tower, "ns");
    figures.aim("choose_and_observe_to_tower", ours / tower, "times", 1.0);

    let candidate = app.candidate.clone();
    let opened = Duration::from_millis(40);
    let (heartbeat, report) = per_call(
        || app.observe(),
        || selector.report(&candidate, DialOutcome::Opened, opened),
    );
    figures.aim("report_rtt", heartbeat, "ns", 200.0);
    figures.aim("report", report, "ns", 200.0);
    let feedback = app.feedback.clone();
    let after_heartbeat = alone(
        || feedback.report_rtt(Duration::from_millis(10)),
        |()| selector.expectations(),
    );
    figures.tell("ranking_after_heartbeat", after_heartbeat * 1e3, "us");

    let (few, many) = (hundred(1), hundred(3));
    let candidates = alone(|| few.clone(), ranked) * 1e3;
    figures.aim("rank_100_endpoints_of_1", candidates, "us", 20.0);
    let addresses = alone(|| many.clone(), ranked) * 1e3;
    figures.aim("rank_100_endpoints_of_3", addresses, "us", 20.0);

    for (hosts, addresses, most_us) in [(4, 3, 100.0), (22, 2, 400.0)] {
        let (network, now) = known_network(hosts, addresses);
        let name = format!("plan_{}", hosts * addresses);
        let took = alone(|| (), |()| planned(&network, now)) * 1e3;
        figures.aim(&name, took, "us", most_us);
    }

    let text = history(1_000);
    assert!(History::from_json(&text).is_ok());
    let loaded = alone(|| (), |()| History::from_json(&text));
    figures.aim("history_of_1000", loaded, "ms", 5.0);
    figures.finish();
}

fn main() {
    let mut app = measure::runtime().block_on(App::start());
    let bare = ArcSwapOption::new(app.selector.best().map(Arc::new));
    report(&mut app, &bare);
}
