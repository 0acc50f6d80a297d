//! Plays a world's weeks with every policy, on all processors. The results don't depend on the number
//! of threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::policy::{Connecting, LIMIT_MS, Policy, Tally};
use crate::resampling::Times;
use crate::world::{Client, Event, Trace, World};

/// A policy to play.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    /// Played only if `--policy` names it.
    pub(crate) is_extra: bool,
    pub(crate) build: fn(seed: u64) -> Box<dyn Policy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Oracle,
    Baseline,
    Ours,
}

/// The results of a policy in a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The times to open, in order of clients and connections.
    pub(crate) open: Times,
    /// The times of each client's first connections on their networks.
    pub(crate) cold: Times,
    /// Connections that didn't open in time.
    pub(crate) unopened: u64,
    /// Connections that took over 5 s where the oracle needed less than 2 s.
    pub(crate) stuck: u64,
    pub(crate) extra_tcp: u64,
    pub(crate) extra_tls: u64,
    pub(crate) background: u64,
    pub(crate) messages: u64,
    /// Connections on a regular network that had one before.
    pub(crate) repeated: u64,
    /// Those of `repeated` that used another candidate than the one before.
    pub(crate) switches: u64,
    pub(crate) preference_changes: u64,
}

impl Record {
    pub(crate) fn append(&mut self, other: Record) {
        self.open.append(other.open);
        self.cold.append(other.cold);
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

/// A client's record, with the candidates used and preferred last on each regular network.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    record: Record,
    open_ms: Vec<f32>,
    cold_ms: Vec<f32>,
    used: [Option<usize>; 2],
    preferred: [Option<usize>; 2],
}

impl Ledger {
    /// Records the outcome of an event, and the candidate that is preferred on its network now.
    pub(crate) fn enter(&mut self, event: &Event, tally: &Tally, preferred: Option<usize>) {
        let open_ms = tally.opened.map_or(LIMIT_MS, |(_, ms)| ms);
        self.took(event, open_ms);
        let record = &mut self.record;
        record.unopened += u64::from(tally.opened.is_none());
        record.stuck += u64::from(open_ms > 5_000.0 && oracle_ms(event) < 2_000.0);
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
        let before = std::mem::replace(&mut self.preferred[network], preferred);
        record.preference_changes += u64::from(before.is_some() && before != preferred);
    }

    fn took(&mut self, event: &Event, open_ms: f64) {
        self.open_ms.push(open_ms as f32);
        if event.is_cold {
            self.cold_ms.push(open_ms as f32);
        }
    }

    /// Ends the client's week.
    pub(crate) fn close(self) -> Record {
        Record {
            open: Times::of_client(self.open_ms),
            cold: Times::of_client(self.cold_ms),
            ..self.record
        }
    }
}

fn oracle_ms(event: &Event) -> f64 {
    event.oracle_ms().unwrap_or(LIMIT_MS).min(LIMIT_MS)
}

/// A client's policy, and its record.
struct Player {
    policy: Box<dyn Policy>,
    ledger: Ledger,
}

impl Player {
    fn play(&mut self, event: &Event) {
        let mut connecting = Connecting::new(event);
        self.policy.connect(event, &mut connecting);
        let preferred = self.policy.preference(event.network);
        self.ledger.enter(event, &connecting.tally(), preferred);
    }
}

/// Plays `clients` clients with every policy. The first record is the oracle's.
pub(crate) fn play(world: &World, clients: u64, limit: usize, entries: &[&Entry]) -> Vec<Record> {
    let weeks = weeks(clients, |number| {
        let client = Client::new(world, number);
        week(world, number, client.events().take(limit), entries)
    });
    total(weeks, entries)
}

/// Plays the first `clients` clients of a trace.
pub(crate) fn replay(
    world: &World,
    trace: &Trace,
    clients: u64,
    limit: usize,
    entries: &[&Entry],
) -> Vec<Record> {
    let weeks = weeks(clients.min(trace.clients()), |number| {
        week(
            world,
            number,
            trace.events(world, number).take(limit),
            entries,
        )
    });
    total(weeks, entries)
}

/// Adds up every policy's records of all clients.
fn total(weeks: Vec<Vec<Record>>, entries: &[&Entry]) -> Vec<Record> {
    let mut totals = vec![Record::default(); entries.len() + 1];
    for records in weeks {
        for (total, record) in totals.iter_mut().zip(records) {
            total.append(record);
        }
    }
    totals
}

/// Calls `week` for each client, on all processors, and returns the results in order of clients.
pub(crate) fn weeks<T: Send>(clients: u64, week: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut weeks: Vec<(u64, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut weeks = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= clients {
                            return weeks;
                        }
                        weeks.push((number, week(number)));
                    }
                })
            })
            .collect();
        let joined = (workers.into_iter())
            .flat_map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect()
    });
    weeks.sort_by_key(|(number, _)| *number);
    weeks.into_iter().map(|(_, week)| week).collect()
}

/// Plays one client's week with the oracle and every policy.
fn week<'w>(
    world: &World,
    number: u64,
    events: impl Iterator<Item = Event<'w>>,
    entries: &[&Entry],
) -> Vec<Record> {
    let mut oracle = Ledger::default();
    let mut players: Vec<Player> = (entries.iter())
        .map(|entry| Player {
            policy: (entry.build)(crate::random::seed(&[world.seed, number])),
            ledger: Ledger::default(),
        })
        .collect();
    for event in events {
        let oracle_ms = oracle_ms(&event);
        oracle.took(&event, oracle_ms);
        oracle.record.unopened += u64::from(oracle_ms >= LIMIT_MS);
        for player in &mut players {
            player.play(&event);
        }
    }
    let ledgers = players.into_iter().map(|player| player.ledger);
    std::iter::once(oracle)
        .chain(ledgers)
        .map(Ledger::close)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::RaceAll;
    use crate::world::parameters::Parameters;

    #[test]
    fn results_do_not_depend_on_the_threads() {
        let world = World::new(Parameters::variant("hostile").unwrap(), 1);
        let entry = Entry {
            name: "race everything",
            group: Group::Baseline,
            is_extra: false,
            build: |_| Box::new(RaceAll),
        };
        let records = || play(&world, 6, 30, &[&entry]);
        let (one, other) = (records(), records());
        assert_eq!(one[1].open.ms, other[1].open.ms);
    }
}
