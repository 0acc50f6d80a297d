//! Changes in the time of DNS lookups. They are shown once, because they concern the DNS server and not an
//! endpoint.

use std::collections::BTreeMap;

use easelect::Phase;

use super::super::model::Model;
use super::super::texts::{list, shown, text};
use super::endpoint::{effect_of_time, told_ms};
use super::statistics::{Difference, Times};
use super::{Change, Effect, Figures};

/// The changes beyond noise, in either direction.
pub(super) fn changes(a: &Model, b: &Model) -> Vec<Change> {
    let proxy = |model: &Model| model.environment.proxy.as_ref().map(|one| one.url.clone());
    if proxy(a) != proxy(b) {
        // With a proxy, the name looked up is the proxy's own.
        return Vec::new();
    }
    let (in_a, in_b) = (by_host(a), by_host(b));
    let both = in_b
        .iter()
        .filter_map(|(host, after)| Some((*host, in_a.get(host)?, after)));
    let both: Vec<(&str, &Times, &Times)> = both.collect();
    let mut changes = Vec::new();
    for effect in [Effect::Worse, Effect::Better] {
        let mut hosts: Vec<(&str, f64, f64)> = (both.iter())
            .filter(|(_, before, after)| before.difference(after) == Difference::Clear)
            .map(|(host, before, after)| (*host, before.median, after.median))
            .filter(|(_, before, after)| effect_of_time(*before, *after) == effect)
            .collect();
        let by = |(_, before, after): &(&str, f64, f64)| (after - before).abs();
        hosts.sort_by(|one, other| by(other).total_cmp(&by(one)));
        let Some((_, before, after)) = hosts.first().copied() else {
            continue;
        };
        let told: Vec<String> = hosts
            .iter()
            .map(|(host, before, after)| {
                format!(
                    "{} {} → {} ms",
                    shown(host, 80),
                    told_ms(*before),
                    told_ms(*after)
                )
            })
            .collect();
        let (told, count, of) = (list(&told), hosts.len(), both.len());
        let (en, zh) = match effect {
            Effect::Worse => ("longer", "变慢"),
            _ => ("less time", "变快"),
        };
        let told = text(
            format!(
                "Name lookups take {en} for {count} of {of} hosts: {}.",
                told.en
            ),
            format!("{of} 个主机中有 {count} 个域名解析{zh}：{}。", told.zh),
        );
        let headline = text(told.en.replacen('N', "n", 1), told.zh.clone());
        let change = Change::new("lookup_time", effect, told).headline(headline);
        let change = change.phase(Phase::Resolve);
        changes.push(change.figures(Figures::Millis([before, after])));
    }
    changes
}

fn by_host(model: &Model) -> BTreeMap<&str, Times> {
    let mut hosts = BTreeMap::new();
    for one in model.groups.iter().flat_map(|group| &group.endpoints) {
        if let Some(times) = Times::phase(one, Phase::Resolve) {
            hosts.entry(&*one.host).or_insert(times);
        }
    }
    hosts
}
