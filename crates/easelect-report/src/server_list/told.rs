//! The changes to a list and their reasons, as text.

use super::order::{Known, Standing};
use super::readers::{Found, Reader, Reading, Trouble};
use super::{OrderedHost, OrderedList, OrderedSection};
use crate::figures::told_ms;
use crate::layout::columns;
use crate::texts::{Lang, Text, plural, shown, text};

/// The most sections shown, and the most hosts of a section.
const SHOWN: usize = 32;

/// The whole text, for a terminal.
pub(super) fn text_of(list: &OrderedList, lang: Lang) -> String {
    let mut lines = Vec::new();
    if list.set_aside > 0 {
        let count = list.set_aside;
        let reports = plural(count, "report");
        let told = text(
            format!("{reports} set aside: no host of the list was measured or reached"),
            format!("{count} 份报告未计入：没有测量列表中的主机，或全部连不上"),
        );
        lines.push(told.of(lang));
    }
    for section in list.sections.iter().take(SHOWN) {
        lines.extend(of_section(section, list.places, lang));
    }
    let more = list.sections.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(text(format!("… {more} more"), format!("……另有 {more} 个")).of(lang));
    }
    lines.push(
        text(
            "The host that each SDK dials first:",
            "各 SDK 首先连接的主机：",
        )
        .of(lang),
    );
    for reading in &list.readings {
        lines.push(format!("  {}", of_reading(reading).of(lang)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn of_section(section: &OrderedSection, places: usize, lang: Lang) -> Vec<String> {
    let name = shown(&section.name, 40);
    if !section.measured {
        let told = text(
            format!("{name}: not measured, unchanged"),
            format!("{name}：未测量，保持不变"),
        );
        return vec![told.of(lang)];
    }
    let moved = section.hosts.iter().enumerate();
    let moved = moved.filter(|(slot, host)| host.was != *slot).count();
    let head = match moved {
        0 => text(
            format!("{name}: order unchanged"),
            format!("{name}：顺序不变"),
        ),
        _ => text(
            format!(
                "{name}: {moved} of {} moved",
                plural(section.hosts.len(), "host")
            ),
            format!(
                "{name}：{} 个主机中有 {moved} 个换了位置",
                section.hosts.len()
            ),
        ),
    };
    let width = { section.hosts.iter().take(SHOWN) }
        .map(|host| columns(&host.name))
        .max()
        .unwrap_or_default();
    let mut lines = vec![head.of(lang)];
    for (slot, host) in section.hosts.iter().enumerate().take(SHOWN) {
        let blanks = " ".repeat(width - columns(&host.name));
        let told = of_host(host, slot, places).of(lang);
        lines.push(format!("  {:>2} {}{blanks}  {told}", slot + 1, host.name));
    }
    let more = section.hosts.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(text(format!("  … {more} more"), format!("  ……另有 {more} 个")).of(lang));
    }
    lines
}

fn of_host(host: &OrderedHost, slot: usize, places: usize) -> Text {
    let why = why(&host.known, places);
    match host.was == slot {
        true if host.known.is_unordered() => text(
            format!("{}, keeps its place", why.en),
            format!("{}，位置不变", why.zh),
        ),
        true => why,
        false => text(
            format!("{} (was {})", why.en, host.was + 1),
            format!("{}（原第 {}）", why.zh, host.was + 1),
        ),
    }
}

fn why(known: &Known, places: usize) -> Text {
    match known {
        Known::Unencrypted => text("not encrypted, not measured", "未加密，不测量"),
        Known::NoHost => text(
            "names no host to connect to, not measured",
            "没有可以连接的主机，不测量",
        ),
        Known::Unmeasured => text("not measured", "未测量"),
        Known::InSome => text("not in every report", "并非每份报告都有"),
        Known::Ambiguous => text(
            "in different data centres, according to the reports",
            "各报告中所属的数据中心不同",
        ),
        Known::Measured(standing) => of_standing(standing, places),
    }
}

fn of_standing(standing: &Standing, places: usize) -> Text {
    let Standing {
        unreachable,
        answering,
        places: of,
        failed: [failed, attempts],
        dead_addresses,
        ..
    } = standing;
    let in_one = places == 1;
    if standing.is_dead() {
        return match in_one {
            true => text("unreachable", "连不上"),
            false => text("unreachable everywhere", "各地都连不上"),
        };
    }
    let mut told = match (unreachable, in_one) {
        (0, _) => Vec::new(),
        _ => vec![text(
            format!("unreachable in {unreachable} of {of} places"),
            format!("{of} 地中 {unreachable} 地连不上"),
        )],
    };
    match (answering, in_one) {
        (0, _) => {}
        (_, true) => told.push(text("answers, not usable", "有应答但不可用")),
        _ => told.push(text(
            format!("answers, not usable, in {answering} of {of} places"),
            format!("{of} 地中 {answering} 地有应答但不可用"),
        )),
    }
    if answering + unreachable < *of {
        let cost = told_ms(standing.cost);
        told.push(text(format!("{cost} ms"), format!("{cost} ms")));
        if *dead_addresses && *unreachable == 0 {
            told.push(text(
                "has an address that never answers, counted as 250 ms",
                "有地址始终无应答，按 250 ms 计",
            ));
        }
        if *failed > 0 && *unreachable == 0 {
            told.push(text(
                format!("{failed} of {attempts} attempts failed, each counted as 10 s"),
                format!("{attempts} 次尝试失败 {failed} 次，每次按 10 秒计"),
            ));
        }
    }
    let en: Vec<&str> = told.iter().map(|one| &*one.en).collect();
    let zh: Vec<&str> = told.iter().map(|one| &*one.zh).collect();
    text(en.join(", "), zh.join("，"))
}

fn of_reading(reading: &Reading) -> Text {
    let reader = match reading.reader {
        Reader::Web4 => text("Web SDK 4", "Web SDK 4"),
        Reader::Web4Older => text("Web SDK 4, older versions", "Web SDK 4 旧版本"),
        Reader::Web5 => text("Web SDK 5", "Web SDK 5"),
        Reader::Go => text("Go SDK", "Go SDK"),
        Reader::Native => text(
            "native SDKs (older ones pick at random)",
            "原生 SDK（旧版本随机选择）",
        ),
    };
    let what = match reading.rest {
        true => text("REST", "REST"),
        false => text("connection", "长连接"),
    };
    let told = match (first(&reading.before), first(&reading.after)) {
        (_, Err(trouble)) => trouble,
        (Ok(before), Ok(after)) if before == after => text(after.clone(), after),
        (Ok(before), Ok(after)) => text(
            format!("{after} (was {before})"),
            format!("{after}（原为 {before}）"),
        ),
        (Err(_), Ok(after)) => text(after.clone(), after),
    };
    text(
        format!("{}, {}: {}", reader.en, what.en, told.en),
        format!("{}，{}：{}", reader.zh, what.zh, told.zh),
    )
}

fn first(found: &Found) -> Result<String, Text> {
    match found {
        Ok(hosts) => Ok(shown(hosts.first().map_or("", String::as_str), 80)),
        Err(Trouble::Missing(section)) => Err(text(
            format!("cannot use this list: {section} has no hosts"),
            format!("无法使用该列表：{section} 中没有主机"),
        )),
        Err(Trouble::NoneTaken(section, takes)) => Err(text(
            format!(
                "cannot use this list: {section} has no host with protocol {}",
                takes.join(" or ")
            ),
            format!(
                "无法使用该列表：{section} 中没有 protocol 为 {} 的主机",
                takes.join(" 或 ")
            ),
        )),
    }
}
