//! What went wrong in which phase, and what can be done about it.

use std::borrow::Cow;
use std::net::IpAddr;
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

/// With what the library's own message adds to the kind. It is English: in Chinese only the number of
/// an error and an address stand for it, as JSON has the message itself.
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

/// Whether a message is words for a reader, rather than what Rust writes for a programmer.
fn is_plain(message: &str) -> bool {
    let mut before = ' ';
    let camel = message.chars().any(|c| {
        let hump = before.is_lowercase() && c.is_uppercase();
        before = c;
        hump
    });
    let code = |c: char| c.is_control() || c.escape_debug().len() > 1 || "{}\"\\".contains(c);
    !camel && !message.contains(code) && !message.contains("::")
}

/// What a peer says as it ends the handshake (RFC 8446 §6).
fn alert(number: u8) -> Text {
    let (name, en, zh) = match number {
        0 => ("close_notify", "it has nothing more to say", "不再发送数据"),
        10 => (
            "unexpected_message",
            "a message came out of turn",
            "收到了不该出现的消息",
        ),
        20 => (
            "bad_record_mac",
            "a record was altered on the way",
            "记录在途中被改动",
        ),
        22 => ("record_overflow", "a record is too long", "记录过长"),
        40 => (
            "handshake_failure",
            "no parameters suit both",
            "没有双方都接受的参数",
        ),
        42 => ("bad_certificate", "a certificate is corrupt", "证书损坏"),
        43 => (
            "unsupported_certificate",
            "a certificate is of an unsupported kind",
            "证书类型不受支持",
        ),
        44 => (
            "certificate_revoked",
            "a certificate is revoked",
            "证书已被吊销",
        ),
        45 => (
            "certificate_expired",
            "a certificate has expired",
            "证书已过期",
        ),
        46 => (
            "certificate_unknown",
            "a certificate is not accepted",
            "证书不被接受",
        ),
        47 => (
            "illegal_parameter",
            "a value is out of range",
            "参数值不合法",
        ),
        48 => (
            "unknown_ca",
            "an authority is not known",
            "签发机构不被认可",
        ),
        49 => ("access_denied", "access is denied", "拒绝访问"),
        50 => ("decode_error", "a message can't be read", "消息无法解读"),
        51 => (
            "decrypt_error",
            "a signature or a key exchange is wrong",
            "签名或密钥交换有误",
        ),
        70 => (
            "protocol_version",
            "no TLS version suits both",
            "没有双方都支持的 TLS 版本",
        ),
        71 => (
            "insufficient_security",
            "stronger ciphers are asked for",
            "要求更强的加密算法",
        ),
        80 => (
            "internal_error",
            "it has an error of its own",
            "对方内部出错",
        ),
        86 => (
            "inappropriate_fallback",
            "an older TLS version than needed was asked for",
            "请求了不必要的旧 TLS 版本",
        ),
        90 => (
            "user_canceled",
            "somebody there cancelled it",
            "对方取消了握手",
        ),
        109 => (
            "missing_extension",
            "an extension is missing",
            "缺少必需的扩展",
        ),
        110 => (
            "unsupported_extension",
            "an extension was not asked for",
            "出现了未请求的扩展",
        ),
        112 => (
            "unrecognized_name",
            "it knows no host of this name",
            "对方没有该名称的主机",
        ),
        113 => (
            "bad_certificate_status_response",
            "a revocation status is bad",
            "证书状态应答有误",
        ),
        115 => (
            "unknown_psk_identity",
            "a shared key is not known",
            "不认识该预共享密钥",
        ),
        116 => (
            "certificate_required",
            "a client certificate is asked for",
            "要求客户端证书",
        ),
        120 => (
            "no_application_protocol",
            "no application protocol suits both",
            "没有双方都支持的应用层协议",
        ),
        _ => {
            return text(
                format!("ended by the peer with TLS alert {number}"),
                format!("对方以 TLS 告警 {number} 终止"),
            );
        }
    };
    text(
        format!("ended by the peer with a TLS alert: {en} ({name}, {number})"),
        format!("对方以 TLS 告警终止：{zh}（{name}，{number}）"),
    )
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

/// With the proxy's status and words, or its SOCKS5 reply.
fn proxy(failure: &Failure) -> Text {
    let plain = plain(failure);
    // What these mean is said already.
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
                "TLS with the proxy itself failed",
                "与代理自身的 TLS 握手失败",
            ),
            None => with_message(plain, message),
        };
    };
    match message {
        // Its own words, as they are.
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

/// What a SOCKS5 reply means (RFC 1928 §6).
fn socks5_reply(message: &str) -> Option<Text> {
    let (number, _) = message.strip_prefix("SOCKS5 reply ")?.split_once(':')?;
    let (en, zh) = match number {
        "1" => ("general failure", "一般性失败"),
        "2" => ("its rules forbid it", "规则不允许"),
        "3" => ("it can't reach the network", "代理到不了该网络"),
        "4" => ("it can't reach the host", "代理到不了该主机"),
        "5" => ("the host refused the connection", "主机拒绝连接"),
        "6" => ("the way to the host is too long", "生存时间（TTL）耗尽"),
        "7" => ("it knows no CONNECT", "不支持 CONNECT 命令"),
        "8" => ("it knows no such address type", "不支持该地址类型"),
        _ => ("not in the standard", "标准中没有的应答"),
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
            "Give user and password in the proxy's URL: http://USER:PASSWORD@HOST:PORT. If it accepts Negotiate or NTLM \
             only, which this program doesn't have, ask whoever runs it.",
            "请在代理 URL 中给出用户名和密码：http://USER:PASSWORD@HOST:PORT。如果代理只接受 Negotiate 或 NTLM（本程序不支持），\
             请联系其管理者。",
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
        (_, Kind::Rejected) if matches!(failure.status(), Some(404 | 405 | 410)) => text(
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
            "proxy: the proxy did not connect to the host (HTTP 403 \"no\\u{1b}[2J\")"
        );
        let gone = Failure::new(Phase::Proxy, Kind::Rejected)
            .with_message("SOCKS5 reply 2: not allowed by its rules");
        assert_eq!(
            failure_text(&gone, now).zh,
            "代理：代理未能连接该主机（SOCKS5 应答 2：规则不允许）"
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

    /// The library's own sentences are English, and often a programmer's.
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
                "TLS handshake: ended by the peer with a TLS alert: it knows no host of this name \
                 (unrecognized_name, 112)",
                "TLS 握手：对方以 TLS 告警终止：对方没有该名称的主机（unrecognized_name，112）",
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
