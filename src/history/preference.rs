//! Who is shown as the best of a network: it changes only for a good reason.

use std::time::Duration;

use super::Network;
use crate::clock::Timestamp;
use crate::forecast::Forecast;
use crate::rank::normal;

/// The preferred candidate is replaced by one that is better by 8 % with 95 % certainty: 2.6
/// changes per 100 connections; with 90 %, 4.1.
const SWITCH_MARGIN: f64 = 0.08;
const SWITCH_CERTAINTY: f64 = 0.95;
/// Or when it fails this often.
const SWITCH_FAILURES: f64 = 0.3;

/// Or when it was not heard of for a day in which a cheaper one opened: .1 changes per 100 connections
/// more; after 8 h it would be .7, after 3 h 1.5.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Time alone changes who is preferred, too (breakers close, failures fade), but slowly.
const RECONSIDERED: Duration = Duration::from_secs(3600);

/// Who was preferred when everybody was asked, and who came next: enough to tell whether a
/// measurement may change that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    holder: (usize, Forecast),
    rival: Option<Forecast>,
    at: Timestamp,
}

impl Lead {
    /// The number of who is preferred.
    pub(crate) fn holder(&self) -> usize {
        self.holder.0
    }

    /// Takes in what is expected of one candidate now; whether everybody should be asked again.
    pub(crate) fn may_end(&mut self, number: usize, forecast: Forecast, now: Timestamp) -> bool {
        let cheaper = |rival: Forecast| forecast.cost_ms() < rival.cost_ms();
        if number == self.holder.0 {
            self.holder.1 = forecast;
        } else if is_usable(&forecast) && self.rival.is_none_or(cheaper) {
            // A rival that became dearer stays as it was: asking once too often does no harm.
            self.rival = Some(forecast);
        }
        let (rival, holder) = (self.rival, &self.holder.1);
        rival.is_some_and(|rival| overtakes(&rival, holder)) || now.since(self.at) >= RECONSIDERED
    }
}

impl Network {
    /// Who of these is shown as the best.
    #[must_use]
    pub fn prefer(&self, among: &[usize], current: Option<usize>, now: Timestamp) -> Option<usize> {
        let lead = self.lead(&self.forecasts(now), among, current, now)?;
        Some(lead.holder())
    }

    /// [`prefer`](Self::prefer), given what is expected of every candidate.
    pub(crate) fn lead(
        &self,
        forecasts: &[Forecast],
        among: &[usize],
        current: Option<usize>,
        now: Timestamp,
    ) -> Option<Lead> {
        let known = |number: usize| Some((number, *forecasts.get(number)?));
        let mut usable: Vec<(f64, (usize, Forecast))> = (among.iter())
            .filter_map(|number| known(*number))
            .filter(|one| is_usable(&one.1))
            .map(|one| (one.1.cost_ms(), one))
            .collect();
        usable.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = usable.first().map(|one| one.1);
        let holder = match (current.and_then(known), best) {
            (Some(holder), Some(best)) => {
                // No certainty ever comes about one that isn't heard of because the other is used.
                let outlived = self.outlives(best.0, holder.0, now)
                    && advantage(&best.1, &holder.1) > SWITCH_MARGIN;
                if outlived || overtakes(&best.1, &holder.1) {
                    best
                } else {
                    holder
                }
            }
            (holder, best) => holder.or(best)?,
        };
        let mut others = usable.iter().filter(|one| one.1.0 != holder.0);
        Some(Lead {
            holder,
            rival: others.next().map(|one| one.1.1),
            at: now,
        })
    }

    /// Whether the one opened after the other was last heard of, a day ago or more.
    fn outlives(&self, candidate: usize, holder: usize, now: Timestamp) -> bool {
        let (Some(one), Some(other)) = (self.members.get(candidate), self.members.get(holder))
        else {
            return false;
        };
        let seen = other.seen_ms.max(other.opened_ms);
        let unseen = seen.is_none_or(|seen| now.since(seen) >= FORGOTTEN);
        unseen && one.opened_ms > seen
    }
}

fn is_usable(forecast: &Forecast) -> bool {
    forecast.verified && !forecast.barred
}

/// By how much the one is cheaper than the other: the logarithm of the ratio.
fn advantage(one: &Forecast, other: &Forecast) -> f64 {
    (other.cost_ms() / one.cost_ms()).ln()
}

/// Whether the one that is usable should be preferred to who was until now.
fn overtakes(one: &Forecast, holder: &Forecast) -> bool {
    let advantage = advantage(one, holder);
    if advantage < 0.0 && is_usable(holder) {
        return false;
    }
    let variance = [holder, one].map(|one| one.syn.variance + one.rest.variance);
    let deviation = (variance[0] + variance[1]).sqrt().max(1e-9);
    holder.barred
        || holder.failure_chance > SWITCH_FAILURES
        || normal((advantage - SWITCH_MARGIN) / deviation) >= SWITCH_CERTAINTY
}
