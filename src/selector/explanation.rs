//! What a selector expects of its candidates, and why it prefers one of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::forecast::Forecast;

use super::memory::{Candidate, Reconsidered};
use crate::catalog::Endpoint;

/// What the selector expects of one address of an endpoint on the current network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Expectation {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its address.
    pub address: SocketAddr,
    /// The expected TCP round trip.
    pub round_trip: Duration,
    /// The expected time from the SYN to the open WebSocket, without DNS.
    pub time_to_open: Duration,
    /// The uncertainty of `time_to_open`: the standard deviation of its natural logarithm. 0.2 means
    /// ±20 %.
    pub deviation: f64,
    /// The probability that the next attempt fails, from 0 to 1.
    pub failure_probability: f64,
    /// How it compares with the preferred address.
    pub standing: Standing,
}

/// How an address compares with the preferred one.
///
/// Displayed, it is a short phrase in English, such as “expected to cost 30 ms more”.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// This is the preferred address.
    Preferred,
    /// It may be faster, but not clearly enough to change the preference: that takes about 8 % with a
    /// certainty of 95 %.
    NotClearlyFaster,
    /// It is expected to take longer than the preferred address.
    Slower {
        /// The difference in expected cost: the time to open, increased by the cost of failures.
        by: Duration,
    },
    /// No connection to it has opened on this network, so it can't be preferred yet.
    Unverified,
    /// It failed recently and is tried last for a while: 5 to 10 minutes after a first failure, 30 to
    /// 60 after a wrong certificate or a reset during TLS, longer after failures in a row.
    BreakerOpen,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Preferred => f.write_str("preferred"),
            Standing::NotClearlyFaster => f.write_str("not clearly faster"),
            Standing::Slower { by } => {
                write!(f, "expected to cost {:.0} ms more", by.as_secs_f64() * 1e3)
            }
            Standing::Unverified => f.write_str("never opened on this network"),
            Standing::BreakerOpen => f.write_str("failed recently, tried last"),
        }
    }
}

/// Why the selector prefers an endpoint; returned by [`Selector::explain`](crate::Selector::explain).
///
/// Displayed, it is a line with the network, then one line per address:
///
/// ```text
/// network "home Wi-Fi":
/// im-api-v2.easemob.com at 192.0.2.1: opens in 60 ms ± 20 % (round trip 20 ms), fails 2 % of the time: preferred
/// im-api-v2.easemob.com at 192.0.2.2: opens in 81 ms ± 25 % (round trip 27 ms), fails 2 % of the time: expected to cost 21 ms more
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The identifier of the network, with the proxy if there is one.
    pub network: Arc<str>,
    /// The known addresses. The preferred one comes first, the others in order of their expected cost,
    /// with those in a break after failures last.
    pub candidates: Arc<[Expectation]>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.candidates.is_empty() {
            return write!(f, "network {:?}: no address known yet", self.network);
        }
        write!(f, "network {:?}:", self.network)?;
        for one in &*self.candidates {
            write!(
                f,
                "\n{} at {}: opens in {:.0} ms ± {:.0} % (round trip {:.0} ms), fails {:.0} % of the time: {}",
                one.endpoint.host(),
                one.address.ip(),
                one.time_to_open.as_secs_f64() * 1e3,
                one.deviation * 1e2,
                one.round_trip.as_secs_f64() * 1e3,
                one.failure_probability * 1e2,
                one.standing,
            )?;
        }
        Ok(())
    }
}

/// Sorts the expectations: the preferred address first, those with an open breaker last, otherwise by
/// cost.
pub(super) fn explain(network: &str, known: Reconsidered) -> Explanation {
    let preferred = known.preferred;
    let is_preferred = |one: &Candidate| preferred.as_ref() == Some(one);
    let priced = |(candidate, forecast): (Candidate, Forecast)| {
        let class = (!is_preferred(&candidate), forecast.breaker_open);
        (class, forecast.cost_ms(), candidate, forecast)
    };
    let mut expected: Vec<_> = known.expected.into_iter().map(priced).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let holder_ms = expected.first().filter(|one| !one.0.0).map(|one| one.1);
    let expectation =
        |((other, _), cost_ms, candidate, forecast): (_, _, Candidate, Forecast)| Expectation {
            standing: match (other, holder_ms) {
                (false, _) => Standing::Preferred,
                _ if forecast.breaker_open => Standing::BreakerOpen,
                _ if !forecast.verified => Standing::Unverified,
                (true, Some(holder_ms)) if cost_ms > holder_ms => Standing::Slower {
                    by: millis(cost_ms - holder_ms),
                },
                _ => Standing::NotClearlyFaster,
            },
            endpoint: candidate.0,
            address: candidate.1,
            round_trip: millis(forecast.syn_ms()),
            time_to_open: millis(forecast.syn_ms() + forecast.rest_ms()),
            deviation: (forecast.syn.variance + forecast.rest.variance).sqrt(),
            failure_probability: forecast.failure_chance,
        };
    Explanation {
        network: network.into(),
        candidates: expected.into_iter().map(expectation).collect(),
    }
}

/// Bounded, because an expectation is an exponential and may overflow.
fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64((ms / 1e3).clamp(0.0, 3600.0))
}
