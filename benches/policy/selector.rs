//! Layer 2: the real [`easelect::Selector`], with real TLS and a real WebSocket upgrade on both
//! sides, in tokio's paused time, on the numbers that layer 1 plays its machines on.
//!
//! Same worlds, clients and events; the n-th dial of a candidate in an event meets the same as in
//! layer 1. What differs:
//!
//! - Legs end on whole milliseconds, without bias ([`moments`]), and the Selector's own timers up
//!   to one late. What is recorded has the fraction of a millisecond.
//! - The Selector is not told which hosts are of one cluster ([`player`]).
//! - A TLS handshake that fails does so for a wrong certificate, also where the world resets it.
//! - Layer 1 learns from a background SYN at once, here it takes its time; an event waits for the
//!   end of the one before.
//! - Preferences are not compared: layer 1's are addresses, the Selector's are hosts.
//!
//! The first two hardly matter. Layer 1 played on whole milliseconds, or without clusters, reaches
//! the same within 0.6 % (400 clients, p50, p95 and p99, default world).

mod comparison;
mod moments;
mod network;
mod player;
mod server;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use easelect::Policy;
use easelect::machines::Width;

use crate::ours::Ours;
use crate::run::{self, Entry, Group, Ledger, Record};
use crate::world::{Client, World};
pub(crate) use comparison::{Comparison, text};
use player::{Ground, Player};

/// The Selector's policies, and the machines of layer 1 that they should equal.
const PAIRS: [(Policy, Entry); 2] = [
    (
        Policy::Thrifty,
        Entry {
            name: "thrifty",
            group: Group::Ours,
            build: |seed| Box::new(Ours::new(Width::THRIFTY, seed)),
        },
    ),
    (
        Policy::Fast,
        Entry {
            name: "fast",
            group: Group::Ours,
            build: |seed| Box::new(Ours::new(Width::FAST, seed)),
        },
    ),
];

/// Plays both layers. The world lives as long as the Selectors' connectors, which may outlive
/// everything.
pub(crate) fn compare(
    world: &'static World,
    title: &str,
    clients: u64,
    limit: usize,
) -> Result<Vec<Comparison>, String> {
    let machines: Vec<&Entry> = PAIRS.iter().map(|(_, machine)| machine).collect();
    let machines = run::play(world, clients, limit, &machines);
    let (oracle, machines) = machines.split_first().ok_or("no records")?;
    let pairs = PAIRS.iter().zip(machines);
    let comparisons = pairs.map(|((policy, entry), machine)| {
        let selector = play(world, clients, limit, *policy).map_err(|error| error.to_string())?;
        let records = [oracle, machine, &selector];
        Ok(Comparison::new(title, entry.name, clients, records))
    });
    comparisons.collect()
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Plays `clients` clients with Selectors.
fn play(world: &'static World, clients: u64, limit: usize, policy: Policy) -> Outcome<Record> {
    let ground = Ground::new(world)?;
    let weeks = run::weeks(clients, |number| {
        week(world, &ground, number, limit, policy)
    });
    let mut total = Record::default();
    for record in weeks {
        total.append(record?);
    }
    Ok(total)
}

/// One client's week.
fn week(
    world: &'static World,
    ground: &Ground,
    number: u64,
    limit: usize,
    policy: Policy,
) -> Outcome<Record> {
    let seed = crate::random::seed(&[world.seed, number]);
    in_paused_time(async {
        let mut player = Player::new(ground, policy, seed)?;
        let mut ledger = Ledger::default();
        for event in Client::new(world, number).events().take(limit) {
            let played = player.play(event).await;
            ledger.enter(&played.scene.event, &played.tally, None);
        }
        Ok(ledger.record)
    })
}

/// Runs a future in a time that passes only while nothing else does.
fn in_paused_time<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(future)
}

/// What it guards is valid at any time, whoever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
