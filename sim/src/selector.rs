//! Layer 2: the real [`easelect::Selector`] in tokio's paused time, with real TLS and a real WebSocket
//! upgrade on both sides.
//!
//! Worlds, clients, events and random numbers are those of layer 1: the n-th dial of a candidate in an
//! event meets the same conditions. The differences:
//!
//! - Legs end on whole milliseconds, without bias ([`moments`]), and the Selector's own timers are up to
//!   1 ms late. The recorded times have fractions of a millisecond.
//! - The Selector doesn't know which hosts belong to one cluster ([`player`]).
//! - A TLS handshake that fails does so because of a wrong certificate, even where the world resets it.
//! - Layer 1 learns from a background SYN at once. Here, the SYN takes its time, and an event waits for
//!   the end of the one before.
//! - Preferences are not compared: in layer 1 they are addresses, in the Selector hosts.
//!
//! The first two hardly matter: layer 1 on whole milliseconds, or without clusters, deviates by at most
//! 0.6 % (400 clients, p50, p95 and p99, default world).

mod comparison;
mod moments;
mod network;
mod player;
mod server;

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use easelect::Policy;
use easelect_engine::race::Width;

use crate::ours::Ours;
use crate::run::{self, Entry, Group, Ledger, Record};
use crate::world::{Client, World};
pub(crate) use comparison::{Comparison, text};
use player::{Player, Shared};

/// The Selector's policies and their equivalents in layer 1.
const PAIRS: [(Policy, Entry); 2] = [
    (
        Policy::Thrifty,
        Entry {
            name: "thrifty",
            group: Group::Ours,
            is_extra: false,
            build: |seed| Box::new(Ours::new(Width::THRIFTY, seed)),
        },
    ),
    (
        Policy::Fast,
        Entry {
            name: "fast",
            group: Group::Ours,
            is_extra: false,
            build: |seed| Box::new(Ours::new(Width::FAST, seed)),
        },
    ),
];

