//! The timeout given is too short for the hosts measured.

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
    needs: "attempts that timed out, and a --timeout below one second or below four round trips to the host \
         (to the nearest host where its own is unknown)",
    unless: "a timeout of 5 s (the default) or more; what is explained otherwise; the network was down, and \
         the timeout is not below four round trips",
    find,
};

/// The command's default. With this or more, silence means that the host doesn't answer.
const USUAL: Duration = Duration::from_secs(5);

/// A lost SYN is retransmitted after a second: with less, a single lost packet looks like silence.
const SHORT: Duration = Duration::from_secs(1);

/// Only nearby hosts can be opened within this.
const HOPELESS: Duration = Duration::from_millis(100);

/// The round trips of TCP, TLS 1.2 and the answer; TLS 1.3 takes one less.
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
                    "The timeout of {given} (--timeout) is too short: a round trip takes {far}, and opening a \
                     connection takes three or four round trips."
                ),
                format!(
                    "超时时间 {given}（--timeout）太短：往返时间为 {far}，而建立一个连接需要三到四次往返。"
                ),
            )
        }
        None if known => text(
            format!(
                "The timeout of {given} (--timeout) is too short for all but nearby hosts. Whether these \
                 hosts work is unknown: {}.",
                names.en
            ),
            format!(
                "超时时间 {given}（--timeout）太短，只有很近的主机来得及应答。以下主机是否正常，无法判断：{}。",
                names.zh
            ),
        ),
        None => text(
            format!(
                "The timeout of {given} (--timeout) is short: a single lost packet looks like silence. \
                 Whether these hosts work at the addresses that didn't answer is unknown: {}.",
                names.en
            ),
            format!(
                "超时时间 {given}（--timeout）较短：只要丢失一个数据包，看起来就像没有应答。以下主机未应答的地址是否正常，无法判断：{}。",
                names.zh
            ),
        ),
    };
    let hint = text(
        "Run again without --timeout (the default is 5 s), or with a longer one.",
        "请去掉 --timeout（默认 5 秒）或加大其值后重测。",
    );
    let blocks = any_blocks(&rows);
    let finding = RULE.finding(told).actor(Actor::You).of_endpoints(blocks);
    let finding = match (blocks, known) {
        (true, true) => finding.fault(Fault::Configuration),
        (true, false) => finding.fault(Fault::Unclear),
        (false, _) => finding,
    };
    // An endpoint that also failed in another way is not explained.
    let says_nothing = |kind| matches!(kind, Kind::Timeout | Kind::NoAddress | Kind::Unreachable);
    let mut only = rows;
    only.retain(|row| row.failures.iter().all(|one| says_nothing(one.kind())));
    vec![finding.hint_text(hint).explaining(places(&only))]
}
