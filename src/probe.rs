//! Probing: rounds, pacing, concurrency and deadlines. Results arrive as a [`Stream`].

mod attempt;
mod ids;
mod job;
mod lookups;
mod proxy_address;
mod queue;
mod schedule;
mod silence;
mod top_two;

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::catalog::{Catalog, Endpoint, Residency};
use crate::dialer::Dialer;
use crate::error::{Error, ErrorKind};
use crate::rank::Ranking;
use crate::sample::{Lookup, Sample, Unfinished};

use attempt::Attempts;
use ids::{CandidateId, HostId};
use job::Next;
use schedule::{LookingUp, Schedule};

/// The number of probes at every address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rounds {
    /// `min` rounds for every address. Then the top two endpoints of each group continue, up to `max`
    /// rounds, until it is clear which of them is first: until the probability that another endpoint
    /// is better by 8 % or more falls to 2 %.
    Adaptive {
        /// The number of rounds for every address.
        min: u32,
        /// The most rounds for any address.
        max: u32,
    },
    /// This number of attempts at every address, except for addresses that are abandoned (see
    /// [`Prober`]).
    Exact(u32),
}

impl Default for Rounds {
    fn default() -> Self {
        Rounds::Adaptive { min: 3, max: 10 }
    }
}

/// Probes endpoints: every address of every host, with each phase timed separately.
///
/// Every probe is a full handshake: it resumes no session, verifies the certificate (and
/// [revocation](crate::TlsClient#revocation) where the platform does) and sends no credentials. Only
/// a proxy gets its own credentials.
///
/// **Concurrency.** A server address (behind a proxy: a host) has one attempt at a time. In total
/// there are at most [`in_flight`](ProberBuilder::in_flight) attempts, and at most 2 at acceleration
/// nodes; their starts are spread with jitter. The last round of each group's top two endpoints runs
/// one attempt at a time per group, and no more in total than there are residencies, so that the
/// prober's own load does not decide their order. Attempts at addresses that seem silent don't count
/// here.
///
/// **DNS.** A host is looked up once per round, except in the additional rounds of adaptive sampling.
///
/// **Silent addresses.** An address with two timeouts in one phase and no success gets no further
/// attempt. If no SYN to an address is answered, but other addresses of the same residency answer
/// meanwhile, the attempt ends before its timeout: after the third SYN, sent at 3 s (in later
/// attempts the second, at 1 s), plus four times the slowest answer, at least 1 s. If the first round
/// tried four or more addresses and none answered, there is no second round. A proxy that rejects its
/// credentials is not asked again.
///
/// # Example
///
/// ```no_run
/// use easelect::{Catalog, Prober, Region, Service};
///
/// # async fn example() -> Result<(), easelect::Error> {
/// let endpoints = Catalog::builtin().group(&Region::CN1.into(), Service::Websocket)?;
/// let outcome = Prober::builder().endpoints(endpoints).build()?.run().outcome().await;
/// for ranking in outcome.rankings {
///     println!("{:?}", ranking.best().map(|best| best.endpoint().url()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Prober {
    config: ProberBuilder,
    dialer: Dialer,
}

impl Prober {
    /// Returns a builder with the defaults: the built-in catalogue, the platform's resolver and
    /// roots, 3 to 10 adaptive rounds, 5 s per attempt, 60 s in total, 16 attempts in flight.
    #[must_use]
    pub fn builder() -> ProberBuilder {
        ProberBuilder::default()
    }

