//! What was learned, as it is kept: per network and candidate, newest wins.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::{Key, MAX_CANDIDATES, Network};
use crate::shown::line;
use crate::timestamp::Timestamp;

/// The version of the format. A file of a newer one is neither read nor overwritten.
const SCHEMA: u32 = 1;

/// Routes change within days; a month later nothing is worth more than a fresh SYN.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// More than a person's device meets in a month.
const MAX_NETWORKS: usize = 32;

/// What a selector learned, as an app keeps it from one run to the next. Hosts and addresses, times and counts;
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
    syn_trust: f64,
    syn_trust_samples: u32,
    candidates: Vec<Candidate>,
}

/// One network of a [`History`].
#[derive(Clone, Debug, PartialEq)]
pub struct KnownNetwork {
    /// Its identifier.
    pub id: String,
    /// When it was used last.
    pub used: Timestamp,
    /// What was learned there.
    pub network: Network,
}

/// Why a [`History`] can't be read or written.
#[non_exhaustive]
pub enum HistoryError {
    /// It is no history.
    Malformed(serde_json::Error),
    /// It was written by a newer version of this crate: neither to be read nor overwritten.
    Newer {
        /// The version of its format.
        found: u32,
        /// The newest version that this crate knows.
        known: u32,
    },
    /// A number in it can't be written as JSON.
    Unwritable(serde_json::Error),
}

impl fmt::Debug for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HistoryError({self})")
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Malformed(error) => write!(f, "not a history ({})", told(error)),
            HistoryError::Newer { found, known } => {
                write!(f, "version {found} is newer than {known}")
            }
            HistoryError::Unwritable(error) => {
                write!(f, "can't be written as JSON ({})", told(error))
            }
        }
    }
}

/// serde_json quotes what stands in the file.
fn told(error: &serde_json::Error) -> String {
    line(&error.to_string(), 300)
}

impl std::error::Error for HistoryError {}

impl History {
    /// What was learned of these networks.
    pub fn of(networks: impl IntoIterator<Item = KnownNetwork>) -> Self {
        let networks = networks.into_iter().map(|one| {
            let ((syn_trust, syn_trust_samples), candidates) = one.network.into_parts();
            StoredNetwork {
                id: one.id,
                used_ms: one.used,
                syn_trust,
                syn_trust_samples,
                candidates,
            }
        });
        History {
            schema: SCHEMA,
            networks: networks.collect(),
        }
    }

    /// The networks in it, as they are worth knowing `now`: candidates whose numbers make no sense
    /// are left out, and what a wrong clock wrote.
    pub fn into_networks(mut self, now: Timestamp) -> impl Iterator<Item = KnownNetwork> {
        self.forget_after(now.after(KEPT));
        self.networks.into_iter().map(|stored| {
            let syn_trust = if stored.syn_trust.is_finite() {
                stored.syn_trust.clamp(-2.0, 2.0)
            } else {
                0.0
            };
            let candidates = stored.candidates.into_iter().filter(Candidate::is_sound);
            KnownNetwork {
                id: stored.id,
                used: stored.used_ms,
                network: Network::restored((syn_trust, stored.syn_trust_samples), candidates),
            }
        })
    }

    /// Forgets what claims to be later than this. One entry from a clock that was years ahead
    /// would make everything else look old, for years.
    fn forget_after(&mut self, last: Timestamp) {
        self.networks.retain(|one| one.used_ms <= last);
        for one in &mut self.networks {
            one.candidates.retain(|one| one.learned() <= last);
        }
    }

    fn newest(&self) -> Option<Timestamp> {
        self.networks.iter().map(|one| one.used_ms).max()
    }

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Newer`] for a version newer than this crate's, [`HistoryError::Malformed`]
    /// for anything else that is no history.
    pub fn from_json(text: &str) -> Result<Self, HistoryError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version = serde_json::from_str(text).map_err(HistoryError::Malformed)?;
        if version.schema > SCHEMA {
            return Err(HistoryError::Newer {
                found: version.schema,
                known: SCHEMA,
            });
        }
        serde_json::from_str(text).map_err(HistoryError::Malformed)
    }

    /// As JSON, for [`from_json`](Self::from_json).
    ///
    /// # Errors
    ///
    /// [`HistoryError::Unwritable`], should a number not be representable.
    pub fn to_json(&self) -> Result<String, HistoryError> {
        serde_json::to_string(self).map_err(HistoryError::Unwritable)
    }

    /// Adds what `other` knows: of each candidate the newer, of each network the one used later.
    /// What is a month older than the newest is dropped, and what is as much newer than all of
    /// `other`, which is what is known now.
    #[must_use]
    pub fn merge(mut self, mut other: History) -> Self {
        if let Some(now) = other.newest().or(self.newest()) {
            self.forget_after(now.after(KEPT));
            other.forget_after(now.after(KEPT));
        }
        // Candidates stay sorted all along: a file may name one network a hundred thousand times.
        let mut networks: BTreeMap<String, (StoredNetwork, BTreeMap<Key, Candidate>)> =
            BTreeMap::new();
        for mut one in self.networks.into_iter().chain(other.networks) {
            let found = std::mem::take(&mut one.candidates);
            let first = || (one.clone(), BTreeMap::new());
            let (known, candidates) = networks.entry(one.id.clone()).or_insert_with(first);
            for candidate in found {
                let kept = candidates.get(candidate.key());
                if kept.is_none_or(|kept| kept.learned() <= candidate.learned()) {
                    candidates.insert(candidate.key().clone(), candidate);
                }
            }
            if one.used_ms >= known.used_ms {
                *known = one;
            }
        }
        let with_candidates = |(known, candidates): (StoredNetwork, BTreeMap<_, Candidate>)| {
            let candidates = candidates.into_values().collect();
            StoredNetwork {
                candidates,
                ..known
            }
        };
        let mut networks: Vec<StoredNetwork> =
            networks.into_values().map(with_candidates).collect();
        let newest = networks.iter().map(|one| one.used_ms).max();
        let newest = newest.unwrap_or_default();
        networks.retain(|one| newest.since(one.used_ms) < KEPT);
        for one in &mut networks {
            one.candidates
                .retain(|one| newest.since(one.heard()) < KEPT);
            one.candidates
                .sort_by_key(|one| std::cmp::Reverse(one.heard()));
            one.candidates.truncate(MAX_CANDIDATES);
        }
        networks.sort_by_key(|one| std::cmp::Reverse(one.used_ms));
        networks.truncate(MAX_NETWORKS);
        History {
            schema: SCHEMA,
            networks,
        }
    }
}
