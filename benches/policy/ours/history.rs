//! What is remembered of a network's candidates. Pure: time comes in.
//!
//! Two local-level Kalman filters per candidate, on x = ln SYN round trip (ms) and on
//! ρ = ln((TLS + upgrade)/SYN round trip):
//!
//! ```text
//! predict  P⁻ = min(0.30, P + Q·hours)            Q = 0.007 (x), 0.004 (ρ)
//! update   z  = (y − m)/√(P⁻ + R), clipped to [−2.5, 1.2]
//!          m  ← m + K·z·√(P⁻ + R),  K = P⁻/(P⁻ + R),  P = (1 − K)·P⁻
//! step     two |z| > 2 of one sign in a row: P⁻ += 0.15 before the second
//! ```
//!
//! Upward surprises are clipped harder: one spike must not ruin a good candidate. A measurement
//! that was given up (at least so long) only counts where it is above the mean.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::forecast::{Forecast, NOISE, normal};
use super::health::{Health, Severity};
use super::prior::{Belief, Place, Spread, expect};
use super::race::{Gate, Lesson, Measured};

/// x of a network never seen: 50 ms, give or take a factor of 2; clusters, hosts and addresses
/// differ by 25 %, 32 %, 17 % (the world's log-sd, with what an edge adds to a host's).
const SYN: Spread = Spread {
    mean: 3.912_023_005_428_146,
    network: 0.5,
    cluster: 0.06,
    host: 0.10,
    address: 0.03,
    v6: 0.04,
};

/// ρ: two round trips are ln 2 = 0.69; behind an edge that terminates TLS nearer, more.
const REST: Spread = Spread {
    mean: 0.80,
    network: 1e-6,
    cluster: 1e-6,
    host: 0.05,
    address: 0.015,
    v6: 0.0,
};

/// Q, per hour: what routes and the time of day change. A slower x costs .01 of p50, a faster one
/// dials more (0.014: extra TCP 1.40 instead of 1.21, .01 of p50). ρ at 0.001 makes the preference
/// change 5 instead of 4 times per 100 connections, and gains nothing.
const SYN_DRIFT: f64 = 0.007;
const REST_DRIFT: f64 = 0.004;

/// However long ago, it is no worse than this (0.20: .02 of p50 lost, .05 TCP saved).
const VARIANCE_CAP: f64 = 0.30;

/// Innovations in standard deviations. Hardly clipped upwards (2.5), p50 is .02 worse.
const CLIP: (f64, f64) = (-2.5, 1.2);
const STEP_Z: f64 = 2.0;
const STEP_VARIANCE: f64 = 0.15;

/// ĝ moves by a fifth of a surprise, which is at most a factor of 1.8.
const GATE_GAIN: f64 = 0.2;
const GATE_CLIP: f64 = 0.6;
/// What TLS costs more than a SYN on an honest path: CPU, 4 kB.
const GATE_HONEST: f64 = 0.2;
/// Beyond this, after five handshakes, SYNs are answered by somebody else.
const GATE_LIMIT: f64 = 0.6;
const GATE_COUNT: u32 = 5;

/// The preferred candidate is replaced by one that is better by 8 % with 95 % certainty: 2.6
/// changes per 100 connections; with 90 %, 4.1.
const SWITCH_MARGIN: f64 = 0.08;
const SWITCH_CERTAINTY: f64 = 0.95;
/// Or when it fails this often.
const SWITCH_FAILURES: f64 = 0.3;

/// Candidates unseen for this long may be probed in the background.
const UNSEEN: Duration = Duration::from_secs(3 * 3600);

/// How much to probe in the background after a connection opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refresh {
    pub(crate) probes: usize,
    /// The least value of information for which one is probed.
    pub(crate) worth: f64,
}

/// One Kalman filter.
#[derive(Clone, Copy, Debug)]
struct Filter {
    belief: Belief,
    at: Duration,
    /// The last surprise's sign, if it was a big one.
    surprise: f64,
}

impl Filter {
    fn new(prior: Belief, at: Duration) -> Self {
        Filter {
            belief: prior,
            at,
            surprise: 0.0,
        }
    }

    fn predict(&self, drift: f64, now: Duration) -> Belief {
        let hours = now.saturating_sub(self.at).as_secs_f64() / 3600.0;
        let grown = (self.belief.variance + drift * hours).min(VARIANCE_CAP);
        Belief {
            mean: self.belief.mean,
            variance: grown.max(self.belief.variance),
        }
    }

