//! DNS returned more addresses than are tried.

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
            "DNS returns more addresses than easelect tries (16 of each address family). Up to {most} were \
             left out, of: {}.",
            names.en
        ),
        format!(
            "DNS 返回的地址超过上限（每个地址族 16 个），最多有 {most} 个未测试，涉及：{}。",
            names.zh
        ),
    );
    let hint = match all_dead {
        true => text(
            "The addresses left out may work: try one with --resolve HOST:PORT:ADDR.",
            "未测试的地址可能可用：请用 --resolve HOST:PORT:ADDR 指定一个重测。",
        ),
        false => text(
            "So many addresses are unusual: measure again with another DNS server (--dns), and compare.",
            "返回这么多地址并不常见：请用 --dns 指定其他 DNS 服务器重测并比较。",
        ),
    };
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
