//! One host after the other, 10 s each, as Easemob's SDKs do.

use super::resolve;
use crate::baselines::eyeballs::tcp_wins;
use crate::policy::{Connecting, LIMIT_MS, Policy};
use crate::random::Random;
use crate::world::Event;

/// The Web SDK's time limit for opening a connection (measured).
pub(super) const HOST_LIMIT_MS: f64 = 10_000.0;

/// The time after which browsers and hyper try the other family.
const FAMILY_DELAY_MS: f64 = 300.0;

/// Tries hosts in order, each by the first address of either family, as browsers do.
#[derive(Debug)]
pub(crate) enum Serial {
    /// Starts with the first host of the list, as the Web SDK does.
    First,
    /// Starts with a random host, as the mobile SDKs do.
    Random(Shuffle),
}

/// The source of the random choice.
pub(crate) struct Shuffle(Random);

impl std::fmt::Debug for Shuffle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shuffle")
    }
}

impl Serial {
    pub(crate) fn random(seed: u64) -> Self {
        Serial::Random(Shuffle(Random::new(&[seed, 11])))
    }
}

impl Policy for Serial {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        let first = match self {
            Serial::First => 0,
            Serial::Random(Shuffle(random)) => random.below(event.hosts()),
        };
        for n in 0.. {
            let host = (first + n) % event.hosts();
            let until_ms = sim.now_ms() + HOST_LIMIT_MS;
            if !resolve(sim, host) {
                return;
            }
            let all = event.addresses(host);
            let v6 = all.iter().find(|one| event.candidates()[**one].v6);
            let v4 = all.iter().find(|one| !event.candidates()[**one].v6);
            let two: Vec<usize> = v6.into_iter().chain(v4).copied().collect();
            if tcp_wins(sim, &two, FAMILY_DELAY_MS, until_ms) || sim.now_ms() >= LIMIT_MS {
                return;
            }
        }
    }
}
