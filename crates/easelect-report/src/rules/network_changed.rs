//! This computer's own network changed while it was measured.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding};
use crate::texts::text;
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "network_changed",
    needs: "routes or addresses of this computer that differ between the start and the end",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    if facts.context.environment.network_changed() != Some(true) {
        return Vec::new();
    }
    let told = text(
        "This computer's network changed while it was measured: its routes or addresses are others now.",
        "测量期间本机的网络发生了变化：路由或地址已不同。",
    );
    let hint = text(
        "Run again on one network (VPN either on or off).",
        "请在同一网络下重试（VPN 保持开启或关闭）。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
