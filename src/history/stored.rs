//! What was learned, as it is kept: per network and candidate, newest wins.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Key, Level, Memory, Network};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};

/// The version of the format. A file of a newer one is neither read nor overwritten.
const SCHEMA: u32 = 1;

/// Routes change within days; a month later nothing is worth more than a fresh SYN.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// More than a person's device meets in a month.
const MAX_NETWORKS: usize = 32;

/// What a selector learned, as a [`HistoryStore`] keeps it. Hosts and addresses, times and counts;
/// nothing of the app's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    schema: u32,
    networks: Vec<StoredNetwork>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredNetwork {
    id: String,
    used_ms: Timestamp,
    winner: Option<StoredKey>,
    gate: f64,
    gate_samples: u32,
    candidates: Vec<StoredCandidate>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct StoredKey {
    host: String,
    address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredCandidate {
    #[serde(flatten)]
    key: StoredKey,
    #[serde(flatten)]
    memory: Memory,
}

/// Keeps what was learned from one run of the app to the next. Called from a thread of the
/// selector's own, so it may block; a failure never fails a connection.
pub trait HistoryStore: std::fmt::Debug + Send + Sync + 'static {
    /// What was kept; `None` if nothing was yet.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read. The selector then starts with nothing.
    fn load(&self) -> Result<Option<History>, Error>;

    /// Keeps `history`, [merged](History::merge) with what is kept already: another process may
    /// have learned, too.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written. What was kept before must survive.
    fn save(&self, history: &History) -> Result<(), Error>;
}

/// One network, with its identifier, when it was used last, and who won last on it.
pub(crate) type Entry = (String, Timestamp, Option<Key>, Network);

impl History {
    pub(crate) fn of(networks: impl Iterator<Item = Entry>) -> Self {
        let networks = networks.map(|(id, used_ms, winner, network)| StoredNetwork {
            id,
            used_ms,
            winner: winner.map(StoredKey::from),
            gate: network.gate,
            gate_samples: network.gate_samples,
            candidates: network
                .candidates
                .into_iter()
                .map(|(key, memory)| StoredCandidate {
                    key: key.into(),
                    memory,
                })
                .collect(),
        });
        History {
            schema: SCHEMA,
            networks: networks.collect(),
        }
    }

    /// The networks in it; candidates whose numbers make no sense are left out.
    pub(crate) fn into_networks(self) -> impl Iterator<Item = Entry> {
        self.networks.into_iter().map(|stored| {
            let sound = stored
                .candidates
                .into_iter()
                .filter(StoredCandidate::is_sound);
            let network = Network {
                candidates: sound.map(|one| (one.key.into(), one.memory)).collect(),
                gate: if stored.gate.is_finite() {
                    stored.gate.clamp(-2.0, 2.0)
                } else {
                    0.0
                },
                gate_samples: stored.gate_samples,
            };
            (
                stored.id,
                stored.used_ms,
                stored.winner.map(Key::from),
                network,
            )
        })
    }

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::History`] for anything else, and for a version newer than this crate's.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let wrong = |why: String| Error::new(ErrorKind::History, why);
        let version: Version = serde_json::from_str(text)
            .map_err(|error| wrong(format!("not a history ({error})")).with_source(error))?;
        if version.schema > SCHEMA {
            return Err(Error::new(
                ErrorKind::NewerHistory,
                format!("version {} is newer than {SCHEMA}", version.schema),
            ));
        }
        serde_json::from_str(text)
            .map_err(|error| wrong(format!("not a history ({error})")).with_source(error))
    }

    /// As JSON, for [`from_json`](Self::from_json).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::History`], should a number not be representable.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| {
            Error::new(ErrorKind::History, "can't be written as JSON").with_source(error)
        })
    }

    /// Adds what `other` knows: of each candidate the newer, of each network the one used later.
    /// What is a month older than the newest is dropped.
    #[must_use]
    pub fn merge(self, other: History) -> Self {
        let mut networks: BTreeMap<String, StoredNetwork> = BTreeMap::new();
        for one in self.networks.into_iter().chain(other.networks) {
            let Some(known) = networks.get_mut(&one.id) else {
                networks.insert(one.id.clone(), one);
                continue;
            };
            let mut candidates: BTreeMap<StoredKey, Memory> = BTreeMap::new();
            for candidate in known.candidates.drain(..).chain(one.candidates) {
                let newer = candidates
                    .get(&candidate.key)
                    .is_none_or(|kept| kept.updated_ms <= candidate.memory.updated_ms);
                if newer {
                    candidates.insert(candidate.key, candidate.memory);
                }
            }
            if one.used_ms >= known.used_ms {
                known.used_ms = one.used_ms;
                known.winner = one.winner;
                known.gate = one.gate;
                known.gate_samples = one.gate_samples;
            }
            let pairs = candidates.into_iter();
            known.candidates = pairs
                .map(|(key, memory)| StoredCandidate { key, memory })
                .collect();
        }
        let mut networks: Vec<StoredNetwork> = networks.into_values().collect();
        let newest = networks
            .iter()
            .map(|one| one.used_ms)
            .max()
            .unwrap_or_default();
        networks.retain(|one| newest.since(one.used_ms) < KEPT);
        for one in &mut networks {
            one.candidates
                .retain(|one| newest.since(one.memory.updated_ms) < KEPT);
            one.candidates
                .sort_by_key(|one| std::cmp::Reverse(one.memory.updated_ms));
            one.candidates.truncate(super::MAX_CANDIDATES);
        }
        networks.sort_by_key(|one| std::cmp::Reverse(one.used_ms));
        networks.truncate(MAX_NETWORKS);
        History {
            schema: SCHEMA,
            networks,
        }
    }
}

impl StoredCandidate {
    fn is_sound(&self) -> bool {
        let level = |level: &Level| {
            level.mean.is_finite()
                && level.mean.abs() < 20.0
                && level.variance.is_finite()
                && (0.0..10.0).contains(&level.variance)
        };
        level(&self.memory.round_trip) && level(&self.memory.rest) && self.memory.health.is_sound()
    }
}

impl From<Key> for StoredKey {
    fn from(key: Key) -> Self {
        StoredKey {
            host: key.host,
            address: key.address,
        }
    }
}

impl From<StoredKey> for Key {
    fn from(key: StoredKey) -> Self {
        Key {
            host: key.host,
            address: key.address,
        }
    }
}
