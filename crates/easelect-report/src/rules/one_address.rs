//! Unrelated hosts resolve to one address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use easelect::{AddressStats, FailureCount, Phase};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts, are_unrelated, hosts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "one_address_suspected",
    needs: "one address for published hosts of several data centres or of both domains, none of which proved its identity there",
    unless: "a host proved its identity there or elsewhere; this computer itself prevented the attempts; it is \
         pinned or behind a proxy; all of it is explained otherwise, for example by a hijack",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let public = || facts.published().filter(|row| !row.proxied);
    let proves = |count: &FailureCount| count.failure.phase() > Phase::Tls;
    let proven = |one: &&AddressStats| one.successes() > 0 || one.failures().iter().any(proves);
    let all = || public().flat_map(RowFacts::addresses);
    let good: BTreeSet<IpAddr> = all().filter(proven).map(|one| one.address().ip()).collect();
    // An attempt that this computer itself prevented proves nothing.
    let is_asked = |one: &AddressStats| one.failures().iter().any(|count| !count.failure.is_local());
    let asked = all().filter(|one| is_asked(one));
    let asked: BTreeSet<IpAddr> = asked.map(|one| one.address().ip()).collect();
    for ip in asked.difference(&good) {
        let at = |one: &AddressStats| one.address().ip() == *ip && is_asked(one);
        let there: Vec<&RowFacts<'_>> =
            public().filter(|row| !row.is_verified() && row.addresses().iter().any(at)).collect();
        if !are_unrelated(there.iter().copied()) || there.iter().all(|row| found.explains(row)) {
            continue;
        }
        let names = list(&hosts(there.iter().copied()).into_iter().collect::<Vec<_>>());
        let told = text(
            format!(
                "Suspected: DNS hijacking. Unrelated hosts resolve to {ip}, and none of them proves its \
                 identity there: {}.",
                names.en
            ),
            format!(
                "疑似 DNS 劫持：互不相关的主机都被解析到 {ip}，且都未能在该地址证明身份：{}。",
                names.zh
            ),
        );
        let hint = match facts.may_ask_elsewhere() {
            false => text(
                "Measure again with another DNS server (--dns), or pin a known address with --resolve \
                 HOST:PORT:ADDR.",
                "请用 --dns 指定其他 DNS 服务器重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
            ),
            true => text(
                "Measure again with another DNS server (easelect --dns 223.5.5.5), or pin a known address with \
                 --resolve HOST:PORT:ADDR.",
                "请运行 easelect --dns 223.5.5.5 重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
            ),
        };
        let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
        let finding = finding.of_endpoints(any_blocks(&there)).hint_text(hint);
        return vec![finding.explaining(places(&there))];
    }
    Vec::new()
}
