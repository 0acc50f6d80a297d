//! The command line.

use crate::world::parameters::Parameters;

/// What to play.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) clients: u64,
    /// Connections per client, at most.
    pub(crate) connections: usize,
    /// Worlds by name; the held-out seeds if true.
    pub(crate) worlds: Vec<(String, bool)>,
    /// Only policies whose name contains this.
    pub(crate) policy: Option<String>,
    pub(crate) small: bool,
    /// The engine, driven by the simulation.
    pub(crate) layer1: bool,
    /// The Selector beside them.
    pub(crate) layer2: bool,
    /// The storm and adaptive sampling are left out if a part was asked for.
    pub(crate) extras: bool,
    /// Nothing but the storm, with so many clients.
    pub(crate) storm: Option<usize>,
}

pub(crate) const USAGE: &str = "\
cargo run --release -p easelect-sim -- [--small] [--world NAME] [--policy NAME] [--held-out]
                                       [--clients N] [--layer2] [--storm]

  --small           20 clients, 60 connections each
  --world NAME      only this world of world.toml
  --policy NAME     only policies whose name contains this
  --held-out        on the seeds that no constant was tuned on
  --clients N       400 without it
  --layer2          only the Selector, with a quarter of the clients; left out if a policy is named
  --storm           only the storm of reconnecting clients: 20 000 without --clients, all ways to
                    come back or those whose name contains --policy's";

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut small, mut held_out, mut clients) = (false, false, None);
        let (mut world, mut policy, mut only_layer2) = (None, None, false);
        let mut only_storm = false;
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--small" => small = true,
                "--layer2" => only_layer2 = true,
                "--storm" => only_storm = true,
                "--held-out" => held_out = true,
                "--world" => world = Some(value()?),
                "--policy" => policy = Some(value()?),
                "--clients" => {
                    let value = value()?;
                    let number = value
                        .parse()
                        .map_err(|_| format!("{value:?} is no number"))?;
                    clients = Some(number);
                }
                other => return Err(format!("{other:?} is not understood\n\n{USAGE}")),
            }
        }
        let extras = world.is_none() && policy.is_none() && !only_layer2;
        let worlds = match world {
            Some(world) => vec![(world, held_out)],
            None => {
                let default = |name: &String| name == "default";
                let all = Parameters::variants();
                let held = all
                    .iter()
                    .filter(|name| default(name))
                    .map(|name| (name.clone(), true));
                let tuned = all.iter().map(|name| (name.clone(), held_out));
                held.chain(tuned.filter(|one| !(held_out && default(&one.0))))
                    .collect()
            }
        };
        let storm = only_storm.then_some(clients.unwrap_or(20_000) as usize);
        Ok(Options {
            storm,
            clients: clients.unwrap_or(if small { 20 } else { 400 }),
            connections: if small { 60 } else { usize::MAX },
            worlds,
            layer1: !only_layer2,
            layer2: only_layer2 || policy.is_none(),
            policy,
            small,
            extras,
        })
    }
}
