//! A gateway doesn't forward the upgrade to the service behind it.

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Found, Rule, any_blocks, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "upgrade_dropped",
    needs: "426 to an upgrade, or 400 with a WebSocket server's words for an ordinary request, from a host \
         that proved its identity",
    unless: "what is explained otherwise, for example by TLS inspection",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let dropped = failing.filter_map(|row| {
        let failure = row.why_not()?;
        is_dropped(failure).then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(dropped) {
        let names = list(&urls(&rows));
        let status = failure.status().unwrap_or_default();
        let told = text(
            format!(
                "The upgrade doesn't reach the service: {} (HTTP {status}). The WebSocket server that answers \
                 received an ordinary request: a gateway in front of it removes the Upgrade header, or \
                 forwards over HTTP/1.0.",
                names.en
            ),
            format!(
                "升级请求没有到达服务：{}（HTTP {status}）。应答的是 WebSocket 服务器，但它收到的是普通请求：其前面的网关丢弃了 Upgrade 头部，或以 HTTP/1.0 转发。",
                names.zh
            ),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let hint = match own {
            true => text(
                "Configure the gateway to forward the Upgrade and Connection headers, over HTTP/1.1 (nginx: \
                 proxy_http_version, proxy_set_header).",
                "请配置网关，以 HTTP/1.1 转发 Upgrade 和 Connection 头部（nginx：proxy_http_version、proxy_set_header）。",
            ),
            false => text(
                "Use another endpoint, and send this report to Easemob support.",
                "请改用其他接入地址，并把这份报告发给环信技术支持。",
            ),
        };
        let actor = who_mends_all(&rows, &failure, facts, found);
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

/// The answers of WebSocket servers to a request without an upgrade (Tornado, aiohttp, Spring; gorilla).
const SIGNS: [&str; 2] = ["can \"upgrade\" only to \"websocket\"", "'upgrade' token not found"];

fn is_dropped(failure: &Failure) -> bool {
    if failure.kind() != Kind::Rejected || failure.phase() != Phase::Upgrade {
        return false;
    }
    match failure.status() {
        Some(426) => true,
        Some(400) => {
            let body = failure.body().unwrap_or_default().to_lowercase();
            SIGNS.iter().any(|sign| body.contains(sign))
        }
        _ => false,
    }
}
