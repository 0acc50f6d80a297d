//! Results of background probing: the last rounds of each endpoint, and each group's first choice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use easelect::{Endpoint, EndpointStats, FailureKind, Phase, Residency, Service, rank};

use crate::probe::{Outcome, Probed};

/// Rounds that medians, ratios and the first choice cover: ten minutes at the default interval.
const WINDOW: usize = 10;

/// Upper bounds of the histogram's buckets, in seconds.
pub(crate) const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The results of all background targets.
#[derive(Debug, Default)]
pub(crate) struct Background {
    pub(crate) groups: BTreeMap<String, Group>,
    /// When the last round of any group ended.
    pub(crate) last_round: Option<SystemTime>,
}

/// The results of one group: one residency and service.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) residency: Residency,
    pub(crate) service: Service,
    pub(crate) choice: Option<Endpoint>,
    /// How often the first choice changed.
    pub(crate) changes: u64,
    pub(crate) endpoints: Vec<Watched>,
}

/// The results of one endpoint.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) endpoint: Endpoint,
    /// The last rounds, at most [`WINDOW`].
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

    /// Number of rounds in the window.
    pub(crate) fn attempts(&self) -> usize {
        self.window.len()
    }

    /// Fraction of the window's rounds that failed.
    pub(crate) fn failed_ratio(&self) -> Option<f64> {
        let failed = self.window.iter().filter(|one| !one.succeeded()).count();
        (!self.window.is_empty()).then(|| failed as f64 / self.window.len() as f64)
    }

    /// Median time to open over the window's successes, without the DNS lookup.
    pub(crate) fn open(&self) -> Option<Duration> {
        median(self.window.iter().filter_map(open_time))
    }

    /// Median duration of a phase over the rounds of the window in which it completed.
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

/// The median; of an even number, the lower of the two in the middle.
fn median(times: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let middle = times.len().checked_sub(1)? / 2;
    Some(times[middle])
}

impl Background {
    /// Records a round of a group.
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
        self.last_round = Some(SystemTime::now());
    }

    /// Drops the results of groups that are no longer targets.
    pub(crate) fn keep(&mut self, names: &BTreeSet<String>) {
        self.groups.retain(|name, _| names.contains(name));
        if self.groups.is_empty() {
            self.last_round = None;
        }
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

    /// Chooses the best over the window among the endpoints that opened in the last round. The current choice
    /// is ranked first, so that only a clearly better endpoint replaces it.
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
        // While nothing opens, the choice is kept, so that its return does not count as a change.
        self.choice = best.or(self.choice.take());
    }

    /// Returns the first choice, if it opened in the last round.
    pub(crate) fn selected(&self) -> Option<&Endpoint> {
        let choice = self.choice.as_ref()?;
        let watched = self.endpoints.iter().find(|one| one.endpoint == *choice)?;
        watched.last()?.succeeded().then_some(choice)
    }
}
