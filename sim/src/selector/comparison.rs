//! What both layers reached, side by side.

use std::fmt::Write as _;

use serde::Serialize;

use crate::random::Random;
use crate::report::{self, Row, quantile, three_digits};
use crate::run::{Group, Record};

/// The quantiles that have to agree.
const QUANTILES: [f64; 3] = [0.50, 0.95, 0.99];

/// One policy in one world, in both layers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    world: String,
    connections: usize,
    machine: Row,
    selector: Row,
    /// How much longer the Selector takes than the machine.
    deviation: [Deviation; 3],
}

/// The deviation of one quantile, and its standard error if clients were drawn again.
#[derive(Clone, Copy, Debug, Serialize)]
struct Deviation {
    quantile: f64,
    percent: f64,
    standard_error: f64,
}

impl Comparison {
    /// Of the records of the oracle, the machine and the Selector, in order of clients.
    pub(super) fn new(
        world: &str,
        policy: &'static str,
        clients: u64,
        records: [&Record; 3],
    ) -> Self {
        let [_, machine, selector] = records.map(|one| &one.open_ms[..]);
        let deviation = deviation(machine, selector, clients);
        let [oracle, machine, selector] = records.map(|one| {
            let mut one = one.clone();
            one.open_ms.sort_by(f32::total_cmp);
            one
        });
        let row = |record| report::row(policy, Group::Ours, record, &oracle.open_ms);
        Comparison {
            world: world.to_owned(),
            connections: oracle.open_ms.len(),
            machine: row(&machine),
            selector: row(&selector),
            deviation,
        }
    }
}

/// In percent of the machine's quantiles. Both layers draw the same clients.
fn deviation(machine: &[f32], selector: &[f32], clients: u64) -> [Deviation; 3] {
    const DRAWS: usize = 200;
    let week = machine.len() / usize::try_from(clients).unwrap_or(usize::MAX).max(1);
    let weeks = |times: &[f32]| -> Vec<Vec<f32>> {
        times.chunks(week.max(1)).map(<[f32]>::to_vec).collect()
    };
    let (machine, selector) = (weeks(machine), weeks(selector));
    let percents = |drawn: &[usize]| {
        let sorted = |weeks: &[Vec<f32>]| {
            let mut times: Vec<f32> = (drawn.iter())
                .flat_map(|one| weeks[*one].iter().copied())
                .collect();
            times.sort_by(f32::total_cmp);
            times
        };
        let (machine, selector) = (sorted(&machine), sorted(&selector));
        QUANTILES.map(|q| 100.0 * (quantile(&selector, q) / quantile(&machine, q) - 1.0))
    };
    let all: Vec<usize> = (0..machine.len()).collect();
    let mut random = Random::new(&[15]);
    let draws: Vec<[f64; 3]> = (0..DRAWS)
        .map(|_| {
            let drawn: Vec<usize> = all.iter().map(|_| random.below(all.len())).collect();
            percents(&drawn)
        })
        .collect();
    let percents = percents(&all);
    std::array::from_fn(|n| {
        let mean = draws.iter().map(|one| one[n]).sum::<f64>() / DRAWS as f64;
        let squares = draws.iter().map(|one| (one[n] - mean).powi(2));
        Deviation {
            quantile: QUANTILES[n],
            percent: percents[n],
            standard_error: (squares.sum::<f64>() / DRAWS as f64).sqrt(),
        }
    })
}

/// A world's comparisons as text.
pub(crate) fn text(comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    let Some(first) = comparisons.first() else {
        return text;
    };
    let _ = writeln!(
        text,
        "\n{}: {} connections in both layers, the Selector's deviation from the machine",
        first.world, first.connections
    );
    let _ = writeln!(
        text,
        "{:<20} {:>17} {:>15} {:>6} {:>5} {:>12} {:>7} {:>7}",
        "policy, layer",
        "ms p50/p95/p99",
        "ratio to oracle",
        "> 5 s",
        "stuck",
        "+ TCP / TLS",
        "+ SYN",
        "changes"
    );
    for comparison in comparisons {
        let layers = [
            ("machine", &comparison.machine),
            ("Selector", &comparison.selector),
        ];
        for (layer, row) in layers {
            let name = format!("{}, {layer}", row.policy);
            let ms = format!("{:.0}/{:.0}/{:.0}", row.p50_ms, row.p95_ms, row.p99_ms);
            let ratio = [row.ratio_p50, row.ratio_p95, row.ratio_p99]
                .map(three_digits)
                .join("/");
            let extra = [row.extra_tcp, row.extra_tls].map(three_digits).join("/");
            let _ = writeln!(
                text,
                "{name:<20} {ms:>17} {ratio:>15} {:>5.2}% {:>5} {extra:>12} {:>7.2} {:>7.0}",
                row.over_5s_percent, row.stuck, row.background_syn, row.used_changes,
            );
        }
        let deviation = (comparison.deviation)
            .map(|one| format!("{:+.1} ± {:.1}", one.percent, one.standard_error))
            .join(" / ");
        let _ = writeln!(text, "{:<20} {deviation} %", "  deviation");
    }
    text
}
