//! The reconnect storm: all clients lose their connections at once, and come back.
//!
//! Easelect's schedules run the engine's own [`Race`](easelect_engine::race::Race) on four hosts. One
//! cluster serves all four, so that every hedge adds to the same queue.
//!
//! The servers' kernel answers SYNs at once. The servers do TLS handshakes in order of arrival, at a fixed
//! rate, and also for clients that have given up: an event loop accepts eagerly. While the queue is longer
//! than 20 s, SYNs are dropped.

mod client;
mod servers;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use easelect_engine::backoff::{Backoff, ServerHint};
use easelect_engine::race::Width;
use serde::Serialize;

use crate::random::Random;
use client::{Client, Coming, Happening, Manner, Outcome};
use servers::{Servers, Syn};

/// TLS handshakes per second and client: 50 000 for a million clients. The hint says so, too.
const CAPACITY_PER_CLIENT: f64 = 0.05;
/// The end of the simulation, five minutes after the longest outage. Clients that are not back by then
/// never will be: the servers only work for attempts that were abandoned.
const HORIZON_US: u64 = 420_000_000;

/// The results of one storm.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Return {
    pub(crate) schedule: &'static str,
    pub(crate) servers: &'static str,
    pub(crate) clients: usize,
    /// The most handshakes in a second, scaled to a million clients.
    pub(crate) peak_tls_per_second: f64,
    /// Counted from the servers' return. `None` if it takes more than five minutes.
    pub(crate) half_back_seconds: Option<f64>,
    pub(crate) back_99_percent_seconds: Option<f64>,
    /// Handshakes that reached a server by then, per client.
    pub(crate) handshakes_per_client: f64,
    /// Dials by then, per client.
    pub(crate) dials_per_client: f64,
}

/// How a client comes back.
struct Schedule {
    name: &'static str,
    manner: Manner,
    delays: Delays,
}

/// How long a client waits before a try.
enum Delays {
    /// Uniform between limits: before the first try, and before each further one.
    Between([f64; 2], [f64; 2]),
    Ours {
        hint: bool,
    },
}

const SCHEDULES: [Schedule; 9] = [
    Schedule {
        name: "SDK, 1-2 s then 3-10 s",
        manner: Manner::All(1),
        delays: Delays::Between([1.0, 2.0], [3.0, 10.0]),
    },
    Schedule {
        name: "the same, racing all 8",
        manner: Manner::All(8),
        delays: Delays::Between([1.0, 2.0], [3.0, 10.0]),
    },
    Schedule {
        name: "full jitter, 1-20 s",
        manner: Manner::All(1),
        delays: Delays::Between([1.0, 20.0], [1.0, 20.0]),
    },
    Schedule {
        name: "ours, no hint",
        manner: Manner::Race(Width::after_loss),
        delays: Delays::Ours { hint: false },
    },
    Schedule {
        name: "ours, hint",
        manner: Manner::Race(Width::after_loss),
        delays: Delays::Ours { hint: true },
    },
    Schedule {
        name: "hedged at 1.5 s, no hint",
        manner: Manner::Race(|_| Width::RECONNECT),
        delays: Delays::Ours { hint: false },
    },
    Schedule {
        name: "hedged at 1.5 s, hint",
        manner: Manner::Race(|_| Width::RECONNECT),
        delays: Delays::Ours { hint: true },
    },
    Schedule {
        name: "one at a time, no hint",
        manner: Manner::Race(|_| Width::ONE),
        delays: Delays::Ours { hint: false },
    },
    Schedule {
        name: "one at a time, hint",
        manner: Manner::Race(|_| Width::ONE),
        delays: Delays::Ours { hint: true },
    },
];

/// How the servers come back.
struct Restart {
    name: &'static str,
    outage_us: u64,
    /// The share of their usual capacity.
    capacity: f64,
}

const RESTARTS: [Restart; 3] = [
    Restart {
        name: "at once",
        outage_us: 0,
        capacity: 1.0,
    },
    Restart {
        name: "after 120 s",
        outage_us: 120_000_000,
        capacity: 1.0,
    },
    // Half of the capacity in the hint.
    Restart {
        name: "half of them",
        outage_us: 0,
        capacity: 0.5,
    },
];