    /// Starts probing on the current tokio runtime, which needs its time and I/O drivers enabled.
    /// Dropping the returned stream stops everything.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn run(&self) -> Probing {
        // Room for a slow reader. No attempt starts while there is no room for its result.
        let (sender, receiver) = mpsc::channel(256 + 4 * self.config.endpoints.len());
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(self.clone().drive(sender, stopped));
        Probing {
            events: receiver,
            stop: Some(stop),
            finished: None,
            _task: task,
        }
    }

    /// Runs the schedule until it is complete, the time is up, or the stream is dropped.
    async fn drive(self, sender: mpsc::Sender<ProbeEvent>, mut stop: oneshot::Receiver<()>) {
        let started = Instant::now();
        let deadline = started + self.config.deadline;
        let config = self.config;
        let patience = self.dialer.attempt_timeout().min(config.deadline);
        let as_it_is = self.dialer.clone();
        let mut stopped = false;
        let dialer = tokio::select! {
            biased;
            _ = &mut stop => {
                stopped = true;
                as_it_is
            }
            settled = proxy_address::settle(self.dialer, patience) => settled,
        };
        let mut random = fastrand::Rng::with_seed(config.seed);
        let mut schedule = Schedule::new(
            config.endpoints,
            config.pool.as_ref(),
            config.rounds,
            config.in_flight,
            &dialer,
        );
        let attempts = Arc::new(Attempts::new(dialer, started));
        // Boxed once: spawning moves a future ten times, and these take 3 kB.
        let mut running: JoinSet<Done> = JoinSet::new();
        let mut looking_up: Vec<LookingUp> = Vec::new();
        let mut next_start = started;
        // One timer for the whole run: a new one may cost a system call.
        let mut timer = pin!(tokio::time::sleep_until(deadline));
        let ended = loop {
            if stopped {
                break Ended::Stopped;
            }
            while let Some(job) = schedule.next_lookup() {
                let attempts = Arc::clone(&attempts);
                looking_up.push(LookingUp {
                    host: job.host_id,
                    family: job.family,
                    started: Instant::now(),
                });
                let lookup = async move {
                    let host = job.host_id;
                    Done::Lookup(host, attempts.look_up(job).await)
                };
                running.spawn(Box::pin(lookup) as BoxFuture<'static, Done>);
            }
            let now = Instant::now();
            // With nothing in flight there is nothing to collide with, and a needless wake-up costs
            // system calls.
            let paced = now < next_start && !running.is_empty() && schedule.has_more();
            let room = sender.capacity() > running.len() + 1;
            let mut look_again = None;
            if !paced && room {
                match schedule.next(now - started) {
                    Next::Start(job) => {
                        if !schedule.is_serial() {
                            next_start = now + PACE.mul_f64(2.0 * random.f64());
                        }
                        let attempts = Arc::clone(&attempts);
                        running.spawn(Box::pin(async move {
                            Done::Sample(job.candidate, Box::new(attempts.probe(job).await))
                        }));
                        continue;
                    }
                    Next::Wait => look_again = schedule.look_again(now - started),
                    Next::Done => break Ended::Complete,
                }
            }
            let until = look_again.map_or(deadline, |again| deadline.min(started + again));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            tokio::select! {
                biased;
                () = timer.as_mut() => if until == deadline {
                    break Ended::Deadline;
                },
                _ = &mut stop => break Ended::Stopped,
                // The stream was dropped.
                () = sender.closed() => return,
                Some(done) = running.join_next() => {
                    let Ok(done) = done else { continue };
                    if let Done::Lookup(host, lookup) = &done {
                        looking_up.retain(|one| (one.host, one.family) != (*host, lookup.family));
                    }
                    if !report(done, &mut schedule, &sender).await {
                        return;
                    }
                }
                () = tokio::time::sleep_until(next_start), if paced => {}
                // The reader is behind: check again shortly.
                () = tokio::time::sleep(PACE), if !paced && !room => {}
            }
        };
        let unfinished = match ended {
            Ended::Complete => Vec::new(),
            Ended::Deadline | Ended::Stopped => {
                schedule.cut_off(started, Instant::now(), &looking_up)
            }
        };
        drop(running);
        let outcome = ProbeOutcome {
            rankings: schedule.rankings(),
            ended: match unfinished.is_empty() {
                true => Ended::Complete,
                false => ended,
            },
            unfinished,
            took: started.elapsed(),
        };
        // The stream may be dropped already.
        let _ = sender.send(ProbeEvent::Finished(outcome)).await;
    }
}

/// The starts of attempts are U(0, 2 × PACE) apart: bursts of SYNs collide in access-link queues.
const PACE: Duration = Duration::from_millis(1);

/// A finished lookup or attempt.
enum Done {
    Lookup(HostId, Lookup),
    Sample(CandidateId, Box<Sample>),
}

