//! Some attempts fail at addresses that work.

use easelect::{AddressStats, Failure};

use super::connection_lost::is_lost;
use super::{Found, Rule, given_by};
use crate::facts::{Facts, RowFacts, alike, are_unrelated, is_silence};
use crate::figures::percent;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{fails, list, measure_elsewhere, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "fails_sometimes",
    needs: "failed attempts at addresses that also worked",
    unless: "packets are lost, or the connection was lost; the first refusal where an alternate path works",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let ready = facts.tried().filter(|row| row.is_ready());
    let flaky = ready.filter_map(|row| {
        let (failure, told) = fails_sometimes(row)?;
        // Silence where packets are lost or the network was down says nothing about the host.
        let explained = found.any(&["packets_lost", "connection_lost", "out_of_resources", "slow_link"])
            || found.explains(row);
        let excused = found.excuses(&failure) || (explained && is_lost(&failure));
        (!excused).then_some((failure, (row, told)))
    });
    let mut findings = Vec::new();
    for (failure, flaky) in alike(flaky) {
        let rows: Vec<&RowFacts<'_>> = flaky.iter().map(|(row, _)| *row).collect();
        let told: Vec<String> = flaky.iter().map(|(_, told)| told.clone()).collect();
        let (told, why) = (list(&told), fails(&failure, facts.now()));
        let told = text(
            format!("Ready, but some attempts fail: {}. They fail most often {}.", told.en, why.en),
            format!("可用，但部分尝试失败（括号内为失败率）：{}。最常见的是{}。", told.zh, why.zh),
        );
        let steady = facts.published().filter(|row| row.is_ready() && row.failures.is_empty());
        // The same symptom at unrelated hosts points to the network.
        let everywhere = are_unrelated(rows.iter().copied()) && is_silence(&failure);
        let own = given_by(&rows).is_some();
        let elsewhere = text(
            "Compare with another network.",
            "请换一个网络比较。",
        );
        let (actor, hint) = if failure.is_local() {
            (Some(Actor::You), text("Check this computer's routes, firewall and VPN.", "请检查本机的路由、防火墙和 VPN。"))
        } else if let Some((actor, _)) = given_by(&rows) {
            (Some(actor), elsewhere)
        } else if everywhere {
            (Some(Actor::NetworkAdministrator), elsewhere)
        } else if steady.count() > 0 && !found.path_in_doubt() {
            (
                Some(Actor::Easemob),
                measure_elsewhere(),
            )
        } else {
            (None, elsewhere)
        };
        let finding = RULE.finding(told).severity(Severity::Harms).actor(actor);
        let finding = match everywhere && !own {
            true => finding,
            false => finding.fault(Fault::SomeEndpointsFail),
        };
        findings.push(finding.hint_text(hint));
    }
    findings
}

/// The most frequent failure at addresses that work, and the endpoint with its ratio of failures.
fn fails_sometimes(row: &RowFacts<'_>) -> Option<(Failure, String)> {
    let working = || row.addresses().iter().filter(|one| one.successes() > 0);
    let attempts: u64 = working().map(AddressStats::attempts).sum();
    let failed: u64 = working().map(|one| one.attempts() - one.successes()).sum();
    let worst = working()
        .flat_map(AddressStats::failures)
        // The first refusal is no failure where an alternate path works.
        .filter(|one| !(one.failure.is_answer() && one.count == 1))
        .max_by_key(|one| one.count)?;
    let ratio = percent(failed as f64 / attempts as f64);
    Some((worst.failure.clone(), format!("{} ({ratio})", row.url())))
}
