//! A certificate that is good will soon be out of date, anywhere in its chain.

use std::time::{Duration, SystemTime};

use easelect::AddressStats;

use super::{Found, Rule, given_by};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{expires, list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "certificate_expires_soon",
    needs: "an accepted chain of which one certificate, the root and what had ended aside, ends within 14 days",
    unless: "TLS is inspected",
    find,
};

/// Authorities renew 30 days before the end (Let's Encrypt's advice): what has two weeks left was
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
        _ => text(" (its authority's)", "（签发机构的证书）"),
    };
    let told = text(
        format!("{}: {}{}.", urls.en, expiry.en, whose.en),
        format!("{}：{}{}。", urls.zh, expiry.zh, whose.zh),
    );
    let rows: Vec<&RowFacts<'_>> = soon.iter().map(|(.., row)| *row).collect();
    let (actor, hint) = match given_by(&rows) {
        Some((Actor::You, check)) => (Actor::You, check),
        Some((actor, _)) => (actor, text("Renew it.", "请更换证书。")),
        None => (
            Actor::Easemob,
            text(
                "Tell Easemob support if it is not renewed in time.",
                "如果未按时更换，请联系环信技术支持。",
            ),
        ),
    };
    let finding = RULE.finding(told).actor(actor).fault(Fault::AllWell);
    vec![finding.hint_text(hint)]
}

/// When the first of the certificates expires that were accepted at an endpoint's addresses, and its place in
/// the chain.
pub(crate) fn of_addresses(
    addresses: &[AddressStats],
    now: SystemTime,
) -> Option<(SystemTime, usize)> {
    let accepted = addresses.iter().filter(|one| one.successes() > 0);
    let chains = accepted.filter_map(AddressStats::chain);
    let ends = chains.filter_map(|chain| {
        let all = chain.certificates().iter().enumerate();
        // What had ended was not needed: a root's older cross-signature, sent for older clients. A root is trusted
        // for being installed, whatever its dates (RFC 5280 §6.1.1).
        let needed = all.filter(|(place, one)| {
            *place == 0 || (one.not_after > now && one.subject != one.issuer)
        });
        needed.map(|(place, one)| (one.not_after, place)).min()
    });
    ends.min()
}
