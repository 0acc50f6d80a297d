//! How an attempt failed: the phase and the reason.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::SystemTime;

use easelect::{ChainFault, Failure, FailureKind as Kind, Phase, is_hidden};

use super::tls_alert::alert;
use super::{Text, label, list, shown, text};
use crate::figures::{ago, ahead};

/// Phase and reason: `TLS handshake: certificate expired 3 days ago`.
pub(crate) fn failure_text(failure: &Failure, now: SystemTime) -> Text {
    let phase = label::phase(failure.phase());
    let what = reason(failure, now);
    text(
        format!("{}: {}", phase.en, what.en),
        format!("{}：{}", phase.zh, what.zh),
    )
}

/// How attempts fail, as the end of a sentence: `in the TLS handshake: certificate expired 3 days ago`. In Chinese
/// it has the verb: `在 TLS 握手时失败：证书 3 天前过期`.
pub(crate) fn fails(failure: &Failure, now: SystemTime) -> Text {
    let what = reason(failure, now);
    let (en, zh) = match failure.phase() {
        Phase::Resolve => ("at the name lookup", "域名解析"),
        Phase::Connect => ("at TCP connect", "TCP 连接"),
        Phase::Proxy => ("at the proxy", "连接代理"),
        Phase::Tls => ("in the TLS handshake", "TLS 握手"),
        Phase::Upgrade => ("in the WebSocket handshake", "WebSocket 握手"),
        Phase::Processing => ("while waiting for the answer", "等待应答"),
    };
    text(
        format!("{en}: {}", what.en),
        format!("在{}{zh}时失败：{}", space_before(zh), what.zh),
    )
}

/// A space between Chinese and Latin characters.
fn space_before(zh: &str) -> &'static str {
    match zh.starts_with(|c: char| c.is_ascii()) {
        true => " ",
        false => "",
    }
}

/// The verb for so many endpoints.
pub(crate) fn fail(count: usize) -> &'static str {
    if count == 1 { "fails" } else { "fail" }
}

/// The reason alone, with the facts that the failure carries.
pub(crate) fn reason(failure: &Failure, now: SystemTime) -> Text {
    match failure.kind() {
        _ if failure.phase() == Phase::Proxy => proxy(failure),
        Kind::CertificateExpired => {
            let whose = whose(failure);
            match failure.not_after().and_then(|then| ago(then, now)) {
                Some(ago) => text(
                    format!("{} expired {}", whose.en, ago.en),
                    format!("{} {}过期", whose.zh, ago.zh),
                ),
                None => plain(failure),
            }
        }
        Kind::CertificateNotYetValid => {
            match failure.not_before().and_then(|then| ahead(then, now)) {
                Some(ahead) => text(
                    format!("certificate becomes valid {}", ahead.en),
                    format!("证书 {}才生效", ahead.zh),
                ),
                None => plain(failure),
            }
        }
        Kind::CertificateWrongHost if failure.chain_fault() == Some(ChainFault::NoNames) => text(
            "the certificate has no subjectAltName",
            "证书没有 subjectAltName",
        ),
        Kind::CertificateWrongHost if !failure.names().is_empty() => {
            let names: Vec<String> = failure.names().iter().map(|name| shown(name, 60)).collect();
            let names = list(&names);
            text(
                format!("certificate is for other names: {}", names.en),
                format!("证书属于其他域名：{}", names.zh),
            )
        }
        Kind::CertificateUntrusted => match failure.certificate() {
            Some(certificate) => {
                let (plain, issuer) = (untrusted(failure), shown(&certificate.issuer, 100));
                text(
                    format!("{} (issued by {issuer})", plain.en),
                    format!("{}（签发者 {issuer}）", plain.zh),
                )
            }
            None => plain(failure),
        },
        Kind::Redirected => {
            let status = status(failure);
            match failure.location().map(|to| shown(to, 100)) {
                Some(to) => text(
                    format!("redirected{} to \"{to}\"", status.en),
                    format!("被重定向{}到“{to}”", status.zh),
                ),
                None => text(
                    format!("redirected{} without a target", status.en),
                    format!("被重定向{}，但未给出目标", status.zh),
                ),
            }
        }
        Kind::Rejected => {
            let status = status(failure);
            text(
                format!("the server refused the upgrade{}", status.en),
                format!("服务器拒绝升级{}", status.zh),
            )
        }
        Kind::SubprotocolMissing => {
            let wanted = failure
                .message()
                .and_then(|one| one.strip_prefix("wanted "));
            match wanted.and_then(|one| one.split_once(", got ")) {
                Some((wanted, "none")) => {
                    let wanted = shown(wanted, 40);
                    text(
                        format!("{} ({wanted})", plain(failure).en),
                        format!("{}（{wanted}）", plain(failure).zh),
                    )
                }
                Some((wanted, came)) => {
                    let (wanted, came) = (shown(wanted, 40), shown(came, 40));
                    text(
                        format!("{} ({wanted}; it chose {came})", plain(failure).en),
                        format!("{}（{wanted}；服务器选择了 {came}）", plain(failure).zh),
                    )
                }
                None => plain(failure),
            }
        }
        Kind::ServerError => {
            let status = status(failure);
            text(
                format!("server error{}", status.en),
                format!("服务器错误{}", status.zh),
            )
        }
        Kind::Alert if failure.alert().is_some() => alert(failure.alert().unwrap_or_default()),
        Kind::Malformed
        | Kind::BogusAddress
        | Kind::InvalidMessage
        | Kind::Alert
        | Kind::CertificateOther
        | Kind::Other => with_message(plain(failure), failure.message()),
        _ => plain(failure),
    }
}

