//! The conditions of the two measurements: a difference between them may explain a change.

use std::time::{Duration, SystemTime};

use super::super::model::{Model, ProxyModel};
use super::super::texts::{Text, list, plural, shown, text};
use super::endpoint::capital;
use super::{Change, Effect, Figures};

/// The most characters of a value that are shown.
const LONGEST: usize = 100;

/// The differences, most important first.
pub(super) fn differences(a: &Model, b: &Model) -> Vec<Change> {
    let (in_a, in_b) = (&a.environment, &b.environment);
    let mut found = Differences(Vec::new());
    if a == b {
        found.say(
            "same_report",
            text("A and B are the same report.", "A 和 B 是同一份报告。"),
        );
        return found.0;
    }
    found.simulated(in_a.lab.as_deref(), in_b.lab.as_deref());
    found.time(&a.started_at, &b.started_at);
    for (letter, model) in [("A", a), ("B", b)] {
        if !model.complete {
            found.say(
                "incomplete",
                text(
                    format!(
                        "{letter} is incomplete: its run ended before everything was measured."
                    ),
                    format!("{letter} 不完整：测量结束时未测完所有内容。"),
                ),
            );
        }
    }
    // Redacted identifiers are the same placeholder for every network.
    let id = |model: &Model| match model.redacted {
        true => None,
        false => model.environment.network.as_ref()?.id.clone(),
    };
    match (id(a), id(b)) {
        (Some(a), Some(b)) if a == b => {
            found.say(
                "same_network",
                text(
                    "Both were measured on the same network.",
                    "两次测量在同一网络。",
                ),
            );
        }
        (Some(a), Some(b)) => found.push(
            "network",
            [Some(a), Some(b)],
            text(
                "A and B were measured on different networks, or a VPN was switched on or off.",
                "两次测量的网络不同（换了网络，或开关了 VPN）。",
            ),
        ),
        _ => {}
    }
    for (letter, model) in [("A", a), ("B", b)] {
        let network = model.environment.network.as_ref();
        if network.and_then(|one| one.changed) == Some(true) {
            found.say(
                "network_changed",
                text(
                    format!("The network changed during the measurement of {letter}."),
                    format!("{letter} 测量期间网络发生变化。"),
                ),
            );
        }
    }
    let network = |pick: fn(&super::super::model::NetworkModel) -> &Option<String>| {
        // Absent where the report has no network at all.
        let of = |model: &Model| {
            let one = model.environment.network.as_ref()?;
            Some(pick(one).clone().unwrap_or_else(|| "-".to_owned()))
        };
        match (of(a), of(b)) {
            (Some(a), Some(b)) => [Some(a), Some(b)],
            _ => [None, None],
        }
    };
    found.value(
        "ipv4_address",
        text("kind of IPv4 address", "IPv4 地址类型"),
        network(|one| &one.ipv4),
    );
    found.value(
        "ipv6_address",
        text("kind of IPv6 address", "IPv6 地址类型"),
        network(|one| &one.ipv6),
    );
    let proxy = |one: &Option<ProxyModel>| one.as_ref().map(|one| one.url.clone());
    found.value(
        "proxy",
        text("proxy", "代理"),
        [proxy(&in_a.proxy), proxy(&in_b.proxy)],
    );
    let all = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    found.value(
        "proxy_variables",
        text("proxy variables that are set", "已设置的代理变量"),
        [all(&in_a.proxy_variables), all(&in_b.proxy_variables)],
    );
    found.value(
        "system_proxies",
        text("system proxy settings", "系统代理设置"),
        [all(&in_a.system_proxies), all(&in_b.system_proxies)],
    );
    found.value(
        "dns",
        text("specified DNS server", "指定的 DNS 服务器"),
        [in_a.dns.clone(), in_b.dns.clone()],
    );
    found.value(
        "nat64",
        text("NAT64 prefix", "NAT64 前缀"),
        [in_a.nat64.clone(), in_b.nat64.clone()],
    );
    found.value(
        "families",
        text("requested address families", "指定的地址族"),
        [Some(family(&in_a.families)), Some(family(&in_b.families))],
    );
    found.value(
        "families_working",
        text("working address families", "可用的地址族"),
        [in_a, in_b].map(|one| {
            let names: Vec<String> = one.families_working.iter().map(|one| family(one)).collect();
            all(&names)
        }),
    );
    found.value(
        "pinned",
        text("hosts pinned to addresses", "指定了地址的主机"),
        [all(&in_a.pinned), all(&in_b.pinned)],
    );
    let count = |count: Option<usize>| count.map(|count| count.to_string());
    if in_a.roots.is_some() && in_b.roots.is_some() {
        found.value(
            "roots",
            text("number of system root certificates", "系统根证书数量"),
            [count(in_a.roots), count(in_b.roots)],
        );
    }
    let given = |given: bool| given.then(|| "--cacert".to_owned());
    found.value(
        "cacert",
        text("additional trusted certificates", "额外信任的证书"),
        [given(in_a.cacert), given(in_b.cacert)],
    );
    let machine = |model: &Model| {
        Some(format!(
            "{} {}",
            model.environment.os, model.environment.arch
        ))
    };
    found.value(
        "machine",
        text("operating system", "操作系统"),
        [machine(a), machine(b)],
    );
    found.value(
        "version",
        text("easelect version", "easelect 版本"),
        [Some(a.version.clone()), Some(b.version.clone())],
    );
    let rounds = |rounds: Option<u32>| rounds.map(|rounds| rounds.to_string());
    found.value(
        "rounds",
        text("requested rounds", "指定的轮数"),
        [rounds(in_a.rounds), rounds(in_b.rounds)],
    );
    let millis = |millis: Option<f64>| millis.map(|millis| format!("{millis:.0} ms"));
    found.value(
        "timeout",
        text("timeout per attempt", "单次尝试超时"),
        [millis(in_a.timeout_ms), millis(in_b.timeout_ms)],
    );
    found.value(
        "in_flight",
        text("concurrent attempts", "并发尝试数"),
        [count(in_a.in_flight), count(in_b.in_flight)],
    );
    found.0
}

