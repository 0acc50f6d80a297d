//! Unrelated hosts all show certificates of an unknown authority.

use easelect::FailureKind as Kind;

use super::{Found, Rule, impostors, places, plural};
use crate::facts::{Facts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{shown, text};

pub(super) const RULE: Rule = Rule {
    code: "interception_suspected",
    needs: "two or more published hosts that connect, and each shows a certificate of an unknown authority",
    unless: "a host proved its identity; the certificate store is empty; only the intermediate is missing",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let Some((rows, symptoms)) = impostors(facts, found) else {
        return Vec::new();
    };
    if symptoms.iter().any(|one| one.kind() != Kind::CertificateUntrusted) {
        return Vec::new();
    }
    let count = hosts(rows.iter().copied()).len();
    let count_en = plural(count, "host");
    let issuers: std::collections::BTreeSet<&str> =
        rows.iter().flat_map(|row| row.issuers()).collect();
    let mut issuers = issuers.into_iter();
    let (issuer_en, issuer_zh) = match (issuers.next(), issuers.next()) {
        (Some(one), None) => {
            let one = shown(one, 100);
            (format!(", issued by {one}"), format!("（签发者 {one}）"))
        }
        _ => (String::new(), String::new()),
    };
    let told = text(
        format!(
            "Suspected: TLS is intercepted. {count_en} show a certificate that this computer doesn't \
             trust{issuer_en}."
        ),
        format!("疑似 TLS 被拦截：{count} 个主机的证书均不受本机信任{issuer_zh}。"),
    );
    let hint = match facts.context.environment.cacert {
        false => text(
            "If your company inspects TLS, give its root certificate with --cacert, and ask for an exception \
             for Easemob's hosts. Otherwise, don't trust this certificate, and try another network.",
            "如果公司会解密 HTTPS 流量，请用 --cacert 给出其根证书，并申请将环信域名加入例外；否则不要信任该证书，请换一个网络再试。",
        ),
        true => text(
            "The certificates given don't include its root certificate. If your company inspects TLS, ask the \
             administrator for the root certificate, or for an exception for Easemob's hosts.",
            "给出的证书中没有其根证书。如果公司会解密 HTTPS 流量，请向管理员索取根证书，或申请将环信域名加入例外。",
        ),
    };
    let finding = RULE.finding(told).severity(Severity::Blocks);
    let finding = finding.actor(Actor::NetworkAdministrator).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}
