//! The joint distribution of x of a network's candidates: what one shows says something about the
//! others.
//!
//! ```text
//! x  =  network + host + address (+ IPv6)
//! ```
//!
//! Each part is an Ornstein-Uhlenbeck process: without measurements its mean fades to zero and its
//! variance grows to that of an unseen one. Candidates that share parts are alike in them. So one SYN
//! tells something about a host's other addresses, and about all candidates if the access link is slow.
//! All parts have one covariance matrix (a standard Kalman filter). A network of 12 candidates has
//! about 18 parts.
//!
//! A prior changes only the expectation of the network and its hosts while unseen. So it counts once,
//! in whatever order parts are added.

use std::net::SocketAddr;

use crate::id::{CandidateId, HostId};
use crate::priors::Unknown;
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place};

/// x of an unseen network: 50 ms.
const MEAN: f64 = 3.912_023_005_428_146;

/// The variance of one kind of part, in ln ms, and the hours after which an unmeasured one has faded by
/// a factor of e.
#[derive(Clone, Copy, Debug)]
struct Spread {
    variance: f64,
    life_hours: f64,
}

/// Networks differ by a factor of 1.8 and hardly change.
const NETWORK: Spread = Spread {
    variance: 0.36,
    life_hours: 2_400.0,
};
/// Hosts differ by a factor of 1.6, by location, routes, load and time of day.
const HOST: Spread = Spread {
    variance: 0.23,
    life_hours: 36.0,
};
/// Addresses of one host differ by 25 %.
const ADDRESS: Spread = Spread {
    variance: 0.05,
    life_hours: 36.0,
};
/// IPv6 differs from IPv4 by 22 %, for all hosts alike.
const V6: Spread = Spread {
    variance: 0.04,
    life_hours: 270.0,
};

/// The expectations that a prior replaces.
pub(super) const UNKNOWN: Unknown = Unknown {
    mean: MEAN,
    network: NETWORK.variance,
    host: HOST.variance,
};

/// The most candidates in the joint state: 160 of as many hosts take 400 kB.
const MOST_MEMBERS: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Network,
    V6,
    Host(HostId),
    Address(SocketAddr),
}

impl Part {
    fn spread(self) -> Spread {
        match self {
            Part::Network => NETWORK,
            Part::V6 => V6,
            Part::Host(_) => HOST,
            Part::Address(_) => ADDRESS,
        }
    }

    /// The share of its mean that remains after this many hours.
    fn kept(self, hours: f64) -> f64 {
        (-hours / self.spread().life_hours).exp()
    }
}

/// The indices of the parts of one candidate's x.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Member {
    places: [usize; 4],
    count: usize,
}

impl Member {
    fn places(&self) -> &[usize] {
        &self.places[..self.count]
    }
}

/// What is known of x of all candidates of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Joint {
    parts: Vec<Part>,
    /// How far each differs from its expectation while unseen.
    means: Vec<f64>,
    /// The lower triangle, row by row.
    covariances: Vec<f64>,
    /// By candidate.
    members: Vec<Option<Member>>,
    at: Timestamp,
    /// What a prior expects of unseen parts.
    foretold: Vec<(Part, Belief)>,
}

impl Joint {
    /// The state before any measurement, on a network with this expectation.
    pub(super) fn of_network(expected: Belief) -> Self {
        let network = Belief {
            mean: expected.mean - MEAN,
            ..expected
        };
        Joint {
            foretold: vec![(Part::Network, network)],
            ..Joint::default()
        }
    }

    /// Sets how far a host differs from its network according to a prior; to be called before the host
    /// is added.
    pub(super) fn foretell(&mut self, host: HostId, expected: Belief) {
        let part = Part::Host(host);
        if self.foretold.iter().all(|(one, _)| *one != part) {
            self.foretold.push((part, expected));
        }
    }

    /// The expectation of an unseen part.
    fn unseen(&self, part: Part) -> Belief {
        let foretold = self.foretold.iter().find(|(one, _)| *one == part);
        foretold.map_or(
            Belief {
                mean: 0.0,
                variance: part.spread().variance,
            },
            |(_, expected)| *expected,
        )
    }

    /// The variance that a part gains while this share of its mean remains.
    fn grown(&self, part: Part, kept: f64) -> f64 {
        (1.0 - kept * kept) * self.unseen(part).variance
    }

    /// Adds a candidate. Returns false if it is there already or there is no room.
    pub(super) fn admit(&mut self, id: CandidateId, place: Place, address: SocketAddr) -> bool {
        let count = self.members.iter().flatten().count();
        if self.member(id).is_some() || count >= MOST_MEMBERS {
            return false;
        }
        let (all, count) = parts_of(place, address);
        let mut places = [0; 4];
        for (place, part) in places.iter_mut().zip(&all[..count]) {
            *place = self.place(*part);
        }
        if self.members.len() <= id.index() {
            self.members.resize(id.index() + 1, None);
        }
        self.members[id.index()] = Some(Member { places, count });
        true
    }

    /// The index of a part, which is added if missing.
    fn place(&mut self, part: Part) -> usize {
        if let Some(place) = self.find(part) {
            return place;
        }
        let place = self.parts.len();
        let variance = self.unseen(part).variance;
        self.parts.push(part);
        self.means.push(0.0);
        self.covariances.resize(self.covariances.len() + place, 0.0);
        self.covariances.push(variance);
        place
    }

    fn find(&self, part: Part) -> Option<usize> {
        self.parts.iter().position(|one| *one == part)
    }

    fn member(&self, id: CandidateId) -> Option<&Member> {
        self.members.get(id.index())?.as_ref()
    }

