//! What was learned, as it is kept: per network and candidate, newest wins.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::{Key, MAX_CANDIDATES, Network, TLS_TO_SYN_COUNT};
use crate::shown::line;
use crate::timestamp::Timestamp;

/// The version of the format. A file of a newer one is neither read nor overwritten.
const SCHEMA: u32 = 1;

/// Two clocks may differ by so much, or one writer be so late.
const SLACK: Duration = Duration::from_secs(3600);
/// What claims to be later than that is taken to be so old: a clock was wrong, or somebody lies.
const SETTLED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Routes change within days; a month later nothing is worth more than a fresh SYN.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// More than a person's device meets in a month.
const MAX_NETWORKS: usize = 32;

/// A longer name is no network's: 128 characters and a proxy's URL. In bytes.
const MAX_ID: usize = 1024;

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

    /// The networks in it, as far as they are believed `now`: a file may hold anything. Nothing in it
    /// happened later, no count or variance says more than a few measurements do, no break ends later than
    /// one that begins now. What is no later than `now` counts for three connections on its network,
    /// and after them where it was measured again. Candidates that are not possible are left out.
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

    /// As far as it is believed at this moment.
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
    /// What is a month older than the newest of `other`, which is what is known now, is dropped; what is
    /// more than an hour newer counts as a week old.
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

/// One entry for each network and candidate, the newest; of those that are worth keeping at this moment,
/// the newest, up to a limit.
fn join(networks: impl IntoIterator<Item = StoredNetwork>, now: Timestamp) -> Vec<StoredNetwork> {
    // Candidates stay sorted all along: a file may name one network a hundred thousand times.
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

/// Keeps at most so many, the newest.
fn keep_newest<T>(all: &mut Vec<T>, most: usize, at: impl Fn(&T) -> Timestamp) {
    if all.len() > most {
        // Numbers are sorted elsewhere, too: sorting what has them would add to every app.
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
