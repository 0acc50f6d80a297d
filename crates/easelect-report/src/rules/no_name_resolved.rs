//! Not one name led to an address.

use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Phase};

use super::name_server_silent::waits_for_it;
use super::{Found, Rule, failure_text, places, plural};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "no_name_resolved",
    needs: "two hosts or more, or all there are, whose look-ups came to an end without an address",
    unless: "a name led to an address; a look-up that was cut off is no evidence; a silent name server was waited for while another answers (name_server_silent)",
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
    // Impossible answers are a matter of their own: somebody answered.
    let bogus = |row: &&RowFacts<'_>| {
        row.failures.iter().all(|one| one.kind() == Kind::BogusAddress)
    };
    let count = hosts(named.iter().copied()).len();
    if named.is_empty()
        || !named.iter().all(unresolved)
        || named.iter().all(bogus)
        // Beside something that works, one missing name is that host's own trouble.
        || (count < 2 && facts.works())
    {
        return Vec::new();
    }
    let all = named.iter().flat_map(|row| &row.failures);
    let Some(failure) = all.max_by_key(|one| one.kind() == Kind::Timeout) else {
        return Vec::new();
    };
    let why = failure_text(failure, facts.now());
    let told = text(
        format!("No name could be resolved ({}); mostly: {}.", plural(count, "host"), why.en),
        format!("没有一个域名能被解析（共 {count} 个主机）；多为：{}。", why.zh),
    );
    let mistyped = named.iter().all(|row| row.own) && failure.kind() == Kind::NotFound;
    let hint = match (facts.lab(), mistyped) {
        (true, _) => text(
            "The network is simulated: which names it knows, and what fails there, its scenario says.",
            "网络为模拟：有哪些域名、哪些会失败，由场景决定。",
        ),
        (_, true) => text("Check the spelling of the hosts.", "请检查主机名的拼写。"),
        _ if facts.context.environment.dns.is_some() => text(
            "Check the network, and the address given with --dns.",
            "请检查网络，以及 --dns 给出的地址。",
        ),
        _ => text(
            "Check the network and the name server. `--lab` works offline and shows what a report looks like.",
            "请检查网络和 DNS 服务器。`--lab` 可离线运行，展示报告的样子。",
        ),
    };
    let actor = match mistyped {
        true => Actor::Developer,
        false => Actor::NetworkAdministrator,
    };
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(actor);
    vec![finding.hint_text(hint).explaining(places(&named))]
}
