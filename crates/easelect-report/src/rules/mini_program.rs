//! Mini-program endpoints were measured outside a mini-program.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "measured_outside_mini_program",
    needs: "endpoints for mini-programs",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    if facts.groups.iter().all(|group| !group.service.is_mini_program()) {
        return Vec::new();
    }
    let told = text(
        "Mini-program endpoints were measured from this computer, not inside the mini-program.",
        "小程序地址是从本机测量的，不是在小程序内测量的。",
    );
    let hint = text(
        "Inside it, the host app's network and the mini-program's list of allowed domains also apply.",
        "小程序内还受宿主应用的网络和 request/socket 合法域名配置影响。",
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
