//! From what was measured to findings: first what explains everything that failed, then what
//! explains some, then what is configured, then what limits the measurement.

use std::collections::BTreeSet;
use std::net::IpAddr;

use easelect::{
    Confidence, Failure, FailureKind as Kind, Phase, Reason, Residency, Tier, is_local,
};

use super::figures::ms_unit;
use super::finding::{Finding, What};
use super::{Context, DirectLookup, Group, Note, Row, host_findings, threshold};

pub(super) fn findings(groups: &[Group], context: &Context, complete: bool) -> Vec<Finding> {
    let rows: Vec<&Row> = groups.iter().flat_map(|group| &group.endpoints).collect();
    let mut whats = Vec::new();
    let exhausted = rows.iter().flat_map(|row| failures(row));
    let mut exhausted = exhausted.filter(|one| one.kind() == Kind::OutOfResources);
    let everything = match exhausted.next() {
        Some(failure) => Some(What::OutOfResources { failure }),
        None => everything(&rows, context),
    };
    let explained = everything.is_some();
    whats.extend(everything);
    whats.extend(host_findings::one_address(&rows, context));
    if !explained {
        whats.extend(host_findings::findings(&rows, context));
    }
    for group in groups {
        in_use(group, &mut whats);
    }
    for note in &context.notes {
        if let Note::SourceFailed { url, why } = note {
            let (url, why) = (url.clone(), why.clone());
            whats.push(What::SourceFailed { url, why });
        }
    }
    for threshold in &context.thresholds {
        let urls: Vec<String> = threshold::above(groups, *threshold)
            .into_iter()
            .map(|(endpoint, measured)| format!("{} ({})", endpoint.url(), ms_unit(measured)))
            .collect();
        if !urls.is_empty() {
            whats.push(What::AboveThreshold {
                urls,
                threshold: *threshold,
            });
        }
    }
    whats.extend(direct_lookups(&rows, context));
    limits(&rows, context, complete, &mut whats);
    notes(groups, &rows, context, &mut whats);
    whats
        .into_iter()
        .map(|what| Finding {
            what,
            now: context.finished_at,
        })
        .collect()
}

/// The failures of an endpoint, most frequent first.
pub(super) fn failures(row: &Row) -> Vec<Failure> {
    let failures = row.ranked.stats.failures();
    failures.into_iter().map(|one| one.failure).collect()
}

/// Whether TCP connected to it at all.
fn connected(row: &Row) -> bool {
    row.ranked.stats.successes() > 0 || failures(row).iter().any(|one| one.phase() >= Phase::Tls)
}

/// Whether the host proved its identity at least once.
pub(super) fn verified(row: &Row) -> bool {
    row.ranked.stats.successes() > 0 || failures(row).iter().any(|one| one.phase() > Phase::Tls)
}

fn hosts<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeSet<&'a str> {
    rows.into_iter()
        .map(|row| row.ranked.endpoint().host())
        .collect()
}

