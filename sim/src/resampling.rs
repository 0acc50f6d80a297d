//! Standard errors of quantiles, by the bootstrap: clients are drawn again, with replacement. A client's
//! connections are drawn together, because they are correlated.

use crate::random::Random;

/// The quantiles in the results.
pub(crate) const QUANTILES: [f64; 3] = [0.50, 0.95, 0.99];

const DRAWS: usize = 200;

/// Returns the index of the q-quantile among `count` sorted numbers.
pub(crate) fn place(q: f64, count: usize) -> usize {
    (q * count.saturating_sub(1) as f64).round() as usize
}

/// Times in order of clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) ms: Vec<f32>,
    /// The number of times of each client.
    counts: Vec<usize>,
}

impl Times {
    /// Creates the times of one client.
    pub(crate) fn of_client(ms: Vec<f32>) -> Self {
        let counts = vec![ms.len()];
        Times { ms, counts }
    }

    pub(crate) fn append(&mut self, others: Times) {
        self.ms.extend(others.ms);
        self.counts.extend(others.counts);
    }

    pub(crate) fn sorted(&self) -> Vec<f32> {
        let mut sorted = self.ms.clone();
        sorted.sort_by(f32::total_cmp);
        sorted
    }
}

/// The quantiles of all clients, and of each draw of clients. For equal numbers of clients, the draws are
/// the same.
#[derive(Debug)]
pub(crate) struct Quantiles {
    all: [f64; 3],
    drawn: Vec<[f64; 3]>,
}

/// A figure computed from quantiles, and its standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Quantiles {
    pub(crate) fn new(times: &Times) -> Self {
        let clients = times.counts.len();
        let owners = (times.counts.iter().enumerate())
            .flat_map(|(client, count)| std::iter::repeat_n(client, *count));
        let mut sorted: Vec<(f32, usize)> = times.ms.iter().copied().zip(owners).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut random = Random::new(&[15]);
        let draw = |_| {
            let mut often = vec![0; clients];
            (0..clients).for_each(|_| often[random.below(clients)] += 1);
            weighted(&sorted, &often, &times.counts)
        };
        Quantiles {
            drawn: (0..DRAWS).map(draw).collect(),
            all: weighted(&sorted, &vec![1; clients], &times.counts),
        }
    }

    /// Computes a figure from each of these quantiles and the same one of `others`.
    pub(crate) fn with(&self, others: &Quantiles, figure: fn(f64, f64) -> f64) -> [Estimate; 3] {
        std::array::from_fn(|n| {
            let drawn = self.drawn.iter().zip(&others.drawn);
            let drawn: Vec<f64> = drawn.map(|(one, other)| figure(one[n], other[n])).collect();
            let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
            let squares = drawn.iter().map(|one| (one - mean).powi(2));
            Estimate {
                value: figure(self.all[n], others.all[n]),
                error: (squares.sum::<f64>() / DRAWS as f64).sqrt(),
            }
        })
    }
}

/// Returns the quantiles in which each client counts `often` times.
fn weighted(sorted: &[(f32, usize)], often: &[usize], counts: &[usize]) -> [f64; 3] {
    let total = often.iter().zip(counts).map(|(n, count)| n * count).sum();
    let places = QUANTILES.map(|q| place(q, total));
    let (mut quantiles, mut found, mut passed) = ([f64::NAN; 3], 0, 0);
    for (ms, client) in sorted {
        passed += often[*client];
        while found < places.len() && passed > places[found] {
            quantiles[found] = f64::from(*ms);
            found += 1;
        }
        if found == places.len() {
            break;
        }
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::quantile;

    fn times(clients: u64, each: usize) -> Times {
        let mut times = Times::default();
        for client in 0..clients {
            let mut random = Random::new(&[client]);
            let level = random.lognormal(100.0, 0.5);
            let ms = (0..each).map(|_| random.lognormal(level, 0.1) as f32);
            times.append(Times::of_client(ms.collect()));
        }
        times
    }

    #[test]
    fn without_drawing_they_are_the_quantiles() {
        let times = times(7, 13);
        let all = Quantiles::new(&times).all;
        let sorted = times.sorted();
        assert_eq!(all, QUANTILES.map(|q| quantile(&sorted, q)));
    }

    /// More connections per client don't reduce the error; more clients do.
    #[test]
    fn clients_are_drawn_not_connections() {
        let error = |times: &Times| {
            let (one, flat) = (Quantiles::new(times), Times::of_client(vec![1.0]));
            let flat = Quantiles::new(&flat);
            one.with(&flat, |a, b| (a / b).ln())[0].error
        };
        let (few, long, many) = (times(50, 20), times(50, 200), times(800, 20));
        assert!(error(&long) > 0.6 * error(&few));
        assert!(error(&many) < 0.5 * error(&few));
    }

    /// Both sides draw the same clients, so that a constant factor has no error.
    #[test]
    fn both_have_the_same_clients() {
        let one = times(50, 20);
        let mut slower = one.clone();
        slower.ms.iter_mut().for_each(|ms| *ms *= 1.5);
        let ratios = Quantiles::new(&slower).with(&Quantiles::new(&one), |a, b| a / b);
        for ratio in ratios {
            assert!((ratio.value - 1.5).abs() < 1e-5);
            assert!(ratio.error < 1e-5);
        }
    }
}
