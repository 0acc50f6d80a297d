//! The endpoints of one data centre and service: in words, drawn to scale, and in detail.

use easelect::{Confidence, Residency, Tier};
use maud::{Markup, html};

use super::super::overview::{is_untried, tier_of};
use super::drawing::{Scale, class, medians};
use super::words::{self, Word, told};
use crate::model::{AddressModel, EndpointModel, FailureModel, GroupModel};
use crate::texts::{Label, Lang, label, phase, text, tier};

/// A certificate that expires within so many days is shown, as in the finding.
const SOON_DAYS: i64 = 14;

pub(super) fn section(group: &GroupModel, anchor: &str, lang: Lang) -> Markup {
    let scale = Scale::of(&group.endpoints);
    let in_pool = group.region == Residency::mainland_pool().to_string();
    html! {
        section.group id=(anchor) {
            h3 { (group.region_name) " · " (group.service_name) " " span.muted { (group.region) } }
            p.choice {
                @match &group.best {
                    Some(best) => {
                        (label(Label::FirstChoice).of(lang)) (text(": ", "：").of(lang)) span.host { (best) }
                    }
                    None => strong class=(none_ready(group)) { "✕ " (label(Label::NoFirstChoice).of(lang)) },
                }
            }
            @if group.second_source { p.muted { (Word::SecondSource.of(lang)) } }
            div.row.scale { div.plot { (scale.axis()) } }
            ol.rows { @for one in &group.endpoints { (row(one, scale, in_pool, lang)) } }
            @if group.endpoints.iter().any(has_details) {
                details {
                    summary { (Word::Addresses.of(lang)) }
                    (details(group, lang))
                }
            }
        }
    }
}

/// The colour of a group without a first choice: Easemob doesn't promise the hosts of a second source.
pub(super) fn none_ready(group: &GroupModel) -> &'static str {
    if group.second_source { "muted" } else { "bad" }
}

fn row(one: &EndpointModel, scale: Scale, in_pool: bool, lang: Lang) -> Markup {
    let tier_here = tier_of(one);
    let (colour, mark) = match tier_here {
        Tier::Ready => ("good", "✓"),
        Tier::Answering => ("doubtful", "!"),
        Tier::Unreachable => ("bad", "✕"),
    };
    let own = one.confidence == Confidence::User.as_str();
    // An endpoint that was not tried is neither good nor bad.
    let untried = is_untried(one);
    let failed = one.attempts.saturating_sub(one.successes);
    html! {
        li.row {
            div.name {
                span.rank { (one.rank) }
                div {
                    span.host { (one.authority) }
                    @if let Some(own) = &one.label { " " span.muted { "“" (own) "”" } }
                    @if in_pool { " " span.muted { (one.region) } }
                    @if let Some(mark) = one.mark() { " " span.badge { (label(mark).of(lang)) } }
                }
            }
            div.total {
                @if let Some(total) = &one.total_ms {
                    b { (told(total.p50)) " ms" } " " span.muted { "±" (told(total.stddev)) }
                }
                @if one.attempts > 0 {
                    div class=(if failed > 0 { "bad" } else { "muted" }) {
                        (words::attempts(failed, one.attempts).of(lang))
                    }
                }
            }
            div.plot {
                (scale.bar(one, lang))
                @if !one.samples.is_empty() { (scale.strip(one, lang)) }
                (phases(one, lang))
            }
            div.words {
                // Several endpoints may share a host.
                @if own || one.url != one.configured_url { p.host { (one.url) } }
                p {
                    @match untried {
                        true => span.muted { (label(Label::NotTried).of(lang)) },
                        false => span class=(colour) { (mark) " " (tier(tier_here).of(lang)) },
                    }
                    (text(": ", "：").of(lang)) (one.reason.text)
                }
                @for told in beneath(one, lang) { p { (told) } }
            }
        }
    }
}

