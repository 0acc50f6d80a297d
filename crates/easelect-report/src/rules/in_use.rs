//! The endpoint that the app has configured, compared with the first choice of its group.

use std::time::Duration;

use easelect::Ranked;

use super::{Found, Rule, failure_hint};
use crate::Group;
use crate::facts::{Facts, RowFacts};
use crate::figures::ms_unit;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{Text, fails, text};
use easelect::Reason;

pub(super) const RULE: Rule = Rule {
    code: "current_fails",
    needs: "an endpoint in use that fails or was not tried; by what was measured, its finding may also be \
         `current_path_wrong`, `current_is_first`, `current_no_clear_difference` or `current_slower`",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut rows = facts.rows.iter();
    for group in facts.groups {
        for row in rows.by_ref().take(group.endpoints.len()) {
            if row.row.in_use {
                findings.extend(of_one(group, row, facts, found));
            }
        }
    }
    findings
}

fn of_one(
    group: &Group,
    row: &RowFacts<'_>,
    facts: &Facts<'_>,
    found: &Found,
) -> Option<Finding> {
    let url = row.url();
    let url_of = |ranked: &Ranked| ranked.endpoint().shown_with(ranked.stats.path());
    let best = group.best();
    let Some((first, cost)) = best.zip(row.row.ranked.expected_cost) else {
        return Some(unusable(row, best.map(url_of), facts, found));
    };
    let (endpoint, path) = (row.endpoint(), row.row.ranked.stats.path());
    if path != endpoint.path() {
        // The prober found another path; the app, which has only this URL, doesn't.
        let works = endpoint.shown_with(path);
        let told = text(
            format!("The endpoint in use, {url}, is refused; {works} works."),
            format!("使用中的 {url} 被服务器拒绝；{works} 可用。"),
        );
        let finding = Finding::new("current_path_wrong", told);
        return Some(configure(finding, &works).severity(Severity::Blocks));
    }
    let unchanged = |code, told| {
        let hint = text("No change is needed.", "无需改动。");
        Finding::new(code, told).hint_text(hint)
    };
    if first.endpoint() == endpoint {
        let told = text(
            format!("The endpoint in use, {url}, is the first choice."),
            format!("使用中的 {url} 就是首选地址。"),
        );
        return Some(unchanged("current_is_first", told));
    }
    let best = url_of(first);
    let best_cost = first.expected_cost.unwrap_or_default();
    let by = cost.saturating_sub(best_cost);
    if equals_first(group, row, by) {
        let told = text(
            format!("The endpoint in use, {url}, shows no clear difference from the first choice, {best}."),
            format!("使用中的 {url} 与首选地址 {best} 没有明显差别。"),
        );
        return Some(unchanged("current_no_clear_difference", told));
    }
    let slower = slower(first, &row.row.ranked, by);
    let told = text(
        format!("The endpoint in use, {url}, is {} than the first choice, {best}{}.", slower.0.en, slower.1.en),
        format!("使用中的 {url} 比首选地址 {best} {}{}。", slower.0.zh, slower.1.zh),
    );
    // Half as long again, and by enough for a person to notice.
    let much = by * 2 > best_cost && by > Duration::from_millis(50);
    let finding = Finding::new("current_slower", told).actor(Actor::Developer);
    let finding = finding.hint_text(text(
        format!("Put {best} into the app's configuration, or let the app choose automatically."),
        format!("请将应用配置改为 {best}，或让应用自行选择。"),
    ));
    Some(match much {
        true => finding.severity(Severity::Harms),
        false => finding.severity(Severity::Informs),
    })
}

/// How much slower an endpoint is than the first choice, whose expected cost is lower by `by`, and how much of
/// that is due to failed attempts: nobody waits for that part when both connect.
fn slower(first: &Ranked, own: &Ranked, by: Duration) -> (Text, Text) {
    let medians = first.total().zip(own.total());
    let lag = medians.map(|(first, own)| own.p50.saturating_sub(first.p50));
    let slower = |by| {
        let by = ms_unit(by);
        text(format!("{by} slower"), format!("慢 {by}"))
    };
    match lag.filter(|lag| *lag < by - by / 10 && own.failed_ratio().is_some_and(|ratio| ratio > 0.0)) {
        Some(lag) => (
            slower(lag),
            text(
                format!(" when both connect, and {} slower on average with its failed attempts", ms_unit(by)),
                format!("（两者都连通时）；计入失败尝试，平均慢 {}", ms_unit(by)),
            ),
        ),
        None => (slower(by), text("", "")),
    }
}

fn configure(finding: Finding, works: &str) -> Finding {
    finding.actor(Actor::Developer).hint_text(text(
        format!("Put {works} into the app's configuration."),
        format!("请将应用配置改为 {works}。"),
    ))
}

/// The endpoint in use is not ready.
fn unusable(
    row: &RowFacts<'_>,
    best: Option<String>,
    facts: &Facts<'_>,
    found: &Found,
) -> Finding {
    let (url, failure) = (row.url(), row.why_not());
    let why = match failure {
        Some(failure) => {
            let why = fails(failure, facts.now());
            text(
                format!("fails {}", why.en),
                format!("不可用，{}", why.zh),
            )
        }
        None => text("could not be tried in time", "未能在时限内测量"),
    };
    let better = match &best {
        Some(best) => text(format!(" {best} works."), format!("{best} 可用。")),
        None => text("", ""),
    };
    let told = text(
        format!("The endpoint in use, {url}, {}.{}", why.en, better.en),
        format!("使用中的 {url} {}。{}", why.zh, better.zh),
    );
    let finding = RULE.finding(told);
    // A failure of this computer, or a run that was cut off, is not the configuration's fault.
    let excused = failure.is_none_or(|one| one.is_local())
        || failure.is_some_and(|one| found.excuses(one))
        || found.any(&["out_of_resources", "connection_lost"]);
    match (best, failure) {
        (Some(best), _) if !excused => configure(finding, &best).severity(Severity::Blocks),
        (_, Some(failure)) if found.excuses(failure) => finding,
        (_, Some(failure)) => finding.hint_text(failure_hint(failure, facts, row.own)),
        (_, None) => finding.hint_text(text(
            "Allow more time with --deadline.",
            "请用 --deadline 延长时限。",
        )),
    }
}

/// Whether an endpoint's lag behind the first is within noise. A reason only compares with the endpoint before;
/// further down, the lag must be small as well.
fn equals_first(group: &Group, row: &RowFacts<'_>, lag: Duration) -> bool {
    let place = row.row.ranked.rank;
    let between = group.endpoints.iter().take(place).skip(1);
    let unclear = |one: &crate::Row| one.ranked.reason == Reason::NoClearDifference;
    let cost = row.row.ranked.expected_cost.unwrap_or_default();
    between.into_iter().all(unclear) && (place == 2 || lag * 10 < cost)
}
