//! Which path an endpoint turned out to have, where the built-in one is only inferred.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::catalog::Endpoint;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// Whether the answer means that the host is right and the path may not be.
fn wrong_path(failure: &Failure) -> bool {
    failure.phase() == Phase::Upgrade
        && failure.kind() == FailureKind::Rejected
        && failure.retry_after().is_none()
        // Not 401, 407, 425 or 429, which are about who asks, and how often.
        && matches!(failure.status(), Some(400 | 403..=406 | 410))
}

/// Which path of an endpoint was answered by a 101, where the built-in one is only inferred.
#[derive(Debug, Default)]
pub(crate) struct Paths(Mutex<BTreeMap<Endpoint, Option<String>>>);

impl Paths {
    /// The path to use.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> String {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = paths.get(endpoint).and_then(Option::as_deref);
        learned.unwrap_or(endpoint.path()).to_owned()
    }

    /// Whether the alternates are still worth a try.
    pub(crate) fn may_try_alternates(&self, endpoint: &Endpoint, failure: &Failure) -> bool {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong_path(failure)
            && !endpoint.alternate_paths().is_empty()
            && !paths.contains_key(endpoint)
    }

    pub(crate) fn learn(&self, endpoint: &Endpoint, path: &str) {
        self.set(endpoint, Some(path.to_owned()));
    }

    /// The alternates failed so: for their paths, they are no longer worth a try; for anything else,
    /// they are, another time.
    pub(crate) fn give_up(&self, endpoint: &Endpoint, failures: &[Failure]) {
        if failures.iter().all(wrong_path) {
            self.set(endpoint, None);
        }
    }

    fn set(&self, endpoint: &Endpoint, path: Option<String>) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was learned isn't forgotten because another address answers otherwise.
        let known = paths.entry(endpoint.clone()).or_default();
        if known.is_none() {
            *known = path;
        }
    }
}
