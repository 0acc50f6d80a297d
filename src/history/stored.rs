//! What was learned, as it is kept: per network and candidate, newest wins.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Key, MAX_CANDIDATES, Member, Network};
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
    gate: f64,
    gate_samples: u32,
    candidates: Vec<Member>,
}

/// Keeps what was learned from one run of the app to the next. It may block: it is read once, by
/// [`SelectorBuilder::build`](crate::SelectorBuilder::build) on its caller's thread, and written by a
/// thread of the selector's own. A failure never fails a connection.
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

/// The networks in a history, as a selector would take them `now`.
#[cfg(feature = "lab")]
pub fn networks_of(history: History, now: Timestamp) -> Vec<Network> {
    history.into_networks(now).map(|(_, _, one)| one).collect()
}

/// One network, with its identifier and when it was used last.
pub(crate) type Entry = (String, Timestamp, Network);

impl History {
    pub(crate) fn of(networks: impl Iterator<Item = Entry>) -> Self {
        let networks = networks.map(|(id, used_ms, network)| StoredNetwork {
            id,
            used_ms,
            gate: network.gate.0,
            gate_samples: network.gate.1,
            candidates: network.members,
        });
        History {
            schema: SCHEMA,
            networks: networks.collect(),
        }
    }

    /// The networks in it; candidates whose numbers make no sense are left out, and what a wrong
    /// clock wrote.
    pub(crate) fn into_networks(mut self, now: Timestamp) -> impl Iterator<Item = Entry> {
        self.forget_after(now.after(KEPT));
        self.networks.into_iter().map(|stored| {
            let gate = if stored.gate.is_finite() {
                stored.gate.clamp(-2.0, 2.0)
            } else {
                0.0
            };
            let mut network = Network {
                members: Vec::new(),
                gate: (gate, stored.gate_samples),
                recent: 0,
            };
            for one in stored.candidates.into_iter().filter(Member::is_sound) {
                let number = network.list(&one.key, one.listed_ms);
                let place = network.members[number].place;
                network.members[number] = Member { place, ..one };
            }
            (stored.id, stored.used_ms, network)
        })
    }

    /// Forgets what claims to be later than this. One entry from a clock that was years ahead
    /// would make everything else look old, for years.
    fn forget_after(&mut self, last: Timestamp) {
        self.networks.retain(|one| one.used_ms <= last);
        for one in &mut self.networks {
            one.candidates.retain(|one| one.heard() <= last);
        }
    }

    fn newest(&self) -> Option<Timestamp> {
        self.networks.iter().map(|one| one.used_ms).max()
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
    /// What is a month older than the newest is dropped, and what is as much newer than all of
    /// `other`, which is what is known now.
    #[must_use]
    pub fn merge(mut self, mut other: History) -> Self {
        if let Some(now) = other.newest().or(self.newest()) {
            self.forget_after(now.after(KEPT));
            other.forget_after(now.after(KEPT));
        }
        let mut networks: BTreeMap<String, StoredNetwork> = BTreeMap::new();
        for one in self.networks.into_iter().chain(other.networks) {
            let nothing = || StoredNetwork {
                candidates: Vec::new(),
                ..one.clone()
            };
            let known = networks.entry(one.id.clone()).or_insert_with(nothing);
            let mut candidates: BTreeMap<Key, Member> = BTreeMap::new();
            for candidate in known.candidates.drain(..).chain(one.candidates) {
                let kept = candidates.get(&candidate.key);
                if kept.is_none_or(|kept| kept.heard() <= candidate.heard()) {
                    candidates.insert(candidate.key.clone(), candidate);
                }
            }
            if one.used_ms >= known.used_ms {
                known.used_ms = one.used_ms;
                known.gate = one.gate;
                known.gate_samples = one.gate_samples;
            }
            known.candidates = candidates.into_values().collect();
        }
        let mut networks: Vec<StoredNetwork> = networks.into_values().collect();
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
