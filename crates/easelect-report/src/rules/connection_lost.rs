//! The network went away while it was measured.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use easelect::{FailureKind as Kind, Sample};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "connection_lost",
    needs: "attempts at addresses of several hosts (or three at the only one) that end in silence or without a route one after the other, and each of these addresses worked at another time",
    unless: "any attempt succeeded in between, or after one of them should have",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let Some(gap) = gap(facts) else {
        return Vec::new();
    };
    let hit = |row: &&RowFacts<'_>| {
        row.samples.iter().any(|one| gap.holds(one)) || gap.hosts.contains(row.host())
    };
    let rows: Vec<&RowFacts<'_>> = facts.rows.iter().filter(hit).collect();
    let seconds = |at: Duration| format!("{:.1}", at.as_secs_f64());
    let (from, to) = (seconds(gap.from), seconds(gap.to));
    let told = match gap.ended {
        true => text(
            format!("The network was away from {from} s to {to} s of the run: nothing got through to any host."),
            format!("测量开始后 {from} 秒到 {to} 秒之间网络中断：到所有主机都不通。"),
        ),
        false => text(
            format!("The network went away {from} s into the run and did not come back: nothing got through to any host."),
            format!("测量开始后 {from} 秒网络中断，此后没有恢复：到所有主机都不通。"),
        ),
    };
    let hint = text(
        "Check this computer's connection (Wi-Fi, cable, VPN), then run again.",
        "请检查本机的网络连接（Wi-Fi、网线、VPN）后重试。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    let finding = finding.fault(crate::verdict::Fault::Network);
    let blocks = !gap.ended || rows.iter().any(|row| row.blocks);
    let failing = rows.iter().filter(|row| row.why_not().is_some() || row.successes() > 0);
    vec![
        finding
            .blocking(blocks)
            .hint_text(hint)
            .explaining(failing.map(|row| row.place)),
    ]
}

/// When nothing got through.
struct Gap<'a> {
    from: Duration,
    to: Duration,
    hosts: BTreeSet<&'a str>,
    /// Something got through again.
    ended: bool,
}

impl Gap<'_> {
    fn holds(&self, sample: &Sample) -> bool {
        sample.outcome.is_err() && sample.ended() >= self.from && sample.ended() <= self.to
    }
}

/// Shorter ones are what any network has.
const SHORTEST: Duration = Duration::from_millis(500);

/// The longest time in which nothing got through to hosts that worked at another.
fn gap<'a>(facts: &'a Facts<'a>) -> Option<Gap<'a>> {
    let mut samples: Vec<&Sample> = facts.samples().collect();
    samples.sort_by_key(|one| one.ended());
    let good = || samples.iter().filter(|one| one.outcome.is_ok());
    let worked: BTreeSet<(&str, SocketAddr)> = good().map(|one| place(one)).collect();
    let working_hosts: BTreeSet<&str> = worked.iter().map(|(host, _)| *host).collect();
    let slowest = good().map(|one| one.elapsed).max().unwrap_or_default();
    let hosts_of_all: BTreeSet<&str> = samples.iter().map(|one| one.endpoint.host()).collect();
    let mut longest: Option<Gap<'a>> = None;
    let mut rest = &samples[..];
    let mut last_good = None;
    while let Some(first) = rest.iter().position(|one| one.outcome.is_err()) {
        if let Some(good) = rest[..first].last() {
            last_good = Some(good.ended());
        }
        let tail = &rest[first..];
        let length = tail.iter().position(|one| one.outcome.is_ok());
        let run = &tail[..length.unwrap_or(tail.len())];
        rest = &tail[run.len()..];
        // Addresses that never worked tell nothing of when, nor do attempts that should have been done
        // while others still got through.
        let due = |one: &Sample| last_good.is_none_or(|good| one.started + slowest >= good);
        let told: Vec<&&Sample> = run
            .iter()
            .filter(|one| worked.contains(&place(one)) && due(one))
            .collect();
        let hosts: BTreeSet<&str> = told.iter().map(|one| one.endpoint.host()).collect();
        let enough = match hosts_of_all.len() {
            1 => told.len() >= 3,
            _ => hosts.len() >= 2 && hosts.len() * 2 >= working_hosts.len(),
        };
        if !enough || !told.iter().all(|one| lost(one)) {
            continue;
        }
        let began = told.iter().map(|one| one.started).min().unwrap_or_default();
        let from = last_good.map_or(began, |good| good.max(began.min(good)));
        let to = match rest.first() {
            Some(good) => good.ended(),
            None => run.last().map_or(from, |one| one.ended()),
        };
        let gap = Gap {
            from,
            to,
            hosts,
            ended: !rest.is_empty(),
        };
        let length = |one: &Gap<'_>| one.to.saturating_sub(one.from);
        let longer = longest.as_ref().is_none_or(|one| length(&gap) > length(one));
        if length(&gap) >= SHORTEST && last_good.is_some() && longer {
            longest = Some(gap);
        }
    }
    longest
}

/// Where it went.
fn place(sample: &Sample) -> (&str, SocketAddr) {
    (sample.endpoint.host(), sample.address)
}

/// Whether it ended as where there is no network any more, in whichever phase that came.
fn lost(sample: &Sample) -> bool {
    let kinds = [Kind::Timeout, Kind::Reset, Kind::Closed, Kind::Unreachable];
    let failure = sample.outcome.as_ref().err();
    failure.is_some_and(|one| kinds.contains(&one.kind()))
}
