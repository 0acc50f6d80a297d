//! How accurately the prober times phases, and how reliably it orders two endpoints 2 ms apart: on an
//! idle machine, on a busy one, and with many attempts in flight. The server is another process on
//! loopback that waits for a known time before its ServerHello and its answer.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use easelect::{
    Dialer, Endpoint, Phase, PinnedHost, ProbeEvent, Prober, ProberBuilder, Region, Rounds,
    Service, TlsClient,
};
use futures::StreamExt;
use measure::bare::Bare;
use measure::figures::Figures;
use measure::quantile;
use measure::remote::{self, Remote};

/// The servers' delays before a ServerHello and before an answer.
const TLS: Duration = Duration::from_millis(20);
const ANSWER: Duration = Duration::from_millis(10);

/// The difference between two endpoints.
const APART: Duration = Duration::from_millis(2);

/// Makes the bench measure the servers in the file that follows.
const MEASURE: &str = "--measure";

/// Makes the bench keep one core busy until it is killed.
const SPIN: &str = "--spin";

/// The most attempts in flight. The ranking of two endpoints has at least two.
const IN_FLIGHT: [usize; 4] = [1, 4, 16, 64];

/// Keeps every core busy while it lives.
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

/// Keeps a core busy if this process was started for that. Ends after 10 minutes, in case the parent
/// failed to kill it.
fn spin_if_asked() -> bool {
    let asked = std::env::args().any(|argument| argument == SPIN);
    let started = std::time::Instant::now();
    while asked && started.elapsed() < Duration::from_secs(600) {
        std::hint::spin_loop();
    }
    asked
}

/// Returns one endpoint per server. Each has its own region, so that none waits for another.
fn endpoints(servers: &[Remote]) -> Vec<Endpoint> {
    let one = |(n, server)| {
        let region = Region::new(&format!("other{n}")).unwrap();
        Endpoint::new(region, Service::Websocket, &url(server)).unwrap()
    };
    servers.iter().enumerate().map(one).collect()
}

fn url(server: &Remote) -> String {
    format!("wss://localhost:{}/ws", server.address.port())
}

fn prober<'a>(servers: impl Iterator<Item = &'a Remote> + Clone) -> ProberBuilder {
    let roots = servers.clone().map(|one| one.root.clone());
    let trusting = Dialer::builder().tls(TlsClient::with_roots(roots).unwrap());
    let dialer = servers.fold(trusting, |dialer, server| {
        let (ip, port) = (server.address.ip(), server.address.port());
        dialer.pin(PinnedHost::new("localhost", port, vec![ip]))
    });
    Prober::builder().dialer(dialer.build().unwrap())
}

/// Returns the differences between the measured phases and the servers' delays, in ms, with all servers
/// probed at once.
async fn errors(
    servers: &[Remote],
    rounds: u32,
    waited: [Duration; 2],
) -> BTreeMap<Phase, Vec<f64>> {
    let prober = prober(servers.iter())
        .endpoints(endpoints(servers))
        .rounds(Rounds::Exact(rounds))
        .in_flight(servers.len())
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
async fn is_right(fast: &Remote, slow: &Remote, others: &[Remote], seed: u64) -> bool {
    let region = Region::new("own").unwrap();
    let of = |remote| Endpoint::new(region.clone(), Service::Websocket, &url(remote)).unwrap();
    let both = [of(slow), of(fast)];
    let prober = prober([fast, slow].into_iter().chain(others))
        .endpoints(both.iter().cloned().chain(endpoints(others)))
        .in_flight(2 + others.len())
        .seed(seed)
        .build()
        .unwrap();
    let outcome = prober.run().outcome().await;
    let own = outcome
        .rankings
        .iter()
        .find(|one| one.residency == region.clone().into());
    let best = own.and_then(|ranking| ranking.best());
    best.is_some_and(|best| *best.endpoint() == both[1])
}

/// Starts the servers, and measures in another process. That process and those that keep the cores busy
/// have a lower priority than the servers, because a late server would change the measured quantity.
fn main() {
    if remote::serve_if_asked() || spin_if_asked() {
        return;
    }
    let mut arguments = std::env::args().skip_while(|one| one != MEASURE).skip(1);
    if let Some(path) = arguments.next() {
        let servers = std::fs::read_to_string(path).expect("it was written");
        let servers: Vec<Remote> = servers.lines().map(Remote::from_line).collect();
        let (slow, crowd) = servers.split_last().expect("there are some");
        return measure(crowd, slow);
    }
    let crowd = Remote::crowd(64, TLS, ANSWER);
    let slow = Remote::start(TLS + APART, ANSWER);
    let lines: Vec<String> = crowd.iter().chain([&slow]).map(Remote::line).collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accuracy-servers.txt");
    std::fs::write(&path, lines.join("\n")).expect("the target folder can be written");
    let measured = Command::new("nice")
        .args(["-n", "10"])
        .arg(std::env::current_exe().expect("a running program has a path"))
        .arg(MEASURE)
        .arg(path)
        .args(measure::is_short().then_some("--test"))
        .status();
    let measured = measured.expect("nice is a command of every Unix");
    assert!(measured.success(), "{measured}");
}

fn measure(crowd: &[Remote], slow: &Remote) {
    let short = measure::is_short();
    let runtime = measure::runtime();
    let mut figures = Figures::of("accuracy");
    // Cryptography, loopback and waking up a core take time, too. That is no error of the prober: a bare
    // client of the same server measures the same, and its medians are subtracted.
    let rounds = if short { 5 } else { 200 };
    let bare = Bare::new(crowd[0].address, [crowd[0].root.clone()], false);
    let bare = runtime.block_on(async {
        let mut told = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            let [_, tls, answer] = bare.probe().await;
            told[0].push((tls.as_secs_f64() - TLS.as_secs_f64()) * 1e3);
            told[1].push((answer.as_secs_f64() - ANSWER.as_secs_f64()) * 1e3);
        }
        told.map(|told| quantile(told, 0.5))
    });
    let own = |phase| bare[usize::from(phase != Phase::Tls)];
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
            let errors = runtime.block_on(errors(&crowd[..in_flight], rounds, [TLS, ANSWER]));
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
            let others = &crowd[1..in_flight.max(2) - 1];
            let right = (0..runs)
                .filter(|seed| runtime.block_on(is_right(&crowd[0], slow, others, *seed)))
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
