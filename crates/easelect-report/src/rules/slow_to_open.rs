//! A first choice works, but takes seconds to open.

use std::time::Duration;

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Finding, Severity};
use crate::texts::{Text, list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "slow_to_open",
    needs: "a first choice whose connections take longer than 2 s to open (median); it only informs where the \
         first choice of another group is faster",
    unless: "packets are lost, the connection was lost, or the link is too slow for anything; this computer \
         itself caused the delay",
    find,
};

/// Users who wait longer take the app for broken.
const SLOW: Duration = Duration::from_secs(2);

/// A round trip to the other side of the world by cable takes less.
const FAR: Duration = Duration::from_millis(500);

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    if found.any(&["packets_lost", "connection_lost", "slow_link", "out_of_resources"]) {
        return Vec::new();
    }
    let mut rows = &facts.rows[..];
    let mut first = Vec::new();
    for group in facts.groups {
        let (of_group, rest) = rows.split_at(group.endpoints.len());
        rows = rest;
        // An endpoint that is not ready belongs to another finding.
        let measured = |row: &&RowFacts<'_>| {
            let stats = &row.row.ranked.stats;
            group.best().is_some() && stats.locally_delayed() * 10 <= stats.attempts()
        };
        let timed = of_group.first().filter(measured).and_then(|row| Some((row, opens_in(row)?)));
        first.extend(timed);
    }
    let slow: Vec<(&RowFacts<'_>, Duration)> =
        first.iter().copied().filter(|(_, took)| *took > SLOW).collect();
    let Some((longest, took)) = slow.iter().copied().max_by_key(|(_, took)| *took) else {
        return Vec::new();
    };
    let everywhere = slow.len() == first.len();
    let names = list(&hosts(slow.iter().map(|(row, _)| *row)).into_iter().collect::<Vec<_>>());
    let (took, round_trip) = (seconds(took), longest.round_trip());
    let by = match round_trip {
        Some(one) => {
            let ms = one.as_millis();
            text(
                format!(" (round trip: {ms} ms)"),
                format!("（往返时间 {ms} ms）"),
            )
        }
        None => text("", ""),
    };
    let told = match everywhere {
        true => text(
            format!("Usable, but slow: opening a connection takes up to {took}{}, at {}.", by.en, names.en),
            format!("可以使用，但很慢：建连耗时最长 {took}{}，涉及 {}。", by.zh, names.zh),
        ),
        false => text(
            format!(
                "Slow to open: {} takes up to {took}{}, while the first choice of another group is faster.",
                names.en, by.en
            ),
            format!("建连很慢：{} 的建连耗时最长 {took}{}，而其他组的首选地址更快。", names.zh, by.zh),
        ),
    };
    let finding = RULE.finding(told).hint_text(hint(round_trip.is_some_and(|one| one >= FAR)));
    vec![match everywhere {
        true => finding.severity(Severity::Harms).fault(Fault::SomeEndpointsFail),
        false => finding,
    }]
}

/// The hint, where the round trip is far or not.
fn hint(far: bool) -> Text {
    match far {
        true => text(
            "Such a long round trip is typical of a satellite link, a distant VPN or a congested line; even an \
             overseas data centre is nearer by cable. Compare with another network and without the VPN, and \
             give clients a longer connect timeout.",
            "这么长的往返时间常见于卫星线路、远端 VPN 或拥塞的线路；经光缆访问海外数据中心也没有这么久。请换一个网络或关闭 VPN 比较，并放宽客户端的连接超时。",
        ),
        false => text(
            "The endpoints below show which phase takes the time. Compare with another network, and give \
             clients a longer connect timeout.",
            "耗时集中在哪个阶段，见下面各接入地址的数据。请换一个网络比较，并放宽客户端的连接超时。",
        ),
    }
}

/// The median time to open a connection, without the name lookup.
fn opens_in(row: &RowFacts<'_>) -> Option<Duration> {
    Some(row.row.ranked.total()?.p50)
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
