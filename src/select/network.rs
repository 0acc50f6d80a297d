//! Which network the device is on, and what that changes.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Selector, SelectorEvent, lock};
use crate::proxy::Proxy;

/// An identifier longer than this is no name for a network.
const MAX_NETWORK_ID: usize = 128;

/// What the history calls a network: through a proxy everything takes another time.
pub(super) fn key(id: &str, proxy: Option<&Proxy>) -> String {
    let id: String = id.chars().take(MAX_NETWORK_ID).collect();
    id + &route(proxy)
}

fn route(proxy: Option<&Proxy>) -> String {
    proxy.map_or(String::new(), |proxy| format!(" via {proxy}"))
}

impl Selector {
    /// Tells that the device is on another network: what is remembered of that one counts from now
    /// on, and the next [`reconnect`](Self::reconnect) waits for nothing. `id` is any name that
    /// tells networks apart, such as a hash of the SSID or the carrier's name; it is kept in the
    /// history.
    pub fn network_changed(&self, id: &str) {
        let endpoints = self.0.service.endpoints();
        let mut memory = lock(&self.0.memory);
        memory.enter(key(id, self.0.names.proxy.as_ref()));
        memory.prefer(&endpoints);
        let preferred = memory.preferred(self.0.service.kind);
        drop(memory);
        let preferred = preferred.map(|(endpoint, _)| Arc::new(endpoint));
        self.0.service.preferred.store(preferred);
        *lock(&self.0.moved) = true;
        lock(&self.0.backoff).reset();
        let id = id.to_owned();
        let _ = self.0.events.send(SelectorEvent::NetworkChanged { id });
    }

    /// After sleep nothing is known of the network but its name: reconnecting waits for nothing.
    pub(super) fn notice_sleep(&self) {
        let slept = lock(&self.0.memory).clock.wake(SystemTime::now().into());
        if let Some(slept) = slept {
            tracing::debug!(target: "easelect::connect", ?slept, "woke from sleep");
            *lock(&self.0.moved) = true;
            lock(&self.0.backoff).reset();
        }
    }

    /// The identifier of the network that the device is on, as far as was told.
    #[must_use]
    pub fn network(&self) -> String {
        let route = route(self.0.names.proxy.as_ref());
        let key = lock(&self.0.memory).network_id().to_owned();
        key.strip_suffix(&route).unwrap_or(&key).to_owned()
    }

    /// Writes what was learned and is not written yet. Dropping the last clone does so, too, but
    /// waits for nothing.
    pub async fn shutdown(&self) {
        if let Some(keeper) = &self.0.keeper {
            // Only an ended thread drops the other side, and then nothing is left to write.
            let _ = keeper.flush().await;
        }
    }
}
