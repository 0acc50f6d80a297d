//! Addresses at which every attempt fails, of an endpoint that works at others.

use easelect::{AddressStats, Failure, Family};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts, alike, is_impostor};
use crate::figures::percent;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{Text, fails, list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "address_down",
    needs: "an address at which every attempt failed, of an endpoint that works at another",
    unless: "its address family is broken or absent here; the connection was lost, or is too slow for \
         anything; the DNS answer was forged",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "out_of_resources", "slow_link"]) {
        return Vec::new();
    }
    let explained = |family| super::family_broken::all_fail(facts, family).is_some();
    let explained = [Family::V6, Family::V4].map(|family| (family, explained(family)));
    let is_explained = |family| explained.contains(&(family, true));
    let is_forged = |row: &&RowFacts<'_>| {
        let mut lookups = facts.context.direct_lookups.iter();
        lookups.any(|one| one.host == row.host() && one.second_answer.is_some())
    };
    let ready = facts.tried().filter(|row| row.is_ready() && !is_forged(row));
    let dead = ready.flat_map(|row| dead_addresses(row, &is_explained));
    let dead = dead.filter(|(failure, _)| !found.excuses(failure));
    let mut findings = Vec::new();
    for (failure, places) in alike(dead) {
        let rows: Vec<&RowFacts<'_>> = places.iter().map(|(row, _)| *row).collect();
        let why = fails(&failure, facts.now());
        let in_english: Vec<&str> = places.iter().map(|(_, told)| &*told.en).collect();
        let in_chinese: Vec<&str> = places.iter().map(|(_, told)| &*told.zh).collect();
        let share = rows.iter().map(|row| share(row)).fold(0.0_f64, f64::max);
        let several = rows.iter().any(|row| row.place != rows[0].place);
        let up_to = match several {
            true => text("up to ", "最多约"),
            false => text("", "约"),
        };
        let these = match places.len() {
            1 => text("this address", "这个坏地址"),
            _ => text("these addresses", "这些坏地址"),
        };
        let first_connects = first_connects(share);
        let told = text(
            format!(
                "Every attempt at {} fails {}. With clients that use addresses in DNS order, {}{} to {}.",
                list(&in_english).en,
                why.en,
                up_to.en,
                first_connects.en,
                these.en
            ),
            format!(
                "{}的所有尝试都{}。按 DNS 返回顺序使用地址的客户端，{}{}的首次连接会先连到{}。",
                list(&in_chinese).zh,
                why.zh,
                up_to.zh,
                first_connects.zh,
                these.zh
            ),
        );
        let own = rows.iter().all(|row| row.own || row.pinned);
        let (actor, hint) = match (failure.is_local(), own, found.path_in_doubt()) {
            (true, ..) => (
                Some(Actor::You),
                text("Check this computer's routes, firewall and VPN.", "请检查本机的路由、防火墙和 VPN。"),
            ),
            (_, true, _) => (
                Some(Actor::Developer),
                text(
                    "Repair the server at this address, or remove the address from DNS.",
                    "请修复该地址上的服务器，或将该地址从 DNS 中移除。",
                ),
            ),
            (_, _, true) => (None, text("", "")),
            _ if rows.iter().all(|row| is_impostor(&failure, row.host())) => (
                None,
                text(
                    "Another host answers there: DNS gave a wrong answer, or the record is out of date. Query \
                     several DNS servers for this host, and compare their answers.",
                    "在该地址应答的是其他主机：可能是 DNS 应答有误，也可能是 DNS 记录已过时。请向多个 DNS 服务器查询该主机并比较结果。",
                ),
            ),
            _ => (
                Some(Actor::Easemob),
                text("Send this report to Easemob support.", "请把这份报告发给环信技术支持。"),
            ),
        };
        let finding = RULE.finding(told).severity(Severity::Harms).actor(actor);
        let finding = finding.fault(Fault::SomeEndpointsFail).hint_text(hint);
        findings.push(finding.explaining(super::places(&rows)));
    }
    findings
}

fn tried<'a>(row: &RowFacts<'a>) -> impl Iterator<Item = &'a AddressStats> + use<'a> {
    row.addresses().iter().filter(|one| one.attempts() > 0)
}

/// The share of first connects that meet an address that never works: a simple fraction in words, otherwise a
/// percentage.
fn first_connects(share: f64) -> Text {
    const WORDS: [(&str, &str); 5] = [("one", "一"), ("two", "二"), ("three", "三"), ("four", "四"), ("five", "五")];
    for of in 2..=WORDS.len() {
        let count = share * of as f64;
        if (count - count.round()).abs() > 1e-9 || !(1.0..of as f64).contains(&count.round()) {
            continue;
        }
        let ((of_en, of_zh), (en, zh)) = (WORDS[of - 1], WORDS[count.round() as usize - 1]);
        let verb = if en == "one" { "goes" } else { "go" };
        let zh = match of {
            2 => "一半".to_owned(),
            _ => format!("{of_zh}分之{zh}"),
        };
        return text(format!("{en} in {of_en} first connects {verb}"), zh);
    }
    let share = percent(share);
    text(format!("{share} of first connects go"), format!(" {share} "))
}

/// The share of an endpoint's addresses that never work. Resolvers rotate their answers, so the same share of
/// first connects goes to them.
fn share(row: &RowFacts<'_>) -> f64 {
    let dead = tried(row).filter(|one| one.successes() == 0).count();
    dead as f64 / tried(row).count().max(1) as f64
}

fn dead_addresses<'a>(
    row: &'a RowFacts<'a>,
    is_explained: &dyn Fn(Family) -> bool,
) -> Vec<(Failure, (&'a RowFacts<'a>, Text))> {
    let count = tried(row).count();
    tried(row)
        .filter(|one| one.successes() == 0)
        .filter(|one| !is_explained(Family::of(one.address().ip())))
        .filter_map(|one| {
            let failure = one.failures().first()?.failure.clone();
            let ip = one.address().ip();
            let place = format!("{} @ {ip}", row.url());
            let told = text(
                format!("{place} (one of {count} addresses)"),
                format!("{place}（该主机共 {count} 个地址）"),
            );
            Some((failure, (row, told)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_fractions_are_said_in_words() {
        for (share, en, zh) in [
            (1.0 / 2.0, "one in two first connects goes", "一半"),
            (1.0 / 3.0, "one in three first connects goes", "三分之一"),
            (2.0 / 3.0, "two in three first connects go", "三分之二"),
            (2.0 / 4.0, "one in two first connects goes", "一半"),
            (3.0 / 4.0, "three in four first connects go", "四分之三"),
            (1.0 / 7.0, "14.3% of first connects go", " 14.3% "),
        ] {
            let told = first_connects(share);
            assert_eq!((&*told.en, &*told.zh), (en, zh));
        }
    }
}
