//! Findings about particular hosts and addresses, where others work.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use easelect::{
    AddressStats, Certificate, Confidence, Endpoint, Failure, FailureCount, FailureKind as Kind,
    Phase, Reason, Region, Tier, is_local,
};

use super::figures::percent;
use super::finding::What;
use super::network_findings::{domain, failures, is_impostor, through_proxy, verified};
use super::{Context, Row};

pub(super) fn findings(rows: &[&Row], context: &Context) -> Vec<What> {
    let mut whats = Vec::new();
    whats.extend(clock(rows));
    let hijacked = hijacked(rows, context);
    let suspected: Vec<String> = match &hijacked {
        Some(What::Hijack { hosts, .. }) => hosts.clone(),
        _ => Vec::new(),
    };
    whats.extend(hijacked);
    let direct: Vec<&Row> = rows
        .iter()
        .copied()
        .filter(|row| !through_proxy(row, context))
        .collect();
    let ipv6 = ipv6(&direct);
    let v6_explained = ipv6.is_some();
    whats.extend(ipv6);
    let is_suspected = |row: &Row| suspected.iter().any(|h| h == row.ranked.endpoint().host());
    down(rows, &is_suspected, &mut whats);
    whats.extend(expire_soon(rows, context));
    let ready = || rows.iter().filter(|row| row.ranked.tier == Tier::Ready);
    let unsuspected = ready().filter(|row| !is_suspected(row));
    let dead = unsuspected.flat_map(|row| dead_addresses(row, v6_explained));
    let dead = alike(dead).into_iter();
    whats.extend(dead.map(|(failure, places)| What::AddressDown { places, failure }));
    let flaky = alike(ready().filter_map(|row| fails_sometimes(row))).into_iter();
    whats.extend(flaky.map(|(failure, urls)| What::FailsSometimes { urls, failure }));
    for row in ready() {
        let (endpoint, stats) = (row.ranked.endpoint(), &row.ranked.stats);
        if stats.path() != endpoint.path() {
            whats.push(What::AlternatePath {
                url: endpoint.url().to_owned(),
                works: endpoint.url_with(stats.path()),
            });
        }
    }
    whats
}

/// What failed in the same way, together.
fn alike(failed: impl Iterator<Item = (Failure, String)>) -> Vec<(Failure, Vec<String>)> {
    let key = |one: &Failure| (one.phase(), one.kind(), one.status(), one.not_after());
    let mut groups: Vec<(Failure, Vec<String>)> = Vec::new();
    for (failure, what) in failed {
        match groups.iter_mut().find(|(one, _)| key(one) == key(&failure)) {
            Some((_, all)) => all.push(what),
            None => groups.push((failure, vec![what])),
        }
    }
    groups
}

/// Whether a host is published, and neither pinned to an address by the user nor behind a proxy:
/// what answers at its addresses then must be it.
pub(super) fn is_public(row: &Row, context: &Context) -> bool {
    let endpoint = row.ranked.endpoint();
    let pinned = &context.environment.pinned;
    endpoint.confidence() != Confidence::User
        && !pinned.iter().any(|host| host == endpoint.host())
        && !through_proxy(row, context)
}

