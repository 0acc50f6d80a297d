//! One endpoint in both reports: its state, how often it fails, and how long it takes, per phase.

use std::time::SystemTime;

use easelect::{Failure, FailureKind as Kind, Phase, Reason, Tier};

use super::super::figures::ms;
use super::super::model::EndpointModel;
use super::super::texts::{self, Lang, Text, failure_text, shown, text};
use super::identity::{addresses, certificates, path};
use super::statistics::{Difference, Times, fail_differently, is_down};
use super::{Change, Effect, EndpointComparison, Figures};

/// An endpoint of a report, with the report's language.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) one: &'a EndpointModel,
    pub(super) lang: Lang,
}

/// The tier of an endpoint, if it was tried.
pub(super) fn state(one: &EndpointModel) -> Option<Tier> {
    let all = [Tier::Ready, Tier::Answering, Tier::Unreachable];
    let tier = all.into_iter().find(|tier| tier.as_str() == one.tier)?;
    (one.reason.code != Reason::NotProbed.as_str()).then_some(tier)
}

/// Compares an endpoint. `same_way`: both measurements used the same proxy, or none.
pub(super) fn compared(
    name: String,
    a: Seen<'_>,
    b: Seen<'_>,
    same_way: bool,
) -> EndpointComparison {
    let mut found = EndpointComparison {
        url: shown(&b.one.configured_url, 300),
        name,
        changes: Vec::new(),
        notes: Vec::new(),
    };
    match (state(a.one), state(b.one)) {
        (Some(Tier::Ready), Some(Tier::Ready)) => {
            failures(a, b, &mut found);
            times(a.one, b.one, same_way, &mut found);
            path(a.one, b.one, &mut found);
        }
        (Some(before), Some(after)) if before == after => other_failure(a, b, before, &mut found),
        (Some(before), Some(after)) => tiers([a, b], [before, after], &mut found),
        _ => {}
    }
    if same_way {
        addresses(a.one, b.one, &mut found);
    }
    certificates(a.one, b.one, &mut found);
    found
}

fn failed(one: &EndpointModel) -> (u64, u64) {
    (one.attempts.saturating_sub(one.successes), one.attempts)
}

/// The number of attempts or, if the name had no address, of lookups.
fn tries(one: &EndpointModel) -> u64 {
    let failures = one.failures.iter();
    match one.attempts {
        0 => failures.fold(0, |sum: u64, one| sum.saturating_add(one.count)),
        attempts => attempts,
    }
}

/// Whether a failure of this kind persists until someone fixes it. Unknown kinds don't.
fn lasts(kind: Option<&str>) -> bool {
    let known = kind.and_then(|kind| Kind::ALL.iter().find(|one| one.as_str() == kind));
    !matches!(
        known,
        None | Some(
            Kind::Timeout
                | Kind::Reset
                | Kind::Closed
                | Kind::Temporary
                | Kind::ServerFailure
                | Kind::ServerError
                | Kind::Malformed
                | Kind::Unreachable
                | Kind::OutOfResources
                | Kind::Panicked
                | Kind::Other
        )
    )
}

/// A failure in both languages: the report's own text in its language, and one made from phase and kind in the
/// other.
fn told(phase: Option<&str>, kind: Option<&str>, as_told: &str, lang: Lang) -> Text {
    let as_told = shown(as_told, 300);
    let phase = Phase::ALL
        .into_iter()
        .find(|one| Some(one.as_str()) == phase);
    let kind = Kind::ALL.iter().find(|one| Some(one.as_str()) == kind);
    let (Some(phase), Some(kind)) = (phase, kind) else {
        return text(as_told.clone(), as_told);
    };
    let known = failure_text(&Failure::new(phase, *kind), SystemTime::UNIX_EPOCH);
    match lang {
        Lang::En => text(as_told, known.zh),
        Lang::Zh => text(known.en, as_told),
    }
}

fn why(seen: Seen<'_>) -> Text {
    let reason = &seen.one.reason;
    told(
        reason.phase.as_deref(),
        reason.kind.as_deref(),
        &reason.text,
        seen.lang,
    )
}

