//! Policies that choose one candidate by measured latency: TCP ping, MongoDB's latency window, and
//! peak-EWMA with the power of two choices.

use super::{connect_one, resolve};
use crate::policy::{Connecting, Policy};
use crate::random::Random;
use crate::world::Event;

/// The time limit of a chosen candidate, before the next one is tried.
const LIMIT_MS: f64 = 10_000.0;

/// Sends four TCP pings to every address, every six hours per network. Orders by loss, then by the mean.
#[derive(Debug, Default)]
pub(crate) struct TcpPing {
    /// Per network: the hour of the last measurement, and its order.
    orders: Vec<(usize, f64, Vec<usize>)>,
}

impl TcpPing {
    const PINGS: usize = 4;
    const EVERY_HOURS: f64 = 6.0;

    fn measure(event: &Event, sim: &mut Connecting) -> Vec<usize> {
        let mut means: Vec<(usize, f64, usize)> = (event.usable())
            .map(|one| {
                let answers: Vec<f64> = (0..Self::PINGS).filter_map(|_| sim.probe(one)).collect();
                let mean = answers.iter().sum::<f64>() / answers.len().max(1) as f64;
                (Self::PINGS - answers.len(), mean, one)
            })
            .collect();
        means.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        means.into_iter().map(|(_, _, one)| one).collect()
    }
}

impl Policy for TcpPing {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        let fresh = |(network, hour, _): &&(usize, f64, Vec<usize>)| {
            *network == event.network && event.hour - hour < Self::EVERY_HOURS
        };
        let order = self
            .orders
            .iter()
            .find(fresh)
            .map(|(_, _, order)| order.clone());
        let order = order.unwrap_or_else(|| {
            let order = Self::measure(event, sim);
            self.orders
                .retain(|(network, ..)| *network != event.network);
            self.orders.push((event.network, event.hour, order.clone()));
            order
        });
        for one in order.into_iter().cycle() {
            let resolved = resolve(sim, event.candidates()[one].host);
            if !resolved
                || connect_one(sim, one, LIMIT_MS)
                || sim.now_ms() >= crate::policy::LIMIT_MS
            {
                return;
            }
        }
    }
}

/// Sends heartbeats to every address every 10 s, and keeps an EWMA with weight 0.2. Chooses at random
/// among the addresses within 15 ms of the least.
pub(crate) struct MongoWindow {
    random: Random,
    last_hour: f64,
}

impl std::fmt::Debug for MongoWindow {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MongoWindow")
    }
}

impl MongoWindow {
    /// Enough that the oldest weighs about 5 % in the mean.
    const HEARTBEATS: usize = 14;
    const WINDOW_MS: f64 = 15.0;

    pub(crate) fn new(seed: u64) -> Self {
        MongoWindow {
            random: Random::new(&[seed, 12]),
            last_hour: 0.0,
        }
    }

    fn mean_ms(sim: &mut Connecting, one: usize) -> Option<f64> {
        let mut mean: Option<f64> = None;
        for _ in 0..Self::HEARTBEATS {
            let ms = sim.heartbeat(one)?;
            mean = Some(mean.map_or(ms, |mean| 0.2 * ms + 0.8 * mean));
        }
        mean
    }
}

impl Policy for MongoWindow {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        let means: Vec<(usize, f64)> = (event.usable())
            .filter_map(|one| Some((one, Self::mean_ms(sim, one)?)))
            .collect();
        let seconds = (event.hour - self.last_hour) * 3600.0;
        self.last_hour = event.hour;
        sim.count_messages((seconds / 10.0 * event.usable().count() as f64) as u32);
        let least = means
            .iter()
            .map(|(_, ms)| *ms)
            .fold(f64::INFINITY, f64::min);
        let mut window: Vec<usize> = (means.iter())
            .filter(|(_, ms)| *ms <= least + Self::WINDOW_MS)
            .map(|(one, _)| *one)
            .collect();
        while sim.now_ms() < crate::policy::LIMIT_MS && !window.is_empty() {
            let one = window[self.random.below(window.len())];
            resolve(sim, event.candidates()[one].host);
            if connect_one(sim, one, LIMIT_MS) {
                return;
            }
            // The driver counts it as down until its next heartbeat.
            window.retain(|other| *other != one);
            if window.is_empty() {
                window = means.iter().map(|(one, _)| *one).collect();
            }
        }
    }
}

/// Takes the better of two random candidates, by a mean that jumps to peaks and decays with τ = 10 s.
pub(crate) struct PeakEwma {
    random: Random,
    /// Per candidate: the mean in ms, and the hour of its last update.
    means: Vec<(f64, f64)>,
}

impl std::fmt::Debug for PeakEwma {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PeakEwma")
    }
}

impl PeakEwma {
    const TAU_HOURS: f64 = 10.0 / 3600.0;

    pub(crate) fn new(seed: u64) -> Self {
        PeakEwma {
            random: Random::new(&[seed, 13]),
            means: Vec::new(),
        }
    }

    fn mean(&self, one: usize, hour: f64) -> f64 {
        let (ms, at) = self.means[one];
        ms * (-(hour - at) / Self::TAU_HOURS).exp()
    }
}

impl Policy for PeakEwma {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        self.means.resize(event.candidates().len(), (0.0, 0.0));
        let usable: Vec<usize> = event.usable().collect();
        while sim.now_ms() < crate::policy::LIMIT_MS {
            let hour = event.hour + sim.now_ms() / 3.6e6;
            let (a, b) = (
                self.random.below(usable.len()),
                self.random.below(usable.len() - 1),
            );
            let (a, b) = (usable[a], usable[if b >= a { b + 1 } else { b }]);
            let one = if self.mean(b, hour) < self.mean(a, hour) {
                b
            } else {
                a
            };
            resolve(sim, event.candidates()[one].host);
            let begin_ms = sim.now_ms();
            let opened = connect_one(sim, one, LIMIT_MS);
            let ms = sim.now_ms() - begin_ms;
            let (last, at) = self.means[one];
            let weight = (-(hour - at) / Self::TAU_HOURS).exp();
            let mean = if ms > last {
                ms
            } else {
                last * weight + ms * (1.0 - weight)
            };
            self.means[one] = (mean, hour);
            if opened {
                return;
            }
        }
    }
}
