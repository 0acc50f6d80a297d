//! Where an endpoint leads, at which path it answers, and which certificate it shows.

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
        format!("Answers at another path: {before} → {after}."),
        format!("应答的路径不同：{before} → {after}。"),
    );
    found.push_other("path", told, [Some(before), Some(after)]);
}

/// Its addresses, if it has others only. Name servers answer a part of many in turn: where some are the same,
/// or not all were told, nothing follows.
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
        text("Leads to other addresses", "解析到的地址不同"),
        [in_a, in_b],
        found,
    );
}

/// What it shows now, all of which is other than before.
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
                    "In B its certificate ends at {by}, which only this computer trusts: TLS is inspected."
                ),
                format!("B 中证书由仅受本机信任的 {by} 签发：HTTPS 流量被解密。"),
            ),
            _ => {
                let by = by_a.clone().unwrap_or_default();
                text(
                    format!("TLS is no longer inspected; in A it was, by {by}."),
                    format!("HTTPS 流量不再被解密（A 中由 {by} 解密）。"),
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
        let label = text("Its certificate has another issuer", "证书签发者不同");
        others("certificate_issuer", label, [issuers_a, issuers_b], found);
    } else if dates_a.is_disjoint(&dates_b) {
        let label = text(
            "Another certificate of the same issuer, valid",
            "更换了证书（签发者相同），有效期",
        );
        others("certificate", label, [dates_a, dates_b], found);
    }
}

/// The day of a moment.
fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}