/// Adds what the library's own message says beyond the kind. The message is English: the Chinese text only takes
/// an error's number or an address from it. JSON has the message itself.
fn with_message(plain: Text, message: Option<&str>) -> Text {
    let Some(message) = message else {
        return plain;
    };
    let (en, zh) = match (message.parse::<IpAddr>(), os_error(message)) {
        (Ok(ip), _) => (Some(ip.to_string()), Some(ip.to_string())),
        (_, Some(number)) => (
            Some(format!("system error {number}")),
            Some(format!("系统错误 {number}")),
        ),
        _ => (is_plain(message).then(|| shown(message, 120)), None),
    };
    let within =
        |plain: Cow<'static, str>, [open, close]: [&str; 2], more: Option<String>| match more {
            Some(more) => format!("{plain}{open}{more}{close}").into(),
            None => plain,
        };
    Text {
        en: within(plain.en, [" (", ")"], en),
        zh: within(plain.zh, ["（", "）"], zh),
    }
}

/// The number in `… (os error 5)`, as the standard library writes it.
fn os_error(message: &str) -> Option<u32> {
    let (_, rest) = message.rsplit_once("(os error ")?;
    rest.strip_suffix(')')?.parse().ok()
}

/// Whether a message is plain words, rather than debugging output for a programmer.
fn is_plain(message: &str) -> bool {
    let mut before = ' ';
    let camel = message.chars().any(|c| {
        let hump = before.is_lowercase() && c.is_uppercase();
        before = c;
        hump
    });
    let code = |c: char| is_hidden(c) || "{}\"'\\".contains(c);
    !camel && !message.contains(code) && !message.contains("::")
}

/// The certificate of the chain that is at fault.
fn whose(failure: &Failure) -> Text {
    match failure.chain_fault() {
        Some(ChainFault::IntermediateExpired) => text(
            "the authority's intermediate certificate",
            "签发机构的中间证书",
        ),
        Some(ChainFault::RootExpired) => {
            text("the authority's root certificate", "签发机构的根证书")
        }
        _ => text("certificate", "证书"),
    }
}

/// Why the certificate is not trusted.
fn untrusted(failure: &Failure) -> Text {
    match failure.chain_fault() {
        Some(ChainFault::SelfSigned) => text("self-signed certificate", "证书是自签名的"),
        Some(ChainFault::AuthorityAsServer) => text(
            "the server presents an authority's certificate as its own",
            "服务器出示的是签发机构（CA）的证书",
        ),
        Some(ChainFault::IntermediateMissing) => text(
            "the server doesn't send its intermediate certificate",
            "服务器没有发送中间证书",
        ),
        Some(ChainFault::RootExpired) => text(
            "the root certificate sent by the server has expired, and no trusted one was found",
            "服务器发送的根证书已过期，且找不到受信任的根证书",
        ),
        _ => plain(failure),
    }
}

/// The reason with the proxy's status and words, or its SOCKS5 reply.
fn proxy(failure: &Failure) -> Text {
    let plain = plain(failure);
    // The kind says it all.
    if matches!(failure.kind(), Kind::Refused | Kind::Timeout) {
        return plain;
    }
    let message = failure.message();
    let Some(status) = failure.status() else {
        return match message.and_then(socks5_reply) {
            Some(reply) => text(
                format!("{} ({})", plain.en, reply.en),
                format!("{}（{}）", plain.zh, reply.zh),
            ),
            None if message == Some("closed by the proxy") => {
                text("the proxy closed the connection", "代理关闭了连接")
            }
            None if message.is_some_and(|one| one.starts_with("TLS")) => text(
                "the TLS handshake with the proxy itself failed",
                "与代理自身的 TLS 握手失败",
            ),
            None => with_message(plain, message),
        };
    };
    match message {
        // The proxy's own words, unchanged.
        Some(words) => {
            let words = shown(words, 120);
            text(
                format!("{} (HTTP {status} \"{words}\")", plain.en),
                format!("{}（HTTP {status}“{words}”）", plain.zh),
            )
        }
        None => text(
            format!("{} (HTTP {status})", plain.en),
            format!("{}（HTTP {status}）", plain.zh),
        ),
    }
}

