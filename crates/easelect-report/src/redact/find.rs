//! Finds secrets in a text, by known values and by their form.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::{Kind, Secrets};
use crate::model::{BODY, DETAIL};

/// Words of our own sentences. A proxy with such a name is hidden only where nothing else can be meant.
const WORDS: [&str; 20] = [
    "app", "cache", "client", "dns", "firewall", "gateway", "host", "http", "https", "internet",
    "local", "name", "network", "proxy", "router", "server", "socks", "system", "web", "wpad",
];

/// A secret and its range in the text.
pub(super) struct Secret {
    pub(super) at: Range<usize>,
    pub(super) kind: Kind,
    /// The normalised value: the same for the same secret, however it is written.
    pub(super) what: String,
}

/// Returns the start of the run of such characters that ends at `end`.
fn run_before(text: &str, end: usize, is_in: impl Fn(char) -> bool) -> usize {
    text[..end].trim_end_matches(is_in).len()
}

/// Returns the end of the run of such characters that begins at `start`.
fn run_after(text: &str, start: usize, is_in: impl Fn(char) -> bool) -> usize {
    text.len() - text[start..].trim_start_matches(is_in).len()
}

/// Returns every run of such characters.
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

/// App Keys: `org#app`, also URL-encoded; values of a parameter `app_key`; and `org/app` of these, as in REST paths.
pub(super) fn app_keys(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
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
            // After a host, `#` begins a fragment.
            let is_host = secrets
                .hosts
                .contains(&text[start..at].to_ascii_lowercase());
            if start < at && at + mark.len() < end && !is_host {
                add(start..end);
            }
        }
    }
    // ASCII lower-casing keeps the offsets.
    let small = text.to_ascii_lowercase();
    for name in ["app_key", "appkey", "app-key", "app%5fkey"] {
        let mut done = 0;
        for (at, _) in small.match_indices(name) {
            if at < done {
                continue;
            }
            let rest = &text[at + name.len()..];
            let unquoted = rest.trim_start_matches(['"', '\'', '\\']);
            let spaced = unquoted.trim_start_matches(' ');
            // A colon after an unquoted word is punctuation.
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
                done = end;
            }
        }
    }
    (secrets.app_keys).extend(found.iter().map(|one| one.what.clone()));
    let in_path = |c: char| in_name(c) && c != '.';
    for (at, _) in text.match_indices('/') {
        let start = run_before(text, at, in_path);
        let end = run_after(text, at + 1, in_path);
        let key = format!("{}#{}", &text[start..at], &text[at + 1..end]);
        if secrets.app_keys.contains(&key) {
            found.push(Secret {
                at: start..end,
                kind: Kind::AppKey,
                what: key,
            });
        }
    }
    in_order(found)
}

/// Sorts by start, longest first among those with the same start.
fn in_order(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by_key(|one| (one.at.start, usize::MAX - one.at.end));
    found
}

/// User names: `/home/NAME`, `/Users/NAME`, `C:\Users\NAME`, the last also with doubled backslashes.
pub(super) fn user_names(_: &mut Secrets, text: &str) -> Vec<Secret> {
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
            // Names on Windows may contain blanks, but if no folder follows, a blank ends the name.
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

/// Whether this place is in the path of a URL, which is not a path of this computer.
fn is_of_url(text: &str, at: usize) -> bool {
    // No text of a report is longer. A file's may be, with a folder name a hundred thousand times.
    const LONGEST: usize = 300;
    let from = at.saturating_sub(LONGEST);
    let from = (from..=at).find(|place| text.is_char_boundary(*place));
    let before = &text[from.unwrap_or(at)..at];
    let in_url = |c: char| c.is_ascii_graphic() && !"\"'<>()[]{}|,;".contains(c);
    let start = run_before(before, before.len(), in_url);
    match before[start..].rsplit_once("://") {
        Some((scheme, authority)) => !authority.is_empty() && !scheme.ends_with("file"),
        None => false,
    }
}

/// Secret addresses, with their zone, and with the brackets around IPv6 addresses.
pub(super) fn addresses(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
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

/// The IPv6 address in a run of its characters. The run may begin with a word or end with a colon.
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
    // A word before it may look like its first group, but no address in use begins with one.
    let begins = |ip: &IpAddr| match ip {
        IpAddr::V6(v6) => matches!(v6.segments()[0], 0 | 0x64 | 0x2000..=0x3fff),
        IpAddr::V4(_) => true,
    };
    for end in [end, without_colon] {
        let whole = read(run.start..end);
        if let Some(whole) = whole.filter(|(_, ip)| begins(ip) || hidden(ip.to_canonical())) {
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

/// Names of proxies, and the network's identifier.
pub(super) fn names(secrets: &mut Secrets, text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    let length = text.chars().count();
    for run in runs(text, in_name) {
        let is_around = |c: char| "._-".contains(c);
        let end = run_before(text, run.end, is_around).max(run.start);
        let start = run_after(&text[..end], run.start, is_around);
        let name = text[start..end].to_ascii_lowercase();
        if name.is_empty() || secrets.hosts.contains(&name) {
            continue;
        }
        // A shortened text may end in the middle of a name.
        let is_cut = text[end..].starts_with('…')
            || (end == text.len() && (length == DETAIL || length == BODY));
        let dotted = format!(".{name}.");
        let is_proxy = |proxy: &&String| {
            let within = match proxy.contains('.') {
                true => dotted.contains(&format!(".{proxy}.")),
                // A name without a domain is the first label of the full name.
                false => dotted.starts_with(&format!(".{proxy}.")),
            };
            within || (is_cut && name.len() >= 4 && proxy.starts_with(&name))
        };
        let proxies = secrets.proxies.iter();
        let proxy = proxies.filter(is_proxy).max_by_key(|one| one.len());
        let meant = || {
            let port = text[end..].strip_prefix(':').unwrap_or_default();
            text[..start].ends_with("://")
                || text[..start].ends_with('@')
                || port.starts_with(|c: char| c.is_ascii_digit())
                || end - start == text.len()
        };
        if let Some(proxy) =
            proxy.filter(|one| !WORDS.contains(&one.as_str()) || (name == **one && meant()))
        {
            found.push(Secret {
                at: start..end,
                kind: Kind::Proxy,
                what: proxy.clone(),
            });
        }
    }
    // Non-ASCII names have no such word boundaries.
    for proxy in secrets.proxies.iter().filter(|one| !one.is_ascii()) {
        for (at, _) in text.match_indices(proxy) {
            found.push(Secret {
                at: at..at + proxy.len(),
                kind: Kind::Proxy,
                what: proxy.clone(),
            });
        }
    }
    // A short identifier could be any word.
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
