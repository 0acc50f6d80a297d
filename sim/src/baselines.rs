//! Other clients' policies, to compare with.

mod eyeballs;
mod latency;
mod serial;

pub(crate) use eyeballs::{OpenWins, RaceAll, TcpWins};
pub(crate) use latency::{MongoWindow, PeakEwma, TcpPing};
pub(crate) use serial::Serial;

use crate::policy::{Connecting, Happening};

/// Opens a connection to one candidate. Returns false if it failed or took longer than `limit_ms`.
fn connect_one(sim: &mut Connecting, candidate: usize, limit_ms: f64) -> bool {
    sim.dial(candidate);
    let until_ms = sim.now_ms() + limit_ms;
    while let Some(happening) = sim.wait(until_ms) {
        match happening {
            Happening::Established(_) => sim.handshake(candidate),
            Happening::Open(_) => return true,
            Happening::Failed(..) => return false,
            Happening::Time => break,
            Happening::Secured(_) | Happening::Resolved(_) => {}
        }
    }
    sim.cancel(candidate);
    false
}

/// Waits until a host is resolved. Returns false if the time limit comes first.
fn resolve(sim: &mut Connecting, host: usize) -> bool {
    sim.resolve(host);
    while !sim.is_resolved(host) {
        if sim.wait(f64::INFINITY).is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Connecting, Policy};
    use crate::world::parameters::Parameters;
    use crate::world::{Client, World};

    /// The oracle races everything, with free DNS.
    #[test]
    fn race_all_is_the_oracle_plus_dns() {
        let world = World::new(Parameters::variant("default").unwrap(), 1);
        for event in Client::new(&world, 5).events().take(50) {
            let mut connecting = Connecting::new(&event);
            RaceAll.connect(&event, &mut connecting);
            let (_, ms) = connecting.tally().opened.unwrap();
            let oracle_ms = event.oracle_ms().unwrap();
            let slowest_dns = (0..event.hosts())
                .map(|host| event.dns_ms(host))
                .fold(0.0, f64::max);
            assert!(oracle_ms < ms && ms <= oracle_ms + slowest_dns);
        }
    }
}
