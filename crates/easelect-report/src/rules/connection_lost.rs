//! The network went down during the measurement.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use easelect::{Failure, FailureKind as Kind, Sample};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts, is_silence};
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "connection_lost",
    needs: "consecutive attempts that end in silence or without a route, at half of the addresses that work \
         otherwise, at eight addresses of four hosts, or three times at the only host; or as many attempts \
         during 1.5 s or longer in which nothing arrived, and which needed retransmissions",
    unless: "an attempt succeeded in between; only one of two address families is affected; the timeout is \
         below four round trips",
    find,
};

/// Whether the network went down.
pub(super) fn is_found(facts: &Facts<'_>) -> bool {
    gap(facts).is_some()
}

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let Some(gap) = gap(facts).filter(|_| !found.any(&["timeout_too_short"])) else {
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
            format!("The network was down from {from} s to {to} s into the run: no attempt got through to any \
                 host."),
            format!("测量开始后 {from} 秒到 {to} 秒之间网络中断，所有主机都连不上。"),
        ),
        false => text(
            format!("The network went down {from} s into the run and did not come back: no attempt got through \
                 to any host."),
            format!("测量开始 {from} 秒后网络中断，直到结束也没有恢复，所有主机都连不上。"),
        ),
    };
    let hint = text(
        "Check this computer's connection (Wi-Fi, cable, VPN), then run again.",
        "请检查本机的网络连接（Wi-Fi、网线、VPN），然后重测。",
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
    /// Whether an attempt got through again.
    ended: bool,
}

impl Gap<'_> {
    fn holds(&self, sample: &Sample) -> bool {
        sample.outcome.is_err() && sample.ended() >= self.from && sample.ended() <= self.to
    }

    fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

/// How long an attempt may have been under way when the network went down. One that had waited longer, or longer
/// than the slowest success took, failed for another reason.
const BEFORE: Duration = Duration::from_secs(1);

/// Shorter gaps occur on any network.
const SHORTEST: Duration = Duration::from_millis(500);

/// The shortest gap where all attempts got through in the end: a single lost SYN costs a second.
const SHORTEST_SURVIVED: Duration = Duration::from_millis(1500);

/// The longest time in which no attempt got through to addresses that worked at another time.
fn gap<'a>(facts: &'a Facts<'a>) -> Option<Gap<'a>> {
    let mut samples: Vec<&Sample> = facts.samples().collect();
    samples.sort_by_key(|one| one.ended());
    let failed = failed(&samples);
    failed.into_iter().chain(survived(&samples)).max_by_key(Gap::length)
}

/// Whether an attempt failed because nothing more arrived, in whichever phase.
pub(super) fn is_lost(failure: &Failure) -> bool {
    let silent = is_silence(failure) && failure.kind() != Kind::Refused;
    silent || failure.kind() == Kind::Timeout
}

fn worked<'a>(samples: &[&'a Sample]) -> Vec<&'a Sample> {
    let good = samples.iter().filter(|one| one.outcome.is_ok());
    good.copied().collect()
}

/// What a gap could hit, counted once: a thorough run has thousands of failures.
struct Tried {
    hosts: usize,
    /// The addresses that worked.
    worked: usize,
    /// Whether an address of IPv4, of IPv6 worked.
    families: [bool; 2],
}

impl Tried {
    fn of(samples: &[&Sample]) -> Self {
        let worked = worked(samples);
        Tried {
            hosts: hosts(samples),
            worked: addresses(&worked),
            families: [false, true].map(|v6| of_family(&worked, v6)),
        }
    }
}

fn hosts(of: &[&Sample]) -> usize {
    let hosts: BTreeSet<&str> = of.iter().map(|one| one.endpoint.host()).collect();
    hosts.len()
}

fn addresses(of: &[&Sample]) -> usize {
    let addresses: BTreeSet<SocketAddr> = of.iter().map(|one| one.address).collect();
    addresses.len()
}

