//! No handshake gets through to any of several hosts.

use super::{Found, Rule, connect_inside, places, plural};
use crate::facts::{Facts, RowFacts, hosts, is_silence};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{fails, text};

pub(super) const RULE: Rule = Rule {
    code: "nothing_gets_through",
    needs: "two or more hosts, and every attempt ended in silence, a refusal or a reset before the TLS \
         handshake completed",
    unless: "a host proved its identity; what is explained otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let unexplained = |row: &&RowFacts<'_>| !found.explains(row);
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(unexplained).collect();
    let attempts = || {
        let all = rows.iter().flat_map(|row| &row.failures);
        all.filter(|one| one.phase() != easelect::Phase::Resolve)
    };
    let count = hosts(rows.iter().copied()).len();
    let silenced = attempts().all(is_silence);
    let Some(failure) = attempts().find(|one| !one.is_local()) else {
        return Vec::new();
    };
    if count < 2 || !silenced || facts.tried().any(RowFacts::is_verified) {
        return Vec::new();
    }
    let (count_en, why) = (plural(count, "host"), fails(failure, facts.now()));
    // A proxy that answers 200 before it has connected hides how that ended.
    let proxy = facts.context.environment.proxy.as_ref();
    let proxy = proxy.filter(|_| rows.iter().all(|row| row.proxied));
    let (by_en, by_zh) = match proxy {
        Some(proxy) => (
            format!(" The proxy {proxy} reports that it is connected to them."),
            format!("代理 {proxy} 报告已连接到这些主机。"),
        ),
        None => (String::new(), String::new()),
    };
    let told = text(
        format!("No handshake gets through to any of the {count_en}. For example, an attempt fails {}.{by_en}", why.en),
        format!("到 {count} 个主机的握手全部失败，例如{}。{by_zh}", why.zh),
    );
    let own = rows.iter().all(|row| row.own);
    let (actor, hint) = match own {
        _ if proxy.is_some() => (
            Some(Actor::NetworkAdministrator),
            text(
                "Ask the proxy's administrator whether it can reach these hosts and allows TLS to them; \
                 --no-proxy measures without it.",
                "请联系代理的管理员，确认代理能连上这些主机并放行 TLS 流量；可用 --no-proxy 不经代理测量。",
            ),
        ),
        true => (
            Some(Actor::Developer),
            text(
                "Check the hosts and ports, and whether this network allows access to them; measure \
                 again from another network.",
                "请检查主机和端口，以及本网络是否允许访问；也可换一个网络重测。",
            ),
        ),
        false => (
            Some(Actor::NetworkAdministrator),
            text(
                "Ask the network administrator to allow TCP port 443 to *.easemob.com and *.easecdn.com, and \
                 measure again from another network.",
                "请网络管理员放行到 *.easemob.com、*.easecdn.com 的 TCP 443 端口；也可换一个网络重测。",
            ),
        ),
    };
    let hint = connect_inside(&rows, failure).unwrap_or(hint);
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(actor);
    vec![finding.hint_text(hint).explaining(places(&rows))]
}
