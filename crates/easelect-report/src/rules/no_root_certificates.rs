//! This computer has no root certificates to verify with.

use easelect::FailureKind as Kind;

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "no_root_certificates",
    needs: "an empty certificate store, and a certificate refused as untrusted",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let untrusted = |row: &&RowFacts<'_>| {
        let mut failures = row.failures.iter();
        failures.any(|one| one.kind() == Kind::CertificateUntrusted)
    };
    let rows: Vec<&RowFacts<'_>> = facts.rows.iter().filter(untrusted).collect();
    if facts.context.environment.roots != Some(0) || rows.is_empty() {
        return Vec::new();
    }
    let told = text(
        "This computer's certificate store is empty, so no public host can be verified.",
        "本机的证书库为空，无法验证任何公网主机。",
    );
    let hint = text(
        "Install the system's root certificates (the ca-certificates package), then run again.",
        "请安装系统根证书（ca-certificates 软件包），然后重测。",
    );
    let finding = RULE.finding(told).actor(Actor::You).blocking(any_blocks(&rows));
    vec![finding.hint_text(hint).explaining(places(&rows))]
}
