//! No IPv6 address works, the same hosts' IPv4 addresses do.

use easelect::{AddressStats, Failure, FailureKind as Kind, Phase};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "ipv6_broken",
    needs: "IPv6 addresses of hosts whose IPv4 addresses work, all of which fail",
    unless: "an IPv6 address works or proved its identity; there is no IPv6 here (ipv6_absent)",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let Some((count, absent)) = all_fail(facts) else {
        return Vec::new();
    };
    if absent {
        return Vec::new();
    }
    let told = text(
        format!(
            "Suspected: IPv6 is broken in this network. {} failed, IPv4 works.",
            match count {
                1 => "The only IPv6 address".to_owned(),
                _ => format!("All {count} IPv6 addresses"),
            }
        ),
        format!("疑似本网络的 IPv6 不通：{count} 个 IPv6 地址全部失败，IPv4 正常。"),
    );
    let hint = text(
        "Ask the network administrator to repair IPv6 or switch it off; -4 measures without it.",
        "请网络管理员修复或关闭 IPv6；可用 -4 只测 IPv4。",
    );
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}

/// How many IPv6 addresses there are, if all of them fail beside IPv4 ones that work, and whether it is
/// for want of a route alone.
pub(super) fn all_fail(facts: &Facts<'_>) -> Option<(usize, bool)> {
    let direct = || facts.tried().filter(|row| !row.proxied);
    let is_v6 = |one: &&AddressStats| one.address().is_ipv6() && one.attempts() > 0;
    let every: Vec<&AddressStats> = direct().flat_map(RowFacts::addresses).filter(is_v6).collect();
    let beside = |row: &&RowFacts<'_>| {
        let works = |one: &AddressStats| one.address().is_ipv4() && one.successes() > 0;
        row.addresses().iter().any(works)
    };
    let comparable = direct().filter(beside).flat_map(RowFacts::addresses);
    let failures = || every.iter().flat_map(|one| one.failures()).map(|one| &one.failure);
    let proved = |one: &Failure| one.phase() > Phase::Tls;
    if comparable.filter(is_v6).count() == 0
        || every.iter().any(|one| one.successes() > 0)
        || failures().any(proved)
    {
        return None;
    }
    let absent = failures().all(|one| one.kind() == Kind::Unreachable);
    Some((every.len(), absent))
}
