//! What the overviews of several formats show of a group: the lead of its first choice, and deviations, in a few
//! words each.

use std::net::SocketAddr;

use easelect::{Phase, Reason, Tier, Variant};

use crate::figures::{millis, ms_unit};
use crate::model::{AddressModel, EndpointModel, FailureModel, GroupModel, Model};
use crate::texts::{Label, Lang, Text, label, short_phase, shown, text};

/// The most deviations shown of one group; the details have all.
const TOLD: usize = 3;
/// The longest name, and the longest reason, in characters.
const LONGEST_NAME: usize = 40;
const LONGEST_REASON: usize = 80;

/// The explanation of [`lead`].
pub(super) fn lead_means() -> Text {
    text(
        "Ahead by: the next endpoint's median minus the first choice's, failures aside.",
        "领先：两者都连通时，下一个接入地址比首选地址多用的时间。",
    )
}

/// How far the first choice is ahead of the next, when both connect.
pub(super) fn lead(group: &GroupModel, lang: Lang) -> Option<String> {
    let [_, next, ..] = group.endpoints.as_slice() else {
        return None;
    };
    if is_untried(next) {
        return None;
    }
    let Some(lead) = group.lead_ms else {
        return Some(text("only one", "唯一可用").of(lang));
    };
    if let Some(lag) = lag_when_connected(group) {
        return Some(match lag > 0.0 {
            true => ms_unit(millis(lag)),
            false => text("fails less", "失败更少").of(lang),
        });
    }
    Some(match group.clear_lead {
        Some(true) => ms_unit(millis(lead)),
        _ => text("even", "相当").of(lang),
    })
}

/// The deviations in a group that has a first choice, and the number of those not shown; empty if there are none.
pub(super) fn deviations(group: &GroupModel, model: &Model) -> Vec<String> {
    let lang = model.lang;
    let told = group.endpoints.iter().flat_map(|row| {
        // Its name stands beside.
        let name = match row.rank {
            1 => text("first choice", "首选地址").of(lang),
            _ => name(row, group, lang),
        };
        let of_row = of_row(row, group, model).into_iter();
        of_row.map(move |one| headed(text(name.clone(), name.clone()), &one, lang))
    });
    first_ones(told.collect(), lang)
}

/// Why a group has no first choice.
pub(super) fn obstacles(group: &GroupModel, lang: Lang) -> String {
    if group.endpoints.iter().all(is_untried) {
        return label(Label::NotTried).of(lang);
    }
    let none = text("no usable endpoint", "没有可用地址");
    let why = |row: &EndpointModel| match is_untried(row) {
        true => label(Label::NotTried).of(lang),
        false => failure(row, lang),
    };
    let mut all = group.endpoints.iter().map(why);
    let Some(first) = all.next() else {
        return none.of(lang);
    };
    if all.all(|why| why == first) {
        return headed(none, &first, lang);
    }
    let told = group.endpoints.iter().map(|row| {
        let name = name(row, group, lang);
        headed(text(name.clone(), name), &why(row), lang)
    });
    let told = joined(&first_ones(told.collect(), lang), lang);
    text(
        format!("{}. {told}", none.en),
        format!("{}。{told}", none.zh),
    )
    .of(lang)
}

/// Several items on one line.
pub(super) fn joined(told: &[String], lang: Lang) -> String {
    told.join(&text("; ", "；").of(lang))
}

fn first_ones(mut told: Vec<String>, lang: Lang) -> Vec<String> {
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(text(format!("{more} more"), format!("另有 {more} 项")).of(lang));
    }
    told
}

