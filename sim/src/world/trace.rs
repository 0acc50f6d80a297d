//! Traces: measured round trips instead of a world's weeks.
//!
//! ```text
//! client NAME N              a client with N candidates, as many as the world has; clients of the
//!                            same name share a table of results
//! HOURS one,two one,two …    a moment: for each candidate, in the world's order, two handshakes
//! ```
//!
//! `HOURS` counts from the start and never decreases. A handshake is `SYN/TLS/UPGRADE` in ms, `S` if no
//! SYN is answered, or `T` if the SYN is answered, after 50 ms, but TLS is not. A connection's first
//! attempt at the candidate meets the first handshake; further attempts and probes meet the second. The
//! world decides which candidates belong to one host. DNS answers from its cache. There is no loss and no
//! queueing besides what the trace contains.

use std::fs::File;
use std::io::Read;

use super::event::{Event, Path};
use super::{Answer, Attempt, Fault, World, purpose};

/// The traces of the clients of one name.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    clients: Vec<Vec<Moment>>,
}

#[derive(Debug)]
struct Moment {
    hour: f64,
    /// Two per candidate.
    attempts: Vec<[Attempt; 2]>,
}

const MOST_BYTES: u64 = 1 << 28;
/// Each name has a table.
const MOST_NAMES: usize = 100;
/// The longest time of a leg.
const MOST_MS: f64 = 600_000.0;
/// Ten years.
const MOST_HOURS: f64 = 87_600.0;
/// The time after which a SYN is answered before TLS stays silent.
const SYN_MS: f64 = 50.0;

impl Trace {
    /// Reads a file of clients with `candidates` candidates. Returns one trace per name.
    pub(crate) fn read(path: &std::path::Path, candidates: usize) -> Result<Vec<Self>, String> {
        let at = |error: String| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(|error| at(error.to_string()))?;
        let mut text = String::new();
        let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| at(error.to_string()))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(at(format!("expected at most {MOST_BYTES} bytes")));
        }
        Trace::parse(&text, candidates).map_err(at)
    }

    fn parse(text: &str, candidates: usize) -> Result<Vec<Self>, String> {
        let mut traces: Vec<Trace> = Vec::new();
        // The index of the trace to which the next moments belong.
        let mut current: Option<usize> = None;
        for (number, line) in text.lines().enumerate() {
            let at = |error: String| format!("line {}: {error}", number + 1);
            let words: Vec<&str> = line.split_whitespace().collect();
            let moments = current.and_then(|current| traces[current].clients.last_mut());
            match (&words[..], moments) {
                ([], _) => {}
                (["client", name, count], _) if count.parse() == Ok(candidates) => {
                    let known = traces.iter().position(|one| one.name == *name);
                    let place = known.unwrap_or(traces.len());
                    if known.is_none() {
                        traces.push(Trace::named(name));
                    }
                    traces[place].clients.push(Vec::new());
                    current = Some(place);
                }
                (["client", ..], _) => {
                    let error = format!("expected \"client NAME {candidates}\", found {line:.60?}");
                    return Err(at(error));
                }
                (_, None) => return Err(at("expected a client before its moments".to_owned())),
                ([hour, attempts @ ..], Some(moments)) => {
                    let earliest = moments.last().map_or(0.0, |one| one.hour);
                    moments.push(Moment::parse(hour, attempts, earliest, candidates).map_err(at)?);
                }
            }
            if traces.len() > MOST_NAMES {
                return Err(at(format!(
                    "expected at most {MOST_NAMES} names of clients"
                )));
            }
        }
        traces.retain(|one| one.clients.iter().any(|moments| !moments.is_empty()));
        if traces.is_empty() {
            return Err("expected a client with at least one moment".to_owned());
        }
        Ok(traces)
    }

    fn named(name: &str) -> Self {
        Trace {
            name: name.to_owned(),
            clients: Vec::new(),
        }
    }

    pub(crate) fn clients(&self) -> u64 {
        self.clients.len() as u64
    }

    /// Returns a client's connections, all on one network, in order of time.
    pub(crate) fn events<'w>(
        &self,
        world: &'w World,
        number: u64,
    ) -> impl Iterator<Item = Event<'w>> {
        let client = usize::try_from(number).ok();
        let moments = client.and_then(|client| self.clients.get(client));
        let moments = moments.into_iter().flatten().enumerate();
        moments.map(move |(index, moment)| moment.event(world, number, index as u64))
    }
}

impl Moment {
    fn parse(
        hour: &str,
        attempts: &[&str],
        earliest: f64,
        candidates: usize,
    ) -> Result<Self, String> {
        let later = |hour: &f64| (earliest..=MOST_HOURS).contains(hour);
        let known = hour.parse().ok().filter(later);
        let hour = known.ok_or_else(|| {
            format!("expected hours from {earliest} to {MOST_HOURS}, found {hour:.40?}")
        })?;
        if attempts.len() != candidates {
            return Err(format!(
                "expected {candidates} candidates, found {}",
                attempts.len()
            ));
        }
        let attempts = attempts.iter().map(|text| {
            let two = text.split_once(',');
            let two = two.and_then(|(one, other)| Some([attempt(one)?, attempt(other)?]));
            two.ok_or_else(|| {
                format!(
                    "expected two handshakes like \"20.5/21/40,S\", S, T or each time above 0 and \
                     up to {MOST_MS} ms, found {text:.80?}"
                )
            })
        });
        Ok(Moment {
            hour,
            attempts: attempts.collect::<Result<_, _>>()?,
        })
    }

