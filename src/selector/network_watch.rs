//! Which network the device is on.

use std::sync::Mutex;

use super::lock;
use crate::network_id;
use crate::proxy::Proxy;

/// An identifier longer than this is no name for a network.
const MAX_NETWORK_ID: usize = 128;

/// Where there is no route to the internet.
const NOWHERE: &str = "default";

/// What stands before a proxy in a network's key.
const VIA: &str = " via ";

/// Tells networks apart: by what the app said, or else by the routes.
#[derive(Debug)]
pub(super) struct NetworkWatch {
    /// What a network's key in the history ends with: through a proxy everything takes another time.
    via: String,
    /// The app said which network it is.
    told: Mutex<bool>,
}

impl NetworkWatch {
    /// A watch, and the key of the network that the device is on.
    pub(super) fn new(told: Option<&str>, proxy: Option<&Proxy>) -> (Self, String) {
        let watch = NetworkWatch {
            via: proxy.map_or(String::new(), |proxy| format!("{VIA}{proxy}")),
            told: Mutex::new(told.is_some()),
        };
        let key = watch.key(&watch.id(told));
        (watch, key)
    }

    /// The app says which network it is, or that the routes tell: `enter` is given its identifier, if it
    /// has another key than this. The same network again is no change.
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

    /// `enter` is given the network's identifier, if the routes tell and it has another key than
    /// this. What the app says meanwhile comes after, and stays.
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

    /// Whether the network that the history calls so is used through a proxy.
    pub(super) fn is_proxied(key: &str) -> bool {
        key.contains(VIA)
    }

    /// What the history calls a network.
    pub(super) fn key(&self, id: &str) -> String {
        let id: String = id.chars().take(MAX_NETWORK_ID).collect();
        id + &self.via
    }

    /// The identifier of the network that the history calls so.
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
