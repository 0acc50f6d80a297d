//! The words that only the HTML report has.

use std::time::Duration;

use easelect::Phase;

use crate::figures::ms;
use crate::finding::Actor;
use crate::texts::{Lang, Text, phase, plural, text, who_acts};
use crate::verdict::Fault;

macro_rules! words {
    ($($name:ident => $en:literal, $zh:literal;)+) => {
        /// A fixed word or line of the page.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Word { $($name),+ }

        impl Word {
            #[cfg(test)]
            const ALL: &[Word] = &[$(Word::$name),+];

            pub(super) fn of(self, lang: Lang) -> String {
                self.text().of(lang)
            }

            fn text(self) -> Text {
                match self { $(Word::$name => text($en, $zh)),+ }
            }
        }
    };
}

words! {
    Title => "Easemob connection report", "环信连接诊断报告";
    Simulated => "Simulated network. None of these figures are from the real network or from Easemob's \
         servers. Scenario:",
        "模拟网络：所有数据都来自模拟，不反映真实网络和环信服务器。场景：";
    When => "Measured", "测量时间";
    Where => "Measured from", "测量环境";
    DataCentres => "Data centres", "数据中心";
    Note => "Note", "备注";
    Overview => "First choices", "首选地址一览";
    DataCentreAndService => "Data centre and service", "数据中心与服务";
    FirstChoice => "First choice", "首选地址";
    Median => "Median", "中位数";
    Lead => "Ahead by", "领先";
    Deviates => "Deviations", "异常";
    NoFindings => "Nothing to report.", "没有发现异常。";
    Blocks => "blocks a service", "服务不可用";
    SomeFail => "some endpoints fail", "部分地址异常";
    Harms => "not everything works", "可用但有异常";
    Informs => "worth knowing", "提示";
    AllEndpoints => "All affected endpoints", "涉及的全部接入地址";
    Measurements => "Measurements", "测量结果";
    SecondSource => "Easemob's reference page does not list these hosts; another source does. Their failures don't count as faults.",
        "环信的数据中心文档没有列出这些地址，它们来自其他来源；连接失败不算故障。";
    NoAttempts => "no attempt", "未尝试";
    Addresses => "Addresses and failures in detail", "IP 地址与失败详情";
    Address => "Address", "IP 地址";
    Attempts => "Failed", "失败";
    AfterUpgrade => "The WebSocket was closed as soon as it was open", "WebSocket 建立后立即断开";
    ServerSaid => "Original message", "原始信息";
    AnsweredBy => "Answer's headers", "应答头部";
    Body => "Start of the answer", "应答开头";
    Lookups => "DNS servers asked directly", "直接查询 DNS 服务器";
    Host => "Host", "域名";
    Server => "DNS server", "DNS 服务器";
    Answer => "Answer", "应答";
    Second => "a second, different answer: one of the two is forged", "另有不同的第二个应答：其中一个是伪造的";
    Environment => "Environment", "环境";
    System => "System", "系统";
    Network => "Network", "网络";
    NetworkChanged => "changed during the measurement", "测量期间发生变化";
    PublicV4 => "public IPv4", "公网 IPv4";
    PrivateV4 => "private IPv4", "私有 IPv4";
    PublicV6 => "public IPv6", "公网 IPv6";
    PrivateV6 => "private IPv6", "私有 IPv6";
    Interface => "Interface", "网络接口";
    NameServers => "System DNS servers", "系统 DNS 服务器";
    AskedInstead => "DNS server chosen", "指定的 DNS 服务器";
    Nat64 => "NAT64 prefix", "NAT64 前缀";
    FamiliesTried => "IP versions tried", "测试的 IP 版本";
    FamiliesWorking => "IP versions that work", "可用的 IP 版本";
    None => "none", "无";
    Proxy => "Proxy", "代理";
    ProxyVariables => "Proxy variables set", "已设置的代理变量";
    SystemProxies => "System proxy settings", "系统代理设置";
    Pinned => "Hosts pinned to addresses", "指定了 IP 地址的域名";
    Roots => "Root certificates on this system", "系统根证书数量";
    Cacert => "Additional trusted certificates", "额外信任的证书";
    Yes => "yes", "是";
    Rounds => "Attempts per address", "每个 IP 地址的尝试次数";
    Timeout => "Timeout of an attempt", "单次尝试时限";
    Deadline => "Deadline of the run", "总时限";
    InFlight => "Concurrent attempts", "并发尝试数";
    HowToRead => "How to read this report", "如何阅读本报告";
    ReadBar => "Each bar shows the phases of opening a connection, one after the other, each as its median. \
         All bars of a group share one scale, shown above them in milliseconds. A red line begins in the phase \
         in which an endpoint fails.",
        "横条依次表示建立连接的各个阶段，长度为该阶段的中位数。同一组的横条使用同一刻度，单位为毫秒，标在横条上方。红线从失败的阶段开始。";
    ReadDots => "Each dot below a bar is one attempt, from the first (top) to the last (bottom), measured from \
         the end of the name lookup. A triangle is an attempt that took longer than the scale shows; a red \
         cross is a failed attempt.",
        "横条下方每个圆点是一次尝试，从上到下按先后排列，从域名解析结束处起算。三角形表示耗时超出刻度，红叉表示失败。";
    ReadAgain => "This file contains the whole measurement as JSON, which easelect compare reads.",
        "本文件包含完整的 JSON 测量数据，可用 easelect compare 读取。";
    MeasuredWith => "Measured with", "测量工具：";
}

