//! The 44 hosts on Easemob's page about data centres.
//!
//! The page has no ports or paths. Those here are the best known ones, each with its confidence. None of
//! these URLs was tried on the real service.

use std::borrow::Cow;

use super::endpoint::{Confidence, Endpoint, Service};
use super::region::{Locality, Region, RegionInfo};

/// The host's name below both domains, with the confidence in the URL below each.
struct Row(Region, Service, &'static str, [Confidence; 2]);

const D: Confidence = Confidence::Documented;
const I: Confidence = Confidence::Inferred;

use Service::{Alipay, Legacy, Rest, Websocket, Wechat};

const ROWS: [Row; 22] = [
    Row(Region::CN1, Websocket, "im-api-v2", [I, I]),
    Row(Region::CN2, Websocket, "im-api-v2-31", [I, I]),
    Row(Region::SGP1, Websocket, "im-api-sgp-v2", [I, I]),
    Row(Region::SGP2, Websocket, "msync-api-61", [I, I]),
    Row(Region::US1, Websocket, "msync-api-41", [I, I]),
    Row(Region::DE2, Websocket, "msync-api-71", [I, I]),
    Row(Region::CN1, Legacy, "im-api", [D, I]),
    Row(Region::CN2, Legacy, "im-api-31", [I, I]),
    Row(Region::CN1, Rest, "a1", [D, D]),
    Row(Region::CN2, Rest, "a31", [I, I]),
    Row(Region::SGP1, Rest, "a1-sgp", [D, D]),
    Row(Region::SGP2, Rest, "a61", [D, D]),
    Row(Region::US1, Rest, "a41", [D, D]),
    Row(Region::DE2, Rest, "a71", [D, D]),
    Row(Region::CN1, Wechat, "im-api-wechat", [D, D]),
    Row(Region::CN2, Wechat, "im-api-wechat-31", [I, I]),
    Row(Region::SGP1, Wechat, "im-api-wechat-sgp", [D, D]),
    Row(Region::SGP2, Wechat, "im-api-wechat-61", [D, D]),
    Row(Region::US1, Wechat, "im-api-wechat-41", [D, D]),
    Row(Region::DE2, Wechat, "im-api-wechat-71", [D, D]),
    Row(Region::CN1, Alipay, "im-api-alipay", [D, D]),
    Row(Region::CN2, Alipay, "im-api-alipay-31", [D, I]),
];

/// The path of each service, and an alternate to try where the first is only inferred.
const fn paths(service: Service) -> (&'static str, Option<&'static str>) {
    match service {
        // Current SDKs use WebSocket at /websocket; SDKs up to 4.8 used SockJS below /ws.
        Service::Websocket => ("/websocket", Some("/ws/websocket")),
        Service::Legacy => ("/ws/", None),
        Service::Rest | Service::Files | Service::Provisioning => ("/", None),
        Service::Wechat | Service::Alipay => ("/websocket", None),
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = Vec::with_capacity(2 * ROWS.len());
    for Row(region, service, name, confidences) in ROWS {
        let (path, alternate) = paths(service);
        let scheme = service.scheme();
        for (domain, confidence) in ["easemob.com", "easecdn.com"].into_iter().zip(confidences) {
            let url = format!("{scheme}://{name}.{domain}{path}");
            let endpoint = Endpoint::new(region.clone(), service, &url)
                .expect("the table's names are well-formed: a test builds them all")
                .with_confidence(confidence);
            endpoints.push(match alternate {
                Some(path) if confidence == Confidence::Inferred => endpoint.with_alternate(path),
                _ => endpoint,
            });
        }
    }
    endpoints
}

pub(super) fn regions() -> Vec<RegionInfo> {
    const STANDARD: (&str, &str) = (
        "Community, Enterprise, Flagship, Free and Professional editions",
        "环信 IM 社区版、企业版、旗舰版、免费版和专业版",
    );
    const VIP: (&str, &str) = (
        "Premium edition, and customers who bought the VIP cluster service",
        "尊享版，以及单独购买 VIP 集群服务的客户",
    );
    const OVERSEAS: (&str, &str) = ("Easemob's overseas customers", "环信海外客户");
    [
        (
            Region::CN1,
            "China 1",
            "国内 1 区",
            Locality::Domestic,
            STANDARD,
        ),
        (
            Region::CN2,
            "China 2",
            "国内 2 区",
            Locality::Domestic,
            STANDARD,
        ),
        (
            Region::CN_VIP,
            "China VIP",
            "国内 VIP 区",
            Locality::Domestic,
            VIP,
        ),
        (
            Region::SGP1,
            "Singapore 1",
            "新加坡 1 区",
            Locality::Overseas,
            OVERSEAS,
        ),
        (
            Region::SGP2,
            "Singapore 2",
            "新加坡 2 区",
            Locality::Overseas,
            OVERSEAS,
        ),
        (
            Region::US1,
            "US East 1",
            "美东 1 区",
            Locality::Overseas,
            OVERSEAS,
        ),
        (
            Region::DE2,
            "Germany 2",
            "德国 2 区",
            Locality::Overseas,
            OVERSEAS,
        ),
    ]
    .into_iter()
    .map(
        |(region, name_en, name_zh, locality, editions)| RegionInfo {
            public_hosts: region != Region::CN_VIP,
            region,
            name_en: Cow::Borrowed(name_en),
            name_zh: Cow::Borrowed(name_zh),
            locality,
            editions_en: Cow::Borrowed(editions.0),
            editions_zh: Cow::Borrowed(editions.1),
        },
    )
    .collect()
}
