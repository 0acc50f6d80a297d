//! This computer ran out of files, threads or memory, so failures say nothing about the hosts.

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{fails, text};

pub(super) const RULE: Rule = Rule {
    code: "out_of_resources",
    needs: "a failure because this system had no more open files, threads or memory",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let all = facts.rows.iter().flat_map(|row| &row.failures);
    let mut exhausted = all.filter(|one| one.kind() == Kind::OutOfResources);
    let Some(failure) = exhausted.next() else {
        return Vec::new();
    };
    let hint = match failure.phase() {
        Phase::Resolve => text(
            "DNS servers that don't answer keep this computer's lookup threads busy: check the network's DNS, \
             or choose another DNS server with --dns.",
            "无应答的 DNS 服务器占满了本机的解析线程：请检查网络的 DNS 设置，或用 --dns 指定其他 DNS 服务器。",
        ),
        _ => text(
            "Raise the limit on open files (ulimit -n), lower --in-flight, or close other programs; then run \
             again.",
            "请提高打开文件数上限（ulimit -n）、调低 --in-flight 或关闭其他程序，然后重测。",
        ),
    };
    let failure = fails(failure, facts.now());
    let told = text(
        format!(
            "This computer ran out of resources during the measurement, so the failures say nothing about the \
             hosts. For example, an attempt fails {}.",
            failure.en
        ),
        format!(
            "测量时本机资源耗尽，失败结果不能说明主机有问题，例如{}。",
            failure.zh
        ),
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    vec![finding.hint_text(hint).explaining(facts.failing())]
}
