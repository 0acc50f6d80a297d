//! Compares fixed and adaptive sampling: how well each finds the fastest of a dozen candidates, and with
//! how many probes, at moments of the simulated week.

use easelect_engine::probability::normal;
use serde::Serialize;

use crate::world::{Answer, Client, Event, World};

/// The mean results of a sampling rule.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sampling {
    pub(crate) rule: &'static str,
    pub(crate) probes: f64,
    /// The true time of the chosen candidate divided by that of the best one.
    pub(crate) regret: f64,
    pub(crate) over_10_percent_worse: f64,
}

/// A sampling rule: returns the chosen candidate and the number of probes.
type Rule = fn(&Event) -> (Option<usize>, usize);

const RULES: [(&str, Rule); 3] = [
    ("4 each, loss first, mean", |event| fixed(event, mean)),
    ("4 each, median", |event| fixed(event, median)),
    ("adaptive", adaptive),
];

/// Plays every rule at `moments` moments, each of another client.
pub(crate) fn all(world: &World, moments: u64) -> Vec<Sampling> {
    let mut sums = [(0usize, 0.0, 0usize); RULES.len()];
    let mut count = 0usize;
    for number in 0..moments {
        let client = Client::new(world, number);
        let Some(event) = client.events().nth(number as usize % 200) else {
            continue;
        };
        let truth = |one: usize| event.true_ms(one);
        let Some(best) = event.usable().filter_map(truth).min_by(f64::total_cmp) else {
            continue;
        };
        count += 1;
        for ((_, rule), sum) in RULES.iter().zip(&mut sums) {
            let (chosen, probes) = rule(&event);
            // A candidate that never opens costs a timeout: here, twice the best time.
            let regret = chosen.and_then(truth).map_or(2.0, |ms| ms / best);
            sum.0 += probes;
            sum.1 += regret;
            sum.2 += usize::from(regret > 1.1);
        }
    }
    let count = count.max(1) as f64;
    (RULES.iter().zip(sums))
        .map(|((rule, _), (probes, regret, worse))| Sampling {
            rule,
            probes: probes as f64 / count,
            regret: regret / count,
            over_10_percent_worse: 100.0 * worse as f64 / count,
        })
        .collect()
}

fn mean(sorted: &[f64]) -> f64 {
    sorted.iter().sum::<f64>() / sorted.len() as f64
}

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2])
}

/// Probes every candidate four times. Orders by failures, then by the summary of the times.
fn fixed(event: &Event, summary: fn(&[f64]) -> f64) -> (Option<usize>, usize) {
    const EACH: u64 = 4;
    let summaries = event.usable().map(|one| {
        let mut times: Vec<f64> = (0..EACH).filter_map(|n| probe(event, one, n)).collect();
        times.sort_by(f64::total_cmp);
        let ms = if times.is_empty() {
            f64::INFINITY
        } else {
            summary(&times)
        };
        (EACH - times.len() as u64, ms, one)
    });
    let all: Vec<_> = summaries.collect();
    let best = (all.iter().filter(|one| one.1.is_finite()))
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    (best.map(|one| one.2), EACH as usize * all.len())
}

/// Returns the time of a whole handshake, if it completes within 5 s.
fn probe(event: &Event, candidate: usize, n: u64) -> Option<f64> {
    event
        .attempt(candidate, n)
        .open_ms()
        .filter(|ms| *ms < 5_000.0)
}

/// Returns the times of a whole handshake's SYN, TLS and upgrade, in ms.
fn flights(event: &Event, candidate: usize, n: u64) -> Option<[f64; 3]> {
    probe(event, candidate, n)?;
    let attempt = event.attempt(candidate, n);
    match (attempt.syn, attempt.tls, attempt.upgrade) {
        (Answer::After(syn), Answer::After(tls), Answer::After(upgrade)) => {
            Some([syn, tls, upgrade])
        }
        _ => None,
    }
}

