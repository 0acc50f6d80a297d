//! The tables of results, as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::resampling::{Quantiles, place};
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
    /// Ratios of the quantiles to the oracle's.
    pub(crate) ratio_p50: f64,
    pub(crate) ratio_p95: f64,
    pub(crate) ratio_p99: f64,
    /// The ratios' standard errors.
    pub(crate) ratio_p50_se: f64,
    pub(crate) ratio_p95_se: f64,
    pub(crate) ratio_p99_se: f64,
    /// The same for each client's first connection on a network.
    pub(crate) cold_ratio_p50: f64,
    pub(crate) cold_ratio_p95: f64,
    pub(crate) cold_ratio_p99: f64,
    pub(crate) cold_ratio_p50_se: f64,
    pub(crate) cold_ratio_p95_se: f64,
    pub(crate) cold_ratio_p99_se: f64,
    pub(crate) over_5s_percent: f64,
    /// Connections that took over 5 s where the oracle needed less than 2 s.
    pub(crate) stuck: u64,
    pub(crate) unopened: u64,
    // Per connection.
    pub(crate) extra_tcp: f64,
    pub(crate) extra_tls: f64,
    pub(crate) background_syn: f64,
    pub(crate) background_messages: f64,
    // Per 100 connections on a network seen before.
    pub(crate) used_changes: f64,
    pub(crate) preference_changes: f64,
}

/// A world's rows. The first is the oracle's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) world: String,
    pub(crate) connections: usize,
    pub(crate) rows: Vec<Row>,
}

/// Returns the q-quantile of sorted numbers.
pub(crate) fn quantile(sorted: &[f32], q: f64) -> f64 {
    let at = sorted.get(place(q, sorted.len()));
    at.map_or(f64::NAN, |ms| f64::from(*ms))
}

impl Table {
    /// Creates a table of the records of the oracle and of the entries' policies, in this order.
    pub(crate) fn new(world: &str, entries: &[&Entry], records: &[Record]) -> Self {
        let names = (entries.iter()).map(|entry| (entry.name, entry.group));
        let names = std::iter::once(("clairvoyant oracle", Group::Oracle)).chain(names);
        let oracle = records.first().map(Oracle::new);
        let rows = oracle.iter().flat_map(|oracle| {
            (names.clone().zip(records))
                .map(|((name, group), record)| row(name, group, record, oracle))
        });
        Table {
            world: world.to_owned(),
            connections: records.first().map_or(0, |oracle| oracle.open.ms.len()),
            rows: rows.collect(),
        }
    }

    /// Returns the table as text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\n{}: {} connections\n", self.world, self.connections);
        let _ = writeln!(
            text,
            "{:<26} {:>17} {:>15} {:>14} {:>15} {:>6} {:>5} {:>12} {:>7} {:>12}",
            "policy",
            "ms p50/p95/p99",
            "ratio to oracle",
            "± (s.e.)",
            "cold",
            "> 5 s",
            "stuck",
            "+ TCP / TLS",
            "+ SYN",
            "changes"
        );
        for row in &self.rows {
            let ms = format!("{:.0}/{:.0}/{:.0}", row.p50_ms, row.p95_ms, row.p99_ms);
            let ratio = [row.ratio_p50, row.ratio_p95, row.ratio_p99].map(three_digits);
            let error = [row.ratio_p50_se, row.ratio_p95_se, row.ratio_p99_se].map(three_decimals);
            let cold = [row.cold_ratio_p50, row.cold_ratio_p95, row.cold_ratio_p99];
            let [ratio, error, cold] =
                [ratio, error, cold.map(three_digits)].map(|three| three.join("/"));
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
                "{:<26} {ms:>17} {ratio:>15} {error:>14} {cold:>15} {:>5.2}% {:>5} {extra:>12} {background:>7} {changes:>12}",
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

/// Formats a standard error: without the leading zero, and to one decimal from 1 on.
fn three_decimals(x: f64) -> String {
    if x >= 0.9995 {
        format!("{x:.1}")
    } else {
        format!("{x:.3}").trim_start_matches('0').to_owned()
    }
}

/// The oracle's quantiles, with which rows are compared.
#[derive(Debug)]
pub(crate) struct Oracle {
    open: Quantiles,
    cold: Quantiles,
}

impl Oracle {
    pub(crate) fn new(record: &Record) -> Self {
        Oracle {
            open: Quantiles::new(&record.open),
            cold: Quantiles::new(&record.cold),
        }
    }
}

/// Returns a row of a table.
pub(crate) fn row(policy: &'static str, group: Group, record: &Record, oracle: &Oracle) -> Row {
    let times = &record.open.sorted();
    let connections = times.len().max(1) as f64;
    let slow = times.iter().filter(|ms| **ms > 5_000.0).count();
    let ratio = |one: f64, oracle: f64| one / oracle;
    let [p50, p95, p99] = Quantiles::new(&record.open).with(&oracle.open, ratio);
    let [cold_p50, cold_p95, cold_p99] = Quantiles::new(&record.cold).with(&oracle.cold, ratio);
    let per_connection = |n: u64| n as f64 / connections;
    let per_100 = |n: u64| 100.0 * n as f64 / record.repeated.max(1) as f64;
    Row {
        policy,
        group: Some(group),
        p50_ms: quantile(times, 0.50),
        p95_ms: quantile(times, 0.95),
        p99_ms: quantile(times, 0.99),
        ratio_p50: p50.value,
        ratio_p95: p95.value,
        ratio_p99: p99.value,
        ratio_p50_se: p50.error,
        ratio_p95_se: p95.error,
        ratio_p99_se: p99.error,
        cold_ratio_p50: cold_p50.value,
        cold_ratio_p95: cold_p95.value,
        cold_ratio_p99: cold_p99.value,
        cold_ratio_p50_se: cold_p50.error,
        cold_ratio_p95_se: cold_p95.error,
        cold_ratio_p99_se: cold_p99.error,
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

/// Returns the folder of the results: `policy` in cargo's target folder.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    target.unwrap_or_else(beside).join("policy")
}
