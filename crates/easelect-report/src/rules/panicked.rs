//! The app's own resolver or connector panicked.

use easelect::FailureKind as Kind;

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "panicked",
    needs: "a panic in the app's own Resolve or Connect",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let panicked = |row: &&RowFacts<'_>| {
        row.failures.iter().any(|one| one.kind() == Kind::Panicked)
    };
    let rows: Vec<&RowFacts<'_>> = facts.rows.iter().filter(panicked).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let told = text(
        "The app's own resolver or connector panicked.",
        "应用自己的解析器或连接器崩溃（panic）。",
    );
    let hint = text(
        "This is a bug in the app: see the panic in its log.",
        "这是应用的缺陷：请查看其日志中的 panic 信息。",
    );
    let finding = RULE.finding(told).actor(Actor::Developer).blocking(any_blocks(&rows));
    vec![finding.hint_text(hint).explaining(places(&rows))]
}
