//! The hosts to look up, and the lookups due.

use std::collections::{BTreeMap, VecDeque};

use super::ids::{EndpointId, HostId, IdVec};
use super::job::LookupJob;
use crate::dialer::Peer;
use crate::resolve::Families;

/// A host to look up: an endpoint's, or the proxy of many.
#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    is_public: bool,
    is_proxy: bool,
    endpoints: Vec<EndpointId>,
    /// The number of rounds of lookups requested.
    asked: u32,
    /// The number of lookups, one per family, that have not ended.
    pending: usize,
}

impl Host {
    /// Whether its first round of answers is incomplete.
    fn is_unknown(&self) -> bool {
        self.asked == 1 && self.pending > 0
    }
}

/// The hosts, and the lookups due.
#[derive(Debug)]
pub(super) struct Lookups {
    families: Families,
    hosts: IdVec<HostId, Host>,
    /// By name, port, whether public, and whether a proxy.
    by_name: BTreeMap<(String, u16, bool, bool), HostId>,
    due: VecDeque<LookupJob>,
    /// The number of endpoints of unknown hosts.
    unknown: usize,
}

impl Lookups {
    pub(super) fn new(families: Families) -> Self {
        Lookups {
            families,
            hosts: IdVec::default(),
            by_name: BTreeMap::new(),
            due: VecDeque::new(),
            unknown: 0,
        }
    }

    /// Adds an endpoint to its host, and returns the host's id.
    pub(super) fn add(&mut self, peer: Peer<'_>, endpoint: EndpointId) -> HostId {
        let key = (
            peer.host.to_owned(),
            peer.port,
            peer.is_public,
            peer.proxy.is_some(),
        );
        let host = *self.by_name.entry(key).or_insert_with(|| {
            self.hosts.push(Host {
                name: peer.host.to_owned(),
                port: peer.port,
                is_public: peer.is_public,
                is_proxy: peer.proxy.is_some(),
                endpoints: Vec::new(),
                asked: 0,
                pending: 0,
            })
        });
        self.hosts[host].endpoints.push(endpoint);
        host
    }

    /// Makes the first round of every host due.
    pub(super) fn ask_all(&mut self) {
        for host in self.hosts.ids() {
            self.ask(host);
        }
    }

    /// Makes the round after this one due, unless it was already.
    pub(super) fn ask_after(&mut self, host: HostId, round: u32) {
        if self.hosts[host].asked <= round {
            self.ask(host);
        }
    }

    /// Makes a host's next round due.
    fn ask(&mut self, host: HostId) {
        self.change(host, |one| one.asked += 1);
        for family in self.families.list() {
            self.change(host, |one| one.pending += 1);
            let one = &self.hosts[host];
            self.due.push_back(LookupJob {
                host_id: host,
                host: one.name.clone(),
                port: one.port,
                is_public: one.is_public,
                family: *family,
                round: one.asked,
            });
        }
    }

    /// The next lookup. All of them may run at once: the resolver limits itself.
    pub(super) fn next(&mut self) -> Option<LookupJob> {
        self.due.pop_front()
    }

    /// Records the end of a lookup; returns the host's endpoints, and whether it is a proxy.
    pub(super) fn answered(&mut self, host: HostId) -> (Vec<EndpointId>, bool) {
        self.change(host, |one| one.pending -= 1);
        let one = &self.hosts[host];
        (one.endpoints.clone(), one.is_proxy)
    }

    /// The number of endpoints whose hosts' first round of answers is incomplete.
    pub(super) fn unknown(&self) -> usize {
        self.unknown
    }

    /// Those endpoints.
    pub(super) fn unknown_endpoints(&self) -> impl Iterator<Item = EndpointId> {
        let unknown = self.hosts.iter().filter(|host| host.is_unknown());
        unknown.flat_map(|host| host.endpoints.iter().copied())
    }

    /// The hosts whose first round of answers is incomplete.
    pub(super) fn unknown_hosts(&self) -> impl Iterator<Item = HostId> {
        let all = self.hosts.ids();
        all.filter(|host| self.hosts[*host].is_unknown())
    }

    pub(super) fn endpoints_of(&self, host: HostId) -> &[EndpointId] {
        &self.hosts[host].endpoints
    }

    /// Changes a host, and updates the count of unknown endpoints.
    fn change(&mut self, host: HostId, change: impl FnOnce(&mut Host)) {
        let one = &mut self.hosts[host];
        let counted = |one: &Host| {
            if one.is_unknown() {
                one.endpoints.len()
            } else {
                0
            }
        };
        self.unknown -= counted(one);
        change(one);
        self.unknown += counted(one);
    }
}
