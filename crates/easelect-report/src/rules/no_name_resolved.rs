//! No host name could be resolved.

use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Families, Phase};

use super::name_server_silent::waits_for_it;
use super::{Found, Rule, places, plural};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{reason, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "no_name_resolved",
    needs: "two or more hosts, or all there are, whose lookups ended without an address",
    unless: "a name resolved; lookups that were cut off don't count; the system waits for a silent DNS server \
         while another answers (name_server_silent)",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let needs_lookup = |row: &&RowFacts<'_>| {
        row.host().parse::<IpAddr>().is_err()
            && !row.pinned
            && !found.explains(row)
            && !waits_for_it(row, facts)
    };
    let looked_up = |row: &&RowFacts<'_>| {
        row.is_tried() || row.row.ranked.stats.phase(Phase::Resolve).count() > 0
    };
    let named = facts.rows.iter().filter(looked_up);
    let named: Vec<&RowFacts<'_>> = named.filter(needs_lookup).collect();
    let at_lookup = |one: &Failure| one.phase() == Phase::Resolve;
    let unresolved = |row: &&RowFacts<'_>| {
        row.addresses().is_empty() && row.failures.iter().any(at_lookup)
    };
    // Impossible addresses are another rule's: a server answered.
    let bogus = |row: &&RowFacts<'_>| {
        row.failures.iter().all(|one| one.kind() == Kind::BogusAddress)
    };
    let count = hosts(named.iter().copied()).len();
    if named.is_empty()
        || !named.iter().all(unresolved)
        || named.iter().all(bogus)
        // Where something works, one missing name is that host's own fault.
        || (count < 2 && facts.works())
    {
        return Vec::new();
    }
    let all = named.iter().flat_map(|row| row.failures.iter().map(|failure| (row.host(), failure)));
    let Some((host, failure)) = all.max_by_key(|(_, one)| one.kind() == Kind::Timeout) else {
        return Vec::new();
    };
    let host = shown(host, 100);
    let why = reason(failure, facts.now());
    let told = text(
        format!("No host name could be resolved ({}). For example, {host}: {}.", plural(count, "host"), why.en),
        format!("所有域名都无法解析（共 {count} 个主机），例如 {host}：{}。", why.zh),
    );
    let told = match count {
        1 => text(
            format!("The host name {host} could not be resolved: {}.", why.en),
            format!("域名 {host} 无法解析：{}。", why.zh),
        ),
        _ => told,
    };
    let families = facts.context.environment.families;
    let option = match families {
        Families::V4 => Some(("IPv4", "-4")),
        Families::V6 => Some(("IPv6", "-6")),
        _ => None,
    };
    let mut failures = named.iter().flat_map(|row| &row.failures);
    // The names may have addresses of the other family.
    if let Some((family, option)) = option.filter(|_| failures.all(|one| one.kind() == Kind::NoAddress)) {
        let told = text(
            format!(
                "Only {family} was measured ({option}), and no host has an {family} address ({} tried).",
                plural(count, "host")
            ),
            format!("只测量了 {family}（{option}），而所有主机都没有 {family} 地址（共 {count} 个主机）。"),
        );
        let hint = text(
            format!("Measure again without {option}."),
            format!("请去掉 {option} 后重测。"),
        );
        let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
        return vec![finding.hint_text(hint).explaining(places(&named))];
    }
    let mistyped = named.iter().all(|row| row.own) && failure.kind() == Kind::NotFound;
    let all_own = named.iter().all(|row| row.own);
    let hint = match (facts.lab(), mistyped) {
        (true, _) if all_own => text(
            "The simulated network doesn't have your hosts: measure again without --lab.",
            "模拟网络中没有你的主机：请去掉 --lab 重测。",
        ),
        (true, _) => text(
            "The scenario of the simulated network makes these names fail: choose another scenario, or measure \
             without --lab.",
            "模拟网络的场景使这些域名无法解析：请换一个场景，或去掉 --lab 测量。",
        ),
        (_, true) => text("Check the spelling of the host names.", "请检查主机名的拼写。"),
        _ if facts.context.environment.dns.is_some() => text(
            "Check the network, and the address given with --dns.",
            "请检查网络，以及 --dns 给出的地址。",
        ),
        _ => text(
            "Check the network and the DNS server. `--lab` works offline and shows what a report looks like.",
            "请检查网络和 DNS 服务器。可用 `--lab` 离线查看报告的样子。",
        ),
    };
    let actor = match mistyped {
        true => Actor::Developer,
        false => Actor::NetworkAdministrator,
    };
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(actor);
    vec![finding.hint_text(hint).explaining(places(&named))]
}