    fn update(&mut self, ln: f64, drift: f64, now: Duration) {
        let Belief { mean, mut variance } = self.predict(drift, now);
        let z = |variance: f64| (ln - mean) / (variance + NOISE).sqrt();
        let surprise = if z(variance).abs() > STEP_Z {
            z(variance).signum()
        } else {
            0.0
        };
        if surprise != 0.0 && surprise == self.surprise {
            variance += STEP_VARIANCE;
        }
        let clipped = z(variance).clamp(CLIP.0, CLIP.1) * (variance + NOISE).sqrt();
        let gain = variance / (variance + NOISE);
        *self = Filter {
            belief: Belief {
                mean: mean + gain * clipped,
                variance: variance * (1.0 - gain),
            },
            at: self.at.max(now),
            surprise,
        };
    }
}

#[derive(Debug)]
struct Member {
    place: Place,
    syn: Option<Filter>,
    rest: Option<Filter>,
    health: Health,
    /// When its SYN was last answered.
    seen: Option<Duration>,
    verified: bool,
}

/// What is remembered of one network.
#[derive(Debug, Default)]
pub(crate) struct History {
    members: Vec<Member>,
    /// ĝ, and from how many handshakes.
    gate: (f64, u32),
    winner: Option<usize>,
    preferred: Option<usize>,
}

impl History {
    /// Adds a candidate; its number.
    pub(crate) fn add(&mut self, place: Place) -> usize {
        self.members.push(Member {
            place,
            syn: None,
            rest: None,
            health: Health::default(),
            seen: None,
            verified: false,
        });
        self.members.len() - 1
    }

    /// Whether anything opened on this network before.
    pub(crate) fn is_known(&self) -> bool {
        self.winner.is_some()
    }

    /// What is expected of every candidate, by number.
    pub(crate) fn forecasts(&self, now: Duration) -> Vec<Forecast> {
        let (syn, rest) = self.beliefs(now);
        (self.members.iter().enumerate())
            .zip(syn.into_iter().zip(rest))
            .map(|((candidate, one), (syn, rest))| Forecast {
                place: one.place,
                syn,
                rest,
                failure_chance: one.health.failure_chance(now),
                verified: one.verified,
                last_winner: self.winner == Some(candidate),
                barred: one.health.is_barred(now),
            })
            .collect()
    }

    /// What this network's SYNs say about its handshakes.
    pub(crate) fn gate(&self) -> Gate {
        let (ln_stretch, count) = self.gate;
        Gate {
            stretch: (ln_stretch - GATE_HONEST).max(0.0).exp(),
            trusted: count < GATE_COUNT || ln_stretch <= GATE_LIMIT,
        }
    }

    /// Learns from a race. `jitter` is a uniform number, 0 ≤ u < 1.
    pub(crate) fn learn(&mut self, lessons: &[Lesson], now: Duration, jitter: f64) {
        for lesson in lessons {
            let (syn, rest) = self.beliefs(now);
            let (Some(one), Some(syn), Some(rest)) = (
                self.members.get_mut(lesson.candidate),
                syn.get(lesson.candidate),
                rest.get(lesson.candidate),
            ) else {
                continue;
            };
            let syn_ms = match lesson.syn {
                Some(Measured::Took(ms)) => Some(ms),
                _ => None,
            };
            if syn_ms.is_some() {
                one.seen = Some(now);
            }
            observe(&mut one.syn, *syn, lesson.syn, 1.0, SYN_DRIFT, now);
            if let Some(syn_ms) = syn_ms {
                observe(&mut one.rest, *rest, lesson.rest, syn_ms, REST_DRIFT, now);
            }
            match lesson.failure {
                Some(severity) => one.health.failed(severity, now, jitter),
                None if lesson.opened => one.health.succeeded(now),
                None => {}
            }
            if lesson.opened {
                one.verified = true;
                self.winner = Some(lesson.candidate);
            }
            if let (Some(tls_ms), Some(syn_ms)) = (lesson.tls_ms, syn_ms) {
                let (ln_stretch, count) = self.gate;
                let surprise = (tls_ms / syn_ms).ln() - ln_stretch;
                let surprise = surprise.clamp(-GATE_CLIP, GATE_CLIP);
                self.gate = (ln_stretch + GATE_GAIN * surprise, count.saturating_add(1));
            }
        }
        self.prefer(now);
    }

