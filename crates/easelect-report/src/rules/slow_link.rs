//! The link is too slow for what is asked of it.

use std::collections::BTreeSet;
use std::time::Duration;

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule, places};
use crate::facts::{Facts, RowFacts, hosts};
use crate::figures::ms_unit;
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "slow_link",
    needs: "time-outs alone, at every host, in two phases or more, while some attempts came through a phase",
    unless: "another kind of failure; a host without time-outs; round trips are known and take less than 300 ms (median)",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(|row| !found.explains(row)).collect();
    let timed_out = |row: &&&RowFacts<'_>| {
        row.failures.iter().any(|one| one.kind() == Kind::Timeout)
    };
    let all: Vec<&easelect::Failure> = rows
        .iter()
        .flat_map(|row| &row.failures)
        .filter(|one| !matches!(one.kind(), Kind::NoAddress | Kind::NotFound))
        .collect();
    let phases: BTreeSet<Phase> = all.iter().map(|one| one.phase()).collect();
    let only = all.iter().all(|one| one.kind() == Kind::Timeout);
    let passed = rows.iter().any(|row| row.is_connected());
    let count = hosts(rows.iter().copied()).len();
    if count < 2 || !only || !passed || phases.len() < 2 || !rows.iter().all(|row| timed_out(&row)) {
        return Vec::new();
    }
    let round_trip = round_trip(&rows);
    if round_trip.is_some_and(|median| median < SLOW) {
        return Vec::new();
    }
    let (median_en, median_zh) = match round_trip {
        Some(median) => (
            format!(" A round trip takes {} (median).", ms_unit(median)),
            format!("往返时间中位数为 {}。", ms_unit(median)),
        ),
        None => (String::new(), String::new()),
    };
    let told = text(
        format!("The link is very slow: attempts at all hosts time out, now in one phase, now in another.{median_en}"),
        format!("网络非常慢：到所有主机的尝试都会超时，且停在不同的阶段。{median_zh}"),
    );
    let hint = text(
        "Run again one at a time with more patience: --in-flight 1 --timeout 20s --deadline 5m. A client needs as much.",
        "请逐个测量并放宽时限：--in-flight 1 --timeout 20s --deadline 5m。客户端同样需要这样的耐心。",
    );
    let blocks = rows.iter().any(|row| row.blocks);
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator).blocking(blocks);
    vec![finding.hint_text(hint).explaining(places(&rows))]
}

/// On a line that is too slow packets queue for longer; where packets are lost, those that come are as
/// quick as ever.
const SLOW: Duration = Duration::from_millis(300);

/// The median round trip while attempts were under way, where the system can tell any.
fn round_trip(rows: &[&RowFacts<'_>]) -> Option<Duration> {
    let samples = rows.iter().flat_map(|row| &row.samples);
    let mut all: Vec<Duration> = samples
        .filter_map(|one| one.tcp_at_end.and_then(|tcp| tcp.rtt).or(one.round_trip()))
        .collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}
