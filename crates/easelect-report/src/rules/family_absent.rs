//! One address family is absent here, which does no harm.

use easelect::Family;

use super::family_broken::all_fail;
use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "ipv6_absent",
    needs: "addresses of one family, none with a route, of hosts that work at addresses of the other (`ipv4_absent` where it is IPv4)",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let absent = |family: &Family| matches!(all_fail(facts, *family), Some((_, true)));
    let families = [Family::V6, Family::V4].into_iter().filter(absent);
    families
        .map(|family| {
            let (code, this, other, option) = match family {
                Family::V6 => (RULE.code, "IPv6", "IPv4", "-4"),
                Family::V4 => ("ipv4_absent", "IPv4", "IPv6", "-6"),
            };
            let told = text(
                format!("This network has no {this}; {other} works."),
                format!("本网络没有 {this}，{other} 正常。"),
            );
            let hint = text(
                format!("{option} skips the {this} addresses."),
                format!("可用 {option} 跳过 {this} 地址。"),
            );
            let finding = Finding::new(code, told).severity(Severity::Background);
            finding.hint_text(hint)
        })
        .collect()
}
