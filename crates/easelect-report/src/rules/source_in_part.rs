//! Not all that the list of endpoints says is used.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "source_in_part",
    needs: "a list that was given, of which something can't be used",
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
                format!("Not all of the endpoint list {url} is used: {}.", left_out.en),
                format!("接入地址列表 {url} 未全部使用：{}。", left_out.zh),
            );
            let hint = text(
                "What is left out was not measured. Check the list, and whether it came from where it should.",
                "未使用的部分没有测量。请检查该列表及其来源。",
            );
            let finding = RULE.finding(told).severity(Severity::Informs);
            finding.actor(Actor::Developer).hint_text(hint)
        })
        .collect()
}
