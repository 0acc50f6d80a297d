//! A host that proved its identity redirects clients elsewhere.

use easelect::FailureKind as Kind;

use super::{Found, Rule, any_blocks, places, urls};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::{Actor, Finding};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "redirected",
    needs: "a 3xx status from a host that proved its identity",
    unless: "what is explained otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let redirected = failing.filter_map(|row| {
        let failure = row.why_not()?;
        let counts = failure.kind() == Kind::Redirected && failure.is_answer();
        counts.then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(redirected) {
        let names = list(&urls(&rows));
        let status = failure.status().unwrap_or_default();
        let target = shown(failure.location().unwrap_or("?"), 100);
        let told = text(
            format!(
                "Redirected to {target} (HTTP {status}): {}. The host proved its identity, but WebSocket \
                 clients usually don't follow redirects.",
                names.en
            ),
            format!(
                "被重定向到 {target}（HTTP {status}）：{}。主机身份已验证，但 WebSocket 客户端通常不跟随重定向。",
                names.zh
            ),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let (actor, hint) = match own {
            true => (
                Some(Actor::Developer),
                text(
                    "If the target is the service, put it into the configuration; otherwise, correct the \
                     gateway.",
                    "如果该目标就是服务地址，请写入配置；否则请修正网关。",
                ),
            ),
            false => (None, text("", "")),
        };
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}
