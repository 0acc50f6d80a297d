//! The mainland pool was probed as one group.

use easelect::Residency;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "mainland_pool",
    needs: "the pool of China 1 and China 2 (`mainland`)",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let pool = Residency::mainland_pool();
    if facts.groups.iter().all(|group| group.residency != pool) {
        return Vec::new();
    }
    let told = text(
        "China 1 and China 2 are shown as one pool: they are interchangeable only for clients that connect as \
         the mobile SDKs do.",
        "国内 1 区、国内 2 区合并显示：只有连接方式与移动端 SDK 相同的客户端可以互换使用。",
    );
    let hint = text(
        "For web, desktop and mini-program clients, select the app's data centre: --region cn1 or --region cn2.",
        "Web、桌面端和小程序请指定应用所在的数据中心：--region cn1 或 --region cn2。",
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