/// The one cause that explains every failure, where nothing works at all.
fn everything(rows: &[&Row], context: &Context) -> Option<What> {
    let measured: Vec<&Row> = rows
        .iter()
        .copied()
        .filter(|row| row.ranked.reason != Reason::NotProbed)
        .collect();
    let works = measured.iter().any(|row| row.ranked.stats.successes() > 0);
    if let Some(proxy) = proxy(&measured, works, context) {
        return Some(proxy);
    }
    if let Some(names) = names(&measured, works, context) {
        return Some(names);
    }
    if measured.is_empty() || works {
        return None;
    }
    let count = hosts(measured.iter().copied()).len();
    let all: Vec<Failure> = measured.iter().flat_map(|row| failures(row)).collect();
    if all.iter().all(|one| one.kind() == Kind::BogusAddress) {
        return None;
    }
    let attempts = || all.iter().filter(|one| one.phase() != Phase::Resolve);
    let reached: Vec<&Row> = measured
        .iter()
        .copied()
        .filter(|row| connected(row))
        .collect();
    if reached.is_empty() {
        let kinds: BTreeSet<Kind> = attempts().map(Failure::kind).collect();
        if kinds.iter().all(|kind| *kind == Kind::Unreachable) {
            return Some(What::NoNetwork);
        }
        let local = [Kind::Unreachable, Kind::Permission];
        if kinds.iter().all(|kind| local.contains(kind)) {
            return Some(What::NotPermitted);
        }
    }
    if let Some(clock) = clock(&measured) {
        return Some(clock);
    }
    if hosts(reached.iter().copied()).len() >= 2 {
        let impostor = |row: &&Row| failures(row).into_iter().find(is_impostor);
        let symptoms: Vec<Failure> = reached.iter().filter_map(impostor).collect();
        if symptoms.len() == reached.len() {
            let hosts = hosts(reached.iter().copied()).len();
            let other = |one: &Failure| one.kind() != Kind::CertificateUntrusted;
            return Some(match symptoms.into_iter().find(other) {
                Some(failure) => What::CaptivePortal { hosts, failure },
                None => What::Interception { hosts },
            });
        }
    }
    // What is particular to a host (its certificate, its answer) is no fault of the network.
    let silenced = |one: &&Failure| {
        matches!(
            one.kind(),
            Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Closed | Kind::Unreachable
        ) && one.phase() <= Phase::Tls
    };
    if count >= 2 && attempts().all(|one| silenced(&one)) {
        let failure = attempts().next()?.clone();
        return Some(What::NothingGetsThrough {
            failure,
            hosts: count,
        });
    }
    None
}

/// Nothing works, and what was to go through the proxy came to its end there.
fn proxy(measured: &[&Row], works: bool, context: &Context) -> Option<What> {
    let proxy = context.environment.proxy.as_ref()?;
    let behind: Vec<&Row> = measured
        .iter()
        .copied()
        .filter(|row| through_proxy(row, context))
        .collect();
    let all: Vec<Failure> = behind.iter().flat_map(|row| failures(row)).collect();
    let its_own = |one: &Failure| matches!(one.phase(), Phase::Resolve | Phase::Proxy);
    if works || !all.iter().all(its_own) {
        return None;
    }
    Some(What::ProxyFails {
        proxy: proxy.to_string(),
        // An address that the proxy's name lacks in one family says less.
        failure: all.iter().max_by_key(|one| one.phase())?.clone(),
        hosts: hosts(behind).len(),
    })
}

/// Whether the proxy leads to it.
pub(super) fn through_proxy(row: &Row, context: &Context) -> bool {
    let proxy = context.environment.proxy_of(row.ranked.endpoint());
    proxy.is_some()
}

/// Not one of the names led to an address. Hosts that needed no look-up may work nevertheless.
fn names(measured: &[&Row], works: bool, context: &Context) -> Option<What> {
    let needs_lookup = |row: &&&Row| {
        let host = row.ranked.endpoint().host();
        let pinned = &context.environment.pinned;
        host.parse::<IpAddr>().is_err() && !pinned.iter().any(|one| one == host)
    };
    let named: Vec<&Row> = measured.iter().filter(needs_lookup).copied().collect();
    let unresolved = |row: &&Row| row.ranked.stats.addresses().is_empty();
    if named.is_empty() || !named.iter().all(unresolved) {
        return None;
    }
    let hosts = hosts(named.iter().copied()).len();
    // Impossible answers are a matter of their own: somebody answered.
    let bogus = |row: &&Row| {
        failures(row)
            .iter()
            .all(|one| one.kind() == Kind::BogusAddress)
    };
    let lab = context.environment.lab.is_some();
    let all_bogus = named.iter().all(bogus);
    // Beside something that works, one missing name is that host's own trouble.
    ((hosts >= 2 || !works) && !all_bogus).then_some(What::NoNameResolved { hosts, lab })
}

/// Whether what answered can't be the host, nor a host with a fault of its own.
pub(super) fn is_impostor(failure: &Failure) -> bool {
    matches!(
        failure.kind(),
        Kind::CertificateWrongHost
            | Kind::CertificateUntrusted
            | Kind::NotTls
            | Kind::NotHttp
            | Kind::Redirected
    )
}