/// Published hosts whose name leads to something that isn't them.
fn hijacked(rows: &[&Row], context: &Context) -> Option<What> {
    let (mut hosts, mut addresses): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut add = |host: &str, address: String| {
        if !hosts.iter().any(|one| one == host) {
            hosts.push(host.to_owned());
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    };
    for row in rows.iter().filter(|row| is_public(row, context)) {
        let host = row.ranked.endpoint().host();
        for one in row.ranked.stats.addresses() {
            let impostor = one
                .failures()
                .iter()
                .any(|f| is_impostor(&f.failure) && f.failure.kind() != Kind::Redirected);
            let lab = context.environment.lab.is_some();
            let misled = !lab && is_local(one.address().ip());
            if one.successes() == 0 && (impostor || misled) {
                add(host, one.address().ip().to_string());
            }
        }
        for failure in failures(row) {
            if failure.kind() == Kind::BogusAddress && row.ranked.tier != Tier::Ready {
                let address = failure.message().unwrap_or("?");
                add(host, super::texts::shown(address, 60));
            }
        }
    }
    (!hosts.is_empty()).then_some(What::Hijack { hosts, addresses })
}

/// One address for hosts of several data centres, or of both of Easemob's domains, of which none
/// proved its identity there: what a resolver that blocks or redirects answers for every name.
pub(super) fn one_address(rows: &[&Row], context: &Context) -> Option<What> {
    let public = || rows.iter().filter(|row| is_public(row, context));
    let all = public().flat_map(|row| row.ranked.stats.addresses());
    let proven: BTreeSet<IpAddr> = all
        .clone()
        .filter(|one| one.successes() > 0 || one.failures().iter().any(proves))
        .map(|one| one.address().ip())
        .collect();
    let candidates: BTreeSet<IpAddr> = all.map(|one| one.address().ip()).collect();
    candidates.difference(&proven).find_map(|ip| {
        let at = |one: &AddressStats| one.address().ip() == *ip;
        let there = public().filter(|row| row.ranked.stats.addresses().iter().any(at));
        let endpoints: Vec<&Endpoint> = there.map(|row| row.ranked.endpoint()).collect();
        let regions: BTreeSet<&Region> = endpoints.iter().map(|one| one.region()).collect();
        let domains: BTreeSet<&str> = endpoints.iter().map(|one| domain(one.host())).collect();
        let hosts: BTreeSet<&str> = endpoints.iter().map(|one| one.host()).collect();
        (regions.len() >= 2 || domains.len() >= 2).then(|| What::OneAddress {
            hosts: hosts.into_iter().map(str::to_owned).collect(),
            address: *ip,
        })
    })
}

/// Whether a failure came after the host had proved its identity.
fn proves(count: &FailureCount) -> bool {
    count.failure.phase() > Phase::Tls
}

/// IPv6 addresses that all fail, while IPv4 addresses of the same hosts work.
fn ipv6(rows: &[&Row]) -> Option<What> {
    let both = |row: &&&Row| {
        let works = |one: &AddressStats| one.address().is_ipv4() && one.successes() > 0;
        row.ranked.stats.addresses().iter().any(works)
    };
    let is_v6 = |one: &&AddressStats| one.address().is_ipv6() && one.attempts() > 0;
    let every: Vec<&AddressStats> = rows
        .iter()
        .flat_map(|row| row.ranked.stats.addresses())
        .filter(is_v6)
        .collect();
    let comparable = rows
        .iter()
        .filter(both)
        .flat_map(|row| row.ranked.stats.addresses())
        .filter(is_v6)
        .count();
    if comparable == 0 || every.iter().any(|one| one.successes() > 0) {
        return None;
    }
    let kinds = || {
        every
            .iter()
            .flat_map(|one| one.failures())
            .map(|f| &f.failure)
    };
    if kinds().any(|failure| failure.phase() > Phase::Tls) {
        return None;
    }
    if kinds().all(|failure| failure.kind() == Kind::Unreachable) {
        return Some(What::Ipv6Absent);
    }
    Some(What::Ipv6Broken {
        addresses: every.len(),
    })
}

/// Endpoints that aren't ready, together where the same is wrong with them.
fn down(rows: &[&Row], is_suspected: &dyn Fn(&Row) -> bool, whats: &mut Vec<What>) {
    let failed = rows.iter().filter_map(|row| match &row.ranked.reason {
        Reason::Answers(failure) | Reason::Fails(failure)
            if verified(row) || !is_suspected(row) =>
        {
            Some((failure.clone(), row.ranked.endpoint().url().to_owned()))
        }
        _ => None,
    });
    for (failure, urls) in alike(failed) {
        whats.push(match (failure.kind(), failure.status()) {
            (Kind::CertificateExpired, _) => What::CertificateExpired { urls, failure },
            // Gone, not there, not for this method: all that a wrong path is answered with.
            (Kind::Rejected, Some(404 | 405 | 410)) => What::PathWrong { urls, failure },
            _ => What::EndpointDown { urls, failure },
        });
    }
}

/// When the first of the certificates expires that were accepted at its addresses.
pub(super) fn first_to_expire(row: &Row) -> Option<SystemTime> {
    let addresses = row.ranked.stats.addresses().iter();
    let accepted = addresses.filter(|one| one.successes() > 0);
    let ends = accepted.filter_map(|one| Some(one.chain()?.first_to_expire().1.not_after));
    ends.min()
}

/// Authorities renew 30 days before the end (Let's Encrypt's advice): what has two weeks left was
/// forgotten.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Endpoints that work with a certificate that will soon have expired.
fn expire_soon(rows: &[&Row], context: &Context) -> Option<What> {
    let soon = |row: &&Row| {
        let end = first_to_expire(row)?;
        (end < context.finished_at + SOON).then(|| (end, row.ranked.endpoint().url().to_owned()))
    };
    let soon: Vec<(SystemTime, String)> = rows.iter().filter_map(soon).collect();
    let ends = soon.iter().map(|(end, _)| *end).min()?;
    let urls = soon.into_iter().map(|(_, url)| url).collect();
    Some(What::CertificateExpiresSoon { urls, ends })
}

/// Several certificates are out of date by this machine's clock, no fewer than are good, and there
/// is a moment at which all would be: more likely one clock is wrong than several certificates.
fn clock(rows: &[&Row]) -> Option<What> {
    let stats = || rows.iter().map(|row| (row, row.ranked.stats.addresses()));
    let shown = || {
        let addresses = stats().flat_map(|(_, addresses)| addresses);
        addresses.filter_map(|one| Some((one.successes() > 0, one.chain()?.own())))
    };
    let begin = shown().map(|(_, one)| one.not_before).max()?;
    let end = shown().map(|(_, one)| one.not_after).min()?;
    let good = shown().filter(|(good, _)| *good);
    let good: BTreeSet<SystemTime> = good.map(|(_, one)| one.not_after).collect();
    let out_of_date = |kind: Kind, date: fn(&Certificate) -> SystemTime| {
        let (mut dates, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for (row, addresses) in stats() {
            let failures = addresses.iter().flat_map(AddressStats::failures);
            let these = failures.filter(|one| one.failure.kind() == kind);
            for refused in these.filter_map(|one| one.failure.certificate()) {
                // One certificate may serve many hosts.
                dates.insert(date(refused));
                hosts.insert(row.ranked.endpoint().host());
            }
        }
        (dates.len() >= 2 && dates.len() >= good.len()).then_some(hosts.len())
    };
    if begin >= end {
        return None;
    }
    let slow = out_of_date(Kind::CertificateNotYetValid, |one| one.not_before);
    let (hosts, slow) = match slow {
        Some(hosts) => (hosts, true),
        None => {
            let fast = out_of_date(Kind::CertificateExpired, |one| one.not_after);
            (fast?, false)
        }
    };
    Some(What::ClockWrong { hosts, slow })
}

/// Addresses that never work, of an endpoint that does at others.
fn dead_addresses(row: &Row, v6_explained: bool) -> Vec<(Failure, String)> {
    let stats = &row.ranked.stats;
    stats
        .addresses()
        .iter()
        .filter(|one| one.attempts() > 0 && one.successes() == 0)
        .filter(|one| !(v6_explained && one.address().is_ipv6()))
        .filter_map(|one| {
            let failure = one.failures().first()?.failure.clone();
            let (url, ip) = (row.ranked.endpoint().url(), one.address().ip());
            Some((failure, format!("{url} @ {ip}")))
        })
        .collect()
}

/// Whether addresses that work don't each time; the most frequent failure, and the ratio.
fn fails_sometimes(row: &Row) -> Option<(Failure, String)> {
    let working = || {
        let addresses = row.ranked.stats.addresses().iter();
        addresses.filter(|one| one.successes() > 0)
    };
    let attempts: u64 = working().map(AddressStats::attempts).sum();
    let failed: u64 = working().map(|one| one.attempts() - one.successes()).sum();
    let worst = working()
        .flat_map(AddressStats::failures)
        // An alternate path that works makes the first refusal no failure.
        .filter(|one| !(one.failure.is_answer() && one.count == 1))
        .max_by_key(|one| one.count)?;
    let ratio = percent(failed as f64 / attempts as f64);
    let url = row.ranked.endpoint().url();
    Some((worst.failure.clone(), format!("{url} ({ratio})")))
}
