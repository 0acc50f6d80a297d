//! What to do about a finding.

use easelect::Reference;

use super::{Text, failure_hint, text};
use crate::finding::What;

/// What to do about it.
pub(crate) fn finding_hint(what: &What) -> Text {
    match what {
        What::NoNameResolved { lab: false, .. } => text(
            "Check the network and the name server. `--lab` works offline and shows what a report looks like.",
            "请检查网络和 DNS 服务器。`--lab` 可离线运行，展示报告的样子。",
        ),
        What::NoNameResolved { lab: true, .. } => text(
            "The lab's name server is set to fail: see the scenario.",
            "实验网络中的 DNS 被设为失败：见场景文件。",
        ),
        What::NoNetwork => text(
            "Connect this computer to a network; check VPN and flight mode.",
            "请将本机接入网络；检查 VPN 和飞行模式。",
        ),
        What::NotPermitted => text(
            "Allow this program in this computer's firewall or sandbox.",
            "请在本机防火墙或沙箱中放行本程序。",
        ),
        What::OutOfResources { .. } => text(
            "Raise the limit of open files (ulimit -n), lower --in-flight, or end other programs; then run again.",
            "请提高打开文件数上限（ulimit -n）、调低 --in-flight 或关闭其他程序，然后重试。",
        ),
        What::NothingGetsThrough { .. } => text(
            "Ask the network administrator to allow TCP port 443 to *.easemob.com and *.easecdn.com; try from another network.",
            "请网络管理员放行到 *.easemob.com、*.easecdn.com 的 TCP 443 端口；或换一个网络再试。",
        ),
        What::ClockWrong { .. } => text(
            "Set this computer's clock (date, time and time zone), then run again.",
            "请校准本机时钟（日期、时间和时区）后重试。",
        ),
        What::CaptivePortal { .. } => text(
            "Open a web page in a browser and log in to the network; otherwise ask the network administrator.",
            "请用浏览器打开任意网页并登录网络；否则请联系网络管理员。",
        ),
        What::Interception { .. } => text(
            "If your company inspects TLS, give its root with --cacert, and ask for an exception for Easemob's hosts.",
            "如果公司会检查 TLS 流量，请用 --cacert 加入其根证书，并申请将环信域名加入例外。",
        ),
        What::Hijack { .. } | What::OneAddress { .. } => text(
            "Compare with another name server; pin a known address with --resolve HOST:PORT:ADDR.",
            "请与其他 DNS 服务器的结果比较；可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        What::Ipv6Broken { .. } => text(
            "Ask the network administrator to repair IPv6 or switch it off; -4 measures without it.",
            "请网络管理员修复或关闭 IPv6；可用 -4 只测 IPv4。",
        ),
        What::CertificateExpired { failure, .. }
        | What::PathWrong { failure, .. }
        | What::EndpointDown { failure, .. }
        | What::DirectLookup {
            outcome: Err(failure),
            ..
        }
        | What::ProxyFails { failure, .. } => failure_hint(failure),
        What::CertificateExpiresSoon { .. } => text(
            "Tell Easemob support if it is not renewed in time; for a host of your own, renew it.",
            "如果未按时更换，请联系环信技术支持；自备的主机请更换证书。",
        ),
        What::AddressDown { .. } => text(
            "A client that tries only this address waits in vain: tell Easemob support the address.",
            "只尝试该地址的客户端会白等：请把该地址告知环信技术支持。",
        ),
        What::FailsSometimes { .. } => text(
            "Try from another network; if it fails there too, tell Easemob support.",
            "请换一个网络再试，仍时好时坏请联系环信技术支持。",
        ),
        What::AlternatePath { works, .. } => text(
            format!("Configure {works}, or put it into a catalogue file."),
            format!("请配置为 {works}，或写入目录文件。"),
        ),
        What::CurrentFails { failure, best, .. } => match (best, failure) {
            (Some(best), _) => text(
                format!("Put {best} into the app's configuration."),
                format!("请将应用配置改为 {best}。"),
            ),
            (None, Some(failure)) => failure_hint(failure),
            (None, None) => text(
                "Give more time with --deadline.",
                "请用 --deadline 给更多时间。",
            ),
        },
        What::CurrentPathWrong { works, .. } => text(
            format!("Put {works} into the app's configuration."),
            format!("请将应用配置改为 {works}。"),
        ),
        What::CurrentSlower { best, .. } => text(
            format!("Put {best} into the app's configuration, or let the app choose by itself."),
            format!("请将应用配置改为 {best}，或让应用自行选择。"),
        ),
        What::CurrentEqual { .. } | What::CurrentFirst { .. } => {
            text("Nothing needs to change.", "无需改动。")
        }
        What::SourceFailed { .. } => text(
            "An app that relies on this list waits for it before it connects: check the URL and the network.",
            "依赖该列表的应用要先等它：请检查 URL 和网络。",
        ),
        What::AboveThreshold { .. } => text(
            "See which phase is long; a long TCP connect is distance or the network's route.",
            "请看耗时在哪个阶段；TCP 连接慢说明距离远或网络路由绕远。",
        ),
        What::Unfinished { .. } => text(
            "Give more time with --deadline, or ask for fewer regions and services.",
            "请用 --deadline 给更多时间，或减少数据中心和服务。",
        ),
        What::DirectLookup { outcome: Ok(_), .. } => text(
            "This computer's resolver is suspected: its hosts file, its cache, a VPN or a proxy. --dns ADDR asks a \
             name server instead.",
            "疑似本机解析器的问题：hosts 文件、缓存、VPN 或代理。可用 --dns ADDR 直接询问 DNS 服务器。",
        ),
        What::AddressesLeftOut { .. } => text(
            "So many addresses are unusual: compare with another name server.",
            "地址这样多并不常见：请与其他 DNS 服务器的结果比较。",
        ),
        What::LocallyDelayed { .. } => text(
            "Run again when this computer is idle, or with a lower --in-flight.",
            "请在本机空闲时重试，或调低 --in-flight。",
        ),
        What::LocalProxy { .. } => text(
            "Switch the proxy off to measure the network itself.",
            "如要测量网络本身，请关闭代理。",
        ),
        What::ThroughProxy { .. } => text(
            "An app that doesn't use this proxy sees other times; --no-proxy measures without it.",
            "不使用该代理的应用耗时会不同；可用 --no-proxy 不经代理测量。",
        ),
        What::Ipv6Absent => text(
            "-4 leaves the IPv6 addresses out.",
            "可用 -4 跳过 IPv6 地址。",
        ),
        What::NonePublished { .. } => text(
            "If Easemob gave you a host, put it into a catalogue file (--catalog).",
            "如果环信提供了地址，请写入目录文件（--catalog）。",
        ),
        What::Pool => text(
            "For web, desktop and mini-programs name the app's data centre: --region cn1 or cn2.",
            "Web、桌面端和小程序请指定应用所在的数据中心：--region cn1 或 cn2。",
        ),
        What::NotComparable => text(
            format!(
                "Which one an app lives in: {}.",
                Reference::Console.location()
            ),
            format!(
                "查看应用所在的数据中心：{}。",
                Reference::Console.location()
            ),
        ),
        What::MiniProgram => text(
            "Inside, the host app's network and its list of allowed domains apply as well.",
            "小程序内还受宿主应用的网络和合法域名配置影响。",
        ),
        What::Inferred { .. } => text(
            "If such a URL is refused, ask Easemob support for its path and give it in a catalogue file (--catalog).",
            "如果这类 URL 被拒绝，请向环信技术支持询问路径，并写入目录文件（--catalog）。",
        ),
    }
}
