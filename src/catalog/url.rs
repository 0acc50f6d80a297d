//! Parses host, port and path of a URL as browsers do (the URL Standard,
//! <https://url.spec.whatwg.org>, 2026).
//!
//! The crate `url` would add 27 crates for its Unicode tables, far beyond the budget without REST (see
//! tests/dependencies.rs). This parser supports the letters that need no table (Han, kana, Hangul,
//! Latin-1); a host with others must be given in its ASCII form. `tests/properties.rs` compares the two.

use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use rustls::pki_types::DnsName;

/// The parts of a URL that reach a server, all in printable ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// A DNS name in lower case, or an IP address without brackets in its canonical form.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Path and query, beginning with `/`.
    pub(crate) path: String,
}

/// The scheme in lower case and the text after its colon; `None` if there is no scheme.
pub(crate) fn scheme_of(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Removes what browsers ignore: surrounding blanks, and tabs and line ends anywhere.
pub(crate) fn trimmed(url: &str) -> String {
    let url = url.trim_matches(|c: char| c <= ' ');
    url.replace(['\t', '\n', '\r'], "")
}

/// Parses what follows the colon of `wss:` or `https:`.
///
/// Stricter than a browser: it requires two slashes and rejects a user, an empty port, port 0 and a
/// fragment.
pub(crate) fn parts(rest: &str) -> Result<Parts, &'static str> {
    const SLASHES: [char; 2] = ['/', '\\'];
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    if !fragment.is_empty() {
        return Err("a fragment is never sent to a server: remove it");
    }
    let authority = rest.strip_prefix(SLASHES);
    let authority = authority.and_then(|rest| rest.strip_prefix(SLASHES));
    let rest = authority.ok_or("expected // before the host")?;
    let end = rest.find(['/', '\\', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return Err("user:password@ is never sent to an endpoint: remove it");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() || host == "[]" {
        return Err("the host is missing");
    }
    let is_wrong = || "the port is not a number from 1 to 65535";
    Ok(Parts {
        host: host_in(host)?,
        port: port
            .map(|port| port_of(port).ok_or_else(is_wrong))
            .transpose()?,
        path: path_in(rest),
    })
}

/// A DNS name in lower case, or an IP address without brackets in its canonical form.
pub(crate) fn host_of(written: &str) -> Option<String> {
    host_in(written).ok()
}

/// A port from 1 to 65535, written in digits only.
pub(crate) fn port_of(written: &str) -> Option<u16> {
    let port = written.parse().ok().filter(|port| *port != 0);
    port.filter(|_| is_digits(written))
}

fn host_in(written: &str) -> Result<String, &'static str> {
    const NEITHER: &str = "the host is neither a DNS name nor an IP address";
    if let Some(v6) = written.strip_prefix('[') {
        let v6: Ipv6Addr = v6
            .strip_suffix(']')
            .and_then(|v6| v6.parse().ok())
            .ok_or(NEITHER)?;
        return Ok(v6.to_string());
    }
    let decoded = percent_decode_str(written)
        .decode_utf8()
        .map_err(|_| NEITHER)?;
    let host = to_ascii(&decoded)?;
    // A trailing dot means something to resolvers only; certificates and SNI have none (RFC 6066 §3).
    let host = host.strip_suffix('.').unwrap_or(&host);
    let last = host.rsplit('.').next().unwrap_or_default();
    if is_digits(last) || v4_number(last).is_some() {
        let v4 = v4(host).ok_or("the host looks like an IPv4 address but is not a valid one")?;
        return Ok(v4.to_string());
    }
    let is_name = !host.ends_with('.') && DnsName::try_from(host).is_ok();
    is_name.then(|| host.to_owned()).ok_or(NEITHER)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One to four numbers; the last one fills all remaining bytes.
fn v4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Option<Vec<u64>> = host.split('.').map(v4_number).collect();
    let numbers = numbers?;
    let (last, first) = numbers.split_last()?;
    let left = 4_u32.checked_sub(u32::try_from(first.len()).ok()?)?;
    if left == 0 || *last >= 1 << (8 * left) || first.iter().any(|one| *one > 255) {
        return None;
    }
    let first = (first.iter().zip([24, 16, 8])).map(|(one, by)| one << by);
    let all = u32::try_from(first.sum::<u64>() + last).ok()?;
    Some(Ipv4Addr::from(all))
}

/// A decimal number, octal after `0`, hexadecimal after `0x`. `0x` alone is 0.
fn v4_number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.is_empty() {
        return (radix == 16).then_some(0);
    }
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    // A number beyond 64 bits is invalid in an address, but it is a number nevertheless.
    all_digits.then(|| u64::from_str_radix(digits, radix).unwrap_or(u64::MAX))
}

