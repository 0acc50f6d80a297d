use easelect::futures::StreamExt;
use easelect::{Selector, SelectorEvent};

/// Formats events as log lines until the selector is dropped.
pub async fn watch(selector: Selector, mut line: impl FnMut(String)) {
    let mut events = selector.events();
    drop(selector);
    while let Some(event) = events.next().await {
        line(match event {
            SelectorEvent::Opened {
                endpoint,
                time_to_open,
                ..
            } => {
                let (service, host) = (endpoint.service(), endpoint.host());
                format!("open {service} {host} {} ms", time_to_open.as_millis())
            }
            SelectorEvent::Failed { why, .. } => format!("not open: {why:?}"),
            SelectorEvent::Closed {
                endpoint,
                reason,
                lived,
                ..
            } => {
                format!("closed {} {reason} after {lived:.0?}", endpoint.host())
            }
            SelectorEvent::BreakerOpened { address, .. } => format!("failing {address}"),
            SelectorEvent::PreferenceChanged { to, .. } => {
                format!("best {} {}", to.service(), to.host())
            }
            SelectorEvent::HistoryNotKept { why } => format!("history not saved: {why}"),
            other => format!("{other:?}"),
        });
    }
}

/// Totals since the selector was built.
pub fn figures(selector: &Selector) -> String {
    let stats = selector.stats();
    let p50 = stats.time_to_open.map_or(0, |took| took.p50.as_millis());
    format!(
        "opened {} failed {} lost {} p50 {p50} ms",
        stats.opened, stats.failed, stats.lost
    )
}
