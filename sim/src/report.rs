//! Tables: what each policy reached, as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::run::{Entry, Group, Record};

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) policy: &'static str,
    #[serde(skip)]
    pub(crate) group: Option<Group>,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    /// Ratios of quantiles, to the oracle's.
    pub(crate) ratio_p50: f64,
    pub(crate) ratio_p95: f64,
    pub(crate) ratio_p99: f64,
    pub(crate) over_5s_percent: f64,
    /// Over 5 s where the oracle needed less than 2 s.
    pub(crate) stuck: u64,
    pub(crate) unopened: u64,
    /// The next four per connection.
    pub(crate) extra_tcp: f64,
    pub(crate) extra_tls: f64,
    pub(crate) background_syn: f64,
    pub(crate) background_messages: f64,
    /// Per 100 connections on a network seen before.
    pub(crate) used_changes: f64,
    pub(crate) preference_changes: f64,
}

/// A world's rows; the oracle's is the first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) world: String,
    pub(crate) connections: usize,
    pub(crate) rows: Vec<Row>,
}

/// The q-quantile of sorted numbers.
pub(crate) fn quantile(sorted: &[f32], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = (q * last as f64).round() as usize;
    sorted.get(index).map_or(f64::NAN, |ms| f64::from(*ms))
}

impl Table {
    /// Makes the table; sorts the times in the records.
    pub(crate) fn new(world: &str, entries: &[&Entry], records: &mut [Record]) -> Self {
        for record in records.iter_mut() {
            record.open_ms.sort_by(f32::total_cmp);
        }
        let oracle = records.first().map_or(&[][..], |one| &one.open_ms);
        let names = (entries.iter()).map(|entry| (entry.name, entry.group));
        let names = std::iter::once(("clairvoyant oracle", Group::Oracle)).chain(names);
        Table {
            world: world.to_owned(),
            connections: oracle.len(),
            rows: names
                .zip(records.iter())
                .map(|((name, group), record)| row(name, group, record, oracle))
                .collect(),
        }
    }

    /// The table as text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\n{}: {} connections\n", self.world, self.connections);
        let _ = writeln!(
            text,
            "{:<26} {:>17} {:>15} {:>6} {:>5} {:>12} {:>7} {:>12}",
            "policy",
            "ms p50/p95/p99",
            "ratio to oracle",
            "> 5 s",
            "stuck",
            "+ TCP / TLS",
            "+ SYN",
            "changes"
        );
        for row in &self.rows {
            let ms = format!("{:.0}/{:.0}/{:.0}", row.p50_ms, row.p95_ms, row.p99_ms);
            let ratio = [row.ratio_p50, row.ratio_p95, row.ratio_p99]
                .map(three_digits)
                .join("/");
            let extra = format!(
                "{}/{}",
                three_digits(row.extra_tcp),
                three_digits(row.extra_tls)
            );
            let background = if row.background_messages > 0.0 {
                format!("{:.0} m", row.background_messages)
            } else {
                format!("{:.2}", row.background_syn)
            };
            let changes = match row.group {
                Some(Group::Ours) => {
                    format!("{:.0} ({:.1})", row.used_changes, row.preference_changes)
                }
                Some(Group::Baseline) => format!("{:.0}", row.used_changes),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "{:<26} {ms:>17} {ratio:>15} {:>5.2}% {:>5} {extra:>12} {background:>7} {changes:>12}",
                row.policy, row.over_5s_percent, row.stuck,
            );
        }
        text
    }
}

pub(crate) fn three_digits(x: f64) -> String {
    if x >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

/// A row of a table; the times are sorted.
pub(crate) fn row(policy: &'static str, group: Group, record: &Record, oracle: &[f32]) -> Row {
    let times = &record.open_ms;
    let connections = times.len().max(1) as f64;
    let slow = times.iter().filter(|ms| **ms > 5_000.0).count();
    let ratio = |q| quantile(times, q) / quantile(oracle, q);
    let per_connection = |n: u64| n as f64 / connections;
    let per_100 = |n: u64| 100.0 * n as f64 / record.repeated.max(1) as f64;
    Row {
        policy,
        group: Some(group),
        p50_ms: quantile(times, 0.50),
        p95_ms: quantile(times, 0.95),
        p99_ms: quantile(times, 0.99),
        ratio_p50: ratio(0.50),
        ratio_p95: ratio(0.95),
        ratio_p99: ratio(0.99),
        over_5s_percent: 100.0 * slow as f64 / connections,
        stuck: record.stuck,
        unopened: record.unopened,
        extra_tcp: per_connection(record.extra_tcp),
        extra_tls: per_connection(record.extra_tls),
        background_syn: per_connection(record.background),
        background_messages: per_connection(record.messages),
        used_changes: per_100(record.switches),
        preference_changes: per_100(record.preference_changes),
    }
}

/// The folder for what is written: `policy` in cargo's target folder.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    target.unwrap_or_else(beside).join("policy")
}
