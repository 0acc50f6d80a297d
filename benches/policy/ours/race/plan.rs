//! Whom to dial: at once when warm, at once when cold, and when all under way are late.

use super::super::forecast::Forecast;
use super::Race;
use super::entrant::{Entrant, State};

impl Race {
    /// What to dial at once if something opened on this network before, the best last.
    pub(super) fn warm_plan(&self) -> Option<Vec<usize>> {
        let free = |one: &&(usize, &Forecast)| !one.1.barred;
        let all: Vec<(usize, &Forecast)> = (self.entrants.iter().enumerate())
            .map(|(candidate, one)| (candidate, &one.forecast))
            .collect();
        let (first, best) = *(all.iter().filter(free))
            .filter(|(_, one)| one.verified)
            .min_by(|a, b| a.1.cost_ms().total_cmp(&b.1.cost_ms()))?;
        let mut others: Vec<(f64, usize, &Forecast)> = (all.iter().filter(free))
            .filter(|(candidate, _)| *candidate != first)
            .map(|(candidate, one)| (one.worth_beside(best), *candidate, *one))
            .filter(|(worth, ..)| *worth > self.settings.worth)
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0));
        // Answers of a middlebox decide nothing: then one spare is enough.
        let most = if self.gate.trusted {
            self.settings.dials
        } else {
            2
        };
        let extras = self.settings.dials.min(most).saturating_sub(1);
        let elsewhere = |(_, _, one): &(f64, usize, &Forecast)| one.place.host != best.place.host;
        // One on another host: otherwise a host's failure takes all of them.
        if let Some(index) = others.iter().position(elsewhere)
            && index >= extras
            && extras > 0
        {
            others.swap(extras - 1, index);
        }
        others.truncate(extras);
        let mut plan: Vec<usize> = others
            .into_iter()
            .map(|(_, candidate, _)| candidate)
            .collect();
        plan.reverse();
        plan.push(first);
        Some(plan)
    }

    /// Of a cold race: on a host that was not dialled yet if possible, then of another family than
    /// the last one, then the cheapest. Whether its host is new.
    pub(super) fn cold_choice(&self) -> Option<(usize, bool)> {
        let dials_on = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            let dialled = |one: &&Entrant| one.state != State::Waiting;
            self.entrants.iter().filter(there).filter(dialled).count()
        };
        let last = self.last.and_then(|last| self.entrants.get(last));
        let key = |one: &Entrant| {
            let place = one.forecast.place;
            let same_family = last.is_some_and(|last| last.forecast.place.v6 == place.v6);
            (one.forecast.barred, dials_on(place.host), same_family)
        };
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Waiting)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast.cost_ms().total_cmp(&b.forecast.cost_ms());
                key(a).cmp(&key(b)).then(costs)
            })
            .map(|(candidate, one)| (candidate, dials_on(one.forecast.place.host) == 0))
    }

    /// The one to dial when nothing under way is hopeful: barred ones last, hosts that are silent
    /// or failed after others, then the cheapest.
    pub(super) fn next_best(&self) -> Option<usize> {
        let tried = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            (self.entrants.iter().filter(there)).any(|one| one.state != State::Waiting)
        };
        let key = |one: &Entrant| (one.forecast.barred, tried(one.forecast.place.host));
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Waiting)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast.cost_ms().total_cmp(&b.forecast.cost_ms());
                key(a).cmp(&key(b)).then(costs)
            })
            .map(|(candidate, _)| candidate)
    }
}
