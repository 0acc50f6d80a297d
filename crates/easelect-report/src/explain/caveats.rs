//! What limits a report: its age, its data centres, how it was measured.

use std::time::{Duration, SystemTime};

use crate::figures::ago;
use crate::model::Model;
use crate::texts::{Text, list, shown, text};

/// A report that is older says little of a network today.
const FRESH: Duration = Duration::from_secs(3600);
/// With more data centres than that, the app's is probably among them.
const FEW: usize = 3;
/// The longest identifier that is repeated from a file, in characters.
const NAME: usize = 80;

/// What limits what the report says; nothing where all is usual.
pub(super) fn caveats(model: &Model, now: SystemTime) -> Vec<Text> {
    let environment = &model.environment;
    if environment.lab.is_some() {
        // What else there is to say of it is beside the point.
        return vec![text(
            "It is of a simulated network (--lab).",
            "报告来自模拟网络（--lab）。",
        )];
    }
    let mut caveats = Vec::new();
    caveats.extend(age(model, now));
    caveats.extend(data_centres(model));
    if !model.complete {
        caveats.push(text(
            "It is incomplete: the run ended before everything was measured.",
            "报告不完整：测量结束时未测完所有内容。",
        ));
    }
    let changed = environment.network.as_ref().and_then(|one| one.changed);
    if changed == Some(true) {
        caveats.push(text(
            "The network changed while it was measured.",
            "测量期间网络发生了变化。",
        ));
    }
    if environment.proxy.is_some() {
        caveats.push(text(
            "It was measured through a proxy; the SDK may not use one.",
            "测量经过代理；SDK 可能不使用代理。",
        ));
    }
    if environment.dns.is_some() || !environment.pinned.is_empty() {
        caveats.push(text(
            "It was measured with another DNS server, or with addresses given by hand; the \
                 SDK asks the device's DNS.",
            "测量时使用了指定的 DNS 服务器或手工指定的地址；SDK 使用设备自身的 DNS。",
        ));
    }
    caveats
}

fn age(model: &Model, now: SystemTime) -> Option<Text> {
    let Ok(then) = humantime::parse_rfc3339(&model.finished_at) else {
        return Some(text(
            "When it was measured can't be read.",
            "无法识别报告的测量时间。",
        ));
    };
    let Ok(age) = now.duration_since(then) else {
        return Some(text(
            "Its time is ahead of this computer's clock: one of the two clocks is wrong.",
            "报告时间晚于本机时间：两者之一的时钟不准。",
        ));
    };
    if age < FRESH {
        return None;
    }
    let ago = ago(then, now)?;
    Some(text(
        format!(
            "It was measured {}: the network may be another by now. Measure while the error \
             appears.",
            ago.en
        ),
        format!(
            "报告测于 {}：网络可能已有变化。请在错误出现时重新测量。",
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
    Some(text(
        format!(
            "It tests the data centre {}. If the app lives in another, it says nothing of the \
             app's servers.",
            which.en
        ),
        format!(
            "报告测试的数据中心为 {}；如应用位于其他数据中心，则不能说明应用所用服务器的情况。",
            which.zh
        ),
    ))
}
