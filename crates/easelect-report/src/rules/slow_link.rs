//! The link is too slow for concurrent attempts.

use std::collections::BTreeSet;
use std::time::Duration;

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, places};
use crate::Note;
use crate::facts::{Facts, RowFacts, hosts};
use crate::figures::ms_unit;
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "slow_link",
    needs: "only timeouts, at every host, in two or more phases, while some attempts got through a phase; the \
         command then tries again, one attempt at a time",
    unless: "another kind of failure; a host without timeouts; a known median round trip below 300 ms",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(|row| !found.explains(row)).collect();
    let again = facts.context.notes.iter().find_map(|note| match note {
        Note::TriedAgain {
            in_flight,
            attempts,
            failed,
        } => Some((*in_flight, *attempts, *failed)),
        _ => None,
    });
    if let Some(first) = again {
        return tried_again(&rows, first).into_iter().collect();
    }
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
            format!(" The median round trip is {}.", ms_unit(median)),
            format!("往返时间中位数为 {}。", ms_unit(median)),
        ),
        None => (String::new(), String::new()),
    };
    let told = text(
        format!("The link is very slow: attempts at every host time out, in different phases.{median_en}"),
        format!("网络非常慢：每个主机都有尝试超时，且停在不同的阶段。{median_zh}"),
    );
    let hint = text(
        "Run again with one attempt at a time and longer limits: --in-flight 1 --timeout 20s --deadline 5m. \
         Clients on this network need longer timeouts too.",
        "请逐个测量并放宽时限：--in-flight 1 --timeout 20s --deadline 5m。该网络中的客户端也需要放宽超时。",
    );
    let blocks = rows.iter().any(|row| row.blocks);
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator).blocking(blocks);
    vec![finding.hint_text(hint).explaining(places(&rows))]
}

/// On a link that is too slow, packets queue for at least so long. Where packets are lost, those that arrive are
/// as quick as usual.
const SLOW: Duration = Duration::from_millis(300);

/// The median round trip during the attempts, where the system reports any.
fn round_trip(rows: &[&RowFacts<'_>]) -> Option<Duration> {
    let samples = rows.iter().flat_map(|row| &row.samples);
    let mut all: Vec<Duration> = samples
        .filter_map(|one| one.tcp_at_end.and_then(|tcp| tcp.rtt).or(one.round_trip()))
        .collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

/// The finding after a second try with one attempt at a time.
fn tried_again(rows: &[&RowFacts<'_>], first: (usize, u64, u64)) -> Option<Finding> {
    let (in_flight, attempts, failed) = first;
    let samples = || rows.iter().flat_map(|row| &row.samples);
    let mut good: Vec<Duration> =
        samples().filter(|one| one.outcome.is_ok()).map(|one| one.elapsed).collect();
    good.sort_unstable();
    let median = ms_unit(*good.get(good.len() / 2)?);
    let (count, of) = (good.len(), samples().count());
    let told = text(
        format!(
            "The link is very slow. With up to {in_flight} attempts at once, {failed} of {attempts} failed. \
             One at a time, {count} of {of} succeed, with a median of {median}."
        ),
        format!(
            "网络非常慢：最多 {in_flight} 个尝试并发时，{attempts} 次中有 {failed} 次失败；逐个尝试时，{of} 次中有 {count} 次成功，耗时中位数为 {median}。"
        ),
    );
    let hint = text(
        "On this network, open one connection at a time and allow it more time. Ask the network administrator \
         what uses up the bandwidth.",
        "在该网络中请逐个建立连接，并放宽超时；请网络管理员查明带宽被什么占用。",
    );
    let timed_out = |row: &&RowFacts<'_>| {
        !row.failures.is_empty() && row.failures.iter().all(|one| one.kind() == Kind::Timeout)
    };
    let hit: Vec<&RowFacts<'_>> = rows.iter().copied().filter(timed_out).collect();
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.blocking(any_blocks(&hit)).hint_text(hint);
    Some(finding.explaining(places(&hit)))
}
