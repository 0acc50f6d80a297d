//! The groups (one service of one data centre) that both reports have, each with its first choice and its
//! endpoints.

use std::collections::{BTreeMap, BTreeSet};

use easelect::{Catalog, Region, Residency, Service, Tier};

use super::super::model::{EndpointModel, GroupModel, Model};
use super::super::texts::{Lang, Text, list, region_name, service_name, shown, text};
use super::endpoint::{
    Seen, capital, compared as endpoint_compared, effect_of_time, longer, state, takes,
    where_it_lies,
};
use super::statistics::{Difference, Times};
use super::{Change, Effect, EndpointComparison, Figures, GroupComparison};

/// The groups in both reports, in B's order, and notes on those in only one.
pub(super) fn compared(a: &Model, b: &Model) -> (Vec<GroupComparison>, Vec<Text>) {
    let in_a = by_key(&a.groups, |one| (&*one.region, &*one.service));
    let in_b = by_key(&b.groups, |one| (&*one.region, &*one.service));
    let proxy = |model: &Model| model.environment.proxy.as_ref().map(|one| one.url.clone());
    let same_way = proxy(a) == proxy(b);
    let mut told = BTreeSet::new();
    let groups = (b.groups.iter())
        .filter(|group| told.insert((&*group.region, &*group.service)))
        .filter_map(|group| {
            let before = in_a.get(&(&*group.region, &*group.service))?;
            Some(
                Pair {
                    a,
                    b,
                    before,
                    after: group,
                }
                .compared(same_way),
            )
        })
        .collect();
    let mut notes = Vec::new();
    for (letter, lang, these, others) in [("A", a.lang, &in_a, &in_b), ("B", b.lang, &in_b, &in_a)]
    {
        let alone = these.iter().filter(|(key, _)| !others.contains_key(*key));
        let titles: Vec<Text> = alone
            .map(|(_, group)| Title::of(&[(lang, group)]).title())
            .collect();
        if !titles.is_empty() {
            notes.push(only_in(letter, &titles));
        }
    }
    (groups, notes)
}

/// The first item for each key.
fn by_key<'a, T, K: Ord>(all: &'a [T], key: impl Fn(&'a T) -> K) -> BTreeMap<K, &'a T> {
    let mut found = BTreeMap::new();
    for one in all {
        found.entry(key(one)).or_insert(one);
    }
    found
}

fn only_in(letter: &str, names: &[Text]) -> Text {
    let en: Vec<&str> = names.iter().map(|one| &*one.en).collect();
    let zh: Vec<&str> = names.iter().map(|one| &*one.zh).collect();
    let (en, zh) = (list(&en).en, list(&zh).zh);
    text(
        format!("Only in {letter}, not compared: {en}."),
        format!("仅 {letter} 中有，未比较：{zh}。"),
    )
}

/// Data centre and service in both languages: from the reports in their languages, from the built-in catalogue
/// otherwise.
struct Title {
    region: Text,
    id: String,
    service: Text,
}

impl Title {
    /// `China 1 (cn1) | WebSocket`.
    fn title(&self) -> Text {
        let Title {
            region,
            id,
            service,
        } = self;
        text(
            format!("{} ({id}) | {}", region.en, service.en),
            format!("{}（{id}）| {}", region.zh, service.zh),
        )
    }

    /// `WebSocket in China 1`.
    fn name(&self) -> Text {
        let Title {
            region, service, ..
        } = self;
        text(
            format!("{} in {}", service.en, region.en),
            format!("{} {}", region.zh, service.zh),
        )
    }

    fn of(of: &[(Lang, &GroupModel)]) -> Title {
        let group = of[0].1;
        let catalog = Catalog::builtin();
        let residency = match group.region == Residency::mainland_pool().to_string() {
            true => Residency::mainland_pool().regions(),
            false => Region::new(&group.region).into_iter().collect(),
        };
        let service = Service::ALL
            .iter()
            .find(|one| one.as_str() == group.service);
        let in_language = |lang: Lang| {
            if let Some((_, group)) = of.iter().find(|(told_in, _)| *told_in == lang) {
                return (
                    shown(&group.region_name, 60),
                    shown(&group.service_name, 60),
                );
            }
            let known = residency.iter().filter_map(|one| catalog.region(one));
            let names: Vec<String> = known.clone().map(|info| region_name(info, lang)).collect();
            let locality = known.map(|info| info.locality()).next();
            let region = match names.is_empty() {
                true => shown(&group.region_name, 60),
                false => names.join(" + "),
            };
            let service = match service {
                Some(service) => service_name(*service, locality).of(lang),
                None => shown(&group.service_name, 60),
            };
            (region, service)
        };
        let id = shown(&group.region, 40);
        let ((region_en, service_en), (region_zh, service_zh)) =
            (in_language(Lang::En), in_language(Lang::Zh));
        Title {
            region: text(region_en, region_zh),
            id,
            service: text(service_en, service_zh),
        }
    }
}

/// The best endpoint, if one is ready.
fn best(group: &GroupModel) -> Option<&EndpointModel> {
    let ready = group
        .endpoints
        .iter()
        .filter(|one| state(one) == Some(Tier::Ready));
    ready.min_by_key(|one| one.rank)
}

/// Whether any endpoint was tried.
fn is_measured(group: &GroupModel) -> bool {
    group.endpoints.iter().any(|one| state(one).is_some())
}

/// One group of both reports.
struct Pair<'a> {
    a: &'a Model,
    b: &'a Model,
    before: &'a GroupModel,
    after: &'a GroupModel,
}

