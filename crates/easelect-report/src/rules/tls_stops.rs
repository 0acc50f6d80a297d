//! TLS stalls at every address of one domain, and nothing shows why.

use std::collections::BTreeMap;

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts, domain, hosts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "tls_stops_suspected",
    needs: "two or more hosts of one domain, and every attempt at any host of it connected and then got \
         nothing in the TLS handshake until the timeout; another domain works over the same network",
    unless: "a host of that domain proved its identity; what is explained otherwise (large packets seen to be \
         dropped, a filter, a timeout too short)",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let mut by_domain: BTreeMap<&str, Vec<&RowFacts<'_>>> = BTreeMap::new();
    for row in facts.published().filter(|row| !row.proxied) {
        by_domain.entry(domain(row.host())).or_default().push(row);
    }
    let works = |rows: &[&RowFacts<'_>]| rows.iter().any(|row| row.successes() > 0);
    // A family without a route or an address says nothing about the other.
    let absent = |one: &Failure| matches!(one.kind(), Kind::NoAddress | Kind::Unreachable);
    let stops = |one: &Failure| one.phase() == Phase::Tls && one.kind() == Kind::Timeout;
    let stopped = |row: &&RowFacts<'_>| {
        let mut failures = row.failures.iter().filter(|one| !absent(one)).peekable();
        failures.peek().is_some() && failures.all(stops) && !found.explains(row)
    };
    let mut findings = Vec::new();
    for (name, rows) in &by_domain {
        let mut others = by_domain.iter().filter(|(other, _)| *other != name);
        if hosts(rows.iter().copied()).len() < 2
            || !rows.iter().all(stopped)
            || works(rows)
            || !others.any(|(_, rows)| works(rows))
        {
            continue;
        }
        let names = list(&hosts(rows.iter().copied()).into_iter().collect::<Vec<_>>());
        let told = text(
            format!(
                "The TLS handshake stalls at every address of {name}, while another domain works: connections \
                 to {} open, and then nothing arrives until the timeout. Suspected: large packets are dropped \
                 on the way (MTU), or a device filters these handshakes.",
                names.en
            ),
            format!(
                "{name} 的所有地址都停在 TLS 握手，而其他域名正常：能连接 {}，但此后直到超时都没有收到数据。疑似大数据包在途中被丢弃（MTU 问题），或网络中有设备过滤了握手。",
                names.zh
            ),
        );
        let hint = text(
            "Lower the MTU of this computer's network interface or VPN (try 1280) to see whether that helps, \
             and compare with another network. Ask the network administrator to allow ICMP \"packet too big\" \
             messages, and *.easemob.com and *.easecdn.com. If it is the same on other networks, tell Easemob \
             support.",
            "请调低本机网卡或 VPN 的 MTU（可试 1280），看是否改善，并换一个网络比较；请网络管理员放行 ICMP“需要分片/报文过大”消息以及 *.easemob.com、*.easecdn.com。如果换网络后仍然如此，请联系环信技术支持。",
        );
        let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
        let finding = finding.blocking(any_blocks(rows)).hint_text(hint);
        findings.push(finding.explaining(places(rows)));
    }
    findings
}
