//! This computer's own network changed during the measurement.

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
        "This computer's network changed during the measurement: its routes or addresses are different now.",
        "测量期间本机的网络发生变化：路由或地址与开始时不同。",
    );
    let hint = text(
        "Run again and stay on one network (with the VPN either on or off).",
        "请重测，期间不要切换网络或开关 VPN。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
