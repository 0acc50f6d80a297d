//! The summary: better or worse, and the change that matters most.

use super::super::model::Model;
use super::super::texts::{Text, text};
use super::{Change, Effect, GroupComparison};

/// How much a change matters, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    FirstChoice,
    Tier,
    Failures,
    Opening,
    Time,
    Lookup,
    Finding,
    Other,
}

/// The summary, and the overall effect; no effect if nothing changed.
pub(super) fn summary(
    a: &Model,
    b: &Model,
    changes: &[Change],
    groups: &[GroupComparison],
) -> (Text, Option<Effect>) {
    if groups.is_empty() {
        return (nothing_common(a, b), None);
    }
    let mut all: Vec<&Change> = changes.iter().collect();
    for group in groups {
        all.extend(group.changes.iter().chain(&group.opening));
        for endpoint in &group.endpoints {
            // The change of the whole counts: a phase may get faster while the whole gets slower.
            let of_whole = endpoint.changes.iter().any(|one| one.code == "time");
            let told = endpoint.changes.iter();
            all.extend(told.filter(|one| !(of_whole && one.code == "phase_time")));
        }
    }
    all.sort_by_key(|one| weight(one));
    let of = |effect: Effect| {
        let mut these = all.iter().filter(move |one| one.effect == effect);
        let first = these.next()?;
        let alike = these.filter(|one| weight(one) == weight(first)).count();
        Some((*first, alike))
    };
    let (mut worse, mut better) = (of(Effect::Worse), of(Effect::Better));
    // A few milliseconds don't make up for an endpoint that can't be used.
    if let (Some((one, _)), Some((other, _))) = (worse, better) {
        match [one, other].map(|one| weight(one) <= Weight::Failures) {
            [true, false] => better = None,
            [false, true] => worse = None,
            _ => {}
        }
    }
    match (worse, better, of(Effect::Different)) {
        (Some((first, alike)), None, _) => {
            let (en, zh) = match is_time(weight(first)) {
                true => ("B is slower", "B 比 A 慢"),
                false => ("B is worse", "B 比 A 差"),
            };
            (sentence(en, zh, first, alike), Some(Effect::Worse))
        }
        (None, Some((first, alike)), _) => {
            let (en, zh) = match is_time(weight(first)) {
                true => ("B is faster", "B 比 A 快"),
                false => ("B is better", "B 比 A 好"),
            };
            (sentence(en, zh, first, alike), Some(Effect::Better))
        }
        (Some((worse, more)), Some((better, others)), _) => {
            let worse = sentence("B is worse in one respect", "B 有比 A 差之处", worse, more);
            let better = sentence("It is better in another", "也有比 A 好之处", better, others);
            let told = text(
                format!("{} {}", worse.en, better.en),
                format!("{}{}", worse.zh, better.zh),
            );
            (told, Some(Effect::Different))
        }
        (None, None, Some((first, alike))) => {
            let told = sentence(
                "Neither better nor worse beyond noise, but something differs",
                "好坏变化未超出正常波动，但有不同之处",
                first,
                alike,
            );
            (told, Some(Effect::Different))
        }
        (None, None, None) => (
            text("No change beyond noise.", "没有超出正常波动的变化。"),
            None,
        ),
    }
}

fn is_time(weight: Weight) -> bool {
    [Weight::Opening, Weight::Time, Weight::Lookup].contains(&weight)
}

fn weight(change: &Change) -> Weight {
    match change.code {
        "first_choice_lost" | "first_choice_found" => Weight::FirstChoice,
        "tier" => Weight::Tier,
        "failures" => Weight::Failures,
        "first_choice_time" => Weight::Opening,
        "time" | "phase_time" => Weight::Time,
        "lookup_time" => Weight::Lookup,
        "finding_appeared" | "finding_vanished" => Weight::Finding,
        _ => Weight::Other,
    }
}

/// `B is slower: …`, with the number of further changes of its kind.
fn sentence(en: &str, zh: &str, first: &Change, alike: usize) -> Text {
    let (more_en, more_zh) = match alike {
        0 => (String::new(), String::new()),
        _ => (
            format!(" (and {alike} more of this kind below)"),
            format!("（另有 {alike} 处同类变化，见下）"),
        ),
    };
    text(
        format!(
            "{en}: {}{more_en}.",
            first.headline.en.trim_end_matches(['.', '。'])
        ),
        format!(
            "{zh}：{}{more_zh}。",
            first.headline.zh.trim_end_matches(['.', '。'])
        ),
    )
}

fn nothing_common(a: &Model, b: &Model) -> Text {
    match a.groups.is_empty() || b.groups.is_empty() {
        true => text(
            "Nothing can be compared: one of the reports has no endpoints.",
            "无法比较：其中一份报告没有接入地址。",
        ),
        false => text(
            "Nothing can be compared: the reports have no service of the same data centre in common. Data centres are not compared with each other, because an app is in exactly one.",
            "无法比较：两份报告没有同一数据中心的同一服务。不同数据中心之间不作比较，因为一个应用只属于一个数据中心。",
        ),
    }
}
