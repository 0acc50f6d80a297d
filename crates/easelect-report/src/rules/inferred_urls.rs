//! Some URLs were never measured on the real service.

use easelect::Confidence;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "inferred_urls",
    needs: "endpoints whose port or path is concluded from siblings, and that are not ready",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let inferred = facts.rows.iter().filter(|row| {
        row.endpoint().confidence() == Confidence::Inferred && !row.is_ready()
    });
    let urls = inferred.count();
    if urls == 0 {
        return Vec::new();
    }
    let count = match urls {
        1 => "1 URL is".to_owned(),
        _ => format!("{urls} URLs are"),
    };
    let told = text(
        format!("{count} concluded from sibling hosts: the hosts are published, port and path are not."),
        format!("{urls} 个 URL 由同类主机推断：主机名是公开的，端口和路径没有公布。"),
    );
    let hint = text(
        "If such a URL is refused, ask Easemob support for its path and give it in a catalogue file (--catalog).",
        "如果这类 URL 被拒绝，请向环信技术支持询问路径，并写入目录文件（--catalog）。",
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