/// The display name of an address family, or of both.
fn family(id: &str) -> String {
    match id {
        "v4" => "IPv4",
        "v6" => "IPv6",
        "both" => "IPv4, IPv6",
        other => other,
    }
    .to_owned()
}

/// The text with every redaction placeholder emptied: its words are in one language, and its number means nothing
/// outside its report.
fn blanked(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        blanked.push_str(before);
        blanked.push('[');
        rest = after;
        let Some((inside, _)) = after.split_once(']') else {
            continue;
        };
        let number = inside.rsplit_once(' ').map_or("", |(_, number)| number);
        if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
            rest = &after[inside.len()..];
        }
    }
    blanked + rest
}

struct Differences(Vec<Change>);

impl Differences {
    fn push(&mut self, code: &'static str, values: [Option<String>; 2], told: Text) {
        let values = values.map(|one| one.map(|one| shown(&one, LONGEST)));
        let change = Change::new(code, Effect::Different, told);
        self.0.push(change.figures(Figures::Words(values)));
    }

    fn say(&mut self, code: &'static str, told: Text) {
        self.0.push(Change::new(code, Effect::Different, told));
    }

    /// Adds a value if it differs: `Proxy: none → http://…`.
    fn value(&mut self, code: &'static str, label: Text, [a, b]: [Option<String>; 2]) {
        if a.as_deref().map(blanked) == b.as_deref().map(blanked) {
            return;
        }
        let told = |one: &Option<String>| match one.as_deref() {
            None | Some("-") => text("none", "无"),
            Some("private") => text("private", "内网"),
            Some("public") => text("public", "公网"),
            Some(one) => text(shown(one, LONGEST), shown(one, LONGEST)),
        };
        let (before, after) = (told(&a), told(&b));
        let told = text(
            format!("{}: {} → {}", capital(&label.en), before.en, after.en),
            format!("{}：{} → {}", label.zh, before.zh, after.zh),
        );
        self.push(code, [a, b], told);
    }

