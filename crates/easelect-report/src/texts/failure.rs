//! What went wrong in which phase, and what can be done about it.

use std::time::SystemTime;

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Text, label, list, shown, text};
use crate::figures::{ago, ahead};

/// Phase and reason: `TLS handshake: certificate expired 3 days ago`.
pub(crate) fn failure_text(failure: &Failure, now: SystemTime) -> Text {
    let phase = label::phase(failure.phase());
    let what = what(failure, now);
    text(
        format!("{}: {}", phase.en, what.en),
        format!("{}：{}", phase.zh, what.zh),
    )
}

/// The reason alone, with the facts that the failure carries.
fn what(failure: &Failure, now: SystemTime) -> Text {
    match failure.kind() {
        _ if failure.phase() == Phase::Proxy => proxy(failure),
        Kind::CertificateExpired => match failure.not_after().and_then(|then| ago(then, now)) {
            Some(ago) => text(
                format!("certificate expired {}", ago.en),
                format!("证书 {}过期", ago.zh),
            ),
            None => plain(failure),
        },
        Kind::CertificateNotYetValid => {
            match failure.not_before().and_then(|then| ahead(then, now)) {
                Some(ahead) => text(
                    format!("certificate becomes valid only {}", ahead.en),
                    format!("证书 {}才生效", ahead.zh),
                ),
                None => plain(failure),
            }
        }
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
                let (plain, issuer) = (plain(failure), shown(&certificate.issuer, 100));
                text(
                    format!("{} (issued by {issuer})", plain.en),
                    format!("{}（签发者 {issuer}）", plain.zh),
                )
            }
            None => plain(failure),
        },
        Kind::Redirected => {
            let to = failure
                .location()
                .map_or_else(String::new, |to| shown(to, 100));
            let status = status(failure);
            text(
                format!("redirected{} to \"{to}\"", status.en),
                format!("被重定向{}到“{to}”", status.zh),
            )
        }
        Kind::Rejected => {
            let status = status(failure);
            text(
                format!("the server refused the upgrade{}", status.en),
                format!("服务器拒绝升级{}", status.zh),
            )
        }
        Kind::ServerError => {
            let status = status(failure);
            text(
                format!("server error{}", status.en),
                format!("服务器错误{}", status.zh),
            )
        }
        // The kinds whose own message says more than the kind.
        Kind::Malformed
        | Kind::BogusAddress
        | Kind::InvalidMessage
        | Kind::Alert
        | Kind::CertificateOther
        | Kind::Other => {
            let plain = plain(failure);
            match failure.message() {
                Some(message) => {
                    let message = shown(message, 120);
                    text(
                        format!("{} ({message})", plain.en),
                        format!("{}（{message}）", plain.zh),
                    )
                }
                None => plain,
            }
        }
        _ => plain(failure),
    }
}

