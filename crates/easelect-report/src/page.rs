//! An HTML page that measures from the browser that opens it.
//!
//! This module inserts the endpoints into the template; `page/page.js` measures.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use data_encoding::BASE64;
use easelect::{Catalog, Endpoint, Service};
use ring::digest;
use serde::Serialize;

use super::figures::timestamp;
use super::texts::{Lang, region_name, service_name, shown};

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The most characters of an endpoint's label.
const LONGEST: usize = 60;

/// The script's input.
#[derive(Serialize)]
struct Data<'a> {
    easelect: &'static str,
    made: &'a str,
    groups: Vec<Group<'a>>,
}

/// The endpoints of one service in one data centre.
#[derive(Serialize)]
struct Group<'a> {
    region: &'a str,
    region_en: String,
    region_zh: String,
    service: &'static str,
    service_en: String,
    service_zh: String,
    mini_program: bool,
    endpoints: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    url: String,
    alternates: Vec<String>,
    subprotocol: Option<&'a str>,
    label: Option<String>,
    /// Whether the configured URL has a query, which `url` leaves out.
    without_query: bool,
}

/// Returns a static HTML page that measures from the browser that opens it.
///
/// The page measures how long the WebSocket of each endpoint takes to open, and how long REST endpoints take
/// to respond. It shows the order within each data centre and service, in English and Chinese, and offers the
/// results as text to copy.
///
/// The names of regions come from `catalog`. The page starts in `lang` and shows `made_at`. It contacts only
/// the endpoints: its Content Security Policy keeps the browser from following redirects to other hosts. A
/// policy can't name an IP address, so if a REST endpoint is one, any `https:` redirect is followed.
///
/// The page leaves out the queries of URLs, because they may contain secrets and the page may be sent to
/// anyone; it says so.
///
/// With the fragment `#run`, the page starts measuring at once. `#run&timeout=MS` also sets the timeout of an
/// attempt, in milliseconds from 10 to 99999; the default is 10 s.
#[must_use]
pub fn page(catalog: &Catalog, endpoints: &[Endpoint], lang: Lang, made_at: SystemTime) -> String {
    let made = timestamp(made_at);
    let data = Data {
        easelect: env!("CARGO_PKG_VERSION"),
        made: &made,
        groups: groups(catalog, endpoints),
    };
    // Browsers normalise line ends to \n before they hash the script; the source file may have \r\n.
    let script = SCRIPT.replace('\r', "");
    let policy = policy(endpoints, &script);
    let (id, locale) = match lang {
        Lang::En => ("en", "en"),
        Lang::Zh => ("zh", "zh-CN"),
    };
    let mut page = String::new();
    let mut rest = TEMPLATE;
    // Inserted text is never scanned for placeholders.
    while let Some((before, (name, after))) = rest
        .split_once("{{")
        .and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        page.push_str(before);
        match name {
            "lang" => page.push_str(id),
            "locale" => page.push_str(locale),
            "policy" => page.push_str(&policy),
            "style" => page.push_str(STYLE),
            "script" => page.push_str(&script),
            "endpoints" => page.push_str(&embedded(&data)),
            _ => debug_assert!(false, "unknown placeholder {name}"),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

/// One group per data centre and service, in order of first appearance.
fn groups<'a>(catalog: &Catalog, endpoints: &'a [Endpoint]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for one in endpoints {
        let entry = Entry {
            url: without_query(one.url()).to_owned(),
            alternates: (one.alternate_paths().iter())
                .map(|path| one.url_with(without_query(path)))
                .collect(),
            subprotocol: one.subprotocol(),
            label: one.label().map(|label| shown(label, LONGEST)),
            without_query: one.url().contains('?'),
        };
        let (region, service) = (one.region().as_str(), one.service().as_str());
        let same = |group: &&mut Group<'_>| (group.region, group.service) == (region, service);
        if let Some(group) = groups.iter_mut().find(same) {
            group.endpoints.push(entry);
            continue;
        }
        let info = catalog.region(one.region());
        let name = |lang| info.map_or_else(|| region.to_owned(), |info| region_name(info, lang));
        let title = service_name(one.service(), info.map(|info| info.locality()));
        groups.push(Group {
            region,
            region_en: name(Lang::En),
            region_zh: name(Lang::Zh),
            service,
            service_en: title.clone().of(Lang::En),
            service_zh: title.of(Lang::Zh),
            mini_program: one.service().is_mini_program(),
            endpoints: vec![entry],
        });
    }
    groups
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// The data as JSON that can't end its `script` element (HTML §4.12.1.3).
fn embedded(data: &Data<'_>) -> String {
    let json = serde_json::to_string(data).expect("strings and booleans serialize");
    json.replace('<', "\\u003c")
}

/// The Content Security Policy (CSP 3): the page may connect only to the endpoints.
fn policy(endpoints: &[Endpoint], script: &str) -> String {
    let sources: BTreeSet<String> = endpoints
        .iter()
        .map(|one| {
            let scheme = match one.service() {
                Service::Rest => "https",
                _ => "wss",
            };
            // A policy can't name an IP address (CSP 3 §6.7.2.8), only its scheme.
            match one.host().parse::<IpAddr>() {
                Ok(_) => format!("{scheme}:"),
                Err(_) => format!("{scheme}://{}:{}", one.host(), one.port()),
            }
        })
        .collect();
    let hash = BASE64.encode(digest::digest(&digest::SHA256, script.as_bytes()).as_ref());
    // Browsers that support hashes ignore 'unsafe-inline'; older ones need it.
    let mut policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline' 'sha256-{hash}'; connect-src"
    );
    if sources.is_empty() {
        policy.push_str(" 'none'");
    }
    for source in sources {
        let _ = write!(policy, " {source}");
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use easelect::Region;
    use serde_json::Value;

    fn data(page: &str) -> Value {
        let (_, data) = page.split_once("id=\"endpoints\">").unwrap();
        serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
    }

    fn policy_in(page: &str) -> &str {
        let (_, policy) = page.split_once("Policy\" content=\"").unwrap();
        policy.split_once('"').unwrap().0
    }

    #[test]
    fn the_catalogue_is_in_it_group_by_group() {
        let catalog = Catalog::builtin();
        let page = page(
            &catalog,
            catalog.endpoints(),
            Lang::Zh,
            SystemTime::UNIX_EPOCH,
        );
        assert!(page.starts_with("<!doctype html>\n<html class=\"zh\" lang=\"zh-CN\">"));
        assert!(!page.contains("{{") && !page.contains("}}"));
        let data = data(&page);
        assert_eq!(data["made"], "1970-01-01T00:00:00Z");
        let groups = data["groups"].as_array().unwrap();
        assert_eq!(groups.len(), 22);
        let endpoints = groups
            .iter()
            .flat_map(|one| one["endpoints"].as_array().unwrap());
        let urls: BTreeSet<&str> = endpoints.map(|one| one["url"].as_str().unwrap()).collect();
        assert_eq!(urls.len(), 44);
        let (_, asked) = policy_in(&page).split_once("connect-src ").unwrap();
        assert_eq!(asked.split(' ').count(), 44);
        assert!(asked.split(' ').all(|one| one.ends_with(":443")));
    }

    #[test]
    fn nothing_secret_or_hostile_gets_into_it() {
        const HOSTILE: &str = "</script><script>alert(1)</script>{{script}}<!--\u{2028}";
        let own = |service, url| Endpoint::new(Region::CN_VIP, service, url).unwrap();
        let endpoints = [
            own(Service::Websocket, "wss://a.example:8443/ws?token=hunter2").with_label(HOSTILE),
            own(Service::Rest, "https://b.example/"),
        ];
        let page = page(
            &Catalog::builtin(),
            &endpoints,
            Lang::En,
            SystemTime::UNIX_EPOCH,
        );
        assert!(!page.contains("hunter2") && !page.contains("alert(1)</"));
        let data = data(&page);
        let first = &data["groups"][0]["endpoints"][0];
        assert_eq!(first["url"], "wss://a.example:8443/ws");
        assert_eq!(first["without_query"], true);
        let label = first["label"].as_str().unwrap();
        assert!(
            label.starts_with("</script><script>alert(1)</script>{{script}}"),
            "{label}"
        );
        let (_, asked) = policy_in(&page).split_once("connect-src ").unwrap();
        assert_eq!(asked, "https://b.example:443 wss://a.example:8443");
    }

    /// A policy can name an IP address only by its scheme.
    #[test]
    fn addresses_are_allowed_by_scheme_and_no_endpoint_is_nobody() {
        let catalog = Catalog::builtin();
        let with = |endpoints: &[Endpoint]| {
            let page = page(&catalog, endpoints, Lang::En, SystemTime::UNIX_EPOCH);
            let (_, asked) = policy_in(&page).split_once("connect-src ").unwrap();
            asked.to_owned()
        };
        let v6 = Endpoint::new(Region::CN1, Service::Websocket, "wss://[2001:db8::1]/ws").unwrap();
        let v4 = Endpoint::new(Region::CN1, Service::Rest, "https://192.0.2.1/").unwrap();
        assert_eq!(with(&[v6, v4]), "https: wss:");
        assert_eq!(with(&[]), "'none'");
    }
}
