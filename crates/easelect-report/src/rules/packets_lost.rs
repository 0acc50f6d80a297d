//! Packets are lost on the way to all hosts.

use std::collections::BTreeSet;

use easelect::Sample;

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::figures::percent;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "packets_lost",
    needs: "packets sent again, or missing, in three attempts or more and in one of thirty of all, at two published hosts or more and at most of those that were tried",
    unless: "the only hosts with losses are such that never answer; what is explained otherwise, as by a filter",
    find,
};

/// Fewer show nothing.
const LEAST: usize = 3;

/// One in so many attempts is what a good network has.
const ONE_IN: usize = 30;

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "nothing_gets_through", "no_network"]) {
        return Vec::new();
    }
    // A host that is silent loses every packet, and none on the way; what a filter or a tunnel drops is
    // told already.
    let answering: BTreeSet<&str> = (facts.tried())
        .filter(|row| row.is_connected() && !row.proxied && !found.explains(row))
        .map(RowFacts::host)
        .collect();
    let counted = |one: &&Sample| {
        let connected = one.timings.get(easelect::Phase::Connect).is_some();
        answering.contains(one.endpoint.host()) && (connected || one.tcp_at_connect.is_some())
    };
    let all: Vec<&Sample> = facts.samples().filter(counted).collect();
    let lossy: Vec<&&Sample> = all.iter().filter(|one| one.had_loss()).collect();
    let hosts: BTreeSet<&str> = lossy.iter().map(|one| one.endpoint.host()).collect();
    let most = hosts.len() * 2 >= answering.len() && hosts.len() >= 2;
    if lossy.len() < LEAST || lossy.len() * ONE_IN < all.len() || !most {
        return Vec::new();
    }
    let ratio = percent(lossy.len() as f64 / all.len() as f64);
    let v6 = lossy.iter().filter(|one| one.address.is_ipv6()).count();
    let of_both = all.iter().any(|one| one.address.is_ipv6())
        && all.iter().any(|one| one.address.is_ipv4());
    let family = match (of_both, v6) {
        (true, 0) => text(" IPv4 alone is affected.", "仅 IPv4 受影响。"),
        (true, count) if count == lossy.len() => {
            text(" IPv6 alone is affected.", "仅 IPv6 受影响。")
        }
        _ => text("", ""),
    };
    let told = text(
        format!(
            "Packets are lost on the way: {} of {} attempts had to send some again ({ratio}), at {} hosts.{} Such \
             attempts don't decide who is first.",
            lossy.len(),
            all.len(),
            hosts.len(),
            family.en
        ),
        format!(
            "网络丢失数据包：{} 次尝试中有 {} 次需要重发（{ratio}），涉及 {} 个主机。{}这些尝试不参与排名。",
            all.len(),
            lossy.len(),
            hosts.len(),
            family.zh
        ),
    );
    let hint = text(
        "Compare with another network, or a cable instead of Wi-Fi; a weak signal and a full line lose packets.",
        "请与其他网络比较，或用网线代替 Wi-Fi；信号弱、线路拥塞都会丢失数据包。",
    );
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}
