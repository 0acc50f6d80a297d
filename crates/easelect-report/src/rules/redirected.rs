//! A host that proved its identity sends clients elsewhere.

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
                "Redirected: HTTP {status} to {target} from {}, after identity was proved. No client follows a redirection of an upgrade.",
                names.en
            ),
            format!(
                "被重定向：{} 应答 HTTP {status}，指向 {target}。主机身份已验证；客户端不会跟随升级请求的重定向。",
                names.zh
            ),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let (actor, hint) = match own {
            true => (
                Some(Actor::Developer),
                text(
                    "Put the target into the configuration, if it is the service's, or correct the gateway.",
                    "如果该目标就是服务地址，请写入配置；否则请改正网关。",
                ),
            ),
            false => (None, text("", "")),
        };
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}
