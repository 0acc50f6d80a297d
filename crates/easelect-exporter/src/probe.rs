//! One probe: a handshake with each endpoint of a target, within a timeout.

use std::sync::Arc;
use std::time::Duration;

use easelect::futures::StreamExt;
use easelect::{
    Ended, Endpoint, Error, Failure, FailureKind, Lookup, Phase, ProbeEvent, ProbeOutcome, Prober,
    Rounds, Sample, shown,
};
use tokio::time::Instant;

use crate::config::Module;
use crate::one_address::OneAddress;
use crate::target::Target;

/// The result of a probe, shared by every scrape that waited for it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) started: Instant,
    pub(crate) took: Duration,
    /// The probe's timeout. If `took` is less, nothing was cut off.
    pub(crate) timeout: Duration,
    /// Best first.
    pub(crate) endpoints: Vec<Probed>,
    /// The lines that `debug=true` shows. IP addresses appear here, and in no label.
    pub(crate) log: Vec<String>,
}

/// The result for one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    pub(crate) endpoint: Endpoint,
    /// The attempt, if one was made.
    pub(crate) sample: Option<Box<Sample>>,
    pub(crate) lookups: Vec<Lookup>,
    /// Phase and kind of the failure; `None` on success.
    pub(crate) failure: Option<(Phase, FailureKind)>,
}

impl Probed {
    pub(crate) fn succeeded(&self) -> bool {
        self.failure.is_none()
    }

    /// Duration of the lookup that found the address; if none did, of the longest.
    pub(crate) fn lookup(&self) -> Option<Duration> {
        let found = |one: &&Lookup| match (&one.outcome, &self.sample) {
            (Ok(addresses), Some(sample)) => addresses.contains(&sample.address.ip()),
            (outcome, None) => outcome.is_ok(),
            (Err(_), Some(_)) => false,
        };
        let mut all = self.lookups.iter();
        let took = all.clone().find(found).map(|one| one.took);
        took.or_else(|| all.by_ref().map(|one| one.took).max())
    }

    /// Duration of a phase, if it completed. That includes the DNS lookup, which each probe makes anew.
    pub(crate) fn phase(&self, phase: Phase) -> Option<Duration> {
        if phase == Phase::Resolve {
            let found = self.lookups.iter().any(|one| one.outcome.is_ok());
            return self.lookup().filter(|_| found);
        }
        self.sample.as_ref()?.timings.get(phase)
    }
}

/// Maximum number of lines for `debug=true`.
const MOST_LINES: usize = 200;

