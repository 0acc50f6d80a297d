//! Reads a `server.json`. Its content is the answering server's, so only public hosts are taken from it.

use std::net::IpAddr;

use easelect::{Endpoint, Region, Service};
use easelect_report::Lang;
use serde_json::Value;

use crate::public::{is_possible, is_public};
use crate::words::{Say, say, shown};
use crate::zh;

/// More than any list of one app has.
pub(crate) const MAX_HOSTS: usize = 32;

/// Returns why an answer is no list, if so.
pub(crate) fn no_list(body: &[u8]) -> Option<Say> {
    let body = unmarked(body).trim_ascii();
    if body.is_empty() {
        return Some(say("the answer is empty", "应答为空"));
    }
    if body.starts_with(&[0x1f, 0x8b]) {
        return Some(say(
            "the answer is compressed (gzip), although no compression was requested",
            "应答是未请求的压缩数据（gzip）",
        ));
    }
    if body.starts_with(b"<") {
        return Some(say(
            "the answer is a page (HTML) instead of a list: the URL is wrong, or a device on the way answered",
            "应答是网页（HTML）而不是列表：URL 有误，或应答来自中间设备",
        ));
    }
    let no_json = serde_json::from_slice::<Value>(body).err()?;
    let no_json = no_json.to_string();
    Some(say(
        format!("the answer is not JSON: {no_json}"),
        format!("应答不是 JSON：{}", zh::parser(&no_json)),
    ))
}

/// Returns the text without a byte order mark.
fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// The content of a list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The URLs of its encrypted endpoints.
    pub(crate) urls: Vec<String>,
    /// The entries that are not used, and why.
    pub(crate) left_out: Vec<Say>,
}

/// Reads the endpoints of a `server.json` as the official SDKs do. `is_own` means a list of the user's own deployment,
/// in which private names and addresses are allowed.
pub(crate) fn listed(body: &[u8], is_own: bool) -> Listed {
    let mut listed = Listed::default();
    let Ok(list) = serde_json::from_slice::<Value>(unmarked(body)) else {
        return listed;
    };
    for (key, scheme, path) in [
        ("rest", "https", "/"),
        ("msync-wx", "wss", "/websocket"),
        ("msync-ws", "wss", "/websocket"),
    ] {
        let hosts = match (&list[key], &list[key]["hosts"]) {
            (Value::Null, _) | (Value::Object(_), Value::Null) => &[][..],
            (_, Value::Array(hosts)) => hosts,
            _ => {
                listed.left_out.push(say(
                    format!("{key}: expected an object with a list of hosts"),
                    format!("{key}：应为含 hosts 列表的对象"),
                ));
                continue;
            }
        };
        for (index, host) in hosts.iter().take(MAX_HOSTS).enumerate() {
            match url(host, scheme, path, is_own) {
                Ok(Some(url)) if !listed.urls.contains(&url) => listed.urls.push(url),
                Ok(_) => {}
                Err(why) => listed.left_out.push(say(
                    format!("{key}, host {}: {}", index + 1, why.of(Lang::En)),
                    format!("{key} 第 {} 项：{}", index + 1, why.of(Lang::Zh)),
                )),
            }
        }
        if hosts.len() > MAX_HOSTS {
            let all = hosts.len();
            listed.left_out.push(say(
                format!("{key}: the first {MAX_HOSTS} of {all} hosts are used"),
                format!("{key}：共 {all} 项，只使用前 {MAX_HOSTS} 项"),
            ));
        }
    }
    listed
}

