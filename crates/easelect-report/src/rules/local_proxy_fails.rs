//! A proxy on this computer answers in place of the hosts, and connects to none of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Found, Rule, any_blocks, places, plural};
use crate::facts::{Facts, RowFacts, hosts, is_made_up};
use crate::finding::{Actor, Finding};
use crate::texts::{fails, list, text};

pub(super) const RULE: Rule = Rule {
    code: "local_proxy_fails",
    needs: "published hosts that resolve only to a local proxy's made-up addresses (198.18.0.0/15 and the \
         like), none of which works",
    unless: "it is pinned, behind the proxy that was given, or in a lab; something else answers there \
         (hijack_suspected)",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let behind = |row: &&RowFacts<'_>| {
        let mut addresses = row.addresses().iter().peekable();
        addresses.peek().is_some()
            && addresses.all(|one| is_made_up(one.address().ip()))
            && row.successes() == 0
            && !row.proxied
            && !found.explains(row)
            && row.impostor().is_none()
    };
    let rows: Vec<&RowFacts<'_>> = facts.published().filter(behind).collect();
    let all = rows.iter().flat_map(|row| &row.failures);
    let Some(failure) = all.max_by_key(|one| one.phase()).filter(|_| !facts.lab()) else {
        return Vec::new();
    };
    let addresses: BTreeSet<IpAddr> = (rows.iter().flat_map(|row| row.addresses()))
        .map(|one| one.address().ip())
        .collect();
    let addresses = list(&addresses.into_iter().collect::<Vec<_>>());
    let count = hosts(rows.iter().copied()).len();
    let (count_en, why) = (plural(count, "host"), fails(failure, facts.now()));
    let told = text(
        format!(
            "A proxy or VPN on this computer answers in place of {count_en} ({}), but connects to none of \
             them. For example, an attempt fails {}.",
            addresses.en, why.en
        ),
        format!(
            "本机的代理或 VPN 代替 {count} 个主机应答（{}），但连不上任何主机，例如{}。",
            addresses.zh, why.zh
        ),
    );
    let hint = text(
        "Check that program's connection and rules, or turn it off and run again.",
        "请检查该程序的连接和规则，或将其关闭后重测。",
    );
    let finding = RULE.finding(told).actor(Actor::You).blocking(any_blocks(&rows));
    vec![finding.hint_text(hint).explaining(places(&rows))]
}
