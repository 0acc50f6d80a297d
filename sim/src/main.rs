//! Compares policies of opening connections: how fast they are, and at what cost. Layer 1 plays the
//! engine's decisions and other clients' policies for many clients in a simulated world. Layer 2 plays
//! the real `Selector` for a part of the same clients. All policies meet the same random numbers.
//!
//! `cargo run --release -p easelect-sim -- --help` lists the options.

mod baselines;
mod options;
mod ours;
mod policy;
mod random;
mod reconnect_storm;
mod report;
mod resampling;
mod run;
mod sampling;
mod selector;
mod world;

use std::path::Path;
use std::process::ExitCode;

use easelect_engine::race::Width;

use baselines::{MongoWindow, OpenWins, PeakEwma, RaceAll, Serial, TcpPing, TcpWins};
use options::{Choice, Options, Seed};
use ours::{Ours, Told};
use report::Table;
use run::{Entry, Group, Record};
use serde::Serialize;
use world::parameters::Parameters;
use world::{Trace, World};

/// The default number of clients.
const CLIENTS: u64 = 400;

/// Layer 2 plays one client in this many, because TLS costs time. Fewer would say little about p99: with
/// 40 clients, single close decisions move it by 1 to 2 %.
const LAYER_2: u64 = 4;

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
        Box::new(Ours::new(Width::THRIFTY, seed))
    }),
    ours("ours, fast", |seed| Box::new(Ours::new(Width::FAST, seed))),
    ours("ours, wide", |seed| Box::new(Ours::new(ours::WIDE, seed))),
    ours("ours, reconnecting", |seed| {
        Box::new(Ours::new(Width::RECONNECT, seed))
    }),
    ours("ours, one at a time", |seed| {
        Box::new(Ours::new(Width::ONE, seed))
    }),
    told("ours, prior 0", |seed| fast_told(Told::Truth(0.0), seed)),
    told("ours, prior .2", |seed| fast_told(Told::Truth(0.2), seed)),
    told("ours, prior .5", |seed| fast_told(Told::Truth(0.5), seed)),
    told("ours, prior permuted", |seed| {
        fast_told(Told::Permuted, seed)
    }),
    told("ours, prior of another", |seed| {
        fast_told(Told::OfAnother, seed)
    }),
    told("ours, prior doubled", |seed| fast_told(Told::Doubled, seed)),
    told("ours, prior alike", |seed| fast_told(Told::Alike, seed)),
    told("ours, prior / 4", |seed| fast_told(Told::Quartered, seed)),
];

const fn baseline(name: &'static str, build: fn(u64) -> Box<dyn policy::Policy>) -> Entry {
    Entry {
        name,
        group: Group::Baseline,
        is_extra: false,
        build,
    }
}

const fn ours(name: &'static str, build: fn(u64) -> Box<dyn policy::Policy>) -> Entry {
    Entry {
        name,
        group: Group::Ours,
        is_extra: false,
        build,
    }
}

/// `Fast` with a file of priors, which may be right or wrong. Played only if `--policy` names it.
const fn told(name: &'static str, build: fn(u64) -> Box<dyn policy::Policy>) -> Entry {
    Entry {
        is_extra: true,
        ..ours(name, build)
    }
}

fn fast_told(told: Told, seed: u64) -> Box<dyn policy::Policy> {
    Box::new(Ours::new(Width::FAST, seed).told(told))
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{}", options::USAGE);
        return ExitCode::SUCCESS;
    }
    match Options::parse(std::env::args().skip(1)).and_then(|options| play(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("easelect-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(options: &Options) -> Result<(), String> {
    if let Some(clients) = options.storm {
        let name = options.policy.as_deref().unwrap_or_default();
        print!(
            "{}",
            reconnect_storm::text(&reconnect_storm::all(clients, name))
        );
        return Ok(());
    }
    let began = std::time::Instant::now();
    let chosen = |entry: &&Entry| {
        let wanted = options.policy.as_deref();
        wanted.map_or(!entry.is_extra, |wanted| entry.name.contains(wanted))
    };
    let entries: Vec<&Entry> = ENTRIES.iter().filter(chosen).collect();
    if entries.is_empty() {
        return Err(format!(
            "no policy's name contains {:?}",
            options.policy.as_deref().unwrap_or_default()
        ));
    }
    let folder = report::folder();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (mut tables, mut comparisons, mut texts) = (Vec::new(), Vec::new(), String::new());
    let mut say = |text: &str| {
        print!("{text}");
        texts += text;
    };
    for choice in &options.worlds {
        let parameters = Parameters::variant(&choice.world)?;
        // Leaked, because the Selectors' connectors may outlive this function.
        let world: &'static World =
            Box::leak(Box::new(World::new(parameters, choice.seed.number())));
        for (title, records) in layer1(options, choice, world, &entries)? {
            let table = Table::new(&title, &entries, &records);
            say(&table.text());
            tables.push(table);
        }
        if options.layer2 {
            let clients = options.clients.unwrap_or(CLIENTS).div_ceil(LAYER_2);
            let connections = options.connections;
            let compared = selector::compare(world, &choice.title(), clients, connections)?;
            say(&selector::text(&compared));
            comparisons.extend(compared);
        }
    }
    let (mut storms, mut rules) = (Vec::new(), Vec::new());
    if options.extras {
        let (clients, moments) = if options.small {
            (2_000, 100)
        } else {
            (20_000, 4_000)
        };
        storms = reconnect_storm::all(clients, "");
        say(&reconnect_storm::text(&storms));
        let world = World::new(Parameters::variant("default")?, Seed::Tuning.number());
        rules = sampling::all(&world, moments);
        say(&sampling::text(&rules));
    }
    let results = Results {
        tables,
        comparisons,
        storms,
        sampling: rules,
    };
    let json = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
    write(&folder.join("policy.json"), &json)?;
    write(&folder.join("policy.txt"), &texts)?;
    println!(
        "\n{:.0} s; text and JSON: {}",
        began.elapsed().as_secs_f64(),
        folder.display()
    );
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Plays the weeks of a world's clients, or a file's traces instead. Returns titles and records.
fn layer1(
    options: &Options,
    choice: &Choice,
    world: &World,
    entries: &[&Entry],
) -> Result<Vec<(String, Vec<Record>)>, String> {
    let limit = options.connections;
    let Some(path) = options.trace.as_ref().filter(|_| options.layer1) else {
        let clients = options.clients.unwrap_or(CLIENTS);
        let play = || (choice.title(), run::play(world, clients, limit, entries));
        return Ok(options.layer1.then(play).into_iter().collect());
    };
    let traces = Trace::read(path, world.candidates().len())?;
    let clients = options.clients.unwrap_or(u64::MAX);
    let replay = |trace: &Trace| {
        let title = format!("{}, hosts as in {}", trace.name, choice.title());
        (title, run::replay(world, trace, clients, limit, entries))
    };
    Ok(traces.iter().map(replay).collect())
}

/// The results in `policy.json`.
#[derive(Serialize)]
struct Results {
    tables: Vec<Table>,
    comparisons: Vec<selector::Comparison>,
    storms: Vec<reconnect_storm::Return>,
    sampling: Vec<sampling::Sampling>,
}
