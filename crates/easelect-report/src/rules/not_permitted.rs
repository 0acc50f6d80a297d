//! This system blocks every connect.

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "not_permitted",
    needs: "at least one connect that this system blocked, and every other failure also local",
    unless: "anything connected",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let kinds = facts.kinds_of_attempts(|one| one.phase() != Phase::Resolve);
    let connected = facts.tried().any(|row| row.is_connected());
    let local = [Kind::Unreachable, Kind::Permission];
    let all_local = kinds.iter().all(|kind| local.contains(kind));
    if connected || !all_local || !kinds.contains(&Kind::Permission) {
        return Vec::new();
    }
    let told = text(
        "This computer's system blocks connections to the hosts.",
        "本机系统禁止连接这些主机。",
    );
    let hint = text(
        "Allow this program in this computer's firewall or sandbox.",
        "请在本机防火墙或沙箱中放行本程序。",
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    vec![finding.hint_text(hint).explaining(facts.failing())]
}
