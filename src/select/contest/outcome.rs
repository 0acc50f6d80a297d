//! What a race comes to: the winner or the reasons, every attempt, what was learned.

use tokio::time::Instant;

use super::{Candidate, Contest, Ended, is_last_resort};
use crate::connection::{ConnectError, Opening};
use crate::failure::FailureKind;
use crate::handshake::Opened;
use crate::phase::{EarlyData, Phase};
use crate::sample::{Attempt, AttemptOutcome};

impl Contest<'_> {
    pub(super) fn won(
        &mut self,
        winner: usize,
        path: String,
        opened: Box<Opened>,
    ) -> (Box<Opened>, Opening) {
        self.race.opened(winner, self.now());
        let one = &self.candidates[winner];
        let mut timings = one.progress.reached().timings;
        if let Some(took) = one.resolve {
            timings.set(Phase::Resolve, took);
        }
        let subprotocol = match &*opened {
            Opened::WebSocket(_, subprotocol) => subprotocol.clone(),
            Opened::Answered => None,
        };
        let opening = Opening {
            endpoint: self.ground.plan.endpoints[one.endpoint].clone(),
            path,
            address: one.address,
            subprotocol,
            timings,
            time_to_open: self.started.elapsed(),
            attempts: self.attempts(Some(winner)),
        };
        // A query of the endpoint's own may be a token.
        let path = opening.path.split('?').next().unwrap_or_default();
        tracing::info!(
            target: "easelect::connect",
            url = %opening.endpoint.url_with(path),
            address = %opening.address,
            time_to_open_ms = opening.time_to_open.as_secs_f64() * 1e3,
            attempts = opening.attempts.len(),
            "open"
        );
        (opened, opening)
    }

    /// What the race showed. An established spare that carried no byte is reset: nothing lingers
    /// on either side.
    pub(super) fn end(mut self, outcome: Result<(Box<Opened>, Opening), ConnectError>) -> Ended {
        for one in &mut self.candidates {
            if let Some(mut io) = one.io.take() {
                io.reset_on_drop();
            }
        }
        let candidate = |one: &Candidate| {
            let endpoint = &self.ground.plan.endpoints[one.endpoint];
            (endpoint.clone(), one.address)
        };
        let lessons = self.race.lessons(self.now()).into_iter().map(|lesson| {
            let timings = self.candidates[lesson.candidate].progress.reached().timings;
            let lesson = if timings.early_data() == EarlyData::Accepted {
                lesson.with_a_round_trip_more()
            } else {
                lesson
            };
            (candidate(&self.candidates[lesson.candidate]), lesson)
        });
        let names = self.ground.names;
        let all = self.candidates.iter().map(candidate);
        Ended {
            outcome,
            lessons: lessons.collect(),
            probeable: all
                .filter(|(endpoint, address)| !is_last_resort(names, endpoint, *address))
                .collect(),
            queue_ms: self.race.queue_ms(),
        }
    }

    pub(super) fn lost(&self, timed_out: bool) -> ConnectError {
        let error = ConnectError {
            attempts: self.attempts(None),
            elapsed: self.started.elapsed(),
            timed_out,
        };
        tracing::warn!(
            target: "easelect::connect",
            attempts = error.attempts.len(),
            elapsed_ms = error.elapsed.as_secs_f64() * 1e3,
            timed_out,
            "no endpoint could be opened"
        );
        error
    }

    fn attempts(&self, winner: Option<usize>) -> Vec<Attempt> {
        let now = Instant::now();
        let candidates = self.candidates.iter().enumerate();
        let made = candidates.filter_map(|(number, one)| {
            let started = one.started?;
            let reached = one.progress.reached();
            let endpoint = &self.ground.plan.endpoints[one.endpoint];
            Some(Attempt {
                path: self.ground.paths.of(endpoint),
                endpoint: endpoint.clone(),
                address: Some(one.address),
                started: started - self.started,
                ended: one.ended.unwrap_or(now) - self.started,
                timings: reached.timings,
                outcome: match &one.failure {
                    _ if winner == Some(number) => AttemptOutcome::Won,
                    Some(failure) => AttemptOutcome::Failed(failure.clone()),
                    None => AttemptOutcome::Cancelled(reached.phase),
                },
            })
        });
        let mut attempts: Vec<Attempt> = made.collect();
        // That a host has no address of one family is no failure where the other has some.
        let elsewhere = |lookup: &&Attempt| {
            let missing = lookup.failure_kind() == Some(FailureKind::NoAddress);
            let has_some =
                |one: &Candidate| self.ground.plan.endpoints[one.endpoint] == lookup.endpoint;
            missing && self.candidates.iter().any(has_some)
        };
        for lookup in self.failed_lookups.iter().filter(|one| !elsewhere(one)) {
            // Both families mostly fail for the same reason: that is said once.
            let same = |one: &Attempt| {
                one.address.is_none()
                    && one.endpoint == lookup.endpoint
                    && one.failure_kind() == lookup.failure_kind()
            };
            if !attempts.iter().any(same) {
                attempts.push(lookup.clone());
            }
        }
        attempts.sort_by_key(|attempt| attempt.started);
        attempts
    }
}
