//! The limits of a report beside an error code: its age, its data centres, how it was measured.

use std::time::{Duration, SystemTime};

use crate::figures::ago;
use crate::model::Model;
use crate::texts::{Text, list, shown, text};

/// The age above which a report may no longer describe the network.
const FRESH: Duration = Duration::from_secs(3600);
/// With more data centres than this in a report, the app's is probably among them.
const FEW: usize = 3;
/// The most characters of an identifier that are repeated from a file.
const NAME: usize = 80;

/// The limits of the report; empty if there are none worth a mention.
pub(super) fn caveats(model: &Model, now: SystemTime) -> Vec<Text> {
    let environment = &model.environment;
    if environment.lab.is_some() {
        // Every other limit is irrelevant then.
        return vec![text(
            "The report is from a simulated network (--lab).",
            "报告来自模拟网络（--lab）。",
        )];
    }
    let mut caveats = Vec::new();
    caveats.extend(age(model, now));
    caveats.extend(data_centres(model));
    if !model.complete {
        caveats.push(text(
            "The report is incomplete: the run ended before everything was measured.",
            "报告不完整：测量结束时未测完所有内容。",
        ));
    }
    let changed = environment.network.as_ref().and_then(|one| one.changed);
    if changed == Some(true) {
        caveats.push(text(
            "The network changed during the measurement.",
            "测量期间网络发生变化。",
        ));
    }
    if environment.proxy.is_some() {
        caveats.push(text(
            "The measurement went through a proxy; the SDK may not use one.",
            "测量经过代理；SDK 可能不使用代理。",
        ));
    }
    if environment.dns.is_some() || !environment.pinned.is_empty() {
        caveats.push(text(
            "The measurement used a specified DNS server or addresses given by hand; the SDK uses \
             the device's own DNS.",
            "测量时使用了指定的 DNS 服务器或手工指定的地址；SDK 使用设备自身的 DNS。",
        ));
    }
    caveats
}

fn age(model: &Model, now: SystemTime) -> Option<Text> {
    let Ok(then) = humantime::parse_rfc3339(&model.finished_at) else {
        return Some(text(
            "The report's time can't be read.",
            "无法识别报告的测量时间。",
        ));
    };
    let Ok(age) = now.duration_since(then) else {
        return Some(text(
            "The report's time is later than this computer's clock: one of the two clocks is wrong.",
            "报告时间晚于本机时间：两台设备中有一台的时间不准。",
        ));
    };
    if age < FRESH {
        return None;
    }
    let ago = ago(then, now)?;
    Some(text(
        format!(
            "The report is from {}: the network may have changed since. Measure again while the \
             error occurs.",
            ago.en
        ),
        format!(
            "报告生成于 {}：网络可能已有变化。请在错误出现时重新测量。",
            ago.zh
        ),
    ))
}

fn data_centres(model: &Model) -> Option<Text> {
    let groups = &model.groups;
    let in_use = groups
        .iter()
        .flat_map(|group| &group.endpoints)
        .any(|one| one.in_use || one.listed);
    let mut regions: Vec<String> = groups.iter().map(|one| shown(&one.region, NAME)).collect();
    regions.dedup();
    if in_use || regions.is_empty() || regions.len() > FEW {
        return None;
    }
    let which = list(&regions);
    let s = if regions.len() == 1 { "" } else { "s" };
    Some(text(
        format!(
            "The report covers only data centre{s} {}. If the app is in another one, the report says \
             nothing about the app's servers.",
            which.en
        ),
        format!(
            "报告只测试了数据中心 {}；如应用位于其他数据中心，则不能说明应用所用服务器的情况。",
            which.zh
        ),
    ))
}