/// Plays both layers. The world is `'static` because the Selectors' connectors may outlive this function.
pub(crate) fn compare(
    world: &'static World,
    title: &str,
    clients: u64,
    limit: usize,
) -> Result<Vec<Comparison>, String> {
    let engines: Vec<&Entry> = PAIRS.iter().map(|(_, engine)| engine).collect();
    let engines = run::play(world, clients, limit, &engines);
    let (oracle, engines) = engines.split_first().ok_or("no records")?;
    let pairs = PAIRS.iter().zip(engines);
    let comparisons = pairs.map(|((policy, entry), engine)| {
        let selector = play(world, clients, limit, *policy).map_err(|error| error.to_string())?;
        let records = [oracle, engine, &selector];
        Ok(Comparison::new(title, entry.name, records))
    });
    comparisons.collect()
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Plays `clients` clients with Selectors.
fn play(world: &'static World, clients: u64, limit: usize, policy: Policy) -> Outcome<Record> {
    let shared = Shared::new(world)?;
    let weeks = run::weeks(clients, |number| {
        week(world, &shared, number, limit, policy)
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
    shared: &Shared,
    number: u64,
    limit: usize,
    policy: Policy,
) -> Outcome<Record> {
    let seed = crate::random::seed(&[world.seed, number]);
    in_paused_time(async {
        let mut player = Player::new(shared, policy, seed)?;
        let mut ledger = Ledger::default();
        for event in Client::new(world, number).events().take(limit) {
            let played = player.play(event).await;
            ledger.enter(&played.scene.event, &played.tally, None);
        }
        Ok(ledger.close())
    })
}

/// Runs a future in paused time.
fn in_paused_time<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(future)
}

/// Locks a mutex, even after a panic: the guarded data are always valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use easelect::{Connect, Family, Phase, Resolve, Resolved};
    use tokio::time::Instant;

    use super::*;
    use crate::policy::PROBES;
    use crate::world::Answer;
    use crate::world::parameters::Parameters;
    use network::Network;
    use player::Played;
    use server::Identities;

    /// A world of world.toml, with changes.
    fn world(name: &str, change: impl FnOnce(&mut Parameters)) -> &'static World {
        let mut parameters = Parameters::variant(name).unwrap();
        change(&mut parameters);
        Box::leak(Box::new(World::new(parameters, 1)))
    }

    fn one_candidate(parameters: &mut Parameters) {
        let topology = &mut parameters.topology;
        (topology.domains, topology.clusters) = (1, 1);
        (topology.ipv4, topology.ipv6) = (1, 0);
    }

    /// A client's first connections.
    fn played(world: &'static World, client: u64, connections: usize) -> Vec<Played> {
        let shared = Shared::new(world).unwrap();
        let weeks = in_paused_time(async {
            let mut player = Player::new(&shared, Policy::Fast, client)?;
            let mut played = Vec::new();
            for event in Client::new(world, client).events().take(connections) {
                played.push(player.play(event).await);
            }
            Ok(played)
        });
        weeks.unwrap()
    }

    fn opened_ms(one: &Played) -> f64 {
        one.tally.opened.unwrap().1
    }

    /// Opening takes exactly DNS, SYN, TLS and upgrade. DNS counts only on the first network, because all
    /// networks have the same address.
    #[test]
    fn with_one_candidate_it_takes_what_was_sampled() {
        let world = world("clean", one_candidate);
        for (number, one) in played(world, 2, 40).iter().enumerate() {
            let event = &one.scene.event;
            let new = number == 0;
            let dns_ms = if new { event.dns_ms(0) } else { 0.0 };
            let sampled_ms = dns_ms + event.attempt(0, 0).open_ms().unwrap();
            assert!((opened_ms(one) - sampled_ms).abs() < 1e-6);
            let told = one.connection.as_ref().unwrap().time_to_open();
            assert!((told.as_secs_f64() * 1e3 - sampled_ms).abs() <= 0.5 + 1e-6);
            assert_eq!((one.tally.dials, one.tally.handshakes), (1, 1));
        }
    }

    /// Each leg of a winner takes as long as layer 1's attempt, except for rounding.
    #[test]
    fn winners_take_what_was_sampled() {
        let world = world("default", |_| {});
        let mut openings = 0;
        for one in (0..3).flat_map(|client| played(world, client, 60)) {
            let Some((candidate, ms)) = one.tally.opened else {
                continue;
            };
            openings += 1;
            let connection = one.connection.as_ref().unwrap();
            let told = connection.time_to_open().as_secs_f64() * 1e3;
            // A retry is another call of `connect`.
            assert!(ms > 1_000.0 || (told - ms).abs() <= 0.5 + 1e-6);
            let at_it =
                |attempt: &&easelect::Attempt| attempt.address == Some(connection.address());
            let dials = connection.attempts().iter().filter(at_it).count();
            let attempt = one.scene.event.attempt(candidate, dials as u64 - 1);
            let legs = [
                (Phase::Connect, attempt.syn),
                (Phase::Tls, attempt.tls),
                (Phase::Upgrade, attempt.upgrade),
            ];
            for (phase, answer) in legs {
                let took = connection.timings().get(phase).unwrap().as_secs_f64() * 1e3;
                let Answer::After(sampled_ms) = answer else {
                    panic!("{phase} of a winner: {answer:?}");
                };
                assert!(
                    (took - sampled_ms).abs() <= 1.0,
                    "{phase}: {took}, {sampled_ms}"
                );
            }
        }
        assert!(openings > 170, "{openings}");
    }

    #[test]
    fn rounding_has_no_bias() {
        let world = world("clean", |_| {});
        let errors: Vec<f64> = (0..4)
            .flat_map(|client| played(world, client, 60))
            .map(|one| {
                let told = one.connection.as_ref().unwrap().time_to_open();
                told.as_secs_f64() * 1e3 - opened_ms(&one)
            })
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(mean.abs() < 0.1, "{mean} ms");
    }

    /// The Selector counts every dial and handshake that the network saw.
    #[test]
    fn both_sides_count_the_same() {
        let world = world("default", |_| {});
        for one in played(world, 4, 60) {
            let (seen, tally) = (one.scene.seen(), one.tally);
            assert_eq!(
                (seen.dials, seen.handshakes, seen.background),
                (tally.dials, tally.handshakes, tally.background)
            );
            assert_eq!(tally.background, 0, "no history came from a file");
        }
    }

    /// Every kind of fault arrives as the world has it: as an error, or as silence.
    #[test]
    fn faults_arrive() {
        let fails_with = |change: fn(&mut Parameters)| {
            let world = world("clean", |parameters| {
                one_candidate(parameters);
                parameters.fault.factor = 1.0;
                change(parameters);
            });
            let one = played(world, 0, 1).remove(0);
            assert_eq!(one.tally.opened, None);
            one.tally
        };
        // Silence: one dial, and one handshake if a middlebox answers SYNs.
        let silent = fails_with(|parameters| parameters.fault.black_hole = 1.0);
        assert_eq!((silent.dials, silent.handshakes), (1, 0));
        let hijacked = fails_with(|parameters| parameters.fault.hijacked = 1.0);
        assert_eq!((hijacked.dials, hijacked.handshakes), (1, 1));
        let blocked = fails_with(|parameters| {
            (parameters.fault.sni_block, parameters.fault.sni_reset) = (1.0, 0.0);
        });
        assert_eq!((blocked.dials, blocked.handshakes), (1, 1));
        // Errors: tried again every second, for 30 s.
        let wrong = fails_with(|parameters| {
            (parameters.fault.poisoned, parameters.fault.poisoned_silent) = (1.0, 0.0);
        });
        assert!((20..=30).contains(&wrong.dials), "{wrong:?}");
        assert_eq!(wrong.dials, wrong.handshakes);
        let refused = fails_with(|parameters| {
            (
                parameters.fault.outage_every_hours,
                parameters.fault.outage_refuses,
            ) = (1e-6, 1.0);
        });
        assert!((20..=30).contains(&refused.dials), "{refused:?}");
        assert_eq!(refused.handshakes, 0);
    }

    /// Such a dial meets the conditions of layer 1's probes.
    #[test]
    fn a_dial_beside_an_open_connection_is_a_probe() {
        let world = world("clean", one_candidate);
        let network = Network::new(Identities::new(vec![network::name(0)]).unwrap());
        let event = Client::new(world, 1).events().next().unwrap();
        let sampled = [0, 1, PROBES + 1, PROBES + 2].map(|n| event.attempt(0, n).syn);
        let took = in_paused_time(async {
            let (scene, mut took) = (network.begin(event), Vec::new());
            for dial in 0..4 {
                if dial == 2 {
                    scene.open();
                }
                let began = Instant::now();
                network
                    .connect(&network::name(0), SocketAddr::from(([192, 0, 2, 0], 443)))
                    .await?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            Ok(took)
        });
        for (took, sampled) in took.unwrap().into_iter().zip(sampled) {
            assert!(matches!(sampled, Answer::After(ms) if (ms - took).abs() <= 1.0));
        }
    }

    /// DNS returns a network's own addresses. An address remembered from another network is dialled on the
    /// same path as in layer 1.
    #[test]
    fn addresses_are_those_of_layer_1() {
        let world = world("own-addresses", |parameters| {
            (parameters.fault.factor, parameters.noise.loss_factor) = (0.0, 0.0);
        });
        let network = Network::new(Identities::new(vec![network::name(0)]).unwrap());
        let client = Client::new(world, 2);
        let of = |network| client.events().find(|event| event.network == network);
        let (here, there) = (of(0).unwrap(), of(1).unwrap());
        let foreign = here.number(there.address(0)).unwrap();
        let sampled = [foreign, 0].map(|one| here.attempt(one, 0).syn);
        let host = network::name(0);
        let v4 = |resolved: Resolved| SocketAddr::new(resolved.addresses[0], 443);
        let took = in_paused_time(async {
            network.begin(there);
            let remembered = v4(network.resolve(&host, Family::V4).await?);
            let scene = network.begin(here);
            let listed = v4(network.resolve(&host, Family::V4).await?);
            assert_ne!(listed, remembered);
            let mut took = Vec::new();
            for address in [remembered, listed] {
                let began = Instant::now();
                network.connect(&host, address).await?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            assert_eq!(scene.seen().dials, 2);
            Ok(took)
        });
        for (took, sampled) in took.unwrap().into_iter().zip(sampled) {
            assert!(matches!(sampled, Answer::After(ms) if (ms - took).abs() <= 1.0));
        }
    }

    #[test]
    fn a_seed_replays_the_same() {
        let world = world("hostile", |_| {});
        let record = || play(world, 3, 25, Policy::Thrifty).unwrap();
        let (one, other) = (record(), record());
        assert_eq!(one.open.ms, other.open.ms);
        assert_eq!(one.extra_tcp, other.extra_tcp);
    }
}
