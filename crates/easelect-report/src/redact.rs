//! Removes private details of the user and their network from a model, before any format writes it.
//!
//! Each detail becomes a placeholder such as `[local address 1]`, wherever it occurs. The same detail gets the
//! same placeholder, so that readers can still see its kind and which details are equal.
//!
//! Hidden are:
//!
//! - addresses of private networks, made-up ones (Fake-IP) and the device's own public addresses;
//! - names, URLs and addresses of proxies;
//! - the network's identifier;
//! - user names in paths;
//! - App Keys.
//!
//! Shown are:
//!
//! - loopback addresses, which every computer has;
//! - public addresses of hosts and DNS servers;
//! - the user's own hosts, which the report is about, unless they are private addresses;
//! - addresses of a lab's simulated network;
//! - the note, which the user wrote for the reader.

mod find;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use easelect::is_local;
use serde_json::Value;

use super::facts::is_made_up;
use super::model::{EndpointModel, Model};
use super::texts::{Lang, text};
use find::{Secret, addresses, app_keys, names, user_names};

impl Model {
    /// Returns the report without private details of the user. Addresses of private networks, proxies, user
    /// names, App Keys and the network's identifier become placeholders in the report's language, for example
    /// `[proxy 1]`. A report marked as redacted stays unchanged.
    #[must_use]
    pub fn redacted(&self) -> Model {
        if self.redacted {
            return self.clone();
        }
        let mut secrets = Secrets::of(self);
        let mut value = serde_json::to_value(self).expect("a model has string keys only");
        // The first walks collect secrets and number them, the environment's first: a text may reveal a secret
        // that an earlier text contains.
        secrets.walk(&mut value["environment"].clone(), "environment");
        secrets.only_known_addresses = self.environment.lab.is_some();
        secrets.walk(&mut value.clone(), "");
        secrets.walk(&mut value, "");
        let mut model: Model =
            serde_json::from_value(value).expect("strings are replaced by strings");
        model.redacted = true;
        model
    }
}

/// The kind of a secret, named in its placeholder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    LocalAddress,
    MadeUpAddress,
    OwnAddress,
    Proxy,
    Network,
    User,
    AppKey,
}

/// Keys whose values are our identifiers. A proxy named `rest`, say, is not meant there.
const CODES: [&str; 30] = [
    "version",
    "lang",
    "started_at",
    "finished_at",
    "finished_at_local",
    "os",
    "arch",
    "families",
    "families_tried",
    "families_working",
    "proxy_variables",
    "variable",
    "code",
    "severity",
    "fault",
    "actor",
    "region",
    "regions",
    "service",
    "services",
    "tier",
    "variant",
    "confidence",
    "phase",
    "kind",
    "failed",
    "transport",
    "family",
    "trust",
    "chain_fault",
];

/// The most proxy names collected. A file could name any number, and every text is searched for each.
const PROXIES: usize = 100;

/// The known secrets, and the placeholders assigned so far.
struct Secrets {
    lang: Lang,
    /// Names of proxies, in lower case.
    proxies: BTreeSet<String>,
    /// Paths in the URLs of the system's proxies (PAC).
    proxy_paths: BTreeSet<String>,
    /// Public addresses of proxies.
    proxies_at: BTreeSet<IpAddr>,
    /// Public addresses of the device.
    own: BTreeSet<IpAddr>,
    network: Option<String>,
    /// Hosts that the report is about, in lower case. They stay.
    hosts: BTreeSet<String>,
    app_keys: BTreeSet<String>,
    /// Whether to hide only addresses that have a placeholder already: in a lab, the others are simulated.
    only_known_addresses: bool,
    given: BTreeMap<Kind, BTreeMap<String, usize>>,
}

