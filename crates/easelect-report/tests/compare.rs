//! Two reports compared, in both languages.

mod support;

use std::time::Duration;

use easelect::{Endpoint, FailureKind, LocalNetwork, Phase, Region, Service};
use easelect_report::{
    Comparison, Context, Lang, Model, Report, Style, comparison_json, comparison_table, json,
};
use serde_json::Value;
use support::*;

fn told_by(context: Context, measured: impl IntoIterator<Item = Measured>, lang: Lang) -> Model {
    Model::new(&Report::new(&outcome(&[ranking(measured)]), context), lang)
}

/// When so much later it was measured, on another network if so.
fn later(hours: u64, network: &str) -> Context {
    let mut context = context();
    let gap = Duration::from_secs(3600 * hours);
    context.started_at += gap;
    context.finished_at += gap;
    let mut on = LocalNetwork::default();
    on.id = Some(network.to_owned());
    context.environment.network_at_start = Some(on.clone());
    context.environment.network_at_end = Some(on);
    context
}

/// Eight attempts whose phases take so many milliseconds, one to three more each.
fn timed(endpoint: &Endpoint, [connect, tls, upgrade]: [u64; 3]) -> Measured {
    let mut one = Measured::of(endpoint);
    let address = one.v4();
    for number in 0..8 {
        let jitter = number % 4;
        let phases = [
            (Phase::Connect, ms(connect + jitter)),
            (Phase::Tls, ms(tls + jitter)),
            (Phase::Upgrade, ms(upgrade + (7 - number) % 4)),
        ];
        one = one.lookup(ms(12)).attempt(address, &phases, None);
    }
    one
}

fn websocket() -> [Endpoint; 2] {
    pair(Region::CN1, Service::Websocket)
}

fn both(comparison: &Comparison) -> String {
    let style = Style::plain().with_width(100);
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| comparison_table(comparison, lang, style));
    format!("{en}\n{zh}")
}

fn value(comparison: &Comparison) -> Value {
    serde_json::from_str(&comparison_json(comparison, Lang::En)).unwrap()
}

#[test]
fn print_all() {
    let [a, b] = websocket();
    let before = told_by(
        later(0, "auto-office"),
        [timed(&a, [40, 42, 45]), timed(&b, [60, 62, 65])],
        Lang::Zh,
    );
    let mut vpn = later(26, "auto-vpn");
    vpn.environment.proxy = Some("http://127.0.0.1:7890".parse().unwrap());
    let after = told_by(
        vpn,
        [timed(&a, [41, 126, 46]), timed(&b, [61, 150, 65])],
        Lang::En,
    );
    println!(
        "{}",
        both(&Comparison::new(&before, &after).with_names("办公室.json", "vpn.html"))
    );
    println!("{}", both(&Comparison::new(&before, &before)));

    let expired = failure(Phase::Tls, FailureKind::CertificateExpired)
        .with_not_after(now() - Duration::from_secs(3 * 86_400));
    let down = told_by(
        later(1, "auto-office"),
        [failing(&a, expired), timed(&b, [60, 62, 65])],
        Lang::En,
    );
    println!("{}", both(&Comparison::new(&before, &down)));
    println!("{}", both(&Comparison::new(&down, &before)));
    println!(
        "{}",
        comparison_json(&Comparison::new(&before, &down), Lang::En)
    );

    let mut lab = context();
    lab.environment.lab = Some("wifi.toml".to_owned());
    let flaky = Measured::of(&a);
    let address = flaky.v4();
    let flaky = flaky.lookup(ms(10)).good(address, [40, 41]).bad(
        address,
        failure(Phase::Connect, FailureKind::Timeout),
        7,
    );
    let lab = told_by(lab, [flaky, refused(&b)], Lang::En);
    println!("{}", both(&Comparison::new(&before, &lab)));
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let other = told_by(context(), [ok(&c, 20), ok(&d, 20)], Lang::En);
    println!("{}", both(&Comparison::new(&before, &other)));
}
