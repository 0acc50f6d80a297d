//! Races: RFC 8305, the same decided by the whole handshake, and everything at once.

use super::resolve;
use super::serial::HOST_LIMIT_MS;
use crate::policy::{Connecting, Happening, LIMIT_MS, Policy};
use crate::world::Event;

/// The recommended connection attempt delay (RFC 8305 §8).
const ATTEMPT_DELAY_MS: f64 = 250.0;

/// Dials addresses in turn, `delay_ms` apart. The first TCP connection wins and has the rest of the time.
pub(super) fn tcp_wins(
    sim: &mut Connecting,
    addresses: &[usize],
    delay_ms: f64,
    until_ms: f64,
) -> bool {
    let mut waiting = addresses.iter();
    let (mut in_flight, mut winner) = (Vec::new(), None);
    let mut next_ms = sim.now_ms();
    loop {
        while winner.is_none() && sim.now_ms() >= next_ms {
            let Some(one) = waiting.next() else {
                next_ms = f64::INFINITY;
                break;
            };
            sim.dial(*one);
            in_flight.push(*one);
            next_ms = sim.now_ms() + delay_ms;
        }
        if in_flight.is_empty() {
            return false;
        }
        let happening = sim.wait(next_ms.min(until_ms));
        if happening.is_none() || sim.now_ms() >= until_ms {
            break;
        }
        match happening {
            Some(Happening::Established(one)) => {
                in_flight
                    .iter()
                    .filter(|other| **other != one)
                    .for_each(|other| sim.cancel(*other));
                (in_flight, winner, next_ms) = (vec![one], Some(one), f64::INFINITY);
                sim.handshake(one);
            }
            Some(Happening::Open(_)) => return true,
            Some(Happening::Failed(one, _)) => {
                in_flight.retain(|other| *other != one);
                next_ms = sim.now_ms();
            }
            _ => {}
        }
    }
    in_flight.iter().for_each(|one| sim.cancel(*one));
    false
}

/// A host's addresses, IPv6 and IPv4 in turn (RFC 8305 §4).
fn interleaved(event: &Event, host: usize) -> Vec<usize> {
    let (v6, v4): (Vec<usize>, Vec<usize>) = event
        .addresses(host)
        .into_iter()
        .partition(|one| event.candidates()[*one].v6);
    let mut order = Vec::new();
    for n in 0..v6.len().max(v4.len()) {
        order.extend(v6.get(n).into_iter().chain(v4.get(n)));
    }
    order
}

/// RFC 8305 on one host after the other, 10 s each.
#[derive(Debug)]
pub(crate) struct TcpWins;

impl Policy for TcpWins {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        for host in (0..event.hosts()).cycle() {
            let until_ms = sim.now_ms() + HOST_LIMIT_MS;
            if !resolve(sim, host)
                || tcp_wins(sim, &interleaved(event, host), ATTEMPT_DELAY_MS, until_ms)
                || sim.now_ms() >= LIMIT_MS
            {
                return;
            }
        }
    }
}

/// Dials all hosts' addresses, host after host, 250 ms apart. The first whole handshake wins, as in the
/// draft of Happy Eyeballs version 3.
#[derive(Debug)]
pub(crate) struct OpenWins;

impl Policy for OpenWins {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        (0..event.hosts()).for_each(|host| sim.resolve(host));
        let mut resolved = vec![false; event.hosts()];
        let mut waiting: Vec<usize> = (0..event.hosts())
            .flat_map(|host| interleaved(event, host))
            .collect();
        let mut next_ms: f64 = 0.0;
        loop {
            let next = waiting
                .iter()
                .position(|one| resolved[event.candidates()[*one].host]);
            if let (Some(index), true) = (next, sim.now_ms() >= next_ms) {
                sim.dial(waiting.remove(index));
                next_ms = sim.now_ms() + ATTEMPT_DELAY_MS;
                continue;
            }
            let until_ms = if next.is_some() {
                next_ms
            } else {
                f64::INFINITY
            };
            match sim.wait(until_ms) {
                Some(Happening::Resolved(host)) => resolved[host] = true,
                Some(Happening::Established(one)) => sim.handshake(one),
                Some(Happening::Failed(..)) => next_ms = sim.now_ms(),
                Some(Happening::Open(_)) | None => return,
                Some(Happening::Secured(_) | Happening::Time) => {}
            }
        }
    }
}

/// Dials everything at once. The first whole handshake wins.
#[derive(Debug)]
pub(crate) struct RaceAll;

impl Policy for RaceAll {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        (0..event.hosts()).for_each(|host| sim.resolve(host));
        loop {
            match sim.wait(f64::INFINITY) {
                Some(Happening::Resolved(host)) => {
                    event
                        .addresses(host)
                        .into_iter()
                        .for_each(|one| sim.dial(one));
                }
                Some(Happening::Established(one)) => sim.handshake(one),
                Some(Happening::Open(_)) | None => return,
                Some(_) => {}
            }
        }
    }
}
