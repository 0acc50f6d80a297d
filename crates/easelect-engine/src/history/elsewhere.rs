//! Addresses that opened on other networks, for a network of which nothing is known.

use std::collections::BTreeMap;

use super::{Key, Network};
use crate::timestamp::Timestamp;

/// The addresses of a host in one family, by how many networks list them.
#[derive(Default)]
struct Listed<'a> {
    /// Networks that list any address.
    networks: usize,
    /// Each address, with the number of networks that list it and when it last opened on any.
    addresses: Vec<(&'a Key, usize, Option<Timestamp>)>,
}

/// Returns the candidates to dial on an unknown network while its DNS is being asked: those that opened
/// on these networks, the latest first.
///
/// Some services' DNS returns the nearest address to each network. A remembered address would then be a
/// detour. So an address is returned only if more than half of the networks that know its host list it.
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