/// Processes a result and sends it to the stream. Returns false if the stream was dropped.
async fn report(done: Done, schedule: &mut Schedule, sender: &mpsc::Sender<ProbeEvent>) -> bool {
    let event = match done {
        Done::Lookup(host, lookup) => {
            schedule.on_lookup(host, &lookup);
            ProbeEvent::Lookup(lookup)
        }
        Done::Sample(candidate, sample) => {
            log(&sample);
            schedule.on_sample(candidate, &sample);
            ProbeEvent::Sample(sample)
        }
    };
    if sender.send(event).await.is_err() {
        return false;
    }
    // Progress is dropped if the reader is behind, which leaves room for results.
    if sender.capacity() > sender.max_capacity() / 2 {
        let (done, planned) = schedule.progress();
        let _ = sender.try_send(ProbeEvent::Progress { done, planned });
    }
    true
}

/// Logs a sample.
fn log(sample: &Sample) {
    let (host, address) = (sample.endpoint.host(), sample.address);
    match &sample.outcome {
        Ok(()) => tracing::debug!(
            target: "easelect::probe",
            host,
            %address,
            round = sample.round,
            total_ms = sample.timings.total().as_secs_f64() * 1e3,
            "sample"
        ),
        Err(failure) => tracing::debug!(
            target: "easelect::probe",
            host,
            %address,
            round = sample.round,
            phase = failure.phase().as_str(),
            kind = failure.kind().as_str(),
            "sample"
        ),
    }
}

/// Configures a [`Prober`].
#[derive(Clone)]
pub struct ProberBuilder {
    endpoints: Vec<Endpoint>,
    pool: Option<Residency>,
    dialer: Option<Dialer>,
    rounds: Rounds,
    deadline: Duration,
    in_flight: usize,
    seed: u64,
}

impl Default for ProberBuilder {
    fn default() -> Self {
        ProberBuilder {
            endpoints: Catalog::builtin().endpoints().to_vec(),
            pool: None,
            dialer: None,
            rounds: Rounds::default(),
            deadline: Duration::from_secs(60),
            in_flight: 16,
            seed: fastrand::u64(..),
        }
    }
}

impl ProberBuilder {
    /// Sets the endpoints to probe. Each group, that is, each service in each region, gets a ranking
    /// of its own. Default: all endpoints of the built-in catalogue.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints = endpoints.into_iter().collect();
        self
    }

    /// Ranks the endpoints of this residency's regions together: the mainland pool, for clients that
    /// may use both of its regions. By default every region gets a ranking of its own.
    #[must_use]
    pub fn pool(mut self, pool: Residency) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Sets the dialer. Default: no proxy, the platform's resolver and roots.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// Sets the number of rounds, 1 to 1,000,000. Default: adaptive, 3 to 10.
    #[must_use]
    pub fn rounds(mut self, rounds: Rounds) -> Self {
        self.rounds = rounds;
        self
    }

    /// Sets the deadline for the whole run, more than 0 and at most 24 h. Default: 60 s.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the most attempts in flight, 1 to 64. Default: 16. Higher values distort the
    /// measurements.
    #[must_use]
    pub fn in_flight(mut self, limit: usize) -> Self {
        self.in_flight = limit;
        self
    }

    /// Sets the seed of the jitter. Default: random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the configuration and builds the prober.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Input`] for a value out of range.
    /// - [`ErrorKind::NoEndpoints`] for an empty list of endpoints.
    /// - [`ErrorKind::Tls`] if no dialer is set and the platform's roots can't be used.
    pub fn build(mut self) -> Result<Prober, Error> {
        let input = |why: &str| Err(Error::new(ErrorKind::Input, why));
        if self.endpoints.is_empty() {
            let why = "no endpoint to probe: give at least one";
            return Err(Error::new(ErrorKind::NoEndpoints, why));
        }
        if !(1..=64).contains(&self.in_flight) {
            return input("attempts in flight: expected 1 to 64");
        }
        let (least, most) = match self.rounds {
            Rounds::Adaptive { min, max } => (min, max),
            Rounds::Exact(rounds) => (rounds, rounds),
        };
        if least == 0 || least > most || most > 1_000_000 {
            return input("rounds: expected 1 to 1000000, and no maximum below the minimum");
        }
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(24 * 60 * 60) {
            return input("deadline: expected more than 0 and at most 24 h");
        }
        let dialer = match self.dialer.take() {
            Some(dialer) => dialer,
            None => Dialer::builder().build()?,
        };
        Ok(Prober {
            config: self,
            dialer,
        })
    }
}

