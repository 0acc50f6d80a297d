//! One address of an endpoint is much slower than its others.

use std::time::Duration;

use easelect::AddressStats;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::figures::ms_unit;
use crate::finding::Finding;
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "address_slow",
    needs: "three successes or more at each, the median twice that of the fastest and 50 ms above it",
    unless: "packets are lost, which is what makes it slow",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["packets_lost", "slow_link"]) {
        return Vec::new();
    }
    let mut slow = Vec::new();
    for row in facts.tried().filter(|row| row.is_ready() && !row.proxied) {
        let median = |one: &AddressStats| -> Option<Duration> {
            let summary = one.total().summary()?;
            (one.successes() >= 3).then_some(summary.p50)
        };
        let all = || row.addresses().iter().filter_map(|one| Some((one, median(one)?)));
        let Some(fastest) = all().map(|(_, took)| took).min() else {
            continue;
        };
        for (one, took) in all() {
            if took > fastest * 2 && took > fastest + Duration::from_millis(50) {
                let ip = one.address().ip();
                slow.push(format!("{} @ {ip} ({}, {})", row.url(), ms_unit(took), ms_unit(fastest)));
            }
        }
    }
    if slow.is_empty() {
        return Vec::new();
    }
    let slow = list(&slow);
    let told = text(
        format!("Addresses that are much slower than the fastest of the same host (median, and the fastest's): {}.", slow.en),
        format!("以下地址比同一主机最快的地址慢很多（括号内为两者的中位数）：{}。", slow.zh),
    );
    let hint = text(
        "A client that takes the first address may get one of these; one that tries several at a time doesn't.",
        "只用第一个地址的客户端可能恰好用到它；同时尝试多个地址的客户端不受影响。",
    );
    vec![RULE.finding(told).hint_text(hint)]
}
