//! Tracks which network the device is on.

use std::sync::Mutex;

use super::lock;
use crate::network_id;
use crate::proxy::Proxy;

/// Longer identifiers are cut, in characters.
const MAX_NETWORK_ID: usize = 128;

/// The identifier without a route to the internet.
const NOWHERE: &str = "default";

/// Separates the identifier from the proxy in a network's key.
const VIA: &str = " via ";

/// Identifies networks by what the app says, or else by the routes.
#[derive(Debug)]
pub(super) struct NetworkWatch {
    /// The suffix of a network's key in the history: every time is different through a proxy.
    via: String,
    /// Whether the app named the network.
    told: Mutex<bool>,
}

impl NetworkWatch {
    /// A watch, and the key of the current network.
    pub(super) fn new(told: Option<&str>, proxy: Option<&Proxy>) -> (Self, String) {
        let watch = NetworkWatch {
            via: proxy.map_or(String::new(), |proxy| format!("{VIA}{proxy}")),
            told: Mutex::new(told.is_some()),
        };
        let key = watch.key(&watch.id(told));
        (watch, key)
    }

    /// Takes the name that the app gives, or `None` for the routes. If the network's key differs from
    /// `key`, calls `enter` with its identifier.
    pub(super) fn tell(
        &self,
        told: Option<&str>,
        key: impl FnOnce() -> String,
        enter: impl FnOnce(String),
    ) {
        let mut is_told = lock(&self.told);
        *is_told = told.is_some();
        let id = self.id(told);
        if self.key(&id) != key() {
            enter(id);
        }
    }

    /// Checks the routes, unless the app named the network. If the network's key differs from `key`,
    /// calls `enter` with its identifier. The lock is held meanwhile, so that a name that the app gives
    /// takes effect afterwards.
    pub(super) fn look(&self, key: impl FnOnce() -> String, enter: impl FnOnce(String)) {
        let is_told = lock(&self.told);
        if *is_told {
            return;
        }
        let id = self.id(None);
        if self.key(&id) != key() {
            enter(id);
        }
    }

    /// Whether a key belongs to a network used through a proxy.
    pub(super) fn is_proxied(key: &str) -> bool {
        key.contains(VIA)
    }

    /// The key of a network in the history.
    pub(super) fn key(&self, id: &str) -> String {
        let id: String = id.chars().take(MAX_NETWORK_ID).collect();
        id + &self.via
    }

    /// The identifier in a key.
    pub(super) fn id_of(&self, key: &str) -> String {
        key.strip_suffix(&self.via).unwrap_or(key).to_owned()
    }

    fn id(&self, told: Option<&str>) -> String {
        match told {
            Some(id) => id.chars().take(MAX_NETWORK_ID).collect(),
            None => network_id::current().unwrap_or_else(|| NOWHERE.to_owned()),
        }
    }
}
