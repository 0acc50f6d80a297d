//! What a finding says, and what to do about it.

use std::time::SystemTime;

use super::{Text, failure_hint, failure_text, list, plural, shown, text};
use crate::catalog::Reference;
use crate::report::figures::{ms_unit, percent};
use crate::report::finding::What;

/// What was found.
pub(crate) fn finding_text(what: &What, now: SystemTime) -> Text {
    match what {
        What::NoNameResolved { hosts, .. } => text(
            format!("No name could be resolved ({}).", plural(*hosts, "host")),
            format!("没有一个域名能被解析（共 {hosts} 个主机）。"),
        ),
        What::NoNetwork => text(
            "This computer has no route to any of the hosts.",
            "本机没有到任何主机的路由。",
        ),
        What::NotPermitted => text(
            "This computer forbids connections to the hosts.",
            "本机系统禁止连接这些主机。",
        ),
        What::NothingGetsThrough { failure, hosts } => {
            let (hosts_en, failure) = (plural(*hosts, "host"), failure_text(failure, now));
            text(
                format!(
                    "No handshake gets through to any of {hosts_en}; mostly: {}.",
                    failure.en
                ),
                format!("到 {hosts} 个主机的握手全部失败；多为 {}。", failure.zh),
            )
        }
        What::ClockWrong { hosts, slow } => {
            let hosts_en = plural(*hosts, "host");
            if *slow {
                text(
                    format!(
                        "Suspected: this computer's clock is slow. Certificates of {hosts_en} are not yet valid by it."
                    ),
                    format!("疑似本机时钟偏慢：按本机时钟，{hosts} 个主机的证书尚未生效。"),
                )
            } else {
                text(
                    format!(
                        "Suspected: this computer's clock is fast. Certificates of {hosts_en} have all expired by it."
                    ),
                    format!("疑似本机时钟偏快：按本机时钟，{hosts} 个主机的证书全部过期。"),
                )
            }
        }
        What::CaptivePortal { hosts, failure } => {
            let (hosts_en, failure) = (plural(*hosts, "host"), failure_text(failure, now));
            text(
                format!(
                    "Suspected: a captive portal or filter answers in place of {hosts_en} ({}).",
                    failure.en
                ),
                format!(
                    "疑似需要登录的网络或过滤设备代替 {hosts} 个主机应答（{}）。",
                    failure.zh
                ),
            )
        }
        What::Interception { hosts } => text(
            format!(
                "Suspected: TLS is intercepted. {} show a certificate that this computer doesn't trust.",
                plural(*hosts, "host")
            ),
            format!("疑似 TLS 被拦截：{hosts} 个主机的证书均不受本机信任。"),
        ),
        What::Hijack { hosts, addresses } => {
            let (hosts, addresses) = (list(hosts), list(addresses));
            text(
                format!(
                    "Suspected: the name is hijacked. What answers at {} is not {}.",
                    addresses.en, hosts.en
                ),
                format!(
                    "疑似域名被劫持：在 {} 应答的不是 {}。",
                    addresses.zh, hosts.zh
                ),
            )
        }
        What::Ipv6Broken { addresses } => text(
            format!(
                "Suspected: IPv6 is broken in this network. {} failed, IPv4 works.",
                plural_es(*addresses, "IPv6 address")
            ),
            format!("疑似本网络的 IPv6 不通：{addresses} 个 IPv6 地址全部失败，IPv4 正常。"),
        ),
        What::CertificateExpired { urls, failure }
        | What::PathWrong { urls, failure }
        | What::EndpointDown { urls, failure } => {
            let (urls, failure) = (list(urls), failure_text(failure, now));
            text(
                format!("{}: {}.", urls.en, failure.en),
                format!("{}：{}。", urls.zh, failure.zh),
            )
        }
        What::AddressDown {
            url,
            addresses,
            failure,
        } => {
            let (addresses, failure) = (list(addresses), failure_text(failure, now));
            text(
                format!("{url} works, but not at {}: {}.", addresses.en, failure.en),
                format!(
                    "{url} 可用，但其地址 {} 不通：{}。",
                    addresses.zh, failure.zh
                ),
            )
        }
        What::FailsSometimes {
            url,
            ratio,
            failure,
        } => {
            let (ratio, failure) = (percent(*ratio), failure_text(failure, now));
            text(
                format!(
                    "{url} fails now and then ({ratio}); mostly: {}.",
                    failure.en
                ),
                format!("{url} 时好时坏（失败率 {ratio}）；多为 {}。", failure.zh),
            )
        }
        What::AlternatePath { url, works } => text(
            format!("{url} is refused, but {works} works."),
            format!("{url} 被拒绝，但 {works} 可用。"),
        ),
        What::CurrentFails { url, failure, best } => {
            let failure = match failure {
                Some(failure) => failure_text(failure, now),
                None => text("it could not be tried in time", "未能及时探测"),
            };
            let better = match best {
                Some(best) => text(format!(" {best} works."), format!("{best} 可用。")),
                None => text("", ""),
            };
            text(
                format!("In use: {url} fails. {}.{}", failure.en, better.en),
                format!("使用中的 {url} 不可用：{}。{}", failure.zh, better.zh),
            )
        }
        What::CurrentSlower { url, by, best, .. } => text(
            format!(
                "In use: {url} is slower by {} than the first choice, {best}.",
                ms_unit(*by)
            ),
            format!("使用中的 {url} 比首选 {best} 慢 {}。", ms_unit(*by)),
        ),
        What::CurrentEqual { url, best } => text(
            format!("In use: {url} is not clearly different from the first choice, {best}."),
            format!("使用中的 {url} 与首选 {best} 没有明显差别。"),
        ),
        What::CurrentFirst { url } => text(
            format!("In use: {url} is the first choice."),
            format!("使用中的 {url} 就是首选。"),
        ),
        What::SourceFailed { url, why } => {
            let (url, why) = (shown(url, 200), shown(why, 200));
            text(
                format!("The endpoint list {url} could not be read: {why}."),
                format!("无法读取接入点列表 {url}：{why}。"),
            )
        }
        What::AboveThreshold {
            url,
            threshold,
            measured,
        } => text(
            format!(
                "{url} is above the threshold {threshold}: {}.",
                ms_unit(*measured)
            ),
            format!("{url} 超过阈值 {threshold}：{}。", ms_unit(*measured)),
        ),
        What::Unfinished { attempts } => text(
            format!(
                "Probing was cut off; {} did not come to an end.",
                plural_of(*attempts, "attempt")
            ),
            format!("探测被提前结束，{attempts} 次尝试未完成。"),
        ),
        What::LocallyDelayed { ratio } => text(
            format!(
                "This computer was busy: it delayed {} of the attempts by itself.",
                percent(*ratio)
            ),
            format!("本机繁忙：{} 的尝试被本机自身拖慢。", percent(*ratio)),
        ),
        What::LocalProxy { addresses } => {
            let addresses = list(addresses);
            text(
                format!(
                    "Suspected: a proxy or VPN on this computer answers for the hosts ({}). TCP connect times are its own.",
                    addresses.en
                ),
                format!(
                    "疑似本机的代理或 VPN 代替主机应答（{}），TCP 连接耗时是它的耗时。",
                    addresses.zh
                ),
            )
        }
        What::Ipv6Absent => text(
            "This network has no IPv6; IPv4 works.",
            "本网络没有 IPv6，IPv4 正常。",
        ),
        What::NonePublished { region, service } => text(
            format!("{service} in {region}: none published."),
            format!("{region} 没有公布 {service} 地址。"),
        ),
        What::Pool => text(
            "China 1 and China 2 are shown as one pool: they are interchangeable for mobile-style clients only.",
            "国内 1 区、国内 2 区合并显示：两者仅对移动端式的客户端可互换。",
        ),
        What::NotComparable => text(
            "Data centres can't be compared or swapped: an app lives in one, and an overseas one can never be left.",
            "不同数据中心之间不可比较，也不可互换：应用只在其中一个，海外集群不可迁移至其他集群。",
        ),
        What::MiniProgram => text(
            "Mini-program endpoints were measured from this computer, not inside the mini-program.",
            "小程序地址是从本机测量的，不是在小程序内测量的。",
        ),
        What::Inferred { urls } => text(
            format!(
                "{} concluded from sibling hosts: the hosts are published, port and path are not.",
                if *urls == 1 {
                    "1 URL is".to_owned()
                } else {
                    format!("{urls} URLs are")
                }
            ),
            format!("{urls} 个 URL 由同类主机推断：主机名是公开的，端口和路径没有公布。"),
        ),
    }
}