fn tiers([a, b]: [Seen<'_>; 2], [before, after]: [Tier; 2], found: &mut EndpointComparison) {
    let [from, to] = [before, after].map(texts::tier);
    let why = match after {
        Tier::Ready => {
            let was = why(a);
            text(format!("In A: {}", was.en), format!("A 中：{}", was.zh))
        }
        _ => why(b),
    };
    let en = format!("{} → {}. {}.", from.en, to.en, why.en);
    let zh = format!("{} → {}。{}。", from.zh, to.zh, why.zh);
    let headline = found.named(&text(en.clone(), zh.clone()));
    let told = text(format!("State: {en}"), format!("状态：{zh}"));
    // The report in which the endpoint was ready shows how often it fails by chance.
    let (up, down) = match after {
        Tier::Ready => (b.one, a.one),
        _ => (a.one, b.one),
    };
    let sure = match [before, after].contains(&Tier::Ready) {
        true => lasts(down.reason.kind.as_deref()) || is_down(tries(down), failed(up)),
        false => tries(a.one) > 1 && tries(b.one) > 1,
    };
    if !sure {
        found.notes.push(text(
            format!("{} With so few attempts, this may be chance.", told.en),
            format!("{}尝试次数太少，可能只是偶然。", told.zh),
        ));
        return;
    }
    // A better tier compares as less.
    let effect = match after < before {
        true => Effect::Better,
        false => Effect::Worse,
    };
    let words = [before, after].map(|tier| Some(tier.as_str().to_owned()));
    found.changes.push(
        Change::new("tier", effect, told)
            .headline(headline)
            .figures(Figures::Words(words)),
    );
}

/// The text with a capital letter first.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The endpoint is unusable in both, for different reasons.
fn other_failure(a: Seen<'_>, b: Seen<'_>, tier: Tier, found: &mut EndpointComparison) {
    let id = |seen: Seen<'_>| (seen.one.reason.phase.clone(), seen.one.reason.kind.clone());
    let among = |seen: Seen<'_>, (phase, kind): &(Option<String>, Option<String>)| {
        let mut failures = seen.one.failures.iter();
        failures.any(|one| Some(&one.phase) == phase.as_ref() && Some(&one.kind) == kind.as_ref())
    };
    let (in_a, in_b) = (id(a), id(b));
    let lasting = lasts(in_a.1.as_deref()) || lasts(in_b.1.as_deref());
    if in_a == in_b || among(a, &in_b) || among(b, &in_a) || !lasting {
        return;
    }
    let (tier, was, is) = (texts::tier(tier), why(a), why(b));
    let told = text(
        format!(
            "{} in both, for different reasons: {} → {}.",
            capital(&tier.en),
            was.en,
            is.en
        ),
        format!("两次都{}，但原因不同：{} → {}。", tier.zh, was.zh, is.zh),
    );
    let words = [in_a.1, in_b.1].map(|kind| kind.map(|kind| shown(&kind, 60)));
    found
        .changes
        .push(Change::new("other_failure", Effect::Different, told).figures(Figures::Words(words)));
}

fn failures(a: Seen<'_>, b: Seen<'_>, found: &mut EndpointComparison) {
    let (in_a, in_b) = (failed(a.one), failed(b.one));
    if !fail_differently(in_a, in_b) {
        return;
    }
    let ratio = |(failed, of): (u64, u64)| failed as f64 / of as f64;
    let (before, after) = (ratio(in_a), ratio(in_b));
    let more = after > before;
    let which = if more { b } else { a };
    let most = which.one.failures.iter().max_by_key(|one| one.count);
    let mostly = most.map(|one| told(Some(&one.phase), Some(&one.kind), &one.message, which.lang));
    let (mostly_en, mostly_zh) = match &mostly {
        Some(one) => (
            format!("; most often \"{}\"", one.en),
            format!("，最常见的是“{}”", one.zh),
        ),
        None => (String::new(), String::new()),
    };
    let (en, zh) = match more {
        true => ("more", "失败率升高"),
        false => ("less", "失败率降低"),
    };
    let ((failed_a, of_a), (failed_b, of_b)) = (in_a, in_b);
    let en = format!(
        "{en} often: {failed_b} of {of_b} attempts instead of {failed_a} of {of_a}{mostly_en}."
    );
    let zh = format!("{zh}：{failed_a}/{of_a} → {failed_b}/{of_b}{mostly_zh}。");
    let name = &found.name;
    let headline = text(format!("{name} fails {en}"), format!("{name} {zh}"));
    let told = text(format!("Fails {en}"), zh);
    let effect = if more { Effect::Worse } else { Effect::Better };
    let figures = Figures::FailedRatio([before, after]);
    found.changes.push(
        Change::new("failures", effect, told)
            .headline(headline)
            .figures(figures),
    );
}

/// Milliseconds, rounded for display.
pub(super) fn told_ms(millis: f64) -> String {
    ms(std::time::Duration::from_secs_f64(millis.max(0.0) / 1000.0))
}

/// `84.0 ms longer (42.0 → 126 ms)`, `增加 84.0 ms（42.0 → 126 ms）`.
pub(super) fn longer(before: f64, after: f64) -> Text {
    let by = told_ms((after - before).abs());
    let (en, zh) = match after > before {
        true => ("longer", "增加"),
        false => ("less", "减少"),
    };
    let (before, after) = (told_ms(before), told_ms(after));
    text(
        format!("{by} ms {en} ({before} → {after} ms)"),
        format!("{zh} {by} ms（{before} → {after} ms）"),
    )
}

pub(super) fn effect_of_time(before: f64, after: f64) -> Effect {
    match after > before {
        true => Effect::Worse,
        false => Effect::Better,
    }
}