/// Certificates that are out of date by this machine's clock, and no good one to contradict it.
fn clock(measured: &[&Row]) -> Option<What> {
    if measured.iter().any(|row| verified(row)) {
        return None;
    }
    let with = |kind| -> Vec<(&Row, Failure)> {
        let found = |row: &&'_ Row| failures(row).into_iter().find(|one| one.kind() == kind);
        measured
            .iter()
            .copied()
            .filter_map(|row| Some((row, found(&row)?)))
            .collect()
    };
    let early = with(Kind::CertificateNotYetValid);
    if !early.is_empty() {
        let hosts = hosts(early.iter().map(|(row, _)| *row)).len();
        return Some(What::ClockWrong { hosts, slow: true });
    }
    let late = with(Kind::CertificateExpired);
    // One certificate may serve many hosts and have really expired; two don't at once.
    let certificates: BTreeSet<_> = late
        .iter()
        .map(|(row, failure)| match failure.not_after() {
            Some(at) => (Some(at), ""),
            None => (None, domain(row.ranked.endpoint().host())),
        })
        .collect();
    (certificates.len() >= 2).then(|| What::ClockWrong {
        hosts: hosts(late.iter().map(|(row, _)| *row)).len(),
        slow: false,
    })
}

/// The last two labels, which is what one wildcard certificate covers here.
pub(super) fn domain(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(host, |at| &host[at + 1..])
}

/// What the customer has configured, compared with the first choice of its group.
fn in_use(group: &Group, whats: &mut Vec<What>) {
    for row in group.endpoints.iter().filter(|row| row.in_use) {
        let url = row.ranked.endpoint().url().to_owned();
        let best = group.best();
        let url_of = |ranked: &easelect::Ranked| ranked.endpoint().url_with(ranked.stats.path());
        let Some((first, cost)) = best.zip(row.ranked.expected_cost) else {
            whats.push(What::CurrentFails {
                url,
                failure: match &row.ranked.reason {
                    Reason::Answers(failure) | Reason::Fails(failure) => Some(failure.clone()),
                    _ => None,
                },
                best: best.map(url_of),
            });
            continue;
        };
        let (endpoint, path) = (row.ranked.endpoint(), row.ranked.stats.path());
        if path != endpoint.path() {
            // The prober found a way; the app, which has only this URL, doesn't.
            let works = endpoint.url_with(path);
            whats.push(What::CurrentPathWrong { url, works });
            continue;
        }
        if first.endpoint() == endpoint {
            whats.push(What::CurrentFirst { url });
            continue;
        }
        let best = url_of(first);
        let by = cost.saturating_sub(first.expected_cost.unwrap_or_default());
        whats.push(if equals_first(group, row, by) {
            What::CurrentEqual { url, best }
        } else {
            What::CurrentSlower {
                // Half as long again, and by something that a person would notice.
                much: by * 2 > first.expected_cost.unwrap_or_default()
                    && by > std::time::Duration::from_millis(50),
                url,
                by,
                best,
            }
        });
    }
}

/// Whether an endpoint's lag behind the first is within noise. A reason compares with the one
/// before only; further down, the lag must be small as well.
fn equals_first(group: &Group, row: &Row, lag: std::time::Duration) -> bool {
    let place = row.ranked.rank;
    let between = group.endpoints.iter().take(place).skip(1);
    let unclear = |one: &Row| one.ranked.reason == Reason::NoClearDifference;
    let cost = row.ranked.expected_cost.unwrap_or_default();
    between.into_iter().all(unclear) && (place == 2 || lag * 10 < cost)
}

/// What name servers said of hosts that the platform's resolver did not find: together where it is
/// the same failure, each for itself where there are addresses.
fn direct_lookups(rows: &[&Row], context: &Context) -> Vec<What> {
    let mut whats: Vec<What> = Vec::new();
    // What was asked instead of that resolver has spoken already.
    if context.environment.dns.is_some() {
        return whats;
    }
    let found = |host: &str| {
        let mut of_host = rows
            .iter()
            .filter(|row| row.ranked.endpoint().host() == host);
        of_host.any(|row| !row.ranked.stats.addresses().is_empty())
    };
    let mut hosts: Vec<&str> = Vec::new();
    for one in &context.direct_lookups {
        if !hosts.contains(&one.host.as_str()) && !found(&one.host) {
            hosts.push(&one.host);
        }
    }
    for host in hosts {
        let outcome = told(context.direct_lookups.iter().filter(|one| one.host == host));
        let same = |what: &&mut What| match (what, &outcome) {
            (
                What::DirectLookup {
                    outcome: Err(other),
                    ..
                },
                Err(failure),
            ) => other.kind() == failure.kind(),
            _ => false,
        };
        match whats.iter_mut().find(same) {
            Some(What::DirectLookup { hosts, .. }) => hosts.push(host.to_owned()),
            _ => whats.push(What::DirectLookup {
                hosts: vec![host.to_owned()],
                outcome,
            }),
        }
    }
    whats
}

