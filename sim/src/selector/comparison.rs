//! The results of both layers, side by side.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::{self, Oracle, Row, three_digits};
use crate::resampling::{QUANTILES, Quantiles};
use crate::run::{Group, Record};

/// One policy in one world, in both layers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    world: String,
    connections: usize,
    engine: Row,
    selector: Row,
    /// How much longer the Selector takes than the engine.
    deviation: [Deviation; 3],
}

/// The deviation of one quantile, and its standard error by drawing clients again.
#[derive(Clone, Copy, Debug, Serialize)]
struct Deviation {
    quantile: f64,
    percent: f64,
    standard_error: f64,
}

impl Comparison {
    /// Compares records of the oracle, the engine and the Selector, each in order of clients.
    pub(super) fn new(world: &str, policy: &'static str, records: [&Record; 3]) -> Self {
        let [oracle, engine, selector] = records;
        let connections = oracle.open.ms.len();
        let oracle = Oracle::new(oracle);
        let row = |record| report::row(policy, Group::Ours, record, &oracle);
        Comparison {
            world: world.to_owned(),
            connections,
            engine: row(engine),
            selector: row(selector),
            deviation: deviation(engine, selector),
        }
    }
}

/// In percent of the engine's quantiles. Both layers draw the same clients.
fn deviation(engine: &Record, selector: &Record) -> [Deviation; 3] {
    let [engine, selector] = [engine, selector].map(|one| Quantiles::new(&one.open));
    let percents = selector.with(&engine, |selector, engine| {
        100.0 * (selector / engine - 1.0)
    });
    std::array::from_fn(|n| Deviation {
        quantile: QUANTILES[n],
        percent: percents[n].value,
        standard_error: percents[n].error,
    })
}

/// Returns a world's comparisons as text.
pub(crate) fn text(comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    let Some(first) = comparisons.first() else {
        return text;
    };
    let _ = writeln!(
        text,
        "\n{}: {} connections in both layers, the Selector's deviation from the engine",
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
            ("engine", &comparison.engine),
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
