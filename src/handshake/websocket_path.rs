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
        // Not 401, 403, 407, 429 or 451, which are about who asks; not 5xx, which is the service's.
        && matches!(failure.status(), Some(400 | 404 | 405 | 410 | 426))
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

    /// Tries the endpoint's alternate paths, once, if this failure says that the path is wrong; the
    /// one that works, with what the attempt there brought. `attempt` makes one at the same address.
    ///
    /// # Errors
    ///
    /// The failure, if it says nothing of the path or no alternate works.
    pub(crate) async fn retry<'e, T, F: Future<Output = Result<T, Failure>>>(
        &self,
        endpoint: &'e Endpoint,
        failure: Failure,
        attempt: impl Fn(&'e str) -> F,
    ) -> Result<(String, T), Failure> {
        if !self.may_try_alternates(endpoint, &failure) {
            return Err(failure);
        }
        let mut failures = Vec::new();
        for path in endpoint.alternate_paths() {
            match attempt(path).await {
                Ok(opened) => {
                    self.set(endpoint, Some(path.clone()));
                    return Ok((path.clone(), opened));
                }
                Err(failure) => failures.push(failure),
            }
        }
        // Of anything else than their paths the alternates failed only this time.
        if failures.iter().all(wrong_path) {
            self.set(endpoint, None);
        }
        Err(failure)
    }

    /// Whether the alternates are still worth a try.
    fn may_try_alternates(&self, endpoint: &Endpoint, failure: &Failure) -> bool {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong_path(failure)
            && !endpoint.alternate_paths().is_empty()
            && !paths.contains_key(endpoint)
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