fn of_row(row: &EndpointModel, group: &GroupModel, model: &Model) -> Vec<String> {
    let lang = model.lang;
    if is_untried(row) {
        return vec![label(Label::NotTried).of(lang)];
    }
    if tier_of(row) != Tier::Ready {
        return vec![failure(row, lang)];
    }
    let mut told = Vec::new();
    let mut add = |one: Text| told.push(one.of(lang));
    if let Some(lag) = lag_of_configured(row, group) {
        add(match lag {
            Some(lag) => text(
                format!("{} slower", ms_unit(millis(lag))),
                format!("慢 {}", ms_unit(millis(lag))),
            ),
            None => text("not the first choice", "不是首选地址"),
        });
    }
    let alternate = row.url != row.configured_url;
    if alternate {
        let path = row
            .url
            .split_once(&row.authority)
            .map_or("", |(_, path)| path);
        let path = shown(path, LONGEST_NAME);
        add(text(
            format!("works only with the path {path}"),
            format!("仅路径 {path} 可用"),
        ));
    }
    let told_already = |one: &&AddressModel| family_is_told(one, model);
    let tried = row.addresses.iter().filter(|one| one.attempts > 0);
    let tried: Vec<&AddressModel> = tried.filter(|one| !told_already(one)).collect();
    let (dead, working): (Vec<&AddressModel>, Vec<&AddressModel>) =
        tried.iter().copied().partition(|one| one.successes == 0);
    if !dead.is_empty() {
        let (count, all) = (dead.len(), tried.len());
        let mut failures = dead.iter().flat_map(|one| &one.failures);
        let s = if count == 1 { "s" } else { "" };
        add(match failures.all(|one| one.kind == "timeout") {
            true => text(
                format!("{count} of {all} addresses never answer{s}"),
                format!("{all} 个地址中 {count} 个始终无应答"),
            ),
            false => text(
                format!("{count} of {all} addresses always fail{s}"),
                format!("{all} 个地址中 {count} 个始终失败"),
            ),
        });
    }
    let attempts: u64 = working.iter().map(|one| one.attempts).sum();
    let failed: u64 = (working.iter())
        .map(|one| one.attempts.saturating_sub(one.successes))
        .sum();
    // The configured path was tried once, and failed.
    if failed > u64::from(alternate) {
        add(text(
            format!("{failed} of {attempts} attempts failed"),
            format!("{attempts} 次尝试失败 {failed} 次"),
        ));
    }
    if row.addresses.iter().any(|one| one.after_upgrade.is_some()) {
        add(text("closed as soon as it opened", "建立后立即断开"));
    }
    let soon = model
        .findings
        .iter()
        .any(|one| one.code == "certificate_expires_soon");
    if let Some(expiry) = row
        .certificate_expires
        .as_ref()
        .filter(|_| soon && expires_soon(row, 14))
    {
        told.push(expiry.clone());
    }
    told
}

/// How much slower than the first choice an endpoint in use is, where that is known; `None` where it is not
/// worse.
fn lag_of_configured(row: &EndpointModel, group: &GroupModel) -> Option<Option<f64>> {
    let alike = [
        Reason::NoClearDifference.as_str(),
        Reason::FastestWithinNoise.as_str(),
    ];
    if !row.in_use || row.rank == 1 || alike.contains(&&*row.reason.code) {
        return None;
    }
    let first = group.endpoints.first()?.total_ms.as_ref();
    let medians = first.zip(row.total_ms.as_ref());
    let lag = medians.map(|(first, own)| own.p50 - first.p50);
    Some(lag.filter(|lag| *lag > 0.0))
}

/// How much slower the next endpoint is than the first choice when both connect, where one of them sometimes
/// fails. The ranking's penalty for failures is not a time that anybody waits.
pub(super) fn lag_when_connected(group: &GroupModel) -> Option<f64> {
    let [first, next, ..] = group.endpoints.as_slice() else {
        return None;
    };
    // Both are ready.
    group.lead_ms?;
    let fails = |row: &EndpointModel| row.failed_ratio.is_some_and(|ratio| ratio > 0.0);
    let lag = next.total_ms.as_ref()?.p50 - first.total_ms.as_ref()?.p50;
    (fails(first) || fails(next)).then_some(lag)
}

pub(super) fn is_untried(row: &EndpointModel) -> bool {
    row.reason.code == Reason::NotProbed.as_str()
}

/// The tier of an endpoint.
pub(super) fn tier_of(row: &EndpointModel) -> Tier {
    let all = [Tier::Ready, Tier::Answering];
    let found = all.into_iter().find(|one| one.as_str() == row.tier);
    found.unwrap_or(Tier::Unreachable)
}

