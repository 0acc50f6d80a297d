//! What can be done about one failure, without what the user has done already.

use easelect::{Failure, FailureKind as Kind, Phase};

use super::{Text, text};

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
        (Phase::Resolve, Kind::OutOfResources) => text(
            "Silent name servers hold up this computer's look-ups: check the network's DNS.",
            "无应答的 DNS 服务器占满了本机的解析线程：请检查网络的 DNS 设置。",
        ),
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
            "Measure again with another name server than the one given.",
            "请用 --dns 指定其他 DNS 服务器重测。",
        ),
        (Phase::Resolve, _) => text(
            "Measure again with another name server (easelect --dns 223.5.5.5); if the name can be looked up there, tell the network administrator.",
            "请用 --dns 223.5.5.5 重测；如果能解析，请联系网络管理员。",
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
            "主机身份已验证，但其后的服务或网关没有应答：请改用其他接入地址。",
        ),
        (_, Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Closed) => elsewhere,
        (_, Kind::Rejected) if failure.status() == Some(429) => match done.own {
            true => text(
                "The service limits how often this client, or this network, may connect: wait.",
                "服务限制了本客户端或本网络的连接频率：请稍候。",
            ),
            false => text(
                "The service limits how often this client, or this network, may connect: wait; if it lasts, tell Easemob \
                 support.",
                "服务限制了本客户端或本网络的连接频率：请稍候；如持续出现，请联系环信技术支持。",
            ),
        },
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
        (_, Kind::Rejected) if matches!(failure.status(), Some(200..300)) => match done.own {
            true => text(
                "What answers is an ordinary web server: check host and path.",
                "应答的是普通网站：请检查主机和路径。",
            ),
            false => text(
                "What answers is an ordinary web server, not the service: use an endpoint that works, and tell Easemob \
                 support the URL, the status and the time.",
                "应答的是普通网站，而不是该服务：请改用可用的接入地址，并把 URL、状态码和时间告知环信技术支持。",
            ),
        },
        (_, Kind::SubprotocolMissing) => match done.own {
            true => text(
                "What answers is another service: check host and path.",
                "应答的是其他服务：请检查主机和路径。",
            ),
            false => text(
                "What answers is another service: use an endpoint that works, and tell Easemob support the URL and the time.",
                "应答的是其他服务：请改用可用的接入地址，并把 URL 和时间告知环信技术支持。",
            ),
        },
        (_, Kind::ServerError) => text(
            "The service itself is in trouble: use another endpoint, or try again later.",
            "服务本身有故障：请改用其他接入地址，或稍后再试。",
        ),
        _ => text("", ""),
    }
}