/// With the proxy's status and words.
fn proxy(failure: &Failure) -> Text {
    let plain = plain(failure);
    let status = failure.status().map(|status| format!("HTTP {status}"));
    // What these mean is said already.
    let plain_enough = matches!(failure.kind(), Kind::Refused | Kind::Timeout);
    let words = failure.message().filter(|_| !plain_enough);
    let words = words.map(|words| shown(words, 120));
    let details: Vec<String> = status.into_iter().chain(words).collect();
    match details.join(", ").as_str() {
        "" => plain,
        details => text(
            format!("{} ({details})", plain.en),
            format!("{}（{details}）", plain.zh),
        ),
    }
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
            "the name server did not answer in time",
            "域名服务器超时未应答",
        ),
        (Phase::Connect, Kind::Timeout) => text("no answer in time", "超时，对方无应答"),
        (Phase::Tls, Kind::Timeout) => text(
            "connected, then silence until the time-out",
            "已连接，但对方超时未应答",
        ),
        (Phase::Proxy, Kind::Timeout) => text("the proxy did not answer in time", "代理超时未应答"),
        (_, Kind::Timeout) => text("no answer in time", "超时未应答"),
        (_, Kind::NotFound) => text("no such name", "域名不存在"),
        (_, Kind::NoAddress) => text("the name has no address", "域名没有地址记录"),
        (Phase::Resolve, Kind::Refused) => text("the name server refused", "域名服务器拒绝查询"),
        (Phase::Connect, Kind::Refused) => text("connection refused", "连接被拒绝"),
        (Phase::Proxy, Kind::Refused) => text(
            "nothing listens where the proxy should be",
            "代理地址上没有程序在监听",
        ),
        (_, Kind::Refused) => text("refused", "被拒绝"),
        (_, Kind::ServerFailure) => text("the name server failed", "域名服务器出错"),
        (_, Kind::Temporary) => text("the name can't be looked up for now", "暂时无法解析域名"),
        (_, Kind::Malformed) => text(
            "the name server's answer can't be read",
            "无法读懂域名服务器的应答",
        ),
        (_, Kind::BogusAddress) => text(
            "the name server answered with an impossible address",
            "域名服务器返回了不可能的地址",
        ),
        (_, Kind::AuthRequired) => text(
            "the proxy wants a user and a password, or other ones",
            "代理要求用户名和密码，或所给的不对",
        ),
        (_, Kind::NotAProxy) => text("what answered is no such proxy", "应答方不是这种代理"),
        (_, Kind::Reset) => text("connection reset", "连接被重置"),
        (_, Kind::Unreachable) => text("no route to the address", "没有到该地址的路由"),
        (_, Kind::Permission) => text("not permitted by this system", "被本机系统禁止"),
        (_, Kind::OutOfResources) => text(
            "this computer has no more open files, ports or memory for it",
            "本机的文件句柄、端口或内存已用尽",
        ),
        (_, Kind::Panicked) => text(
            "the app's own resolver or connector panicked",
            "应用自己的解析器或连接器发生 panic",
        ),
        (_, Kind::Closed) => text("closed by the peer", "连接被对方关闭"),
        (_, Kind::NotTls) => text("what answered does not speak TLS", "应答方不是 TLS 服务"),
        (_, Kind::InvalidMessage) => text("invalid TLS message", "TLS 消息无效"),
        (_, Kind::Alert) => text("ended by the peer with a TLS alert", "对方以 TLS 告警终止"),
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
            "a certificate is signed with a broken hash function",
            "证书的签名使用了已被攻破的散列算法",
        ),
        (_, Kind::CertificateOther) => text("bad certificate", "证书有误"),
        (_, Kind::ClientCertificateRequired) => {
            text("the peer wants a client certificate", "对方要求客户端证书")
        }
        (_, Kind::TooLarge) => text("the peer sent too much", "对方发送的数据过多"),
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
            "101 of HTTP/1.0, which knows no upgrade",
            "应答 101，但版本是不支持升级的 HTTP/1.0",
        ),
        (_, Kind::SubprotocolMissing) => text(
            "the server didn't confirm the subprotocol that the service needs",
            "服务器没有确认该服务必需的子协议",
        ),
        (_, Kind::BadAccept) => text(
            "wrong Sec-WebSocket-Accept: something in between answered",
            "Sec-WebSocket-Accept 有误：应答来自中间设备",
        ),
        (_, Kind::BadHeaders) => text(
            "101 without the upgrade headers",
            "应答 101，但缺少升级头部",
        ),
        (_, Kind::UnrequestedExtensionOrProtocol) => text(
            "the server chose an extension or subprotocol that was not offered",
            "服务器选择了未提供的扩展或子协议",
        ),
        (_, Kind::ServerError) => text("server error", "服务器错误"),
        (Phase::Proxy, Kind::Other) => text("the proxy failed", "代理出错"),
        (Phase::Resolve, Kind::Other) => text(
            "the name server's answer can't be used",
            "域名服务器的应答无法使用",
        ),
        (_, Kind::Other) => text("failed", "失败"),
        // The library may know kinds that have no words here yet; a test holds that it doesn't.
        (_, kind) => text(kind.as_str(), kind.as_str()),
    }
}

