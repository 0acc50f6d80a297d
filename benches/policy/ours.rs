//! Our policies: the pure machines, driven in virtual time.

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
use health::Severity;
use history::{History, Refresh};
use prior::Place;
use race::{Action, Race, Settings};

/// (a): the fewest dials; for reconnects and metered networks.
pub(crate) const THRIFTY: Settings = Settings {
    dials: 3,
    worth: 0.1,
    cold_dials: 3,
    syn_patience: 2.5,
    syn_least_ms: 100.0,
    z: 1.64,
    flight_least_ms: 40.0,
};

/// (m): the default.
pub(crate) const BALANCED: Settings = Settings {
    dials: 4,
    worth: 0.03,
    cold_dials: 4,
    syn_patience: 2.2,
    syn_least_ms: 80.0,
    z: 1.4,
    flight_least_ms: 35.0,
};

/// (b): the widest that still pays.
pub(crate) const WIDE: Settings = Settings {
    dials: 5,
    worth: 0.009,
    cold_dials: 5,
    syn_patience: 2.0,
    syn_least_ms: 60.0,
    z: 1.2,
    flight_least_ms: 30.0,
};

pub(crate) const REFRESH_THRIFTY: Refresh = Refresh {
    probes: 4,
    worth: 0.005,
};
pub(crate) const REFRESH_BALANCED: Refresh = Refresh {
    probes: 3,
    worth: 0.007,
};
pub(crate) const REFRESH_WIDE: Refresh = Refresh {
    probes: 2,
    worth: 0.01,
};

/// A client with our policy.
pub(crate) struct Ours {
    settings: Settings,
    refresh: Refresh,
    random: Random,
    networks: HashMap<usize, History>,
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

impl Policy for Ours {
    fn connect(&mut self, event: &Event, sim: &mut Contest) {
        let history = self.networks.entry(event.network).or_insert_with(|| {
            let mut history = History::default();
            for one in event.candidates() {
                history.add(Place {
                    cluster: one.cluster,
                    host: one.host,
                    v6: one.v6,
                });
            }
            history
        });
        let today = Duration::from_secs_f64(event.hour * 3600.0);
        let race = run(self.settings, history, event, sim, today);
        let queue_ms = race.queue_ms();
        let now = today + elapsed(sim);
        let opened = sim.tally().opened.is_some();
        if !opened {
            return;
        }
        for candidate in history.to_refresh(self.refresh, now) {
            let usable = event.usable().any(|one| one == candidate);
            if usable {
                let syn_ms = sim.probe(candidate).map(|ms| (ms - queue_ms).max(0.1));
                history.refreshed(candidate, syn_ms, now, self.random.uniform());
            }
        }
    }

    fn preference(&self, network: usize) -> Option<usize> {
        self.networks.get(&network)?.preferred()
    }
}

fn elapsed(sim: &Contest) -> Duration {
    Duration::from_secs_f64(sim.now_ms() / 1_000.0)
}

/// One race, or several if everything failed; teaches the history.
fn run(
    settings: Settings,
    history: &mut History,
    event: &Event,
    sim: &mut Contest,
    today: Duration,
) -> Race {
    (0..event.hosts()).for_each(|host| sim.resolve(host));
    loop {
        let began = elapsed(sim);
        let forecasts = history.forecasts(today + began);
        let mut race = Race::new(settings, history.gate());
        // The race's numbers are in the order of adding.
        let mut numbers: Vec<usize> = Vec::new();
        let warm = history.is_known();
        for host in 0..event.hosts() {
            if warm || sim.is_resolved(host) {
                for one in event.addresses(host) {
                    race.add(forecasts[one], Duration::ZERO);
                    numbers.push(one);
                }
            }
        }
        let mut waiting = (0..event.hosts())
            .filter(|host| !warm && !sim.is_resolved(*host))
            .count();
        if waiting == 0 {
            race.no_more();
        }
        let over = loop {
            let now = elapsed(sim).saturating_sub(began);
            let until_ms = match race.next(now) {
                Action::Dial(one) => {
                    sim.dial(numbers[one]);
                    continue;
                }
                Action::Handshake(one) => {
                    sim.handshake(numbers[one]);
                    continue;
                }
                Action::Cancel(one) => {
                    sim.cancel(numbers[one]);
                    continue;
                }
                Action::WaitUntil(at) => (began + at).as_secs_f64() * 1_000.0,
                Action::Wait => f64::INFINITY,
                Action::GiveUp => break false,
            };
            let Some(happening) = sim.wait(until_ms) else {
                break true;
            };
            let now = elapsed(sim).saturating_sub(began);
            let number = |one: usize| {
                numbers
                    .iter()
                    .position(|other| *other == one)
                    .unwrap_or(usize::MAX)
            };
            match happening {
                Happening::Resolved(host) if !warm => {
                    for one in event.addresses(host) {
                        race.add(forecasts[one], now);
                        numbers.push(one);
                    }
                    waiting -= 1;
                    if waiting == 0 {
                        race.no_more();
                    }
                }
                Happening::Established(one) => race.established(number(one), now),
                Happening::Secured(one) => race.secured(number(one), now),
                Happening::Failed(one, Failed::Dial) => race.failed(number(one), Severity::Soft),
                Happening::Failed(one, Failed::Handshake) => {
                    race.failed(number(one), Severity::Hard);
                }
                Happening::Open(one) => {
                    race.opened(number(one), now);
                    break true;
                }
                Happening::Resolved(_) | Happening::Time => {}
            }
        };
        let now = elapsed(sim);
        let mut lessons = race.lessons(now.saturating_sub(began));
        for lesson in &mut lessons {
            lesson.candidate = numbers[lesson.candidate];
        }
        history.learn(&lessons, today + now, 0.5);
        if over {
            return race;
        }
        // Everything failed for certain: once more after a second.
        let until_ms = sim.now_ms() + 1_000.0;
        while sim.now_ms() < until_ms {
            if sim.wait(until_ms).is_none() {
                return race;
            }
        }
    }
}
