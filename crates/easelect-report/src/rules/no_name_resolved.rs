//! No host name could be resolved.

use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Phase};

use super::name_server_silent::waits_for_it;
use super::{Found, Rule, places, plural};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{reason, text};

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
    let all = named.iter().flat_map(|row| &row.failures);
    let Some(failure) = all.max_by_key(|one| one.kind() == Kind::Timeout) else {
        return Vec::new();
    };
    let why = reason(failure, facts.now());
    let told = text(
        format!("No host name could be resolved ({}). For example: {}.", plural(count, "host"), why.en),
        format!("所有域名都无法解析（共 {count} 个主机），例如：{}。", why.zh),
    );
    let mistyped = named.iter().all(|row| row.own) && failure.kind() == Kind::NotFound;
    let hint = match (facts.lab(), mistyped) {
        (true, _) => text(
            "The network is simulated: its scenario defines which names exist and what fails.",
            "网络为模拟：哪些域名存在、哪些会失败，由场景决定。",
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
