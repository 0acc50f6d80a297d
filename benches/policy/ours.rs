//! Our policies: the pure machines, driven in virtual time.
//!
//! Figures at constants are ratios of quantiles (p50/p95/p99) to the oracle's in the default world
//! on the tuning seeds, 300 or 400 clients, one constant moved at a time. They are of the days of
//! tuning, so the rest was not always what it is now: trust the direction and the size, not the
//! last digit. Differences of .01 are at the edge of what the table shows.

pub(crate) mod backoff;
pub(crate) mod forecast;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod prior;
pub(crate) mod race;

use std::collections::HashMap;
use std::time::Duration;

use crate::policy::{Contest, Failed, Happening, Policy};
use crate::random::Random;
use crate::world::Event;
use forecast::Forecast;
use health::Severity;
use history::{History, Refresh};
use prior::Place;
use race::{Action, Race, Settings};

/// The fewest dials. 400 clients of the tuning seeds: ratio 1.25/1.20/1.14, extra TCP .63. A
/// `worth` of .04 gives 1.24/1.19/1.14 at .78, of .10 1.28/1.24/1.17 at .42.
pub(crate) const THRIFTY: Settings = Settings {
    dials: 3,
    worth: 0.06,
    cold_dials: 2,
    syn_patience: 2.5,
    syn_least_ms: 100.0,
    z: 1.64,
    flight_least_ms: 40.0,
};

/// The default: 1.20/1.16/1.12 at 1.2 extra TCP. Four dials gain less than .01 and cost .15 TCP; a
/// `worth` of .018 gains nothing that shows and costs .07; four dials when cold gain .01 and cost
/// .08. `z` and the SYN's patience hardly matter within ± 15 %.
pub(crate) const BALANCED: Settings = Settings {
    dials: 3,
    worth: 0.021,
    cold_dials: 3,
    syn_patience: 2.2,
    syn_least_ms: 80.0,
    z: 1.4,
    flight_least_ms: 35.0,
};

/// The widest that still pays: 1.15/1.12/1.09 at 2.3 extra TCP.
pub(crate) const WIDE: Settings = Settings {
    dials: 5,
    worth: 0.009,
    cold_dials: 5,
    syn_patience: 2.0,
    syn_least_ms: 60.0,
    z: 1.2,
    flight_least_ms: 30.0,
};

/// One probe after a connection is enough: three cost twice the SYNs (.41 for .21) for .01 of p50.
/// Thrifty dials see less, so that more has to be asked in the background.
pub(crate) const REFRESH_THRIFTY: Refresh = Refresh {
    probes: 1,
    worth: 0.01,
};
/// .37 SYNs per connection; a `worth` of .01 costs .09 more and gains nothing that shows, of .018
/// it saves .05 and costs .01 of p50.
pub(crate) const REFRESH_BALANCED: Refresh = Refresh {
    probes: 1,
    worth: 0.015,
};
pub(crate) const REFRESH_WIDE: Refresh = Refresh {
    probes: 1,
    worth: 0.01,
};

/// A client with our policy.
pub(crate) struct Ours {
    settings: Settings,
    refresh: Refresh,
    random: Random,
    networks: HashMap<usize, Network>,
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ours")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Ours {
    pub(crate) fn new(settings: Settings, refresh: Refresh, seed: u64) -> Self {
        Ours {
            settings,
            refresh,
            random: Random::new(&[seed, 14]),
            networks: HashMap::new(),
        }
    }
}

/// A network's history, which numbers the candidates in the order of this list.
#[derive(Default)]
struct Network {
    history: History,
    candidates: Vec<usize>,
}

impl Network {
    fn new(event: &Event) -> Self {
        let mut network = Network::default();
        for candidate in event.usable() {
            let one = &event.candidates()[candidate];
            network.history.add(Place {
                cluster: one.cluster,
                host: one.host,
                v6: one.v6,
            });
            network.candidates.push(candidate);
        }
        network
    }

    fn number(&self, candidate: usize) -> usize {
        let found = self.candidates.iter().position(|one| *one == candidate);
        found.unwrap_or(usize::MAX)
    }
}

impl Policy for Ours {
    fn connect(&mut self, event: &Event, sim: &mut Contest) {
        let network = (self.networks.entry(event.network)).or_insert_with(|| Network::new(event));
        let today = Duration::from_secs_f64(event.hour * 3600.0);
        let queue_ms = run(self.settings, network, event, sim, today, &mut self.random);
        if sim.tally().opened.is_none() {
            return;
        }
        let now = today + elapsed(sim);
        for number in network.history.to_refresh(self.refresh, now) {
            let syn_ms = sim.probe(network.candidates[number]);
            let syn_ms = syn_ms.map(|ms| (ms - queue_ms).max(0.1));
            (network.history).refreshed(number, syn_ms, now, self.random.uniform());
        }
    }

