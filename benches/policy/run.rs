//! Plays a world's weeks with every policy, on all threads, in the same order of numbers whatever
//! their count.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::policy::{Contest, LIMIT_MS, Policy};
use crate::world::{Client, Event, World};

/// A policy to be played: its name, and how a client gets one.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) build: fn(seed: u64) -> Box<dyn Policy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Oracle,
    Baseline,
    Ours,
}

/// What a policy did in a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Time to open, in order of client and connection.
    pub(crate) open_ms: Vec<f32>,
    /// Connections that did not open in time.
    pub(crate) unopened: u64,
    /// Over 5 s where the oracle needed less than 2 s.
    pub(crate) stuck: u64,
    pub(crate) extra_tcp: u64,
    pub(crate) extra_tls: u64,
    pub(crate) background: u64,
    pub(crate) messages: u64,
    /// Connections after another one on the same network, and how many were to another candidate.
    pub(crate) repeated: u64,
    pub(crate) switches: u64,
    pub(crate) preference_changes: u64,
}

impl Record {
    fn append(&mut self, other: Record) {
        self.open_ms.extend(other.open_ms);
        self.unopened += other.unopened;
        self.stuck += other.stuck;
        self.extra_tcp += other.extra_tcp;
        self.extra_tls += other.extra_tls;
        self.background += other.background;
        self.messages += other.messages;
        self.repeated += other.repeated;
        self.switches += other.switches;
        self.preference_changes += other.preference_changes;
    }
}

/// A client's policy with what it used last on each network.
struct Player {
    policy: Box<dyn Policy>,
    record: Record,
    used: [Option<usize>; 2],
    preferred: [Option<usize>; 2],
}

impl Player {
    fn play(&mut self, event: &Event, oracle_ms: f64) {
        let mut contest = Contest::new(event);
        self.policy.connect(event, &mut contest);
        let tally = contest.tally();
        let record = &mut self.record;
        let open_ms = tally.opened.map_or(LIMIT_MS, |(_, ms)| ms);
        record.open_ms.push(open_ms as f32);
        record.unopened += u64::from(tally.opened.is_none());
        record.stuck += u64::from(open_ms > 5_000.0 && oracle_ms < 2_000.0);
        record.extra_tcp += u64::from(tally.dials.saturating_sub(1));
        record.extra_tls += u64::from(tally.handshakes.saturating_sub(1));
        record.background += u64::from(tally.background);
        record.messages += u64::from(tally.messages);
        let (true, Some((candidate, _))) = (event.is_regular(), tally.opened) else {
            return;
        };
        let network = event.network;
        if let Some(before) = self.used[network].replace(candidate) {
            record.repeated += 1;
            record.switches += u64::from(before != candidate);
        }
        let preferred = self.policy.preference(network);
        let before = std::mem::replace(&mut self.preferred[network], preferred);
        record.preference_changes += u64::from(before.is_some() && before != preferred);
    }
}

/// Plays `clients` clients with every policy; the first record is the oracle's.
pub(crate) fn play(world: &World, clients: u64, limit: usize, entries: &[&Entry]) -> Vec<Record> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut weeks: Vec<(u64, Vec<Record>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut weeks = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= clients {
                            return weeks;
                        }
                        weeks.push((number, week(world, number, limit, entries)));
                    }
                })
            })
            .collect();
        let joined = workers
            .into_iter()
            .flat_map(|one| one.join().unwrap_or_default());
        joined.collect()
    });
    weeks.sort_by_key(|(number, _)| *number);
    let mut totals = vec![Record::default(); entries.len() + 1];
    for (_, records) in weeks {
        for (total, record) in totals.iter_mut().zip(records) {
            total.append(record);
        }
    }
    totals
}

/// One client's week.
fn week(world: &World, number: u64, limit: usize, entries: &[&Entry]) -> Vec<Record> {
    let client = Client::new(world, number);
    let mut oracle = Record::default();
    let mut players: Vec<Player> = (entries.iter())
        .map(|entry| Player {
            policy: (entry.build)(crate::random::seed(&[world.seed, number])),
            record: Record::default(),
            used: [None; 2],
            preferred: [None; 2],
        })
        .collect();
    for event in client.events().take(limit) {
        let oracle_ms = event.oracle_ms().unwrap_or(LIMIT_MS).min(LIMIT_MS);
        oracle.open_ms.push(oracle_ms as f32);
        oracle.unopened += u64::from(oracle_ms >= LIMIT_MS);
        for player in &mut players {
            player.play(&event, oracle_ms);
        }
    }
    let records = players.into_iter().map(|player| player.record);
    std::iter::once(oracle).chain(records).collect()
}
