//! The storm: every client loses its connection at once, and comes back.
//!
//! Time runs in bins of one second. The servers take so many TLS handshakes a second, in order of
//! arrival, and do the work before they notice that a client has given up: an event loop accepts
//! eagerly. What would wait for more than 20 s finds a full queue: its SYN is dropped.
//!
//! Clients give an attempt 10 s. With less, the servers would work for clients that had given up.

use std::collections::VecDeque;
use std::time::Duration;

use easelect_engine::backoff::{Backoff, ServerHint};
use serde::Serialize;

use crate::random::Random;

/// 50 000 TLS handshakes a second for a million clients.
const CAPACITY_PER_CLIENT: f64 = 0.05;
const QUEUE_SECONDS: f64 = 20.0;
const TIMEOUT_SECONDS: usize = 10;
const HORIZON_SECONDS: usize = 3_600;

/// What a storm did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Return {
    pub(crate) schedule: &'static str,
    pub(crate) outage_seconds: usize,
    pub(crate) clients: usize,
    /// The fullest second, scaled to a million clients.
    pub(crate) peak_tls_per_second: f64,
    /// From when the servers were back; none within the hour.
    pub(crate) half_back_seconds: Option<usize>,
    pub(crate) back_99_percent_seconds: Option<usize>,
    /// Handshakes that reached a server, per client.
    pub(crate) handshakes_per_client: f64,
}

/// How a client comes back.
struct Schedule {
    name: &'static str,
    /// Handshakes started at once per attempt.
    width: usize,
    delays: fn(&mut State, &mut Random) -> f64,
}

struct State {
    attempts: u32,
    backoff: Backoff,
    hinted: Backoff,
}

const SCHEDULES: [Schedule; 5] = [
    Schedule {
        name: "SDK, 1-2 s then 3-10 s",
        width: 1,
        delays: sdk,
    },
    Schedule {
        name: "the same, racing all 8",
        width: 8,
        delays: sdk,
    },
    Schedule {
        name: "full jitter, 1-20 s",
        width: 1,
        delays: |_, random| random.between([1.0, 20.0]),
    },
    Schedule {
        name: "ours, no hint",
        width: 1,
        delays: |state, random| ours(&mut state.backoff, random),
    },
    Schedule {
        name: "ours, hint",
        width: 1,
        delays: |state, random| ours(&mut state.hinted, random),
    },
];

fn sdk(state: &mut State, random: &mut Random) -> f64 {
    state.attempts += 1;
    random.between(if state.attempts == 1 {
        [1.0, 2.0]
    } else {
        [3.0, 10.0]
    })
}

/// The next attempt comes only if this one fails.
fn ours(backoff: &mut Backoff, random: &mut Random) -> f64 {
    let delay = backoff.delay(random.uniform(), Duration::ZERO);
    backoff.failed(None);
    delay.as_secs_f64()
}

/// All schedules, after an instant restart and after an outage of two minutes.
pub(crate) fn all(clients: usize) -> Vec<Return> {
    let runs = SCHEDULES.iter().flat_map(|one| [(one, 0), (one, 120)]);
    runs.map(|(one, outage)| run(one, clients, outage))
        .collect()
}

/// What happens in a second.
#[derive(Clone, Copy)]
enum Due {
    /// This client's attempt begins.
    Attempt(usize),
    /// It gives up the attempt of this number.
    Timeout(usize, u32),
}

