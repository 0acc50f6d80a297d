//! The run was cut off, and what its attempts were waiting for.

use std::collections::BTreeMap;

use easelect::{Ended, Phase};

use super::{Found, Rule, plural};
use crate::facts::Facts;
use crate::finding::{Actor, Finding};
use crate::texts::{self, list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "unfinished",
    needs: "attempts or lookups that the deadline or an interruption cut off or prevented",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let attempts: u64 = facts.rows.iter().map(|row| row.row.ranked.stats.unfinished()).sum();
    if facts.ended == Ended::Complete && attempts == 0 {
        return Vec::new();
    }
    let (by, hint) = match facts.ended {
        Ended::Stopped => (
            text("The measurement was interrupted", "测量被中断"),
            text("Let the measurement run to completion.", "请等待测量完成。"),
        ),
        _ => (
            text("The deadline ended the measurement early", "时限已到，测量提前结束"),
            text(
                "Allow more time with --deadline, or select fewer data centres and services.",
                "请用 --deadline 延长时限，或减少要测的数据中心和服务。",
            ),
        ),
    };
    let count = plural(usize::try_from(attempts).unwrap_or(usize::MAX), "attempt");
    let waiting = waiting(facts);
    let told = text(
        format!("{}; {count} did not complete{}.", by.en, waiting.en),
        format!("{}，{attempts} 次尝试未完成{}。", by.zh, waiting.zh),
    );
    let finding = RULE.finding(told).actor(Actor::You).fault(Fault::NotMeasured);
    vec![finding.hint_text(hint)]
}

/// What the attempts under way were waiting for, and whether TCP had connected.
fn waiting(facts: &Facts<'_>) -> texts::Text {
    let mut phases: BTreeMap<Phase, usize> = BTreeMap::new();
    let mut all_connected = true;
    for one in &facts.context.evidence.unfinished {
        if let Some(phase) = one.phase {
            *phases.entry(phase).or_default() += 1;
            all_connected &= one.timings.get(Phase::Connect).is_some();
        }
    }
    if phases.is_empty() {
        return text("", "");
    }
    let en: Vec<String> =
        phases.iter().map(|(phase, count)| format!("{} ×{count}", texts::phase(*phase).en)).collect();
    let zh: Vec<String> =
        phases.iter().map(|(phase, count)| format!("{} ×{count}", texts::phase(*phase).zh)).collect();
    let connected = match all_connected {
        true => text(" (TCP had connected)", "（TCP 均已连接）"),
        false => text("", ""),
    };
    text(
        format!("; they were waiting for: {}{}", list(&en).en, connected.en),
        format!("；当时在等待：{}{}", list(&zh).zh, connected.zh),
    )
}
