//! What went wrong in which phase, and what can be done about it.

use std::time::SystemTime;

use easelect::{ChainFault, Failure, FailureKind as Kind, Phase};

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
                    format!("certificate becomes valid only {}", ahead.en),
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

/// Which certificate of the chain it is.
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

/// Why there is no path to a root.
fn untrusted(failure: &Failure) -> Text {
    match failure.chain_fault() {
        Some(ChainFault::SelfSigned) => text("self-signed certificate", "证书是自签名的"),
        Some(ChainFault::AuthorityAsServer) => text(
            "an authority's certificate is shown as the server's",
            "服务器出示的是签发机构的证书",
        ),
        Some(ChainFault::IntermediateMissing) => text(
            "the server doesn't send its intermediate certificate",
            "服务器没有发送中间证书",
        ),
        Some(ChainFault::RootExpired) => text(
            "the root certificate that was sent has expired, and none that is trusted was found",
            "所发送的根证书已过期，且找不到受信任的根证书",
        ),
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

/// What the user has done already: no hint advises it again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Gave certificates to trust.
    pub(crate) cacert: bool,
    /// Named a name server.
    pub(crate) dns: bool,
    /// Asked for a simulated network.
    pub(crate) lab: bool,
    /// Left a family out.
    pub(crate) family: bool,
    /// Gave user and password for the proxy.
    pub(crate) proxy_credentials: bool,
    /// Speaks SOCKS to the proxy.
    pub(crate) socks: bool,
    /// Gave the endpoint, or its addresses.
    pub(crate) own: bool,
}

/// What to do about it; empty where more than the failure must be known to say.
pub(crate) fn failure_hint(failure: &Failure, done: Done) -> Text {
    let elsewhere = match done.own {
        true => text(
            "Try from another network; if it fails there too, it is the host: tell whoever runs it.",
            "请换一个网络再试；仍不行则是主机的问题，请联系其管理者。",
        ),
        false => text(
            "Try from another network; if it fails there too, tell Easemob support.",
            "请换一个网络再试，仍不行请联系环信技术支持。",
        ),
    };
    match (failure.phase(), failure.kind()) {
        (_, Kind::OutOfResources) => text(
            "Raise the limit of open files (ulimit -n), or lower --in-flight.",
            "请提高打开文件数上限（ulimit -n），或调低 --in-flight。",
        ),
        (_, Kind::Panicked) => text(
            "A bug of the app: its log has the panic.",
            "这是应用的缺陷：其日志中有 panic 信息。",
        ),
        (_, Kind::Permission) => text(
            "Allow this program in this computer's firewall or sandbox.",
            "请在本机防火墙或沙箱中放行本程序。",
        ),
        (Phase::Connect | Phase::Proxy, Kind::Unreachable) if done.family => text(
            "Check this computer's network and VPN.",
            "请检查本机网络和 VPN。",
        ),
        (_, Kind::Unreachable) => text(
            "Check this computer's network and VPN; without IPv6, -4 leaves it out.",
            "请检查本机网络和 VPN；没有 IPv6 时可用 -4 跳过。",
        ),
        (Phase::Proxy, Kind::Refused) => text(
            "Start the proxy, or correct its address; --no-proxy measures without it.",
            "请启动代理，或改正其地址；可用 --no-proxy 不经代理测量。",
        ),
        (_, Kind::AuthRequired) if done.proxy_credentials => text(
            "The proxy doesn't accept the user and password that were given, or wants another way to log in (Negotiate, NTLM), \
             which this program doesn't have: ask whoever runs it.",
            "代理不接受给出的用户名和密码，或要求本程序不支持的登录方式（Negotiate、NTLM）：请联系其管理者。",
        ),
        (_, Kind::AuthRequired) if done.socks => text(
            "Give user and password in the proxy's URL: socks5://USER:PASSWORD@HOST:PORT.",
            "请在代理 URL 中给出用户名和密码：socks5://USER:PASSWORD@HOST:PORT。",
        ),
        (_, Kind::AuthRequired) => text(
            "Give user and password in the proxy's URL: http://USER:PASSWORD@HOST:PORT.",
            "请在代理 URL 中给出用户名和密码：http://USER:PASSWORD@HOST:PORT。",
        ),
        (_, Kind::NotAProxy) => text(
            "Check the proxy's address and kind: http://, https:// or socks5://.",
            "请检查代理的地址和类型：http://、https:// 或 socks5://。",
        ),
        (Phase::Proxy, Kind::Rejected) if done.own => text(
            "Ask whoever runs the proxy to let it connect to this host and port.",
            "请代理的管理者允许它连接该主机和端口。",
        ),
        (Phase::Proxy, Kind::Rejected) => text(
            "Ask the network administrator to let the proxy connect to *.easemob.com and *.easecdn.com, port 443.",
            "请网络管理员允许代理连接 *.easemob.com、*.easecdn.com 的 443 端口。",
        ),
        (Phase::Proxy, _) => text(
            "Check the proxy's address and ask whoever runs it; --no-proxy measures without it.",
            "请检查代理的地址，并联系其管理者；可用 --no-proxy 不经代理测量。",
        ),
        (_, Kind::NotFound | Kind::NoAddress) if done.own && done.family => text(
            "Check the spelling of the host, and try without -4 or -6.",
            "请检查主机名的拼写，并去掉 -4 或 -6 再试。",
        ),
        (_, Kind::NotFound | Kind::NoAddress) if done.own => {
            text("Check the spelling of the host.", "请检查主机名的拼写。")
        }
        (_, Kind::NoAddress) if done.family => {
            text("Try without -4 or -6.", "请去掉 -4 或 -6 再试。")
        }
        (Phase::Resolve, _) if done.lab => text("", ""),
        (Phase::Resolve, _) if done.dns => text(
            "Compare with another name server than the one given.",
            "请与给出的 DNS 服务器以外的服务器比较。",
        ),
        (Phase::Resolve, _) => text(
            "Compare with another name server (--dns ADDR); if the name can be looked up there, tell the network administrator.",
            "请用 --dns ADDR 与其他 DNS 服务器比较；如果能解析，请联系网络管理员。",
        ),
        (_, Kind::ClientCertificateRequired) => text(
            "This host wants every client to show a certificate: public clients have none. Tell whoever runs it.",
            "该主机要求客户端出示证书，而公网客户端没有。请联系其管理者。",
        ),
        (_, Kind::NoCommonParameters | Kind::ProtocolVersion) => text(
            "Tell whoever runs the host. Offered are TLS 1.2 and 1.3, X25519, P-256 and P-384, AES-GCM and \
             ChaCha20-Poly1305, and certificates with RSA, ECDSA P-256 or P-384, or Ed25519.",
            "请联系该主机的管理者。本程序支持 TLS 1.2 和 1.3，X25519、P-256、P-384，AES-GCM 和 ChaCha20-Poly1305，\
             证书密钥为 RSA、ECDSA P-256/P-384 或 Ed25519。",
        ),
        (_, Kind::CertificateExpired | Kind::CertificateNotYetValid) => text(
            "Check that this computer's date is right; then tell whoever runs the host.",
            "请确认本机日期正确，然后联系该主机的管理者。",
        ),
        (_, Kind::CertificateUntrusted) if done.own && !done.cacert => text(
            "If it is signed by an authority of your own, give that root with --cacert.",
            "如果证书由自己的机构签发，请用 --cacert 给出其根证书。",
        ),
        (_, Kind::CertificateUntrusted | Kind::CertificateWrongHost | Kind::NotTls) => elsewhere,
        (
            _,
            Kind::CertificateRevoked
            | Kind::CertificateWeakKey
            | Kind::CertificateWeakSignature
            | Kind::CertificateOther,
        ) => text(
            "The server's certificate has to be renewed: tell whoever runs the host.",
            "需要更换服务器证书：请联系该主机的管理者。",
        ),
        (Phase::Upgrade | Phase::Processing, Kind::Timeout | Kind::Closed | Kind::Reset) => text(
            "The host proved its identity; the service behind it, or a gateway, doesn't answer: use another endpoint.",
            "主机身份已验证，但其后的服务或网关没有应答：请改用其他接入点。",
        ),
        (_, Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Closed) => elsewhere,
        (_, Kind::Rejected) if failure.status() == Some(429) => text(
            "The service limits how often this client, or this network, may connect: wait.",
            "服务限制了本客户端或本网络的连接频率：请稍候。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(401 | 403)) => text(
            "The server, or a gateway in front of it, turns this client away: compare with another network.",
            "服务器或其前面的网关拒绝了本客户端：请与其他网络比较。",
        ),
        (_, Kind::Rejected) if failure.status() == Some(451) => text(
            "The answer says that the law forbids it here (RFC 7725).",
            "应答称因法律原因不可访问（RFC 7725）。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(404 | 405 | 410 | 426)) => text(
            "The path is wrong: correct it with --catalog, or use the path that Easemob gave you.",
            "路径有误：请用 --catalog 改正，或使用环信提供的路径。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(200..300)) => text(
            "What answers is an ordinary web server: check host and path.",
            "应答的是普通网站：请检查主机和路径。",
        ),
        (_, Kind::SubprotocolMissing) => text(
            "What answers is another service: use host and path that Easemob gave you.",
            "应答的是其他服务：请使用环信提供的主机和路径。",
        ),
        (_, Kind::ServerError) => text(
            "The service itself is in trouble: use another endpoint, or try again later.",
            "服务本身有故障：请改用其他接入点，或稍后再试。",
        ),
        _ => text("", ""),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::assert_complete;
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
