//! A certificate that no client accepts, for a fault of its own.

use easelect::{ChainFault, Failure, FailureKind as Kind};

use super::{Found, Rule, any_blocks, failure_text, given_by, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike, is_for};
use crate::finding::{Actor, Finding};
use crate::texts::{Text, list, text};

pub(super) const RULE: Rule = Rule {
    code: "certificate_faulty",
    needs: "a certificate that was revoked, is too weak, has no names, lacks its intermediate or is of another kind than servers have; of a host of the user's own, any that was refused",
    unless: "what is explained otherwise, as by a hijack",
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
        let (names, why) = (list(&urls(&rows)), failure_text(&failure, facts.now()));
        let told = text(
            format!("{}: {}.", names.en, why.en),
            format!("{}：{}。", names.zh, why.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let theirs = names_the_host(&failure, &rows);
        let hint = hint(&failure, own, theirs, facts);
        let (actor, hint) = match given_by(&rows) {
            Some((Actor::You, check)) => (Some(Actor::You), check),
            Some((actor, _)) => (Some(actor), hint),
            // The names are right: it is the host, and its certificate is at fault.
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

/// Whether the certificate is for the hosts, whatever else is wrong with it, and of a known authority
/// as far as that can be told.
pub(super) fn names_the_host(failure: &Failure, rows: &[&RowFacts<'_>]) -> bool {
    let known = !matches!(failure.kind(), Kind::CertificateUntrusted)
        || failure.chain_fault() == Some(ChainFault::IntermediateMissing);
    // Each shows one of its own.
    let is_its = |row: &&RowFacts<'_>| {
        let shown = row.why_not().and_then(Failure::certificate);
        shown.is_some_and(|certificate| is_for(certificate, row.host()))
    };
    known && rows.iter().all(is_its)
}

fn hint(failure: &Failure, own: bool, theirs: bool, facts: &Facts<'_>) -> Text {
    match (failure.kind(), failure.chain_fault(), own) {
        (_, Some(ChainFault::IntermediateMissing), true) => text(
            "Configure the server to send the intermediate certificate along with its own.",
            "请配置服务器在自己的证书之外一并发送中间证书。",
        ),
        (_, Some(ChainFault::IntermediateMissing), false) => text(
            "Tell Easemob support that the host doesn't send its intermediate certificate.",
            "请告知环信技术支持：该主机没有发送中间证书。",
        ),
        (_, Some(ChainFault::NoNames), true) => text(
            "Renew the certificate with the host's name as a subjectAltName.",
            "请更换证书，并把主机名写入 subjectAltName。",
        ),
        (Kind::CertificateUntrusted, _, true) if !facts.context.environment.cacert => text(
            "If it is signed by an authority of your own, give that root with --cacert.",
            "如果证书由自己的机构签发，请用 --cacert 给出其根证书。",
        ),
        (Kind::CertificateUntrusted, _, true) => text(
            "The certificates given don't include its root.",
            "给出的证书中不含其根证书。",
        ),
        (Kind::CertificateWrongHost, _, true) => text(
            "Check the host's name, or have the server show a certificate for it.",
            "请检查主机名，或让服务器出示与之相符的证书。",
        ),
        (Kind::CertificateNotYetValid, _, false) => text(
            "Check that this computer's date is right; then tell Easemob support which host it is.",
            "请确认本机日期正确，然后把该主机名告知环信技术支持。",
        ),
        (Kind::CertificateNotYetValid, _, true) => text(
            "Check that this computer's date is right.",
            "请确认本机日期正确。",
        ),
        (_, _, true) => text("Renew the server's certificate.", "请更换服务器的证书。"),
        (Kind::CertificateRevoked | Kind::CertificateWeakKey | Kind::CertificateWeakSignature, _, false)
        | (Kind::CertificateOther, _, false)
            if theirs || failure.kind() != Kind::CertificateOther => text(
            "Tell Easemob support which host it is.",
            "请把该主机名告知环信技术支持。",
        ),
        _ => text(
            "Don't trust this certificate; try from another network.",
            "不要信任该证书；请换一个网络再试。",
        ),
    }
}
