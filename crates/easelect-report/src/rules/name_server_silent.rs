//! A DNS server never answers, while another does.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};
use crate::{DirectLookup, DnsTransport};

pub(super) const RULE: Rule = Rule {
    code: "name_server_silent",
    needs: "a DNS server that answered no direct query, beside one that answers; or alone, where nothing works \
         or --dns was given",
    unless: "the network was down, or is too slow for anything; the timeout is too short",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["connection_lost", "slow_link", "timeout_too_short"]) {
        return Vec::new();
    }
    let (silent, answering) = servers(facts, DnsTransport::Udp);
    if silent.is_empty()
        || (answering.is_empty() && facts.context.environment.dns.is_none() && facts.works())
    {
        return Vec::new();
    }
    let (_, over_tcp) = servers(facts, DnsTransport::Tcp);
    let tcp = match silent.iter().any(|one| over_tcp.contains(one)) {
        true => text(
            " It answers over TCP, so UDP port 53 is blocked.",
            "经 TCP 有应答，说明 UDP 53 端口被阻断。",
        ),
        false => text("", ""),
    };
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(|row| waits_for_it(row, facts)).collect();
    let names = |these: &BTreeSet<SocketAddr>| list(&these.iter().collect::<Vec<_>>());
    let (others, waits) = (names(&answering), names(&silent));
    let lost = match rows.is_empty() {
        true => text("", ""),
        false => text(
            format!(
                " Another one answers ({}), but this system's lookups wait for the silent one until they time \
                 out.",
                others.en
            ),
            format!(
                "另有服务器应答（{}），但系统解析一直在等待没有应答的服务器，直到超时。",
                others.zh
            ),
        ),
    };
    let told = text(
        format!("A DNS server doesn't answer: {}.{}{}", waits.en, tcp.en, lost.en),
        format!("DNS 服务器没有应答：{}。{}{}", waits.zh, tcp.zh, lost.zh),
    );
    let hint = text(
        "Remove it from this computer's DNS settings, or ask the network administrator: lookups may wait for \
         it first.",
        "请从本机的 DNS 设置中移除它，或联系网络管理员：解析可能要先等它超时。",
    );
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.blocking(any_blocks(&rows)).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}

/// The servers that answered nothing over this transport, and those that answered something.
fn servers(facts: &Facts<'_>, over: DnsTransport) -> (BTreeSet<SocketAddr>, BTreeSet<SocketAddr>) {
    let of = |silent: bool| -> BTreeSet<SocketAddr> {
        let timed_out = |one: &DirectLookup| {
            one.outcome.as_ref().is_err_and(|failure| failure.kind() == Kind::Timeout)
        };
        let lookups = facts.context.direct_lookups.iter();
        let these = lookups.filter(|one| one.transport == over && timed_out(one) == silent);
        these.map(|one| one.server).collect()
    };
    let answering = of(false);
    (of(true).difference(&answering).copied().collect(), answering)
}

/// Whether the system's lookups of a host timed out although a DNS server answers, because a silent one is asked
/// first.
pub(super) fn waits_for_it(row: &RowFacts<'_>, facts: &Facts<'_>) -> bool {
    let (silent, answering) = servers(facts, DnsTransport::Udp);
    let mut lookups = facts.context.direct_lookups.iter();
    let timed_out = |one: &easelect::Failure| {
        one.phase() == Phase::Resolve && one.kind() == Kind::Timeout
    };
    facts.context.environment.dns.is_none()
        && row.addresses().is_empty()
        && !row.failures.is_empty()
        && row.failures.iter().all(timed_out)
        && !silent.is_empty()
        && lookups.any(|one| {
            one.host == row.host() && answering.contains(&one.server) && one.outcome.is_ok()
        })
}