/// Further faults.
fn beneath(one: &EndpointModel, lang: Lang) -> Vec<String> {
    let is_reason = |failure: &&FailureModel| {
        (one.reason.phase.as_ref(), one.reason.kind.as_ref())
            == (Some(&failure.phase), Some(&failure.kind))
    };
    let other = one.failures.iter().filter(|failure| !is_reason(failure));
    let mut lines: Vec<String> = other
        .map(|failure| words::failure_times(failure.count, &failure.message).of(lang))
        .collect();
    lines.extend(one.refused_certificates.iter().cloned());
    lines.extend((one.inspected_by.as_ref()).map(|issuer| words::inspected(issuer).of(lang)));
    let chains = one.addresses.iter().flat_map(|address| &address.chain);
    let mut days = chains.map(|certificate| certificate.expires_in_days);
    if days.any(|days| (0..SOON_DAYS).contains(&days)) {
        lines.extend(one.certificate_expires.clone());
    }
    if one.unfinished > 0 {
        lines.push(words::unfinished(one.unfinished).of(lang));
    }
    lines
}

/// The medians of the phases, named, in the colours of the bar.
fn phases(one: &EndpointModel, lang: Lang) -> Markup {
    let medians = medians(one);
    let last = medians.len().saturating_sub(1);
    html! {
        @if !medians.is_empty() {
            ul.legend {
                @for (place, (of, took)) in medians.into_iter().enumerate() {
                    li {
                        i class=(class(of)) {} (phase(of).of(lang)) " " (told(took))
                        @if place == last { " ms" }
                    }
                }
            }
        }
    }
}

fn has_details(one: &EndpointModel) -> bool {
    !one.addresses.is_empty() || one.failures.iter().any(says_more)
}

/// Whether a failure has more than its message.
fn says_more(failure: &FailureModel) -> bool {
    failure.detail.is_some() || !failure.answered_by.is_empty() || failure.body.is_some()
}

/// The addresses of each endpoint, and the original text of its failures.
fn details(group: &GroupModel, lang: Lang) -> Markup {
    html! {
        table.addresses {
            thead {
                tr {
                    @for word in [Word::Address, Word::Median, Word::Attempts] {
                        th scope="col" { (word.of(lang)) }
                    }
                }
            }
            @for one in group.endpoints.iter().filter(|one| has_details(one)) {
                tbody {
                    tr { th.host colspan="3" scope="rowgroup" { (one.url) } }
                    @for address in &one.addresses { (address_row(address, lang)) }
                    @if one.addresses_left_out > 0 {
                        tr { td.muted colspan="3" { (words::left_out(one.addresses_left_out).of(lang)) } }
                    }
                    @for failure in one.failures.iter().filter(|failure| says_more(failure)) {
                        tr { td colspan="3" { (raw(failure, lang)) } }
                    }
                }
            }
        }
    }
}

fn address_row(address: &AddressModel, lang: Lang) -> Markup {
    let failed = address.attempts.saturating_sub(address.successes);
    html! {
        tr {
            th scope="row" {
                span.host { (address.address) }
                @for failure in &address.failures {
                    p.failure { "✕ " (failure.message) " ×" (failure.count) }
                }
                @if let Some(after) = &address.after_upgrade {
                    p.failure {
                        "! " (Word::AfterUpgrade.of(lang)) " ×" (after.count)
                        @if let Some(code) = after.close_code { " (" (code) ")" }
                        @if let Some(reason) = &after.reason { (text(": ", "：").of(lang)) (reason) }
                    }
                }
            }
            td.figure { @if let Some(total) = &address.total_ms { (told(total.p50)) " ms" } @else { "–" } }
            td.figure { (failed) "/" (address.attempts) }
        }
    }
}

/// The original text of a failure, from a peer or the system.
fn raw(failure: &FailureModel, lang: Lang) -> Markup {
    html! {
        p.failure { "✕ " (failure.message) " ×" (failure.count) }
        dl.raw {
            @if let Some(detail) = &failure.detail { dt { (Word::ServerSaid.of(lang)) } dd.host { (detail) } }
            @if !failure.answered_by.is_empty() {
                dt { (Word::AnsweredBy.of(lang)) }
                @for header in &failure.answered_by { dd.host { (header) } }
            }
            @if let Some(body) = &failure.body { dt { (Word::Body.of(lang)) } dd.host { (body) } }
        }
    }
}
