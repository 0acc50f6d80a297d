//! The preferred candidate of a network, which changes only for a good reason.

use std::time::Duration;

use crate::forecast::Forecast;
use crate::id::CandidateId;
use crate::probability::normal;
use crate::timestamp::Timestamp;

/// The preferred candidate is replaced by one that is cheaper by this, a logarithm (about 8 %) …
const SWITCH_MARGIN: f64 = 0.08;
/// … with this probability. Less certainty makes it change more often.
const SWITCH_CERTAINTY: f64 = 0.95;
/// Or if its failure probability is above this and another one is cheaper.
const SWITCH_FAILURES: f64 = 0.3;

/// Or if it was not heard from for this long and a cheaper one opened meanwhile. A shorter time makes
/// it change more often.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Time alone also changes the preference (breakers close, failures fade), but slowly.
const RECONSIDERED: Duration = Duration::from_secs(3600);

/// The preferred candidate when all were last compared, and its closest rival: enough to see whether a
/// measurement may change the preference.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    id: CandidateId,
    holder: Score,
    rival: Option<Score>,
    at: Timestamp,
}

/// The part of a forecast that matters here.
#[derive(Clone, Copy, Debug)]
struct Score {
    cost_ms: f64,
    variance: f64,
    failure_chance: f64,
    verified: bool,
    breaker_open: bool,
}

impl Lead {
    /// The preferred candidate, given the previous one. `heard` returns when a candidate last answered
    /// or opened, and when it last opened.
    pub(super) fn among(
        forecasts: &[Forecast],
        among: &[CandidateId],
        current: Option<CandidateId>,
        heard: impl Fn(CandidateId) -> Option<(Option<Timestamp>, Option<Timestamp>)>,
        now: Timestamp,
    ) -> Option<Lead> {
        let score = |id: CandidateId| Some((id, Score::of(forecasts.get(id.index())?)));
        let scores = among.iter().filter_map(|id| score(*id));
        let mut usable: Vec<(CandidateId, Score)> =
            scores.filter(|(_, score)| score.is_usable()).collect();
        usable.sort_by(|(_, a), (_, b)| a.cost_ms.total_cmp(&b.cost_ms));
        // Whether one opened since the other was last heard from, at least a day ago. There is never
        // certainty about a candidate that is not heard from because another one is used.
        let outlives = |candidate, holder| {
            let (Some((_, opened)), Some((seen, _))) = (heard(candidate), heard(holder)) else {
                return false;
            };
            seen.is_none_or(|seen| now.since(seen) >= FORGOTTEN) && opened > seen
        };
        let best = usable.first().copied();
        let (id, holder) = match (current.and_then(score), best) {
            (Some(holder), Some(best)) => {
                let outlived = outlives(best.0, holder.0) && best.1.ahead_of(holder.1) > 0.0;
                if best.1.overtakes(holder.1) || outlived {
                    best
                } else {
                    holder
                }
            }
            (holder, best) => holder.or(best)?,
        };
        let mut others = usable.iter().filter(|(other, _)| *other != id);
        Some(Lead {
            id,
            holder,
            rival: others.next().map(|(_, score)| *score),
            at: now,
        })
    }

    /// Returns the preferred candidate.
    #[inline]
    pub fn holder(&self) -> CandidateId {
        self.id
    }

    /// Updates the forecast of one candidate. Returns whether all should be compared again.
    #[inline]
    pub fn may_end(&mut self, id: CandidateId, forecast: &Forecast, now: Timestamp) -> bool {
        let score = Score::of(forecast);
        if id == self.id {
            self.holder = score;
        } else if score.is_usable() && self.rival.is_none_or(|rival| score.cost_ms < rival.cost_ms)
        {
            // A rival that became more expensive keeps its old score: one comparison too many does no
            // harm.
            self.rival = Some(score);
        }
        self.rival.is_some_and(|rival| rival.overtakes(self.holder))
            || now.since(self.at) >= RECONSIDERED
    }
}

impl Score {
    #[inline]
    fn of(forecast: &Forecast) -> Self {
        Score {
            cost_ms: forecast.cost_ms(),
            variance: forecast.syn.variance + forecast.rest.variance,
            failure_chance: forecast.failure_chance,
            verified: forecast.verified,
            breaker_open: forecast.breaker_open,
        }
    }

    #[inline]
    fn is_usable(&self) -> bool {
        self.verified && !self.breaker_open
    }

    /// How much cheaper it is, beyond the margin.
    #[inline]
    fn ahead_of(&self, other: Score) -> f64 {
        (other.cost_ms / self.cost_ms).ln() - SWITCH_MARGIN
    }

    /// Whether this usable candidate should replace the preferred one.
    #[inline]
    fn overtakes(&self, holder: Score) -> bool {
        if holder.is_usable() && holder.cost_ms < self.cost_ms {
            return false;
        }
        let deviation = (holder.variance + self.variance).sqrt().max(1e-9);
        holder.breaker_open
            || holder.failure_chance > SWITCH_FAILURES
            || normal(self.ahead_of(holder) / deviation) >= SWITCH_CERTAINTY
    }
}
