//! A certificate of an accepted chain expires soon.

use std::time::{Duration, SystemTime};

use easelect::AddressStats;

use super::{Found, Rule, given_by};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{expires, list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "certificate_expires_soon",
    needs: "an accepted chain in which a certificate expires within 14 days; a root, and what had already \
         expired, doesn't count",
    unless: "TLS is inspected",
    find,
};

/// Let's Encrypt advises renewing 30 days before the end: a certificate with two weeks left was probably
/// forgotten.
const SOON: Duration = Duration::from_secs(14 * 86_400);

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["tls_inspected"]) {
        return Vec::new();
    }
    let Some(limit) = facts.now().checked_add(SOON) else {
        return Vec::new();
    };
    let soon: Vec<(SystemTime, usize, &RowFacts<'_>)> = (facts.tried())
        .filter_map(|row| {
            let (end, place) = of_addresses(row.addresses(), facts.now())?;
            (end < limit).then_some((end, place, row))
        })
        .collect();
    let Some((ends, place, _)) = soon.iter().min_by_key(|(end, ..)| *end) else {
        return Vec::new();
    };
    let urls: Vec<String> = soon.iter().map(|(.., row)| row.url()).collect();
    let urls = list(&urls);
    let expiry = expires(*ends, facts.now())
        .unwrap_or_else(|| text("certificate has just expired", "证书刚刚过期"));
    let whose = match place {
        0 => text("", ""),
        _ => text(" (the issuing authority's)", "（签发机构的证书）"),
    };
    let told = text(
        format!("{}: {}{}.", urls.en, expiry.en, whose.en),
        format!("{}：{}{}。", urls.zh, expiry.zh, whose.zh),
    );
    let rows: Vec<&RowFacts<'_>> = soon.iter().map(|(.., row)| *row).collect();
    let (actor, hint) = match given_by(&rows) {
        Some((Actor::You, check)) => (Actor::You, check),
        Some((actor, _)) => (actor, text("Renew the certificate.", "请更换证书。")),
        None => (
            Actor::Easemob,
            text(
                "Tell Easemob support if the certificate isn't renewed in time.",
                "如果证书未按时更换，请联系环信技术支持。",
            ),
        ),
    };
    let finding = RULE.finding(told).actor(actor).fault(Fault::AllWell);
    vec![finding.hint_text(hint)]
}

/// The earliest expiry among the certificates accepted at an endpoint's addresses, and that certificate's place
/// in its chain.
pub(crate) fn of_addresses(
    addresses: &[AddressStats],
    now: SystemTime,
) -> Option<(SystemTime, usize)> {
    let accepted = addresses.iter().filter(|one| one.successes() > 0);
    let chains = accepted.filter_map(AddressStats::chain);
    let ends = chains.filter_map(|chain| {
        let all = chain.certificates().iter().enumerate();
        // A certificate that had already expired was not needed, such as a root's older cross-signature for older
        // clients. A root is trusted because it is installed, whatever its dates (RFC 5280 §6.1.1).
        let needed = all.filter(|(place, one)| {
            *place == 0 || (one.not_after > now && one.subject != one.issuer)
        });
        needed.map(|(place, one)| (one.not_after, place)).min()
    });
    ends.min()
}
