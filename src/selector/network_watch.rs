//! Which network the device is on, and what that changes.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::{Inner, Selector, SelectorEvent, lock};
use crate::network_id;
use crate::proxy::Proxy;

/// An identifier longer than this is no name for a network.
const MAX_NETWORK_ID: usize = 128;

/// Where there is no route to the internet.
const NOWHERE: &str = "default";

/// What the routes say.
pub(super) fn derived() -> String {
    network_id::current().unwrap_or_else(|| NOWHERE.to_owned())
}

/// What the history calls a network: through a proxy everything takes another time.
pub(super) fn key(id: &str, proxy: Option<&Proxy>) -> String {
    let id: String = id.chars().take(MAX_NETWORK_ID).collect();
    id + &via(proxy)
}

fn via(proxy: Option<&Proxy>) -> String {
    proxy.map_or(String::new(), |proxy| format!(" via {proxy}"))
}

impl Selector {
    /// Tells that the device is on another network: what is remembered of that one counts from now
    /// on, and the next [`reconnect`](Self::reconnect) waits for nothing. `id` is any name that
    /// tells networks apart, such as a hash of the SSID or the carrier's name; it is kept in the
    /// history.
    ///
    /// With `None`, and until this is called with a name, the network is told by its routes, anew
    /// for every connection: on Linux by a hash of the default gateway and of the kind of its
    /// interface, elsewhere of the prefix (/24; IPv6 /32) of the device's own address.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(selector: &easelect::Selector) {
    /// selector.network_changed(Some("home Wi-Fi"));
    /// selector.network_changed(None);
    /// # }
    /// ```
    pub fn network_changed(&self, id: Option<&str>) {
        let told: Option<String> = id.map(|id| id.chars().take(MAX_NETWORK_ID).collect());
        self.0.network_told.store(told.is_some(), Ordering::Relaxed);
        self.enter(told.unwrap_or_else(derived));
    }

    fn enter(&self, id: String) {
        let mut memory = lock(&self.0.memory);
        memory.enter(key(&id, self.0.names.proxy.as_ref()));
        let mut changes = Vec::new();
        for field in std::iter::once(&self.0.service).chain(&self.0.rest) {
            let endpoints = self.0.eligible(field);
            changes.extend(field.reconsider(&mut memory, &endpoints));
        }
        drop(memory);
        self.0.moved_on();
        let _ = self.0.events.send(SelectorEvent::NetworkChanged { id });
        self.0.tell(changes);
    }

    /// Before a connection: whether the device is elsewhere, or slept. After sleep nothing is known
    /// of the network but its name: reconnecting waits for nothing.
    pub(super) fn look_around(&self) {
        let slept = lock(&self.0.memory).clock.wake(SystemTime::now().into());
        if let Some(slept) = slept {
            tracing::debug!(target: "easelect::connect", ?slept, "woke from sleep");
            self.0.moved_on();
        }
        if !self.0.network_told.load(Ordering::Relaxed) {
            let id = derived();
            if self.network() != id {
                self.enter(id);
            }
        }
    }

    /// The identifier of the network that the device is on, as far as was told or derived.
    #[must_use]
    pub fn network(&self) -> String {
        let via = via(self.0.names.proxy.as_ref());
        let key = lock(&self.0.memory).network_id().to_owned();
        key.strip_suffix(&via).unwrap_or(&key).to_owned()
    }

    /// Stops what goes on in the background, and writes what was learned and is not written yet.
    /// Dropping the last clone does so, too, but waits for nothing.
    pub async fn shutdown(&self) {
        lock(&self.0.tasks).abort_all();
        self.0.keep();
        if let Some(keeper) = &self.0.keeper {
            // Only an ended thread drops the other side, and then nothing is left to write.
            let _ = keeper.flush().await;
        }
    }
}

impl Inner {
    /// What was true of the old network no longer holds: nobody has to be spared, and what REST
    /// uses is raced anew.
    fn moved_on(&self) {
        *lock(&self.moved) = true;
        self.moving.notify_waiters();
        lock(&self.backoff).reset();
        if let Some(rest) = &self.rest {
            *lock(&rest.won) = None;
        }
    }
}
