//! A proxy on this computer answers in place of the hosts.

use std::collections::BTreeSet;
use std::net::IpAddr;

use easelect::is_local;

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts, is_made_up};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "local_proxy_suspected",
    needs: "a published host that works at an address of this computer or of a private network, or a made-up one",
    unless: "it is pinned, behind the proxy that was given, or in a lab",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    if facts.lab() {
        return Vec::new();
    }
    let direct = facts.published().filter(|row| !row.proxied);
    let addresses: BTreeSet<IpAddr> = direct
        .flat_map(RowFacts::addresses)
        .filter(|one| one.successes() > 0)
        .map(|one| one.address().ip())
        .filter(|ip| is_local(*ip) || is_made_up(*ip))
        .collect();
    if addresses.is_empty() {
        return Vec::new();
    }
    let addresses = list(&addresses.into_iter().collect::<Vec<_>>());
    let told = text(
        format!(
            "Suspected: a proxy or VPN on this computer answers in place of the hosts ({}), so the TCP connect \
             times are those of the proxy.",
            addresses.en
        ),
        format!("疑似本机的代理或 VPN 代替主机应答（{}），TCP 连接耗时只反映到代理的距离。", addresses.zh),
    );
    let hint = text(
        "To measure the network itself, turn the proxy or VPN off.",
        "如需测量网络本身，请关闭代理或 VPN。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
