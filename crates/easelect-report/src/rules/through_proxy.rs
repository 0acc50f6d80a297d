//! What was measured lies behind a proxy.

use super::{Found, Rule, plural};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding};
use crate::texts::text;
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "through_proxy",
    needs: "a proxy through which something worked",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let Some(proxy) = &facts.context.environment.proxy else {
        return Vec::new();
    };
    let (behind, past): (Vec<&RowFacts<'_>>, Vec<&RowFacts<'_>>) =
        facts.rows.iter().partition(|row| row.proxied);
    let working = behind.into_iter().filter(|row| row.successes() > 0);
    let (count, past) = (hosts(working).len(), hosts(past).len());
    if count == 0 {
        return Vec::new();
    }
    let past = match past {
        0 => text("", ""),
        past => text(
            format!(" Past it: {}.", plural(past, "host")),
            format!("另有 {past} 个主机未经代理。"),
        ),
    };
    let told = text(
        format!(
            "Measured through the proxy {proxy} ({}): it looks the names up, and addresses and TCP connect \
             times are its own.{}",
            plural(count, "host"),
            past.en
        ),
        format!(
            "经代理 {proxy} 测量（{count} 个主机）：域名由代理解析，地址和 TCP 连接耗时是代理的。{}",
            past.zh
        ),
    );
    let hint = text(
        "An app that doesn't use this proxy sees other times; --no-proxy measures without it.",
        "不使用该代理的应用耗时会不同；可用 --no-proxy 不经代理测量。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