/// Plays all schedules whose name contains `name`, with all restarts.
pub(crate) fn all(clients: usize, name: &str) -> Vec<Return> {
    let chosen = SCHEDULES.iter().filter(|one| one.name.contains(name));
    let runs = chosen.flat_map(|one| RESTARTS.iter().map(move |restart| (one, restart)));
    runs.map(|(one, restart)| Storm::new(one, restart, clients).run())
        .collect()
}

/// The numbers of a client and of its try.
type Whose = (usize, u32);

struct Storm<'s> {
    schedule: &'s Schedule,
    restart: &'s Restart,
    clients: Vec<Client>,
    servers: Servers,
    due: BinaryHeap<Reverse<(u64, Whose, Happening)>>,
    dials: u64,
}

impl<'s> Storm<'s> {
    fn new(schedule: &'s Schedule, restart: &'s Restart, clients: usize) -> Self {
        let capacity = clients as f64 * CAPACITY_PER_CLIENT;
        let mut backoff = Backoff::default();
        if let Delays::Ours { hint: true } = schedule.delays {
            backoff.set_hint(Some(ServerHint {
                clients: clients as f64,
                rate: capacity,
            }));
        }
        let mut storm = Storm {
            schedule,
            restart,
            clients: (0..clients).map(|n| Client::new(n, backoff)).collect(),
            servers: Servers::new(capacity * restart.capacity, restart.outage_us),
            due: BinaryHeap::new(),
            dials: 0,
        };
        (0..clients).for_each(|client| storm.wait(client, 0));
        storm
    }

    /// Runs until 99 % are back.
    fn run(mut self) -> Return {
        let count = self.clients.len();
        let (mut back, mut half, mut most) = (0, None, None);
        while let Some(Reverse((now_us, whose, happening))) = self.due.pop() {
            if now_us > HORIZON_US {
                break;
            }
            match self.happen(now_us, whose, happening) {
                Outcome::GoesOn => continue,
                Outcome::Failed => {
                    self.wait(whose.0, now_us);
                    continue;
                }
                Outcome::Back => back += 1,
            }
            let since = now_us.saturating_sub(self.restart.outage_us) as f64 / 1e6;
            if half.is_none() && 2 * back >= count {
                half = Some(since);
            }
            if 100 * back >= 99 * count {
                most = Some(since);
                break;
            }
        }
        let (peak, arrived) = self.servers.arrived();
        let clients = count as f64;
        Return {
            schedule: self.schedule.name,
            servers: self.restart.name,
            clients: count,
            peak_tls_per_second: f64::from(peak) * 1e6 / clients,
            half_back_seconds: half,
            back_99_percent_seconds: most,
            handshakes_per_client: arrived as f64 / clients,
            dials_per_client: self.dials as f64 / clients,
        }
    }

    /// Schedules the client's next try after its wait.
    fn wait(&mut self, number: usize, now_us: u64) {
        let client = &mut self.clients[number];
        let mut random = Random::new(&[21, number as u64, client.tries.into()]);
        let wait = match (&self.schedule.delays, client.tries) {
            (Delays::Between(first, _), 0) => Duration::from_secs_f64(random.between(*first)),
            (Delays::Between(_, next), _) => Duration::from_secs_f64(random.between(*next)),
            (Delays::Ours { .. }, tries) => {
                if tries > 0 {
                    client.backoff.failed(None);
                }
                client.backoff.delay(random.uniform(), Duration::ZERO)
            }
        };
        let begins_us = now_us + wait.as_micros() as u64;
        let whose = (number, client.tries + 1);
        self.due.push(Reverse((begins_us, whose, Happening::Begin)));
    }

