//! What a report tells of its user and their network, taken out of the model before any format: others
//! see that two things differ and of which kind they are, and no more.
//!
//! Hidden are addresses of private networks, made-up ones (Fake-IP), the names, URLs and addresses of
//! proxies, the network's identifier, user names in paths, App Keys. Hidden wherever they stand, as
//! `[local address 1]`: the same placeholder for the same thing.
//!
//! Told are loopback addresses, which every computer has; public addresses of hosts and name servers; the
//! user's own hosts, which the report is about, unless they are private addresses; what the simulated
//! network of a lab has; and the note, which the user wrote for whoever reads the report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use easelect::is_local;
use serde_json::Value;

use super::facts::is_made_up;
use super::model::{BODY, DETAIL, EndpointModel, Model};
use super::texts::{Lang, text};

impl Model {
    /// The same report without what it tells of the user: addresses of private networks, names of proxies and
    /// users, App Keys and the network's identifier are placeholders in the report's language, such as `[proxy
    /// 1]`. One that says of itself that it is redacted stays as it is.
    #[must_use]
    pub fn redacted(&self) -> Model {
        if self.redacted {
            return self.clone();
        }
        let mut secrets = Secrets::of(self);
        let mut value = serde_json::to_value(self).expect("a model has string keys only");
        // Seen once before anything is replaced: the environment's come first, and what one text shows to be a
        // secret is one in those before it.
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

/// What is hidden, as its placeholder calls it.
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

/// Keys whose values are identifiers of ours: a proxy called `rest` is not meant there.
const CODES: [&str; 27] = [
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
];

/// Names that are words of our own sentences: a proxy that is called so is hidden where it can only be meant.
const WORDS: [&str; 20] = [
    "app", "cache", "client", "dns", "firewall", "gateway", "host", "http", "https", "internet",
    "local", "name", "network", "proxy", "router", "server", "socks", "system", "web", "wpad",
];

/// What is known to be secret, and the placeholders given so far.
struct Secrets {
    lang: Lang,
    /// Names of proxies, in small letters.
    proxies: BTreeSet<String>,
    /// Paths in the URLs of the system's proxies (PAC).
    proxy_paths: BTreeSet<String>,
    /// Public addresses of proxies.
    proxies_at: BTreeSet<IpAddr>,
    /// Public addresses of the device.
    own: BTreeSet<IpAddr>,
    network: Option<String>,
    /// Hosts that the report is about, in small letters: they stay.
    hosts: BTreeSet<String>,
    app_keys: BTreeSet<String>,
    /// Addresses that have no placeholder by now are a lab's.
    only_known_addresses: bool,
    given: BTreeMap<(Kind, String), usize>,
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
        // A proxy that turned a client away may have said its name.
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

    /// A proxy's URL, or what else a system's settings have: `PAC http://…`, `HOST:PORT`.
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
                // Brackets around anything else are a placeholder's.
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
        if is_name && !self.hosts.contains(&name) {
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

    /// The text with each secret that is found in it replaced.
    fn replaced(&mut self, text: &str, find: fn(&mut Self, &str) -> Vec<Secret>) -> String {
        let mut told = String::with_capacity(text.len());
        let mut done = 0;
        for secret in find(self, text) {
            if secret.at.start < done {
                continue;
            }
            told.push_str(&text[done..secret.at.start]);
            told.push_str(&self.placeholder(secret.kind, secret.what));
            done = secret.at.end;
            // The path of a script says as much as its host.
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
        let before = self.given.keys().filter(|(one, _)| *one == kind).count();
        let number = *self.given.entry((kind, what)).or_insert(before + 1);
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

    /// What this address is, if it is not to be told.
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
        let known = self.given.contains_key(&(kind, ip.to_string()));
        (known || !self.only_known_addresses).then_some(kind)
    }
}

/// Whether what is told of an endpoint's addresses is told of a proxy's.
fn is_proxied(row: &EndpointModel, proxy_port: Option<u16>) -> bool {
    let port_of = |address: &str| address.rsplit_once(':')?.1.parse::<u16>().ok();
    let own = port_of(&row.authority).unwrap_or(443);
    row.phases_ms.proxy.is_some()
        || row.failures.iter().any(|one| one.phase == "proxy")
        || (row.addresses.iter().map(|one| port_of(&one.address)))
            .any(|port| port.is_some() && port == proxy_port && port != Some(own))
}

/// Something to be hidden, and where it stands.
struct Secret {
    at: Range<usize>,
    kind: Kind,
    /// The same for the same thing, however it is written.
    what: String,
}

/// Where the run of such characters begins that ends there.
fn run_before(text: &str, end: usize, is_in: impl Fn(char) -> bool) -> usize {
    text[..end].trim_end_matches(is_in).len()
}

/// Where the run of such characters ends that begins there.
fn run_after(text: &str, start: usize, is_in: impl Fn(char) -> bool) -> usize {
    text.len() - text[start..].trim_start_matches(is_in).len()
}

/// Every run of such characters.
fn runs(text: &str, is_in: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(&is_in) {
        let start = at + start;
        at = run_after(text, start, &is_in);
        found.push(start..at);
    }
    found
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// `org#app`, as it is and in a URL; what a parameter `app_key` says; `org/app`, as REST has it, of those.
fn app_keys(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut add = |at: Range<usize>| {
        let what = text[at.clone()].replace("%23", "#");
        found.push(Secret {
            at,
            kind: Kind::AppKey,
            what,
        });
    };
    for mark in ["#", "%23"] {
        for (at, _) in text.match_indices(mark) {
            let start = run_before(text, at, in_name);
            let end = run_after(text, at + mark.len(), in_name);
            let end = run_before(text, end, |c| c == '.');
            // Behind a host begins a fragment.
            let is_host = secrets
                .hosts
                .contains(&text[start..at].to_ascii_lowercase());
            if start < at && at + mark.len() < end && !is_host {
                add(start..end);
            }
        }
    }
    // Small letters of ASCII stand where the large ones stood.
    let small = text.to_ascii_lowercase();
    for name in ["app_key", "appkey", "app-key", "app%5fkey"] {
        for (at, _) in small.match_indices(name) {
            let rest = &text[at + name.len()..];
            let unquoted = rest.trim_start_matches(['"', '\'', '\\']);
            let spaced = unquoted.trim_start_matches(' ');
            // A colon behind a bare word is a sentence's.
            let value = (spaced.strip_prefix('='))
                .or_else(|| (spaced.strip_prefix("%3D")).or_else(|| spaced.strip_prefix("%3d")))
                .or_else(|| {
                    spaced
                        .strip_prefix(':')
                        .filter(|_| unquoted.len() < rest.len())
                });
            let Some(value) = value else { continue };
            let value = value.trim_start_matches([' ', '"', '\'', '\\']);
            let start = text.len() - value.len();
            let end = run_after(text, start, |c| {
                c.is_ascii_graphic() && !"&\"'\\,;)<>[]{}|".contains(c)
            });
            if start < end {
                add(start..end);
            }
        }
    }
    (secrets.app_keys).extend(found.iter().map(|one| one.what.clone()));
    for key in &secrets.app_keys {
        let path = key.replace('#', "/");
        for (start, _) in text.match_indices(&path).filter(|_| path.contains('/')) {
            let end = start + path.len();
            let whole = !text[..start].ends_with(in_name) && !text[end..].starts_with(in_name);
            if whole {
                found.push(Secret {
                    at: start..end,
                    kind: Kind::AppKey,
                    what: key.clone(),
                });
            }
        }
    }
    in_order(found)
}

/// By place; of those that begin at one place the longest first.
fn in_order(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by_key(|one| (one.at.start, usize::MAX - one.at.end));
    found
}

/// `/home/NAME`, `/Users/NAME`, `C:\Users\NAME`; the last with each backslash twice, too, as programs write it.
fn user_names(_: &mut Secrets, text: &str) -> Vec<Secret> {
    const ENDS: &str = "\"'`<>|?*:;,&()[]{}，。：；、（）“”…";
    let mut found = Vec::new();
    let small = text.to_ascii_lowercase();
    for (folder, separator) in [
        ("/home/", '/'),
        ("/users/", '/'),
        ("\\users\\", '\\'),
        ("\\documents and settings\\", '\\'),
    ] {
        for (at, _) in small.match_indices(folder) {
            let start = run_after(text, at + folder.len(), |c| c == separator);
            let is_in = |c: char| c != '/' && c != '\\' && !ENDS.contains(c) && !c.is_control();
            let mut end = run_after(text, start, is_in);
            // Windows' names may have blanks; where no folder follows, a blank ends it.
            if separator == '/' || !text[end..].starts_with(['\\', '/']) {
                end = run_after(text, start, |c| is_in(c) && !c.is_whitespace());
                end = run_before(&text[..end], end, |c| c == '.').max(start);
            }
            if start < end && !is_of_url(text, at) {
                found.push(Secret {
                    at: start..end,
                    kind: Kind::User,
                    what: text[start..end].to_owned(),
                });
            }
        }
    }
    in_order(found)
}

/// Whether what stands there is in the path of a URL, which is no path of this computer.
fn is_of_url(text: &str, at: usize) -> bool {
    let start = run_before(text, at, |c| {
        c.is_ascii_graphic() && !"\"'<>()[]{}|,;".contains(c)
    });
    match text[start..at].rsplit_once("://") {
        Some((scheme, authority)) => !authority.is_empty() && !scheme.ends_with("file"),
        None => false,
    }
}

/// Addresses that are not to be told, with a port's or a zone's brackets.
fn addresses(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut add = |at: Range<usize>, ip: IpAddr| {
        let ip = ip.to_canonical();
        let kind = secrets.kind(ip);
        found.extend(kind.map(|kind| Secret {
            at,
            kind,
            what: ip.to_string(),
        }));
    };
    for run in runs(text, |c| c.is_ascii_hexdigit() || c == ':' || c == '.') {
        if text[run.clone()].matches(':').count() >= 2
            && let Some((at, ip)) = v6_in(text, run, |ip| secrets.kind(ip).is_some())
        {
            let mut at = at;
            if text[at.end..].starts_with('%') {
                at.end = run_after(text, at.end + 1, in_name);
            }
            if text[..at.start].ends_with('[') && text[at.end..].starts_with(']') {
                at = at.start - 1..at.end + 1;
            }
            add(at, ip);
        }
    }
    for run in runs(text, |c| c.is_ascii_digit() || c == '.') {
        let start = run_after(text, run.start, |c| c == '.').min(run.end);
        let end = run_before(text, run.end, |c| c == '.').max(start);
        let parts: Option<Vec<u8>> = text[start..end]
            .split('.')
            .map(|one| one.parse().ok())
            .collect();
        if let Some(octets) = parts.and_then(|parts| <[u8; 4]>::try_from(parts).ok()) {
            add(start..end, IpAddr::from(octets));
        }
    }
    in_order(found)
}

/// The IPv6 address in a run of its characters, which may have begun with a word or end with a colon.
fn v6_in(
    text: &str,
    run: Range<usize>,
    hidden: impl Fn(IpAddr) -> bool,
) -> Option<(Range<usize>, IpAddr)> {
    let read = |at: Range<usize>| {
        let ip: Ipv6Addr = text[at.clone()].parse().ok()?;
        Some((at, IpAddr::V6(ip)))
    };
    let end = run_before(&text[..run.end], run.end, |c| c == '.').max(run.start);
    let without_colon = run_before(&text[..end], end, |c| c == ':').max(run.start);
    let starts = text[run.start..end]
        .match_indices(':')
        .map(|(at, _)| run.start + at);
    for end in [end, without_colon] {
        if let Some(whole) = read(run.start..end) {
            return Some(whole);
        }
    }
    for start in starts.flat_map(|colon| [colon, colon + 1]) {
        for end in [end, without_colon] {
            let part = (start < end).then(|| read(start..end)).flatten();
            if let Some(part) = part.filter(|(_, ip)| hidden(ip.to_canonical())) {
                return Some(part);
            }
        }
    }
    None
}

/// Names of proxies and the network's identifier.
fn names(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    let length = text.chars().count();
    for run in runs(text, in_name) {
        let end = run_before(&text[..run.end], run.end, |c| c == '.').max(run.start);
        let start = run_after(&text[..end], run.start, |c| c == '.');
        let name = text[start..end].to_ascii_lowercase();
        if name.is_empty() || secrets.hosts.contains(&name) {
            continue;
        }
        // What was too long for its place ends in the middle of a name.
        let is_cut = text[end..].starts_with('…')
            || (end == text.len() && (length == DETAIL || length == BODY));
        let is_proxy = |proxy: &&String| {
            let below = name.strip_suffix(proxy.as_str());
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
                || (is_cut && name.len() >= 4 && proxy.starts_with(&name))
        };
        let proxy = secrets
            .proxies
            .iter()
            .filter(is_proxy)
            .max_by_key(|one| one.len());
        let meant = || {
            let port = text[end..].strip_prefix(':').unwrap_or_default();
            text[..start].ends_with("://")
                || text[..start].ends_with('@')
                || port.starts_with(|c: char| c.is_ascii_digit())
                || end - start == text.len()
        };
        if let Some(proxy) = proxy.filter(|_| !WORDS.contains(&&*name) || meant()) {
            found.push(Secret {
                at: start..end,
                kind: Kind::Proxy,
                what: proxy.clone(),
            });
        }
    }
    // Names in other letters have no such bounds.
    for proxy in secrets.proxies.iter().filter(|one| !one.is_ascii()) {
        for (at, _) in text.match_indices(proxy) {
            found.push(Secret {
                at: at..at + proxy.len(),
                kind: Kind::Proxy,
                what: proxy.clone(),
            });
        }
    }
    // A short one may be any word.
    let network = secrets
        .network
        .iter()
        .filter(|id| id.len() >= 8 || *id == text);
    for id in network {
        for (at, _) in text.match_indices(id.as_str()) {
            found.push(Secret {
                at: at..at + id.len(),
                kind: Kind::Network,
                what: id.clone(),
            });
        }
    }
    in_order(found)
}
