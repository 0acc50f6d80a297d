//! Regions appear side by side in the report, and can't be compared.

use easelect::{Reference, Residency};

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "data_centres_not_comparable",
    needs: "two or more data centres",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let residencies: Vec<&Residency> = facts.groups.iter().map(|group| &group.residency).collect();
    if residencies.windows(2).all(|two| two[0] == two[1]) {
        return Vec::new();
    }
    let told = text(
        "Data centres can't be compared or swapped: an app lives in exactly one, and data in an overseas data \
         centre cannot be migrated.",
        "不同数据中心之间不可比较，也不可互换：一个应用只属于一个数据中心，海外数据中心的数据不可迁移。",
    );
    let console = Reference::Console.location();
    let hint = text(
        format!("Where to find the app's data centre: {console}."),
        format!("查看应用所在的数据中心：{console}。"),
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
