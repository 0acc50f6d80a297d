//! Findings that only one of the two reports has.

use std::collections::BTreeSet;

use super::super::finding::Severity;
use super::super::model::{FindingModel, Model};
use super::super::texts::{Text, list, shown, text};
use super::{Change, Effect, Figures, GroupComparison};

/// Findings that can come from a few samples, so that their presence in only one report proves nothing. A real
/// change also shows in the times or failures.
const BY_CHANCE: &[&str] = &[
    "above_threshold",
    "address_slow",
    "current_is_first",
    "current_no_clear_difference",
    "current_slower",
    "dns_slow",
    "fails_sometimes",
    "locally_delayed",
    "packets_lost",
];

/// Findings that the conditions of the measurements show already.
const CIRCUMSTANCES: &[&str] = &["network_changed", "through_proxy", "unfinished"];

/// Findings that only repeat that endpoints are down.
const DOWN: &[&str] = &["certificate_expired", "certificate_faulty", "endpoint_down"];

/// The findings that appeared or vanished, and notes on those that may be chance.
pub(super) fn changes(
    a: &Model,
    b: &Model,
    groups: &[GroupComparison],
) -> (Vec<Change>, Vec<Text>) {
    let common: BTreeSet<&str> = (groups.iter())
        .flat_map(|group| &group.endpoints)
        .map(|one| &*one.url)
        .collect();
    let changed = |code: &'static str| -> BTreeSet<&str> {
        let endpoints = groups.iter().flat_map(|group| &group.endpoints);
        let such = endpoints.filter(|one| one.changes.iter().any(|one| one.code == code));
        such.map(|one| &*one.url).collect()
    };
    let failing = changed("failures");
    // An endpoint that may be down by chance has a note.
    let down: BTreeSet<&str> = (groups.iter().flat_map(|group| &group.endpoints))
        .filter(|one| !one.notes.is_empty())
        .map(|one| &*one.url)
        .chain(changed("tier"))
        .collect();
    let mut changes = Vec::new();
    let mut by_chance = Vec::new();
    for (letter, these, others) in [("B", b, a), ("A", a, b)] {
        let known: BTreeSet<(&str, &str)> = others.findings.iter().flat_map(about).collect();
        let mut chance = Vec::new();
        for one in &these.findings {
            let there = about(one).any(|about| known.contains(&about));
            let of_common =
                one.urls.is_empty() || one.urls.iter().any(|url| common.contains(&**url));
            let is_told = CIRCUMSTANCES.contains(&&*one.code)
                || (one.code == "fails_sometimes" && !failing.is_empty())
                || (DOWN.contains(&&*one.code) && one.urls.iter().all(|url| down.contains(&**url)));
            if there || !of_common || is_told || one.severity == Severity::Background.as_str() {
                continue;
            }
            let told = shown(&one.text, 500);
            if BY_CHANCE.contains(&&*one.code) {
                chance.push(told);
            } else {
                changes.push(change(letter, one, &told));
            }
        }
        if !chance.is_empty() {
            let chance = list(&chance);
            by_chance.push(text(
                format!("Only in {letter}, and possibly by chance: {}", chance.en),
                format!("仅 {letter} 中有，可能只是偶然：{}", chance.zh),
            ));
        }
    }
    (changes, by_chance)
}

/// The identity of a finding: its code and each of its endpoints. Its figures don't matter.
fn about(one: &FindingModel) -> impl Iterator<Item = (&str, &str)> {
    let of_all = one.urls.is_empty().then_some("");
    let endpoints = one.urls.iter().map(String::as_str);
    of_all
        .into_iter()
        .chain(endpoints)
        .map(|url| (&*one.code, url))
}

fn change(letter: &str, one: &FindingModel, told: &str) -> Change {
    let is_grave = [Severity::Blocks, Severity::Harms]
        .map(Severity::as_str)
        .contains(&&*one.severity);
    let appeared = letter == "B";
    let effect = match (is_grave, appeared) {
        (false, _) => Effect::Different,
        (true, true) => Effect::Worse,
        (true, false) => Effect::Better,
    };
    let (code, en, zh) = match appeared {
        true => ("finding_appeared", "New in B", "B 中新出现"),
        false => ("finding_vanished", "No longer in B", "B 中不再出现"),
    };
    let words = match appeared {
        true => [None, Some(shown(&one.code, 60))],
        false => [Some(shown(&one.code, 60)), None],
    };
    let headline = match appeared {
        true => text(told.to_owned(), told.to_owned()),
        false => text(
            format!("no longer in B: {told}"),
            format!("不再出现：{told}"),
        ),
    };
    let told = text(format!("{en}: {told}"), format!("{zh}：{told}"));
    let change = Change::new(code, effect, told).headline(headline);
    change.figures(Figures::Words(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_rules() {
        // The rule `in_use` has several codes.
        let known = |code: &str| {
            code.starts_with("current_") || crate::rules().any(|(rule, ..)| rule == code)
        };
        for code in [BY_CHANCE, CIRCUMSTANCES, DOWN].concat() {
            assert!(known(code), "{code}");
        }
    }
}
