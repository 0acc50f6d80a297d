//! When, where and how it was measured: two lines of the first screen, and a paragraph of the details.

use super::super::overview::headed;
use crate::layout::{Ink, Style};
use crate::model::{EnvironmentModel, Model};
use crate::texts::{Lang, Text, list, text, through};

/// The command's defaults.
const TIMEOUT_MS: f64 = 5_000.0;
const DEADLINE_MS: f64 = 60_000.0;
const IN_FLIGHT: usize = 16;

/// When, where, the user's note, which data centres.
pub(super) fn in_short(model: &Model, style: Style) -> Vec<String> {
    let lang = model.lang;
    let mut lines = style.paragraph("", &headed(text("When", "时间"), &when(model), lang));
    let place = comma(&place(&model.environment, lang), lang);
    lines.extend(style.paragraph("", &headed(text("Where", "环境"), &place, lang)));
    if let Some(note) = &model.note {
        lines.extend(style.paragraph("", &headed(text("Note", "备注"), note, lang)));
    }
    let regions = regions(model);
    if !regions.is_empty() {
        let word = headed(text("Data centres", "数据中心"), "", lang);
        lines.extend(style.items(&word, &regions, &text(", ", "，").of(lang)));
    }
    if let Some(lab) = &model.environment.lab {
        let told = text(
            format!("Simulated network: scenario \"{lab}\". No real host was contacted."),
            format!("模拟网络：场景 {lab}，未连接任何真实主机。"),
        );
        lines.extend(style.painted(Ink::Doubtful, "", &told.of(lang)));
    }
    lines
}

fn comma(parts: &[String], lang: Lang) -> String {
    parts.join(&text(", ", "，").of(lang))
}

/// The end of the run, in UTC and in local time.
fn when(model: &Model) -> String {
    let utc = format!("{} UTC", spaced(model.finished_at.trim_end_matches('Z')));
    let Some(local) = &model.finished_at_local else {
        return utc;
    };
    let local = spaced(local);
    text(
        format!("{utc} (local time {local})"),
        format!("{utc}（本地时间 {local}）"),
    )
    .of(model.lang)
}

/// A time stamp with spaces where RFC 3339 has none: `2026-01-31 08:30:00 +08:00`.
fn spaced(stamp: &str) -> String {
    let (date, clock) = stamp.split_once('T').unwrap_or((stamp, ""));
    let clock = match clock.find(['+', '-']) {
        Some(offset) => format!("{} {}", &clock[..offset], &clock[offset..]),
        None => clock.to_owned(),
    };
    format!("{date} {clock}").trim_end().to_owned()
}

/// The machine, its network interface, DNS servers and proxy.
fn place(environment: &EnvironmentModel, lang: Lang) -> Vec<String> {
    let mut parts = vec![format!("{} {}", environment.os, environment.arch)];
    parts.extend((environment.interface.as_ref()).map(|kind| interface(kind).of(lang)));
    let dns: Vec<&String> = match &environment.dns {
        Some(given) => vec![given],
        None => environment.name_servers.iter().collect(),
    };
    if !dns.is_empty() {
        let servers: Vec<&str> = dns.iter().map(|one| without_port(one)).collect();
        let servers = list(&servers);
        let told = text(format!("DNS {}", servers.en), format!("DNS {}", servers.zh));
        parts.push(told.of(lang));
    }
    if let Some(proxy) = &environment.proxy {
        let proxy = match &proxy.variable {
            Some(variable) => format!("{} ({variable})", proxy.url),
            None => proxy.url.clone(),
        };
        parts.push(through(&proxy).of(lang));
    }
    parts
}

/// A DNS server's address, with its port only where that isn't 53.
fn without_port(server: &str) -> &str {
    let plain = server.strip_suffix(":53").unwrap_or(server);
    let plain = plain
        .strip_prefix('[')
        .and_then(|one| one.strip_suffix(']'))
        .unwrap_or(plain);
    // `::53` is an address.
    match plain.ends_with(':') {
        true => server,
        false => plain,
    }
}

/// The kind of an interface; one without a name here as its identifier.
fn interface(kind: &str) -> Text {
    match kind {
        "wifi" => text("Wi-Fi", "Wi-Fi"),
        "ethernet" => text("Ethernet", "有线网络"),
        "tunnel" => text("tunnel (VPN)", "隧道（VPN）"),
        "ppp" => text("dial-up or mobile (PPP)", "拨号或移动网络（PPP）"),
        other => text(other.to_owned(), other.to_owned()),
    }
}

/// `cn1 China 1`, so that the lines below can say `cn1`.
fn regions(model: &Model) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    let (beside, published): (Vec<_>, Vec<_>) =
        model.groups.iter().partition(|group| group.second_source);
    for group in published.into_iter().chain(beside) {
        let region = match group.region == group.region_name {
            true => group.region.clone(),
            false => format!("{} {}", group.region, group.region_name),
        };
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    regions
}