/// Milliseconds as shown, without the unit.
pub(super) fn told(millis: f64) -> String {
    let seconds = (millis / 1000.0).max(0.0);
    ms(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// The phase with this identifier.
pub(super) fn phase_of(id: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|one| one.as_str() == id)
}

/// Who can act, by the identifier.
pub(super) fn actor(id: &str) -> Option<Text> {
    let all = [
        Actor::You,
        Actor::NetworkAdministrator,
        Actor::Easemob,
        Actor::Developer,
    ];
    let found = all.into_iter().find(|one| one.as_str() == id)?;
    Some(who_acts(Fault::Unclear, Some(found)))
}

/// The number of attempts, or of those that failed.
pub(super) fn attempts(failed: u64, attempts: u64) -> Text {
    match failed {
        0 => text(plural_of(attempts, "attempt"), format!("{attempts} 次尝试")),
        _ => text(
            format!("{failed} of {attempts} failed"),
            format!("失败 {failed}/{attempts}"),
        ),
    }
}

pub(super) fn failure_times(count: u64, message: &str) -> Text {
    text(
        format!("{}: {message}", plural_of(count, "failure")),
        format!("失败 {count} 次：{message}"),
    )
}

pub(super) fn unfinished(count: u64) -> Text {
    text(
        format!(
            "{} not completed when the run ended",
            plural_of(count, "attempt")
        ),
        format!("测量结束时，{count} 次尝试未完成"),
    )
}

pub(super) fn left_out(count: usize) -> Text {
    text(
        format!("{count} more not used"),
        format!("另有 {count} 个未使用"),
    )
}

pub(super) fn inspected(issuer: &str) -> Text {
    text(
        format!("verified through {issuer}, which is not a public root"),
        format!("由非公共根证书 {issuer} 验证"),
    )
}

/// The phases and their medians in words.
pub(super) fn bar(medians: &[(Phase, f64)], fails: Option<&str>) -> Text {
    let told = |name: fn(Text) -> String| -> Vec<String> {
        let medians = medians.iter();
        medians
            .map(|(one, took)| format!("{} {} ms", name(phase(*one)), told(*took)))
            .collect()
    };
    let (mut en, mut zh) = (told(|one| one.en.into()), told(|one| one.zh.into()));
    if let Some(message) = fails {
        en.push(format!("then it fails: {message}"));
        zh.push(format!("随后失败：{message}"));
    }
    if en.is_empty() {
        return Word::NoAttempts.text();
    }
    text(en.join(", "), zh.join("，"))
}

/// Single attempts in words: the fastest and the slowest in milliseconds, and the number of failures.
pub(super) fn dots(good: usize, range: Option<(f64, f64)>, failed: usize) -> Text {
    let attempts = good + failed;
    let mut en = plural(attempts, "single attempt");
    let mut zh = format!("{attempts} 次尝试");
    if let Some((least, most)) = range {
        let (least, most) = (told(least), told(most));
        en += &format!(", {good} succeeded in {least} to {most} ms");
        zh += &format!("，成功 {good} 次，耗时 {least}–{most} ms");
    }
    if failed > 0 {
        en += &format!(", {failed} failed");
        zh += &format!("，失败 {failed} 次");
    }
    text(en, zh)
}

fn plural_of(count: u64, noun: &str) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), noun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::assert_complete;

    #[test]
    fn every_word_of_the_page_is_there() {
        for one in Word::ALL {
            assert_complete(&one.text(), &format!("{one:?}"));
        }
    }

    #[test]
    fn any_figure_is_told() {
        assert_eq!(told(12.34), "12.3");
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
            assert!(!told(odd).is_empty());
        }
    }

    #[test]
    fn charts_have_words() {
        let medians = [(Phase::Connect, 20.0), (Phase::Tls, 21.5)];
        assert_eq!(
            bar(&medians, Some("refused")).en,
            "TCP connect 20.0 ms, TLS handshake 21.5 ms, then it fails: refused"
        );
        assert_eq!(
            dots(2, Some((20.0, 131.0)), 1).zh,
            "3 次尝试，成功 2 次，耗时 20.0–131 ms，失败 1 次"
        );
        assert_eq!(
            dots(1, Some((5.0, 5.0)), 0).en,
            "1 single attempt, 1 succeeded in 5.0 to 5.0 ms"
        );
    }
}
