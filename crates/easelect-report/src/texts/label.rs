//! Labels: phases, tiers, services, column headings, and the reason for an endpoint's place.

use std::time::SystemTime;

use easelect::{Ended, Locality, Phase, Reason, RegionInfo, Service, Tier};

use super::{Lang, Text, failure_text, text};
use crate::figures::{ms_unit, percent};

macro_rules! labels {
    ($($name:ident => $en:literal, $zh:literal;)+) => {
        /// A fixed word or line of a table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Label { $($name),+ }

        impl Label {
            #[cfg(test)]
            pub(crate) const ALL: &[Label] = &[$(Label::$name),+];
        }

        pub(crate) fn label(label: Label) -> Text {
            match label { $(Label::$name => text($en, $zh)),+ }
        }
    };
}

labels! {
    Verdict => "Verdict", "结论";
    WhoActs => "Who can act", "处理人";
    NextStep => "Next step", "下一步";
    Findings => "Findings", "发现";
    Notes => "Notes", "说明";
    FirstChoice => "First choice", "首选地址";
    NoFirstChoice => "No endpoint is ready", "没有可用的接入地址";
    InUse => "in use", "使用中";
    Listed => "in the app's list", "应用列表中";
    Endpoint => "endpoint", "接入地址";
    State => "state", "状态";
    Failed => "failed", "失败率";
    ExpectedCost => "expected\ncost", "预计耗时\n（含失败代价）";
    Median => "median", "中位数";
    Incomplete => "Incomplete: not everything was measured.", "不完整：未测完所有内容。";
    Legend => "Times are in milliseconds. Each phase is its own median, so the phases need not add up to the \
         total. Expected cost: the average time to open a connection, plus a penalty for failures. Failed: the \
         share of attempts that failed. ±, where shown: the standard deviation. The median and the expected cost \
         don't include the name lookup.",
              "时间单位为毫秒。各阶段为各自的中位数，相加不一定等于总耗时。预计耗时（含失败代价）：打开一个连接的平均耗时，计入失败的代价。失败率：失败次数与尝试次数之比。± 之后为标准差。中位数和预计耗时不含域名解析。";
    Regions => "Data centres", "数据中心";
    Endpoints => "Endpoints", "接入地址";
    WithoutHosts => "Without public hosts", "没有公开地址";
    References => "References", "参考";
    Region => "region", "数据中心";
    Editions => "for", "用途";
    Fits => "fits apps whose users are", "适合的应用";
    DataRule => "migration", "迁移限制";
    ServiceHead => "service", "服务";
    VariantHead => "variant", "类型 variant";
    ConfidenceHead => "basis", "依据";
    Named => "name or source", "名称或来源";
    Documented => "documented", "文档";
    Inferred => "inferred", "推断";
    User => "yours", "由你提供";
    Console => "An app's data centre", "应用所在的数据中心";
    Migration => "Migration from a domestic to an overseas data centre", "国内集群迁移到海外";
    Pricing => "Prices", "价格";
    TimeToOpen => "time to open", "建连耗时";
    Won => "used", "最终采用";
    NotTried => "not tried", "未探测";
    NotConnected => "no connection", "未连上";
}

/// A phase, as columns and failures name it.
pub(crate) fn phase(phase: Phase) -> Text {
    match phase {
        Phase::Resolve => text("name lookup", "域名解析"),
        Phase::Connect => text("TCP connect", "TCP 连接"),
        Phase::Proxy => text("proxy", "代理"),
        Phase::Tls => text("TLS handshake", "TLS 握手"),
        Phase::Upgrade => text("WebSocket handshake", "WebSocket 握手"),
        Phase::Processing => text("waiting for the answer", "等待应答"),
    }
}

/// A phase in one word, where room is short.
pub(crate) fn short_phase(phase: Phase) -> Text {
    match phase {
        Phase::Resolve => text("DNS", "DNS"),
        Phase::Connect => text("TCP", "TCP"),
        Phase::Proxy => text("proxy", "代理"),
        Phase::Tls => text("TLS", "TLS"),
        Phase::Upgrade => text("WebSocket", "WebSocket"),
        Phase::Processing => text("HTTP", "HTTP"),
    }
}

