//! Which services of a report an SDK uses, and what they are called.

use easelect::Service;

use crate::model::{EndpointModel, GroupModel};
use crate::sdk::Sdk;
use crate::texts::{Text, list, service_name, shown, text};

/// The longest name that is repeated from a file, in characters.
const NAME: usize = 80;

/// The services over which these SDKs keep their connection, as far as reports have them.
pub(super) fn socket_services(sdks: &[Sdk]) -> Vec<&'static str> {
    let mut services: Vec<&'static str> = (sdks.iter())
        .filter_map(|sdk| match sdk {
            Sdk::Web4 | Sdk::Web5 | Sdk::Uniapp | Sdk::Desktop => Some("websocket"),
            Sdk::Wechat => Some("wechat"),
            Sdk::Alipay => Some("alipay"),
            _ => None,
        })
        .collect();
    services.dedup();
    services
}

/// Whether it keeps its connection to hosts that no report tests.
pub(super) fn is_native(sdk: Sdk) -> bool {
    matches!(
        sdk,
        Sdk::Android | Sdk::Ios | Sdk::Harmonyos | Sdk::ReactNative | Sdk::Flutter | Sdk::Unity
    )
}

/// No endpoint of it was ready.
pub(super) fn is_blocked(group: &GroupModel) -> bool {
    group.best.is_none()
}

/// Where it is: host and port.
pub(super) fn authority(one: &EndpointModel) -> String {
    shown(&one.authority, NAME)
}

/// A service by its identifier, which a file may have made up.
fn service(id: &str) -> Text {
    match id.parse::<Service>() {
        Ok(Service::Websocket) => text("WebSocket", "WebSocket"),
        Ok(Service::Rest) => text("RESTful API", "RESTful API"),
        Ok(known) => service_name(known, None),
        Err(_) => text(shown(id, NAME), shown(id, NAME)),
    }
}

/// Services by their identifiers.
pub(super) fn services(ids: &[&str]) -> Text {
    let names: Vec<Text> = ids.iter().map(|id| service(id)).collect();
    both(&names)
}

/// The groups by service and data centre.
pub(super) fn names(groups: &[&GroupModel]) -> Text {
    let names: Vec<Text> = (groups.iter())
        .map(|group| {
            let (service, region) = (service(&group.service), shown(&group.region, NAME));
            text(
                format!("{} ({region})", service.en),
                format!("{}（{region}）", service.zh),
            )
        })
        .collect();
    both(&names)
}

fn both(names: &[Text]) -> Text {
    let en: Vec<&str> = names.iter().map(|one| &*one.en).collect();
    let zh: Vec<&str> = names.iter().map(|one| &*one.zh).collect();
    text(list(&en).en, list(&zh).zh)
}
