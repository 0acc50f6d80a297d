//! The service behind a host that proved its identity is in trouble.

use easelect::Failure;

use super::{Found, Rule, any_blocks, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "service_in_trouble",
    needs: "a 5xx status from a host that proved its identity",
    unless: "what is explained otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let troubled = failing.filter_map(|row| {
        let failure = row.why_not()?;
        is_trouble(failure).then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(troubled) {
        let names = list(&urls(&rows));
        let status = failure.status().unwrap_or_default();
        let later = match failure.retry_after() {
            Some(delay) => text(
                format!(" The server asks clients to retry after {} s.", delay.as_secs()),
                format!("服务器要求 {} 秒后重试。", delay.as_secs()),
            ),
            None => text("", ""),
        };
        let told = text(
            format!(
                "The service is in trouble: HTTP {status} from {}, whose identity was verified.{}",
                names.en, later.en
            ),
            format!(
                "服务出现故障：{} 应答 HTTP {status}，主机身份已验证。{}",
                names.zh, later.zh
            ),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let hint = match own {
            true => text(
                "Check the logs of the server and of the gateway in front of it.",
                "请查看服务器及其前置网关的日志。",
            ),
            false => text(
                "Try again later; if it persists, send this report to Easemob support.",
                "请稍后再试；如持续出现，请把这份报告发给环信技术支持。",
            ),
        };
        let actor = who_mends_all(&rows, &failure, facts, found);
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

fn is_trouble(failure: &Failure) -> bool {
    failure.is_answer() && failure.status().is_some_and(|status| (500..600).contains(&status))
}
