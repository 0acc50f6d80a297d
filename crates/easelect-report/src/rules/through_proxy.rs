//! The measurement went through a proxy.

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
        past => {
            let bypass = if past == 1 { "bypasses" } else { "bypass" };
            text(
            format!(" {} {bypass} it.", plural(past, "host")),
            format!("另有 {past} 个主机不经代理。"),
        )
        }
    };
    let told = text(
        format!(
            "Measured through the proxy {proxy} ({}): the proxy resolves the names, and the addresses and TCP \
             connect times are those of the proxy.{}",
            plural(count, "host"),
            past.en
        ),
        format!(
            "经代理 {proxy} 测量（{count} 个主机）：域名由代理解析，IP 地址和 TCP 连接耗时属于代理。{}",
            past.zh
        ),
    );
    let hint = text(
        "An app that doesn't use this proxy has different times; --no-proxy measures without it.",
        "不使用该代理的应用耗时会不同；可用 --no-proxy 不经代理测量。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