fn of_family(of: &[&Sample], v6: bool) -> bool {
    of.iter().any(|one| one.address.is_ipv6() == v6)
}

/// Whether so many were hit that the network is the cause, rather than one host, one address family or chance.
fn are_enough(hit: &[&Sample], tried: &Tried) -> bool {
    /// So many addresses of so many hosts are not hit by chance, however many more there are.
    const ADDRESSES: usize = 8;
    const HOSTS: usize = 4;
    let mut families = [false, true].into_iter().zip(tried.families);
    let all_families = families.all(|(v6, worked)| !worked || of_family(hit, v6));
    let many = addresses(hit) * 2 >= tried.worked
        || (addresses(hit) >= ADDRESSES && hosts(hit) >= HOSTS);
    match tried.hosts {
        1 => hit.len() >= 3 && all_families,
        _ => hosts(hit) >= 2 && many && all_families,
    }
}

/// The longest run of failed attempts. `samples` are ordered by their ends.
fn failed<'a>(samples: &[&'a Sample]) -> Option<Gap<'a>> {
    let (good, tried) = (worked(samples), Tried::of(samples));
    let worked: BTreeSet<SocketAddr> = good.iter().map(|one| one.address).collect();
    let slowest = good.iter().map(|one| one.elapsed).max().unwrap_or_default();
    let lost = |one: &Sample| one.outcome.as_ref().is_err_and(is_lost);
    let mut longest: Option<Gap<'a>> = None;
    let mut rest = samples;
    let mut last_good = None;
    while let Some(first) = rest.iter().position(|one| one.outcome.is_err()) {
        if let Some(good) = rest[..first].last() {
            last_good = Some(good.ended());
        }
        let tail = &rest[first..];
        let length = tail.iter().position(|one| one.outcome.is_ok());
        let run = &tail[..length.unwrap_or(tail.len())];
        rest = &tail[run.len()..];
        // Addresses that never worked don't show when the network went down.
        let told = run.iter().copied().filter(|one| worked.contains(&one.address));
        let told: Vec<&Sample> = told.collect();
        let due = slowest.min(BEFORE);
        let soon = |one: &&Sample| last_good.is_none_or(|good| one.started + due >= good);
        if !are_enough(&told, &tried) || !told.iter().all(|one| lost(one) && soon(one)) {
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
            hosts: told.iter().map(|one| one.endpoint.host()).collect(),
            ended: !rest.is_empty(),
        };
        let longer = longest.as_ref().is_none_or(|one| gap.length() > one.length());
        if gap.length() >= SHORTEST && last_good.is_some() && longer {
            longest = Some(gap);
        }
    }
    longest
}

/// The longest time in which nothing arrived although attempts were under way, all of which needed
/// retransmissions and got through in the end.
fn survived<'a>(samples: &[&'a Sample]) -> Option<Gap<'a>> {
    let tried = Tried::of(samples);
    let mut longest: Option<Gap<'a>> = None;
    for pair in samples.windows(2) {
        let (from, to) = (pair[0].ended(), pair[1].ended());
        if to.saturating_sub(from) < SHORTEST_SURVIVED {
            continue;
        }
        // Attempts that began in between did not get through either, or they would have ended.
        let waited = |one: &&&Sample| one.started < to && one.ended() >= to;
        let hit: Vec<&Sample> = samples.iter().filter(waited).copied().collect();
        let through = |one: &Sample| {
            one.outcome.is_ok() && one.had_loss() && one.started + BEFORE >= from
        };
        if !are_enough(&hit, &tried) || !hit.iter().all(|one| through(one)) {
            continue;
        }
        let gap = Gap {
            from,
            to,
            hosts: hit.iter().map(|one| one.endpoint.host()).collect(),
            ended: true,
        };
        if longest.as_ref().is_none_or(|one| gap.length() > one.length()) {
            longest = Some(gap);
        }
    }
    longest
}
