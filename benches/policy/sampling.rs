//! How to find the fastest of a dozen candidates with few probes: fixed sampling against adaptive
//! sampling, at moments of the simulated week.

use easelect::machines::normal;
use serde::Serialize;

use crate::world::{Client, Event, World};

/// What a way to sample reached, on average.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sampling {
    pub(crate) rule: &'static str,
    pub(crate) probes: f64,
    /// The chosen one's true time over the best one's.
    pub(crate) regret: f64,
    pub(crate) over_10_percent_worse: f64,
}

/// A way to sample: the chosen candidate, and how many probes it took.
type Rule = fn(&Event) -> (Option<usize>, usize);

const RULES: [(&str, Rule); 3] = [
    ("4 each, loss first, mean", |event| fixed(event, mean)),
    ("4 each, median", |event| fixed(event, median)),
    ("adaptive", adaptive),
];

/// Every rule at `moments` moments of as many clients.
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
            // What never opens costs a time-out; here, twice the best.
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

/// Four probes of everything; fewest failures, then the smallest.
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

/// A whole handshake, if it comes to its end within 5 s.
fn probe(event: &Event, candidate: usize, n: u64) -> Option<f64> {
    event
        .attempt(candidate, n)
        .open_ms()
        .filter(|ms| *ms < 5_000.0)
}

/// What is known of a candidate: the mean of ln ms, over so many probes.
#[derive(Clone, Copy, Debug)]
struct Known {
    candidate: usize,
    mean: f64,
    probes: u64,
}

impl Known {
    /// The variance of ln of one whole handshake: three flights, their jitter partly averaged.
    const NOISE: f64 = 0.02;
    /// Upward surprises are clipped at so many standard deviations.
    const CLIP: f64 = 1.2;

    fn variance(&self) -> f64 {
        Self::NOISE / self.probes as f64
    }

    fn add(&mut self, ms: f64) {
        let deviation = (self.variance() + Self::NOISE).sqrt();
        let surprise = (ms.ln() - self.mean).min(Self::CLIP * deviation);
        self.probes += 1;
        self.mean += surprise / self.probes as f64;
    }

    /// The chance that it is better than another by 8 %.
    fn surely_below(&self, other: &Known) -> f64 {
        let ahead = other.mean - self.mean + (1.0_f64 - 0.08).ln();
        normal(ahead / (self.variance() + other.variance()).sqrt())
    }
}

/// One probe each, then the leader against its likeliest challenger, whichever is less sure, until
/// the chance that another one is better by 8 % is at most 10 %.
fn adaptive(event: &Event) -> (Option<usize>, usize) {
    const DOUBT: f64 = 0.1;
    const MOST: usize = 48;
    let first = |one| {
        Some(Known {
            candidate: one,
            mean: probe(event, one, 0)?.ln(),
            probes: 1,
        })
    };
    let mut known: Vec<Known> = event.usable().filter_map(first).collect();
    let mut used = event.usable().count();
    loop {
        known.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        let Some((leader, others)) = known.split_first() else {
            return (None, used);
        };
        let chances: Vec<f64> = others.iter().map(|one| one.surely_below(leader)).collect();
        let challenger = (chances.iter().enumerate()).max_by(|a, b| a.1.total_cmp(b.1));
        let Some((challenger, _)) = challenger else {
            return (Some(leader.candidate), used);
        };
        if chances.iter().sum::<f64>() <= DOUBT || used >= MOST {
            return (Some(leader.candidate), used);
        }
        let index = if leader.probes <= others[challenger].probes {
            0
        } else {
            challenger + 1
        };
        used += 1;
        match probe(event, known[index].candidate, known[index].probes) {
            Some(ms) => known[index].add(ms),
            None => {
                known.remove(index);
            }
        }
    }
}

/// The rules as text.
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
