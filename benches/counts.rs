//! The cost of a probe and of a connection in instructions and allocations, compared with a bare loop of
//! tokio, tokio-rustls and tungstenite against the same server. Valgrind counts them, so that they repeat
//! nearly exactly whatever else the machine does. The bench fails if a limit is exceeded.
//!
//! Each workload runs in a separate process, a few times and many times. The difference is the cost of the
//! additional runs, without the start. The server's process is not counted.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64;
use easelect::{Dialer, Feedback, Prober, Region, Rounds, Selector, TlsClient};
use measure::bare::Bare;
use measure::figures::Figures;
use measure::in_a_task;
use measure::remote::{self, Remote};
use rustls::pki_types::CertificateDer;

/// Makes the bench run a workload. The child's first argument.
const WORK: &str = "--work";

/// About as many roots as a platform's store has, so that work per root shows.
const ROOTS: usize = 150;

/// The numbers of runs of a workload whose difference is counted.
const FEW: usize = 20;
const MANY: usize = 120;

/// The number of calls in a run of a cheap workload.
const CALLS: usize = 100;

#[derive(Clone, Copy)]
enum Workload {
    BareProbe,
    Probe,
    BareOpen,
    Open,
    Best,
    ReportRtt,
}

impl Workload {
    const ALL: [(Workload, &str); 6] = [
        (Workload::BareProbe, "bare-probe"),
        (Workload::Probe, "probe"),
        (Workload::BareOpen, "bare-open"),
        (Workload::Open, "open"),
        (Workload::Best, "best"),
        (Workload::ReportRtt, "report-rtt"),
    ];

    fn name(self) -> &'static str {
        let same = |one: &Workload| std::mem::discriminant(one) == std::mem::discriminant(&self);
        let found = Workload::ALL.iter().find(|(one, _)| same(one));
        found.map_or("", |(_, name)| name)
    }

    fn run(self, times: usize, remote: Remote) {
        let runtime = measure::runtime();
        match self {
            Workload::BareProbe => in_a_task(&runtime, bare_probe(times, remote)),
            Workload::BareOpen => in_a_task(&runtime, bare_open(times, remote)),
            Workload::Probe => in_a_task(&runtime, probe(times, remote)),
            Workload::Open => in_a_task(&runtime, open(times, remote)),
            Workload::Best => in_a_task(
                &runtime,
                call(times, remote, |selector, _| {
                    drop(std::hint::black_box(selector.best()));
                }),
            ),
            Workload::ReportRtt => in_a_task(
                &runtime,
                call(times, remote, |_, feedback| {
                    feedback.report_rtt(Duration::from_millis(40));
                }),
            ),
        }
    }
}

/// Returns the server's root as often as a store has roots.
fn roots(remote: &Remote) -> Vec<CertificateDer<'static>> {
    // Copies: generating other roots would be counted.
    let other = |_| remote.root.clone();
    (0..ROOTS).map(other).collect()
}

async fn bare_probe(times: usize, remote: Remote) {
    let bare = Bare::new(remote.address, roots(&remote), false);
    for _ in 0..times {
        bare.probe().await;
    }
}

async fn bare_open(times: usize, remote: Remote) {
    let bare = Bare::new(remote.address, roots(&remote), true);
    for _ in 0..times {
        bare.open().await;
    }
}

async fn probe(times: usize, remote: Remote) {
    let (endpoint, pin) = remote.endpoint();
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(
            Dialer::builder()
                .pin(pin)
                .tls(TlsClient::with_roots(roots(&remote)).unwrap())
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(times as u32))
        .seed(1)
        .build()
        .unwrap();
    let outcome = prober.run().outcome().await;
    let opened = outcome.rankings[0].best().expect("it answers");
    assert_eq!(opened.stats.attempts() as usize, times);
}

async fn open(times: usize, remote: Remote) {
    let selector = selector(&remote);
    for _ in 0..times {
        drop(selector.connect().await.unwrap());
    }
}

async fn call(times: usize, remote: Remote, one: impl Fn(&Selector, &Feedback)) {
    let selector = selector(&remote);
    let feedback = selector.connect().await.unwrap().feedback();
    for _ in 0..times * CALLS {
        one(&selector, &feedback);
    }
}