impl Secrets {
    fn of(model: &Model) -> Self {
        let environment = &model.environment;
        let mut secrets = Secrets {
            lang: model.lang,
            proxies: BTreeSet::new(),
            proxy_paths: BTreeSet::new(),
            proxies_at: BTreeSet::new(),
            own: BTreeSet::new(),
            network: None,
            hosts: BTreeSet::new(),
            app_keys: BTreeSet::new(),
            only_known_addresses: false,
            given: BTreeMap::new(),
        };
        let rows = || model.groups.iter().flat_map(|group| &group.endpoints);
        (secrets.hosts).extend(rows().map(|row| row.host.to_ascii_lowercase()));
        let used = environment.proxy.as_ref().map(|proxy| &proxy.url);
        for url in used.into_iter().chain(&environment.system_proxies) {
            secrets.proxy(url);
        }
        if let Some(network) = &environment.network {
            secrets.network.clone_from(&network.id);
            let addresses = [&network.ipv4, &network.ipv6].into_iter().flatten();
            let addresses = addresses.filter_map(|one| one.parse::<IpAddr>().ok());
            secrets.own.extend(addresses.map(|ip| ip.to_canonical()));
        }
        let port = used.and_then(|url| url.rsplit_once(':')?.1.parse::<u16>().ok());
        let proxied = rows().filter(|row| used.is_some() && is_proxied(row, port));
        let addresses = proxied.flat_map(|row| &row.addresses);
        let of_proxies = addresses.filter_map(|one| one.address.parse().ok());
        (secrets.proxies_at)
            .extend(of_proxies.map(|at: std::net::SocketAddr| at.ip().to_canonical()));
        let lookups = model.direct_lookups.iter();
        let of_proxies: Vec<IpAddr> = lookups
            .filter(|one| secrets.proxies.contains(&one.host.to_lowercase()))
            .flat_map(|one| {
                let second = one.second_answer.iter().flat_map(|one| &one.addresses);
                one.answer.addresses.iter().chain(second)
            })
            .filter_map(|one| one.parse().ok())
            .collect();
        secrets.proxies_at.extend(of_proxies);
        // A proxy that refused a request may have given its name.
        let failures = rows().flat_map(|row| {
            let of_addresses = row.addresses.iter().flat_map(|one| &one.failures);
            row.failures.iter().chain(of_addresses)
        });
        let fields = failures.filter(|one| one.phase == "proxy");
        for field in fields.flat_map(|one| &one.answered_by) {
            let via = field.strip_prefix("via:").unwrap_or_default();
            if let Some(name) = via.split_whitespace().nth(1) {
                secrets.proxy_name(name.split(':').next().unwrap_or_default());
            }
        }
        secrets
    }

    /// Collects a proxy's URL, or another form of system settings: `PAC http://…`, `HOST:PORT`.
    fn proxy(&mut self, told: &str) {
        for word in told.split([' ', ';', '=', ',']) {
            let (has_scheme, rest) = match word.split_once("://") {
                Some((_, rest)) => (true, rest),
                None => (false, word),
            };
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let authority = authority.rsplit('@').next().unwrap_or_default();
            let (host, is_v6) = match authority.strip_prefix('[') {
                Some(v6) => (v6.split(']').next().unwrap_or_default(), true),
                None => (authority.split(':').next().unwrap_or_default(), false),
            };
            let has_port = (authority.rsplit_once(':')).is_some_and(|(_, port)| {
                !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
            });
            if !has_scheme && !has_port {
                continue;
            }
            match host.parse::<IpAddr>() {
                Ok(ip) => {
                    self.proxies_at.insert(ip.to_canonical());
                }
                // Brackets without an IPv6 address belong to a placeholder.
                Err(_) if is_v6 => {}
                Err(_) => self.proxy_name(host),
            }
            if path.len() > 1 {
                self.proxy_paths.insert(path.to_owned());
            }
        }
    }

    fn proxy_name(&mut self, name: &str) {
        let name = name.trim_matches('.').to_lowercase();
        let is_name = name.contains(char::is_alphabetic) && name != "localhost";
        if is_name && !self.hosts.contains(&name) && self.proxies.len() < PROXIES {
            self.proxies.insert(name);
        }
    }