/// The phases whose time changed, greatest change first. The lookup is left out, because `lookups` shows it
/// once. If only one measurement used a proxy, TCP connects are not comparable.
fn phases(a: &EndpointModel, b: &EndpointModel, same_way: bool) -> Vec<(Phase, f64, f64)> {
    let comparable = |phase: &Phase| match phase {
        Phase::Resolve => false,
        Phase::Connect | Phase::Proxy => same_way,
        _ => true,
    };
    let mut changed: Vec<(Phase, f64, f64)> = (Phase::ALL.into_iter())
        .filter(comparable)
        .filter_map(|phase| {
            let (before, after) = (Times::phase(a, phase)?, Times::phase(b, phase)?);
            let is_clear = before.difference(&after) == Difference::Clear;
            is_clear.then_some((phase, before.median, after.median))
        })
        .collect();
    let by = |(_, before, after): &(Phase, f64, f64)| (after - before).abs();
    changed.sort_by(|one, other| by(other).total_cmp(&by(one)));
    changed
}

/// Where the difference is: mostly in one phase, or in every phase alike; empty if neither.
pub(super) fn where_it_lies(
    [a, b]: [&EndpointModel; 2],
    [before, after]: [f64; 2],
    same_way: bool,
) -> Text {
    /// Phases are alike if the largest change is at most this many times the smallest.
    const ALIKE: f64 = 1.5;
    let whole = after - before;
    // A phase that changed in the other direction is not the cause.
    let mut parts = phases(a, b, same_way);
    parts.retain(|(_, before, after)| (after - before) / whole > 0.0);
    let by = |part: &(Phase, f64, f64)| (part.2 - part.1).abs();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return text("", "");
    };
    if by(first) > whole.abs() / 2.0 {
        let name = texts::phase(first.0);
        let the = match first.0 {
            Phase::Processing => "",
            _ => "the ",
        };
        let space = match name.zh.starts_with(|first: char| first.is_ascii()) {
            true => " ",
            false => "",
        };
        return text(
            format!("; most of the difference is in {the}{}", name.en),
            format!("，差异主要在{space}{}", name.zh),
        );
    }
    // TCP, TLS and the answer take a round trip each.
    if parts.len() >= 3 && by(first) <= ALIKE * by(last) {
        let each = told_ms(whole.abs() / parts.len() as f64);
        let (en, trip, zh, way) = match whole > 0.0 {
            true => ("longer", "longer", "增加", "变长"),
            false => ("less", "shorter", "减少", "变短"),
        };
        return text(
            format!("; every phase takes about {each} ms {en}, which suggests a {trip} round trip"),
            format!("，各阶段均{zh}约 {each} ms，可能是往返时间{way}"),
        );
    }
    text("", "")
}

/// `takes 126 ms instead of 42.0 ms`, a predicate.
pub(super) fn takes([before, after]: [f64; 2]) -> Text {
    let to = match after > before {
        true => "增至",
        false => "降至",
    };
    let (before, after) = (told_ms(before), told_ms(after));
    text(
        format!("takes {after} ms instead of {before} ms"),
        format!("由 {before} ms {to} {after} ms"),
    )
}

fn times(a: &EndpointModel, b: &EndpointModel, same_way: bool, found: &mut EndpointComparison) {
    if let (Some(before), Some(after)) = (Times::total(a), Times::total(b)) {
        let medians = [before.median, after.median];
        let longer = longer(before.median, after.median);
        match before.difference(&after) {
            Difference::Noise => {}
            Difference::TooFew => found.notes.push(text(
                format!(
                    "Opening it takes {}, but {} and {} undisturbed samples are too few to rule out chance.",
                    longer.en, before.count, after.count
                ),
                format!(
                    "建连耗时{}，但未受干扰的样本只有 {} 个和 {} 个，可能只是偶然。",
                    longer.zh, before.count, after.count
                ),
            )),
            Difference::Clear => {
                let mostly = where_it_lies([a, b], medians, same_way);
                let told = text(
                    format!("Opening it takes {}{}.", longer.en, mostly.en),
                    format!("建连耗时{}{}。", longer.zh, mostly.zh),
                );
                let (name, takes) = (&found.name, takes(medians));
                let headline = text(
                    format!("opening {name} {}{}.", takes.en, mostly.en),
                    format!("{name} 的建连耗时{}{}。", takes.zh, mostly.zh),
                );
                let effect = effect_of_time(before.median, after.median);
                let change = Change::new("time", effect, told).headline(headline);
                found.changes.push(change.figures(Figures::Millis(medians)));
            }
        }
    }
    for (phase, before, after) in phases(a, b, same_way) {
        let name = texts::phase(phase);
        let longer = longer(before, after);
        let told = text(
            format!("{}: {}.", capital(&name.en), longer.en),
            format!("{}：{}。", name.zh, longer.zh),
        );
        let headline = found.named(&text(
            format!("{} takes {}.", name.en, longer.en),
            format!("{}{}。", name.zh, longer.zh),
        ));
        let effect = effect_of_time(before, after);
        let change = Change::new("phase_time", effect, told)
            .headline(headline)
            .phase(phase);
        found
            .changes
            .push(change.figures(Figures::Millis([before, after])));
    }
}
