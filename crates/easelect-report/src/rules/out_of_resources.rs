//! This computer ran out of files, ports or memory: what failed then says nothing.

use easelect::FailureKind as Kind;

use super::{Found, Rule, failure_text};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Severity};
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "out_of_resources",
    needs: "a failure that this system had no more files, ports or memory",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let all = facts.rows.iter().flat_map(|row| &row.failures);
    let mut exhausted = all.filter(|one| one.kind() == Kind::OutOfResources);
    let Some(failure) = exhausted.next() else {
        return Vec::new();
    };
    let failure = failure_text(failure, facts.now());
    let told = text(
        format!(
            "This computer ran out of open files, ports or memory while measuring, so what failed says \
             nothing of the hosts: {}.",
            failure.en
        ),
        format!(
            "测量时本机的文件句柄、端口或内存已用尽，失败结果不能说明主机有问题：{}。",
            failure.zh
        ),
    );
    let finding = RULE.finding(told).severity(Severity::Blocks).actor(Actor::You);
    let finding = finding.hint_text(text(
        "Raise the limit of open files (ulimit -n), lower --in-flight, or end other programs; then run again.",
        "请提高打开文件数上限（ulimit -n）、调低 --in-flight 或关闭其他程序，然后重试。",
    ));
    vec![finding.explaining(facts.failing())]
}
