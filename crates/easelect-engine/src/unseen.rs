//! What to expect of a candidate that was never seen, from what is known of its relatives.
//!
//! Round trips are alike within a network, more so within a cluster, more so at one host. As a
//! tree of Gaussian steps, network → cluster → host → address, that is exact in one pass up and
//! one pass down, without matrices. What the two hosts of one domain have in common is left out.

use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, HostId};

/// Where a candidate belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its cluster: hosts that stand in for each other.
    pub cluster: ClusterId,
    /// Its host.
    pub host: HostId,
    /// IPv6: its paths differ more.
    pub v6: bool,
}

/// A Gaussian belief.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The expected value, of a logarithm here.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// How much relatives differ: the variance of each step of the tree, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// Of a network never seen.
    pub(crate) mean: f64,
    /// Between networks.
    pub(crate) network: f64,
    /// Between the clusters of a network.
    pub(crate) cluster: f64,
    /// Between the hosts of a cluster.
    pub(crate) host: f64,
    /// Between the addresses of a host.
    pub(crate) address: f64,
    /// On top of `address`, for IPv6.
    pub(crate) v6: f64,
}

impl Spread {
    fn own(&self, place: Place) -> f64 {
        self.address + if place.v6 { self.v6 } else { 0.0 }
    }
}

/// A belief as precision and precision × mean: beliefs from independent sources add up.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    precision: f64,
    weighted: f64,
}

impl Evidence {
    fn of(belief: Belief) -> Self {
        let precision = 1.0 / belief.variance.max(1e-9);
        Evidence {
            precision,
            weighted: precision * belief.mean,
        }
    }

    fn plus(self, other: Evidence) -> Self {
        Evidence {
            precision: self.precision + other.precision,
            weighted: self.weighted + other.weighted,
        }
    }

    fn minus(self, other: Evidence) -> Self {
        Evidence {
            precision: (self.precision - other.precision).max(0.0),
            weighted: self.weighted - other.weighted,
        }
    }

    /// Nothing, if there is no evidence.
    fn belief(self) -> Option<Belief> {
        (self.precision > 1e-9).then(|| Belief {
            mean: self.weighted / self.precision,
            variance: 1.0 / self.precision,
        })
    }

    /// What it says one step of the tree away.
    fn across(self, step: f64) -> Self {
        self.belief().map_or_else(Evidence::default, |belief| {
            Evidence::of(Belief {
                variance: belief.variance + step,
                ..belief
            })
        })
    }
}

/// Evidence of each cluster, or of each host; the few there are, in no order.
#[derive(Debug)]
struct Sums<Id>(Vec<(Id, Evidence)>);

impl<Id: PartialEq> Sums<Id> {
    fn add(&mut self, id: Id, evidence: Evidence) {
        match self.0.iter_mut().find(|(one, _)| *one == id) {
            Some((_, sum)) => *sum = sum.plus(evidence),
            None => self.0.push((id, evidence)),
        }
    }

    fn of(&self, id: Id) -> Evidence {
        let found = self.0.iter().find(|(one, _)| *one == id);
        found.map_or_else(Evidence::default, |(_, sum)| *sum)
    }
}

