//! A region doesn't have a service that was selected.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "none_published",
    needs: "a region without the service",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let missing = facts.context.notes.iter().filter_map(|note| match note {
        Note::NonePublished { region, service } => Some((region, service)),
        _ => None,
    });
    missing
        .map(|(region, service)| {
            let told = text(
                format!("No endpoint is published for {service} in {region}."),
                format!("{region} 没有公布 {service} 地址。"),
            );
            let hint = text(
                "If Easemob gave you a host, put it into a catalogue file (--catalog).",
                "如果环信提供了地址，请写入目录文件（--catalog）。",
            );
            RULE.finding(told).severity(Severity::Background).hint_text(hint)
        })
        .collect()
}
