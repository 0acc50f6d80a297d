//! The conditions of both measurements: a difference between them may explain a change.

use std::time::{Duration, SystemTime};

use super::super::model::{Model, ProxyModel};
use super::super::texts::{Text, list, plural, shown, text};
use super::{Change, Effect, Figures};

/// The longest value that is told.
const LONGEST: usize = 100;

/// What differs, the weightiest first.
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
    // A hidden one is the same placeholder for any network.
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
                "B was measured on another network than A, or with a VPN switched on or off.",
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
                    format!("The network changed while {letter} was measured."),
                    format!("{letter} 测量期间网络发生变化。"),
                ),
            );
        }
    }
    let network = |pick: fn(&super::super::model::NetworkModel) -> &Option<String>| {
        // Absent in both where it wasn't looked for.
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
        text("own IPv4 address", "本机 IPv4 地址"),
        network(|one| &one.ipv4),
    );
    found.value(
        "ipv6_address",
        text("own IPv6 address", "本机 IPv6 地址"),
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
        text("proxy variables set", "已设置的代理变量"),
        [all(&in_a.proxy_variables), all(&in_b.proxy_variables)],
    );
    found.value(
        "system_proxies",
        text("the system's proxy settings", "系统代理设置"),
        [all(&in_a.system_proxies), all(&in_b.system_proxies)],
    );
    found.value(
        "dns",
        text(
            "DNS server asked instead of the system's",
            "指定的 DNS 服务器",
        ),
        [in_a.dns.clone(), in_b.dns.clone()],
    );
    found.value(
        "nat64",
        text("NAT64 prefix", "NAT64 前缀"),
        [in_a.nat64.clone(), in_b.nat64.clone()],
    );
    found.value(
        "families",
        text("address families asked for", "指定的地址族"),
        [Some(family(&in_a.families)), Some(family(&in_b.families))],
    );
    found.value(
        "families_working",
        text("address families that work", "可用的地址族"),
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
            text("root certificates of the system", "系统根证书数量"),
            [count(in_a.roots), count(in_b.roots)],
        );
    }
    let given = |given: bool| given.then(|| "--cacert".to_owned());
    found.value(
        "cacert",
        text("certificates trusted besides", "额外信任的证书"),
        [given(in_a.cacert), given(in_b.cacert)],
    );
    let machine = |model: &Model| {
        Some(format!(
            "{} {}",
            model.environment.os, model.environment.arch
        ))
    };
    found.value("machine", text("system", "系统"), [machine(a), machine(b)]);
    found.value(
        "version",
        text("version of easelect", "easelect 版本"),
        [Some(a.version.clone()), Some(b.version.clone())],
    );
    let rounds = |rounds: Option<u32>| rounds.map(|rounds| rounds.to_string());
    found.value(
        "rounds",
        text("rounds asked for", "指定的轮数"),
        [rounds(in_a.rounds), rounds(in_b.rounds)],
    );
    let millis = |millis: Option<f64>| millis.map(|millis| format!("{millis:.0} ms"));
    found.value(
        "timeout",
        text("time-out of an attempt", "单次尝试超时"),
        [millis(in_a.timeout_ms), millis(in_b.timeout_ms)],
    );
    found.value(
        "in_flight",
        text("attempts at a time", "并发尝试数"),
        [count(in_a.in_flight), count(in_b.in_flight)],
    );
    found.0
}

/// An address family, or both, as people write them.
fn family(id: &str) -> String {
    match id {
        "v4" => "IPv4",
        "v6" => "IPv6",
        "both" => "IPv4, IPv6",
        other => other,
    }
    .to_owned()
}

/// The text with an empty placeholder for each that hides something: its words are of one language, and its number
/// says nothing outside its report.
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

    /// A value that may be another: `Proxy: none → http://…`.
    fn value(&mut self, code: &'static str, label: Text, [a, b]: [Option<String>; 2]) {
        if a.as_deref().map(blanked) == b.as_deref().map(blanked) {
            return;
        }
        let told = |none: &str, one: &Option<String>| match one {
            Some(one) => shown(one, LONGEST),
            None => none.to_owned(),
        };
        let capital = label.en[..1].to_ascii_uppercase() + &label.en[1..];
        let told = text(
            format!("{capital}: {} → {}", told("none", &a), told("none", &b)),
            format!("{}：{} → {}", label.zh, told("无", &a), told("无", &b)),
        );
        self.push(code, [a, b], told);
    }

    fn simulated(&mut self, a: Option<&str>, b: Option<&str>) {
        let told = match (a, b) {
            (None, None) => return,
            (Some(_), Some(_)) if a == b => text(
                "Both are of the same simulated network.",
                "两份报告都来自同一个模拟网络。",
            ),
            (Some(a), Some(b)) => {
                let both = list(&[shown(a, 60), shown(b, 60)]);
                text(
                    format!("The two are of different simulated networks: {}.", both.en),
                    format!("两份报告来自不同的模拟网络：{}。", both.zh),
                )
            }
            (Some(one), None) => text(
                format!("A is of a simulated network: {}.", shown(one, 60)),
                format!("A 来自模拟网络：{}。", shown(one, 60)),
            ),
            (None, Some(one)) => text(
                format!("B is of a simulated network: {}.", shown(one, 60)),
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
                text("Both began at the same moment.", "两份报告的开始时间相同。")
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
                        "B was measured {} before A: what reads as a change went the other way in time.",
                        gap.en
                    ),
                    format!("B 的测量时间比 A 早 {}：以下变化与时间先后相反。", gap.zh),
                )
            }
        };
        self.push("time", [Some(a.to_owned()), Some(b.to_owned())], told);
    }
}

/// That one of the two was simulated and the other not, if so.
pub(super) fn of_one_simulated(a: &Model, b: &Model) -> Option<Text> {
    let is_simulated = |model: &Model| model.environment.lab.is_some();
    let (simulated, real) = match (is_simulated(a), is_simulated(b)) {
        (true, false) => ("A", "B"),
        (false, true) => ("B", "A"),
        _ => return None,
    };
    Some(text(
        format!(
            "{simulated} is of a simulated network, {real} of a real one: their differences say nothing of either."
        ),
        format!("{simulated} 来自模拟网络，{real} 来自真实网络：两者的差异没有意义。"),
    ))
}

/// How long in the largest unit that fits.
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
