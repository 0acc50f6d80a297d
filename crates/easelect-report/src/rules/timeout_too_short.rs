//! The time-out that was given is too short for what is measured.

use std::time::Duration;

use easelect::FailureKind as Kind;

use super::{Found, Rule, any_blocks, connection_lost, places};
use crate::facts::{Facts, RowFacts, hosts};
use crate::figures::ms_unit;
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "timeout_too_short",
    needs: "time-outs, under a time-out below one second, or below four round trips of the host (where its own is unknown, of the nearest host)",
    unless: "the command's own 5 s or more; what is explained otherwise; the network was away, and the time-out is not below four round trips",
    find,
};

/// With this or more, which is what the command takes by itself, silence is silence.
const USUAL: Duration = Duration::from_secs(5);

/// A SYN that is lost is sent again after a second: with less, one lost packet looks like silence.
const SHORT: Duration = Duration::from_secs(1);

/// No host but a near one opens within this.
const HOPELESS: Duration = Duration::from_millis(100);

/// TCP, TLS 1.2 and the answer take so many round trips; with TLS 1.3 it is one less.
const ROUND_TRIPS: u32 = 4;

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let timeout = facts.context.environment.timeout;
    let Some(timeout) = timeout.filter(|one| *one < USUAL) else {
        return Vec::new();
    };
    let nearest = facts.tried().filter_map(RowFacts::round_trip).min();
    let least = |row: &RowFacts<'_>| row.round_trip().or(nearest);
    let too_far = |row: &&RowFacts<'_>| {
        least(row).is_some_and(|one| timeout < one * ROUND_TRIPS)
    };
    let timed_out = |row: &&RowFacts<'_>| {
        row.failures.iter().any(|one| one.kind() == Kind::Timeout) && !found.explains(row)
    };
    let hit = |row: &&RowFacts<'_>| timed_out(row) && (timeout < SHORT || too_far(row));
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(hit).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let far = rows.iter().copied().filter(|row| too_far(row)).filter_map(least).max();
    let known = far.is_some() || (nearest.is_none() && timeout < HOPELESS);
    if !known && connection_lost::is_found(facts) {
        return Vec::new();
    }
    let given = ms_unit(timeout);
    let names = list(&hosts(rows.iter().copied()).into_iter().collect::<Vec<_>>());
    let told = match far {
        Some(far) => {
            let far = ms_unit(far);
            text(
                format!(
                    "The time-out of {given} (--timeout) is too short: a round trip takes {far}, and to open a connection \
                     takes three or four."
                ),
                format!(
                    "超时时间 {given}（--timeout）太短：往返时间为 {far}，而建立一个连接需要三到四次往返。"
                ),
            )
        }
        None if known => text(
            format!(
                "The time-out of {given} (--timeout) is too short for any host but a near one. It is not known whether \
                 these work: {}.",
                names.en
            ),
            format!(
                "超时时间 {given}（--timeout）太短，只有很近的主机来得及应答。以下主机是否正常，无法判断：{}。",
                names.zh
            ),
        ),
        None => text(
            format!(
                "The time-out of {given} (--timeout) is short: one lost packet looks like silence. It is not known whether \
                 these work, where they didn't answer: {}.",
                names.en
            ),
            format!(
                "超时时间 {given}（--timeout）较短：丢失一个数据包，看起来就像没有应答。以下主机未应答的地址是否正常，无法判断：{}。",
                names.zh
            ),
        ),
    };
    let hint = text(
        "Run again without --timeout (5 s), or with a longer one.",
        "请去掉 --timeout（默认 5 秒）或加大其值后重测。",
    );
    let blocks = any_blocks(&rows);
    let finding = RULE.finding(told).actor(Actor::You).of_endpoints(blocks);
    let finding = match (blocks, known) {
        (true, true) => finding.fault(Fault::Configuration),
        (true, false) => finding.fault(Fault::Unclear),
        (false, _) => finding,
    };
    // What failed otherwise as well stands for itself.
    let says_nothing = |kind| matches!(kind, Kind::Timeout | Kind::NoAddress | Kind::Unreachable);
    let mut only = rows;
    only.retain(|row| row.failures.iter().all(|one| says_nothing(one.kind())));
    vec![finding.hint_text(hint).explaining(places(&only))]
}