/// The meaning of a SOCKS5 reply (RFC 1928 §6).
fn socks5_reply(message: &str) -> Option<Text> {
    let (number, _) = message.strip_prefix("SOCKS5 reply ")?.split_once(':')?;
    let (en, zh) = match number {
        "1" => ("general failure", "一般性失败"),
        "2" => ("the proxy's rules forbid it", "代理规则不允许"),
        "3" => ("the proxy can't reach the network", "代理到不了该网络"),
        "4" => ("the proxy can't reach the host", "代理到不了该主机"),
        "5" => ("the host refused the connection", "主机拒绝连接"),
        "6" => ("the time to live (TTL) expired", "生存时间（TTL）耗尽"),
        "7" => ("CONNECT is not supported", "不支持 CONNECT 命令"),
        "8" => ("the address type is not supported", "不支持该地址类型"),
        _ => ("not defined by the standard", "标准中未定义"),
    };
    Some(text(
        format!("SOCKS5 reply {number}: {en}"),
        format!("SOCKS5 应答 {number}：{zh}"),
    ))
}

fn status(failure: &Failure) -> Text {
    match failure.status() {
        Some(status) => text(format!(" (HTTP {status})"), format!("（HTTP {status}）")),
        None => text("", ""),
    }
}

/// The reason without facts, in the words of its phase.
fn plain(failure: &Failure) -> Text {
    match (failure.phase(), failure.kind()) {
        (Phase::Resolve, Kind::Timeout) => text(
            "the DNS server did not answer in time",
            "DNS 服务器超时未应答",
        ),
        (Phase::Connect, Kind::Timeout) => text("no answer in time", "超时，对方无应答"),
        (Phase::Tls, Kind::Timeout) => text(
            "connected, but no answer in time",
            "已连接，但对方超时未应答",
        ),
        (Phase::Proxy, Kind::Timeout) => text("the proxy did not answer in time", "代理超时未应答"),
        (_, Kind::Timeout) => text("no answer in time", "超时未应答"),
        (_, Kind::NotFound) => text("no such name", "域名不存在"),
        (_, Kind::NoAddress) => text("the name has no address", "域名没有地址记录"),
        (Phase::Resolve, Kind::Refused) => {
            text("the DNS server refused the query", "DNS 服务器拒绝查询")
        }
        (Phase::Connect, Kind::Refused) => text("connection refused", "连接被拒绝"),
        (Phase::Proxy, Kind::Refused) => text(
            "the proxy is not running, or its address is wrong",
            "代理未启动，或地址有误",
        ),
        (_, Kind::Refused) => text("refused", "被拒绝"),
        (_, Kind::ServerFailure) => text("the DNS server reported a failure", "DNS 服务器报告出错"),
        (_, Kind::Temporary) => text(
            "the name can't be resolved at the moment",
            "暂时无法解析域名",
        ),
        (_, Kind::Malformed) => text(
            "the DNS server's answer is malformed",
            "DNS 服务器的应答格式有误",
        ),
        (_, Kind::BogusAddress) => text(
            "the DNS server returned an impossible address",
            "DNS 服务器返回了不可能的地址",
        ),
        (_, Kind::AuthRequired) => text(
            "the proxy requires a user name and password, or rejected those given",
            "代理要求用户名和密码，或给出的不正确",
        ),
        (_, Kind::NotAProxy) => text(
            "the server that answered is not a proxy of this kind",
            "应答方不是这种类型的代理",
        ),
        (_, Kind::Reset) => text("connection reset", "连接被重置"),
        (_, Kind::Unreachable) => text("no route to the address", "没有到该地址的路由"),
        (_, Kind::Permission) => text("not permitted by this system", "被本机系统禁止"),
        (_, Kind::OutOfResources) => text(
            "this computer ran out of open files, threads or memory",
            "本机的文件句柄、线程或内存已用尽",
        ),
        (_, Kind::Panicked) => text(
            "the app's own resolver or connector panicked",
            "应用自己的解析器或连接器崩溃（panic）",
        ),
        (_, Kind::Closed) => text("closed by the peer", "连接被对方关闭"),
        (_, Kind::NotTls) => text(
            "the server that answered does not speak TLS",
            "应答方不是 TLS 服务",
        ),
        (_, Kind::InvalidMessage) => text("invalid TLS message", "TLS 消息无效"),
        (_, Kind::Alert) => text(
            "the server ended the handshake with a TLS alert",
            "服务器以 TLS 告警终止握手",
        ),
        (_, Kind::ProtocolVersion) => text("no TLS version in common", "没有双方都支持的 TLS 版本"),
        (_, Kind::NoCommonParameters) => {
            text("no TLS parameters in common", "没有双方都支持的 TLS 参数")
        }
        (_, Kind::CertificateExpired) => text("certificate expired", "证书已过期"),
        (_, Kind::CertificateNotYetValid) => text("certificate not yet valid", "证书尚未生效"),
        (_, Kind::CertificateWrongHost) => {
            text("certificate is for another host", "证书与域名不符")
        }
        (_, Kind::CertificateUntrusted) => text("certificate is not trusted", "证书不受信任"),
        (_, Kind::CertificateRevoked) => text("certificate revoked", "证书已被吊销"),
        (_, Kind::CertificateWeakKey) => text(
            "a key in the certificate chain is too short",
            "证书链中有密钥过短",
        ),
        (_, Kind::CertificateWeakSignature) => text(
            "a certificate's signature uses a broken hash function",
            "证书的签名使用了不安全的散列算法",
        ),
        (_, Kind::CertificateOther) => text("bad certificate", "证书有误"),
        (_, Kind::ClientCertificateRequired) => text(
            "the peer requires a client certificate",
            "对方要求客户端证书",
        ),
        (_, Kind::TooLarge) => text(
            "the answer is longer than allowed; this may be another service",
            "应答超出允许的长度，可能不是该服务",
        ),
        (Phase::Proxy, Kind::Rejected) => text(
            "the proxy did not connect to the host",
            "代理未能连接该主机",
        ),
        (_, Kind::Rejected) => text("the server refused the upgrade", "服务器拒绝升级"),
        (_, Kind::Redirected) => text("redirected", "被重定向"),
        (_, Kind::NotHttp) => text("the answer is not HTTP", "应答不是 HTTP"),
        (_, Kind::InvalidHeader) => text(
            "the answer has a header field that HTTP doesn't allow",
            "应答含有 HTTP 不允许的头部字段",
        ),
        (_, Kind::HttpVersion) => text(
            "answered 101 over HTTP/1.0, which has no upgrade",
            "用 HTTP/1.0 应答 101，该版本不支持升级",
        ),
        (_, Kind::SubprotocolMissing) => text(
            "the server didn't confirm the subprotocol that the service needs",
            "服务器没有确认该服务必需的子协议",
        ),
        (_, Kind::BadAccept) => text(
            "wrong Sec-WebSocket-Accept: a device in between answered",
            "Sec-WebSocket-Accept 有误：应答来自中间设备",
        ),
        (_, Kind::BadHeaders) => text(
            "answered 101 without the upgrade headers",
            "应答 101，但缺少升级头部",
        ),
        (_, Kind::UnrequestedExtensionOrProtocol) => text(
            "the server chose an extension or subprotocol that was not offered",
            "服务器选择了未提供的扩展或子协议",
        ),
        (_, Kind::ServerError) => text("server error", "服务器错误"),
        (Phase::Proxy, Kind::Other) => text("the proxy failed", "代理出错"),
        (Phase::Resolve, Kind::Other) => text(
            "the DNS server's answer can't be used",
            "DNS 服务器的应答无法使用",
        ),
        (_, Kind::Other) => text("failed", "失败"),
        // The library may gain kinds that have no words here yet; a test makes sure that all have.
        (_, kind) => text(kind.as_str(), kind.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Done, assert_complete, failure_hint};
    use super::*;

    #[test]
    fn every_kind_in_every_phase_has_words() {
        for phase in Phase::ALL {
            for kind in Kind::ALL {
                let failure = Failure::new(phase, *kind);
                let of = failure.to_string();
                assert_complete(&failure_text(&failure, SystemTime::UNIX_EPOCH), &of);
                assert_complete(&plain(&failure), &of);
                for own in [false, true] {
                    let mut done = Done::default();
                    (done.own, done.cacert, done.dns) = (own, own, own);
                    let hint = failure_hint(&failure, done);
                    assert_eq!(hint.en.is_empty(), hint.zh.is_empty(), "{of}");
                    if !hint.en.is_empty() {
                        assert_complete(&hint, &of);
                    }
                    let again = ["--cacert", "--dns"].map(|option| hint.en.contains(option));
                    assert!(!own || again == [false; 2], "{of}: {}", hint.en);
                }
            }
        }
    }

    #[test]
    fn facts_are_told() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10 * 86_400);
        let expired = Failure::new(Phase::Tls, Kind::CertificateExpired)
            .with_not_after(now - Duration::from_secs(3 * 86_400));
        let told = failure_text(&expired, now);
        assert_eq!(told.en, "TLS handshake: certificate expired 3 days ago");
        assert_eq!(told.zh, "TLS 握手：证书 3 天前过期");
        let refused = failure_text(&Failure::new(Phase::Connect, Kind::Refused), now);
        assert_eq!(refused.zh, "TCP 连接：连接被拒绝");
        let portal = Failure::new(Phase::Upgrade, Kind::Redirected)
            .with_status(302)
            .with_location(Some("http://login/\u{1b}]0;x".to_owned()));
        assert_eq!(
            failure_text(&portal, now).en,
            "WebSocket handshake: redirected (HTTP 302) to \"http://login/\\u{1b}]0;x\""
        );
        let nowhere = Failure::new(Phase::Upgrade, Kind::Redirected).with_status(302);
        assert_eq!(
            failure_text(&nowhere, now).en,
            "WebSocket handshake: redirected (HTTP 302) without a target"
        );
        let blocked = Failure::new(Phase::Proxy, Kind::Rejected)
            .with_status(403)
            .with_message("no\u{1b}[2J");
        assert_eq!(
            failure_text(&blocked, now).en,
            "proxy: the proxy did not connect to the host (HTTP 403 \"no\\u{1b}[2J\")"
        );
        let gone = Failure::new(Phase::Proxy, Kind::Rejected)
            .with_message("SOCKS5 reply 2: not allowed by its rules");
        assert_eq!(
            failure_text(&gone, now).zh,
            "代理：代理未能连接该主机（SOCKS5 应答 2：代理规则不允许）"
        );
        let absent = Failure::new(Phase::Proxy, Kind::Refused).with_message("os error 111");
        assert_eq!(
            failure_text(&absent, now).zh,
            "代理：代理未启动，或地址有误"
        );
        let wrong = Failure::new(Phase::Tls, Kind::CertificateWrongHost)
            .with_names(vec!["evil\n.example".to_owned()]);
        assert!(failure_text(&wrong, now).en.ends_with("evil\\n.example"));
    }

    /// The library's own messages are English, and often meant for programmers.
    #[test]
    fn what_the_library_says_is_told_in_words_of_the_report() {
        let told = |failure: Failure| {
            let told = failure_text(&failure, SystemTime::UNIX_EPOCH);
            [told.en.into_owned(), told.zh.into_owned()]
        };
        let tls = |kind, message: &str| Failure::new(Phase::Tls, kind).with_message(message);
        let alert = tls(Kind::Alert, "received fatal alert: UnrecognisedName").with_alert(112);
        assert_eq!(
            told(alert),
            [
                "TLS handshake: the server ended the handshake with a TLS alert: it doesn't know this host name \
                 (unrecognized_name, 112)",
                "TLS 握手：服务器以 TLS 告警终止握手：不认识该域名（unrecognized_name，112）",
            ]
        );
        let other = tls(
            Kind::CertificateOther,
            "invalid peer certificate: Other(OtherError(\"x\"))",
        );
        assert_eq!(
            told(other),
            ["TLS handshake: bad certificate", "TLS 握手：证书有误"]
        );
        let plain = tls(Kind::Other, "no ciphertext was left");
        assert_eq!(
            told(plain),
            [
                "TLS handshake: failed (no ciphertext was left)",
                "TLS 握手：失败"
            ]
        );
        let system = Failure::new(Phase::Connect, Kind::Other)
            .with_message("Input/output error (os error 5)");
        assert_eq!(
            told(system),
            [
                "TCP connect: failed (system error 5)",
                "TCP 连接：失败（系统错误 5）"
            ]
        );
        let bogus = Failure::new(Phase::Resolve, Kind::BogusAddress).with_message("0.0.0.0");
        assert!(told(bogus)[1].ends_with("不可能的地址（0.0.0.0）"));
        // Every alert that a standard names has words, and the others their number.
        for number in 0..=u8::MAX {
            let of = format!("alert {number}");
            let told = super::alert(number);
            assert_complete(&told, &of);
            assert!(told.en.contains(&number.to_string()) && told.zh.contains(&number.to_string()));
        }
    }
}