impl fmt::Debug for ProberBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProberBuilder")
            .field("endpoints", &self.endpoints.len())
            .field("rounds", &self.rounds)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

/// An event of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProbeEvent {
    /// A host was looked up in one address family.
    Lookup(Lookup),
    /// An attempt ended.
    Sample(Box<Sample>),
    /// The progress of the run. Sent only while the reader keeps up.
    Progress {
        /// The number of attempts that ended.
        done: u64,
        /// The number of attempts planned so far, including those that ended. Adaptive sampling may
        /// plan more.
        planned: u64,
    },
    /// The run ended: complete, at its deadline, or [stopped](Probing::stop). Always the last event.
    Finished(ProbeOutcome),
}

/// The outcome of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProbeOutcome {
    /// One ranking per region (or pool) and service, in the order of the endpoints given.
    pub rankings: Vec<Ranking>,
    /// How the run ended.
    pub ended: Ended,
    /// The attempts and lookups that were under way or planned when the run ended early, at most
    /// 10,000 entries; empty for a complete run.
    /// [`EndpointStats::unfinished`](crate::EndpointStats::unfinished) counts all of them.
    pub unfinished: Vec<Unfinished>,
    /// The duration of the run.
    pub took: Duration,
}

impl ProbeOutcome {
    /// Whether everything planned was done, before the deadline and before a stop.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.ended == Ended::Complete
    }
}

/// How a run ended.
///
/// Deliberately exhaustive: code that displays results should fail to compile when a variant is
/// added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// Everything planned was done.
    Complete,
    /// The deadline passed.
    Deadline,
    /// It was [stopped](Probing::stop), or the runtime shut down.
    #[default]
    Stopped,
}

impl Ended {
    /// Returns the stable identifier: `"complete"`, `"deadline"` or `"stopped"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Ended::Complete => "complete",
            Ended::Deadline => "deadline",
            Ended::Stopped => "stopped",
        }
    }
}

display_identifier!(Ended);

/// A run under way: a stream of [`ProbeEvent`]s. Dropping it stops everything at once.
#[derive(Debug)]
pub struct Probing {
    events: mpsc::Receiver<ProbeEvent>,
    /// Stops the run when used or dropped.
    stop: Option<oneshot::Sender<()>>,
    /// The outcome, once the stream has returned it.
    finished: Option<ProbeOutcome>,
    _task: JoinSet<()>,
}

impl Probing {
    /// Runs to completion and returns the outcome. Further events are discarded.
    pub async fn outcome(self) -> ProbeOutcome {
        let Probing {
            events,
            stop: _stop,
            finished,
            _task,
        } = self;
        last(events, finished).await
    }

    /// Stops the run and returns the outcome so far. Whatever was under way or planned is listed as
    /// unfinished.
    pub async fn stop(mut self) -> ProbeOutcome {
        self.cut_off();
        last(self.events, self.finished).await
    }

    /// Stops the run, like [`stop`](Self::stop), but keeps the stream: it still returns the events
    /// before the stop, and then [`ProbeEvent::Finished`].
    pub fn cut_off(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The run may have ended already.
            let _ = stop.send(());
        }
    }
}

/// Waits for the last event.
async fn last(
    mut events: mpsc::Receiver<ProbeEvent>,
    finished: Option<ProbeOutcome>,
) -> ProbeOutcome {
    if let Some(outcome) = finished {
        return outcome;
    }
    while let Some(event) = events.recv().await {
        if let ProbeEvent::Finished(outcome) = event {
            return outcome;
        }
    }
    // The task ended without a last event: the runtime is shutting down, or lacks a driver.
    ProbeOutcome::default()
}

impl Stream for Probing {
    type Item = ProbeEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ProbeEvent>> {
        let event = self.events.poll_recv(cx);
        if let Poll::Ready(Some(ProbeEvent::Finished(outcome))) = &event {
            self.finished = Some(outcome.clone());
        }
        event
    }
}
