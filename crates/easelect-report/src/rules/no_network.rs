//! This computer is not connected to a network, or has no route to any host.

use std::net::IpAddr;

use easelect::{Failure, FailureKind as Kind, Families, LocalNetwork, Phase};

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{Text, text};
use crate::{DirectLookup, Environment};

pub(super) const RULE: Rule = Rule {
    code: "no_network",
    needs: "at least one attempt at a host, and no route as the reason of every failure; or only failed \
         lookups, and no route to the internet for either address family, at the start and at the end",
    unless: "anything connected; where there are only lookups: one succeeded, a DNS server on another computer \
         answered, this computer blocks them, a lab, a proxy on this computer",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let kinds = facts.kinds_of_attempts(|one| one.phase() != Phase::Resolve);
    let connected = facts.tried().any(|row| row.is_connected());
    if connected || kinds.iter().any(|kind| *kind != Kind::Unreachable) {
        return Vec::new();
    }
    let told = match kinds.is_empty() {
        false => text(
            "This computer has no route to any of the hosts.",
            "本机没有到任何主机的路由。",
        ),
        true if is_offline(facts) => text(
            "This computer is not connected to a network: it has no IPv4 or IPv6 route to the internet, so no \
             name can be resolved.",
            "本机没有接入网络：IPv4 和 IPv6 都没有到互联网的路由，无法解析域名。",
        ),
        true => return Vec::new(),
    };
    let option = match facts.context.environment.families {
        Families::V4 => Some("-4"),
        Families::V6 => Some("-6"),
        _ => None,
    };
    let hint = match option.filter(|_| !kinds.is_empty()) {
        // The other family may have a route.
        Some(option) => text(
            format!("Measure again without {option}; if that fails too, check this computer's network and VPN."),
            format!("请去掉 {option} 后重测；如果仍然失败，请检查本机网络和 VPN。"),
        ),
        None => connect(),
    };
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    vec![finding.hint_text(hint).explaining(facts.failing())]
}

fn connect() -> Text {
    text(
        "Connect this computer to a network (Wi-Fi or cable); check the VPN and airplane mode.",
        "请将本机接入网络（Wi-Fi 或网线），并检查 VPN 和飞行模式。",
    )
}

/// Whether lookups failed because this computer has no way to send packets.
fn is_offline(facts: &Facts<'_>) -> bool {
    let environment = &facts.context.environment;
    let off = |one: &Option<LocalNetwork>| {
        one.as_ref().is_some_and(|one| {
            one.id.is_none() && one.source_v4.is_none() && one.source_v6.is_none()
        })
    };
    let failures = || facts.rows.iter().flat_map(|row| &row.failures);
    // A DNS server on this computer answers without a network, if only with a failure.
    let mut direct = facts.context.direct_lookups.iter();
    let answered = direct.any(|one| !one.server.ip().is_loopback() && is_answered(one));
    let found = facts.context.evidence.lookups.iter().any(|one| one.outcome.is_ok());
    let forbidden = failures().any(|one: &Failure| {
        matches!(one.kind(), Kind::Permission | Kind::OutOfResources | Kind::Panicked)
    });
    off(&environment.network_at_start)
        && off(&environment.network_at_end)
        && !facts.lab()
        && !is_proxied_here(environment)
        && failures().next().is_some()
        && !(forbidden || found || answered)
}

/// Whether the DNS server answered at all.
fn is_answered(lookup: &DirectLookup) -> bool {
    lookup.outcome.as_ref().err().is_none_or(|failure| {
        matches!(
            failure.kind(),
            Kind::NotFound | Kind::NoAddress | Kind::ServerFailure | Kind::Malformed | Kind::BogusAddress
        )
    })
}

/// Whether the proxy is on this computer: it may have its own path to the hosts.
fn is_proxied_here(environment: &Environment) -> bool {
    environment.proxy.as_ref().is_some_and(|proxy| {
        let host = proxy.host().trim_matches(['[', ']']);
        let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        loopback || host == "localhost" || host.ends_with(".localhost")
    })
}
