//! Which policy opens connections fastest, and at what cost: the pure machines against a
//! simulated world, many clients, common random numbers.
//!
//! ```text
//! cargo bench --bench policy -- [--small] [--world NAME] [--policy NAME] [--held-out] [--clients N]
//! ```

mod baselines;
mod ours;
mod policy;
mod random;
mod report;
mod run;
mod world;

use std::process::ExitCode;

use baselines::{MongoWindow, OpenWins, PeakEwma, RaceAll, Serial, TcpPing, TcpWins};
use ours::Ours;
use report::Table;
use run::{Entry, Group};
use world::World;
use world::parameters::Parameters;

/// Constants are tuned on the first, never on the second.
const TUNING_SEED: u64 = 20_240_117;
const HELD_OUT_SEED: u64 = 77_000_131;

const ENTRIES: &[Entry] = &[
    baseline("random host, 10 s", |seed| Box::new(Serial::random(seed))),
    baseline("first host, 10 s", |_| Box::new(Serial::First)),
    baseline("TCP ping x 4", |_| Box::new(TcpPing::default())),
    baseline("MongoDB window", |seed| Box::new(MongoWindow::new(seed))),
    baseline("peak-EWMA P2C", |seed| Box::new(PeakEwma::new(seed))),
    baseline("RFC 8305, TCP wins", |_| Box::new(TcpWins)),
    baseline("HEv3-style, open wins", |_| Box::new(OpenWins)),
    baseline("race everything", |_| Box::new(RaceAll)),
    ours("ours, thrifty", |seed| {
        Box::new(Ours::new(ours::THRIFTY, ours::REFRESH_THRIFTY, seed))
    }),
    ours("ours", |seed| {
        Box::new(Ours::new(ours::BALANCED, ours::REFRESH_BALANCED, seed))
    }),
    ours("ours, wide", |seed| {
        Box::new(Ours::new(ours::WIDE, ours::REFRESH_WIDE, seed))
    }),
];

const fn baseline(name: &'static str, build: fn(u64) -> Box<dyn policy::Policy>) -> Entry {
    Entry {
        name,
        group: Group::Baseline,
        build,
    }
}

const fn ours(name: &'static str, build: fn(u64) -> Box<dyn policy::Policy>) -> Entry {
    Entry {
        name,
        group: Group::Ours,
        build,
    }
}

fn main() -> ExitCode {
    for name in Parameters::variants() {
        let parameters = match Parameters::variant(&name) {
            Ok(parameters) => parameters,
            Err(error) => {
                eprintln!("policy: {error}");
                return ExitCode::FAILURE;
            }
        };
        let world = World::new(parameters, TUNING_SEED);
        let mut records = run::play(&world, 60, usize::MAX, ENTRIES);
        print!("{}", Table::new(&name, ENTRIES, &mut records).text());
    }
    ExitCode::SUCCESS
}