fn selector(remote: &Remote) -> Selector {
    let (_, pin) = remote.endpoint();
    Selector::builder(Region::new("own").unwrap())
        .catalog(remote.catalog())
        .dialer(
            Dialer::builder()
                .pin(pin)
                .tls(TlsClient::with_roots(roots(remote)).unwrap())
                .build()
                .unwrap(),
        )
        .network("bench")
        .seed(1)
        .build()
        .unwrap()
}

/// The cost of one run of a workload.
#[derive(Clone, Copy, Debug)]
struct Cost {
    instructions: f64,
    allocations: f64,
    bytes: f64,
}

/// Runs a workload under valgrind.
fn count(work: Workload, remote: &Remote) -> Cost {
    let [few, many] = [FEW, MANY].map(|times| {
        let instructions = valgrind("callgrind", work, times, remote);
        let heap = valgrind("dhat", work, times, remote);
        [
            number(&instructions, "Collected : ", ""),
            number(&heap, "Total: ", " blocks"),
            number(&heap, "Total: ", " bytes"),
        ]
    });
    let each = |n: usize| (many[n] - few[n]) / (MANY - FEW) as f64;
    Cost {
        instructions: each(0),
        allocations: each(1),
        bytes: each(2),
    }
}

fn valgrind(tool: &str, work: Workload, times: usize, remote: &Remote) -> String {
    let mut scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    scratch.push(format!("{tool}-{}-{times}.out", work.name()));
    let output = Command::new("valgrind")
        .arg(format!("--tool={tool}"))
        .arg(format!("--{tool}-out-file={}", scratch.display()))
        .arg(std::env::current_exe().unwrap())
        .args([WORK, work.name(), &times.to_string()])
        .arg(remote.address.to_string())
        .arg(BASE64.encode(&remote.root))
        .output()
        .expect("valgrind counts here: install the package valgrind");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{} failed:\n{said}", work.name());
    said
}

/// Returns the number before `unit` in the line with `label`.
fn number(said: &str, label: &str, unit: &str) -> f64 {
    let line = said
        .lines()
        .find_map(|line| Some(line.split_once(label)?.1));
    let line = line.unwrap_or_else(|| panic!("valgrind did not say \"{label}\":\n{said}"));
    let before = match unit {
        "" => line,
        _ => line.split_once(unit).map_or(line, |(before, _)| before),
    };
    let digits = before.rsplit(' ').next().unwrap_or(before);
    digits.replace(',', "").parse().unwrap()
}

fn run_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, asked, work, times, address, root] = &arguments[..] else {
        return false;
    };
    if asked != WORK {
        return false;
    }
    let (work, _) = Workload::ALL.iter().find(|(_, name)| name == work).unwrap();
    let root = BASE64.decode(root.as_bytes()).unwrap();
    let remote = Remote::at(address.parse().unwrap(), root.into());
    work.run(times.parse().unwrap(), remote);
    true
}

fn main() {
    if remote::serve_if_asked() || run_if_asked() {
        return;
    }
    let remote = Remote::start(Duration::ZERO, Duration::ZERO);
    let mut figures = Figures::of("counts");
    for (name, bare, ours, allocations) in [
        ("probe", Workload::BareProbe, Workload::Probe, 1.25),
        // A connection also looks up a name, learns, and publishes a new snapshot.
        ("open_resumed", Workload::BareOpen, Workload::Open, 1.75),
    ] {
        let (bare, ours) = (count(bare, &remote), count(ours, &remote));
        let mut ratio = |what: &str, ours: f64, bare: f64, limit: f64| {
            figures.tell(&format!("{name}_{what}_bare"), bare, what);
            figures.limit(
                &format!("{name}_{what}_to_bare"),
                ours / bare,
                "ratio",
                limit,
            );
        };
        ratio("instructions", ours.instructions, bare.instructions, 1.04);
        ratio(
            "allocations",
            ours.allocations,
            bare.allocations,
            allocations,
        );
        ratio("bytes", ours.bytes, bare.bytes, 1.1);
    }
    for work in [Workload::Best, Workload::ReportRtt] {
        let cost = count(work, &remote);
        let name = work.name().replace('-', "_");
        let calls = CALLS as f64;
        figures.tell(
            &format!("{name}_instructions"),
            cost.instructions / calls,
            "instructions",
        );
        figures.limit(
            &format!("{name}_allocations"),
            cost.allocations / calls,
            "allocations",
            0.0,
        );
    }
    figures.finish();
}
