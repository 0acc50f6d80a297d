//! Finds an endpoint's WebSocket path if the built-in one is only inferred.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::catalog::Endpoint;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// Whether a failure suggests that the host is right but the path may be wrong.
fn wrong_path(failure: &Failure) -> bool {
    failure.phase() == Phase::Upgrade
        && failure.kind() == FailureKind::Rejected
        // 401, 403, 407, 429 and 451 concern the client, and 5xx the service.
        && matches!(failure.status(), Some(400 | 404 | 405 | 410 | 426))
}

/// The paths learned. `None` marks an endpoint whose alternate paths were all wrong.
#[derive(Debug, Default)]
pub(crate) struct Paths(Mutex<BTreeMap<Endpoint, Option<String>>>);

impl Paths {
    /// The path to use.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> String {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = paths.get(endpoint).and_then(Option::as_deref);
        learned.unwrap_or(endpoint.path()).to_owned()
    }

    /// Tries the endpoint's alternate paths if `failure` suggests a wrong path and the right one is
    /// not known yet; `attempt` makes one attempt at the same address. Returns the path that worked,
    /// with the result of its attempt.
    ///
    /// # Errors
    ///
    /// `failure`, if it says nothing about the path or no alternate path works. If an alternate path
    /// refuses the app's credentials, that refusal; no further path gets to see them.
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
                // Refused credentials are not shown to further paths.
                Err(failure) if failure.refuses_credentials() => return Err(failure),
                Err(failure) => failures.push(failure),
            }
        }
        // Failures for any other reason may be temporary.
        if failures.iter().all(wrong_path) {
            self.set(endpoint, None);
        }
        Err(failure)
    }

    /// Whether the alternate paths are still worth trying.
    fn may_try_alternates(&self, endpoint: &Endpoint, failure: &Failure) -> bool {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong_path(failure)
            && !endpoint.alternate_paths().is_empty()
            && !paths.contains_key(endpoint)
    }

    fn set(&self, endpoint: &Endpoint, path: Option<String>) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A path that worked once is kept, even if another address answers differently.
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
            // The alternate path is right, and refuses the credentials.
            let refuses = |_: &str| std::future::ready(Err::<(), _>(answer(status)));
            let told = paths.retry(&endpoint, answer(404), refuses).await;
            assert_eq!(told.unwrap_err().status(), Some(status));
            assert_eq!(paths.of(&endpoint), endpoint.path());
        }
    }
}