    /// Whether a candidate was added.
    #[inline]
    pub(super) fn knows(&self, id: CandidateId) -> bool {
        self.member(id).is_some()
    }

    /// Advances to `now`.
    pub(super) fn predict(&mut self, now: Timestamp) {
        let hours = self.hours(now);
        if hours <= 0.0 {
            return;
        }
        self.at = now;
        let kept: Vec<f64> = self.parts.iter().map(|part| part.kept(hours)).collect();
        let mut row = 0;
        for (place, own) in kept.iter().enumerate() {
            let grown = self.grown(self.parts[place], *own);
            self.means[place] *= own;
            for (covariance, other) in self.covariances[row..=row + place].iter_mut().zip(&kept) {
                *covariance *= own * other;
            }
            self.covariances[row + place] += grown;
            row += place + 1;
        }
    }

    fn hours(&self, now: Timestamp) -> f64 {
        now.since(self.at).as_secs_f64() / 3600.0
    }

    /// x of a candidate at a moment. For one that was not added, from the parts that it shares with
    /// others.
    pub(super) fn belief(
        &self,
        id: CandidateId,
        place: Place,
        address: SocketAddr,
        now: Timestamp,
    ) -> Belief {
        if let Some(member) = self.member(id) {
            return self.sum(member.places(), NOTHING, now);
        }
        let (all, count) = parts_of(place, address);
        let (mut places, mut known, mut rest) = ([0; 4], 0, NOTHING);
        for part in &all[..count] {
            match self.find(*part) {
                Some(place) => {
                    places[known] = place;
                    known += 1;
                }
                None => {
                    let unseen = self.unseen(*part);
                    rest.mean += unseen.mean;
                    rest.variance += unseen.variance;
                }
            }
        }
        self.sum(&places[..known], rest, now)
    }

    /// The sum of these parts at a moment, plus `unknown`.
    fn sum(&self, places: &[usize], unknown: Belief, now: Timestamp) -> Belief {
        let hours = self.hours(now);
        let kept = |place: usize| self.parts[place].kept(hours);
        let (mut mean, mut variance) = (MEAN + unknown.mean, unknown.variance);
        for (number, one) in places.iter().enumerate() {
            let own = kept(*one);
            let part = self.parts[*one];
            mean += self.unseen(part).mean + own * self.means[*one];
            variance += own * own * self.covariance(*one, *one) + self.grown(part, own);
            for other in &places[..number] {
                variance += 2.0 * own * kept(*other) * self.covariance(*one, *other);
            }
        }
        Belief {
            mean,
            variance: variance.max(LEAST_VARIANCE),
        }
    }

    fn covariance(&self, a: usize, b: usize) -> f64 {
        let (row, column) = (a.max(b), a.min(b));
        self.covariances[row * (row + 1) / 2 + column]
    }

    /// The covariance of x of two candidates; 0 if one of them was not added.
    pub(super) fn between(&self, a: CandidateId, b: CandidateId) -> f64 {
        let (Some(a), Some(b)) = (self.member(a), self.member(b)) else {
            return 0.0;
        };
        let pairs = a
            .places()
            .iter()
            .flat_map(|a| b.places().iter().map(move |b| (*a, *b)));
        pairs.map(|(a, b)| self.covariance(a, b)).sum()
    }

    /// Adds variance to a candidate and its host, because its route changed.
    pub(super) fn loosen(&mut self, id: CandidateId, variance: f64) {
        let Some(member) = self.member(id).copied() else {
            return;
        };
        for place in member.places() {
            if matches!(self.parts[*place], Part::Host(_) | Part::Address(_)) {
                self.covariances[place * (place + 3) / 2] += variance / 2.0;
            }
        }
    }

    /// Raises its variance to at least this, because what was learned about it alone was surprising.
    pub(super) fn doubt(&mut self, id: CandidateId, variance: f64) {
        let Some(member) = self.member(id) else {
            return;
        };
        let known = self.sum(member.places(), NOTHING, self.at).variance;
        self.loosen(id, (1.01 * variance - known).max(0.0));
    }

    /// Sets the state of one candidate to what is known of it alone; related candidates follow.
    pub(super) fn take(&mut self, id: CandidateId, known: Belief) {
        let Some(member) = self.member(id).copied() else {
            return;
        };
        let before = self.sum(member.places(), NOTHING, self.at);
        let gained = before.variance - known.variance;
        if gained <= 1e-9 {
            return;
        }
        // As if it had been measured with the variance that leads to `known`.
        let (mean, variance) = (known.mean - before.mean, before.variance * before.variance);
        let with = |place: usize| -> f64 {
            let shared = member.places().iter();
            shared.map(|own| self.covariance(place, *own)).sum()
        };
        let with: Vec<f64> = (0..self.parts.len()).map(with).collect();
        let mut row = 0;
        for (place, own) in with.iter().enumerate() {
            self.means[place] += own * mean / before.variance;
            let share = own * gained / variance;
            for (covariance, other) in self.covariances[row..=row + place].iter_mut().zip(&with) {
                *covariance -= share * other;
            }
            row += place + 1;
        }
    }
}

/// No part.
const NOTHING: Belief = Belief {
    mean: 0.0,
    variance: 0.0,
};

/// The least variance: rounding must not make it negative.
const LEAST_VARIANCE: f64 = 1e-4;

/// The parts of a candidate's x, and their number.
fn parts_of(place: Place, address: SocketAddr) -> ([Part; 4], usize) {
    let parts = [
        Part::Network,
        Part::Host(place.host),
        Part::Address(address),
        Part::V6,
    ];
    (parts, if place.v6 { 4 } else { 3 })
}
