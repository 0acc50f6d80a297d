//! Endpoints are above a threshold.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::figures::ms_unit;
use crate::finding::Finding;
use crate::texts::{list, text};
use crate::threshold;

pub(super) const RULE: Rule = Rule {
    code: "above_threshold",
    needs: "a threshold given by the user, and a ready endpoint above it",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let mut findings = Vec::new();
    for threshold in &facts.context.thresholds {
        let urls: Vec<String> = threshold::above(facts.groups, *threshold)
            .into_iter()
            .map(|(endpoint, measured)| format!("{endpoint} ({})", ms_unit(measured)))
            .collect();
        if urls.is_empty() {
            continue;
        }
        let urls = list(&urls);
        let told = text(
            format!("Above the threshold {threshold}: {}.", urls.en),
            format!("超过阈值 {threshold}：{}。", urls.zh),
        );
        let hint = text(
            "Check which phase takes the time: a slow TCP connect means distance or a detour in the route.",
            "请看耗时在哪个阶段：TCP 连接慢，说明距离远或路由绕行。",
        );
        findings.push(RULE.finding(told).hint_text(hint));
    }
    findings
}
