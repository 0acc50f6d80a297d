//! Packets are lost on the way to many hosts, or to one alone.

use std::collections::BTreeSet;

use easelect::Sample;

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::figures::percent;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "packets_lost",
    needs: "packets retransmitted or missing in three or more attempts and in one of thirty, at two or more \
         hosts and at half of those that answer; or in one of ten at one host alone",
    unless: "only hosts that never answer, or never prove their identity, have losses; what is explained \
         otherwise (large packets, a filter, a slow link)",
    find,
};

/// Fewer attempts with losses prove nothing.
const LEAST: usize = 3;

/// A good network has losses in one of so many attempts.
const ONE_IN: usize = 30;

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "nothing_gets_through", "no_network", "slow_link"]) {
        return Vec::new();
    }
    // A silent host, or one whose TLS never completes, seems to lose every packet, and none is lost on the way.
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
        (true, 0) => text(" Only IPv4 is affected.", "仅 IPv4 受影响。"),
        (true, count) if count == lossy.len() => {
            text(" Only IPv6 is affected.", "仅 IPv6 受影响。")
        }
        _ => text("", ""),
    };
    let first_only = lossy.iter().filter(|one| lost_only_the_syn(one)).count();
    let syns = match lossy.len() >= LEAST_SYNS && first_only * 10 >= lossy.len() * 9 {
        true => text(
            " Nearly all lost packets are the first of a connection, not data: a firewall, a router or the \
             carrier may limit new connections.",
            "丢失的几乎都是建立连接的第一个包，而不是数据：可能是防火墙、路由器或运营商限制了新建连接。",
        ),
        false => text("", ""),
    };
    let told = text(
        format!(
            "Packets are lost on the way: {} of {} attempts needed retransmissions ({ratio}), at {} hosts.{}{} \
             The ranking ignores these attempts if there are others.",
            lossy.len(),
            all.len(),
            hosts.len(),
            family.en,
            syns.en
        ),
        format!(
            "途中有数据包丢失：{} 次尝试中有 {} 次需要重传（{ratio}），涉及 {} 个主机。{}{}只要有其他尝试，排名就不计入它们。",
            all.len(),
            lossy.len(),
            hosts.len(),
            family.zh,
            syns.zh
        ),
    );
    let hint = match syns.en.is_empty() {
        false => text(
            "Ask the network administrator what limits new connections, and compare with another network.",
            "请网络管理员查明是什么限制了新建连接；并换一个网络比较。",
        ),
        true => text(
            "Compare with another network, or use a cable instead of Wi-Fi: weak signals and congested lines \
             lose packets.",
            "请换一个网络比较，或用网线代替 Wi-Fi：信号弱、线路拥塞都会丢失数据包。",
        ),
    };
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}

/// Fewer may be chance.
const LEAST_SYNS: usize = 5;

/// Whether only the SYN was retransmitted.
fn lost_only_the_syn(sample: &Sample) -> bool {
    let at_connect = sample.tcp_at_connect.map_or(0, |tcp| tcp.retransmissions);
    let gap = sample.tcp_at_end.and_then(|tcp| tcp.out_of_order);
    at_connect > 0 && at_connect == sample.retransmissions() && gap.unwrap_or(0) == 0
}

/// Losses on the way to one host alone.
fn at_one(facts: &Facts<'_>, found: &Found, all: &[&Sample]) -> Option<Finding> {
    /// One host has fewer attempts than all together, so a larger share of losses is required.
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
            "Packets are lost only on the way to {host}: {lost} of {count} attempts needed retransmissions \
             ({ratio}). The ranking ignores these attempts if there are others."
        ),
        format!(
            "只有到 {host} 的途中有数据包丢失：{count} 次尝试中有 {lost} 次需要重传（{ratio}）。只要有其他尝试，排名就不计入它们。"
        ),
    );
    let hint = text("Compare with another network.", "请换一个网络比较。");
    let finding = RULE.finding(told).of_endpoints(any_blocks(&rows));
    Some(finding.hint_text(hint).explaining(places(&rows)))
}
