//! The hosts that bypass a proxy: the list in `NO_PROXY`.

use std::net::IpAddr;

use ipnet::IpNet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// Matches this port only, if set.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A domain and its subdomains, without a leading dot.
    Domain(String),
}

impl NoProxy {
    pub(super) fn new(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        NoProxy(entries.filter_map(Entry::new).collect())
    }

    pub(super) fn contains(&self, host: &str, port: u16) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|only| only == port)
                && match &entry.hosts {
                    Hosts::All => true,
                    Hosts::Network(network) => address.is_some_and(|one| network.contains(&one)),
                    Hosts::Domain(domain) => address.is_none() && is_within(&host, domain),
                }
        })
    }
}

impl Entry {
    /// `None` for an empty entry.
    fn new(text: &str) -> Option<Self> {
        if let Some(hosts) = whole(text) {
            return Some(Entry { hosts, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text, None),
            },
            None => (text, None),
        };
        if let Some(hosts) = whole(host) {
            return Some(Entry { hosts, port });
        }
        let domain = host.strip_prefix("*.").unwrap_or(host);
        let domain = domain.trim_matches('.').to_ascii_lowercase();
        let hosts = Hosts::Domain(domain);
        (hosts != Hosts::Domain(String::new())).then_some(Entry { hosts, port })
    }
}

/// An entry that is not a domain: everything, an address or a network.
fn whole(text: &str) -> Option<Hosts> {
    if text == "*" {
        return Some(Hosts::All);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).ok().map(Hosts::Network)
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_as_they_do_elsewhere() {
        for (list, past, through) in [
            ("", "", "a.example 10.0.0.1 ::1 localhost"),
            (",, ", "", "a.example"),
            ("*", "a.example 10.0.0.1 ::1", ""),
            ("b.example,*", "a.example", ""),
            (
                "a.example",
                "a.example A.EXAMPLE a.example. x.a.example y.x.a.example",
                "na.example example b.example a.example.com",
            ),
            (".a.example", "a.example x.a.example", "na.example"),
            ("*.a.example", "a.example x.a.example", "na.example"),
            ("A.Example.", "a.example", ""),
            ("a.example b.example", "a.example b.example", "c.example"),
            ("a.example:8443", "", "a.example"),
            ("a.example:443", "a.example", ""),
            ("localhost", "localhost x.localhost", "127.0.0.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2 x.10.0.0.1.example"),
            ("10.0.0.1:443", "10.0.0.1", "10.0.0.2"),
            ("10.1.0.0/16,::1", "10.1.255.255 ::1", "10.2.0.1 ::2"),
            ("10.1.2.3/16", "10.1.9.9", "10.2.0.1"),
            ("[fd00::1]", "fd00::1", "fd00::2"),
            ("[fd00::1]:443", "fd00::1", "fd00::2"),
            ("fd00::/8", "fd12::1", "fe00::1"),
            ("0.1", "", "10.0.0.1"),
            ("10.0.0.0/40", "", "10.0.0.1"),
        ] {
            let bypass = NoProxy::new(list);
            for host in past.split_whitespace() {
                assert!(bypass.contains(host, 443), "{list:?}: {host} bypasses");
            }
            for host in through.split_whitespace() {
                assert!(!bypass.contains(host, 443), "{list:?}: {host} does not");
            }
        }
    }
}
