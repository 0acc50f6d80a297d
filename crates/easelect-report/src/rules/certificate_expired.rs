//! A certificate has expired: the server's own, or an authority's that the server sends with it.

use easelect::{ChainFault, FailureKind as Kind};

use super::certificate_faulty::names_the_host;
use super::{Found, Rule, any_blocks, given_by, places, urls};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::{Actor, Finding};
use crate::texts::{fail, fails, list, text};

pub(super) const RULE: Rule = Rule {
    code: "certificate_expired",
    needs: "a certificate that has expired",
    unless: "the clock is suspected; the certificate is another host's (hijack_suspected); what is explained \
         otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let expired = failing.filter_map(|row| {
        let failure = row.why_not()?;
        (failure.kind() == Kind::CertificateExpired).then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(expired) {
        let all = urls(&rows);
        let (names, why) = (list(&all), fails(&failure, facts.now()));
        let fail = fail(all.len());
        let told = text(
            format!("{} {fail} {}.", names.en, why.en),
            format!("{} {}。", names.zh, why.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        // Another host's certificate that has also expired is not these hosts' fault.
        let theirs = failure.certificate().is_none() || names_the_host(&failure, &rows);
        let given = given_by(&rows);
        let hint = match (own, failure.chain_fault()) {
            (true, Some(ChainFault::IntermediateExpired | ChainFault::RootExpired)) => text(
                "Configure the server to send the authority's current certificate instead of the expired one.",
                "请配置服务器，改为发送签发机构当前有效的证书。",
            ),
            (true, _) => text("Renew the server's certificate.", "请更换服务器的证书。"),
            (false, _) if !theirs => text(
                "Don't trust this certificate; try from another network.",
                "不要信任该证书；请换一个网络再试。",
            ),
            (false, Some(ChainFault::IntermediateExpired | ChainFault::RootExpired)) => text(
                "Tell Easemob support that the server sends an expired certificate of its authority. Some \
                 platforms find another chain; others refuse the connection.",
                "请告知环信技术支持：服务器发送的签发机构证书已过期。部分平台能找到其他证书链，部分平台会拒绝连接。",
            ),
            (false, _) => text(
                "Check this computer's date and time. If they are right, send this report to Easemob support.",
                "请检查电脑的日期和时间；如果正确，请把这份报告发给环信技术支持。",
            ),
        };
        let (actor, hint) = match given {
            Some((Actor::You, check)) => (Some(Actor::You), check),
            Some((actor, _)) => (Some(actor), hint),
            None => (theirs.then_some(Actor::Easemob), hint),
        };
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}