/// The belief about every candidate: its own where it was seen, else what its relatives say.
pub(crate) fn expect(spread: &Spread, known: &[(Place, Option<Belief>)]) -> Vec<Belief> {
    let root = Evidence::of(Belief {
        mean: spread.mean,
        variance: spread.network,
    });
    // Up: what the addresses say of their host, the hosts of their cluster, the clusters of all.
    let (mut hosts, mut clusters, mut network) = (Sums(Vec::new()), Sums(Vec::new()), root);
    let mut cluster_of: Vec<(HostId, ClusterId)> = Vec::new();
    for (place, seen) in known {
        if !cluster_of.contains(&(place.host, place.cluster)) {
            cluster_of.push((place.host, place.cluster));
        }
        if let Some(belief) = seen {
            hosts.add(place.host, Evidence::of(*belief).across(spread.own(*place)));
        }
    }
    for (host, cluster) in &cluster_of {
        clusters.add(*cluster, hosts.of(*host).across(spread.host));
    }
    for (_, cluster) in &clusters.0 {
        network = network.plus(cluster.across(spread.cluster));
    }
    // Down: what the others say of a cluster, of a host, of an address.
    let expected = |place: Place| {
        let (host, cluster) = (hosts.of(place.host), clusters.of(place.cluster));
        let others = network.minus(cluster.across(spread.cluster));
        let cluster = others.across(spread.cluster).plus(cluster);
        let others = cluster.minus(host.across(spread.host));
        let host = others.across(spread.host).plus(host);
        host.across(spread.own(place)).belief()
    };
    let unknown = Belief {
        mean: spread.mean,
        variance: spread.network + spread.cluster + spread.host + spread.address,
    };
    known
        .iter()
        .map(|(place, seen)| seen.or_else(|| expected(*place)).unwrap_or(unknown))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPREAD: Spread = Spread {
        mean: 4.0,
        network: 0.5,
        cluster: 0.06,
        host: 0.10,
        address: 0.03,
        v6: 0.04,
    };

    fn place(cluster: usize, host: usize, v6: bool) -> Place {
        Place {
            cluster: ClusterId::new(cluster),
            host: HostId::new(host),
            v6,
        }
    }

    fn seen(mean: f64, variance: f64) -> Option<Belief> {
        Some(Belief { mean, variance })
    }

    fn close(belief: Belief, mean: f64, variance: f64) {
        assert!((belief.mean - mean).abs() < 1e-6, "{belief:?}");
        assert!((belief.variance - variance).abs() < 1e-6, "{belief:?}");
    }

    #[test]
    fn nothing_known_gives_the_mean_of_all() {
        let all = expect(
            &SPREAD,
            &[(place(0, 0, false), None), (place(0, 0, true), None)],
        );
        close(all[0], 4.0, 0.69);
        close(all[1], 4.0, 0.73);
    }

    /// Against the conditional of a joint Gaussian: seen y with variance .01 and .69 before;
    /// covariance with a sibling at its host .66, in its cluster .56, in the network .50.
    #[test]
    fn a_relative_pulls_as_far_as_it_is_near() {
        let all = expect(
            &SPREAD,
            &[
                (place(0, 0, false), seen(5.0, 0.01)),
                (place(0, 0, false), None),
                (place(0, 1, false), None),
                (place(1, 2, false), None),
            ],
        );
        close(all[0], 5.0, 0.01);
        close(all[1], 4.0 + 0.66 / 0.70, 0.69 - 0.66 * 0.66 / 0.70);
        close(all[2], 4.0 + 0.56 / 0.70, 0.69 - 0.56 * 0.56 / 0.70);
        close(all[3], 4.0 + 0.50 / 0.70, 0.69 - 0.50 * 0.50 / 0.70);
    }

    /// Two seen at two hosts of one cluster; by hand from the 2 × 2 joint covariance
    /// [[.70, .56], [.56, .70]], covariances with a third at the first host (.66, .56).
    #[test]
    fn two_relatives_are_weighed() {
        let all = expect(
            &SPREAD,
            &[
                (place(0, 0, false), seen(5.0, 0.01)),
                (place(0, 1, false), seen(3.0, 0.01)),
                (place(0, 0, false), None),
            ],
        );
        let determinant: f64 = 0.70 * 0.70 - 0.56 * 0.56;
        let weights = [
            (0.66 * 0.70 - 0.56 * 0.56) / determinant,
            (0.56 * 0.70 - 0.66 * 0.56) / determinant,
        ];
        let mean = 4.0 + weights[0] * 1.0 - weights[1] * 1.0;
        let variance = 0.69 - weights[0] * 0.66 - weights[1] * 0.56;
        close(all[2], mean, variance);
    }
}