    fn walk(&mut self, value: &mut Value, key: &str) {
        match value {
            Value::String(text) => *text = self.text(text, key),
            Value::Array(all) => all.iter_mut().for_each(|one| self.walk(one, key)),
            Value::Object(map) => {
                for (key, value) in map.iter_mut().filter(|(key, _)| *key != "note") {
                    self.walk(value, key);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, key: &str) -> String {
        let text = self.replaced(text, app_keys);
        let text = self.replaced(&text, user_names);
        let text = self.replaced(&text, addresses);
        match CODES.contains(&key) {
            true => text,
            false => self.replaced(&text, names),
        }
    }

    /// Replaces each secret found in the text.
    fn replaced(&mut self, text: &str, find: fn(&mut Self, &str) -> Vec<Secret>) -> String {
        let mut told = String::with_capacity(text.len());
        let mut done = 0;
        for secret in find(self, text) {
            // A secret that overlaps the previous one belongs to it.
            if secret.at.start < done {
                done = done.max(secret.at.end);
                continue;
            }
            told.push_str(&text[done..secret.at.start]);
            told.push_str(&self.placeholder(secret.kind, secret.what));
            done = secret.at.end;
            // The path of a PAC script is as private as its host.
            let port = &text[done..];
            let port = port.strip_prefix(':').map_or(0, |port| {
                let rest = port.trim_start_matches(|c: char| c.is_ascii_digit());
                1 + port.len() - rest.len()
            });
            let mut paths = self.proxy_paths.iter();
            if let Some(path) = paths.find(|path| text[done + port..].starts_with(*path)) {
                told.push_str(&text[done..done + port]);
                told.push_str("/…");
                done += port + path.len();
            }
        }
        told.push_str(&text[done..]);
        told
    }

    fn placeholder(&mut self, kind: Kind, what: String) -> String {
        let next = self.given.entry(kind).or_default();
        let number = next.len() + 1;
        let number = *next.entry(what).or_insert(number);
        let (en, zh) = match kind {
            Kind::LocalAddress => ("local address", "本地地址"),
            Kind::MadeUpAddress => ("made-up address", "虚拟地址"),
            Kind::OwnAddress => ("own public address", "本机公网地址"),
            Kind::Proxy => ("proxy", "代理"),
            Kind::Network => ("network", "网络"),
            Kind::User => ("user", "用户"),
            Kind::AppKey => ("App Key", "App Key"),
        };
        text(format!("[{en} {number}]"), format!("[{zh} {number}]")).of(self.lang)
    }

    /// The kind of this address, if it is secret.
    fn kind(&self, ip: IpAddr) -> Option<Kind> {
        if ip.is_loopback() || ip.is_unspecified() {
            return None;
        }
        let kind = match (self.own.contains(&ip), is_made_up(ip), is_local(ip)) {
            (true, ..) => Kind::OwnAddress,
            (_, true, _) => Kind::MadeUpAddress,
            (.., true) => Kind::LocalAddress,
            _ if self.proxies_at.contains(&ip) => Kind::Proxy,
            _ => return None,
        };
        let given = self.given.get(&kind);
        let known = given.is_some_and(|given| given.contains_key(&ip.to_string()));
        (known || !self.only_known_addresses).then_some(kind)
    }
}

/// Whether the addresses of an endpoint are those of a proxy.
fn is_proxied(row: &EndpointModel, proxy_port: Option<u16>) -> bool {
    let port_of = |address: &str| address.rsplit_once(':')?.1.parse::<u16>().ok();
    let own = port_of(&row.authority).unwrap_or(443);
    row.phases_ms.proxy.is_some()
        || row.failures.iter().any(|one| one.phase == "proxy")
        || (row.addresses.iter().map(|one| port_of(&one.address)))
            .any(|port| port.is_some() && port == proxy_port && port != Some(own))
}
