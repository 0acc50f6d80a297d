//! The command line.

use std::path::PathBuf;

use crate::world::parameters::Parameters;

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Options {
    /// The number of clients; by default 400, and all clients of a trace.
    pub(crate) clients: Option<u64>,
    /// The most connections per client.
    pub(crate) connections: usize,
    pub(crate) worlds: Vec<Choice>,
    /// A trace to replay instead of the worlds' weeks.
    pub(crate) trace: Option<PathBuf>,
    /// Plays only policies whose name contains this.
    pub(crate) policy: Option<String>,
    pub(crate) small: bool,
    /// Whether to play layer 1: the engine's decisions and other clients' policies.
    pub(crate) layer1: bool,
    /// Whether to play layer 2: the Selector.
    pub(crate) layer2: bool,
    /// Whether to play the storm and the sampling, too. Options that select a part exclude them.
    pub(crate) extras: bool,
    /// Plays only the storm, with this many clients.
    pub(crate) storm: Option<usize>,
}

/// A world by name, and the seed of its random numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) world: String,
    pub(crate) seed: Seed,
}

/// The engine's constants are tuned on `Tuning`, never on `HeldOut`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seed {
    Tuning,
    HeldOut,
    Other(u64),
}

impl Seed {
    pub(crate) fn number(self) -> u64 {
        match self {
            Seed::Tuning => 20_240_117,
            Seed::HeldOut => 77_000_131,
            Seed::Other(number) => number,
        }
    }
}

impl Choice {
    fn new(world: &str, seed: Seed) -> Self {
        Choice {
            world: world.to_owned(),
            seed,
        }
    }

    /// The title of its table.
    pub(crate) fn title(&self) -> String {
        match self.seed {
            Seed::Tuning => self.world.clone(),
            Seed::HeldOut => format!("{}, held out", self.world),
            Seed::Other(number) => format!("{}, seed {number}", self.world),
        }
    }
}

pub(crate) const USAGE: &str = "\
cargo run --release -p easelect-sim -- [--small] [--world NAME] [--policy NAME]
                                       [--held-out | --seed N] [--clients N] [--layer1 | --layer2]
                                       [--trace FILE] [--storm]

  --small           20 clients with 60 connections each
  --world NAME      only this world of sim/src/world.toml, or \"all\"; without storm and sampling
  --policy NAME     only policies whose name contains NAME, without layer 2
  --held-out        use the seed on which no constant was tuned
  --seed N          use this seed
  --clients N       the number of clients: 400 by default, all clients of a trace
  --layer1          only the engine's decisions and other clients' policies
  --layer2          only the Selector, for a quarter of the clients
  --trace FILE      replay measured round trips, in layer 1 only; the hosts are those of --world, or
                    of the default world; sim/src/world/trace.rs documents the format
  --storm           only the storm of reconnecting clients, 20 000 by default; --policy selects the
                    schedules whose name contains NAME

Tables and JSON are written to target/policy.";

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut small, mut held_out, mut seed, mut clients) = (false, false, None, None);
        let (mut world, mut policy, mut trace) = (None, None, None);
        let (mut only_layer1, mut only_layer2, mut only_storm) = (false, false, false);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--small" => small = true,
                "--layer1" => only_layer1 = true,
                "--layer2" => only_layer2 = true,
                "--storm" => only_storm = true,
                "--held-out" => held_out = true,
                "--seed" => seed = Some(number(&value()?)?),
                "--world" => world = Some(value()?),
                "--policy" => policy = Some(value()?),
                "--trace" => trace = Some(PathBuf::from(value()?)),
                "--clients" => clients = Some(number(&value()?)?),
                other => return Err(format!("unknown option {other:?}\n\n{USAGE}")),
            }
        }
        let conflicts = [
            (held_out && seed.is_some(), "--held-out", "--seed"),
            (only_layer1 && only_layer2, "--layer1", "--layer2"),
            (trace.is_some() && only_layer2, "--trace", "--layer2"),
            (trace.is_some() && only_storm, "--trace", "--storm"),
        ];
        if let Some((_, one, other)) = conflicts.into_iter().find(|(both, ..)| *both) {
            return Err(format!("{one} and {other} can't be combined\n\n{USAGE}"));
        }
        let only_layer1 = only_layer1 || trace.is_some();
        let part = only_layer1 || only_layer2 || policy.is_some();
        let storm = only_storm.then_some(clients.unwrap_or(20_000) as usize);
        let seed = match (seed, held_out) {
            (Some(seed), _) => Seed::Other(seed),
            (None, true) => Seed::HeldOut,
            (None, false) => Seed::Tuning,
        };
        let replayed = trace.as_ref().map(|_| "default");
        Ok(Options {
            extras: !part && world.is_none(),
            worlds: worlds(world.as_deref().or(replayed), seed),
            layer1: !only_layer2,
            layer2: only_layer2 || (!only_layer1 && policy.is_none()),
            connections: if small { 60 } else { usize::MAX },
            clients: clients.or(small.then_some(20)),
            trace,
            policy,
            small,
            storm,
        })
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| format!("{text:?}: expected a whole number"))
}

/// The worlds to play: every one unless one is named. Then the default world comes first, with the
/// held-out seed unless another is given.
fn worlds(named: Option<&str>, seed: Seed) -> Vec<Choice> {
    let all = Parameters::variants();
    let on = |name: &String| Choice::new(name, seed);
    match named {
        Some("all") => all.iter().map(on).collect(),
        Some(world) => vec![Choice::new(world, seed)],
        None => {
            let first = match seed {
                Seed::Tuning => Seed::HeldOut,
                asked => asked,
            };
            let first = Choice::new("default", first);
            let others = all.iter().map(on).filter(|one| *one != first);
            std::iter::once(first.clone()).chain(others).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    fn titles(line: &str) -> Vec<String> {
        let options = parse(line).unwrap();
        options.worlds.iter().map(Choice::title).collect()
    }

    #[test]
    fn every_world_is_played_on_any_seed() {
        assert_eq!(titles("--world clean --seed 7"), ["clean, seed 7"]);
        assert_eq!(titles("--world clean --held-out"), ["clean, held out"]);
        let all = titles("--world all --seed 7");
        assert_eq!(all.len(), Parameters::variants().len());
        assert!(all.iter().all(|title| title.ends_with(", seed 7")));
        let everything = titles("");
        assert_eq!(everything.len(), all.len() + 1);
        assert_eq!(everything[0], "default, held out");
        assert_eq!(titles("--held-out").len(), all.len());
        assert_eq!(titles("--seed 7")[0], "default, seed 7");
    }

    #[test]
    fn a_part_is_all_that_is_played() {
        let whole = parse("").unwrap();
        assert!(whole.layer1 && whole.layer2 && whole.extras);
        let layer1 = parse("--layer1").unwrap();
        assert!(layer1.layer1 && !layer1.layer2 && !layer1.extras);
        let layer2 = parse("--layer2").unwrap();
        assert!(!layer2.layer1 && layer2.layer2 && !layer2.extras);
        let all = parse("--world all").unwrap();
        assert!(all.layer1 && all.layer2 && !all.extras);
        let trace = parse("--trace seattle.trace").unwrap();
        assert!(trace.layer1 && !trace.layer2 && !trace.extras);
        assert_eq!(trace.worlds.len(), 1);
    }

    #[test]
    fn what_excludes_each_other_is_told() {
        let conflicts = [
            "--held-out --seed 7",
            "--layer1 --layer2",
            "--trace some --layer2",
            "--trace some --storm",
            "--trace",
            "--seed x",
        ];
        for line in conflicts {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
