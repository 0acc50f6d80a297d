//! What the app has configured: an endpoint, or a `server.json` that lists some.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use easelect::{Catalog, Endpoint, Region, Service};
use easelect_report::Note;
use serde_json::Value;

use crate::args::Options;
use crate::run::Network;
use crate::targets::Targets;
use crate::words::{Say, Usage, say, shown};

/// A list of endpoints is a few kilobytes.
const MAX_LIST: usize = 1024 * 1024;
/// More than any list of one app has.
const MAX_HOSTS: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Adds every `--current` to the targets.
pub(crate) async fn add_all(
    targets: &mut Targets,
    catalog: &Catalog,
    options: &Options,
    network: &Network,
) -> Result<(), Usage> {
    for url in &options.current {
        if !is_list(url) {
            let endpoint = endpoint(targets, catalog, options, url)?;
            targets.add_in_use(catalog, endpoint);
            continue;
        }
        if url.contains('#') {
            return Err(say(
                format!(
                    "--current {}: what follows # never reaches a server: write # as %23",
                    shown_list(url)
                ),
                format!(
                    "--current {}：# 之后的部分不会发给服务器，请把 # 写成 %23",
                    shown_list(url)
                ),
            )
            .into());
        }
        let failed = |why: String| Note::SourceFailed {
            url: shown_list(url),
            why,
        };
        let lang = options.lang;
        let listed = match fetch(url, options, network).await {
            Ok(body) => match no_list(&body) {
                None => urls(&body),
                Some(why) => {
                    targets.notes.push(failed(why.of(lang).to_owned()));
                    continue;
                }
            },
            Err(why) => {
                targets.notes.push(failed(why));
                continue;
            }
        };
        if listed.is_empty() {
            let none = say("it lists no encrypted endpoint", "其中没有加密的接入点");
            targets.notes.push(failed(none.of(lang).to_owned()));
        }
        for one in listed {
            match endpoint(targets, catalog, options, &one) {
                Ok(endpoint) => targets.add_in_use(catalog, endpoint),
                Err(Usage(why)) => targets.notes.push(failed(why.of(lang).to_owned())),
            }
        }
    }
    Ok(())
}

/// Whether a URL is of a list rather than of an endpoint.
fn is_list(url: &str) -> bool {
    is_https(url) && without_query(url).ends_with(".json")
}

fn is_https(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https")
}

/// What is shown of a list's URL: an App Key may stand in the query, a password before the host.
fn shown_list(url: &str) -> String {
    let url = without_query(url);
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let secret = authority.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[secret..])
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The endpoint that a URL is: region and service from the catalogue, if that has its host.
fn endpoint(
    targets: &Targets,
    catalog: &Catalog,
    options: &Options,
    url: &str,
) -> Result<Endpoint, Usage> {
    let by_scheme = if is_https(url) {
        Service::Rest
    } else {
        Service::Websocket
    };
    // Only to take the URL apart; the region comes below.
    let parsed = Endpoint::new(Region::CN1, by_scheme, url)
        .map_err(|error| Usage::from(error).in_option("--current"))?;
    let of_host = catalog.endpoints().iter().find(|one| {
        (one.host(), one.port()) == (parsed.host(), parsed.port())
            && one.service().is_websocket() == by_scheme.is_websocket()
    });
    if let Some(known) = of_host {
        if known.url() == parsed.url() {
            return Ok(known.clone());
        }
        return Ok(Endpoint::new(known.region().clone(), known.service(), url)?);
    }
    let [region] = targets.regions.as_slice() else {
        let url = shown(url);
        return Err(say(
            format!(
                "--current {url}: the host is in no catalogue; say its data centre with --region"
            ),
            format!("--current {url}：目录中没有该主机，请用 --region 指定它所在的数据中心"),
        )
        .into());
    };
    let service = match options.services.as_deref() {
        Some([one]) if one.is_websocket() == by_scheme.is_websocket() => *one,
        _ => by_scheme,
    };
    Ok(Endpoint::new(region.clone(), service, url)?)
}

