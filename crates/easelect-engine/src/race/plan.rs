//! Whom to dial: at once when warm, at once when cold, and when all under way are late.

use super::entrant::{Entrant, State};
use super::{MAX_ACCELERATED, RESOLUTION_DELAY_MS, Race};
use crate::forecast::Forecast;

/// One that may be dialled beside the best: its worth, its number.
type Rival<'a> = (f64, usize, &'a Entrant);

impl Race {
    /// What to dial at once if something opened on this network before, the best last.
    pub(super) fn warm_plan(&self) -> Option<Vec<usize>> {
        let (first, best) = self.best_verified()?;
        let mut rivals: Vec<Rival> = (self.entrants.iter().enumerate())
            .filter(|(number, _)| *number != first)
            .filter_map(|(number, one)| Some((self.worth_dialling(one, best)?, number, one)))
            .collect();
        rivals.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut accelerated = usize::from(best.accelerated);
        rivals.retain(|(_, _, one)| {
            accelerated += usize::from(one.accelerated);
            !one.accelerated || accelerated <= MAX_ACCELERATED
        });
        let extras = self.most_at_once().saturating_sub(1);
        let host = best.forecast.place.host;
        let elsewhere = |(_, _, one): &Rival| one.forecast.place.host != host;
        // One on another host: otherwise a host's failure takes all of them.
        if let Some(index) = rivals.iter().position(elsewhere)
            && index >= extras
            && extras > 0
        {
            rivals.swap(extras - 1, index);
        }
        rivals.truncate(extras);
        let others = rivals.into_iter().map(|(_, number, _)| number).rev();
        Some(others.chain([first]).collect())
    }

    /// One that DNS brought after that, and that would have belonged to it.
    pub(super) fn late_arrival(&mut self) -> Option<usize> {
        let (_, best) = self.best_verified()?;
        let room = self.started < self.most_at_once();
        let worth_it = |one: &Entrant| {
            room && one.state == State::Waiting
                && !one.accelerated
                && self.worth_dialling(one, best).is_some()
        };
        let new = |one: &&Entrant| !one.considered;
        let number = self
            .entrants
            .iter()
            .position(|one| new(&one) && worth_it(one));
        self.entrants
            .iter_mut()
            .for_each(|one| one.considered = true);
        number
    }

    /// Of a cold race: on a host that was not dialled yet if possible, then of another family than
    /// the last one, then the cheapest. If it is still worth waiting for others, until when.
    pub(super) fn cold_choice(&self, now_ms: f64) -> Option<(usize, Option<f64>)> {
        let dials_on = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            let dialled = |one: &&Entrant| one.state != State::Waiting;
            self.entrants.iter().filter(there).filter(dialled).count()
        };
        let last = self.last.and_then(|last| self.entrants.get(last));
        let key = |one: &Entrant| {
            let place = one.forecast.place;
            let same_family = last.is_some_and(|last| last.forecast.place.v6 == place.v6);
            let dials = dials_on(place.host);
            (one.last_resort, one.forecast.barred, dials, same_family)
        };
        let (number, one) = self.cheapest_waiting(key)?;
        // What only a proxy or a hijacker can answer, and what a breaker bars, is left for when nothing
        // better is under way: near as it may be, it must not take the handshake from the others.
        let class = |one: &Entrant| (one.last_resort, one.forecast.barred);
        let better = |other: &Entrant| class(other) < class(one) && other.is_flying();
        if self.entrants.iter().any(better) {
            return None;
        }
        let doubtful = class(one) != (false, false);
        let familiar = doubtful || dials_on(one.forecast.place.host) > 0;
        let delay_over_ms = self.first_added_ms + RESOLUTION_DELAY_MS;
        let waits = familiar && self.more_to_come && now_ms < delay_over_ms;
        Some((number, waits.then_some(delay_over_ms)))
    }

    /// The one to dial when nothing under way is hopeful: barred ones last, hosts that are silent
    /// or failed after others, then the cheapest.
    pub(super) fn next_best(&self) -> Option<usize> {
        let tried = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            (self.entrants.iter().filter(there)).any(|one| one.state != State::Waiting)
        };
        let key = |one: &Entrant| {
            let forecast = &one.forecast;
            (one.last_resort, forecast.barred, tried(forecast.place.host))
        };
        self.cheapest_waiting(key).map(|(number, _)| number)
    }

    /// Answers of a middlebox decide nothing: then one spare is enough.
    fn most_at_once(&self) -> usize {
        let most = if self.gate.trusted { usize::MAX } else { 2 };
        self.width.dials.min(most)
    }

    fn best_verified(&self) -> Option<(usize, &Entrant)> {
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.forecast.verified && !one.forecast.barred)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast.cost_ms().total_cmp(&b.forecast.cost_ms());
                a.last_resort.cmp(&b.last_resort).then(costs)
            })
    }

    /// What it is worth to dial this one beside the best, if that is enough.
    fn worth_dialling(&self, one: &Entrant, best: &Entrant) -> Option<f64> {
        let worth = one.forecast.worth_beside(&best.forecast);
        let eligible = !one.forecast.barred && one.last_resort <= best.last_resort;
        (eligible && worth > self.width.worth).then_some(worth)
    }

    /// Of those that wait and may be dialled, the one with the least key, then the least cost.
    fn cheapest_waiting<K: Ord>(&self, key: impl Fn(&Entrant) -> K) -> Option<(usize, &Entrant)> {
        let busy = |one: &&Entrant| one.accelerated && one.is_flying();
        let accelerated = self.entrants.iter().filter(busy).count();
        let costs = |a: &Forecast, b: &Forecast| a.cost_ms().total_cmp(&b.cost_ms());
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Waiting)
            .filter(|(_, one)| !one.accelerated || accelerated < MAX_ACCELERATED)
            .min_by(|(_, a), (_, b)| key(a).cmp(&key(b)).then(costs(&a.forecast, &b.forecast)))
    }
}
