//! A middlebox that limits how many SYNs of a client pass at once.

use super::Event;

/// The times of one connection's SYNs that passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Police {
    passed_ms: Vec<f64>,
}

impl Police {
    /// Returns the additional delay of a SYN that is sent now. A SYN beyond the limit is lost once. Lost
    /// SYNs don't count towards the limit, as in a token bucket.
    pub(crate) fn late_ms(&mut self, event: &Event, now_ms: f64) -> f64 {
        let syn = &event.world.parameters.syn;
        if syn.passed == 0 {
            return 0.0;
        }
        let recent = |at_ms: &&f64| now_ms - **at_ms < syn.passed_within_ms;
        if self.passed_ms.iter().filter(recent).count() < syn.passed {
            self.passed_ms.push(now_ms);
            return 0.0;
        }
        syn.repeats_ms().first().copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::parameters::Parameters;
    use crate::world::{Client, World};

    fn late(world: &str, sent_ms: &[f64]) -> Vec<f64> {
        let world = World::new(Parameters::variant(world).unwrap(), 1);
        let event = Client::new(&world, 0).events().next().unwrap();
        let mut police = Police::default();
        let late = sent_ms.iter().map(|ms| police.late_ms(&event, *ms));
        late.collect()
    }

    #[test]
    fn beyond_so_many_a_syn_is_lost_once() {
        let sent_ms = [0.0, 0.0, 0.0, 50.0, 100.0, 101.0, 102.0];
        assert_eq!(late("default", &sent_ms), [0.0; 7]);
        let two = [0.0, 0.0, 1e3, 1e3, 0.0, 0.0, 1e3];
        assert_eq!(late("police-2", &sent_ms), two);
        let one = [0.0, 1e3, 1e3, 1e3, 0.0, 1e3, 1e3];
        assert_eq!(late("police-1", &sent_ms), one);
    }
}
