//! There is no IPv6 here; nothing is lost by that.

use super::ipv6_broken::all_fail;
use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "ipv6_absent",
    needs: "IPv6 addresses of hosts whose IPv4 addresses work, none with a route",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    match all_fail(facts) {
        Some((_, true)) => {
            let told = text("This network has no IPv6; IPv4 works.", "本网络没有 IPv6，IPv4 正常。");
            let hint = text("-4 leaves the IPv6 addresses out.", "可用 -4 跳过 IPv6 地址。");
            vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
        }
        _ => Vec::new(),
    }
}