fn run(schedule: &Schedule, clients: usize, outage: usize) -> Return {
    let capacity = (clients as f64 * CAPACITY_PER_CLIENT) as usize;
    let hint = Some(ServerHint {
        clients: clients as f64,
        rate: capacity as f64,
    });
    let mut random = Random::new(&[21, clients as u64, outage as u64]);
    let mut hinted = Backoff::default();
    hinted.set_hint(hint);
    let state = || State {
        attempts: 0,
        backoff: Backoff::default(),
        hinted,
    };
    let mut states: Vec<State> = (0..clients).map(|_| state()).collect();
    // The number of each client's attempt; none once it is back.
    let mut attempt: Vec<Option<u32>> = vec![Some(0); clients];
    let mut due: Vec<Vec<Due>> = vec![Vec::new(); HORIZON_SECONDS + 1];
    let mut queue: VecDeque<(usize, u32)> = VecDeque::new();
    for (client, state) in states.iter_mut().enumerate() {
        let delay = (schedule.delays)(state, &mut random);
        due[(delay.floor() as usize).min(HORIZON_SECONDS)].push(Due::Attempt(client));
    }
    let (mut back, mut half, mut most) = (0, None, None);
    let (mut peak, mut reached) = (0, 0);
    for second in 0..HORIZON_SECONDS {
        let mut arrived = 0;
        for one in std::mem::take(&mut due[second]) {
            let (client, refused) = match one {
                Due::Attempt(client) => (client, second < outage),
                Due::Timeout(client, number) if attempt[client] == Some(number) => (client, true),
                Due::Timeout(..) => continue,
            };
            let number = attempt[client].map_or(0, |number| number + 1);
            attempt[client] = Some(number);
            if refused {
                let delay = (schedule.delays)(&mut states[client], &mut random);
                due[bin(second, delay)].push(Due::Attempt(client));
                continue;
            }
            arrived += schedule.width;
            for _ in 0..schedule.width {
                if (queue.len() as f64) < QUEUE_SECONDS * capacity as f64 {
                    queue.push_back((client, number));
                    reached += 1;
                }
            }
            due[bin(second, TIMEOUT_SECONDS as f64)].push(Due::Timeout(client, number));
        }
        peak = peak.max(arrived);
        for _ in 0..capacity {
            let Some((client, number)) = queue.pop_front() else {
                break;
            };
            if attempt[client] == Some(number) {
                attempt[client] = None;
                back += 1;
            }
        }
        let since = second.saturating_sub(outage) + 1;
        if half.is_none() && 2 * back >= clients {
            half = Some(since);
        }
        if 100 * back >= 99 * clients {
            most = Some(since);
            break;
        }
    }
    Return {
        schedule: schedule.name,
        outage_seconds: outage,
        clients,
        peak_tls_per_second: peak as f64 * 1e6 / clients as f64,
        half_back_seconds: half,
        back_99_percent_seconds: most,
        handshakes_per_client: reached as f64 / clients as f64,
    }
}

/// The bin of a moment after this second's.
fn bin(second: usize, delay: f64) -> usize {
    let later = (second as f64 + delay).floor() as usize;
    later.clamp(second + 1, HORIZON_SECONDS)
}

/// The storms as text.
pub(crate) fn text(storms: &[Return]) -> String {
    let mut text = format!(
        "\nthe storm, {} clients (peaks scaled to a million)\n{:<26} {:>7} {:>12} {:>10} {:>10} {:>11}\n",
        storms.first().map_or(0, |one| one.clients),
        "schedule",
        "outage",
        "peak TLS/s",
        "50 % back",
        "99 % back",
        "TLS/client",
    );
    let seconds = |n: Option<usize>| n.map_or_else(|| "> 1 h".to_owned(), |n| format!("{n} s"));
    for one in storms {
        text += &format!(
            "{:<26} {:>5} s {:>10.0} k {:>10} {:>10} {:>11.2}\n",
            one.schedule,
            one.outage_seconds,
            one.peak_tls_per_second / 1_000.0,
            seconds(one.half_back_seconds),
            seconds(one.back_99_percent_seconds),
            one.handshakes_per_client,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_spreads_the_storm() {
        let storms = all(5_000);
        let peak = |name| {
            let one = storms
                .iter()
                .find(|one| one.schedule == name && one.outage_seconds == 0);
            one.unwrap().peak_tls_per_second
        };
        assert!(peak("ours, hint") < 50_000.0);
        assert!(peak("ours, no hint") < 200_000.0);
        assert!(peak("SDK, 1-2 s then 3-10 s") > 900_000.0);
    }
}