/// Probes a target.
///
/// # Errors
///
/// If the module's dialer cannot be built, which [`Config`](crate::Config) has checked before.
pub(crate) async fn probe(
    target: &Target,
    module: &Module,
    timeout: Duration,
) -> Result<Outcome, Error> {
    let started = Instant::now();
    let resolver = OneAddress::new(Arc::clone(&module.resolver), module.families);
    let dialer = module.dialer.clone().resolver(resolver);
    let dialer = dialer.attempt_timeout(timeout).build()?;
    let mut prober = Prober::builder()
        .endpoints(target.endpoints.iter().cloned())
        .dialer(dialer.clone())
        .rounds(Rounds::Exact(1))
        .in_flight(target.endpoints.len().clamp(1, 16))
        .deadline(timeout);
    if let Some(residency) = target
        .residency
        .as_ref()
        .filter(|one| one.regions().len() > 1)
    {
        prober = prober.pool(residency.clone());
    }
    let mut probing = prober.build()?.run();
    let (mut samples, mut lookups) = (Vec::new(), Vec::new());
    let mut outcome = ProbeOutcome::default();
    let mut log = Vec::new();
    while let Some(event) = probing.next().await {
        if log.len() < MOST_LINES {
            log.extend(line(&event));
        }
        match event {
            ProbeEvent::Sample(sample) => samples.push(sample),
            ProbeEvent::Lookup(lookup) => {
                // A host without addresses of one family is not worth a line.
                let is_telling = |one: &&Failure| one.kind() != FailureKind::NoAddress;
                if let Some(failure) = lookup.outcome.as_ref().err().filter(is_telling) {
                    let host = shown(&lookup.host, 260);
                    tracing::debug!(host, family = %lookup.family, error = %failure, "DNS lookup failed");
                }
                lookups.push(lookup);
            }
            ProbeEvent::Finished(finished) => outcome = finished,
            _ => {}
        }
    }
    let ranked = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    let ranked: Vec<Endpoint> = ranked.map(|one| one.endpoint().clone()).collect();
    // Without a ranking, as when the probe was cut off early: all endpoints, in the catalogue's order.
    let all = if ranked.is_empty() {
        target.endpoints.clone()
    } else {
        ranked
    };
    let endpoints = all.into_iter().map(|endpoint| {
        let of_it: Vec<&Box<Sample>> = samples
            .iter()
            .filter(|one| one.endpoint == endpoint)
            .collect();
        let best = of_it
            .iter()
            .find(|one| one.outcome.is_ok())
            .or(of_it.first());
        let peer = dialer.peer(&endpoint);
        let is_its = |one: &&Lookup| (one.host.as_str(), one.port) == (peer.host, peer.port);
        let lookups: Vec<Lookup> = lookups.iter().filter(is_its).cloned().collect();
        let sample = best.map(|one| (*one).clone());
        Probed {
            failure: failure(&endpoint, sample.as_deref(), &lookups, &outcome),
            endpoint,
            sample,
            lookups,
        }
    });
    Ok(Outcome {
        endpoints: endpoints.collect(),
        started,
        took: started.elapsed(),
        timeout,
        log,
    })
}

/// Returns why an endpoint is not ready; `None` if it is.
fn failure(
    endpoint: &Endpoint,
    sample: Option<&Sample>,
    lookups: &[Lookup],
    outcome: &ProbeOutcome,
) -> Option<(Phase, FailureKind)> {
    let labels = |failure: &Failure| (failure.phase(), failure.kind());
    if let Some(sample) = sample {
        return sample.outcome.as_ref().err().map(labels);
    }
    let mut unfinished = outcome
        .unfinished
        .iter()
        .filter(|one| one.endpoint == *endpoint);
    if let Some(cut_off) = unfinished.next() {
        return Some((
            cut_off.phase.unwrap_or(Phase::Resolve),
            FailureKind::Timeout,
        ));
    }
    // A failed lookup of one family says more than the other family having no address.
    let failed = || lookups.iter().filter_map(|one| one.outcome.as_ref().err());
    let telling = failed().find(|one| one.kind() != FailureKind::NoAddress);
    let kind = match outcome.ended {
        Ended::Deadline => FailureKind::Timeout,
        _ => FailureKind::Other,
    };
    Some(
        telling
            .or(failed().next())
            .map_or((Phase::Resolve, kind), labels),
    )
}

/// Formats an event for `debug=true`.
fn line(event: &ProbeEvent) -> Option<String> {
    let text = match event {
        ProbeEvent::Lookup(one) => {
            let host = shown(&one.host, 260);
            let found = match &one.outcome {
                Ok(addresses) => format!("{addresses:?}"),
                Err(failure) => failure.to_string(),
            };
            format!(
                "lookup of {host} ({}) in {:?}: {found}",
                one.family, one.took
            )
        }
        ProbeEvent::Sample(one) => {
            let mut text = format!("{} at {}", one.endpoint, one.address);
            for (phase, took) in one.timings.iter() {
                text.push_str(&format!(", {phase} {took:?}"));
            }
            match &one.outcome {
                Ok(()) => text.push_str(": success"),
                Err(failure) => text.push_str(&format!(": {failure}")),
            }
            text
        }
        ProbeEvent::Finished(outcome) => format!("{} in {:?}", outcome.ended, outcome.took),
        _ => return None,
    };
    Some(shown(&text, 600))
}
