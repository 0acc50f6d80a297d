//! The time that easelect adds to a handshake, per phase and in processor time, compared with a bare loop of
//! tokio, tokio-rustls and tungstenite. Both use the same server on loopback, which is another process. The
//! bench `counts` has instructions.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use easelect::{Dialer, Phase, ProbeEvent, Prober, Region, Rounds, Selector, TlsClient};
use futures::StreamExt;
use measure::bare::Bare;
use measure::figures::Figures;
use measure::remote::{self, Remote};
use measure::{cost, in_a_task, median_ms, quantile};
use tokio::runtime::Runtime;

/// The number of handshakes in a turn.
const IN_A_TURN: u32 = 50;

const PHASES: [Phase; 3] = [Phase::Connect, Phase::Tls, Phase::Upgrade];

/// One side: the phases of every handshake, and each turn's processor time per handshake in µs.
#[derive(Default)]
struct Side {
    phases: [Vec<Duration>; 3],
    cpu: Vec<f64>,
}

impl Side {
    fn turn(&mut self, handshakes: impl FnOnce() -> Vec<[Duration; 3]>) {
        let mut handshakes = Some(handshakes);
        let mut done = Vec::new();
        let spent = cost(&mut || done = handshakes.take().expect("one turn")());
        self.cpu
            .push(spent.cpu.as_secs_f64() * 1e6 / done.len() as f64);
        for one in done {
            for (all, took) in self.phases.iter_mut().zip(one) {
                all.push(took);
            }
        }
    }
}

fn bare(runtime: &Runtime, bare: &Arc<Bare>, is_probe: bool) -> Vec<[Duration; 3]> {
    let bare = Arc::clone(bare);
    in_a_task(runtime, async move {
        let mut all = Vec::new();
        for _ in 0..IN_A_TURN {
            all.push(match is_probe {
                true => bare.probe().await,
                false => bare.open().await.1,
            });
        }
        all
    })
}

fn probe(runtime: &Runtime, remote: &Remote, tls: &TlsClient) -> Vec<[Duration; 3]> {
    let (endpoint, pin) = remote.endpoint();
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(Dialer::builder().pin(pin).tls(tls.clone()).build().unwrap())
        .rounds(Rounds::Exact(IN_A_TURN))
        .build()
        .unwrap();
    in_a_task(runtime, async move {
        let taken = |event| async move {
            let ProbeEvent::Sample(sample) = event else {
                return None;
            };
            assert_eq!(sample.outcome, Ok(()));
            Some(PHASES.map(|phase| sample.timings.get(phase).expect("it was made")))
        };
        prober.run().filter_map(taken).collect().await
    })
}

fn open(runtime: &Runtime, selector: &Selector) -> Vec<[Duration; 3]> {
    let selector = selector.clone();
    in_a_task(runtime, async move {
        let mut all = Vec::new();
        for _ in 0..IN_A_TURN {
            let connection = selector.connect().await.unwrap();
            let timings = connection.timings();
            all.push(PHASES.map(|phase| timings.get(phase).expect("it was made")));
        }
        all
    })
}

fn compare(figures: &mut Figures, name: &str, ours: &Side, bare: &Side) {
    let ratio = |ours: f64, bare: f64| ours / bare;
    let median = |values: &[f64]| quantile(values.to_vec(), 0.5);
    let (cpu, bare_cpu) = (median(&ours.cpu), median(&bare.cpu));
    figures.tell(&format!("{name}_cpu_bare"), bare_cpu, "us");
    figures.aim(
        &format!("{name}_cpu_to_bare"),
        ratio(cpu, bare_cpu),
        "ratio",
        1.05,
    );
    for (n, phase) in PHASES.into_iter().enumerate() {
        let [ours, bare] = [ours, bare].map(|side| median_ms(side.phases[n].iter().copied()));
        let phase = phase.as_str();
        figures.tell(&format!("{name}_{phase}_bare"), bare * 1e3, "us");
        figures.tell(
            &format!("{name}_{phase}_to_bare"),
            ratio(ours, bare),
            "ratio",
        );
    }
}

fn main() {
    if remote::serve_if_asked() {
        return;
    }
    let turns = if measure::is_short() { 2 } else { 40 };
    let remote = Remote::start(Duration::ZERO, Duration::ZERO);
    let runtime = measure::runtime();
    let mut figures = Figures::of("handshake");
    let tls = TlsClient::with_roots([remote.root.clone()]).unwrap();

    let full = Arc::new(Bare::new(remote.address, [remote.root.clone()], false));
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for _ in 0..turns {
        theirs.turn(|| bare(&runtime, &full, true));
        ours.turn(|| probe(&runtime, &remote, &tls));
    }
    compare(&mut figures, "probe", &ours, &theirs);

    let resuming = Arc::new(Bare::new(remote.address, [remote.root.clone()], true));
    let (_, pin) = remote.endpoint();
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(remote.catalog())
        .dialer(Dialer::builder().pin(pin).tls(tls).build().unwrap())
        .network("bench")
        .build()
        .unwrap();
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for _ in 0..turns {
        theirs.turn(|| bare(&runtime, &resuming, false));
        ours.turn(|| open(&runtime, &selector));
    }
    compare(&mut figures, "resumed", &ours, &theirs);
    figures.finish();
}
