//! Regions stand side by side in the report.

use easelect::Reference;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "data_centres_not_comparable",
    needs: "always",
    unless: "",
    find,
};

fn find(_: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let told = text(
        "Data centres can't be compared or swapped: an app lives in one, and data in an overseas one cannot be migrated.",
        "不同数据中心之间不可比较，也不可互换：应用只在其中一个，海外集群的数据不可迁移。",
    );
    let console = Reference::Console.location();
    let hint = text(
        format!("Which one an app lives in: {console}."),
        format!("查看应用所在的数据中心：{console}。"),
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
