//! More addresses were answered than are used.

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding};
use crate::texts::{list, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "addresses_left_out",
    needs: "more than 16 addresses of one family",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let left_out = |row: &RowFacts<'_>| row.row.ranked.stats.left_out();
    let crowded: Vec<&RowFacts<'_>> = facts.tried().filter(|row| left_out(row) > 0).collect();
    let Some(most) = crowded.iter().map(|row| left_out(row)).max() else {
        return Vec::new();
    };
    let all_dead = crowded.iter().any(|row| !row.is_ready());
    let names = list(&hosts(crowded.iter().copied()).into_iter().collect::<Vec<_>>());
    let told = text(
        format!(
            "More addresses are answered than are used: the first 16 of a family are, up to {most} were left out. {}.",
            names.en
        ),
        format!(
            "域名解析返回的地址过多，每个协议族只用前 16 个（最多略去 {most} 个）：{}。",
            names.zh
        ),
    );
    let hint = match all_dead {
        true => text(
            "Those left out may work: pin one with --resolve HOST:PORT:ADDR to try it.",
            "被略去的地址可能可用：可用 --resolve HOST:PORT:ADDR 指定一个试试。",
        ),
        false => text(
            "So many addresses are unusual: compare with another name server.",
            "返回这么多地址并不常见：请用 --dns 指定其他 DNS 服务器重测。",
        ),
    };
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