/// The samples of a candidate. A spike hits one flight of a probe and rarely two, so the typical round
/// trip and the typical upgrade are estimated apart. (With the mean of the sums, clipped upwards, 8.3 % of
/// choices are wrong after 18.5 probes.)
#[derive(Clone, Debug)]
struct Known {
    candidate: usize,
    /// ln of the round trips of SYN and TLS: two per probe.
    round_trips: Vec<f64>,
    /// ln of the upgrades.
    upgrades: Vec<f64>,
    /// ln of the typical whole handshake.
    mean: f64,
}

impl Known {
    /// The variance of the logarithm of a whole handshake.
    const NOISE: f64 = 0.02;

    fn new(candidate: usize, flights: [f64; 3]) -> Self {
        let mut known = Known {
            candidate,
            round_trips: Vec::new(),
            upgrades: Vec::new(),
            mean: 0.0,
        };
        known.add(flights);
        known
    }

    fn probes(&self) -> u64 {
        self.upgrades.len() as u64
    }

    fn variance(&self) -> f64 {
        Self::NOISE / self.upgrades.len() as f64
    }

    fn add(&mut self, [syn, tls, upgrade]: [f64; 3]) {
        self.round_trips.extend([syn.ln(), tls.ln()]);
        self.upgrades.push(upgrade.ln());
        let [round_trip, upgrade] =
            [&mut self.round_trips, &mut self.upgrades].map(|lns| usual(lns));
        self.mean = (2.0 * round_trip.exp() + upgrade.exp()).ln();
    }

    /// Returns the probability that this candidate is at least 8 % faster than another.
    fn surely_below(&self, other: &Known) -> f64 {
        let ahead = other.mean - self.mean + (1.0_f64 - 0.08).ln();
        normal(ahead / (self.variance() + other.variance()).sqrt())
    }
}

/// Returns the lower median, which a spike can't raise, corrected to the middle: the lesser of two is
/// expected .56 standard deviations below it, the second of four .30 (normal order statistics).
fn usual(lns: &mut [f64]) -> f64 {
    /// The standard deviation of ln of one flight: the jitter is .10 to .20.
    const DEVIATION: f64 = 0.15;
    lns.sort_by(f64::total_cmp);
    let below = match lns.len() {
        2 => 0.564,
        4 => 0.297,
        6 => 0.202,
        8 => 0.153,
        _ => 0.0,
    };
    lns[(lns.len() - 1) / 2] + below * DEVIATION
}

/// Probes each candidate once. Then probes the first or its likeliest challenger, whichever has fewer
/// samples, until the probability that any other is 8 % faster is at most 10 %.
fn adaptive(event: &Event) -> (Option<usize>, usize) {
    const DOUBT: f64 = 0.1;
    const MOST: usize = 48;
    let first = |one| Some(Known::new(one, flights(event, one, 0)?));
    let mut known: Vec<Known> = event.usable().filter_map(first).collect();
    let mut used = event.usable().count();
    loop {
        known.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        let Some((first, others)) = known.split_first() else {
            return (None, used);
        };
        let chances: Vec<f64> = others.iter().map(|one| one.surely_below(first)).collect();
        let challenger = (chances.iter().enumerate()).max_by(|a, b| a.1.total_cmp(b.1));
        let Some((challenger, _)) = challenger else {
            return (Some(first.candidate), used);
        };
        if chances.iter().sum::<f64>() <= DOUBT || used >= MOST {
            return (Some(first.candidate), used);
        }
        let index = if first.probes() <= others[challenger].probes() {
            0
        } else {
            challenger + 1
        };
        used += 1;
        match flights(event, known[index].candidate, known[index].probes()) {
            Some(flights) => known[index].add(flights),
            None => {
                known.remove(index);
            }
        }
    }
}

/// Returns the results as text.
pub(crate) fn text(rules: &[Sampling]) -> String {
    let mut text = format!(
        "\n{:<26} {:>7} {:>7} {:>18}\n",
        "sampling", "probes", "regret", "> 10 % worse"
    );
    for one in rules {
        text += &format!(
            "{:<26} {:>7.1} {:>7.3} {:>16.1} %\n",
            one.rule, one.probes, one.regret, one.over_10_percent_worse,
        );
    }
    text
}
