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
    /// The failure, if it says nothing of the path or no alternate works; an alternate's that refused
    /// the app's credentials, which are then shown to no further one.
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
                // Whom it doesn't want here it shall not be shown elsewhere.
                Err(failure) if failure.refuses_credentials() => return Err(failure),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Region, Service};

    #[tokio::test]
    async fn refused_credentials_are_shown_to_no_other_path() {
        let published = Catalog::builtin().group(&Region::CN1.into(), Service::Websocket);
        let mut published = published.unwrap().into_iter();
        let endpoint = published.find(|one| !one.alternate_paths().is_empty());
        let endpoint = endpoint.unwrap();
        let answer =
            |status| Failure::new(Phase::Upgrade, FailureKind::Rejected).with_status(status);
        for status in [401, 403] {
            let paths = Paths::default();
            let never = |path: &str| -> std::future::Ready<Result<(), _>> { panic!("{path}") };
            let told = paths.retry(&endpoint, answer(status), never).await;
            assert_eq!(told.unwrap_err().status(), Some(status));
            // The alternate one is right, and refuses the app.
            let refuses = |_: &str| std::future::ready(Err::<(), _>(answer(status)));
            let told = paths.retry(&endpoint, answer(404), refuses).await;
            assert_eq!(told.unwrap_err().status(), Some(status));
            assert_eq!(paths.of(&endpoint), endpoint.path());
        }
    }
}
