//! What other networks taught of addresses, for one of which nothing is known.

use std::collections::BTreeMap;

use super::{Key, Network};
use crate::timestamp::Timestamp;

/// The addresses of a host in one family, as networks list them.
#[derive(Default)]
struct Listed<'a> {
    /// How many networks list any.
    networks: usize,
    /// How many list each, and when it last opened on any.
    addresses: Vec<(&'a Key, usize, Option<Timestamp>)>,
}

/// Whom to dial on a network of which nothing is known while its DNS is asked: the candidates that opened on
/// these, the latest first. Where DNS gives each network addresses of its own, the nearest, a remembered
/// one is a detour: only what most of the networks list that know the host is taken.
pub fn proven_elsewhere<'a>(networks: impl Iterator<Item = &'a Network>) -> Vec<&'a Key> {
    let mut hosts: BTreeMap<(&str, &str, &str, bool), Listed> = BTreeMap::new();
    for network in networks {
        let mut counted = Vec::new();
        for one in network
            .candidates
            .iter()
            .filter(|one| one.listed().is_some())
        {
            let key = one.key();
            let host = (
                key.region.as_str(),
                key.host.as_str(),
                key.service.as_str(),
                key.address.is_ipv6(),
            );
            let listed = hosts.entry(host).or_default();
            if !counted.contains(&host) {
                counted.push(host);
                listed.networks += 1;
            }
            match listed
                .addresses
                .iter_mut()
                .find(|(known, ..)| known.address == key.address)
            {
                Some((_, count, last)) => {
                    *count += 1;
                    *last = (*last).max(one.opened());
                }
                None => listed.addresses.push((key, 1, one.opened())),
            }
        }
    }
    let shared = |listed: Listed<'a>| {
        let most = move |count: usize| 2 * count > listed.networks;
        let addresses = listed.addresses.into_iter();
        addresses.filter_map(move |(key, count, last)| Some((last.filter(|_| most(count))?, key)))
    };
    let mut known: Vec<(Timestamp, &Key)> = hosts.into_values().flat_map(shared).collect();
    known.sort_by(|a, b| b.cmp(a));
    known.into_iter().map(|(_, key)| key).collect()
}