/// The ASCII form of a host in lower case, with Punycode for other letters (UTS #46, as far as it can be
/// done without tables).
fn to_ascii(host: &str) -> Result<String, &'static str> {
    if host.is_ascii() {
        return Ok(host.to_ascii_lowercase());
    }
    let mut mapped = String::with_capacity(host.len());
    for c in host.chars() {
        match c {
            // Invisible characters in copied names: a soft hyphen, zero-width characters.
            '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
            // Ideographic full stops.
            '\u{3002}' | '\u{ff61}' => mapped.push('.'),
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
                mapped.push(narrow.to_ascii_lowercase());
            }
            'À'..='Ö' | 'Ø'..='Þ' => mapped.extend(c.to_lowercase()),
            c if c.is_ascii() || stands_for_itself(c) => mapped.push(c.to_ascii_lowercase()),
            _ => return Err("the host contains unsupported letters: use its xn--… form"),
        }
    }
    let labels: Result<Vec<String>, &str> = mapped.split('.').map(label_to_ascii).collect();
    Ok(labels?.join("."))
}

/// Whether UTS #46 accepts the character unchanged in any context.
fn stands_for_itself(c: char) -> bool {
    matches!(
        c,
        // Latin-1.
        'ß'..='ö' | 'ø'..='ÿ'
        // 々 and 〇, hiragana, katakana.
        | '\u{3005}' | '\u{3007}' | 'ぁ'..='ゖ' | 'ァ'..='ヾ'
        // Han: Extension A and the first block.
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        // Hangul.
        | '가'..='힣'
    )
}

fn label_to_ascii(label: &str) -> Result<String, &'static str> {
    if label.is_ascii() {
        return Ok(label.to_owned());
    }
    if label.starts_with("xn--") {
        return Err("the host contains a letter that is not allowed after xn--");
    }
    Ok(format!("xn--{}", punycode(label)))
}

/// RFC 3492 §6.3. Nothing can overflow, since a label is part of a URL of bounded length.
fn punycode(label: &str) -> String {
    const BASE: u32 = 36;
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).unwrap_or(u32::MAX);
    if basic > 0 {
        out.push('-');
    }
    let mut digit = |value: u32| out.push(char::from(DIGITS[value as usize]));
    let (mut delta, mut bias, mut done) = (0_u32, 72, basic);
    let mut reached = 0x80;
    let codes = || label.chars().map(u32::from);
    while let Some(next) = codes().filter(|code| *code >= reached).min() {
        delta += (next - reached) * (done + 1);
        for code in codes() {
            if code < next {
                delta += 1;
            }
            if code != next {
                continue;
            }
            let mut rest = delta;
            for k in (BASE..).step_by(BASE as usize) {
                let threshold = k.saturating_sub(bias).clamp(1, 26);
                if rest < threshold {
                    break;
                }
                digit(threshold + (rest - threshold) % (BASE - threshold));
                rest = (rest - threshold) / (BASE - threshold);
            }
            digit(rest);
            bias = adapted(delta, done + 1, done == basic);
            delta = 0;
            done += 1;
        }
        delta += 1;
        reached = next + 1;
    }
    out
}

