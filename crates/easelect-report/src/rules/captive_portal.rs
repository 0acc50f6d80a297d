//! A captive portal, or a filter, answers in place of unrelated hosts.

use easelect::{Failure, FailureKind as Kind};

use super::{Found, Rule, failure_text, impostors, places, plural};
use crate::facts::{Facts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "captive_portal_suspected",
    needs: "two or more published hosts that connect, and at each of them something else answers",
    unless: "a host proved its identity; all of them only show an untrusted certificate (interception_suspected)",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let Some((rows, symptoms)) = impostors(facts, found) else {
        return Vec::new();
    };
    let other = |one: &&Failure| one.kind() != Kind::CertificateUntrusted;
    let Some(failure) = symptoms.into_iter().find(other) else {
        return Vec::new();
    };
    let count = hosts(rows.iter().copied()).len();
    let (count_en, why) = (plural(count, "host"), failure_text(failure, facts.now()));
    let told = text(
        format!(
            "Suspected: a captive portal or a filter answers in place of {count_en} (for example: {}).",
            why.en
        ),
        format!("疑似网络需要登录，或有过滤设备代替 {count} 个主机应答（例如 {}）。", why.zh),
    );
    let hint = text(
        "Open a web page in a browser and log in to the network. If no login page appears, ask the network \
         administrator. Don't trust certificates that this network shows.",
        "请用浏览器打开任意网页并登录网络；如果没有出现登录页面，请联系网络管理员。不要信任该网络出示的证书。",
    );
    let finding = RULE.finding(told).severity(Severity::Blocks);
    let finding = finding.actor(Actor::NetworkAdministrator).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}