/// Everything about the machine, and the options that differ from the defaults.
pub(super) fn in_full(model: &Model, style: Style) -> Vec<String> {
    let (environment, lang) = (&model.environment, model.lang);
    let mut parts = vec![format!("easelect {}", model.version)];
    parts.extend(place(environment, lang));
    let mut add = |told: Text| parts.push(told.of(lang));
    if let Some(network) = &environment.network {
        for (family, kind) in [("IPv4", &network.ipv4), ("IPv6", &network.ipv6)] {
            add(match kind.as_deref() {
                Some("private") => text(
                    format!("private {family} address"),
                    format!("{family} 私有地址"),
                ),
                Some(_) => text(
                    format!("public {family} address"),
                    format!("{family} 公网地址"),
                ),
                None => text(
                    format!("no route for {family}"),
                    format!("无 {family} 路由"),
                ),
            });
        }
    }
    if let Some(told) = families(environment) {
        add(told);
    }
    if let Some(prefix) = &environment.nat64 {
        add(text(
            format!("IPv4 addresses through NAT64 {prefix}"),
            format!("经 NAT64 {prefix} 访问 IPv4 地址"),
        ));
    }
    let obeyed = (environment.proxy.as_ref()).is_some_and(|proxy| proxy.variable.is_some());
    if !obeyed && !environment.proxy_variables.is_empty() {
        let names = list(&environment.proxy_variables);
        add(text(
            format!("proxy variables set, not used: {}", names.en),
            format!("设有代理变量（未使用）：{}", names.zh),
        ));
    }
    let used = environment.proxy.as_ref().map(|proxy| &proxy.url);
    let unused = environment.system_proxies.iter();
    let unused: Vec<&String> = unused.filter(|one| used != Some(one)).collect();
    if !unused.is_empty() {
        let unused = list(&unused);
        add(text(
            format!("system proxy settings, not used: {}", unused.en),
            format!("系统代理设置（未使用）：{}", unused.zh),
        ));
    }
    match environment.roots {
        Some(0) => add(text("no root certificates", "没有根证书")),
        Some(count) => add(text(
            format!("{count} root certificates"),
            format!("{count} 个根证书"),
        )),
        None => {}
    }
    let options = options(environment);
    if !options.is_empty() {
        let options = options.join(" ");
        add(text(
            format!("options: {options}"),
            format!("选项：{options}"),
        ));
    }
    style.paragraph("", &parts.join(&text("; ", "；").of(lang)))
}

/// The address families that were tried, and those that work.
fn families(environment: &EnvironmentModel) -> Option<Text> {
    let name = |family: &String| match family.as_str() {
        "v4" => "IPv4".to_owned(),
        "v6" => "IPv6".to_owned(),
        other => other.to_owned(),
    };
    let named = |all: &[String]| list(&all.iter().map(name).collect::<Vec<_>>());
    if environment.proxy.is_some() {
        // They are the proxy's own addresses.
        return None;
    }
    let (tried, working) = (&environment.families_tried, &environment.families_working);
    let all = named(tried);
    Some(match (tried.as_slice(), working.as_slice()) {
        ([], _) => return None,
        (_, []) => text(
            format!("no address could be used ({})", all.en),
            format!("没有可用的地址（{}）", all.zh),
        ),
        (tried, working) if tried == working => {
            let verb = if tried.len() == 1 { "works" } else { "work" };
            text(format!("{} {verb}", all.en), format!("{} 正常", all.zh))
        }
        (_, working) => {
            let working = named(working);
            text(
                format!("only {} works (of {})", working.en, all.en),
                format!("{} 中仅 {} 正常", all.zh, working.zh),
            )
        }
    })
}

/// The options of this run that differ from the defaults.
fn options(environment: &EnvironmentModel) -> Vec<String> {
    let mut options = Vec::new();
    match environment.families.as_str() {
        "v4" => options.push("-4".to_owned()),
        "v6" => options.push("-6".to_owned()),
        _ => {}
    }
    if let Some(server) = &environment.dns {
        options.push(format!("--dns {server}"));
    }
    if environment.cacert {
        options.push("--cacert".to_owned());
    }
    options.extend(
        environment
            .pinned
            .iter()
            .map(|one| format!("--resolve {one}")),
    );
    if let Some(rounds) = environment.rounds {
        options.push(format!("--rounds {rounds}"));
    }
    for (name, given, usual) in [
        ("timeout", environment.timeout_ms, TIMEOUT_MS),
        ("deadline", environment.deadline_ms, DEADLINE_MS),
    ] {
        match given {
            Some(ms) if ms != usual && ms % 1000.0 == 0.0 => {
                options.push(format!("--{name} {}s", ms / 1000.0));
            }
            Some(ms) if ms != usual => options.push(format!("--{name} {ms}ms")),
            _ => {}
        }
    }
    let in_flight = environment.in_flight.filter(|count| *count != IN_FLIGHT);
    options.extend(in_flight.map(|count| format!("--in-flight {count}")));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_spaced_out() {
        assert_eq!(
            spaced("2026-01-31T08:30:00+08:00"),
            "2026-01-31 08:30:00 +08:00"
        );
        assert_eq!(
            spaced("2026-01-31T08:30:00-03:30"),
            "2026-01-31 08:30:00 -03:30"
        );
        assert_eq!(spaced("2026-01-31T08:30:00"), "2026-01-31 08:30:00");
        assert_eq!(spaced("yesterday"), "yesterday");
    }

    #[test]
    fn a_name_server_has_its_port_where_it_is_unusual() {
        assert_eq!(without_port("10.0.0.1:53"), "10.0.0.1");
        assert_eq!(without_port("[fe80::1%eth0]:53"), "fe80::1%eth0");
        assert_eq!(without_port("127.0.0.1:5353"), "127.0.0.1:5353");
        assert_eq!(without_port("[::1]:5353"), "[::1]:5353");
        assert_eq!(without_port("2001:db8::53"), "2001:db8::53");
    }
}