/// `Word: text`, with the language's own colon.
pub(super) fn headed(word: Text, rest: &str, lang: Lang) -> String {
    let Text { en, zh } = word;
    text(format!("{en}: {rest}"), format!("{zh}：{rest}")).of(lang)
}

/// Why an endpoint is not ready, in short. A status says enough, and a faulty certificate implies the phase.
fn failure(row: &EndpointModel, lang: Lang) -> String {
    let reason = &row.reason;
    let is_it = |one: &&FailureModel| {
        (Some(&one.phase), Some(&one.kind)) == (reason.phase.as_ref(), reason.kind.as_ref())
    };
    let status = row.failures.iter().find(is_it).and_then(|one| one.status);
    // A status of 101 means that the server agreed to the upgrade: that is not the fault.
    if let Some(status) = status.filter(|status| *status != 101) {
        return format!("HTTP {status}");
    }
    let (colon, bracket) = (text(": ", "：").of(lang), text(" (", "（").of(lang));
    let what = reason
        .text
        .split_once(&colon)
        .map_or(&*reason.text, |(_, what)| what);
    let what = what.split_once(&bracket).map_or(what, |(what, _)| what);
    let what = shown(what, LONGEST_REASON);
    if reason
        .kind
        .as_ref()
        .is_some_and(|kind| kind.starts_with("certificate"))
    {
        return what;
    }
    let mut phases = Phase::ALL.into_iter();
    let phase = phases.find(|one| Some(one.as_str()) == reason.phase.as_deref());
    let Some(phase) = phase.map(short_phase) else {
        return what;
    };
    text(
        format!("{what} ({})", phase.en),
        format!("{what}（{}）", phase.zh),
    )
    .of(lang)
}

/// A name that distinguishes an endpoint from the others of its group: the domain, if it is one of the published
/// pair.
fn name(row: &EndpointModel, group: &GroupModel, lang: Lang) -> String {
    let published = [Variant::Easemob.as_str(), Variant::Easecdn.as_str()];
    let own = domain(&row.host);
    let mut others = group.endpoints.iter().filter(|one| one.rank != row.rank);
    let is_enough =
        published.contains(&&*row.variant) && others.all(|one| domain(&one.host) != own);
    let mut name = shown(if is_enough { own } else { &row.authority }, LONGEST_NAME);
    if row.in_use {
        name.push_str(&format!(" [{}]", label(Label::InUse).of(lang)));
    }
    name
}

/// `easemob.com` of `a1.easemob.com`.
fn domain(host: &str) -> &str {
    host.rmatch_indices('.')
        .nth(1)
        .map_or(host, |(dot, _)| &host[dot + 1..])
}

/// Whether a finding already covers all addresses of this one's family.
fn family_is_told(address: &AddressModel, model: &Model) -> bool {
    let v6 = match address.address.parse::<SocketAddr>() {
        Ok(address) => address.is_ipv6(),
        Err(_) => return false,
    };
    let codes = match v6 {
        true => ["ipv6_broken", "ipv6_absent"],
        false => ["ipv4_broken", "ipv4_absent"],
    };
    address.successes == 0 && model.findings.iter().any(|one| codes.contains(&&*one.code))
}

/// Whether a certificate of an accepted chain expires within so many days. A root's expiry doesn't count, nor a
/// certificate that had already expired: it was not needed.
pub(super) fn expires_soon(row: &EndpointModel, days: i64) -> bool {
    let accepted = row.addresses.iter().filter(|one| one.successes > 0);
    let mut chains = accepted.flat_map(|one| one.chain.iter().enumerate());
    chains.any(|(place, one)| {
        let needed = place == 0 || (one.expires_in_days >= 0 && one.subject != one.issuer);
        needed && one.expires_in_days < days
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_names_end() {
        assert_eq!(domain("im-api-v2.easemob.com"), "easemob.com");
        assert_eq!(domain("easemob.com"), "easemob.com");
        assert_eq!(domain("localhost"), "localhost");
    }
}