    fn event<'w>(&self, world: &'w World, number: u64, index: u64) -> Event<'w> {
        let dns_ms = vec![world.parameters.dns.cached_ms; world.hosts()];
        Event {
            world,
            purpose: [world.seed, purpose::TRACE, number, index],
            hour: self.hour,
            network: 0,
            is_cold: index == 0,
            cellular: false,
            jitter: 0.0,
            syn_proxy_ms: None,
            queue_ms: 0.0,
            loss: 0.0,
            dns_again_ms: dns_ms.clone(),
            dns_ms,
            paths: self.attempts.iter().map(|[one, _]| path(one)).collect(),
            traced: Some(self.attempts.clone()),
        }
    }
}

/// Parses a handshake. Returns `None` if it is malformed.
fn attempt(text: &str) -> Option<Attempt> {
    match text {
        "S" => return Some(Attempt::SILENT),
        "T" => {
            return Some(Attempt {
                syn: Answer::After(SYN_MS),
                ..Attempt::SILENT
            });
        }
        _ => {}
    }
    let mut flights = text.split('/').map(|flight| {
        let ms = flight.parse().ok();
        ms.filter(|ms| 0.0 < *ms && *ms <= MOST_MS)
            .map(Answer::After)
    });
    let mut flight = || flights.next().flatten();
    let attempt = Attempt {
        syn: flight()?,
        tls: flight()?,
        upgrade: flight()?,
    };
    flights.next().is_none().then_some(attempt)
}

/// Returns the path that a first attempt suggests.
fn path(first: &Attempt) -> Path {
    let (rtt_ms, origin_rtt_ms, fault) = match (first.syn, first.tls, first.upgrade) {
        (Answer::After(syn), Answer::After(tls), Answer::After(upgrade)) => {
            (f64::midpoint(syn, tls), upgrade, None)
        }
        (Answer::After(syn), ..) => (syn, syn, Some(Fault::TlsSilent)),
        _ => (SYN_MS, SYN_MS, Some(Fault::Silent)),
    };
    Path {
        rtt_ms,
        origin_rtt_ms,
        usable: true,
        work_ms: 0.0,
        busy_ms: 0.0,
        fault,
        server_fault: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::parameters::Parameters;

    fn world() -> World {
        let mut parameters = Parameters::variant("two-hosts").unwrap();
        (parameters.topology.ipv4, parameters.topology.ipv6) = (1, 0);
        World::new(parameters, 1)
    }

    #[test]
    fn a_trace_is_what_attempts_meet() {
        let text = "client one 2\n0.5 10/20/30,S T,1/2/3\n\nclient two 2\n3 S,S S,S\n\
                    client one 2\n0 S,S S,S\n0 T,T T,T\n";
        let world = world();
        let traces = Trace::parse(text, 2).unwrap();
        let clients = |one: &Trace| (one.name.clone(), one.clients());
        let clients: Vec<(String, u64)> = traces.iter().map(clients).collect();
        assert_eq!(clients, [("one".to_owned(), 2), ("two".to_owned(), 1)]);
        let trace = &traces[0];
        assert_eq!(trace.events(&world, 1).count(), 2);
        assert_eq!(trace.events(&world, 2).count(), 0);
        let event = trace.events(&world, 0).next().unwrap();
        assert!((event.hour - 0.5).abs() < 1e-9);
        assert_eq!(event.attempt(0, 0).open_ms(), Some(60.0));
        assert_eq!(event.attempt(0, 1).syn, Answer::Never);
        assert_eq!(event.attempt(1, 0).syn, Answer::After(50.0));
        assert_eq!(event.attempt(1, 0).tls, Answer::Never);
        assert_eq!(event.attempt(1, 7).open_ms(), Some(6.0));
        assert_eq!(event.oracle_ms(), Some(60.0));
    }

    #[test]
    fn a_malformed_line_is_told_by_its_number() {
        let cases = [
            ("", "at least one moment"),
            ("client one 2\n", "at least one moment"),
            ("0 S,S S,S", "line 1: expected a client"),
            ("client one 3", "line 1: expected \"client NAME 2\""),
            ("client one", "line 1: expected \"client NAME 2\""),
            ("client one 2\nx S,S S,S", "line 2: expected hours"),
            ("client one 2\nNaN S,S S,S", "line 2: expected hours"),
            ("client one 2\n-1 S,S S,S", "line 2: expected hours"),
            ("client one 2\n1e9 S,S S,S", "line 2: expected hours"),
            (
                "client one 2\n1 S,S S,S\n0 S,S S,S",
                "line 3: expected hours from 1",
            ),
            (
                "client one 2\n0 S,S",
                "line 2: expected 2 candidates, found 1",
            ),
            ("client one 2\n0 S,S S", "line 2: expected two handshakes"),
            (
                "client one 2\n0 S,S S,S,S",
                "line 2: expected two handshakes",
            ),
            (
                "client one 2\n0 S,S S,1/2",
                "line 2: expected two handshakes",
            ),
            (
                "client one 2\n0 S,S S,1/2/3/4",
                "line 2: expected two handshakes",
            ),
            (
                "client one 2\n0 S,S S,1/2/-3",
                "line 2: expected two handshakes",
            ),
            (
                "client one 2\n0 S,S S,1/2/inf",
                "line 2: expected two handshakes",
            ),
            (
                "client one 2\n0 S,S S,0/2/3",
                "line 2: expected two handshakes",
            ),
        ];
        for (text, expected) in cases {
            let error = Trace::parse(text, 2).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