/// Returns the URL of one host; `None` for an unencrypted one, which can't be verified.
fn url(host: &Value, scheme: &str, path: &str, is_own: bool) -> Result<Option<String>, Say> {
    if !host.is_object() {
        return Err(say("expected an object", "应为对象"));
    }
    match &host["protocol"] {
        Value::Null => {}
        Value::String(one) if matches!(one.as_str(), "https" | "wss") => {}
        Value::String(one) if matches!(one.as_str(), "http" | "ws") => return Ok(None),
        other => {
            let other = quoted(other);
            return Err(say(
                format!("the protocol is {other}: expected https or wss"),
                format!("protocol 为 {other}：应为 https 或 wss"),
            ));
        }
    }
    let port = match &host["port"] {
        Value::Null => Some(443),
        Value::Number(port) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
        Value::String(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port.filter(|port| *port != 0) else {
        let port = quoted(&host["port"]);
        return Err(say(
            format!("the port is {port}: expected a number from 1 to 65535"),
            format!("port 为 {port}：应为 1 到 65535 的整数"),
        ));
    };
    // Unencrypted, whatever `protocol` says.
    if port == 80 {
        return Ok(None);
    }
    let (key, name) = match (&host["domain"], &host["ip"]) {
        (Value::Null, ip) => ("ip", ip),
        (Value::String(empty), ip) if empty.is_empty() => ("ip", ip),
        (domain, _) => ("domain", domain),
    };
    let wrong = |en: &str, zh: &str| {
        let name = quoted(name);
        say(format!("{key} {name}: {en}"), format!("{key} {name}：{zh}"))
    };
    let is_host = wrong("expected a host name or an address", "应为域名或地址");
    let Value::String(written) = name else {
        return Err(is_host);
    };
    let authority = match written.parse() {
        Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
        // Only a host, without port, path and user.
        _ if written.contains(['/', '\\', '?', '#', '@', ':', '%']) => return Err(is_host),
        _ => written.clone(),
    };
    let url = format!("{scheme}://{authority}:{port}{path}");
    let service = if scheme == "https" {
        Service::Rest
    } else {
        Service::Websocket
    };
    let Ok(endpoint) = Endpoint::new(Region::CN1, service, &url) else {
        return Err(is_host);
    };
    let is_address = endpoint.host().parse::<IpAddr>().is_ok();
    if key == "ip" && !is_address {
        return Err(wrong("expected an address", "应为 IP 地址"));
    }
    if !is_possible(endpoint.host()) {
        return Err(wrong(
            "no host can have this address",
            "主机不会使用这个地址",
        ));
    }
    if !is_own && !is_public(endpoint.host()) {
        return Err(wrong(
            "not on the public Internet (for a list of your own deployment, name its data centre with --region)",
            "不在公网上（如为私有部署的列表，请用 --region 指定其数据中心）",
        ));
    }
    Ok(Some(endpoint.url().to_owned()))
}

/// Returns a value as a message shows it.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::Null => "null".to_owned(),
        Value::Array(_) => "[…]".to_owned(),
        Value::Object(_) => "{…}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(listed(body, false).urls, expected);
        let marked = [b"\xef\xbb\xbf", body.as_slice()].concat();
        assert!(no_list(&marked).is_none());
        assert_eq!(listed(&marked, false).urls, expected);
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
        for nonsense in [b"".as_slice(), b"[]", b"{\"rest\": {}, \"msync-ws\": null}"] {
            let Listed { urls, left_out } = listed(nonsense, false);
            assert!(urls.is_empty() && left_out.is_empty());
        }
        let odd = br#"{"rest": 1, "msync-ws": {"hosts": {}},
            "msync-wx": {"hosts": [{"domain": "im.example"}]}}"#;
        let Listed { urls, left_out } = listed(odd, false);
        assert_eq!(urls, ["wss://im.example/websocket"]);
        let told: Vec<&str> = left_out.iter().map(|why| why.of(Lang::En)).collect();
        assert_eq!(
            told,
            [
                "rest: expected an object with a list of hosts",
                "msync-ws: expected an object with a list of hosts",
            ]
        );
        assert_eq!(left_out[0].of(Lang::Zh), "rest：应为含 hosts 列表的对象");
    }

    /// Reads a list with this one host.
    fn of_one(host: &str, is_own: bool) -> Result<Option<String>, [String; 2]> {
        let body = format!("{{\"rest\": {{\"hosts\": [{host}]}}}}");
        let Listed { mut urls, left_out } = listed(body.as_bytes(), is_own);
        assert!(urls.len() + left_out.len() <= 1, "{host}");
        match left_out.first() {
            Some(why) => Err([Lang::En, Lang::Zh].map(|lang| why.of(lang).to_owned())),
            None => Ok(urls.pop()),
        }
    }

    #[test]
    fn a_list_names_public_hosts_and_nothing_else() {
        for (host, url) in [
            (
                r#"{"domain": "A1.Easemob.com."}"#,
                "https://a1.easemob.com/",
            ),
            (r#"{"domain": "", "ip": "47.1.2.3"}"#, "https://47.1.2.3/"),
            (r#"{"domain": "47.1.2.3"}"#, "https://47.1.2.3/"),
            (
                r#"{"ip": "2400:3200::1", "port": "65535"}"#,
                "https://[2400:3200::1]:65535/",
            ),
            (
                r#"{"domain": "例子.中国", "protocol": "wss"}"#,
                "https://xn--fsqu00a.xn--fiqs8s/",
            ),
        ] {
            assert_eq!(of_one(host, false), Ok(Some(url.to_owned())), "{host}");
        }
        for unencrypted in [
            r#"{"domain": "a1.easemob.com", "protocol": "http", "port": 8080}"#,
            r#"{"domain": "a1.easemob.com", "protocol": "https", "port": "80"}"#,
        ] {
            assert_eq!(of_one(unencrypted, false), Ok(None), "{unencrypted}");
        }
        for (host, en, zh) in [
            ("7", "expected an object", "应为对象"),
            (
                r#"{"domain": "x.com", "protocol": "ftp"}"#,
                "the protocol is \"ftp\"",
                "protocol 为 \"ftp\"",
            ),
            (
                r#"{"domain": "x.com", "protocol": 7}"#,
                "the protocol is 7",
                "protocol 为 7",
            ),
            (
                r#"{"domain": "x.com", "port": 0}"#,
                "the port is 0",
                "port 为 0",
            ),
            (
                r#"{"domain": "x.com", "port": 65536}"#,
                "1 to 65535",
                "1 到 65535",
            ),
            (
                r#"{"domain": "x.com", "port": 4.5}"#,
                "the port is 4.5",
                "port 为 4.5",
            ),
            (
                r#"{"domain": "x.com", "port": "+443"}"#,
                "the port is \"+443\"",
                "+443",
            ),
            (
                r#"{"domain": "x.com", "port": "443 "}"#,
                "the port is",
                "port 为",
            ),
            (
                r#"{"domain": "x.com", "port": ""}"#,
                "the port is",
                "port 为",
            ),
            (
                r#"{"domain": "x.com", "port": [443]}"#,
                "the port is […]",
                "port 为 […]",
            ),
            (r#"{"ip": 7}"#, "ip 7: expected a host name", "应为域名"),
            (r#"{"port": 443}"#, "ip null: expected", "应为域名"),
            (r#"{"domain": {}}"#, "domain {…}: expected", "应为域名"),
            (
                r#"{"domain": "localhost/admin?x=1&"}"#,
                "domain \"localhost/admin?…\": expected",
                "应为域名",
            ),
            (
                r#"{"domain": "me:hunter2@x.com"}"#,
                "expected a host name",
                "应为域名",
            ),
            (
                r#"{"domain": "x.com:8443"}"#,
                "expected a host name",
                "应为域名",
            ),
            (
                r#"{"domain": "x%2ecom"}"#,
                "expected a host name",
                "应为域名",
            ),
            (
                r#"{"domain": "x .com"}"#,
                "expected a host name",
                "应为域名",
            ),
            (
                r#"{"domain": "x..com"}"#,
                "expected a host name",
                "应为域名",
            ),
            (
                r#"{"ip": "x.com"}"#,
                "ip \"x.com\": expected an address",
                "应为 IP 地址",
            ),
            (r#"{"ip": "0.0.0.0"}"#, "no host can have", "不会使用"),
            (r#"{"domain": "0"}"#, "no host can have", "不会使用"),
            (
                r#"{"ip": "239.255.255.250"}"#,
                "no host can have",
                "不会使用",
            ),
            (r#"{"ip": "ff02::1"}"#, "no host can have", "不会使用"),
            (
                r#"{"domain": "localhost"}"#,
                "not on the public Internet",
                "不在公网上",
            ),
            (
                r#"{"domain": "0x7f.1"}"#,
                "not on the public Internet",
                "不在公网上",
            ),
            (
                r#"{"domain": "printer"}"#,
                "not on the public Internet",
                "不在公网上",
            ),
            (
                r#"{"domain": "db.internal."}"#,
                "not on the public Internet",
                "不在公网上",
            ),
            (
                r#"{"ip": "169.254.169.254"}"#,
                "not on the public Internet",
                "不在公网上",
            ),
        ] {
            let [told_en, told_zh] = of_one(host, false).unwrap_err();
            assert!(
                told_en.starts_with("rest, host 1: ") && told_en.contains(en),
                "{told_en}"
            );
            assert!(
                told_zh.starts_with("rest 第 1 项：") && told_zh.contains(zh),
                "{told_zh}"
            );
            assert!(
                !told_en.contains("hunter2") && !told_zh.contains("hunter2"),
                "{told_en}"
            );
        }
        // A deployment of one's own may be private, but no host is at 0.0.0.0.
        for (host, url) in [
            (r#"{"ip": "10.0.0.7"}"#, "https://10.0.0.7/"),
            (r#"{"domain": "im"}"#, "https://im/"),
        ] {
            assert_eq!(of_one(host, true), Ok(Some(url.to_owned())), "{host}");
        }
        assert!(of_one(r#"{"ip": "0.0.0.0"}"#, true).is_err());
    }

    #[test]
    fn how_many_hosts_of_a_list_are_used_is_bounded_and_said() {
        let hosts = |count: usize| {
            let hosts: Vec<String> = (0..count)
                .map(|n| format!("{{\"domain\": \"h{n}.example\"}}"))
                .collect();
            format!("{{\"msync-ws\": {{\"hosts\": [{}]}}}}", hosts.join(","))
        };
        let all = listed(hosts(MAX_HOSTS).as_bytes(), false);
        assert_eq!((all.urls.len(), all.left_out.len()), (MAX_HOSTS, 0));
        let more = listed(hosts(5000).as_bytes(), false);
        assert_eq!(more.urls, all.urls);
        let [told] = more.left_out.as_slice() else {
            panic!("{:?}", more.left_out);
        };
        assert_eq!(
            told.of(Lang::En),
            "msync-ws: the first 32 of 5000 hosts are used"
        );
        assert_eq!(told.of(Lang::Zh), "msync-ws：共 5000 项，只使用前 32 项");
    }
}
