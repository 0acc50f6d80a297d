//! A limit on one figure: `p50=300ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use easelect::{Endpoint, Error, ErrorKind, Ranked, without_secrets};

use super::Group;
use super::texts::shown;

/// A figure that can have a [`Threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Figure {
    /// The median of the handshakes.
    P50,
    /// Their mean.
    Mean,
    /// The 90th percentile; the longest, with fewer than 10 samples.
    P90,
    /// The 99th percentile; the longest, with fewer than 100 samples.
    P99,
    /// The longest.
    Max,
    /// The average time to open a connection plus a penalty for failures.
    ExpectedCost,
}

impl Figure {
    /// All of them.
    pub const ALL: &'static [Figure] = &[
        Figure::P50,
        Figure::Mean,
        Figure::P90,
        Figure::P99,
        Figure::Max,
        Figure::ExpectedCost,
    ];

    /// Returns the identifier used on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Figure::P50 => "p50",
            Figure::Mean => "mean",
            Figure::P90 => "p90",
            Figure::P99 => "p99",
            Figure::Max => "max",
            Figure::ExpectedCost => "expected_cost",
        }
    }

    /// The figure of one endpoint; `None` without successes.
    fn of(self, ranked: &Ranked) -> Option<Duration> {
        if self == Figure::ExpectedCost {
            return ranked.expected_cost;
        }
        let total = ranked.total()?;
        Some(match self {
            Figure::P50 => total.p50,
            Figure::Mean => total.mean,
            // Below 10 (100) samples the nearest rank of a 90th (99th) percentile is the last.
            Figure::P90 => total.p90.unwrap_or(total.max),
            Figure::P99 => total.p99.unwrap_or(total.max),
            Figure::Max | Figure::ExpectedCost => total.max,
        })
    }
}

/// A limit on one figure of every ready endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Threshold {
    /// The figure.
    pub figure: Figure,
    /// The highest value allowed.
    pub limit: Duration,
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let known: Vec<&str> = Figure::ALL.iter().map(|one| one.as_str()).collect();
            Error::new(
                ErrorKind::Input,
                format!(
                    "\"{}\" is not a threshold: {why}; expected FIGURE=DURATION, as in p50=300ms, \
                     with FIGURE one of {}",
                    shown(&without_secrets(text), 40),
                    known.join(", ")
                ),
            )
        };
        let (figure, limit) = text.split_once('=').ok_or_else(|| wrong("no `=`"))?;
        let figure = Figure::ALL
            .iter()
            .copied()
            .find(|one| one.as_str() == figure)
            .ok_or_else(|| wrong("unknown figure"))?;
        let limit = humantime::parse_duration(limit)
            .ok()
            .filter(|limit| !limit.is_zero())
            .ok_or_else(|| wrong("not a duration above zero"))?;
        Ok(Threshold { figure, limit })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = humantime::format_duration(self.limit);
        write!(f, "{}={limit}", self.figure.as_str())
    }
}

pub(super) fn above(groups: &[Group], threshold: Threshold) -> Vec<(&Endpoint, Duration)> {
    groups
        .iter()
        .flat_map(|group| &group.endpoints)
        .filter_map(|row| Some((row.ranked.endpoint(), threshold.figure.of(&row.ranked)?)))
        .filter(|(_, measured)| *measured > threshold.limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_parse_and_print() {
        let one: Threshold = "p50=300ms".parse().unwrap();
        assert_eq!(one.figure, Figure::P50);
        assert_eq!(one.limit, Duration::from_millis(300));
        assert_eq!(one.to_string(), "p50=300ms");
        for figure in Figure::ALL {
            assert!(
                format!("{}=1s", figure.as_str())
                    .parse::<Threshold>()
                    .is_ok()
            );
        }
        for bad in [
            "", "p50", "p50=", "p50=0s", "p51=1s", "p50=-1s", "p50=300", "=1s",
        ] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad:?}");
        }
    }
}