/// The addresses that all servers together know, or else the most telling failure: that there is no
/// address of one family says least.
fn told<'a>(lookups: impl Iterator<Item = &'a DirectLookup>) -> Result<Vec<IpAddr>, Failure> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut failed = Failure::new(Phase::Resolve, Kind::NoAddress);
    for one in lookups {
        match &one.outcome {
            Ok(more) => addresses.extend(more),
            Err(failure) if failed.kind() == Kind::NoAddress => failed = failure.clone(),
            Err(_) => {}
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        Err(failed)
    } else {
        Ok(addresses)
    }
}

/// What the measurement itself suffered from.
fn limits(rows: &[&Row], context: &Context, complete: bool, whats: &mut Vec<What>) {
    let sum = |figure: fn(&Row) -> u64| rows.iter().map(|row| figure(row)).sum::<u64>();
    let unfinished = sum(|row| row.ranked.stats.unfinished());
    if !complete || unfinished > 0 {
        whats.push(What::Unfinished {
            attempts: unfinished,
        });
    }
    let attempts = sum(|row| row.ranked.stats.attempts());
    let delayed = sum(|row| row.ranked.stats.locally_delayed());
    // One in ten is what any busy desktop shows.
    if delayed * 10 > attempts {
        let ratio = delayed as f64 / attempts as f64;
        whats.push(What::LocallyDelayed { ratio });
    }
    let crowded = rows.iter().filter(|row| row.ranked.stats.left_out() > 0);
    if let Some(most) = crowded.clone().map(|row| row.ranked.stats.left_out()).max() {
        let hosts = hosts(crowded.copied()).into_iter().map(str::to_owned);
        whats.push(What::AddressesLeftOut {
            hosts: hosts.collect(),
            most,
        });
    }
    whats.extend(behind_proxy(rows, context));
    if context.environment.lab.is_none() {
        let mut addresses: Vec<IpAddr> = rows
            .iter()
            .filter(|row| host_findings::is_public(row, context))
            .flat_map(|row| row.ranked.stats.addresses())
            .filter(|one| one.successes() > 0)
            .map(|one| one.address().ip())
            .filter(|ip| is_local(*ip))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        if !addresses.is_empty() {
            whats.push(What::LocalProxy { addresses });
        }
    }
}

/// That a proxy stands between, and before how many hosts.
fn behind_proxy(rows: &[&Row], context: &Context) -> Option<What> {
    let proxy = context.environment.proxy.as_ref()?;
    let (behind, past): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| through_proxy(row, context));
    let behind = behind.into_iter();
    let behind = behind.filter(|row| row.ranked.stats.successes() > 0);
    let hosts_behind = hosts(behind).len();
    (hosts_behind > 0).then(|| What::ThroughProxy {
        proxy: proxy.to_string(),
        hosts: hosts_behind,
        past: hosts(past).len(),
    })
}

/// What must be known to read the report.
fn notes(groups: &[Group], rows: &[&Row], context: &Context, whats: &mut Vec<What>) {
    for note in &context.notes {
        if let Note::NonePublished { region, service } = note {
            whats.push(What::NonePublished {
                region: region.clone(),
                service: *service,
            });
        }
    }
    if groups
        .iter()
        .any(|group| group.residency == Residency::mainland_pool())
    {
        whats.push(What::Pool);
    }
    if groups.iter().any(|group| group.service.is_mini_program()) {
        whats.push(What::MiniProgram);
    }
    let urls = rows
        .iter()
        .filter(|row| row.ranked.endpoint().confidence() == Confidence::Inferred)
        .filter(|row| row.ranked.tier != Tier::Ready)
        .count();
    if urls > 0 {
        whats.push(What::Inferred { urls });
    }
    whats.push(What::NotComparable);
}
