//! What a finding says.

use std::time::SystemTime;

use super::{Text, expires, failure_text, list, plural, shown, text};
use crate::figures::{ms_unit, percent};
use crate::finding::What;

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
        What::OutOfResources { failure } => {
            let failure = failure_text(failure, now);
            text(
                format!(
                    "This computer ran out of open files, ports or memory while measuring, so what failed says \
                     nothing of the hosts: {}.",
                    failure.en
                ),
                format!(
                    "测量时本机的文件句柄、端口或内存已用尽，失败结果不能说明主机有问题：{}。",
                    failure.zh
                ),
            )
        }
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
        What::ProxyFails {
            proxy,
            failure,
            hosts,
        } => {
            let (hosts_en, failure) = (plural(*hosts, "host"), failure_text(failure, now));
            text(
                format!(
                    "The proxy {proxy} leads to none of {hosts_en}; mostly: {}.",
                    failure.en
                ),
                format!(
                    "经代理 {proxy} 连不上任何主机（共 {hosts} 个）；多为 {}。",
                    failure.zh
                ),
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
                    "疑似域名被劫持：应答的是 {}，而不是 {}。",
                    addresses.zh, hosts.zh
                ),
            )
        }
        What::OneAddress { hosts, address } => {
            let hosts = list(hosts);
            text(
                format!(
                    "Suspected: the names are hijacked. {address} is answered for hosts that have nothing to do with \
                     each other, and none proves its identity there: {}.",
                    hosts.en
                ),
                format!(
                    "疑似域名被劫持：互不相干的主机都被解析到 {address}，且没有一个能在该地址证明身份：{}。",
                    hosts.zh
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
        What::CertificateExpiresSoon { urls, ends } => {
            let urls = list(urls);
            let expiry = expires(*ends, now)
                .unwrap_or_else(|| text("certificate has just expired", "证书刚刚过期"));
            text(
                format!("{}: {}.", urls.en, expiry.en),
                format!("{}：{}。", urls.zh, expiry.zh),
            )
        }
        What::CertificateExpired { urls, failure }
        | What::PathWrong { urls, failure }
        | What::EndpointDown { urls, failure } => {
            let (urls, failure) = (list(urls), failure_text(failure, now));
            text(
                format!("{}: {}.", urls.en, failure.en),
                format!("{}：{}。", urls.zh, failure.zh),
            )
        }
        What::AddressDown { places, failure } => {
            let (places, failure) = (list(places), failure_text(failure, now));
            text(
                format!(
                    "Ready, but with addresses that never work: {}. {}.",
                    places.en, failure.en
                ),
                format!("可用，但有的地址始终不通：{}。{}。", places.zh, failure.zh),
            )
        }
        What::FailsSometimes { urls, failure } => {
            let (urls, failure) = (list(urls), failure_text(failure, now));
            text(
                format!(
                    "Ready, but failing now and then: {}; mostly: {}.",
                    urls.en, failure.en
                ),
                format!(
                    "可用，但时好时坏（失败率）：{}；多为 {}。",
                    urls.zh, failure.zh
                ),
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
        What::CurrentPathWrong { url, works } => text(
            format!("In use: {url} is refused; {works} works."),
            format!("使用中的 {url} 被拒绝；{works} 可用。"),
        ),
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
        What::AboveThreshold { urls, threshold } => {
            let urls = list(urls);
            text(
                format!("Above the threshold {threshold}: {}.", urls.en),
                format!("超过阈值 {threshold}：{}。", urls.zh),
            )
        }
        What::Unfinished { attempts } => text(
            format!(
                "Probing was cut off; {} did not come to an end.",
                plural_of(*attempts, "attempt")
            ),
            format!("探测被提前结束，{attempts} 次尝试未完成。"),
        ),
        What::DirectLookup {
            hosts,
            outcome: Ok(addresses),
        } => {
            let (hosts, addresses) = (list(hosts), list(addresses));
            text(
                format!(
                    "This system's resolver finds no address of {}; a name server asked directly does: {}.",
                    hosts.en, addresses.en
                ),
                format!(
                    "系统解析器未能解析 {}，但直接询问 DNS 服务器得到了 {}。",
                    hosts.zh, addresses.zh
                ),
            )
        }
        What::DirectLookup {
            hosts,
            outcome: Err(failure),
        } => {
            let (hosts, failure) = (list(hosts), failure_text(failure, now));
            text(
                format!(
                    "This system's resolver finds no address of {}; what came of asking a name server directly: {}.",
                    hosts.en, failure.en
                ),
                format!(
                    "系统解析器未能解析 {}；直接询问 DNS 服务器的结果：{}。",
                    hosts.zh, failure.zh
                ),
            )
        }
        What::AddressesLeftOut { hosts, most } => {
            let hosts = list(hosts);
            text(
                format!(
                    "More addresses are answered than are used: the first 16 of a family are, up to {most} were left out. {}.",
                    hosts.en
                ),
                format!(
                    "域名解析返回的地址过多，每个协议族只用前 16 个（最多略去 {most} 个）：{}。",
                    hosts.zh
                ),
            )
        }
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
        What::ThroughProxy { proxy, hosts, past } => {
            let past = match past {
                0 => text("", ""),
                past => text(
                    format!(" Past it: {}.", plural(*past, "host")),
                    format!("另有 {past} 个主机未经代理。"),
                ),
            };
            text(
                format!(
                    "Measured through the proxy {proxy} ({}): it looks the names up, and addresses and TCP connect \
                     times are its own.{}",
                    plural(*hosts, "host"),
                    past.en
                ),
                format!(
                    "经代理 {proxy} 测量（{hosts} 个主机）：域名由代理解析，地址和 TCP 连接耗时是代理的。{}",
                    past.zh
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
            "Data centres can't be compared or swapped: an app lives in one, and data in an overseas one may not move.",
            "不同数据中心之间不可比较，也不可互换：应用只在其中一个，海外集群的数据不可迁移。",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::{assert_complete, finding_hint};
    use super::*;
    use easelect::Phase;
    use easelect::{Failure, FailureKind};
    use easelect::{Region, Service};

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
            What::OutOfResources { failure: failure() },
            What::NothingGetsThrough {
                failure: failure(),
                hosts: 3,
            },
            What::ProxyFails {
                proxy: url(),
                failure: failure(),
                hosts: 2,
            },
            What::ThroughProxy {
                proxy: url(),
                hosts: 2,
                past: 1,
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
            What::OneAddress {
                hosts: urls(),
                address: "203.0.114.1".parse().unwrap(),
            },
            What::Ipv6Broken { addresses: 1 },
            What::CertificateExpired {
                urls: urls(),
                failure: failure(),
            },
            What::CertificateExpiresSoon {
                urls: urls(),
                ends: SystemTime::UNIX_EPOCH + Duration::from_secs(5 * 86_400),
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
                places: urls(),
                failure: failure(),
            },
            What::FailsSometimes {
                urls: urls(),
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
            What::CurrentPathWrong {
                url: url(),
                works: url(),
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
                urls: urls(),
                threshold: "p50=30ms".parse().unwrap(),
            },
            What::Unfinished { attempts: 1 },
            What::DirectLookup {
                hosts: urls(),
                outcome: Err(failure()),
            },
            What::DirectLookup {
                hosts: urls(),
                outcome: Ok(vec!["203.0.114.1".parse().unwrap()]),
            },
            What::AddressesLeftOut {
                hosts: urls(),
                most: 48,
            },
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