    /// The candidate that is shown as the best; it changes only for a good reason.
    pub(crate) fn preferred(&self) -> Option<usize> {
        self.preferred
    }

    /// Whom to probe in the background, TCP only, after a connection opened.
    pub(crate) fn to_refresh(&self, refresh: Refresh, now: Duration) -> Vec<usize> {
        let forecasts = self.forecasts(now);
        let verified = forecasts.iter().filter(|one| one.verified && !one.barred);
        let Some(best) = verified.min_by(|a, b| a.cost_ms().total_cmp(&b.cost_ms())) else {
            return Vec::new();
        };
        // While half of the breakers are open, something else is wrong.
        if 2 * forecasts.iter().filter(|one| one.barred).count() > forecasts.len() {
            return Vec::new();
        }
        let unseen = |one: &Member| {
            one.seen
                .is_none_or(|seen| now.saturating_sub(seen) >= UNSEEN)
        };
        let mut worth: Vec<(f64, usize)> = (self.members.iter().zip(&forecasts).enumerate())
            .filter(|(_, (member, forecast))| unseen(member) && !forecast.barred)
            .map(|(candidate, (_, forecast))| (forecast.worth_beside(best), candidate))
            .filter(|(worth, _)| *worth > refresh.worth)
            .collect();
        worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        worth.truncate(refresh.probes);
        worth.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// What a background probe showed: the SYN's round trip without queueing, or silence.
    pub(crate) fn refreshed(
        &mut self,
        candidate: usize,
        syn_ms: Option<f64>,
        now: Duration,
        jitter: f64,
    ) {
        let lesson = Lesson {
            candidate,
            syn: syn_ms.map(Measured::Took),
            rest: None,
            tls_ms: None,
            opened: false,
            failure: syn_ms.is_none().then_some(Severity::Doubt),
        };
        self.learn(&[lesson], now, jitter);
    }

    /// x and ρ of every candidate.
    fn beliefs(&self, now: Duration) -> (Vec<Belief>, Vec<Belief>) {
        let known = |drift: f64, filter: fn(&Member) -> Option<Filter>| {
            let predict = move |one: &Member| {
                (
                    one.place,
                    filter(one).map(|filter| filter.predict(drift, now)),
                )
            };
            self.members.iter().map(predict).collect::<Vec<_>>()
        };
        (
            expect(&SYN, &known(SYN_DRIFT, |one| one.syn)),
            expect(&REST, &known(REST_DRIFT, |one| one.rest)),
        )
    }

    fn prefer(&mut self, now: Duration) {
        let forecasts = self.forecasts(now);
        let loyal = |one: &Forecast| Forecast {
            last_winner: false,
            ..*one
        };
        let cost_ms = |one: &Forecast| loyal(one).cost_ms();
        let usable = |(_, one): &(usize, &Forecast)| one.verified && !one.barred;
        let best = (forecasts.iter().enumerate())
            .filter(usable)
            .min_by(|(_, a), (_, b)| cost_ms(a).total_cmp(&cost_ms(b)));
        let Some((candidate, best)) = best else {
            return;
        };
        let current = self.preferred.and_then(|one| forecasts.get(one));
        let switch = current.is_none_or(|current| {
            let variance = [current, best].map(|one| one.syn.variance + one.rest.variance);
            let ahead = (cost_ms(current) / cost_ms(best)).ln() - SWITCH_MARGIN;
            let certainty = normal(ahead / (variance[0] + variance[1]).sqrt().max(1e-9));
            certainty >= SWITCH_CERTAINTY
                || current.failure_chance > SWITCH_FAILURES
                || current.barred
        });
        if switch {
            self.preferred = Some(candidate);
        }
    }
}

/// Updates a filter with a time, in units of `unit_ms`; begins it from its prior if need be.
fn observe(
    filter: &mut Option<Filter>,
    prior: Belief,
    measured: Option<Measured>,
    unit_ms: f64,
    drift: f64,
    now: Duration,
) {
    let (ms, censored) = match measured {
        Some(Measured::Took(ms)) => (ms, false),
        Some(Measured::AtLeast(ms)) => (ms, true),
        None => return,
    };
    let ln = (ms.max(0.1) / unit_ms).ln();
    if censored && ln <= prior.mean {
        return;
    }
    filter
        .get_or_insert(Filter::new(prior, now))
        .update(ln, drift, now);
}
