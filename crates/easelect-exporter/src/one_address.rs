//! A resolver that returns one address per host, so that a probe is one handshake per endpoint.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use easelect::futures::FutureExt;
use easelect::futures::future::{BoxFuture, Shared};
use easelect::{Failure, FailureKind, Families, Family, Phase, Resolve, Resolved};

/// A lookup that both families wait for.
type LookUp = Shared<BoxFuture<'static, Result<Resolved, Failure>>>;

/// Returns the first address of the preferred family, or of the other if that has none. It keeps the lookups of
/// one probe, so it must not outlive it.
pub(crate) struct OneAddress {
    inner: Arc<dyn Resolve>,
    first: Family,
    asked: Mutex<HashMap<String, LookUp>>,
}

impl OneAddress {
    pub(crate) fn new(inner: Arc<dyn Resolve>, families: Families) -> Self {
        OneAddress {
            inner,
            // IPv4 before IPv6, unlike blackbox_exporter: few of Easemob's hosts have IPv6.
            first: match families {
                Families::V6 => Family::V6,
                _ => Family::V4,
            },
            asked: Mutex::new(HashMap::new()),
        }
    }
}

impl fmt::Debug for OneAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneAddress({:?})", self.inner)
    }
}

impl Resolve for OneAddress {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let first = asked
            .entry(host.to_owned())
            .or_insert_with(|| self.inner.resolve(host, self.first).boxed().shared())
            .clone();
        if family == self.first {
            return first.map(|found| found.map(one)).boxed();
        }
        let (inner, host) = (Arc::clone(&self.inner), host.to_owned());
        async move {
            match first.await {
                Ok(found) if !found.addresses.is_empty() => {
                    Err(Failure::new(Phase::Resolve, FailureKind::NoAddress))
                }
                _ => inner.resolve(&host, family).await.map(one),
            }
        }
        .boxed()
    }
}

fn one(mut found: Resolved) -> Resolved {
    found.addresses.truncate(1);
    found
}
