//! The app's server list was fetched: where the App Key was sent, and which data centre the list names.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "app_key_sent",
    needs: "an App Key that the user gave for the list service; `data_centre_recognised` once the list arrived",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let of_note = |note: &Note| match note {
        Note::AppKeySent { to } => {
            let to = shown(to, 100);
            let told = text(
                format!("The App Key was sent only to {to}, the service that lists the app's servers."),
                format!("App Key 只发给了 {to}（提供应用的接入地址列表）。"),
            );
            Some(RULE.finding(told).severity(Severity::Background))
        }
        Note::Recognised { url, regions } => {
            let (url, regions) = (shown(url, 200), list(regions));
            let told = match regions.en.is_empty() {
                true => text(
                    format!("The app's server list ({url}) has no host of a known data centre."),
                    format!("应用的接入地址列表（{url}）中没有已知数据中心的主机。"),
                ),
                false => text(
                    format!("The app's data centre, according to its server list ({url}): {}.", regions.en),
                    format!("应用所在的数据中心（根据其接入地址列表 {url}）：{}。", regions.zh),
                ),
            };
            Some(Finding::new("data_centre_recognised", told).severity(Severity::Informs))
        }
        _ => None,
    };
    facts.context.notes.iter().filter_map(of_note).collect()
}
