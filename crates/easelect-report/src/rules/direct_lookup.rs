//! What DNS servers answer for hosts that this system could not resolve.

use std::collections::BTreeSet;
use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind};

use super::{Found, Rule};
use crate::DirectLookup;
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, reason, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "dns_direct_lookup",
    needs: "a host without an address, and DNS servers that were asked about it",
    unless: "--dns names the DNS server; packets are lost, the network was down or is too slow, or a DNS \
         server is silent, and the system's lookup only timed out",
    find,
};

fn find(facts: &Facts<'_>, found_before: &Found) -> Vec<Finding> {
    if facts.context.environment.dns.is_some() {
        return Vec::new();
    }
    // Where queries get lost, an answer to a second try says nothing about this computer.
    let lossy = found_before.any(&["packets_lost", "connection_lost", "slow_link", "name_server_silent"]);
    let only_timed_out =
        |row: &RowFacts<'_>| row.failures.iter().all(|one| one.kind() == Kind::Timeout);
    let lost: BTreeSet<&str> = (facts.tried())
        .filter(|row| row.addresses().is_empty() && !(lossy && only_timed_out(row)))
        .map(|row| row.host())
        .collect();
    let mut failed: Vec<(Failure, Vec<&str>)> = Vec::new();
    let mut findings = Vec::new();
    for host in lost {
        let answers: Vec<&DirectLookup> = (facts.context.direct_lookups.iter())
            .filter(|one| one.host == host)
            .collect();
        let found: BTreeSet<IpAddr> = (answers.iter())
            .flat_map(|one| one.outcome.iter().flatten().copied())
            .collect();
        if found.is_empty() {
            // The lack of addresses of one family says less than the reason why the other has none.
            let failures = answers.iter().filter_map(|one| one.outcome.as_ref().err());
            let says_more = |one: &&Failure| one.kind() != Kind::NoAddress;
            let Some(failure) = failures.clone().find(says_more).or(failures.clone().next()) else {
                continue;
            };
            match failed.iter_mut().find(|(other, _)| other.kind() == failure.kind()) {
                Some((_, hosts)) => hosts.push(host),
                None => failed.push((failure.clone(), vec![host])),
            }
            continue;
        }
        let addresses = list(&found.into_iter().collect::<Vec<_>>());
        let told = text(
            format!(
                "This system's resolver finds no address for {host}, but a DNS server asked directly returns {}.",
                addresses.en
            ),
            format!("系统解析器未能解析 {host}，但直接查询 DNS 服务器得到了 {}。", addresses.zh),
        );
        let hint = text(
            "Check this computer's hosts file, DNS cache, VPN and proxy; --dns ADDR bypasses the system's \
             resolver.",
            "请检查本机的 hosts 文件、DNS 缓存、VPN 和代理；可用 --dns ADDR 绕过系统解析器。",
        );
        let finding = RULE.finding(told).actor(Actor::You).fault(Fault::AllWell);
        findings.push(finding.hint_text(hint));
    }
    for (failure, hosts) in failed {
        let (hosts, why) = (list(&hosts), reason(&failure, facts.now()));
        let told = text(
            format!(
                "This system's resolver finds no address for {}, and neither does a DNS server asked directly: \
                 {}.",
                hosts.en, why.en
            ),
            format!(
                "系统解析器未能解析 {}，直接查询 DNS 服务器也没有得到地址：{}。",
                hosts.zh, why.zh
            ),
        );
        findings.insert(0, RULE.finding(told));
    }
    findings
}
