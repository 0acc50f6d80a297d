//! This computer ran out of files, ports, threads or memory: what failed then says nothing.

use easelect::{FailureKind as Kind, Phase};

use super::{Found, Rule, failure_text};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "out_of_resources",
    needs: "a failure that this system had no more files, ports, threads or memory",
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
            "Silent name servers hold up the look-ups of this computer: check the network's DNS, or give --dns.",
            "无应答的 DNS 服务器占满了本机的解析线程：请检查网络的 DNS 设置，或用 --dns 指定服务器。",
        ),
        _ => text(
            "Raise the limit of open files (ulimit -n), lower --in-flight, or end other programs; then run again.",
            "请提高打开文件数上限（ulimit -n）、调低 --in-flight 或关闭其他程序，然后重试。",
        ),
    };
    let failure = failure_text(failure, facts.now());
    let told = text(
        format!(
            "This computer ran out of open files, ports, threads or memory while measuring, so what failed \
             says nothing of the hosts: {}.",
            failure.en
        ),
        format!(
            "测量时本机的文件句柄、端口、线程或内存已用尽，失败结果不能说明主机有问题：{}。",
            failure.zh
        ),
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    vec![finding.hint_text(hint).explaining(facts.failing())]
}