    fn preference(&self, network: usize) -> Option<usize> {
        let network = self.networks.get(&network)?;
        Some(network.candidates[network.history.preferred()?])
    }
}

fn elapsed(sim: &Contest) -> Duration {
    Duration::from_secs_f64(sim.now_ms() / 1_000.0)
}

/// One race, or several if everything failed; teaches the history. The access link's queue.
fn run(
    settings: Settings,
    network: &mut Network,
    event: &Event,
    sim: &mut Contest,
    today: Duration,
    random: &mut Random,
) -> f64 {
    (0..event.hosts()).for_each(|host| sim.resolve(host));
    loop {
        let began = elapsed(sim);
        let mut race = Race::new(settings, network.history.gate());
        let mut driver = Driver::new(network, event, sim, today + began);
        let over = driver.run(&mut race, began);
        let numbers = driver.numbers;
        let now = elapsed(sim);
        let mut lessons = race.lessons(now.saturating_sub(began));
        for lesson in &mut lessons {
            lesson.candidate = network.number(numbers[lesson.candidate]);
        }
        (network.history).learn(&lessons, today + now, random.uniform());
        let until_ms = sim.now_ms() + RETRY_MS;
        while !over && sim.now_ms() < until_ms {
            if sim.wait(until_ms).is_none() {
                return race.queue_ms();
            }
        }
        if over {
            return race.queue_ms();
        }
    }
}

/// When everything failed for certain, it is tried again after this.
const RETRY_MS: f64 = 1_000.0;

/// Carries out what a race wants.
struct Driver<'d, 'e> {
    network: &'d Network,
    event: &'d Event<'d>,
    sim: &'d mut Contest<'e>,
    forecasts: Vec<Forecast>,
    /// The world's candidates in the race's order.
    numbers: Vec<usize>,
}

impl<'d, 'e> Driver<'d, 'e> {
    fn new(
        network: &'d Network,
        event: &'d Event<'d>,
        sim: &'d mut Contest<'e>,
        now: Duration,
    ) -> Self {
        Driver {
            forecasts: network.history.forecasts(now),
            network,
            event,
            sim,
            numbers: Vec::new(),
        }
    }

    /// Until something opens, or the time is over; false if everything failed.
    fn run(&mut self, race: &mut Race, began: Duration) -> bool {
        // On a known network the remembered addresses are dialled while names are refreshed.
        let known = self.network.history.is_known();
        let mut waiting = 0;
        for host in 0..self.event.hosts() {
            if known || self.sim.is_resolved(host) {
                self.add(race, host, Duration::ZERO);
            } else {
                waiting += 1;
            }
        }
        loop {
            if waiting == 0 {
                race.no_more();
            }
            let now = elapsed(self.sim).saturating_sub(began);
            let until_ms = match race.next(now) {
                Action::Dial(one) => {
                    self.sim.dial(self.numbers[one]);
                    continue;
                }
                Action::Handshake(one) => {
                    self.sim.handshake(self.numbers[one]);
                    continue;
                }
                Action::Cancel(one) => {
                    self.sim.cancel(self.numbers[one]);
                    continue;
                }
                Action::WaitUntil(at) => (began + at).as_secs_f64() * 1_000.0,
                Action::Wait => f64::INFINITY,
                Action::GiveUp => return false,
            };
            let Some(happening) = self.sim.wait(until_ms) else {
                return true;
            };
            let now = elapsed(self.sim).saturating_sub(began);
            match happening {
                Happening::Resolved(host) if !known => {
                    self.add(race, host, now);
                    waiting -= 1;
                }
                Happening::Established(one) => race.established(self.place(one), now),
                Happening::Secured(one) => race.secured(self.place(one), now),
                Happening::Failed(one, Failed::Dial) => {
                    race.failed(self.place(one), Severity::Soft);
                }
                Happening::Failed(one, Failed::Handshake) => {
                    race.failed(self.place(one), Severity::Hard);
                }
                Happening::Open(one) => {
                    race.opened(self.place(one), now);
                    return true;
                }
                Happening::Resolved(_) | Happening::Time => {}
            }
        }
    }

    fn add(&mut self, race: &mut Race, host: usize, now: Duration) {
        for one in self.event.addresses(host) {
            race.add(self.forecasts[self.network.number(one)], now);
            self.numbers.push(one);
        }
    }

    fn place(&self, candidate: usize) -> usize {
        let found = self.numbers.iter().position(|one| *one == candidate);
        found.unwrap_or(usize::MAX)
    }
}
