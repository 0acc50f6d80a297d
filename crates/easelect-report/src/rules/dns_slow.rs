//! DNS lookups succeed but take seconds.

use std::time::Duration;

use easelect::Lookup;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::figures::ms_unit;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "dns_slow",
    needs: "half of the successful lookups, and at least two, took a second or longer",
    unless: "the link is slow for everything (slow_link)",
    find,
};

/// A resolver that queries servers around the world takes less.
const SLOW: Duration = Duration::from_secs(1);

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["slow_link"]) {
        return Vec::new();
    }
    let lookups = facts.context.evidence.lookups.iter();
    let good: Vec<&Lookup> = lookups.filter(|one| one.outcome.is_ok()).collect();
    let slow: Vec<Duration> = good
        .iter()
        .map(|one| one.took)
        .filter(|took| *took >= SLOW)
        .collect();
    if slow.len() < 2 || slow.len() * 2 < good.len() {
        return Vec::new();
    }
    let longest = ms_unit(slow.iter().max().copied().unwrap_or_default());
    let told = text(
        format!(
            "DNS is slow: {} of {} lookups took a second or longer (up to {longest}). Every first connection \
             waits for DNS.",
            slow.len(),
            good.len()
        ),
        format!(
            "DNS 很慢：{} 次解析中有 {} 次超过 1 秒，最长 {longest}。首次连接都要等待解析。",
            good.len(),
            slow.len()
        ),
    );
    let hint = match facts.may_ask_elsewhere() {
        false => text("Measure again with another DNS server (--dns).", "请用 --dns 指定其他 DNS 服务器重测。"),
        true => text(
            "Measure again with another DNS server (easelect --dns 223.5.5.5). If this computer has several, \
             the first may not answer.",
            "请运行 easelect --dns 223.5.5.5 重测。如果本机设置了多个 DNS 服务器，可能是第一个没有应答。",
        ),
    };
    let finding = RULE.finding(told).severity(Severity::Harms);
    vec![finding.actor(Actor::NetworkAdministrator).hint_text(hint)]
}
