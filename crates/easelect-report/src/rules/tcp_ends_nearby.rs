//! Something nearby answers TCP in the hosts' place.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::figures::ms_unit;
use crate::finding::Finding;
use crate::nearby::tcp_ends_nearby;
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "tcp_ends_nearby",
    needs: "TCP connects in less than 5 ms to every host, and TLS and the answer each take eight times as long and 20 ms or more",
    unless: "a proxy, a lab, private addresses; a single server",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let (evidence, environment) = (&facts.context.evidence, &facts.context.environment);
    let Some(nearby) = tcp_ends_nearby(evidence, environment) else {
        return Vec::new();
    };
    let (connect, host) = (ms_unit(nearby.connect), ms_unit(nearby.host));
    let told = text(
        format!(
            "Something nearby answers TCP in the hosts' place (a transparent proxy, an accelerator): TCP connects in \
             {connect}, TLS and the answer take {host}. TCP times mean nothing here."
        ),
        format!(
            "近处有设备代替主机应答 TCP（透明代理或加速设备）：TCP 连接只要 {connect}，TLS 和应答各需 {host}。此处的 TCP 耗时没有意义。"
        ),
    );
    let hint = text(
        "Compare endpoints by TLS and upgrade; the network administrator knows what stands in between.",
        "请按 TLS 和升级耗时比较接入地址；可向网络管理员了解中间是什么设备。",
    );
    vec![RULE.finding(told).hint_text(hint)]
}
