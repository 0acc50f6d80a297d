//! The hint for one failure, without what the user has already done.

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Text, text};

/// What the user has already done: no hint advises it again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Gave certificates to trust (--cacert).
    pub(crate) cacert: bool,
    /// Chose a DNS server (--dns).
    pub(crate) dns: bool,
    /// Chose a simulated network (--lab).
    pub(crate) lab: bool,
    /// Chose one address family (-4 or -6).
    pub(crate) family: bool,
    /// Gave a user name and password for the proxy.
    pub(crate) proxy_credentials: bool,
    /// Gave a SOCKS proxy.
    pub(crate) socks: bool,
    /// Gave the endpoint, or its addresses.
    pub(crate) own: bool,
}

/// The hint where another network shows whose fault a failure is.
pub(crate) fn measure_elsewhere() -> Text {
    text(
        "Measure again from another network; if it fails there too, send this report to Easemob support.",
        "请用同一台设备换一个网络重测；如果仍然失败，请把这份报告发给环信技术支持。",
    )
}

/// What to do about a failure; empty where the failure alone doesn't show it.
pub(crate) fn failure_hint(failure: &Failure, done: Done) -> Text {
    let elsewhere = match done.own {
        true => text(
            "Measure again from another network; if it fails there too, send this report to the host's \
             administrator.",
            "请用同一台设备换一个网络重测；如果仍然失败，请把这份报告发给该主机的管理员。",
        ),
        false => measure_elsewhere(),
    };
    let operator = match done.own {
        true => text("the host's administrator", "该主机的管理员"),
        false => text("Easemob support", "环信技术支持"),
    };
    let (en, zh) = (&operator.en, &operator.zh);
    match (failure.phase(), failure.kind()) {
        (Phase::Resolve, Kind::OutOfResources) => text(
            "DNS servers that don't answer keep this computer's lookup threads busy: check the network's DNS.",
            "无应答的 DNS 服务器占满了本机的解析线程：请检查网络的 DNS 设置。",
        ),
        (_, Kind::OutOfResources) => text(
            "Raise the limit on open files (ulimit -n), or lower --in-flight.",
            "请提高打开文件数上限（ulimit -n），或调低 --in-flight。",
        ),
        (_, Kind::Panicked) => text(
            "This is a bug in the app: see the panic in its log.",
            "这是应用的缺陷：请查看其日志中的 panic 信息。",
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
            "Check this computer's network and VPN; if there is no IPv6, -4 skips it.",
            "请检查本机网络和 VPN；如果没有 IPv6，可用 -4 跳过。",
        ),
        (Phase::Proxy, Kind::Refused) => text(
            "Start the proxy, or correct its address; --no-proxy measures without it.",
            "请启动代理，或改正代理地址；可用 --no-proxy 不经代理测量。",
        ),
        (_, Kind::AuthRequired) if done.proxy_credentials => text(
            "The proxy rejects the user name and password, or requires a login method that easelect doesn't \
             support (Negotiate, NTLM): ask the proxy's administrator.",
            "代理拒绝了给出的用户名和密码，或要求 easelect 不支持的登录方式（Negotiate、NTLM）：请联系代理的管理员。",
        ),
        (_, Kind::AuthRequired) if done.socks => text(
            "Put the user name and password into the proxy's URL: socks5://USER:PASSWORD@HOST:PORT.",
            "请在代理 URL 中给出用户名和密码：socks5://USER:PASSWORD@HOST:PORT。",
        ),
        (_, Kind::AuthRequired) => text(
            "Put the user name and password into the proxy's URL: http://USER:PASSWORD@HOST:PORT. If the proxy \
             accepts only Negotiate or NTLM, which easelect doesn't support, ask its administrator.",
            "请在代理 URL 中给出用户名和密码：http://USER:PASSWORD@HOST:PORT。如果代理只接受 Negotiate 或 NTLM（easelect 不支持），请联系代理的管理员。",
        ),
        (_, Kind::NotAProxy) => text(
            "Check the proxy's address and kind: http://, https:// or socks5://.",
            "请检查代理的地址和类型：http://、https:// 或 socks5://。",
        ),
        (Phase::Proxy, Kind::Rejected) if done.own => text(
            "Ask the proxy's administrator to allow connections to this host and port.",
            "请代理的管理员允许连接该主机和端口。",
        ),
        (Phase::Proxy, Kind::Rejected) => text(
            "Ask the network administrator to allow the proxy to connect to *.easemob.com and *.easecdn.com, \
             port 443.",
            "请网络管理员允许代理连接 *.easemob.com、*.easecdn.com 的 443 端口。",
        ),
        (Phase::Proxy, _) => text(
            "Check the proxy's address, and ask its administrator; --no-proxy measures without it.",
            "请检查代理的地址，并联系代理的管理员；可用 --no-proxy 不经代理测量。",
        ),
        (_, Kind::NotFound | Kind::NoAddress) if done.own && done.family => text(
            "Check the spelling of the host name, and try without -4 or -6.",
            "请检查主机名的拼写，并去掉 -4 或 -6 再试。",
        ),
        (_, Kind::NotFound | Kind::NoAddress) if done.own => text(
            "Check the spelling of the host name.",
            "请检查主机名的拼写。",
        ),
        (_, Kind::NoAddress) if done.family => {
            text("Try without -4 or -6.", "请去掉 -4 或 -6 再试。")
        }
        (Phase::Resolve, _) if done.lab => text(
            "In a real network, measure again with another DNS server (--dns).",
            "在真实网络中，请用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Phase::Resolve, _) if done.dns => text(
            "Measure again with a DNS server other than the one given.",
            "请用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Phase::Resolve, _) => text(
            "Measure again with another DNS server (easelect --dns 223.5.5.5); if the name resolves there, \
             tell the network administrator.",
            "请运行 easelect --dns 223.5.5.5 重测；如果能解析，请联系网络管理员。",
        ),
        (_, Kind::ClientCertificateRequired) => text(
            format!(
                "This host requires a client certificate, which public clients don't have. Tell {en}."
            ),
            format!("该主机要求客户端证书，而公网客户端没有。请联系{zh}。"),
        ),
        (_, Kind::NoCommonParameters | Kind::ProtocolVersion) => text(
            format!(
                "Tell {en}. easelect supports TLS 1.2 and 1.3; X25519, P-256 and P-384; AES-GCM and \
                 ChaCha20-Poly1305; and certificates with RSA, ECDSA P-256 or P-384, or Ed25519 keys."
            ),
            format!(
                "请联系{zh}。easelect 支持：TLS 1.2 和 1.3；X25519、P-256、P-384；AES-GCM 和 ChaCha20-Poly1305；密钥为 RSA、ECDSA P-256/P-384 或 Ed25519 的证书。"
            ),
        ),
        (_, Kind::CertificateExpired | Kind::CertificateNotYetValid) => text(
            format!("Check this computer's date and time. If they are right, tell {en}."),
            format!("请检查电脑的日期和时间；如果正确，请联系{zh}。"),
        ),
        (_, Kind::CertificateUntrusted) if done.own && !done.cacert => text(
            "If your own authority signed the certificate, give its root certificate with --cacert.",
            "如果证书由自建的 CA 签发，请用 --cacert 给出其根证书。",
        ),
        (_, Kind::CertificateUntrusted | Kind::CertificateWrongHost | Kind::NotTls) => elsewhere,
        (
            _,
            Kind::CertificateRevoked
            | Kind::CertificateWeakKey
            | Kind::CertificateWeakSignature
            | Kind::CertificateOther,
        ) => text(
            format!("The server needs a new certificate: tell {en}."),
            format!("服务器需要更换证书：请联系{zh}。"),
        ),
        (Phase::Upgrade | Phase::Processing, Kind::Timeout | Kind::Closed | Kind::Reset) => text(
            "The host proved its identity, but the service or a gateway behind it doesn't answer: use another \
             endpoint.",
            "主机身份已验证，但其后的服务或网关没有应答：请改用其他接入地址。",
        ),
        (_, Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Closed | Kind::Alert) => elsewhere,
        (_, Kind::Rejected) if failure.status() == Some(429) => match done.own {
            true => text(
                "The service limits how often this client or this network may connect: wait before you try \
                 again.",
                "服务限制了本客户端或本网络的连接频率：请稍后再试。",
            ),
            false => text(
                "The service limits how often this client or this network may connect: wait before you try \
                 again. If it persists, send this report to Easemob support.",
                "服务限制了本客户端或本网络的连接频率：请稍后再试；如持续出现，请把这份报告发给环信技术支持。",
            ),
        },
        (_, Kind::Rejected) if matches!(failure.status(), Some(401 | 403)) => text(
            "The server, or a gateway in front of it, rejects this client: compare with another network.",
            "服务器或其前置网关拒绝了本客户端：请换一个网络比较。",
        ),
        (_, Kind::Rejected) if failure.status() == Some(451) => text(
            "The server states that access from here is blocked for legal reasons (HTTP 451).",
            "服务器称因法律原因不可访问（HTTP 451）。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(404 | 405 | 410)) => text(
            "The path is wrong: correct it with --catalog, or use the path that Easemob gave you.",
            "路径有误：请用 --catalog 改正，或使用环信提供的路径。",
        ),
        (_, Kind::Rejected) if matches!(failure.status(), Some(200..300)) => match done.own {
            true => text(
                "An ordinary web server answers: check the host and the path.",
                "应答的是普通网站：请检查主机和路径。",
            ),
            false => text(
                "An ordinary web server answers, not the service: use an endpoint that works, and send this \
                 report to Easemob support.",
                "应答的是普通网站，而不是该服务：请改用可用的接入地址，并把这份报告发给环信技术支持。",
            ),
        },
        (_, Kind::SubprotocolMissing) => match done.own {
            true => text(
                "Another service answers: check the host and the path.",
                "应答的是其他服务：请检查主机和路径。",
            ),
            false => text(
                "Another service answers: use an endpoint that works, and send this report to \
                 Easemob support.",
                "应答的是其他服务：请改用可用的接入地址，并把这份报告发给环信技术支持。",
            ),
        },
        (_, Kind::ServerError) => text(
            "The service itself is in trouble: use another endpoint, or try again later.",
            "服务本身有故障：请改用其他接入地址，或稍后再试。",
        ),
        (
            _,
            Kind::BadAccept
            | Kind::BadHeaders
            | Kind::HttpVersion
            | Kind::InvalidHeader
            | Kind::InvalidMessage
            | Kind::NotHttp
            | Kind::TooLarge
            | Kind::UnrequestedExtensionOrProtocol,
        ) => match done.own {
            true => text(
                "Check that the service is at this host and path, and check the gateway in front of it.",
                "请确认该主机和路径上确实是该服务，并检查其前置网关。",
            ),
            false => elsewhere,
        },
        _ => text("", ""),
    }
}
