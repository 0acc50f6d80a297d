//! Published hosts whose name resolves to an address where something else is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Phase, is_local};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts, is_impostor, is_silence};
use crate::finding::{Actor, Finding};
use crate::texts::{Text, list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "hijack_suspected",
    needs: "a published host that never proved its identity, and something else answers at its address, or the address is a local, private or impossible one",
    unless: "the host proved its identity at any address; it is pinned, behind a proxy or in a lab",
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

/// What a name resolves to instead of its host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Misled {
    /// An address where something else answers.
    Hijacked,
    /// This computer, or the unspecified address, where nothing answers: what filters return.
    Sunk,
    /// A private network, where nothing answers: what a VPN's DNS server may return.
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
    let (name, resolve, zh) = match one {
        true => ("the name", "resolves", "该域名"),
        false => ("the names", "resolve", "这些域名"),
    };
    match kind {
        Misled::Hijacked => text(
            format!("Suspected: DNS hijacking. {} {resolve} to {}, where no server proves its identity.", names.en, addresses.en),
            format!("疑似 DNS 劫持：{} 被解析到 {}，该地址未能证明身份。", names.zh, addresses.zh),
        ),
        Misled::Sunk => text(
            format!("Suspected: a filter blocks {name}. {} {resolve} to {}, where no remote host can be.", names.en, addresses.en),
            format!("疑似{zh}被过滤：{} 被解析到 {}，这不是远端主机的地址。", names.zh, addresses.zh),
        ),
        Misled::Inside => text(
            format!(
                "Suspected: DNS returns records of a private network. {} {resolve} to {}, where no handshake \
                 succeeds.",
                names.en, addresses.en
            ),
            format!("疑似 DNS 返回的是内网记录：{} 被解析到 {}，到该地址的握手全部失败。", names.zh, addresses.zh),
        ),
    }
}

fn hint(kind: Misled, dns: bool) -> Text {
    match (kind, dns) {
        (Misled::Hijacked, true) => text(
            "Measure again with another DNS server (--dns), or pin a known address with --resolve \
             HOST:PORT:ADDR.",
            "请用 --dns 指定其他 DNS 服务器重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        (Misled::Hijacked, false) => text(
            "Check this computer's hosts file, and measure again with another DNS server (easelect --dns \
             223.5.5.5), or pin a known address with --resolve HOST:PORT:ADDR.",
            "请检查本机的 hosts 文件，并运行 easelect --dns 223.5.5.5 重测；也可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        (Misled::Sunk, true) => text(
            "Allow *.easemob.com and *.easecdn.com in the DNS server's filter (ad blocker, parental control), \
             and measure again with another DNS server (--dns).",
            "请在该 DNS 服务器的过滤功能（广告拦截、家长控制）中放行 *.easemob.com、*.easecdn.com，并用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Misled::Sunk, false) => text(
            "Check this computer's hosts file, and allow *.easemob.com and *.easecdn.com in ad blockers and \
             security software, both on this computer and in the network's DNS server. To compare, measure \
             again with another DNS server (easelect --dns 223.5.5.5).",
            "请检查本机的 hosts 文件，并在本机和网络 DNS 服务器的广告拦截、安全软件中放行 *.easemob.com、*.easecdn.com；可运行 easelect --dns 223.5.5.5 重测比较。",
        ),
        (Misled::Inside, true) => text(
            "Ask the administrator of that DNS server, or of the VPN, to return the public addresses, and \
             measure again with another DNS server (--dns).",
            "请联系该 DNS 服务器或 VPN 的管理员，使其返回公网地址，并用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Misled::Inside, false) => text(
            "Check this computer's hosts file, and measure again with another DNS server (easelect --dns \
             223.5.5.5), with the VPN on and off. Ask the administrator of the VPN or of the DNS server to \
             return the public addresses.",
            "请检查本机的 hosts 文件，运行 easelect --dns 223.5.5.5 重测，并在连接和断开 VPN 时各测一次；请联系 VPN 或 DNS 服务器的管理员，使其返回公网地址。",
        ),
    }
}

/// The addresses at which something else is, or may be.
fn misled_to(row: &RowFacts<'_>, lab: bool) -> Vec<String> {
    let mut addresses = Vec::new();
    for one in row.addresses() {
        let mut failures = one.failures().iter();
        let impostor = failures.any(|count| is_impostor(&count.failure, row.host()));
        // An attempt that this computer itself prevented says nothing about who is there.
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
