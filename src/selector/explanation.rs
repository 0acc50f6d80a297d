//! What a selector expects of its candidates, and why one is preferred.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::forecast::Forecast;

use super::memory::{Candidate, Reconsidered};
use crate::catalog::Endpoint;

/// What is expected of one address of an endpoint on the present network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Expectation {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its address.
    pub address: SocketAddr,
    /// The TCP round trip.
    pub round_trip: Duration,
    /// From the first SYN to the open WebSocket.
    pub time_to_open: Duration,
    /// How sure that is: the standard deviation of its logarithm (0.2: 20 % either way).
    pub deviation: f64,
    /// The chance that the next attempt fails, 0 to 1.
    pub failure_probability: f64,
    /// Where it stands, and why.
    pub standing: Standing,
}

/// Where a candidate stands beside the preferred one, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is the preferred one.
    Preferred,
    /// It may be faster, but that is not sure enough to change the preference.
    NotClearlyFaster,
    /// It is expected to cost this much more time, its failures included.
    Slower {
        /// The difference of what opening a connection costs.
        by: Duration,
    },
    /// No connection to it was ever opened on this network.
    Unverified,
    /// It failed lately: it is tried last for a while.
    BreakerOpen,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Preferred => f.write_str("preferred"),
            Standing::NotClearlyFaster => f.write_str("perhaps faster, but not surely by 8 %"),
            Standing::Slower { by } => write!(f, "costs {:.0} ms more", by.as_secs_f64() * 1e3),
            Standing::Unverified => f.write_str("never opened on this network"),
            Standing::BreakerOpen => f.write_str("failed lately: tried last"),
        }
    }
}

/// Why [`Selector::best`](crate::Selector::best) is what it is: one line per candidate when displayed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The network whose memory this is.
    pub network: Arc<str>,
    /// The candidates that are known there, the preferred one first.
    pub candidates: Arc<[Expectation]>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.candidates.is_empty() {
            return write!(f, "network {:?}: nothing known yet", self.network);
        }
        write!(f, "network {:?}:", self.network)?;
        for one in &*self.candidates {
            write!(
                f,
                "\n{} at {}: opens in {:.0} ms ± {:.0} % (round trip {:.0} ms), fails {:.0} %: {}",
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

/// Puts what is expected in order, the preferred one first.
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

/// Expectations are exponentials: a wild one may be huge.
fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64((ms / 1e3).clamp(0.0, 3600.0))
}
