//! What name servers say of hosts that this system did not find.

use std::collections::BTreeSet;
use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind};

use super::{Found, Rule, failure_text};
use crate::DirectLookup;
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "dns_direct_lookup",
    needs: "a host without an address, and name servers that were asked about it",
    unless: "the name server of --dns is the one that was asked; its answers are forged (dns_forged); packets are lost, the network was away or is too slow, or a name server is silent, and the system's look-up timed out",
    find,
};

fn find(facts: &Facts<'_>, found_before: &Found) -> Vec<Finding> {
    if facts.context.environment.dns.is_some() {
        return Vec::new();
    }
    // Where queries get lost, that a second try was answered says nothing of this computer.
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
            // That there is no address of one family says less than why there is none of the other.
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
                "This system's resolver finds no address of {host}; a name server asked directly does: {}.",
                addresses.en
            ),
            format!("系统解析器未能解析 {host}，但直接询问 DNS 服务器得到了 {}。", addresses.zh),
        );
        let hint = text(
            "This computer's resolver is suspected: its hosts file, its cache, a VPN or a proxy. --dns ADDR asks a name server instead.",
            "疑似本机解析器的问题：hosts 文件、缓存、VPN 或代理。可用 --dns ADDR 直接询问 DNS 服务器。",
        );
        let finding = RULE.finding(told).actor(Actor::You).fault(Fault::AllWell);
        findings.push(finding.hint_text(hint));
    }
    for (failure, hosts) in failed {
        let (hosts, why) = (list(&hosts), failure_text(&failure, facts.now()));
        let told = text(
            format!(
                "This system's resolver finds no address of {}; what came of asking a name server directly: {}.",
                hosts.en, why.en
            ),
            format!(
                "系统解析器未能解析 {}；直接询问 DNS 服务器的结果：{}。",
                hosts.zh, why.zh
            ),
        );
        findings.insert(0, RULE.finding(told));
    }
    findings
}
