//! This computer's clock is probably wrong.

use std::collections::BTreeSet;
use std::time::SystemTime;

use easelect::{Certificate, Failure, FailureKind as Kind};

use super::{Found, Rule, any_blocks, places, plural};
use crate::facts::{Facts, RowFacts, domain, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "clock_wrong_suspected",
    needs: "two or more different certificates out of date in the same direction by this clock, at least as \
         many as are valid, or one not valid yet where no host proved its identity; and a moment at which all \
         of them would be valid",
    unless: "only one certificate is out of date, be it a server's or an authority's: then its owner is to blame",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let suspected = suspected(facts, Kind::CertificateNotYetValid)
        .or_else(|| suspected(facts, Kind::CertificateExpired));
    let Some((rows, slow)) = suspected else {
        return Vec::new();
    };
    let count = hosts(rows.iter().copied()).len();
    let count_en = plural(count, "host");
    let told = match slow {
        true => text(
            format!(
                "Suspected: this computer's clock is behind. By this clock, certificates of {count_en} are not \
                 valid yet."
            ),
            format!("疑似本机时钟偏慢：按本机时钟，{count} 个主机的证书尚未生效。"),
        ),
        false => text(
            format!(
                "Suspected: this computer's clock is ahead. By this clock, certificates of {count_en} have \
                 expired."
            ),
            format!("疑似本机时钟偏快：按本机时钟，{count} 个主机的证书已过期。"),
        ),
    };
    let hint = text(
        "Correct this computer's date, time and time zone, then run again.",
        "请检查并改正电脑的日期、时间和时区，然后重测。",
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    let finding = finding.blocking(any_blocks(&rows) || !rows.is_empty());
    vec![finding.hint_text(hint).explaining(places(&rows))]
}

/// The endpoints whose certificates are out of date by this clock, and whether the clock is behind.
fn suspected<'a>(
    facts: &'a Facts<'a>,
    kind: Kind,
) -> Option<(Vec<&'a RowFacts<'a>>, bool)> {
    let slow = kind == Kind::CertificateNotYetValid;
    let refused = |row: &RowFacts<'a>| -> Option<Failure> {
        let mut failures = row.failures.iter();
        failures.find(|one| one.kind() == kind).cloned()
    };
    let rows: Vec<(&RowFacts<'a>, Failure)> = (facts.tried())
        .filter_map(|row| Some((row, refused(row)?)))
        .collect();
    // One certificate may serve many hosts, or one authority's may be in all chains, and have really expired.
    // Two different ones don't expire at once.
    let date = |failure: &Failure| match slow {
        true => failure.not_before(),
        false => failure.not_after(),
    };
    let different: BTreeSet<(Option<SystemTime>, &str)> = rows
        .iter()
        .map(|(row, failure)| match date(failure) {
            Some(at) => (Some(at), ""),
            None => (None, domain(row.host())),
        })
        .collect();
    let rows: Vec<&RowFacts<'a>> = rows.into_iter().map(|(row, _)| row).collect();
    let good: BTreeSet<SystemTime> = shown(facts)
        .filter(|(good, _)| *good)
        .map(|(_, one)| one.not_after)
        .collect();
    let verified = facts.tried().any(RowFacts::is_verified);
    let enough = match verified {
        // Nothing contradicts it, and authorities don't issue certificates that begin in the future: one is enough.
        false if slow => !different.is_empty(),
        _ => different.len() >= 2 && different.len() >= good.len(),
    };
    (enough && suits_all(facts)).then_some((rows, slow))
}

/// The servers' own certificates, and whether they were accepted.
fn shown<'a>(facts: &'a Facts<'a>) -> impl Iterator<Item = (bool, &'a Certificate)> {
    let addresses = facts.tried().flat_map(RowFacts::addresses);
    addresses.filter_map(|one| Some((one.successes() > 0, one.chain()?.own())))
}

/// Whether there is a moment at which all certificates would be valid.
fn suits_all(facts: &Facts<'_>) -> bool {
    let begin = shown(facts).map(|(_, one)| one.not_before).max();
    let end = shown(facts).map(|(_, one)| one.not_after).min();
    match (begin, end) {
        (Some(begin), Some(end)) => begin < end,
        _ => true,
    }
}
