//! Probing without being asked: what the last rounds brought of each endpoint, and the first choice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use easelect::{Endpoint, EndpointStats, FailureKind, Phase, Residency, Service, rank};

use crate::probe::{Outcome, Probed};

/// Rounds that medians, ratios and the first choice are of: ten minutes, at the usual interval.
const WINDOW: usize = 10;

/// The upper bounds of a histogram's buckets, in seconds.
pub(crate) const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Everything known of what is probed.
#[derive(Debug, Default)]
pub(crate) struct Background {
    pub(crate) groups: BTreeMap<String, Group>,
}

/// What is known of one residency and service.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) residency: Residency,
    pub(crate) service: Service,
    pub(crate) choice: Option<Endpoint>,
    /// How often another one became the first choice.
    pub(crate) changes: u64,
    pub(crate) endpoints: Vec<Watched>,
}

/// What is known of one endpoint.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) endpoint: Endpoint,
    window: VecDeque<Probed>,
    pub(crate) successes: u64,
    pub(crate) failures: BTreeMap<(Phase, FailureKind), u64>,
    pub(crate) counts: [u64; BOUNDS.len() + 1],
    pub(crate) sum: f64,
}

impl Watched {
    fn new(endpoint: Endpoint) -> Self {
        Watched {
            endpoint,
            window: VecDeque::new(),
            successes: 0,
            failures: BTreeMap::new(),
            counts: [0; BOUNDS.len() + 1],
            sum: 0.0,
        }
    }

    fn record(&mut self, probed: &Probed) {
        match probed.failure {
            None => self.successes += 1,
            Some(why) => *self.failures.entry(why).or_default() += 1,
        }
        if let Some(took) = open_time(probed) {
            let took = took.as_secs_f64();
            let bucket = BOUNDS.iter().position(|bound| took <= *bound);
            self.counts[bucket.unwrap_or(BOUNDS.len())] += 1;
            self.sum += took;
        }
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(probed.clone());
    }

    pub(crate) fn last(&self) -> Option<&Probed> {
        self.window.back()
    }

    /// How many rounds the window has.
    pub(crate) fn attempts(&self) -> usize {
        self.window.len()
    }

    /// Of the window's rounds: failed ones in relation to all.
    pub(crate) fn failed_ratio(&self) -> Option<f64> {
        let failed = self.window.iter().filter(|one| !one.succeeded()).count();
        (!self.window.is_empty()).then(|| failed as f64 / self.window.len() as f64)
    }

    /// The median of the window's successes, without the look-up.
    pub(crate) fn open(&self) -> Option<Duration> {
        median(self.window.iter().filter_map(open_time))
    }

    /// The median of a phase over all rounds of the window in which it came to its end.
    pub(crate) fn phase(&self, phase: Phase) -> Option<Duration> {
        median(self.window.iter().filter_map(|one| one.phase(phase)))
    }

    fn stats(&self) -> EndpointStats {
        let mut stats = EndpointStats::new(self.endpoint.clone());
        for one in &self.window {
            match &one.sample {
                Some(sample) => stats.record(sample),
                None => one
                    .lookups
                    .iter()
                    .for_each(|lookup| stats.record_lookup(lookup)),
            }
        }
        stats
    }
}

fn open_time(probed: &Probed) -> Option<Duration> {
    let sample = probed.sample.as_ref().filter(|_| probed.succeeded())?;
    Some(sample.timings.total())
}

/// The middle one, or the lower of both.
fn median(times: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let middle = times.len().checked_sub(1)? / 2;
    Some(times[middle])
}

impl Background {
    /// Takes a round of a group in.
    pub(crate) fn record(
        &mut self,
        name: &str,
        residency: &Residency,
        service: Service,
        outcome: &Outcome,
    ) {
        let group = self.groups.entry(name.to_owned()).or_insert_with(|| Group {
            residency: residency.clone(),
            service,
            choice: None,
            changes: 0,
            endpoints: Vec::new(),
        });
        group.record(outcome);
    }

    /// Forgets what is no target any more.
    pub(crate) fn keep(&mut self, names: &BTreeSet<String>) {
        self.groups.retain(|name, _| names.contains(name));
    }
}

impl Group {
    fn record(&mut self, outcome: &Outcome) {
        let is_there = |one: &Endpoint| {
            outcome
                .endpoints
                .iter()
                .any(|probed| probed.endpoint == *one)
        };
        self.endpoints.retain(|watched| is_there(&watched.endpoint));
        for probed in &outcome.endpoints {
            let place = self
                .endpoints
                .iter()
                .position(|one| one.endpoint == probed.endpoint);
            let place = place.unwrap_or_else(|| {
                self.endpoints.push(Watched::new(probed.endpoint.clone()));
                self.endpoints.len() - 1
            });
            self.endpoints[place].record(probed);
        }
        self.choose();
    }

    /// The first choice: the best over the window of those that opened in the last round. The present one
    /// is the one to be better than, so that noise changes nothing.
    fn choose(&mut self) {
        let opened = |one: &&Watched| one.last().is_some_and(Probed::succeeded);
        let mut able: Vec<&Watched> = self.endpoints.iter().filter(opened).collect();
        able.sort_by_key(|one| Some(&one.endpoint) != self.choice.as_ref());
        let stats = able.into_iter().map(Watched::stats).collect();
        let best = rank(self.residency.clone(), stats)
            .and_then(|ranking| Some(ranking.best()?.endpoint().clone()));
        if let (Some(before), Some(now)) = (&self.choice, &best) {
            self.changes += u64::from(before != now);
        }
        // While nothing opens, the choice that was stays: only another one is a change.
        self.choice = best.or(self.choice.take());
    }

    /// The first choice, if it opened in the last round.
    pub(crate) fn selected(&self) -> Option<&Endpoint> {
        let choice = self.choice.as_ref()?;
        let watched = self.endpoints.iter().find(|one| one.endpoint == *choice)?;
        watched.last()?.succeeded().then_some(choice)
    }
}