impl Pair<'_> {
    fn compared(&self, same_way: bool) -> GroupComparison {
        let by_url = |group| by_key::<EndpointModel, &str>(group, |one| &*one.configured_url);
        let (in_a, in_b) = (
            by_url(&self.before.endpoints),
            by_url(&self.after.endpoints),
        );
        let names = names(in_a.values().chain(in_b.values()).copied());
        let mut told = BTreeSet::new();
        let endpoints: Vec<EndpointComparison> = (self.after.endpoints.iter())
            .filter(|one| told.insert(&*one.configured_url))
            .filter_map(|one| {
                let before = in_a.get(&*one.configured_url)?;
                let a = Seen {
                    one: before,
                    lang: self.a.lang,
                };
                let b = Seen {
                    one,
                    lang: self.b.lang,
                };
                Some(endpoint_compared(
                    names[&*one.configured_url].clone(),
                    a,
                    b,
                    same_way,
                ))
            })
            .collect();
        let title = Title::of(&[(self.a.lang, self.before), (self.b.lang, self.after)]);
        let mut group = GroupComparison {
            region: shown(&self.after.region, 40),
            service: shown(&self.after.service, 40),
            title: title.title(),
            name: title.name(),
            changes: Vec::new(),
            opening: None,
            endpoints,
            notes: Vec::new(),
        };
        for (letter, these, others) in [("A", &in_a, &in_b), ("B", &in_b, &in_a)] {
            let alone = these.keys().filter(|url| !others.contains_key(*url));
            let alone: Vec<Text> = alone
                .map(|url| text(names[url].clone(), names[url].clone()))
                .collect();
            if !alone.is_empty() {
                group.notes.push(only_in(letter, &alone));
            }
        }
        for (letter, these) in [("A", &in_a), ("B", &in_b)] {
            let untried = these.values().filter(|one| state(one).is_none());
            let untried: Vec<String> = untried
                .map(|one| names[&*one.configured_url].clone())
                .collect();
            if !untried.is_empty() {
                let untried = list(&untried);
                group.notes.push(text(
                    format!("Not tried in {letter}: {}.", untried.en),
                    format!("{letter} 中未探测：{}。", untried.zh),
                ));
            }
        }
        self.first_choice(&mut group, &names, same_way);
        group
    }

    fn first_choice(
        &self,
        group: &mut GroupComparison,
        names: &BTreeMap<&str, String>,
        same_way: bool,
    ) {
        let name = |one: &EndpointModel| names[&*one.configured_url].clone();
        match (best(self.before), best(self.after)) {
            (Some(was), Some(is)) => {
                group.opening = opening([was, is], same_way, &group.name);
                if was.configured_url != is.configured_url {
                    self.another(group, [was, is], [name(was), name(is)]);
                }
            }
            (Some(was), None) if is_measured(self.after) => {
                let was = name(was);
                let told = text(
                    format!("no endpoint is ready in B; the first choice in A was {was}."),
                    format!("B 中没有可用的接入地址；A 中首选地址为 {was}。"),
                );
                lost_or_found(
                    group,
                    "first_choice_lost",
                    Effect::Worse,
                    told,
                    [Some(was), None],
                );
            }
            (None, Some(is)) if is_measured(self.before) => {
                let is = name(is);
                let told = text(
                    format!("the first choice in B is {is}; no endpoint was ready in A."),
                    format!("B 中首选地址为 {is}；A 中没有可用的接入地址。"),
                );
                lost_or_found(
                    group,
                    "first_choice_found",
                    Effect::Better,
                    told,
                    [None, Some(is)],
                );
            }
            _ => {}
        }
    }

    /// A different first choice counts as a change only if something changed at one of the two endpoints.
    fn another(&self, group: &mut GroupComparison, both: [&EndpointModel; 2], names: [String; 2]) {
        let moved = both.iter().any(|one| {
            let compared = (group.endpoints.iter())
                .find(|compared| compared.url == shown(&one.configured_url, 300));
            match compared {
                Some(compared) => compared
                    .changes
                    .iter()
                    .any(|one| one.effect != Effect::Different),
                // Only one report has the endpoint.
                None => true,
            }
        });
        let [was, is] = &names;
        if moved {
            let told = text(
                format!("first choice changed: {was} → {is}."),
                format!("首选地址变化：{was} → {is}。"),
            );
            push(
                group,
                "first_choice",
                Effect::Different,
                told,
                names.map(Some),
            );
        } else {
            group.notes.push(text(
                format!(
                    "The first choice is {is} instead of {was}, but neither changed beyond noise."
                ),
                format!("首选地址由 {was} 变为 {is}，但两者的变化都未超出波动范围。"),
            ));
        }
    }
}

