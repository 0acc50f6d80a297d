//! A device nearby answers TCP in place of the hosts.

use super::{Found, Rule};
use crate::facts::Facts;
use crate::figures::ms_unit;
use crate::finding::Finding;
use crate::nearby::tcp_ends_nearby;
use crate::texts::text;

pub(super) const RULE: Rule = Rule {
    code: "tcp_ends_nearby",
    needs: "TCP connects to every host in less than 5 ms, and TLS and the answer each take eight times as long \
         and 20 ms or more",
    unless: "a proxy, a lab, private addresses; a single server, or fewer than six samples",
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
            "A device nearby answers TCP in place of the hosts (a transparent proxy or an accelerator): TCP \
             connects in {connect}, but TLS and the answer take {host} or longer. Ignore the TCP times."
        ),
        format!(
            "近处有设备代替主机应答 TCP（透明代理或加速设备）：TCP 连接只用 {connect}，而 TLS 和应答要 {host} 以上。TCP 耗时没有参考价值。"
        ),
    );
    let hint = text(
        "Compare endpoints by their TLS and WebSocket handshakes; ask the network administrator which device \
         is in between.",
        "请按 TLS 和 WebSocket 握手的耗时比较接入地址；可向网络管理员了解中间是什么设备。",
    );
    vec![RULE.finding(told).hint_text(hint)]
}
