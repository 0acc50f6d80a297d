//! A host that proved its identity doesn't know the path.

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, places, urls};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{fail, fails, list, text};
use crate::finding::Actor;

pub(super) const RULE: Rule = Rule {
    code: "path_wrong",
    needs: "404, 405 or 410 to an upgrade, from a host that proved its identity",
    unless: "a firewall's signs; what is explained otherwise, for example by TLS inspection",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let wrong = failing.filter_map(|row| {
        let failure = row.why_not()?;
        let is_wrong = failure.kind() == Kind::Rejected
            && failure.phase() == Phase::Upgrade
            && matches!(failure.status(), Some(404 | 405 | 410));
        is_wrong.then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(wrong) {
        let (names, why) = (list(&urls(&rows)), fails(&failure, facts.now()));
        let fail = fail(rows.len());
        let told = text(
            format!("The path is wrong: {} {fail} {}.", names.en, why.en),
            format!("路径有误：{} {}。", names.zh, why.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let hint = match own {
            true => text(
                "Correct the path in the catalogue file or in the app's configuration.",
                "请改正目录文件或应用配置中的路径。",
            ),
            false => text(
                "Ask Easemob support for the path, and put it into a catalogue file (--catalog).",
                "请向环信技术支持询问路径，并写入目录文件（--catalog）。",
            ),
        };
        let finding = RULE.finding(told).actor(Actor::Developer).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}