fn push(
    group: &mut GroupComparison,
    code: &'static str,
    effect: Effect,
    told: Text,
    names: [Option<String>; 2],
) {
    let headline = text(
        format!("{}: {}", group.name.en, told.en),
        format!("{}：{}", group.name.zh, told.zh),
    );
    let told = text(capital(&told.en), told.zh);
    let change = Change::new(code, effect, told).headline(headline);
    group.changes.push(change.figures(Figures::Words(names)));
}

/// A group without a first choice in one of the reports. If that may be chance, it becomes a note.
fn lost_or_found(
    group: &mut GroupComparison,
    code: &'static str,
    effect: Effect,
    told: Text,
    names: [Option<String>; 2],
) {
    let sure = (group.endpoints.iter())
        .flat_map(|one| &one.changes)
        .any(|one| one.code == "tier" && one.effect == effect);
    // With no endpoint in common, no endpoint has a change.
    if sure || group.endpoints.is_empty() {
        push(group, code, effect, told, names);
    } else {
        group.notes.push(text(
            format!(
                "{} With so few attempts, this may be chance.",
                capital(&told.en)
            ),
            format!("{}尝试次数太少，可能只是偶然。", told.zh),
        ));
    }
}

/// The change in the time to open the first choice, whichever endpoint that is.
fn opening([was, is]: [&EndpointModel; 2], same_way: bool, group: &Text) -> Option<Change> {
    let (before, after) = (Times::total(was)?, Times::total(is)?);
    if before.difference(&after) != Difference::Clear {
        return None;
    }
    let medians = [before.median, after.median];
    let (longer, takes) = (longer(before.median, after.median), takes(medians));
    let mostly = where_it_lies([was, is], medians, same_way);
    let told = text(
        format!("Opening the first choice takes {}{}.", longer.en, mostly.en),
        format!("首选地址的建连耗时{}{}。", longer.zh, mostly.zh),
    );
    let headline = text(
        format!(
            "opening the first choice of {} {}{}.",
            group.en, takes.en, mostly.en
        ),
        format!("{}首选地址的建连耗时{}{}。", group.zh, takes.zh, mostly.zh),
    );
    let effect = effect_of_time(before.median, after.median);
    let change = Change::new("first_choice_time", effect, told).headline(headline);
    Some(change.figures(Figures::Millis(medians)))
}

/// Short names by configured URL: host and port, or the URL if several endpoints share these.
fn names<'a>(all: impl Iterator<Item = &'a EndpointModel>) -> BTreeMap<&'a str, String> {
    let mut urls: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut authorities: BTreeMap<&str, &str> = BTreeMap::new();
    for one in all {
        urls.entry(&one.authority)
            .or_default()
            .insert(&one.configured_url);
        authorities.insert(&one.configured_url, &one.authority);
    }
    let name = |(url, authority): (&'a str, &str)| match urls[authority].len() {
        1 => (url, shown(authority, 100)),
        _ => (url, shown(url, 300)),
    };
    authorities
        .iter()
        .map(|(url, authority)| (*url, *authority))
        .map(name)
        .collect()
}
