//! No address of one family works, while the same hosts work at addresses of the other.

use easelect::{AddressStats, Failure, FailureKind as Kind, Family, Phase};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "ipv6_broken",
    needs: "all addresses of one family fail, at hosts that work at addresses of the other (`ipv4_broken` \
         where it is IPv4)",
    unless: "an address of the family works, or a host proved its identity there; the family is absent here \
         (ipv6_absent); this computer blocks it; the connection was lost",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "out_of_resources", "timeout_too_short"]) {
        return Vec::new();
    }
    let broken = |family| match all_fail(facts, family) {
        Some((count, false)) => Some(finding(family, count)),
        _ => None,
    };
    [Family::V6, Family::V4].into_iter().filter_map(broken).collect()
}

fn finding(family: Family, count: usize) -> Finding {
    let (code, this, other, option) = match family {
        Family::V6 => (RULE.code, "IPv6", "IPv4", "-4"),
        Family::V4 => ("ipv4_broken", "IPv4", "IPv6", "-6"),
    };
    let all = match count {
        1 => format!("The only {this} address"),
        _ => format!("All {count} {this} addresses"),
    };
    let told = text(
        format!("Suspected: {this} is broken on this network. {all} failed; {other} works."),
        format!("疑似本网络的 {this} 不通：{count} 个 {this} 地址全部失败，{other} 正常。"),
    );
    let hint = text(
        format!("Ask the network administrator to repair or disable {this}; {option} measures without it."),
        format!("请网络管理员修复或关闭 {this}；可用 {option} 只测 {other}。"),
    );
    let finding = Finding::new(code, told).severity(Severity::Harms);
    finding.actor(Actor::NetworkAdministrator).hint_text(hint)
}

/// The number of addresses of a family if all of them fail while addresses of the other family work, and whether
/// the only reason is a missing route.
pub(super) fn all_fail(facts: &Facts<'_>, family: Family) -> Option<(usize, bool)> {
    let direct = || facts.tried().filter(|row| !row.proxied);
    let is_of = |one: &&AddressStats| {
        Family::of(one.address().ip()) == family && one.attempts() > 0
    };
    let every: Vec<&AddressStats> = direct().flat_map(RowFacts::addresses).filter(is_of).collect();
    let beside = |row: &&RowFacts<'_>| {
        let mut addresses = row.addresses().iter();
        addresses.any(|one| Family::of(one.address().ip()) != family && one.successes() > 0)
    };
    let comparable = direct().filter(beside).flat_map(RowFacts::addresses);
    let failures = || every.iter().flat_map(|one| one.failures()).map(|one| &one.failure);
    let proved = |one: &Failure| one.phase() > Phase::Tls;
    if comparable.filter(is_of).count() == 0
        || every.iter().any(|one| one.successes() > 0)
        || failures().any(proved)
    {
        return None;
    }
    // A single dead IPv4 address is that address's fault, not the family's.
    let hosts = direct().filter(|row| row.addresses().iter().any(|one| is_of(&one))).count();
    let absent = failures().all(|one| one.kind() == Kind::Unreachable);
    // What this computer blocks is not the network's fault.
    let only_local = failures().all(Failure::is_local);
    let counts = absent || (!only_local && (family == Family::V6 || hosts >= 2));
    counts.then_some((every.len(), absent))
}
