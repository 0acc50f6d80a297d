//! The server refuses the catalogue's path, and another path works.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding};
use crate::texts::text;
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "alternate_path_works",
    needs: "an endpoint that is ready at an alternate path",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let ready = facts.tried().filter(|row| row.is_ready());
    let moved = ready.filter(|row| row.row.ranked.stats.path() != row.endpoint().path());
    moved
        .map(|row| {
            let works = row.endpoint().shown_with(row.row.ranked.stats.path());
            let url = row.url();
            let told = text(
                format!("The server refuses {url}, but {works} works."),
                format!("服务器拒绝 {url}，但 {works} 可用。"),
            );
            let hint = text(
                format!("Use {works} in the app's configuration or in a catalogue file."),
                format!("请在应用配置或目录文件中改用 {works}。"),
            );
            let finding = RULE.finding(told).actor(Actor::Developer);
            let finding = finding.fault(Fault::AllWell).hint_text(hint);
            finding.explaining([row.place])
        })
        .collect()
}
