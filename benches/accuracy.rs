//! How well phases are told, and how well two endpoints 2 ms apart are told apart, when the
//! machine is idle, when it is busy, and with many attempts in flight. The server is a process of
//! its own on loopback that waits for so long before its ServerHello and its answer.
//!
//! Not criterion: what is measured is the measurement.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::Duration;

use easelect::{Endpoint, Phase, Pin, ProbeEvent, Prober, Region, Rounds, Service, TlsClient};
use futures::StreamExt;
use measure::figures::Figures;
use measure::quantile;
use measure::remote::{self, Remote};

/// What the servers wait before a ServerHello and before an answer.
const TLS: Duration = Duration::from_millis(20);
const ANSWER: Duration = Duration::from_millis(10);

/// By how much the slower of two endpoints is slower.
const APART: Duration = Duration::from_millis(2);

/// Started with it, the process keeps a core busy until it is ended.
const SPIN: &str = "--spin";

const IN_FLIGHT: [usize; 4] = [1, 4, 16, 64];

/// Every core is busy with something else while this lives.
struct Busy(Vec<Child>);

impl Busy {
    fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let spin = |_| {
            let itself = std::env::current_exe().expect("a running program has a path");
            Command::new(itself).arg(SPIN).spawn().expect("it starts")
        };
        Busy((0..cores).map(spin).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ends by itself after a while, in case nobody ends it.
fn spin_if_asked() -> bool {
    let asked = std::env::args().any(|argument| argument == SPIN);
    let started = std::time::Instant::now();
    while asked && started.elapsed() < Duration::from_secs(600) {
        std::hint::spin_loop();
    }
    asked
}

/// So many endpoints of this server, each in a region of its own, so that none waits for another.
fn endpoints(remote: &Remote, count: usize) -> Vec<Endpoint> {
    let one = |n| {
        let region = Region::new(&format!("other{n}")).unwrap();
        Endpoint::new(region, Service::Websocket, &url(remote)).unwrap()
    };
    (0..count).map(one).collect()
}

fn url(remote: &Remote) -> String {
    format!("wss://localhost:{}/ws", remote.address.port())
}

fn pin(remote: &Remote) -> Pin {
    Pin::new(
        "localhost",
        remote.address.port(),
        vec![remote.address.ip()],
    )
}

/// How far the told phases are from what the server waited, in milliseconds.
async fn errors(
    remote: &Remote,
    in_flight: usize,
    rounds: u32,
    waited: [Duration; 2],
) -> BTreeMap<Phase, Vec<f64>> {
    let prober = Prober::builder()
        .endpoints(endpoints(remote, in_flight))
        .pin(pin(remote))
        .tls(TlsClient::with_roots([remote.root.clone()]).unwrap())
        .rounds(Rounds::Exact(rounds))
        .in_flight(in_flight)
        .build()
        .unwrap();
    let mut errors: BTreeMap<Phase, Vec<f64>> = BTreeMap::new();
    let mut events = prober.run();
    while let Some(event) = events.next().await {
        let ProbeEvent::Sample(sample) = event else {
            continue;
        };
        assert_eq!(sample.outcome, Ok(()));
        for (phase, waited) in [(Phase::Tls, waited[0]), (Phase::Upgrade, waited[1])] {
            let told = sample.timings.get(phase).expect("it was made");
            let error = (told.as_secs_f64() - waited.as_secs_f64()) * 1e3;
            errors.entry(phase).or_default().push(error);
        }
    }
    errors
}

/// Whether the faster of two endpoints of one region comes first, while others are probed.
async fn is_right(fast: &Remote, slow: &Remote, in_flight: usize, seed: u64) -> bool {
    let region = Region::new("own").unwrap();
    let of = |remote| Endpoint::new(region.clone(), Service::Websocket, &url(remote)).unwrap();
    let both = [of(slow), of(fast)];
    let others = endpoints(slow, in_flight.saturating_sub(2));
    let roots = [fast, slow].map(|one| one.root.clone());
    let prober = Prober::builder()
        .endpoints(both.iter().cloned().chain(others))
        .pin(pin(fast))
        .pin(pin(slow))
        .tls(TlsClient::with_roots(roots).unwrap())
        .in_flight(in_flight)
        .seed(seed)
        .build()
        .unwrap();
    let outcome = prober.run().outcome().await;
    let own = outcome.rankings.iter().find(|one| one.region == region);
    let best = own.and_then(|ranking| ranking.best());
    best.is_some_and(|best| *best.endpoint() == both[1])
}

fn main() {
    if remote::serve_if_asked() || spin_if_asked() {
        return;
    }
    let short = measure::is_short();
    let runtime = measure::runtime();
    let mut figures = Figures::of("accuracy");
    let at_once = Remote::start(Duration::ZERO, Duration::ZERO);
    let fast = Remote::start(TLS, ANSWER);
    let slow = Remote::start(TLS + APART, ANSWER);

    // What cryptography and loopback take by themselves is no error.
    let rounds = if short { 5 } else { 200 };
    let own = runtime.block_on(errors(&at_once, 1, rounds, [Duration::ZERO; 2]));
    let own = |phase| quantile(own[&phase].clone(), 0.5);
    for phase in [Phase::Tls, Phase::Upgrade] {
        figures.tell(&format!("{}_by_itself", phase.as_str()), own(phase), "ms");
    }
    for (state, is_busy) in [("idle", false), ("busy", true)] {
        let _busy = is_busy.then(Busy::new);
        let in_flights = if short { &IN_FLIGHT[..3] } else { &IN_FLIGHT };
        for &in_flight in in_flights {
            let rounds = if short {
                2
            } else {
                (400 / in_flight as u32).max(10)
            };
            let errors = runtime.block_on(errors(&fast, in_flight, rounds, [TLS, ANSWER]));
            for (phase, errors) in errors {
                let name = |which| format!("{}_error_{which}_{state}_{in_flight}", phase.as_str());
                let errors: Vec<f64> = errors.iter().map(|one| (one - own(phase)).abs()).collect();
                let [median, p99] = [0.5, 0.99].map(|share| quantile(errors.clone(), share));
                match (is_busy, in_flight) {
                    (false, 1) => figures.aim(&name("median"), median, "ms", 0.2),
                    _ => figures.tell(&name("median"), median, "ms"),
                }
                figures.tell(&name("p99"), p99, "ms");
            }
        }
        for &in_flight in in_flights {
            let runs = if short { 2 } else { 100 };
            let right = (0..runs)
                .filter(|seed| runtime.block_on(is_right(&fast, &slow, in_flight, *seed)))
                .count() as u64;
            let wrong = 100.0 * (runs - right) as f64 / runs as f64;
            let name = format!("wrong_order_{state}_{in_flight}");
            match in_flight {
                64 => figures.tell(&name, wrong, "%"),
                _ => figures.aim(&name, wrong, "%", 1.0),
            }
        }
    }
    figures.finish();
}
