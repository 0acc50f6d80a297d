//! The proxy leads to no host.

use easelect::{Failure, Phase};

use super::{Found, Rule, failure_hint, places, plural, who_mends_proxy};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Finding, Severity};
use crate::texts::{fails, text};

pub(super) const RULE: Rule = Rule {
    code: "proxy_fails",
    needs: "a proxy, and every failure of an attempt through it on the way to the proxy or in the proxy's own \
         answer",
    unless: "anything worked",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let Some(proxy) = &facts.context.environment.proxy else {
        return Vec::new();
    };
    let behind: Vec<&RowFacts<'_>> = facts.tried().filter(|row| row.proxied).collect();
    let all: Vec<&Failure> = behind.iter().flat_map(|row| &row.failures).collect();
    let its_own = |one: &&Failure| matches!(one.phase(), Phase::Resolve | Phase::Proxy);
    let judged = all.iter().copied().filter(|one| !one.is_local());
    // That the proxy's name lacks an address of one family says less.
    let Some(failure) = judged.max_by_key(|one| one.phase()) else {
        return Vec::new();
    };
    if facts.works() || !all.iter().all(its_own) || found.excuses(failure) {
        return Vec::new();
    }
    let count = hosts(behind.iter().copied()).len();
    let (count_en, told) = (plural(count, "host"), fails(failure, facts.now()));
    let told = text(
        format!("No host can be reached through the proxy {proxy} ({count_en} tried). For example, an attempt \
             fails {}.", told.en),
        format!("经代理 {proxy} 连不上任何主机（共 {count} 个），例如{}。", told.zh),
    );
    let actor = who_mends_proxy(failure);
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(actor);
    let hint = failure_hint(failure, facts, false);
    vec![finding.hint_text(hint).explaining(places(&behind))]
}