fn plural_es(count: usize, noun: &str) -> String {
    match count {
        1 => format!("The only {noun}"),
        _ => format!("All {count} {noun}es"),
    }
}

fn plural_of(count: u64, noun: &str) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), noun)
}

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
        What::Hijack { .. } => text(
            "Compare with another name server; pin a known address with --resolve HOST:PORT:ADDR.",
            "请与其他 DNS 服务器的结果比较；可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        What::Ipv6Broken { .. } => text(
            "Ask the network administrator to repair IPv6 or switch it off; -4 measures without it.",
            "请网络管理员修复或关闭 IPv6；可用 -4 只测 IPv4。",
        ),
        What::CertificateExpired { failure, .. }
        | What::PathWrong { failure, .. }
        | What::EndpointDown { failure, .. } => failure_hint(failure),
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
        What::LocallyDelayed { .. } => text(
            "Run again when this computer is idle, or with a lower --in-flight.",
            "请在本机空闲时重试，或调低 --in-flight。",
        ),
        What::LocalProxy { .. } => text(
            "Switch the proxy off to measure the network itself.",
            "如要测量网络本身，请关闭代理。",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::assert_complete;
    use super::*;
    use crate::catalog::{Region, Service};
    use crate::failure::{Failure, FailureKind};
    use crate::phase::Phase;

    fn one_of_each() -> Vec<What> {
        let failure = || Failure::new(Phase::Tls, FailureKind::CertificateExpired);
        let url = || "wss://a.example/".to_owned();
        let urls = || vec![url()];
        let by = Duration::from_millis(40);
        vec![
            What::NoNameResolved {
                hosts: 2,
                lab: false,
            },
            What::NoNameResolved {
                hosts: 2,
                lab: true,
            },
            What::NoNetwork,
            What::NotPermitted,
            What::NothingGetsThrough {
                failure: failure(),
                hosts: 3,
            },
            What::ClockWrong {
                hosts: 2,
                slow: true,
            },
            What::ClockWrong {
                hosts: 2,
                slow: false,
            },
            What::CaptivePortal {
                hosts: 2,
                failure: failure(),
            },
            What::Interception { hosts: 2 },
            What::Hijack {
                hosts: urls(),
                addresses: urls(),
            },
            What::Ipv6Broken { addresses: 1 },
            What::CertificateExpired {
                urls: urls(),
                failure: failure(),
            },
            What::PathWrong {
                urls: urls(),
                failure: failure(),
            },
            What::EndpointDown {
                urls: urls(),
                failure: failure(),
            },
            What::AddressDown {
                url: url(),
                addresses: vec!["10.0.0.1:443".parse().unwrap()],
                failure: failure(),
            },
            What::FailsSometimes {
                url: url(),
                ratio: 0.1,
                failure: failure(),
            },
            What::AlternatePath {
                url: url(),
                works: url(),
            },
            What::CurrentFails {
                url: url(),
                failure: None,
                best: None,
            },
            What::CurrentFails {
                url: url(),
                failure: Some(failure()),
                best: Some(url()),
            },
            What::CurrentFails {
                url: url(),
                failure: Some(failure()),
                best: None,
            },
            What::CurrentSlower {
                url: url(),
                by,
                much: true,
                best: url(),
            },
            What::CurrentEqual {
                url: url(),
                best: url(),
            },
            What::CurrentFirst { url: url() },
            What::SourceFailed {
                url: url(),
                why: "404".to_owned(),
            },
            What::AboveThreshold {
                url: url(),
                threshold: "p50=30ms".parse().unwrap(),
                measured: by,
            },
            What::Unfinished { attempts: 1 },
            What::LocallyDelayed { ratio: 0.5 },
            What::LocalProxy {
                addresses: vec!["198.18.0.1".parse().unwrap()],
            },
            What::Ipv6Absent,
            What::NonePublished {
                region: Region::SGP1,
                service: Service::Alipay,
            },
            What::Pool,
            What::NotComparable,
            What::MiniProgram,
            What::Inferred { urls: 2 },
        ]
    }

    #[test]
    fn every_finding_has_words_and_a_hint() {
        let all = one_of_each();
        for what in &all {
            assert_complete(&finding_text(what, SystemTime::UNIX_EPOCH), what.code());
            assert_complete(&finding_hint(what), what.code());
        }
        let covered: BTreeSet<&str> = all.iter().map(What::code).collect();
        let known: BTreeSet<&str> = What::CODES.iter().copied().collect();
        assert_eq!(covered, known);
    }

    #[test]
    fn suspicions_say_so() {
        for what in one_of_each() {
            if what.code().ends_with("_suspected") {
                let told = finding_text(&what, SystemTime::UNIX_EPOCH);
                assert!(
                    told.zh.contains("疑似") && told.en.contains("uspected"),
                    "{what:?}"
                );
            }
        }
    }
}
