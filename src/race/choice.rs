//! Which candidates to dial.

use std::collections::VecDeque;

use super::{Entrant, MAX_ACCELERATED, Race, Runner, State};

impl Race {
    /// The first dials: the best verified candidate, and those whose SYN is worth it. When there
    /// are several, one is of another host.
    pub(super) fn choose_opening(&self) -> VecDeque<usize> {
        let waiting = |one: &&(usize, &Runner)| {
            one.1.state == State::Waiting
                && !one.1.entrant.last_resort
                && !one.1.entrant.prediction.broken
        };
        let numbered: Vec<(usize, &Runner)> = self.runners.iter().enumerate().collect();
        let Some(best) = numbered
            .iter()
            .filter(waiting)
            .filter(|(_, one)| one.entrant.is_sound())
            .min_by(|a, b| a.1.entrant.score().total_cmp(&b.1.entrant.score()))
        else {
            return VecDeque::new();
        };
        let mut others: Vec<(usize, f64)> = numbered
            .iter()
            .filter(waiting)
            .filter(|(number, _)| *number != best.0)
            .map(|(number, one)| {
                (
                    *number,
                    best.1
                        .entrant
                        .prediction
                        .value_of_asking(&one.entrant.prediction),
                )
            })
            .filter(|(_, value)| *value > self.width.worth)
            .collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        let host = |number: usize| self.runners[number].entrant.host;
        let mut chosen = vec![best.0];
        let room = self.width.dials.saturating_sub(1);
        chosen.extend(others.iter().take(room).map(|(number, _)| *number));
        if chosen.len() > 1 && chosen.iter().all(|number| host(*number) == host(best.0)) {
            let elsewhere = others
                .iter()
                .find(|(number, _)| host(*number) != host(best.0));
            if let (Some(last), Some((other, _))) = (chosen.last_mut(), elsewhere) {
                *last = *other;
            }
        }
        let mut accelerated = 0;
        chosen.retain(|number| {
            let one = self.runners[*number].entrant.accelerated;
            accelerated += usize::from(one);
            !one || accelerated <= MAX_ACCELERATED
        });
        chosen.into()
    }

    /// One that DNS brought after the opening, and that would have belonged to it.
    pub(super) fn late_arrival(&mut self) -> Option<usize> {
        self.opening.as_ref()?;
        let sound = self.runners.iter().filter(|one| one.entrant.is_sound());
        let best = sound
            .min_by(|a, b| a.entrant.score().total_cmp(&b.entrant.score()))?
            .entrant;
        let (started, width) = (self.started, self.width);
        self.runners.iter_mut().position(|one| {
            let new = !std::mem::replace(&mut one.considered, true);
            let entrant = &one.entrant;
            new && one.state == State::Waiting
                && started < width.dials
                && !entrant.last_resort
                && !entrant.accelerated
                && !entrant.prediction.broken
                && best.prediction.value_of_asking(&entrant.prediction) > width.worth
        })
    }

    /// The waiting candidate to start next: no last resort, no open breaker, on another host than
    /// the last one, then of another family, then by what is known, then by its order.
    pub(super) fn choose(&self) -> Option<usize> {
        let accelerated = self.flying().filter(|one| one.accelerated).count();
        let warm = self.is_warm();
        self.runners
            .iter()
            .enumerate()
            .filter(|(_, one)| one.state == State::Waiting)
            .filter(|(_, one)| !one.entrant.accelerated || accelerated < MAX_ACCELERATED)
            .min_by(|(_, a), (_, b)| {
                let key = |one: &Entrant| {
                    let same_host = self.last.is_some_and(|last| last.host == one.host);
                    let same_family = self.last.is_some_and(|last| last.family == one.family);
                    (
                        one.last_resort,
                        one.prediction.broken,
                        same_host,
                        same_family,
                    )
                };
                let merit = |one: &Entrant| if warm { one.score() } else { 0.0 };
                key(&a.entrant)
                    .cmp(&key(&b.entrant))
                    .then(merit(&a.entrant).total_cmp(&merit(&b.entrant)))
                    .then(a.entrant.order.cmp(&b.entrant.order))
            })
            .map(|(number, _)| number)
    }
}
