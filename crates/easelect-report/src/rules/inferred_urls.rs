//! Some URLs are inferred, and were never measured on the real service.

use easelect::Confidence;

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "inferred_urls",
    needs: "endpoints whose port or path is inferred from siblings, and that are not ready",
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
        format!("{count} inferred from sibling hosts: Easemob publishes the host, but not the port and path."),
        format!("{urls} 个 URL 由同类主机推断：环信公布了主机名，但没有公布端口和路径。"),
    );
    let hint = text(
        "If such a URL is refused, ask Easemob support for its path, and put it into a catalogue file \
         (--catalog).",
        "如果这类 URL 被拒绝，请向环信技术支持询问路径，并写入目录文件（--catalog）。",
    );
    vec![RULE.finding(told).severity(Severity::Background).hint_text(hint)]
}
