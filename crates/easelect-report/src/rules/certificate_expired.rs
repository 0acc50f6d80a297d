//! A certificate is out of date: the server's own, or an authority's that it sends along.

use easelect::{ChainFault, FailureKind as Kind};

use super::certificate_faulty::names_the_host;
use super::{Found, Rule, any_blocks, failure_text, given_by, places, urls};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "certificate_expired",
    needs: "a certificate that has expired",
    unless: "the clock is suspected; it is another host's (hijack); what is explained otherwise",
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
        let (names, why) = (list(&all), failure_text(&failure, facts.now()));
        let told = text(
            format!("{}: {}.", names.en, why.en),
            format!("{}：{}。", names.zh, why.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        // Somebody else's, that has expired besides, is no fault of the hosts.
        let theirs = failure.certificate().is_none() || names_the_host(&failure, &rows);
        let given = given_by(&rows);
        let hint = match (own, failure.chain_fault()) {
            (true, Some(ChainFault::IntermediateExpired | ChainFault::RootExpired)) => text(
                "Have the server send the authority's present certificate along instead of the expired one.",
                "请让服务器改为发送签发机构的现行中间证书。",
            ),
            (true, _) => text("Renew the server's certificate.", "请更换服务器的证书。"),
            (false, _) if !theirs => text(
                "Don't trust this certificate; try from another network.",
                "不要信任该证书；请换一个网络再试。",
            ),
            (false, Some(ChainFault::IntermediateExpired | ChainFault::RootExpired)) => text(
                "Tell Easemob support: the servers send an expired certificate of their authority along. Some platforms find another way, others refuse.",
                "请告知环信技术支持：服务器发送的签发机构证书已过期。有的平台能绕过，有的会拒绝。",
            ),
            (false, _) => text(
                "Check that this computer's date is right; then tell Easemob support which host it is.",
                "请确认本机日期正确，然后把该主机名告知环信技术支持。",
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