/// What to do about it.
pub(crate) fn failure_hint(failure: &Failure) -> Text {
    match (failure.phase(), failure.kind()) {
        (Phase::Proxy, Kind::Refused) => text(
            "Start the proxy, or correct its address; --no-proxy measures without it.",
            "请启动代理，或改正其地址；可用 --no-proxy 不经代理测量。",
        ),
        (_, Kind::AuthRequired) => text(
            "Give user and password in the proxy's URL: http://USER:PASSWORD@HOST:PORT.",
            "请在代理 URL 中给出用户名和密码：http://USER:PASSWORD@HOST:PORT。",
        ),
        (_, Kind::NotAProxy) => text(
            "Check the proxy's address and kind: http://, https:// or socks5://.",
            "请检查代理的地址和类型：http://、https:// 或 socks5://。",
        ),
        (Phase::Proxy, Kind::Rejected) => text(
            "Ask the network administrator to let the proxy connect to *.easemob.com and *.easecdn.com, port 443.",
            "请网络管理员允许代理连接 *.easemob.com、*.easecdn.com 的 443 端口。",
        ),
        (Phase::Proxy, _) => text(
            "Check the proxy's address and ask whoever runs it; --no-proxy measures without it.",
            "请检查代理的地址，并联系其管理者；可用 --no-proxy 不经代理测量。",
        ),
        (
            Phase::Resolve,
            Kind::Timeout
            | Kind::Refused
            | Kind::ServerFailure
            | Kind::Temporary
            | Kind::Malformed
            | Kind::Other,
        ) => text(
            "Try another name server; if the name can be looked up there, tell the network administrator.",
            "换一个 DNS 服务器再试；如果能解析，请联系网络管理员。",
        ),
        (_, Kind::NotFound | Kind::NoAddress) => text(
            "Check the spelling of a host of your own; with -4 or -6, try without. For a published host, try \
             another name server, then tell Easemob support.",
            "自备的地址请检查拼写；用了 -4 或 -6 的话去掉再试。公开的地址请换一个 DNS 服务器再试，仍不行请联系环信技术支持。",
        ),
        (_, Kind::BogusAddress) => text(
            "A filter, a hosts file or a hijacked name server is suspected: compare with another name server.",
            "疑似被过滤、被 hosts 文件改写或 DNS 被劫持：请与其他 DNS 服务器的结果比较。",
        ),
        (Phase::Connect, Kind::Timeout) => text(
            "A firewall that drops packets, or a host that is down: try from another network; if it fails there \
             too, tell Easemob support.",
            "可能被防火墙丢弃，也可能主机已下线：请换一个网络再试，仍不行请联系环信技术支持。",
        ),
        (Phase::Connect, Kind::Reset) => text(
            "A firewall that resets connections is suspected: try from another network.",
            "疑似有会重置连接的防火墙：请换一个网络再试。",
        ),
        (Phase::Upgrade | Phase::Processing, Kind::Timeout | Kind::Closed | Kind::Reset) => text(
            "The host proved its identity, but the service behind it, or a gateway, doesn't answer: use another \
             endpoint, and tell Easemob support.",
            "主机身份已验证，但其后的服务或网关没有应答：请改用其他接入点，并联系环信技术支持。",
        ),
        (_, Kind::Refused) => text(
            "Nothing listens there, or a firewall refuses: try from another network; if it fails there too, tell \
             Easemob support.",
            "对方没有监听，或被防火墙拒绝：请换一个网络再试，仍不行请联系环信技术支持。",
        ),
        (_, Kind::Unreachable) => text(
            "Check this computer's network and VPN; without IPv6, -4 leaves it out.",
            "请检查本机网络和 VPN；没有 IPv6 时可用 -4 跳过。",
        ),
        (_, Kind::Permission) => text(
            "Allow this program in this computer's firewall or sandbox.",
            "请在本机防火墙或沙箱中放行本程序。",
        ),
        (_, Kind::OutOfResources) => text(
            "Raise the limit of open files (ulimit -n), or lower --in-flight.",
            "请提高打开文件数上限（ulimit -n），或调低 --in-flight。",
        ),
        (_, Kind::Panicked) => text(
            "A bug of the app: its log has the panic.",
            "这是应用的缺陷：其日志中有 panic 信息。",
        ),
        (_, Kind::CertificateExpired | Kind::CertificateNotYetValid) => text(
            "Check this computer's clock; if it is right, tell Easemob support which host it is.",
            "请检查本机时钟；如果时钟正确，请把该主机名告知环信技术支持。",
        ),
        (_, Kind::CertificateUntrusted) => text(
            "An intercepting proxy or a hijacked name is suspected. If your company inspects TLS, give its root \
             with --cacert; otherwise try another network.",
            "疑似有拦截代理或域名被劫持。如果公司会检查 TLS 流量，请用 --cacert 加入其根证书；否则请换一个网络再试。",
        ),
        (_, Kind::CertificateWrongHost | Kind::NotTls | Kind::NotHttp) => text(
            "A captive portal (log in with a browser), a hijacked name or a wrong port is suspected.",
            "疑似需要登录的网络（请用浏览器登录）、域名被劫持或端口有误。",
        ),
        (
            _,
            Kind::CertificateRevoked
            | Kind::CertificateWeakKey
            | Kind::CertificateWeakSignature
            | Kind::CertificateOther,
        ) => text(
            "Tell Easemob support which host it is; for a host of your own, renew its certificate.",
            "请把该主机名告知环信技术支持；自备的主机请更换证书。",
        ),
        (Phase::Tls, Kind::TooLarge)
        | (_, Kind::ProtocolVersion | Kind::NoCommonParameters | Kind::ClientCertificateRequired) => {
            text(
                "The peer is not set up for public clients, or a box in between answers: tell whoever runs it.",
                "对方的配置不面向公网客户端，或应答来自中间设备：请联系其管理者。",
            )
        }
        (
            Phase::Tls,
            Kind::Timeout | Kind::Reset | Kind::Closed | Kind::Alert | Kind::InvalidMessage,
        ) => text(
            "A filter that looks at host names is suspected: try from another network.",
            "疑似有按域名过滤的设备：请换一个网络再试。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(401 | 403 | 429)) => text(
            "The server, or a gateway in front of it, turns this client away: wait, then tell Easemob support.",
            "服务器或其前面的网关拒绝了本客户端：请稍后再试，仍不行请联系环信技术支持。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(200..300)) => text(
            "What answers is an ordinary web server: the path or host is wrong, or a captive portal is suspected.",
            "应答的是普通网站：路径或主机有误，或疑似需要登录的网络。",
        ),
        (_, Kind::Rejected) => text(
            "The path is probably wrong: correct it with --catalog, or use the path that Easemob gave you.",
            "路径可能有误：请用 --catalog 改正，或使用环信提供的路径。",
        ),
        (_, Kind::Redirected) => text(
            "A captive portal is suspected (log in with a browser); a WebSocket is never redirected.",
            "疑似需要登录的网络（请用浏览器登录）；WebSocket 不会跟随重定向。",
        ),
        (
            _,
            Kind::BadAccept
            | Kind::InvalidHeader
            | Kind::HttpVersion
            | Kind::BadHeaders
            | Kind::UnrequestedExtensionOrProtocol
            | Kind::TooLarge,
        ) => text(
            "A proxy or gateway that doesn't understand WebSocket is suspected: tell the network administrator.",
            "疑似中间有不支持 WebSocket 的代理或网关：请联系网络管理员。",
        ),
        (_, Kind::SubprotocolMissing) => text(
            "What answers is another service: the host or path is wrong; use those that Easemob gave you.",
            "应答的是其他服务：主机或路径有误，请使用环信提供的地址。",
        ),
        (_, Kind::ServerError) => text(
            "The service itself is in trouble: use another endpoint, and tell Easemob support.",
            "服务本身有故障：请改用其他接入点，并联系环信技术支持。",
        ),
        _ => text(
            "Try again; if it stays, send this report to Easemob support.",
            "请重试；如果仍然如此，请把本报告发给环信技术支持。",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::assert_complete;
    use super::*;

    #[test]
    fn every_kind_in_every_phase_has_words_and_a_hint() {
        for phase in Phase::ALL {
            for kind in Kind::ALL {
                let failure = Failure::new(phase, *kind);
                let of = failure.to_string();
                assert_complete(&failure_text(&failure, SystemTime::UNIX_EPOCH), &of);
                assert_complete(&plain(&failure), &of);
                assert_complete(&failure_hint(&failure), &of);
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
        let blocked = Failure::new(Phase::Proxy, Kind::Rejected)
            .with_status(403)
            .with_message("no\u{1b}[2J");
        assert_eq!(
            failure_text(&blocked, now).en,
            "proxy: the proxy did not connect to the host (HTTP 403, no\\u{1b}[2J)"
        );
        let absent = Failure::new(Phase::Proxy, Kind::Refused).with_message("os error 111");
        assert_eq!(
            failure_text(&absent, now).zh,
            "代理：代理地址上没有程序在监听"
        );
        let wrong = Failure::new(Phase::Tls, Kind::CertificateWrongHost)
            .with_names(vec!["evil\n.example".to_owned()]);
        assert!(failure_text(&wrong, now).en.ends_with("evil\\n.example"));
    }
}
