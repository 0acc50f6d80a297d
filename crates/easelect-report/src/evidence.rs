//! The attempts and lookups of a run, one by one: the evidence of the findings.

use easelect::{Lookup, ProbeEvent, Sample, Unfinished};

/// The most samples or lookups kept: 50 MB, and fifty times as many as a thorough run makes.
const MOST: usize = 100_000;

/// Every attempt and lookup of a run, in the order in which they ended, and what was cut off.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Evidence {
    /// The first 100,000 attempts.
    pub samples: Vec<Sample>,
    /// The first 100,000 lookups.
    pub lookups: Vec<Lookup>,
    /// The attempts under way or planned when the run was cut off.
    pub unfinished: Vec<Unfinished>,
}

impl Evidence {
    /// Keeps the result of an event, if it has one.
    pub fn add(&mut self, event: ProbeEvent) {
        match event {
            ProbeEvent::Sample(sample) if self.samples.len() < MOST => self.samples.push(*sample),
            ProbeEvent::Lookup(lookup) if self.lookups.len() < MOST => self.lookups.push(lookup),
            ProbeEvent::Finished(outcome) => self.unfinished = outcome.unfinished,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use easelect::{Endpoint, Family, ProbeOutcome, Region, Service, Timings};

    use super::*;

    #[test]
    fn results_are_kept_and_bounded() {
        let url = "https://a1.example.com";
        let endpoint = Endpoint::new(Region::CN1, Service::Rest, url).unwrap();
        let address = "192.0.2.1:443".parse().unwrap();
        let sample = Sample::new(endpoint.clone(), address, Timings::default(), Ok(()));
        let lookup = Lookup::new("a1.example.com", 443, Family::V4, Ok(Vec::new()));
        let mut evidence = Evidence::default();
        for _ in 0..=MOST {
            evidence.add(ProbeEvent::Sample(Box::new(sample.clone())));
        }
        evidence.add(ProbeEvent::Lookup(lookup));
        evidence.add(ProbeEvent::Progress {
            done: 1,
            planned: 2,
        });
        let mut outcome = ProbeOutcome::default();
        outcome.unfinished.push(Unfinished::new(endpoint, 3));
        evidence.add(ProbeEvent::Finished(outcome));
        assert_eq!(evidence.samples.len(), MOST);
        assert_eq!(evidence.lookups.len(), 1);
        assert_eq!(evidence.unfinished[0].attempts, 3);
    }
}
