//! What to expect of a candidate whose handshake was never seen, from the other addresses of its host.

use serde::{Deserialize, Serialize};

use crate::id::HostId;

/// The host and family of a candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its host.
    pub host: HostId,
    /// Whether the address is IPv6.
    pub v6: bool,
}

/// A Gaussian belief about a logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The expected value.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// ρ of a host never seen. Two round trips are ln 2 = 0.69; behind an edge server that ends TLS nearby
/// it is more.
const HOST: Belief = Belief {
    mean: 0.80,
    variance: 0.05,
};
/// The variance of ρ among the addresses of a host.
const ADDRESS: f64 = 0.015;

/// ρ of an unseen address of this host, given the known ones. Other hosts say nothing about it.
pub(crate) fn expect_rest(host: HostId, known: impl Iterator<Item = (Place, Belief)>) -> Belief {
    let evidence = |mean: f64, variance: f64| (1.0 / variance, mean / variance);
    let of_host = known.filter(|(place, _)| place.host == host);
    let (precision, weighted) = of_host
        .map(|(_, seen)| evidence(seen.mean, seen.variance + ADDRESS))
        .fold(evidence(HOST.mean, HOST.variance), |sum, one| {
            (sum.0 + one.0, sum.1 + one.1)
        });
    Belief {
        mean: weighted / precision,
        variance: 1.0 / precision + ADDRESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: usize, mean: f64) -> (Place, Belief) {
        let place = Place {
            host: HostId::new(host),
            v6: false,
        };
        let variance = 0.01;
        (place, Belief { mean, variance })
    }

    fn close(belief: Belief, mean: f64, variance: f64) {
        assert!((belief.mean - mean).abs() < 1e-9, "{belief:?}");
        assert!((belief.variance - variance).abs() < 1e-9, "{belief:?}");
    }

    #[test]
    fn of_strangers_nothing_is_known() {
        let known = [seen(1, 2.0)].into_iter();
        close(expect_rest(HostId::new(0), known), 0.80, 0.065);
    }

    /// The conditional of a joint Gaussian: one seen with variance .01 and .065 before, covariance .05.
    #[test]
    fn a_sibling_pulls_as_far_as_it_is_near() {
        let known = [seen(0, 2.0), seen(1, 0.0)].into_iter();
        let expected = expect_rest(HostId::new(0), known);
        let (mean, variance) = (0.80 + 0.05 / 0.075 * 1.2, 0.065 - 0.05 * 0.05 / 0.075);
        close(expected, mean, variance);
    }
}
