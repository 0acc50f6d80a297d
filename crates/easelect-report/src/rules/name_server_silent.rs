//! One of several name servers never answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use easelect::FailureKind as Kind;

use super::{Found, Rule};
use crate::DnsTransport;
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "name_server_silent",
    needs: "a name server that answered nothing, beside one that answers",
    unless: "the network was away, or is too slow for anything",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "slow_link"]) {
        return Vec::new();
    }
    let lookups = &facts.context.direct_lookups;
    let of = |silent: bool, over: DnsTransport| -> BTreeSet<SocketAddr> {
        let timed_out = |one: &crate::DirectLookup| {
            one.outcome.as_ref().is_err_and(|failure| failure.kind() == Kind::Timeout)
        };
        let these = lookups.iter().filter(|one| one.transport == over && timed_out(one) == silent);
        these.map(|one| one.server).collect()
    };
    let answering = of(false, DnsTransport::Udp);
    let silent: Vec<SocketAddr> =
        of(true, DnsTransport::Udp).difference(&answering).copied().collect();
    if silent.is_empty() || (answering.is_empty() && facts.context.environment.dns.is_none() && facts.works()) {
        return Vec::new();
    }
    let over_tcp = of(false, DnsTransport::Tcp);
    let tcp = match silent.iter().any(|one| over_tcp.contains(one)) {
        true => text(" Over TCP it answers: UDP port 53 is blocked.", "但经 TCP 有应答：UDP 53 端口被阻断。"),
        false => text("", ""),
    };
    let names = list(&silent);
    let told = text(
        format!("A name server doesn't answer: {}.{}", names.en, tcp.en),
        format!("DNS 服务器没有应答：{}。{}", names.zh, tcp.zh),
    );
    let hint = text(
        "Remove it from this computer's settings, or ask the network administrator: each look-up waits for it.",
        "请从本机设置中移除它，或联系网络管理员：每次解析都要先等它。",
    );
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}