/// The proxy that a connection or a measurement goes through.
pub(crate) fn through(proxy: &str) -> Text {
    text(
        format!("through the proxy {proxy}"),
        format!("经代理 {proxy}"),
    )
}

pub(crate) fn tier(tier: Tier) -> Text {
    match tier {
        Tier::Ready => text("ready", "可用"),
        Tier::Answering => text("answers, not usable", "有应答但不可用"),
        Tier::Unreachable => text("unreachable", "连不上"),
    }
}

/// A service as Easemob's reference page names it: socket 3.0 in mainland China, WebSocket overseas.
pub(crate) fn service_name(service: Service, locality: Option<Locality>) -> Text {
    match (service, locality) {
        (Service::Websocket, Some(Locality::Domestic)) => {
            text("socket 3.0 (WebSocket)", "socket 3.0（WebSocket 地址）")
        }
        (Service::Websocket, _) => text("WebSocket", "WebSocket 地址"),
        (Service::Legacy, _) => text("socket 2.0 (old clients)", "socket 2.0（老版本）"),
        (Service::Rest, _) => text("RESTful API", "RESTful API 请求地址"),
        (Service::Wechat, _) => text("WeChat mini-program", "微信小程序"),
        (Service::Alipay, _) => text("Alipay mini-program", "支付宝小程序"),
        (Service::Files, _) => text("file storage", "文件服务"),
        (Service::Provisioning, _) => text("SDK server list", "SDK 的接入地址列表"),
        // The library may gain services that have no name here yet; a test makes sure that all have.
        (other, _) => text(other.as_str(), other.as_str()),
    }
}

/// A data centre's name in the language; a user's own names are shown unchanged but escaped.
pub(crate) fn region_name(info: &RegionInfo, lang: Lang) -> String {
    super::shown(
        match lang {
            Lang::En => info.name_en(),
            Lang::Zh => info.name_zh(),
        },
        60,
    )
}

/// Why an endpoint has its place.
pub(crate) fn reason_text(reason: &Reason, now: SystemTime, ended: Ended) -> Text {
    match reason {
        Reason::Fastest => text(
            "first choice in this data centre: clearly the fastest",
            "本数据中心的首选地址：明显最快",
        ),
        Reason::FastestWithinNoise => text(
            "first choice in this data centre; the next is not clearly slower",
            "本数据中心的首选地址；与下一个没有明显差别",
        ),
        Reason::OnlyReady => text(
            "first choice in this data centre: the only one that is ready",
            "本数据中心的首选地址：唯一可用",
        ),
        Reason::NoClearDifference => text(
            "no clear difference from the one before",
            "与前一个没有明显差别",
        ),
        Reason::Slower { by, phase: None } => text(
            format!("{} slower than the first choice", ms_unit(*by)),
            format!("比首选地址慢 {}", ms_unit(*by)),
        ),
        Reason::Slower { by, phase: Some(p) } => text(
            format!(
                "{} slower than the first choice, mostly in: {}",
                ms_unit(*by),
                phase(*p).en
            ),
            format!("比首选地址慢 {}，主要慢在：{}", ms_unit(*by), phase(*p).zh),
        ),
        Reason::FailsMore { failed_ratio } => text(
            format!(
                "ranked lower because {} of its attempts fail",
                percent(*failed_ratio)
            ),
            format!("失败率 {}，因此排名靠后", percent(*failed_ratio)),
        ),
        Reason::Answers(failure) | Reason::Fails(failure) => failure_text(failure, now),
        Reason::NotProbed => match ended {
            Ended::Deadline => text("not tried: the time ran out", "未探测：时间已到"),
            Ended::Stopped => text("not tried: the run was interrupted", "未探测：测量被中断"),
            Ended::Complete => text("not tried: the run ended first", "未探测：测量已结束"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_complete;
    use super::*;

    #[test]
    fn every_word_of_a_table_is_there() {
        for one in Label::ALL {
            let text = label(*one);
            assert_complete(&text, &format!("{one:?}"));
        }
        for one in Phase::ALL {
            assert_complete(&phase(one), one.as_str());
        }
        for one in [Tier::Ready, Tier::Answering, Tier::Unreachable] {
            assert_complete(&tier(one), one.as_str());
        }
        for one in Service::ALL {
            assert_complete(&service_name(*one, None), one.as_str());
        }
    }
}
