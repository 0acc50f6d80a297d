//! Which host stands before which, by reports from one or several places.

use std::collections::{BTreeMap, BTreeSet};

use easelect::{Service, Tier};

use super::read::{Dialled, Host, Place};
use crate::figures::millis;
use crate::model::{EndpointModel, Model};

/// What an official SDK waits for a host that doesn't answer, in milliseconds, before it dials the next:
/// Web 4 10.03 s, Web 5 10 s (docs/official-sdks.md).
const SDK_WAITS: f64 = 10_000.0;

/// What one of a host's addresses that never answers costs whoever has another, in milliseconds: so long
/// clients wait before they dial the next address (RFC 8305 §8).
const NEXT_ADDRESS: f64 = 250.0;

/// So much cheaper a host must be to pass another: a report orders by no less either.
const WORTH_MOVING: f64 = 0.10;

/// Of so many places the figure of a host holds. The mean follows one bad place, the median says nothing of
/// half of them.
const OF_PLACES: f64 = 0.75;

/// What is known of a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// It is not encrypted: no measurement can be of it.
    Unencrypted,
    /// Nor of this: it names no host, or its port or name can be none.
    NoHost,
    /// No report has it.
    Unmeasured,
    /// Not every report that has others of its section has it.
    InSome,
    /// It is not of one data centre alone.
    Ambiguous,
    Measured(Standing),
}

/// How a host stands over all places.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) region: String,
    /// In how many places it was measured.
    pub(super) places: usize,
    /// In how many of them it was never reached.
    pub(super) unreachable: usize,
    /// In how many it answered, but not as it should.
    pub(super) answering: usize,
    /// What dialling it costs where it works, in milliseconds: a value that [`OF_PLACES`] don't exceed.
    pub(super) cost: f64,
    /// Failed attempts, and all, at addresses that work.
    pub(super) failed: [u64; 2],
    /// Whether an address of it never answered where another did.
    pub(super) dead_addresses: bool,
}

impl Known {
    pub(super) fn is_measured(&self) -> bool {
        self.standing().is_some()
    }

    /// Whether it was reached in a place.
    pub(super) fn is_reached(&self) -> bool {
        self.standing().is_some_and(|one| !one.is_dead())
    }

    /// Whether it could be measured, and can't be compared.
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
    /// Whether it was reached nowhere.
    pub(super) fn is_dead(&self) -> bool {
        self.unreachable == self.places
    }

    /// A host that is unreachable somewhere costs people there 10 s, more than hosts differ by.
    fn rank(&self) -> (usize, usize) {
        (self.unreachable, self.answering)
    }
}

/// What one report says of one place.
#[derive(Clone, Debug)]
struct One {
    report: usize,
    region: String,
    tier: Tier,
    cost: f64,
    failed: [u64; 2],
    dead_addresses: bool,
}

/// What all reports say of the list's hosts.
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
            // Where nothing was reached, the network was down: that says nothing of a host.
            if known.iter().all(|(_, one)| one.tier == Tier::Unreachable) && reports.len() > 1 {
                set_aside += 1;
                continue;
            }
            for (place, one) in known {
                let all = seen.get_mut(&place).filter(|all| {
                    // The first of an address in a report: the same may stand under another service.
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

    /// How many reports count.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// How many reports reached no host of the list.
    pub(super) fn set_aside(&self) -> usize {
        self.set_aside
    }

    /// What is known of each host of a section. Hosts are compared where the same reports have them: who was
    /// measured on a fast network alone would seem fast.
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

    /// The reports in which this host is.
    fn reports(&self, host: &Host) -> impl Iterator<Item = usize> {
        let all = host.place.as_ref().and_then(|place| self.hosts.get(place));
        all.into_iter().flatten().map(|one| one.report)
    }
}

/// What a report says of an endpoint that was tried.
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
    // What was tried where it may work.
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

/// The value that [`OF_PLACES`] don't exceed; 0 of none.
fn quantile(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * OF_PLACES).ceil() as usize;
    values.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The hosts of a section in their new order, by their old places. Who was reached nowhere goes to the end;
/// the others of one data centre change places among each other; everybody else stays.
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

/// The best first. Of those that cost about the same as the best of them, the one that stood first.
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
