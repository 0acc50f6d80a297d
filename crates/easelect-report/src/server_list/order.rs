//! The order of hosts, by reports from one or several places.

use std::collections::{BTreeMap, BTreeSet};

use easelect::{Service, Tier};

use super::read::{Dialled, Host, Place};
use crate::figures::millis;
use crate::model::{EndpointModel, Model};

/// How long an official SDK waits for a silent host before it dials the next, in milliseconds: Web 4 10.03 s
/// (measured), Web 5 10 s (docs/official-sdks.md).
const SDK_WAITS: f64 = 10_000.0;

/// The cost of an address that never answers, if the host has another one, in milliseconds: the time that
/// clients wait before they dial the next address (RFC 8305 §8).
const NEXT_ADDRESS: f64 = 250.0;

/// How much cheaper a host must be to move before another, as a ratio.
const WORTH_MOVING: f64 = 0.10;

/// The quantile over places that represents a host. A mean would follow one bad place, and a median would
/// ignore half of the places.
const OF_PLACES: f64 = 0.75;

/// The knowledge about a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// It is not encrypted, so no measurement covers it.
    Unencrypted,
    /// It names no host, or its name or port is invalid.
    NoHost,
    /// No report has it.
    Unmeasured,
    /// Some reports with other hosts of its section and data centre lack it.
    InSome,
    /// Reports assign it to different data centres.
    Ambiguous,
    Measured(Standing),
}

/// The results of a host over all places.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) region: String,
    /// The number of places in which it was measured.
    pub(super) places: usize,
    /// The number of places in which it was never reached.
    pub(super) unreachable: usize,
    /// The number of places in which it answered, but not as an endpoint should.
    pub(super) answering: usize,
    /// The cost of dialling it where it works, in milliseconds: the [`OF_PLACES`] quantile over places.
    pub(super) cost: f64,
    /// The number of failed attempts and of all attempts, at addresses that work.
    pub(super) failed: [u64; 2],
    /// Whether one of its addresses never answered.
    pub(super) dead_addresses: bool,
}

impl Known {
    pub(super) fn is_measured(&self) -> bool {
        self.standing().is_some()
    }

    /// Whether it was reached in any place.
    pub(super) fn is_reached(&self) -> bool {
        self.standing().is_some_and(|one| !one.is_dead())
    }

    /// Whether it could be measured, but can't be compared.
    pub(super) fn is_unordered(&self) -> bool {
        matches!(self, Known::Unmeasured | Known::InSome | Known::Ambiguous)
    }

    fn standing(&self) -> Option<&Standing> {
        match self {
            Known::Measured(standing) => Some(standing),
            _ => None,
        }
    }
}

impl Standing {
    /// Whether it was not reached in any place.
    pub(super) fn is_dead(&self) -> bool {
        self.unreachable == self.places
    }

    /// What counts before the cost: a host that is unreachable in some place costs its users 10 s there, far
    /// more than hosts differ by.
    fn rank(&self) -> (usize, usize) {
        (self.unreachable, self.answering)
    }
}

/// The result of a host in one report.
#[derive(Clone, Debug)]
struct One {
    report: usize,
    region: String,
    tier: Tier,
    cost: f64,
    failed: [u64; 2],
    dead_addresses: bool,
}

/// The results of the list's hosts in all reports.
#[derive(Debug)]
pub(super) struct Seen {
    hosts: BTreeMap<Place, Vec<One>>,
    places: usize,
    set_aside: usize,
}

impl Seen {
    pub(super) fn of<'a>(reports: &[Model], hosts: impl Iterator<Item = &'a Host>) -> Self {
        let mut seen: BTreeMap<Place, Vec<One>> = { hosts }
            .filter_map(|host| Some((host.place.clone()?, Vec::new())))
            .collect();
        let mut set_aside = 0;
        for (report, model) in reports.iter().enumerate() {
            let endpoints = model.groups.iter().flat_map(|group| &group.endpoints);
            let known: Vec<(Place, One)> = endpoints
                .filter_map(|endpoint| one(report, endpoint))
                .filter(|(place, _)| seen.contains_key(place))
                .collect();
            // If no host was reached, the network was down: the report says nothing about the hosts.
            if known.iter().all(|(_, one)| one.tier == Tier::Unreachable) && reports.len() > 1 {
                set_aside += 1;
                continue;
            }
            for (place, one) in known {
                let all = seen.get_mut(&place).filter(|all| {
                    // The first row of a place in a report: another service may have the same place.
                    all.last().is_none_or(|last| last.report != report)
                });
                if let Some(all) = all {
                    all.push(one);
                }
            }
        }
        Seen {
            hosts: seen,
            places: reports.len() - set_aside,
            set_aside,
        }
    }

    /// The number of reports that count.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// The number of reports that reached no host of the list.
    pub(super) fn set_aside(&self) -> usize {
        self.set_aside
    }

    /// The knowledge about each host of a section. Hosts are compared only if the same reports have them: a
    /// host measured only on a fast network would seem fast.
    pub(super) fn known(&self, hosts: &[Host]) -> Vec<Known> {
        let mut known: Vec<Known> = hosts.iter().map(|host| self.of_one(host)).collect();
        let mut in_any: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (host, known) in hosts.iter().zip(&known) {
            if let Some(standing) = known.standing() {
                let region = in_any.entry(standing.region.clone()).or_default();
                region.extend(self.reports(host));
            }
        }
        for known in &mut known {
            let everywhere = |one: &Standing| in_any[&one.region].len() == one.places;
            if known.standing().is_some_and(|one| !everywhere(one)) {
                *known = Known::InSome;
            }
        }
        known
    }

    fn of_one(&self, host: &Host) -> Known {
        let Some(place) = &host.place else {
            return match host.dialled {
                Dialled::Plain => Known::Unencrypted,
                _ => Known::NoHost,
            };
        };
        let all = self.hosts.get(place).map_or(&[][..], Vec::as_slice);
        let Some(first) = all.first() else {
            return Known::Unmeasured;
        };
        if all.iter().any(|one| one.region != first.region) {
            return Known::Ambiguous;
        }
        let count = |tier| all.iter().filter(|one| one.tier == tier).count();
        let mut costs: Vec<f64> = (all.iter())
            .filter(|one| one.tier == Tier::Ready)
            .map(|one| one.cost)
            .collect();
        Known::Measured(Standing {
            region: first.region.clone(),
            places: all.len(),
            unreachable: count(Tier::Unreachable),
            answering: count(Tier::Answering),
            cost: quantile(&mut costs),
            failed: [0, 1].map(|which| {
                let counts = all.iter().map(|one| one.failed[which]);
                counts.fold(0, u64::saturating_add)
            }),
            dead_addresses: all.iter().any(|one| one.dead_addresses),
        })
    }

    /// The reports that have this host.
    fn reports(&self, host: &Host) -> impl Iterator<Item = usize> {
        let all = host.place.as_ref().and_then(|place| self.hosts.get(place));
        all.into_iter().flatten().map(|one| one.report)
    }
}

