//! A certificate that clients refuse because the certificate itself is faulty.

use easelect::{ChainFault, Failure, FailureKind as Kind};

use super::{Found, Rule, any_blocks, given_by, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike, is_for};
use crate::finding::{Actor, Finding};
use crate::texts::{Text, fail, fails, list, text};

pub(super) const RULE: Rule = Rule {
    code: "certificate_faulty",
    needs: "a certificate that was revoked, is too weak, has no names, lacks its intermediate or is not a \
         server certificate; at a host of the user's own, any certificate that was refused",
    unless: "what is explained otherwise, for example by a hijack",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let refused = failing.filter_map(|row| {
        let failure = row.why_not()?;
        is_faulty(failure).then(|| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(refused) {
        let (names, why) = (list(&urls(&rows)), fails(&failure, facts.now()));
        let fail = fail(rows.len());
        let told = text(
            format!("{} {fail} {}.", names.en, why.en),
            format!("{} {}。", names.zh, why.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let theirs = names_the_host(&failure, &rows);
        let hint = hint(&failure, own, theirs, facts);
        let (actor, hint) = match given_by(&rows) {
            Some((Actor::You, check)) => (Some(Actor::You), check),
            Some((actor, _)) => (Some(actor), hint),
            // The certificate names the host, so this is the host, with a faulty certificate.
            None if theirs => (Some(Actor::Easemob), hint),
            None => (who_mends_all(&rows, &failure, facts, found), hint),
        };
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

fn is_faulty(failure: &Failure) -> bool {
    matches!(
        failure.kind(),
        Kind::CertificateRevoked
            | Kind::CertificateWeakKey
            | Kind::CertificateWeakSignature
            | Kind::CertificateOther
            | Kind::CertificateNotYetValid
            | Kind::CertificateUntrusted
            | Kind::CertificateWrongHost
    )
}

/// Whether the certificate names the hosts, whatever else is wrong with it, and comes from a known authority as
/// far as that can be determined.
pub(super) fn names_the_host(failure: &Failure, rows: &[&RowFacts<'_>]) -> bool {
    let known = !matches!(failure.kind(), Kind::CertificateUntrusted)
        || failure.chain_fault() == Some(ChainFault::IntermediateMissing);
    // Each host has its own certificate.
    let is_its = |row: &&RowFacts<'_>| {
        let shown = row.why_not().and_then(Failure::certificate);
        shown.is_some_and(|certificate| is_for(certificate, row.host()))
    };
    known && rows.iter().all(is_its)
}

fn hint(failure: &Failure, own: bool, theirs: bool, facts: &Facts<'_>) -> Text {
    match (failure.kind(), failure.chain_fault(), own) {
        (_, Some(ChainFault::IntermediateMissing), true) => text(
            "Configure the server to send its intermediate certificate with its own.",
            "请配置服务器，使其同时发送中间证书。",
        ),
        (_, Some(ChainFault::IntermediateMissing), false) => text(
            "Tell Easemob support that the host doesn't send its intermediate certificate.",
            "请告知环信技术支持：该主机没有发送中间证书。",
        ),
        (_, Some(ChainFault::NoNames), true) => text(
            "Get a certificate that has the host's name as a subjectAltName.",
            "请更换为 subjectAltName 中含有该主机名的证书。",
        ),
        (Kind::CertificateUntrusted, _, true) if !facts.context.environment.cacert => text(
            "If your own authority signed the certificate, give its root certificate with --cacert.",
            "如果证书由自建的 CA 签发，请用 --cacert 给出其根证书。",
        ),
        (Kind::CertificateUntrusted, _, true) => text(
            "The certificates given don't include its root certificate.",
            "给出的证书中没有其根证书。",
        ),
        (Kind::CertificateWrongHost, _, true) => text(
            "Check the host name, or configure the server with a certificate for it.",
            "请检查主机名，或为服务器配置与之相符的证书。",
        ),
        (Kind::CertificateNotYetValid, _, false) => text(
            "Check this computer's date and time. If they are right, send this report to Easemob support.",
            "请检查电脑的日期和时间；如果正确，请把这份报告发给环信技术支持。",
        ),
        (Kind::CertificateNotYetValid, _, true) => text(
            "Check this computer's date and time.",
            "请检查电脑的日期和时间。",
        ),
        (_, _, true) => text("Renew the server's certificate.", "请更换服务器的证书。"),
        (Kind::CertificateRevoked | Kind::CertificateWeakKey | Kind::CertificateWeakSignature, _, false)
        | (Kind::CertificateOther, _, false)
            if theirs || failure.kind() != Kind::CertificateOther => text(
            "Send this report to Easemob support.",
            "请把这份报告发给环信技术支持。",
        ),
        _ => text(
            "Don't trust this certificate; try from another network.",
            "不要信任该证书；请换一个网络再试。",
        ),
    }
}
