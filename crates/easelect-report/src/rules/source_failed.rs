//! The list of endpoints that the app uses could not be read.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{shown, text};

pub(super) const RULE: Rule = Rule {
    code: "source_failed",
    needs: "a list that was given and could not be read",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let failed = facts.context.notes.iter().filter_map(|note| match note {
        Note::SourceFailed { url, why } => Some((shown(url, 200), shown(why, 200))),
        _ => None,
    });
    failed
        .map(|(url, why)| {
            let told = text(
                format!("The endpoint list {url} can't be used: {why}."),
                format!("无法使用接入地址列表 {url}：{why}。"),
            );
            let hint = text(
                "An app that relies on this list waits for it before it connects: check the URL and the network.",
                "依赖该列表的应用要先等待列表，再建立连接：请检查 URL 和网络。",
            );
            let finding = RULE.finding(told).severity(Severity::Harms);
            finding.actor(Actor::Developer).hint_text(hint)
        })
        .collect()
}