/// The result of an endpoint in a report, if it was tried.
fn one(report: usize, endpoint: &EndpointModel) -> Option<(Place, One)> {
    let service: Service = endpoint.service.parse().ok()?;
    let untried = endpoint.attempts == 0 && endpoint.failures.is_empty();
    if untried || service == Service::Legacy {
        return None;
    }
    let rest = !service.is_websocket();
    let (host, port) = match endpoint.authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.contains(']') => (host, port.parse().ok()?),
        _ => (endpoint.authority.as_str(), 443),
    };
    let place = Place::of(host.trim_matches(['[', ']']), port, rest)?;
    let tier = match endpoint.tier.as_str() {
        "ready" => Tier::Ready,
        "answering" => Tier::Answering,
        _ => Tier::Unreachable,
    };
    let median = endpoint.total_ms.as_ref().map_or(0.0, |total| total.p50);
    let addresses = endpoint.addresses.iter();
    let dead = addresses.filter(|one| one.successes == 0 && one.attempts > 0);
    let at_dead = dead.fold(0, |all, one| one.attempts.saturating_add(all));
    // Attempts at addresses that may work.
    let tried = endpoint.attempts.saturating_sub(at_dead);
    let failed = tried.saturating_sub(endpoint.successes);
    let mut cost = millis(median).as_secs_f64() * 1000.0;
    if at_dead > 0 {
        cost += NEXT_ADDRESS;
    }
    cost += failed as f64 / tried.max(1) as f64 * SDK_WAITS;
    let one = One {
        report,
        region: endpoint.region.clone(),
        tier,
        cost,
        failed: [failed, tried],
        dead_addresses: at_dead > 0,
    };
    Some((place, one))
}

/// The [`OF_PLACES`] quantile; 0 of no values.
fn quantile(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * OF_PLACES).ceil() as usize;
    values.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The new order of a section, as a list of old places. Hosts that were reached nowhere go to the end. Other
/// measured hosts of one data centre swap places among themselves. The rest keep their places.
pub(super) fn order(known: &[Known]) -> Vec<usize> {
    let is_dead = |index: &usize| known[*index].standing().is_some_and(Standing::is_dead);
    let (dead, mut order): (Vec<usize>, Vec<usize>) = (0..known.len()).partition(is_dead);
    let standing = |index: usize| known[index].standing();
    let regions: BTreeSet<&str> = (known.iter())
        .filter_map(|one| Some(one.standing()?.region.as_str()))
        .collect();
    for region in regions {
        let is_of = |index: usize| standing(index).is_some_and(|one| one.region == region);
        let slots: Vec<usize> = (0..order.len())
            .filter(|slot| is_of(order[*slot]))
            .collect();
        let hosts = slots.iter().map(|slot| order[*slot]);
        let hosts = hosts
            .filter_map(|host| Some((host, standing(host)?)))
            .collect();
        for (slot, host) in slots.into_iter().zip(best_first(hosts)) {
            order[slot] = host;
        }
    }
    order.extend(dead);
    order
}

/// Best first. Hosts that cost about the same as the best of them stay in their old order.
fn best_first(mut hosts: Vec<(usize, &Standing)>) -> Vec<usize> {
    let by_cost = |a: &Standing, b: &Standing| {
        let cost = a.cost.total_cmp(&b.cost);
        a.rank().cmp(&b.rank()).then(cost)
    };
    hosts.sort_by(|(_, a), (_, b)| by_cost(a, b));
    let alike = |best: &Standing, one: &Standing| {
        best.rank() == one.rank() && one.cost * (1.0 - WORTH_MOVING) <= best.cost
    };
    let mut order = Vec::new();
    let mut rest = hosts.as_slice();
    while let [(_, best), ..] = rest {
        let count = rest.iter().take_while(|(_, one)| alike(best, one)).count();
        let (band, others) = rest.split_at(count.max(1));
        let mut band: Vec<usize> = band.iter().map(|(index, _)| *index).collect();
        band.sort_unstable();
        order.extend(band);
        rest = others;
    }
    order
}
