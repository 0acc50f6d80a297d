//! Error codes of the Web SDK from version 5: `SDKError.code`.

use super::entry::Evidence::Reported;
use super::entry::Layer::{List, Network};
use super::entry::{Entry, Family, Source, entry, range, source};
use crate::sdk::Sdk;

/// No page lists the codes; the guide says only that errors carry one.
const GUIDE: Source = source(
    "https://doc.easemob.com/document/web/migration_guide.html",
    "5.0",
    Reported,
);

pub(crate) const FAMILY: Family = Family {
    sdks: &[Sdk::Web5],
    entries: ENTRIES,
    ranges: &[range(
        300,
        399,
        "servers and network, as in the native SDKs",
        "服务端与网络（与原生 SDK 相同）",
    )],
};

const ENTRIES: &[Entry] = &[
    entry("300", "", Network)
        .means(
            "The WebSocket could not be opened, or its connection was lost.",
            "WebSocket 未能建立，或已断开。",
        )
        .from(GUIDE),
    entry("301", "", Network)
        .means(
            "A timeout: opening the WebSocket or logging in took more than 10 seconds, or a request \
             took too long.",
            "超时：建立 WebSocket 或登录超过 10 秒，或某个请求超时。",
        )
        .from(GUIDE),
    entry("304", "", List)
        .means(
            "The SDK could not fetch its server list (server.json).",
            "SDK 未能获取接入地址列表（server.json）。",
        )
        .act(
            "Check that https://rs.easemob.com can be reached from this network, or configure your own \
             list (serviceConfig.dnsConfigUrls) or pinned addresses (serviceConfig.serverUrls).",
            "请确认当前网络能访问 https://rs.easemob.com，或为 SDK 配置自己的列表\
             （serviceConfig.dnsConfigUrls）或固定地址（serviceConfig.serverUrls）。",
        )
        .from(GUIDE),
];