    fn simulated(&mut self, a: Option<&str>, b: Option<&str>) {
        let told = match (a, b) {
            (None, None) => return,
            (Some(_), Some(_)) if a == b => text(
                "Both are from the same simulated network.",
                "两份报告都来自同一个模拟网络。",
            ),
            (Some(a), Some(b)) => {
                let both = list(&[shown(a, 60), shown(b, 60)]);
                text(
                    format!(
                        "A and B are from different simulated networks: {}.",
                        both.en
                    ),
                    format!("两份报告来自不同的模拟网络：{}。", both.zh),
                )
            }
            (Some(one), None) => text(
                format!("A is from a simulated network: {}.", shown(one, 60)),
                format!("A 来自模拟网络：{}。", shown(one, 60)),
            ),
            (None, Some(one)) => text(
                format!("B is from a simulated network: {}.", shown(one, 60)),
                format!("B 来自模拟网络：{}。", shown(one, 60)),
            ),
        };
        self.push("lab", [a, b].map(|one| one.map(str::to_owned)), told);
    }

    fn time(&mut self, a: &str, b: &str) {
        let at = |one: &str| humantime::parse_rfc3339(one).ok();
        let (Some(at_a), Some(at_b)) = (at(a), at(b)) else {
            return;
        };
        let told = match at_b.duration_since(at_a) {
            Ok(gap) if gap.as_secs() == 0 => {
                text("Both began at the same time.", "两次测量的开始时间相同。")
            }
            Ok(gap) => {
                let gap = long(gap);
                text(
                    format!("B was measured {} after A.", gap.en),
                    format!("B 的测量时间比 A 晚 {}。", gap.zh),
                )
            }
            Err(_) => {
                let gap = long(at_a.duration_since(at_b).unwrap_or_default());
                text(
                    format!(
                        "B was measured {} before A: the changes below run backwards in time.",
                        gap.en
                    ),
                    format!(
                        "B 的测量时间比 A 早 {}：以下变化的方向与时间先后相反。",
                        gap.zh
                    ),
                )
            }
        };
        self.push("time", [Some(a.to_owned()), Some(b.to_owned())], told);
    }
}

/// A warning if only one of the two networks was simulated.
pub(super) fn of_one_simulated(a: &Model, b: &Model) -> Option<Text> {
    let is_simulated = |model: &Model| model.environment.lab.is_some();
    let (simulated, real) = match (is_simulated(a), is_simulated(b)) {
        (true, false) => ("A", "B"),
        (false, true) => ("B", "A"),
        _ => return None,
    };
    Some(text(
        format!(
            "{simulated} is from a simulated network, {real} from a real one: their differences mean nothing."
        ),
        format!("{simulated} 来自模拟网络，{real} 来自真实网络：两者的差异没有意义。"),
    ))
}

/// A duration in its largest unit.
fn long(gap: Duration) -> Text {
    let from = SystemTime::UNIX_EPOCH;
    match gap.as_secs() {
        0..60 => text(
            plural(usize::try_from(gap.as_secs()).unwrap_or(0), "second"),
            format!("{} 秒", gap.as_secs()),
        ),
        _ => match super::super::figures::ago(from, from + gap) {
            Some(ago) => text(
                ago.en.trim_end_matches(" ago").to_owned(),
                ago.zh.trim_end_matches('前').to_owned(),
            ),
            None => text("an unknown time", "未知时长"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_alone_are_blanked() {
        for (text, told) in [
            ("http://[proxy 1]:8080", "http://[]:8080"),
            ("[代理 12], [local address 2]:53", "[], []:53"),
            ("[2408::1]:53, [x", "[2408::1]:53, [x"),
            ("[proxy]", "[proxy]"),
            ("", ""),
        ] {
            assert_eq!(blanked(text), told);
        }
    }
}
