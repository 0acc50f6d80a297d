//! Endpoints fail in the same way, and no other finding explains it.

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, connect_inside, failure_hint, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{Text, fail, fails, list, text};

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
        let (names, why) = (list(&urls(&rows)), fails(&failure, facts.now()));
        let fail = fail(rows.len());
        let told = text(
            format!("{} {fail} {}.", names.en, why.en),
            format!("{} {}。", names.zh, why.zh),
        );
        let actor = who_mends_all(&rows, &failure, facts, found);
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        let hint = match found.path_in_doubt() && !failure.is_answer() {
            // The path must be repaired first.
            true => text("", ""),
            false if behind_is_silent(&failure) && any_blocks(&rows) => {
                alone(rows.iter().all(|row| row.own))
            }
            false => connect_inside(&rows, &failure).unwrap_or_else(|| {
                failure_hint(&failure, facts, rows.iter().all(|row| row.own || row.pinned))
            }),
        };
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

/// Whether the host proved its identity, and the service behind it doesn't answer.
fn behind_is_silent(failure: &Failure) -> bool {
    failure.phase() > Phase::Tls
        && matches!(failure.kind(), Kind::Timeout | Kind::Closed | Kind::Reset)
}

/// The hint for that where no other endpoint works.
fn alone(own: bool) -> Text {
    match own {
        true => text(
            "The host proved its identity, but the service or a gateway behind it doesn't answer: check their \
             logs.",
            "主机身份已验证，但其后的服务或网关没有应答：请查看其日志。",
        ),
        false => text(
            "The host proved its identity, but the service or a gateway behind it doesn't answer, and no other \
             endpoint works: send this report to Easemob support.",
            "主机身份已验证，但其后的服务或网关没有应答，且没有其他可用的接入地址：请把这份报告发给环信技术支持。",
        ),
    }
}
