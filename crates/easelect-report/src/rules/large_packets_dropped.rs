//! Large packets are dropped on the way (MTU).

use easelect::{Phase, Silence};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::facts::hosts;
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "large_packets_dropped",
    needs: "an attempt that connected and then got only the small last packet of the answer",
    unless: "a TLS handshake completed at the same address",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let hit = |row: &&RowFacts<'_>| {
        // Where a TLS handshake completed, large packets arrived: the missing one was lost by chance.
        let arrived = |address| {
            let mut samples = row.samples.iter().filter(|one| one.address == address);
            samples.any(|one| one.timings.get(Phase::Tls).is_some())
        };
        let mut samples = row.samples.iter();
        let lost = samples.any(|one| {
            one.silence() == Some(Silence::LargePacketsLost) && !arrived(one.address)
        });
        lost && !found.explains(row)
    };
    let rows: Vec<&RowFacts<'_>> = facts.tried().filter(hit).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let names = list(&hosts(rows.iter().copied()).into_iter().collect::<Vec<_>>());
    let told = text(
        format!(
            "Large packets are dropped on the way (MTU): connections to {} open, but only the small packets of \
             the answers arrive.",
            names.en
        ),
        format!(
            "大数据包在途中被丢弃（MTU 问题）：能连接 {}，但应答中只有小数据包到达。",
            names.zh
        ),
    );
    let hint = text(
        "Lower the MTU of this computer's network interface or VPN (try 1280). The network administrator can \
         allow ICMP \"packet too big\" messages, or clamp the TCP MSS.",
        "请调低本机网卡或 VPN 的 MTU（可试 1280）；网络管理员可放行 ICMP“需要分片/报文过大”消息，或限制 TCP MSS。",
    );
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.blocking(any_blocks(&rows)).hint_text(hint);
    vec![finding.explaining(places(&rows))]
}
