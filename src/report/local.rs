//! Findings about particular hosts and addresses, where others work.

use std::net::SocketAddr;

use super::diagnosis::{failures, is_impostor, verified};
use super::finding::What;
use super::{Context, Row};
use crate::catalog::Confidence;
use crate::failure::{Failure, FailureKind as Kind};
use crate::phase::Phase;
use crate::rank::{Reason, Tier};
use crate::resolve::is_local;
use crate::stats::AddressStats;

pub(super) fn findings(rows: &[&Row], context: &Context) -> Vec<What> {
    let mut whats = Vec::new();
    let hijacked = hijacked(rows, context);
    let suspected: Vec<String> = match &hijacked {
        Some(What::Hijack { hosts, .. }) => hosts.clone(),
        _ => Vec::new(),
    };
    whats.extend(hijacked);
    let ipv6 = ipv6(rows);
    let v6_explained = ipv6.is_some();
    whats.extend(ipv6);
    let is_suspected = |row: &Row| suspected.iter().any(|h| h == row.ranked.endpoint().host());
    down(rows, &is_suspected, &mut whats);
    for row in rows.iter().filter(|row| row.ranked.tier == Tier::Ready) {
        if !is_suspected(row) {
            dead_addresses(row, v6_explained, &mut whats);
        }
        fails_sometimes(row, &mut whats);
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

/// Whether a host is published, and not pinned to an address by the user: what answers for it
/// then must be it.
pub(super) fn is_public(row: &Row, context: &Context) -> bool {
    let endpoint = row.ranked.endpoint();
    let pinned = &context.environment.pinned;
    endpoint.confidence() != Confidence::User && !pinned.iter().any(|host| host == endpoint.host())
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

/// Endpoints that aren't ready, grouped by what is wrong with them.
fn down(rows: &[&Row], is_suspected: &dyn Fn(&Row) -> bool, whats: &mut Vec<What>) {
    let mut groups: Vec<(Failure, Vec<String>)> = Vec::new();
    for row in rows {
        let (Reason::Answers(failure) | Reason::Fails(failure)) = &row.ranked.reason else {
            continue;
        };
        if is_suspected(row) && !verified(row) {
            continue;
        }
        let key = |one: &Failure| (one.phase(), one.kind(), one.status(), one.not_after());
        let url = row.ranked.endpoint().url().to_owned();
        match groups.iter_mut().find(|(one, _)| key(one) == key(failure)) {
            Some((_, urls)) => urls.push(url),
            None => groups.push((failure.clone(), vec![url])),
        }
    }
    for (failure, urls) in groups {
        whats.push(match (failure.kind(), failure.status()) {
            (Kind::CertificateExpired, _) => What::CertificateExpired { urls, failure },
            // Gone, not there, not for this method: all that a wrong path is answered with.
            (Kind::Rejected, Some(404 | 405 | 410)) => What::PathWrong { urls, failure },
            _ => What::EndpointDown { urls, failure },
        });
    }
}

/// Addresses that never work, of an endpoint that does at others.
fn dead_addresses(row: &Row, v6_explained: bool, whats: &mut Vec<What>) {
    let dead: Vec<&AddressStats> = row
        .ranked
        .stats
        .addresses()
        .iter()
        .filter(|one| one.attempts() > 0 && one.successes() == 0)
        .filter(|one| !(v6_explained && one.address().is_ipv6()))
        .collect();
    let first = dead.iter().flat_map(|one| one.failures()).next();
    if let Some(first) = first {
        let addresses: Vec<SocketAddr> = dead.iter().map(|one| one.address()).collect();
        whats.push(What::AddressDown {
            url: row.ranked.endpoint().url().to_owned(),
            addresses,
            failure: first.failure.clone(),
        });
    }
}

/// Addresses that work, but not each time.
fn fails_sometimes(row: &Row, whats: &mut Vec<What>) {
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
        .max_by_key(|one| one.count);
    if let (Some(worst), true) = (worst, failed > 0) {
        whats.push(What::FailsSometimes {
            url: row.ranked.endpoint().url().to_owned(),
            ratio: failed as f64 / attempts as f64,
            failure: worst.failure.clone(),
        });
    }
}
