//! Parts of the app's endpoint list are not used.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "source_in_part",
    needs: "a list that was given, and a part of it that can't be used",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let in_part = facts.context.notes.iter().filter_map(|note| match note {
        Note::SourceInPart { url, left_out } => Some((url, left_out)),
        _ => None,
    });
    in_part
        .map(|(url, left_out)| {
            let url = shown(url, 200);
            let left_out: Vec<String> = left_out.iter().map(|one| shown(one, 200)).collect();
            let left_out = list(&left_out);
            let told = text(
                format!("Parts of the endpoint list {url} are not used: {}.", left_out.en),
                format!("接入地址列表 {url} 有部分内容未使用：{}。", left_out.zh),
            );
            let hint = text(
                "These parts were not measured. Check the list and where it comes from.",
                "未使用的部分没有测量。请检查该列表及其来源。",
            );
            let finding = RULE.finding(told).severity(Severity::Informs);
            finding.actor(Actor::Developer).hint_text(hint)
        })
        .collect()
}
