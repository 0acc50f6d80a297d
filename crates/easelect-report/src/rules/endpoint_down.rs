//! Endpoints fail in the same way, and nothing above explains it.

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, failure_hint, failure_text, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{Text, list, text};

pub(super) const RULE: Rule = Rule {
    code: "endpoint_down",
    needs: "an endpoint that is not ready",
    unless: "what is explained otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let failing = failing.filter_map(|row| Some((row.why_not()?.clone(), row)));
    let failing = failing.filter(|(failure, _)| !found.excuses(failure));
    let mut findings = Vec::new();
    for (failure, rows) in alike(failing) {
        let rows: Vec<&RowFacts<'_>> = rows;
        let (names, why) = (list(&urls(&rows)), failure_text(&failure, facts.now()));
        let told = text(
            format!("{}: {}.", names.en, why.en),
            format!("{}：{}。", names.zh, why.zh),
        );
        let actor = who_mends_all(&rows, &failure, facts, found);
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        let hint = match found.path_in_doubt() && !failure.is_answer() {
            // The way there is to be mended first.
            true => text("", ""),
            false if behind_is_silent(&failure) && any_blocks(&rows) => {
                alone(rows.iter().all(|row| row.own))
            }
            false => failure_hint(&failure, facts, rows.iter().all(|row| row.own || row.pinned)),
        };
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

/// Whether the host is who it should be, and what is behind it doesn't answer.
fn behind_is_silent(failure: &Failure) -> bool {
    failure.phase() > Phase::Tls
        && matches!(failure.kind(), Kind::Timeout | Kind::Closed | Kind::Reset)
}

/// What to do about that where nothing else works: there is no other endpoint to use.
fn alone(own: bool) -> Text {
    match own {
        true => text(
            "The host proved its identity; the service behind it, or a gateway, doesn't answer: see what they log.",
            "主机身份已验证，但其后的服务或网关没有应答：请查看其日志。",
        ),
        false => text(
            "The host proved its identity; the service behind it, or a gateway, doesn't answer, and no other endpoint \
             works: tell Easemob support.",
            "主机身份已验证，但其后的服务或网关没有应答，且没有其他可用的接入地址：请联系环信技术支持。",
        ),
    }
}
