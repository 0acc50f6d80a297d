//! This computer was busy during the measurement.

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::figures::percent;
use crate::finding::{Actor, Finding};
use crate::texts::text;
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "locally_delayed",
    needs: "more than one in ten attempts delayed by this computer itself",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let sum = |figure: fn(&RowFacts<'_>) -> u64| facts.rows.iter().map(figure).sum::<u64>();
    let attempts = sum(|row| row.row.ranked.stats.attempts());
    let delayed = sum(|row| row.row.ranked.stats.locally_delayed());
    // Any busy desktop delays one in ten.
    if delayed * 10 <= attempts {
        return Vec::new();
    }
    let ratio = percent(delayed as f64 / attempts as f64);
    let told = text(
        format!("This computer was busy and delayed {ratio} of the attempts."),
        format!("本机繁忙，拖慢了 {ratio} 的尝试。"),
    );
    let hint = text(
        "Run again when this computer is idle, or with a lower --in-flight.",
        "请在本机空闲时重测，或调低 --in-flight。",
    );
    let finding = RULE.finding(told).actor(Actor::You);
    vec![finding.fault(Fault::AllWell).hint_text(hint)]
}
