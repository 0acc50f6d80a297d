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
    needs: "an address whose median is more than twice that of the host's fastest and more than 50 ms above \
         it, with three or more successes at each",
    unless: "packets are lost, or the link is slow for everything, which explains it",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["packets_lost", "slow_link"]) {
        return Vec::new();
    }
    let (mut en, mut zh) = (Vec::new(), Vec::new());
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
                let place = format!("{} @ {}", row.url(), one.address().ip());
                let (took, fastest) = (ms_unit(took), ms_unit(fastest));
                en.push(format!("{place} ({took}, the fastest {fastest})"));
                zh.push(format!("{place}（{took}，最快的 {fastest}）"));
            }
        }
    }
    if en.is_empty() {
        return Vec::new();
    }
    let (en, zh) = (list(&en).en, list(&zh).zh);
    let told = text(
        format!("Some addresses are much slower than the fastest of the same host (median of each): {en}."),
        format!("以下地址比同一主机最快的地址慢很多（均为中位数）：{zh}。"),
    );
    let hint = text(
        "A client that uses only the first address may get a slow one; a client that tries several at once is \
         not affected.",
        "只用第一个地址的客户端可能恰好用到它；同时尝试多个地址的客户端不受影响。",
    );
    vec![RULE.finding(told).hint_text(hint)]
}
