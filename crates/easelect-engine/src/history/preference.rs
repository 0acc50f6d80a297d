//! Who is shown as the best of a network: it changes only for a good reason.

use std::time::Duration;

use crate::forecast::Forecast;
use crate::id::CandidateId;
use crate::probability::normal;
use crate::timestamp::Timestamp;

/// The preferred candidate is replaced by one that is better by this, in logarithms (about 8 %) …
const SWITCH_MARGIN: f64 = 0.08;
/// … with this probability: less certainty makes it change more often.
const SWITCH_CERTAINTY: f64 = 0.95;
/// Or when the chance that it fails is above this.
const SWITCH_FAILURES: f64 = 0.3;

/// Or when it was not heard of for so long, in which a cheaper one opened: sooner, it changes more
/// often.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Time alone changes who is preferred, too (breakers close, failures fade), but slowly.
const RECONSIDERED: Duration = Duration::from_secs(3600);

/// Who was preferred when everybody was asked, and who came next: enough to tell whether a
/// measurement may change that.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    id: CandidateId,
    holder: Score,
    rival: Option<Score>,
    at: Timestamp,
}

/// What counts of a forecast here.
#[derive(Clone, Copy, Debug)]
struct Score {
    cost_ms: f64,
    variance: f64,
    failure_chance: f64,
    verified: bool,
    breaker_open: bool,
}

impl Lead {
    /// Who of these is preferred, after who was. `heard` says of a candidate when it last answered
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
        // Whether the one opened after the other was last heard of, a day ago or more. No certainty
        // ever comes about one that isn't heard of because the other is used.
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

    /// Who is preferred.
    #[inline]
    pub fn holder(&self) -> CandidateId {
        self.id
    }

    /// Takes in what is expected of one candidate now; whether everybody should be asked again.
    #[inline]
    pub fn may_end(&mut self, id: CandidateId, forecast: &Forecast, now: Timestamp) -> bool {
        let score = Score::of(forecast);
        if id == self.id {
            self.holder = score;
        } else if score.is_usable() && self.rival.is_none_or(|rival| score.cost_ms < rival.cost_ms)
        {
            // A rival that became dearer stays as it was: asking once too often does no harm.
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

    /// By how much it is cheaper, beyond what is worth a change.
    #[inline]
    fn ahead_of(&self, other: Score) -> f64 {
        (other.cost_ms / self.cost_ms).ln() - SWITCH_MARGIN
    }

    /// Whether this one, which is usable, should be preferred to who was until now.
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
