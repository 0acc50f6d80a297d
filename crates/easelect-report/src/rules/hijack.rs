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
    let mut by_kind: BTreeMap<Misled, Vec<(&RowFacts<'_>, Vec<String>)>> = BTreeMap::new();
    for row in facts.published() {
        if row.proxied || row.is_verified() || found.explains(row) {
            continue;
        }
        let misled = misled_to(row, facts.lab());
        if !misled.is_empty() {
            by_kind.entry(kind(row, &misled)).or_default().push((row, misled));
        }
    }
    let finding = |(kind, misled): (Misled, Vec<(&RowFacts<'_>, Vec<String>)>)| {
        let rows: Vec<&RowFacts<'_>> = misled.iter().map(|(row, _)| *row).collect();
        let finding = RULE.finding(told(kind, &misled)).actor(Actor::NetworkAdministrator);
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

fn told(kind: Misled, misled: &[(&RowFacts<'_>, Vec<String>)]) -> Text {
    let mut by_host: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (row, addresses) in misled {
        by_host.entry(row.host()).or_default().extend(addresses.iter().map(String::as_str));
    }
    let name = match by_host.len() {
        1 => text("the name", "该域名"),
        _ => text("the names", "这些域名"),
    };
    let addresses: BTreeSet<&str> = by_host.values().flatten().copied().collect();
    let zh = match addresses.len() {
        1 => "该地址",
        _ => "这些地址",
    };
    let where_to = where_to(&by_host);
    match kind {
        Misled::Hijacked => text(
            format!("Suspected: DNS hijacking. {}, where no server proves its identity.", where_to.en),
            format!("疑似 DNS 劫持：{}，{zh}上的服务器未能证明身份。", where_to.zh),
        ),
        Misled::Sunk => text(
            format!("Suspected: a filter blocks {}. {}, where no remote host can be.", name.en, where_to.en),
            format!("疑似{}被过滤：{}，{zh}不可能属于远端主机。", name.zh, where_to.zh),
        ),
        Misled::Inside => text(
            format!(
                "Suspected: DNS returns records of a private network. {}, where no handshake succeeds.",
                where_to.en
            ),
            format!("疑似 DNS 返回的是内网记录：{}，到{zh}的握手全部失败。", where_to.zh),
        ),
    }
}

/// Which host resolves to which addresses: hosts with the same addresses together, at most four such parts.
fn where_to(by_host: &BTreeMap<&str, BTreeSet<&str>>) -> Text {
    const SHOWN: usize = 4;
    let mut parts: Vec<(&BTreeSet<&str>, Vec<&str>)> = Vec::new();
    for (host, addresses) in by_host {
        match parts.iter_mut().find(|(these, _)| *these == addresses) {
            Some((_, hosts)) => hosts.push(host),
            None => parts.push((addresses, vec![host])),
        }
    }
    let told = parts.iter().take(SHOWN).map(|(addresses, hosts)| {
        let resolve = if hosts.len() == 1 { "resolves" } else { "resolve" };
        let (names, addresses) = (list(hosts), list(&addresses.iter().collect::<Vec<_>>()));
        text(
            format!("{} {resolve} to {}", names.en, addresses.en),
            format!("{} 被解析到 {}", names.zh, addresses.zh),
        )
    });
    let told: Vec<Text> = told.collect();
    let joined = text(
        told.iter().map(|one| &*one.en).collect::<Vec<_>>().join("; "),
        told.iter().map(|one| &*one.zh).collect::<Vec<_>>().join("；"),
    );
    match parts.iter().skip(SHOWN).map(|(_, hosts)| hosts.len()).sum::<usize>() {
        0 => joined,
        more => text(
            format!("{}; and {more} more hosts", joined.en),
            format!("{}；另有 {more} 个域名", joined.zh),
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
