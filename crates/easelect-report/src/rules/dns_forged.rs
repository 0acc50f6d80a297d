//! One DNS query got two different answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "dns_forged",
    needs: "a second answer to one query that differs from the first",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let lookups = facts.context.direct_lookups.iter();
    let forged: Vec<_> = lookups.filter(|one| one.second_answer.is_some()).collect();
    if forged.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&str> = forged.iter().map(|one| one.host.as_str()).collect();
    let first: BTreeSet<IpAddr> = forged
        .iter()
        .flat_map(|one| one.outcome.iter().flatten().copied())
        .collect();
    let names_list = list(&names.iter().collect::<Vec<_>>());
    let first = list(&first.into_iter().collect::<Vec<_>>());
    let (first_en, first_zh) = match first.en.is_empty() {
        true => (String::new(), String::new()),
        false => (
            format!(" The first answer is {}.", first.en),
            format!("先到的应答是 {}。", first.zh),
        ),
    };
    let told = text(
        format!(
            "DNS answers are forged on the way: one query for {} got two different answers.{first_en}",
            names_list.en
        ),
        format!(
            "DNS 应答在途中被伪造：对 {} 的一次查询收到两个不同的应答。{first_zh}",
            names_list.zh
        ),
    );
    let hint = text(
        "Use encrypted DNS (DNS over TLS or HTTPS) or HTTPDNS, or ask the network administrator.",
        "请改用加密 DNS（DoT、DoH）或 HTTPDNS，或联系网络管理员。",
    );
    let hit = |row: &&RowFacts<'_>| names.contains(row.host()) && !row.is_verified();
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(hit).collect();
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.blocking(any_blocks(&rows)).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}
