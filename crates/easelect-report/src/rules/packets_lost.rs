//! Packets are lost on the way to all hosts.

use std::collections::BTreeSet;

use easelect::Sample;

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::figures::percent;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "packets_lost",
    needs: "packets sent again, or missing, in three attempts or more and in one of thirty of all, at two hosts or more and at half of those that answer; or in one of ten at one host alone",
    unless: "the only hosts with losses are such that never answer, or never prove their identity; what is explained otherwise (large packets, a filter, a slow link)",
    find,
};

/// Fewer show nothing.
const LEAST: usize = 3;

/// One in so many attempts is what a good network has.
const ONE_IN: usize = 30;

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "nothing_gets_through", "no_network", "slow_link"]) {
        return Vec::new();
    }
    // A host that is silent loses every packet, and none on the way; so does one whose TLS never ends.
    let answering: BTreeSet<&str> = (facts.tried())
        .filter(|row| row.is_verified() && !row.proxied && !found.explains(row))
        .map(RowFacts::host)
        .collect();
    let counted = |one: &&Sample| {
        let connected = one.timings.get(easelect::Phase::Connect).is_some();
        answering.contains(one.endpoint.host()) && (connected || one.tcp_at_connect.is_some())
    };
    let all: Vec<&Sample> = facts.samples().filter(counted).collect();
    let lossy: Vec<&Sample> = all.iter().copied().filter(|one| one.had_loss()).collect();
    let hosts: BTreeSet<&str> = lossy.iter().map(|one| one.endpoint.host()).collect();
    let most = hosts.len() * 2 >= answering.len() && hosts.len() >= 2;
    if lossy.len() < LEAST || lossy.len() * ONE_IN < all.len() || !most {
        return at_one(facts, found, &all).into_iter().collect();
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
    let first_only = lossy.iter().filter(|one| lost_only_the_syn(one)).count();
    let syns = match lossy.len() >= LEAST_SYNS && first_only * 10 >= lossy.len() * 9 {
        true => text(
            " It is the first packet of a connection, not data: something limits how many are opened (a \
             firewall, a router, a carrier).",
            "丢失的是建立连接的第一个包，而不是数据：可能有设备（防火墙、路由器或运营商）限制新建连接的速度。",
        ),
        false => text("", ""),
    };
    let told = text(
        format!(
            "Packets are lost on the way: {} of {} attempts had to send some again ({ratio}), at {} hosts.{}{} Such \
             attempts don't decide who is first.",
            lossy.len(),
            all.len(),
            hosts.len(),
            family.en,
            syns.en
        ),
        format!(
            "网络丢失数据包：{} 次尝试中有 {} 次需要重发（{ratio}），涉及 {} 个主机。{}{}这些尝试不参与排名。",
            all.len(),
            lossy.len(),
            hosts.len(),
            family.zh,
            syns.zh
        ),
    );
    let hint = match syns.en.is_empty() {
        false => text(
            "Ask the network administrator what limits new connections; compare with another network.",
            "请网络管理员查明是什么限制了新建连接；并换一个网络比较。",
        ),
        true => text(
            "Compare with another network, or a cable instead of Wi-Fi; a weak signal and a full line lose packets.",
            "请与其他网络比较，或用网线代替 Wi-Fi；信号弱、线路拥塞都会丢失数据包。",
        ),
    };
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}

/// Of fewer it may be chance.
const LEAST_SYNS: usize = 5;

/// Whether what was sent again was the SYN, and nothing else.
fn lost_only_the_syn(sample: &Sample) -> bool {
    let at_connect = sample.tcp_at_connect.map_or(0, |tcp| tcp.retransmissions);
    let gap = sample.tcp_at_end.and_then(|tcp| tcp.out_of_order);
    at_connect > 0 && at_connect == sample.retransmissions() && gap.unwrap_or(0) == 0
}

/// The same on the way to one host alone, while others are reached well.
fn at_one(facts: &Facts<'_>, found: &Found, all: &[&Sample]) -> Option<Finding> {
    /// One host is asked less often than all are: it takes more to show something.
    const ONE_IN: usize = 10;
    let of = |host: &str| -> (usize, usize) {
        let these = all.iter().filter(|one| one.endpoint.host() == host);
        (these.clone().filter(|one| one.had_loss()).count(), these.count())
    };
    let hosts: BTreeSet<&str> = all.iter().map(|one| one.endpoint.host()).collect();
    let mut lossy = hosts.iter().filter(|host| of(host).0 > 0);
    let (host, None) = (*lossy.next()?, lossy.next()) else {
        return None;
    };
    let (lost, count) = of(host);
    if hosts.len() < 2 || lost < LEAST || lost * ONE_IN < count {
        return None;
    }
    let rows: Vec<&RowFacts<'_>> = (facts.tried())
        .filter(|row| row.host() == host && !found.explains(row))
        .collect();
    let ratio = percent(lost as f64 / count as f64);
    let told = text(
        format!(
            "Packets are lost on the way to {host} alone: {lost} of {count} attempts had to send some again ({ratio}). \
             Such attempts don't decide who is first."
        ),
        format!(
            "只有到 {host} 的路上丢失数据包：{count} 次尝试中有 {lost} 次需要重发（{ratio}）。这些尝试不参与排名。"
        ),
    );
    let hint = text("Compare with another network.", "请换一个网络比较。");
    let finding = RULE.finding(told).of_endpoints(any_blocks(&rows));
    Some(finding.hint_text(hint).explaining(places(&rows)))
}