/// RFC 3492 §6.1.
fn adapted(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

/// The path percent-encode set (URL Standard §1.3).
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');
/// The query percent-encode set of `wss` and `https` (URL Standard §1.3).
const IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\'');

/// Normalises path and query: resolves dot segments, turns backslashes into slashes, and encodes.
fn path_in(written: &str) -> String {
    let (path, query) = match written.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (written, None),
    };
    let path = path.strip_prefix(['/', '\\']).unwrap_or(path);
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split(['/', '\\']).peekable();
    while let Some(segment) = segments.next() {
        let ends_in_slash = segments.peek().is_none();
        match dots(segment) {
            0 => {
                kept.push(segment);
                continue;
            }
            1 => {}
            _ => drop(kept.pop()),
        }
        if ends_in_slash {
            kept.push("");
        }
    }
    let mut encoded = String::with_capacity(written.len() + 1);
    for segment in kept {
        encoded.push('/');
        encoded.extend(utf8_percent_encode(segment, IN_PATH));
    }
    if let Some(query) = query {
        encoded.push('?');
        encoded.extend(utf8_percent_encode(query, IN_QUERY));
    }
    encoded
}

/// 1 for `.`, 2 for `..`, 0 for any other segment.
fn dots(segment: &str) -> usize {
    if segment.len() > 6 {
        return 0;
    }
    match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
        "." => 1,
        ".." => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Result<String, &'static str> {
        let Parts { host, port, path } = parts(rest)?;
        let port = port.map_or(String::new(), |port| format!(" {port}"));
        Ok(format!("{host}{port} {path}"))
    }

    /// Cases from the URL Standard's own tests that concern `https` and `wss` URLs.
    #[test]
    fn urls_are_read_as_browsers_do() {
        for (written, expected) in [
            ("//EXAMPLE.com/../x", "example.com /x"),
            ("//example.com:0443/", "example.com 443 /"),
            ("//x?y", "x /?y"),
            ("//x?", "x /?"),
            (r"\\x\hello", "x /hello"),
            (r"//x:8443\a\b?c\d", r"x 8443 /a/b?c\d"),
            // Dot segments.
            ("//x/foo/bar/../ton/../../a", "x /a"),
            ("//x/foo/%2e", "x /foo/"),
            ("//x/foo/%2e%2", "x /foo/%2e%2"),
            ("//x/foo/%2e./%2e%2e/.%2e/%2e.bar", "x /%2e.bar"),
            ("//x/foo/.", "x /foo/"),
            ("//x/foo/..", "x /"),
            ("//x/foo/..bar", "x /foo/..bar"),
            ("//x////../..", "x //"),
            ("//x/c:/../y", "x /y"),
            // Encoding.
            ("//x/%20foo", "x /%20foo"),
            ("//x/foo%", "x /foo%"),
            ("//x/ü{}`^|", "x /%C3%BC%7B%7D%60%5E|"),
            ("//x/a b?c d'\"<>`{}", "x /a%20b?c%20d%27%22%3C%3E`{}"),
            ("//x/你好你好", "x /%E4%BD%A0%E5%A5%BD%E4%BD%A0%E5%A5%BD"),
            // Hosts.
            ("//ex%41mple.com", "example.com /"),
            ("//GOO\u{200b}\u{2060}\u{feff}goo.com", "googoo.com /"),
            ("//www.foo。bar.com", "www.foo.bar.com /"),
            ("//ＧＯ.com", "go.com /"),
            ("//你好你好", "xn--6qqa088eba /"),
            ("//bücher.example", "xn--bcher-kva.example /"),
            ("//BÜCHER.example", "xn--bcher-kva.example /"),
            ("//faß.example", "xn--fa-hia.example /"),
            ("//例子。中国:8443/", "xn--fsqu00a.xn--fiqs8s 8443 /"),
            ("//%E4%BE%8B%E5%AD%90.cn", "xn--fsqu00a.cn /"),
            ("//例え.テスト", "xn--r8jz45g.xn--zckzah /"),
            // RFC 3492 §7.1.
            ("//他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye /"),
            ("//3年B組金八先生", "xn--3b-ww4c5e180e575a65lsy2b /"),
            ("//안녕", "xn--o70b819a /"),
            // IPv4 in the unusual notations that browsers accept.
            ("//127.0.0.1./", "127.0.0.1 /"),
            ("//0x7f.1", "127.0.0.1 /"),
            ("//0X7F.0.0.0X1", "127.0.0.1 /"),
            ("//2130706433", "127.0.0.1 /"),
            ("//0177.0.0.1", "127.0.0.1 /"),
            ("//017700000001", "127.0.0.1 /"),
            ("//192.0x00A80001", "192.168.0.1 /"),
            ("//0x", "0.0.0.0 /"),
            ("//0Xc0.0250.01", "192.168.0.1 /"),
            ("//１２７．0．0。1", "127.0.0.1 /"),
            ("//%30%78%63%30%2e%30%32%35%30.01", "192.168.0.1 /"),
            ("//4294967295", "255.255.255.255 /"),
            // IPv6.
            ("//[::1]", "::1 /"),
            ("//[1:0::]:81", "1:: 81 /"),
            ("//[::127.0.0.1]", "::7f00:1 /"),
            ("//[0:0:0:0:0:FFFF:192.168.0.1]", "::ffff:192.168.0.1 /"),
        ] {
            assert_eq!(read(written).as_deref(), Ok(expected), "{written}");
        }
        for wrong in [
            "",
            "x",
            "/x",
            "///x",
            "//",
            "//?",
            "//:443",
            "//@x",
            "//u:p@x",
            "//x#y",
            "//x:",
            "//x:0",
            "//x:+443",
            "//x:65536",
            "//x:4 3",
            "//x:٤٤٣",
            "//x y",
            "//%20",
            "//a%00b",
            "//a%zzb",
            "//a<b",
            "//a^b",
            "//a..b",
            "//x..",
            "//.",
            "//。",
            "//%80.com",
            "//%25",
            "//%ef%bc%85%ef%bc%94%ef%bc%91.com",
            "//％３０％７８％63",
            "//％",
            "//a%2Fb",
            "//a／b",
            "//\u{fffd}",
            "//\u{ad}",
            "//xn--ü",
            "//пример.example",
            "//e\u{301}.example",
            "//1.2.3.4.5",
            "//256.0.0.1",
            "//0x100.0.0.1",
            "//1.2.3.256",
            "//4294967296",
            "//99999999999999999999999",
            "//0xffffffff1",
            "//1..0x1",
            "//foo.09",
            "//foo.0x4",
            "//foo.2",
            "//08",
            "//[::1",
            "//[::1]x",
            "//[::1%eth0]",
            "//[:1]",
            "//[1::1::1]",
            "//[::1.2.3]",
            "//[google.com]",
            "//[www.google.com]",
            "//::1",
        ] {
            assert_eq!(read(wrong).ok(), None, "{wrong}");
        }
        let told = read("//пример.example").unwrap_err();
        assert!(told.contains("xn--"), "{told}");
    }

    #[test]
    fn schemes_end_at_the_first_colon() {
        let scheme = |url| scheme_of(url).map(|(scheme, _)| scheme);
        assert_eq!(scheme("WSS://x").as_deref(), Some("wss"));
        assert_eq!(scheme("a+b-c.d:x").as_deref(), Some("a+b-c.d"));
        for none in ["x", "://x", "1a://x", "w s://x", "ｗｓｓ://x"] {
            assert_eq!(scheme(none), None, "{none}");
        }
        assert_eq!(trimmed(" \u{1}\n ws\ts://x\r\n/ \0"), "wss://x/");
    }
}
