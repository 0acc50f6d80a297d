//! The stored form of what was learned, by network and candidate. The newest entry wins.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::{Key, MAX_CANDIDATES, Network, TLS_TO_SYN_COUNT};
use crate::shown::line;
use crate::timestamp::Timestamp;

/// The version of the format. A newer one is neither read nor overwritten.
const SCHEMA: u32 = 1;

/// The most that clocks of two writers may differ.
const SLACK: Duration = Duration::from_secs(3600);
/// Entries later than that count as this old: a clock was wrong, or the file is forged.
const SETTLED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Older entries are dropped. Routes change within days, so after a month a fresh SYN is worth more.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// More networks than a device visits in a month.
const MAX_NETWORKS: usize = 32;

/// The longest network id in bytes: 128 characters and a proxy's URL fit.
const MAX_ID: usize = 1024;

/// What a selector learned, in the form in which an app stores it between runs.
///
/// It contains names of networks, hosts and addresses, times and counts. It contains no data of the
/// app.
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
    /// When it was last used.
    pub used: Timestamp,
    /// What was learned there.
    pub network: Network,
}

/// Why a [`History`] can't be read or written.
#[non_exhaustive]
pub enum HistoryError {
    /// The text is not a history.
    Malformed(serde_json::Error),
    /// A newer version of this crate wrote it. It must be neither read nor overwritten.
    Newer {
        /// The version of its format.
        found: u32,
        /// The newest version that this crate knows.
        known: u32,
    },
    /// A number in the history can't be written as JSON.
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

/// Shortened, because serde_json quotes the file.
fn told(error: &serde_json::Error) -> String {
    line(&error.to_string(), 300)
}

impl std::error::Error for HistoryError {}

impl History {
    /// Returns the history of these networks.
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

    /// Returns its networks, as far as they are believed `now`, since a stored history may be wrong or
    /// forged.
    ///
    /// No entry counts as later than `now`, no count or variance says more than a few measurements
    /// would, and no break ends later than one that begins now. Values that were not measured again
    /// count for three connections on their network. Candidates for which `is_possible` returns false
    /// are left out.
    pub fn into_networks(
        self,
        now: Timestamp,
        is_possible: impl Fn(&Key) -> bool,
    ) -> impl Iterator<Item = KnownNetwork> {
        let settled = self.settled(now);
        let networks = join(settled.networks, now).into_iter();
        networks.map(move |stored| {
            let syn_trust = match stored.syn_trust.is_finite() {
                true => stored.syn_trust.clamp(-2.0, 2.0),
                false => 0.0,
            };
            let samples = stored.syn_trust_samples.min(TLS_TO_SYN_COUNT);
            let candidates = stored.candidates.into_iter();
            let candidates = candidates.filter(|one| is_possible(one.key()));
            KnownNetwork {
                id: stored.id,
                used: stored.used_ms,
                network: Network::restored((syn_trust, samples), candidates, now),
            }
        })
    }

    /// With moments in the future corrected, and values limited.
    fn settled(mut self, now: Timestamp) -> Self {
        let settled = |claimed: Timestamp| match claimed.since(now) {
            Duration::ZERO => claimed,
            ahead if ahead <= SLACK => now,
            _ => Timestamp::from_millis(now.as_millis().saturating_sub(SETTLED.as_millis() as u64)),
        };
        for one in &mut self.networks {
            one.used_ms = settled(one.used_ms);
            let candidates = std::mem::take(&mut one.candidates).into_iter();
            one.candidates = candidates.map(|one| one.told(now, settled)).collect();
        }
        self
    }

    fn newest(&self) -> Option<Timestamp> {
        self.networks.iter().map(|one| one.used_ms).max()
    }

    /// Reads a history from JSON.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Newer`] for a newer format, and [`HistoryError::Malformed`] for any other text
    /// that is not a history.
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

    /// Returns the history as JSON, for [`from_json`](Self::from_json).
    ///
    /// # Errors
    ///
    /// [`HistoryError::Unwritable`] if JSON can't represent a number.
    pub fn to_json(&self) -> Result<String, HistoryError> {
        serde_json::to_string(self).map_err(HistoryError::Unwritable)
    }

    /// Merges `other`, the current state, into this history. The newer entry of each candidate and the
    /// later use of each network win. Entries more than 30 days older than the newest of `other` are
    /// dropped. Entries of this history more than an hour newer than it count as a week old.
    #[must_use]
    pub fn merge(self, other: History) -> Self {
        let now = other.newest().or(self.newest()).unwrap_or_default();
        let kept = self.settled(now).networks.into_iter();
        History {
            schema: SCHEMA,
            networks: join(kept.chain(other.networks), now),
        }
    }
}

/// One entry for each network and candidate, the newest. Old entries, and the oldest beyond a limit,
/// are dropped.
fn join(networks: impl IntoIterator<Item = StoredNetwork>, now: Timestamp) -> Vec<StoredNetwork> {
    // Candidates are kept sorted, because a file may name one network a hundred thousand times.
    let mut known: BTreeMap<String, (StoredNetwork, BTreeMap<Key, Candidate>)> = BTreeMap::new();
    for mut one in networks.into_iter().filter(|one| one.id.len() <= MAX_ID) {
        let found = std::mem::take(&mut one.candidates);
        let first = || (one.clone(), BTreeMap::new());
        let (first, candidates) = known.entry(one.id.clone()).or_insert_with(first);
        for candidate in found {
            if !candidate.key().is_short() {
                continue;
            }
            let kept = candidates.get(candidate.key());
            if kept.is_none_or(|kept| kept.learned() <= candidate.learned()) {
                candidates.insert(candidate.key().clone(), candidate);
            }
        }
        if one.used_ms >= first.used_ms {
            *first = one;
        }
    }
    let with_candidates = |(known, candidates): (StoredNetwork, BTreeMap<_, Candidate>)| {
        let candidates = candidates.into_values().collect();
        StoredNetwork {
            candidates,
            ..known
        }
    };
    let mut networks: Vec<StoredNetwork> = known.into_values().map(with_candidates).collect();
    networks.retain(|one| now.since(one.used_ms) < KEPT);
    for one in &mut networks {
        one.candidates.retain(|one| now.since(one.heard()) < KEPT);
        keep_newest(&mut one.candidates, MAX_CANDIDATES, Candidate::heard);
    }
    keep_newest(&mut networks, MAX_NETWORKS, |one| one.used_ms);
    networks
}

/// Keeps at most `most`, the newest.
fn keep_newest<T>(all: &mut Vec<T>, most: usize, at: impl Fn(&T) -> Timestamp) {
    if all.len() > most {
        // Sorts plain numbers, which other code does, too: another sort function would add to the size
        // of every app.
        let mut times: Vec<u64> = all.iter().map(|one| at(one).as_millis()).collect();
        times.sort_unstable();
        let oldest = Timestamp::from_millis(times[times.len() - most]);
        let newer = times.iter().filter(|time| **time > oldest.as_millis());
        let mut alike = most - newer.count();
        all.retain(|one| {
            let is_alike = at(one) == oldest && alike > 0;
            alike -= usize::from(is_alike);
            is_alike || at(one) > oldest
        });
    }
}
