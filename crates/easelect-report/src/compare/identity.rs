//! Changes in an endpoint's addresses, path and certificate.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::super::model::EndpointModel;
use super::super::texts::{Text, list, shown, text};
use super::EndpointComparison;

pub(super) fn path(a: &EndpointModel, b: &EndpointModel, found: &mut EndpointComparison) {
    if a.url == b.url {
        return;
    }
    let [before, after] = [a, b].map(|one| shown(&one.url, 300));
    let told = text(
        format!("Answers at a different path: {before} → {after}."),
        format!("可用的路径不同：{before} → {after}。"),
    );
    found.push_other("path", told, [Some(before), Some(after)]);
}

/// A change of addresses, if the two reports have none in common. DNS servers rotate through long lists of
/// addresses, so an overlap or an incomplete list proves nothing.
pub(super) fn addresses(a: &EndpointModel, b: &EndpointModel, found: &mut EndpointComparison) {
    let of = |one: &EndpointModel| -> BTreeSet<String> {
        let ip = |address: &str| match address.parse::<SocketAddr>() {
            Ok(address) => address.ip().to_string(),
            Err(_) => shown(address, 60),
        };
        one.addresses.iter().map(|one| ip(&one.address)).collect()
    };
    let (in_a, in_b) = (of(a), of(b));
    let in_part = a.addresses_left_out > 0 || b.addresses_left_out > 0;
    if in_a.is_empty() || in_b.is_empty() || in_part || !in_a.is_disjoint(&in_b) {
        return;
    }
    others(
        "addresses",
        text("Resolves to different addresses", "解析到的地址不同"),
        [in_a, in_b],
        found,
    );
}

/// A change from one set of values to a disjoint one.
fn others(
    code: &'static str,
    label: Text,
    sets: [BTreeSet<String>; 2],
    found: &mut EndpointComparison,
) {
    let [before, after] = sets.map(|set| list(&set.into_iter().collect::<Vec<_>>()));
    let told = text(
        format!("{}: {} → {}.", label.en, before.en, after.en),
        format!("{}：{} → {}。", label.zh, before.zh, after.zh),
    );
    let words = [before, after].map(|one| Some(one.en.into_owned()));
    found.push_other(code, told, words);
}

pub(super) fn certificates(a: &EndpointModel, b: &EndpointModel, found: &mut EndpointComparison) {
    let inspector = |one: &EndpointModel| one.inspected_by.as_deref().map(|by| shown(by, 100));
    let (by_a, by_b) = (inspector(a), inspector(b));
    if by_a != by_b {
        let told = match (&by_a, &by_b) {
            (_, Some(by)) => text(
                format!(
                    "In B, the certificate is signed by {by}, which only the measuring computer trusts: HTTPS \
                     traffic is being decrypted."
                ),
                format!(
                    "B 中，证书由 {by} 签发，只有测量所用的电脑信任它：有设备或软件在解密 HTTPS 流量。"
                ),
            ),
            _ => {
                let by = by_a.clone().unwrap_or_default();
                text(
                    format!("HTTPS traffic is no longer decrypted; in A, {by} decrypted it."),
                    format!("B 中 HTTPS 流量未被解密（A 中由 {by} 解密）。"),
                )
            }
        };
        found.push_other("inspection", told, [by_a, by_b]);
        return;
    }
    let of = |one: &EndpointModel| -> (BTreeSet<String>, BTreeSet<String>) {
        let shown_there = one
            .addresses
            .iter()
            .filter_map(|one| one.certificate.as_ref());
        let dates =
            |from: &str, to: &str| format!("{} – {}", shown(day(from), 20), shown(day(to), 20));
        shown_there
            .map(|one| {
                (
                    shown(&one.issuer, 100),
                    dates(&one.not_before, &one.not_after),
                )
            })
            .unzip()
    };
    let ((issuers_a, dates_a), (issuers_b, dates_b)) = (of(a), of(b));
    if issuers_a.is_empty() || issuers_b.is_empty() {
        return;
    }
    if issuers_a.is_disjoint(&issuers_b) {
        let label = text("Different certificate issuer", "证书签发者不同");
        others("certificate_issuer", label, [issuers_a, issuers_b], found);
    } else if dates_a.is_disjoint(&dates_b) {
        let label = text(
            "New certificate from the same issuer, valid",
            "更换了证书（签发者相同），有效期",
        );
        others("certificate", label, [dates_a, dates_b], found);
    }
}

/// The date of an RFC 3339 time.
fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}
