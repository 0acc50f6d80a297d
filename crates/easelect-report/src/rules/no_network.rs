//! Every connect says: no route.

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "no_network",
    needs: "at least one attempt at a host, and every failure that this computer has no route",
    unless: "anything connected",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let kinds = facts.kinds_of_attempts(|one| one.phase() != Phase::Resolve);
    let connected = facts.tried().any(|row| row.is_connected());
    if connected || kinds.is_empty() || kinds.iter().any(|kind| *kind != Kind::Unreachable) {
        return Vec::new();
    }
    let told = text(
        "This computer has no route to any of the hosts.",
        "本机没有到任何主机的路由。",
    );
    let hint = text(
        "Connect this computer to a network; check VPN and flight mode.",
        "请将本机接入网络；检查 VPN 和飞行模式。",
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    vec![finding.hint_text(hint).explaining(facts.failing())]
}