/// Reads the list, or says why not.
async fn fetch(url: &str, options: &Options, network: &Network) -> Result<Vec<u8>, String> {
    if options.lab.is_some() {
        let why = say(
            "lists are not fetched in a simulated network",
            "模拟网络中不读取列表",
        );
        return Err(why.of(options.lang).to_owned());
    }
    let config = rustls::ClientConfig::clone(network.dialer.tls().config());
    let mut client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    if let Some(proxy) = network.dialer.proxy() {
        client = client.proxy(proxy.for_reqwest());
    }
    for pin in &options.resolve {
        let at = |ip: &IpAddr| SocketAddr::new(*ip, pin.port());
        let addresses: Vec<SocketAddr> = pin.addresses().iter().map(at).collect();
        client = client.resolve_to_addrs(pin.host(), &addresses);
    }
    let client = client
        .build()
        .map_err(|error| causes(&error.without_url()))?;
    let mut response = client
        .get(url)
        .send()
        .await
        .map_err(|error| causes(&error.without_url()))?;
    if !response.status().is_success() {
        return Err(format!("HTTP {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| causes(&error.without_url()))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_LIST {
            let why = say("larger than 1 MiB", "超过 1 MiB");
            return Err(why.of(options.lang).to_owned());
        }
    }
    Ok(body)
}

/// reqwest's errors keep the reason in their sources.
fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Why what came is no list.
fn no_list(body: &[u8]) -> Option<Say> {
    let body = unmarked(body).trim_ascii();
    if body.is_empty() {
        return Some(say("the answer is empty", "应答为空"));
    }
    if body.starts_with(&[0x1f, 0x8b]) {
        return Some(say(
            "the answer is compressed (gzip), which was not asked for",
            "应答是未请求的压缩数据（gzip）",
        ));
    }
    if body.starts_with(b"<") {
        return Some(say(
            "the answer is a page (HTML) instead of a list: the URL is wrong, or something on the way answers",
            "应答是网页（HTML）而不是列表：URL 有误，或应答来自中间设备",
        ));
    }
    let no_json = serde_json::from_slice::<Value>(body).err()?;
    Some(say(
        format!("the answer is not JSON: {no_json}"),
        format!("应答不是 JSON：{no_json}"),
    ))
}

/// Without a byte order mark.
fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// The endpoints that a `server.json` lists, as the official SDKs read it.
fn urls(body: &[u8]) -> Vec<String> {
    let Ok(list) = serde_json::from_slice::<Value>(unmarked(body)) else {
        return Vec::new();
    };
    let mut urls = Vec::new();
    for (key, scheme, path) in [
        ("rest", "https", "/"),
        ("msync-wx", "wss", "/websocket"),
        ("msync-ws", "wss", "/websocket"),
    ] {
        let hosts = list[key]["hosts"].as_array();
        for host in hosts.into_iter().flatten().take(MAX_HOSTS) {
            if let Some(url) = url(host, scheme, path)
                && !urls.contains(&url)
            {
                urls.push(url);
            }
        }
    }
    urls
}

fn url(host: &Value, scheme: &str, path: &str) -> Option<String> {
    let port = match &host["port"] {
        Value::Null => 443,
        Value::Number(port) => u16::try_from(port.as_u64()?).ok()?,
        Value::String(port) => port.parse().ok()?,
        _ => return None,
    };
    // Unencrypted endpoints can't be verified.
    if port == 80 || matches!(host["protocol"].as_str(), Some("http" | "ws")) {
        return None;
    }
    let text = |key: &str| host[key].as_str().filter(|text| !text.is_empty());
    let name = match text("domain") {
        Some(name) => name.to_owned(),
        None => match text("ip")?.parse().ok()? {
            std::net::IpAddr::V4(v4) => v4.to_string(),
            std::net::IpAddr::V6(v6) => format!("[{v6}]"),
        },
    };
    Some(match port {
        443 => format!("{scheme}://{name}{path}"),
        _ => format!("{scheme}://{name}:{port}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Regions};
    use easelect_report::Lang;

    fn options(line: &str) -> Options {
        let args = line.split_whitespace().map(Into::into).collect();
        args::parse(args, Lang::En).unwrap()
    }

    fn in_use(line: &str, url: &str) -> Result<Endpoint, Usage> {
        let (catalog, options) = (Catalog::builtin(), options(line));
        let targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
        endpoint(&targets, &catalog, &options, url)
    }

    #[test]
    fn a_known_host_says_where_it_belongs() {
        let known = in_use("", "wss://im-api-wechat-61.easemob.com/websocket").unwrap();
        assert_eq!(known.region(), &Region::SGP2);
        assert_eq!(known.service(), Service::Wechat);
        assert_eq!(known.confidence(), easelect::Confidence::Documented);
        let other_path = in_use("", "wss://im-api-v2.easemob.com/wrong").unwrap();
        assert_eq!(other_path.region(), &Region::CN1);
        assert_eq!(other_path.path(), "/wrong");
        assert!(in_use("", "https://im-api-v2.easemob.com/").is_err());
    }

    #[test]
    fn an_unknown_host_needs_a_region() {
        assert!(in_use("", "wss://own.example/").is_err());
        assert!(in_use("--region mainland", "wss://own.example/").is_err());
        let own = in_use("--region sgp1 --service wechat", "wss://own.example/").unwrap();
        assert_eq!(
            (own.region(), own.service()),
            (&Region::SGP1, Service::Wechat)
        );
        let rest = in_use("--region sgp1 --service wechat", "https://own.example/").unwrap();
        assert_eq!(rest.service(), Service::Rest);
        assert!(in_use("--region sgp1", "ws://own.example/").is_err());
        assert_eq!(options("").regions, Regions::All);
    }

    #[test]
    fn lists_are_read_as_the_sdks_do() {
        let body = br#"{
            "rest": {"hosts": [
                {"protocol": "http", "port": "80", "domain": "a1.easemob.com"},
                {"protocol": "https", "port": "443", "domain": "a1.easemob.com"}]},
            "msync-wx": {"hosts": [
                {"protocol": "https", "port": 8443, "domain": "im.example"},
                {"port": "443", "ip": "47.1.2.3"}, {"port": "x"}, 7]},
            "other": [1]}"#;
        let expected = [
            "https://a1.easemob.com/",
            "wss://im.example:8443/websocket",
            "wss://47.1.2.3/websocket",
        ];
        assert_eq!(urls(body), expected);
        let marked = [b"\xef\xbb\xbf", body.as_slice()].concat();
        assert_eq!(
            (no_list(&marked).is_none(), urls(&marked)),
            (true, urls(body))
        );
        for (came, told) in [
            (&b" \n"[..], "is empty"),
            (b"\x1f\x8b\x08\x00", "gzip"),
            (b"\n<!DOCTYPE html><html>", "HTML"),
            (b"{\"rest\": ", "JSON"),
            (b"\xff\xfe{\0", "JSON"),
        ] {
            let why = no_list(came).unwrap();
            assert!(why.of(Lang::En).contains(told), "{}", why.of(Lang::En));
        }
        for nonsense in [
            b"".as_slice(),
            b"[]",
            b"{\"rest\": 1}",
            b"{\"rest\":{\"hosts\":{}}}",
        ] {
            assert!(urls(nonsense).is_empty());
        }
        assert!(is_list(
            "https://rs.easemob.com/easemob/server.json?app_key=a%23b"
        ));
        assert!(!is_list("https://a1.easemob.com/") && !is_list("wss://x/server.json"));
    }
}
