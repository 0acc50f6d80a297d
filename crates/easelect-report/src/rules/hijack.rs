//! Published hosts whose name leads to something that is not them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Phase, is_local};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts, is_impostor, is_silence};
use crate::finding::{Actor, Finding};
use crate::texts::{Text, list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "hijack_suspected",
    needs: "a published host that never proved its identity, and at its address something else answers, or the address is one of this network's own or impossible",
    unless: "the host proved its identity at any address; it is pinned, behind a proxy, or of the lab",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let mut by_kind: BTreeMap<Misled, (Vec<&RowFacts<'_>>, BTreeSet<String>)> = BTreeMap::new();
    for row in facts.published() {
        if row.proxied || row.is_verified() || found.explains(row) {
            continue;
        }
        let misled = misled_to(row, facts.lab());
        if !misled.is_empty() {
            let (rows, addresses) = by_kind.entry(kind(row, &misled)).or_default();
            rows.push(row);
            addresses.extend(misled);
        }
    }
    let finding = |(kind, (rows, addresses)): (Misled, (Vec<&RowFacts<'_>>, BTreeSet<String>))| {
        let names: BTreeSet<&str> = rows.iter().map(|row| row.host()).collect();
        let (one, names) = (names.len() == 1, list(&names.into_iter().collect::<Vec<_>>()));
        let addresses = list(&addresses.into_iter().collect::<Vec<_>>());
        let finding = RULE.finding(told(kind, one, &names, &addresses)).actor(Actor::NetworkAdministrator);
        let finding = finding.of_endpoints(any_blocks(&rows));
        let hint = hint(kind, !facts.may_ask_elsewhere());
        finding.hint_text(hint).explaining(places(&rows))
    };
    by_kind.into_iter().map(finding).collect()
}

/// Where a name leads instead of to its host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Misled {
    /// To something that shows to be another.
    Hijacked,
    /// To this computer or to nobody, where nothing answers: what filters answer.
    Sunk,
    /// To a private network, where nothing answers: what a VPN's name server may answer.
    Inside,
}

fn kind(row: &RowFacts<'_>, misled: &[String]) -> Misled {
    let quiet = |one: &Failure| {
        is_silence(one) || one.phase() == Phase::Resolve
    };
    if !row.failures.iter().all(quiet) {
        return Misled::Hijacked;
    }
    let nobody = |ip: IpAddr| ip.is_unspecified() || ip.is_loopback();
    let sunk = misled.iter().all(|one| one.parse().is_ok_and(nobody));
    let inside = misled.iter().all(|one| one.parse().is_ok_and(is_local));
    match (sunk, inside) {
        (true, _) => Misled::Sunk,
        (_, true) => Misled::Inside,
        _ => Misled::Hijacked,
    }
}

fn told(kind: Misled, one: bool, names: &Text, addresses: &Text) -> Text {
    let (en, lead, zh) = match one {
        true => ("the name is", "leads", "该域名"),
        false => ("names are", "lead", "这些域名"),
    };
    match kind {
        Misled::Hijacked => text(
            format!("Suspected: {en} hijacked. What answers at {} is not {}.", addresses.en, names.en),
            format!("疑似 DNS 劫持：{} 被解析到 {}，该地址未能证明身份。", names.zh, addresses.zh),
        ),
        Misled::Sunk => text(
            format!("Suspected: {en} blocked by a filter. {} {lead} to {}, where no host can be.", names.en, addresses.en),
            format!("疑似{zh}被过滤：{} 被解析到 {}，那里不可能有主机。", names.zh, addresses.zh),
        ),
        Misled::Inside => text(
            format!(
                "Suspected: {en} answered with records of a private network. {} {lead} to {}, and no handshake gets through there.",
                names.en, addresses.en
            ),
            format!("疑似{zh}得到的是内网的解析记录：{} 被解析到 {}，到那里的握手全部失败。", names.zh, addresses.zh),
        ),
    }
}

fn hint(kind: Misled, dns: bool) -> Text {
    match (kind, dns) {
        (Misled::Hijacked, true) => text(
            "Measure again with another name server, or pin a known address with --resolve HOST:PORT:ADDR.",
            "请用 --dns 指定其他 DNS 服务器重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        (Misled::Hijacked, false) => text(
            "Look into this computer's hosts file, and measure again with another name server (easelect --dns 223.5.5.5), \
             or pin a known address with --resolve HOST:PORT:ADDR.",
            "请查看本机的 hosts 文件，并用 --dns 223.5.5.5 重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        (Misled::Sunk, true) => text(
            "Have the name server's filter (ad blocker, parental control) let *.easemob.com and *.easecdn.com pass; measure \
             again with another name server.",
            "请让该 DNS 服务器的过滤功能（广告拦截、家长控制）放行 *.easemob.com、*.easecdn.com，并用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Misled::Sunk, false) => text(
            "Look into this computer's hosts file, and have ad blockers and security software, here and in the network's name \
             server, let *.easemob.com and *.easecdn.com pass; measure again with another name server (easelect --dns 223.5.5.5).",
            "请查看本机的 hosts 文件，并让本机和网络 DNS 服务器上的广告拦截、安全软件放行 *.easemob.com、*.easecdn.com；可用 --dns 223.5.5.5 重测。",
        ),
        (Misled::Inside, true) => text(
            "Ask whoever runs that name server, or the VPN, for the public addresses; measure again with another name \
             server.",
            "请向该 DNS 服务器或 VPN 的管理者要求返回公网地址，并用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Misled::Inside, false) => text(
            "Measure again with another name server (easelect --dns 223.5.5.5), with the VPN on and off, and look into this \
             computer's hosts file; \
             ask whoever runs the VPN or the name server for the public addresses.",
            "请用 --dns 223.5.5.5 重测，在连接和断开 VPN 时各测一次，并查看本机的 hosts 文件；请 VPN 或 DNS 服务器的管理者返回公网地址。",
        ),
    }
}

/// The addresses at which something else is.
fn misled_to(row: &RowFacts<'_>, lab: bool) -> Vec<String> {
    let mut addresses = Vec::new();
    for one in row.addresses() {
        let mut failures = one.failures().iter();
        let impostor = failures.any(|count| is_impostor(&count.failure, row.host()));
        // What this computer keeps from being asked says nothing of who is there.
        let asked = !one.failures().iter().all(|count| count.failure.is_local());
        let local = !lab && asked && is_local(one.address().ip());
        if impostor || local {
            addresses.push(one.address().ip().to_string());
        }
    }
    for failure in &row.failures {
        if failure.kind() == Kind::BogusAddress {
            addresses.push(shown(failure.message().unwrap_or("?"), 60));
        }
    }
    addresses
}
