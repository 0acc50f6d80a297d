//! The lab's DNS, as a resolver.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use easelect::{Failure, FailureKind, Family, Phase, Resolve, Resolved};
use futures::future::BoxFuture;

use crate::log::{Event, EventKind};
use crate::network::{Counted, Network};

/// The lab as [`Resolve`].
pub(crate) struct Resolver(pub(crate) Arc<Network>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lab::Resolver")
    }
}

impl Resolve for Resolver {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let network = Arc::clone(&self.0);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        Box::pin(async move {
            let _open = Counted::new(&network.open);
            network.queries.fetch_add(1, Ordering::Relaxed);
            network.log.push(Event {
                at: network.start.elapsed(),
                address: None,
                connection: None,
                kind: EventKind::Queried {
                    host: host.clone(),
                    family,
                },
            });
            let Some(host) = network.names.host(&host) else {
                return Err(Failure::new(Phase::Resolve, FailureKind::NotFound));
            };
            let (delay, answer) = host.answer(family);
            if delay > Duration::ZERO {
                tokio::time::sleep(delay).await;
            }
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}
