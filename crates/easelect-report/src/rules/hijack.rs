//! Published hosts whose name leads to something that is not them.

use std::collections::BTreeSet;

use easelect::{FailureKind as Kind, is_local};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts, is_impostor};
use crate::finding::{Actor, Finding};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "hijack_suspected",
    needs: "a published host that never proved its identity, and at its address something else answers, or the address is one of this network's own or impossible",
    unless: "the host proved its identity at any address; it is pinned, behind a proxy, or of the lab",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let mut rows: Vec<&RowFacts<'_>> = Vec::new();
    let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for row in facts.published() {
        if row.proxied || row.is_verified() || found.explains(row) {
            continue;
        }
        let misled = misled_to(row, facts.lab());
        if !misled.is_empty() {
            rows.push(row);
            names.insert(row.host());
            addresses.extend(misled);
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let whose = match names.len() {
        1 => "the name is",
        _ => "names are",
    };
    let names = list(&names.into_iter().collect::<Vec<_>>());
    let addresses = list(&addresses.into_iter().collect::<Vec<_>>());
    let told = text(
        format!(
            "Suspected: {whose} hijacked. What answers at {} is not {}.",
            addresses.en, names.en
        ),
        format!("疑似域名被劫持：在 {} 应答的不是 {}。", addresses.zh, names.zh),
    );
    let hint = match facts.may_ask_elsewhere() {
        false => text(
            "Compare with another name server; pin a known address with --resolve HOST:PORT:ADDR.",
            "请与其他 DNS 服务器的结果比较；可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
        true => text(
            "Look into this computer's hosts file, and compare with another name server (--dns ADDR); pin a known \
             address with --resolve HOST:PORT:ADDR.",
            "请查看本机的 hosts 文件，并用 --dns ADDR 与其他 DNS 服务器的结果比较；可用 --resolve HOST:PORT:ADDR 指定已知地址。",
        ),
    };
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.of_endpoints(any_blocks(&rows)).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}

/// The addresses at which something else is.
fn misled_to(row: &RowFacts<'_>, lab: bool) -> Vec<String> {
    let mut addresses = Vec::new();
    for one in row.addresses() {
        let mut failures = one.failures().iter();
        let impostor = failures.any(|count| is_impostor(&count.failure, row.host()));
        // What this computer keeps from being asked says nothing of who is there.
        let asked = !one.failures().iter().all(|count| count.failure.is_local());
        let local = !lab && asked && is_local(one.address().ip());
        if impostor || local {
            addresses.push(one.address().ip().to_string());
        }
    }
    for failure in &row.failures {
        if failure.kind() == Kind::BogusAddress {
            addresses.push(shown(failure.message().unwrap_or("?"), 60));
        }
    }
    addresses
}