    fn happen(&mut self, now_us: u64, whose: Whose, happening: Happening) -> Outcome {
        let client = &mut self.clients[whose.0];
        let mut coming = Coming::new();
        let mut outcome = Outcome::GoesOn;
        let is_its_try = client.tries == whose.1 && !client.back;
        match happening {
            Happening::Begin => {
                coming = client.begin(self.schedule.manner, now_us);
                outcome = client.on(happening, now_us, &mut coming);
            }
            // The servers also work for tries that were abandoned.
            Happening::Hello(attempt) => {
                let done_us = self.servers.hello(now_us) - now_us;
                let there_us = done_us + client.half_way_us(attempt);
                coming.push((there_us, Happening::Secured(attempt)));
            }
            _ if !is_its_try => {}
            Happening::Syn(attempt, number) => {
                self.dials += u64::from(number == 0);
                let waits = client.goes_on(attempt) && !client.is_established(attempt);
                if waits && !client.is_lost() {
                    let answer = match self.servers.syn(now_us) {
                        Syn::Answered => Some(Happening::Established(attempt)),
                        Syn::Refused => Some(Happening::Refused(attempt)),
                        Syn::Dropped => None,
                    };
                    let half_way_us = client.half_way_us(attempt);
                    coming.extend(answer.map(|answer| (half_way_us, answer)));
                }
            }
            Happening::Deadline | Happening::Wake => {
                outcome = client.on(happening, now_us, &mut coming);
            }
            Happening::Refused(attempt)
            | Happening::Secured(attempt)
            | Happening::Open(attempt) => {
                if client.goes_on(attempt) {
                    outcome = client.on(happening, now_us, &mut coming);
                }
            }
            Happening::Established(attempt) => {
                if client.goes_on(attempt) && !client.is_established(attempt) {
                    outcome = client.on(happening, now_us, &mut coming);
                }
            }
        }
        for (after_us, what) in coming {
            self.due.push(Reverse((now_us + after_us, whose, what)));
        }
        outcome
    }
}

/// Returns the results as text.
pub(crate) fn text(storms: &[Return]) -> String {
    let mut text = format!(
        "\nthe storm, {} clients (peaks scaled to a million)\n{:<26} {:<12} {:>11} {:>10} {:>10} {:>11} {:>11}\n",
        storms.first().map_or(0, |one| one.clients),
        "schedule",
        "servers back",
        "peak TLS/s",
        "50 % back",
        "99 % back",
        "TLS/client",
        "SYN/client",
    );
    let seconds = |s: Option<f64>| s.map_or_else(|| "> 300 s".to_owned(), |s| format!("{s:.1} s"));
    for one in storms {
        text += &format!(
            "{:<26} {:<12} {:>9.1} k {:>10} {:>10} {:>11.2} {:>11.2}\n",
            one.schedule,
            one.servers,
            one.peak_tls_per_second / 1_000.0,
            seconds(one.half_back_seconds),
            seconds(one.back_99_percent_seconds),
            one.handshakes_per_client,
            one.dials_per_client,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(name: &str, servers: &str) -> Return {
        let mut storms = all(5_000, name);
        storms.retain(|one| one.servers == servers);
        storms.remove(0)
    }

    #[test]
    fn a_hint_spreads_the_storm() {
        let peak = |name| storm(name, "at once").peak_tls_per_second;
        assert!(peak("ours, hint") < 50_000.0);
        assert!(peak("ours, no hint") < 200_000.0);
        assert!(peak("SDK, 1-2 s then 3-10 s") > 900_000.0);
    }

    /// If every client hedges, the hedges lengthen the queue. `Width::after_loss` doesn't.
    #[test]
    fn hedges_do_not_add_to_a_crowd_s_queue() {
        let [ours, one, everybody] = ["ours", "one at a time", "hedged at 1.5 s"].map(|manner| {
            let storm = storm(&format!("{manner}, no hint"), "at once");
            (storm.peak_tls_per_second, storm.handshakes_per_client)
        });
        assert!(ours.0 < 1.1 * one.0, "{ours:?} {one:?}");
        assert!(ours.1 < 1.1 * one.1, "{ours:?} {one:?}");
        assert!(everybody.1 > 2.0 * one.1, "{everybody:?} {one:?}");
        // Half of the servers in the hint.
        let [ours, one] = ["ours, hint", "one at a time, hint"].map(|name| {
            let storm = storm(name, "half of them");
            (
                storm.handshakes_per_client,
                storm.back_99_percent_seconds.unwrap(),
            )
        });
        assert!(
            ours.0 < 1.1 * one.0 && ours.1 < 1.1 * one.1,
            "{ours:?} {one:?}"
        );
    }
}
