//! Probing: rounds, pacing, concurrency, deadlines; results as a [`Stream`].

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

/// How often every address is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rounds {
    /// At least `min` rounds for every address; then the top two endpoints of each group go on, up
    /// to `max` rounds, while it is in doubt which of them is first.
    Adaptive {
        /// Rounds that every address makes.
        min: u32,
        /// Rounds that no address exceeds.
        max: u32,
    },
    /// Exactly so many attempts at every address (save those given up: see [`Prober`]).
    Exact(u32),
}

impl Default for Rounds {
    fn default() -> Self {
        Rounds::Adaptive { min: 3, max: 10 }
    }
}

/// Probes endpoints: every address of every host, each phase timed on its own.
///
/// - A host is looked up once a round, an address (behind a proxy: a host) has one attempt at a
///   time, and the whole has at most [`in_flight`](ProberBuilder::in_flight) attempts, whose starts are spread with jitter.
/// - The last round of each group's top two endpoints is made one attempt at a time per group, and no
///   more in all than there are residencies, so that nothing of this process's own decides their order.
/// - An address with two time-outs in one phase and no success is left alone. An address that answers no
///   SYN need not be waited for until the time-out where others of its residency answer meanwhile: three
///   SYNs are enough, and two at the second attempt, with four times the slowest answer, and a second at
///   least, for the last one's. When nothing at all answered in the first round, there is no second. A
///   proxy that wants other credentials isn't asked again.
/// - No credentials are sent (but a proxy's, to the proxy), certificates are always verified
///   ([revocation](crate::TlsClient#revocation) where the platform does so), sessions are not resumed:
///   every sample is a full handshake.
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
    /// A prober of the built-in catalogue with the defaults: platform resolver and roots,
    /// adaptive rounds, 5 s per attempt, 60 s for everything, 16 in flight.
    #[must_use]
    pub fn builder() -> ProberBuilder {
        ProberBuilder::default()
    }

    /// Starts probing, on the current tokio runtime. Dropping the stream stops everything.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn run(&self) -> Probing {
        // Room for a slow reader; attempts don't start while there is none for their result.
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

    /// Runs what the schedule says, until all is done, time runs out or nobody listens.
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
        // Boxed once: a spawned future is moved ten times, and these have 3 kB.
        let mut running: JoinSet<Done> = JoinSet::new();
        let mut looking_up: Vec<LookingUp> = Vec::new();
        let mut next_start = started;
        // One for the whole run: each new timer may cost a system call.
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
            // Where nothing is in flight there is nothing to collide with; and to wake for nothing costs
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
                // Nobody listens any more.
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
                // The reader is behind: look again when it has caught up a little.
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
        // The reader may be gone; nothing is left to do then.
        let _ = sender.send(ProbeEvent::Finished(outcome)).await;
    }
}

/// Starts are spread by U(0, 2 × this): bursts of SYNs collide in access-link queues.
const PACE: Duration = Duration::from_millis(1);

/// What is done, and how it ended.
enum Done {
    Lookup(HostId, Lookup),
    Sample(CandidateId, Box<Sample>),
}

/// Takes a result in and tells the reader; whether there still is one.
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
    // Only informs: a reader that is behind misses some, and results keep their room.
    if sender.capacity() > sender.max_capacity() / 2 {
        let (done, planned) = schedule.progress();
        let _ = sender.try_send(ProbeEvent::Progress { done, planned });
    }
    true
}

/// Tells `tracing` of a sample.
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
    /// What to probe; each group of region and service is ranked for itself.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints = endpoints.into_iter().collect();
        self
    }

    /// Ranks the endpoints of this residency's data centres as one: the mainland pool, for clients that
    /// may use both. By default each data centre is ranked for itself.
    #[must_use]
    pub fn pool(mut self, pool: Residency) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Sets how the network is reached; directly, with the platform's resolver and roots, by default.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// How often every address is probed.
    #[must_use]
    pub fn rounds(mut self, rounds: Rounds) -> Self {
        self.rounds = rounds;
        self
    }

    /// How long everything may take; 60 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many attempts may be in flight, 1 to 64; 16 by default. More corrupts what it
    /// measures.
    #[must_use]
    pub fn in_flight(mut self, limit: usize) -> Self {
        self.in_flight = limit;
        self
    }

    /// The seed of the jitter; random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a limit out of range, [`ErrorKind::NoEndpoints`] for an empty
    /// list, [`ErrorKind::Tls`] when the platform's roots can't be had.
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

/// What happens while probing goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProbeEvent {
    /// A host was looked up in one family.
    Lookup(Lookup),
    /// An attempt ended.
    Sample(Box<Sample>),
    /// How many attempts are done, of how many that are planned so far.
    Progress {
        /// Attempts that ended.
        done: u64,
        /// Attempts planned so far; adaptive sampling may plan more.
        planned: u64,
    },
    /// Everything is done, time ran out, or it was [stopped](Probing::stop). The last event.
    Finished(ProbeOutcome),
}

/// What probing brought.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProbeOutcome {
    /// One ranking per region and service, in catalogue order.
    pub rankings: Vec<Ranking>,
    /// Whether everything planned was done; if not, why.
    pub ended: Ended,
    /// What was under way or planned when it was cut off, at most 10,000 entries; nothing in a
    /// complete run. Counts of all are in [`EndpointStats::unfinished`](crate::EndpointStats::unfinished).
    pub unfinished: Vec<Unfinished>,
    /// How long it took.
    pub took: Duration,
}

impl ProbeOutcome {
    /// Whether everything planned was done before the deadline, and before it was stopped.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.ended == Ended::Complete
    }
}

/// How a run ended.
///
/// Exhaustive: whoever shows results should learn of another one from the compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// Everything planned was done.
    Complete,
    /// The deadline cut it off.
    Deadline,
    /// It was [stopped](Probing::stop), or the runtime shut down around it.
    #[default]
    Stopped,
}

impl Ended {
    /// The stable identifier: `"complete"`, `"deadline"`, `"stopped"`.
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

/// Probing under way: a stream of [`ProbeEvent`]s. Dropping it stops everything at once.
#[derive(Debug)]
pub struct Probing {
    events: mpsc::Receiver<ProbeEvent>,
    /// Dropped or used, it stops everything.
    stop: Option<oneshot::Sender<()>>,
    /// What the stream told at its end.
    finished: Option<ProbeOutcome>,
    _task: JoinSet<()>,
}

impl Probing {
    /// Waits for the end, and only for it.
    pub async fn outcome(self) -> ProbeOutcome {
        let Probing {
            events,
            stop: _stop,
            finished,
            _task,
        } = self;
        last(events, finished).await
    }

    /// Stops now; what was measured so far, with what is under way or planned as unfinished.
    pub async fn stop(mut self) -> ProbeOutcome {
        self.cut_off();
        last(self.events, self.finished).await
    }

    /// Stops now, as [`stop`](Self::stop), and lets the stream tell what ended before, up to
    /// [`ProbeEvent::Finished`].
    pub fn cut_off(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have finished.
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
    // Only when the runtime is shutting down around us, or somebody's resolver or connector panicked.
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
