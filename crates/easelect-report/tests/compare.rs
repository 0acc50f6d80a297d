//! Comparisons of two reports, in both languages.

mod support;

use std::time::Duration;

use easelect::{Endpoint, FailureKind, LocalNetwork, Phase, Region, Service};
use easelect_report::{
    Comparison, Context, Lang, Model, Report, Style, comparison_json, comparison_table,
};
use serde_json::Value;
use support::*;

fn told_by(context: Context, measured: impl IntoIterator<Item = Measured>, lang: Lang) -> Model {
    Model::new(&Report::new(&outcome(&[ranking(measured)]), context), lang)
}

/// A context so many hours later, on this network.
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

/// Eight attempts whose phases take these milliseconds, plus a jitter of up to three.
fn timed(endpoint: &Endpoint, times: [u64; 3]) -> Measured {
    looked_up(endpoint, 12, times)
}

/// The same, with lookups that take so many milliseconds.
fn looked_up(endpoint: &Endpoint, lookup: u64, [connect, tls, upgrade]: [u64; 3]) -> Measured {
    let mut one = Measured::of(endpoint);
    let address = one.v4();
    for number in 0..8 {
        let jitter = number % 4;
        let phases = [
            (Phase::Connect, ms(connect + jitter)),
            (Phase::Tls, ms(tls + jitter)),
            (Phase::Upgrade, ms(upgrade + (7 - number) % 4)),
        ];
        one = one
            .lookup(ms(lookup + jitter))
            .attempt(address, &phases, None);
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

/// Both languages, without wrapped lines.
fn unwrapped(comparison: &Comparison) -> String {
    let of = |lang| comparison_table(comparison, lang, Style::plain());
    format!("{}\n{}", of(Lang::En), of(Lang::Zh))
}

fn value(comparison: &Comparison) -> Value {
    serde_json::from_str(&comparison_json(comparison, Lang::En)).unwrap()
}

/// The codes of what changed: of all, then of each group, then of its endpoints, as `host code`.
fn codes(comparison: &Comparison) -> Vec<String> {
    let document = value(comparison);
    let mut codes = Vec::new();
    let mut of = |name: &str, changes: &Value| {
        let all = changes.as_array().unwrap().iter();
        codes.extend(all.map(|one| {
            let effect = one["effect"].as_str().unwrap();
            format!("{name} {} {effect}", one["code"].as_str().unwrap())
        }));
    };
    of("all", &document["changes"]);
    for group in document["groups"].as_array().unwrap() {
        of(group["service"].as_str().unwrap(), &group["changes"]);
        for one in group["endpoints"].as_array().unwrap() {
            let host = one["url"].as_str().unwrap().split('/').nth(2).unwrap();
            of(host.trim_start_matches("im-api-v2."), &one["changes"]);
        }
    }
    assert_eq!(comparison.changed(), document["changed"].as_bool().unwrap());
    codes
}

fn office(measured: impl IntoIterator<Item = Measured>) -> Model {
    told_by(later(0, "auto-office"), measured, Lang::Zh)
}

fn an_hour_later(measured: impl IntoIterator<Item = Measured>) -> Model {
    told_by(later(1, "auto-office"), measured, Lang::En)
}

const NEAR: [u64; 3] = [40, 42, 45];
const FAR: [u64; 3] = [60, 62, 65];

fn usual() -> [Measured; 2] {
    let [a, b] = websocket();
    [timed(&a, NEAR), timed(&b, FAR)]
}

fn expired(endpoint: &Endpoint) -> Measured {
    let expired = failure(Phase::Tls, FailureKind::CertificateExpired)
        .with_not_after(now() - Duration::from_secs(3 * 86_400));
    failing(endpoint, expired)
}

#[test]
fn a_slower_phase_is_told_in_both_languages() {
    let [a, b] = websocket();
    let slower = told_by(
        later(26, "auto-home"),
        [timed(&a, [41, 126, 46]), timed(&b, [61, 150, 65])],
        Lang::En,
    );
    let comparison =
        Comparison::new(&office(usual()), &slower).with_names("办公室.json", "home.html");
    insta::assert_snapshot!(both(&comparison), @r###"
B is slower: opening the first choice of socket 3.0 (WebSocket) in China 1 takes 218 ms instead of
132 ms; most of the difference is in the TLS handshake.

A  办公室.json | 2025-10-09T08:53:20Z | linux x86_64 | easelect 0.1.0
B  home.html | 2025-10-10T10:53:20Z | linux x86_64 | easelect 0.1.0

Conditions
- B was measured 26 hours after A.
- A and B were measured on different networks, or a VPN was switched on or off.

China 1 (cn1) | socket 3.0 (WebSocket)
- im-api-v2.easemob.com
  - Opening it takes 86.0 ms longer (132 → 218 ms); most of the difference is in the TLS handshake.
    - TLS handshake: 84.0 ms longer (43.5 → 128 ms).
- im-api-v2.easecdn.com
  - Opening it takes 89.0 ms longer (192 → 280 ms); most of the difference is in the TLS handshake.
    - TLS handshake: 88.0 ms longer (63.5 → 152 ms).

Notes
- Times are medians. Differences that may be chance, or that are below 5 ms or 10%, don't count as
  changes.

B 比 A 慢：国内 1 区 socket 3.0（WebSocket 地址）首选地址的建连耗时由 132 ms 增至 218 ms，差异主要在
TLS 握手。

A  办公室.json | 2025-10-09T08:53:20Z | linux x86_64 | easelect 0.1.0
B  home.html | 2025-10-10T10:53:20Z | linux x86_64 | easelect 0.1.0

测量条件
- B 的测量时间比 A 晚 26 小时。
- 两次测量的网络不同（换了网络，或开关了 VPN）。

国内 1 区（cn1）| socket 3.0（WebSocket 地址）
- im-api-v2.easemob.com
  - 建连耗时增加 86.0 ms（132 → 218 ms），差异主要在 TLS 握手。
    - TLS 握手：增加 84.0 ms（43.5 → 128 ms）。
- im-api-v2.easecdn.com
  - 建连耗时增加 89.0 ms（192 → 280 ms），差异主要在 TLS 握手。
    - TLS 握手：增加 88.0 ms（63.5 → 152 ms）。

说明
- 时间为中位数。可能只是偶然的差异，以及不足 5 ms 或 10% 的差异，不算变化。
"###);
}

#[test]
fn a_longer_way_is_told_as_that() {
    let [a, b] = websocket();
    let far = an_hour_later([timed(&a, [85, 87, 90]), timed(&b, [105, 107, 110])]);
    let comparison = Comparison::new(&office(usual()), &far);
    assert_eq!(
        comparison.summary(Lang::En),
        "B is slower: opening the first choice of socket 3.0 (WebSocket) in China 1 takes 266 ms instead of \
         132 ms; every phase takes about 45.0 ms longer, which suggests a longer round trip."
    );
    let back = Comparison::new(&far, &office(usual()));
    assert_eq!(
        back.summary(Lang::Zh),
        "B 比 A 快：国内 1 区 socket 3.0（WebSocket 地址）首选地址的建连耗时由 266 ms 降至 132 ms，各阶段均减少约 \
         45.0 ms，可能是往返时间变短。"
    );
}

#[test]
fn an_endpoint_that_is_down_is_told_in_both_languages() {
    let [a, b] = websocket();
    let down = an_hour_later([expired(&a), timed(&b, FAR)]);
    insta::assert_snapshot!(both(&Comparison::new(&office(usual()), &down)), @r###"
B is worse: im-api-v2.easemob.com: ready → unreachable. TLS handshake: certificate expired 3 days
ago.

A  2025-10-09T08:53:20Z | linux x86_64 | easelect 0.1.0
B  2025-10-09T09:53:20Z | linux x86_64 | easelect 0.1.0

Conditions
- B was measured 1 hour after A.
- Both were measured on the same network.

China 1 (cn1) | socket 3.0 (WebSocket)
- First choice changed: im-api-v2.easemob.com → im-api-v2.easecdn.com.
- Opening the first choice takes 60.0 ms longer (132 → 192 ms); every phase takes about 20.0 ms
  longer, which suggests a longer round trip.
- im-api-v2.easemob.com
  - State: ready → unreachable. TLS handshake: certificate expired 3 days ago.
- No change beyond noise: im-api-v2.easecdn.com.

Verdicts
A  The network is fine: every service that was measured has a usable endpoint.
B  Usable, but not everything works; every service has a first choice.
   wss://im-api-v2.easemob.com/websocket fails in the TLS handshake: certificate expired 3 days ago.

Notes
- Times are medians. Differences that may be chance, or that are below 5 ms or 10%, don't count as
  changes.

B 比 A 差：im-api-v2.easemob.com：可用 → 连不上。TLS 握手：证书已过期。

A  2025-10-09T08:53:20Z | linux x86_64 | easelect 0.1.0
B  2025-10-09T09:53:20Z | linux x86_64 | easelect 0.1.0

测量条件
- B 的测量时间比 A 晚 1 小时。
- 两次测量在同一网络。

国内 1 区（cn1）| socket 3.0（WebSocket 地址）
- 首选地址变化：im-api-v2.easemob.com → im-api-v2.easecdn.com。
- 首选地址的建连耗时增加 60.0 ms（132 → 192 ms），各阶段均增加约 20.0 ms，可能是往返时间变长。
- im-api-v2.easemob.com
  - 状态：可用 → 连不上。TLS 握手：证书已过期。
- 没有超出正常波动的变化：im-api-v2.easecdn.com。

两份报告的结论
A  网络连接正常：测量的每项服务都有可用的接入地址。
B  可以使用，但部分地址异常；每项服务都有首选地址。

说明
- 时间为中位数。可能只是偶然的差异，以及不足 5 ms 或 10% 的差异，不算变化。
"###);
}

#[test]
fn the_schema_is_held() {
    let [a, b] = websocket();
    let down = an_hour_later([expired(&a), timed(&b, FAR)]);
    let comparison = Comparison::new(&an_hour_later(usual()), &down).with_names("a.json", "b.json");
    insta::assert_snapshot!(comparison_json(&comparison, Lang::En), @r###"
{
  "schema": 1,
  "kind": "comparison",
  "version": "0.1.0",
  "lang": "en",
  "comparable": true,
  "changed": true,
  "effect": "worse",
  "summary": "B is worse: im-api-v2.easemob.com: ready → unreachable. TLS handshake: certificate expired 3 days ago.",
  "a": {
    "name": "a.json",
    "version": "0.1.0",
    "started_at": "2025-10-09T09:53:08Z",
    "finished_at": "2025-10-09T09:53:20Z",
    "os": "linux x86_64",
    "complete": true,
    "verdict": {
      "code": "all_well",
      "actor": null,
      "text": "The network is fine: every service that was measured has a usable endpoint.",
      "who_acts": "no action is needed",
      "next_step": "If login is still slow or fails, check the token, the account and the SDK's log.",
      "not_tested": "Not tested: token, account, and the app's own logic."
    }
  },
  "b": {
    "name": "b.json",
    "version": "0.1.0",
    "started_at": "2025-10-09T09:53:08Z",
    "finished_at": "2025-10-09T09:53:20Z",
    "os": "linux x86_64",
    "complete": true,
    "verdict": {
      "code": "some_endpoints_fail",
      "actor": "easemob",
      "text": "Usable, but not everything works; every service has a first choice. wss://im-api-v2.easemob.com/websocket fails in the TLS handshake: certificate expired 3 days ago.",
      "who_acts": "Easemob support",
      "next_step": "Check this computer's date and time. If they are right, send this report to Easemob support.",
      "not_tested": "Not tested: token, account, and the app's own logic."
    }
  },
  "circumstances": [
    {
      "code": "time",
      "a": "2025-10-09T09:53:08Z",
      "b": "2025-10-09T09:53:08Z",
      "text": "Both began at the same time."
    },
    {
      "code": "same_network",
      "text": "Both were measured on the same network."
    }
  ],
  "changes": [],
  "groups": [
    {
      "region": "cn1",
      "service": "websocket",
      "name": "China 1 (cn1) | socket 3.0 (WebSocket)",
      "changes": [
        {
          "code": "first_choice",
          "effect": "different",
          "phase": null,
          "a": "im-api-v2.easemob.com",
          "b": "im-api-v2.easecdn.com",
          "text": "First choice changed: im-api-v2.easemob.com → im-api-v2.easecdn.com."
        }
      ],
      "opening": {
        "code": "first_choice_time",
        "effect": "worse",
        "phase": null,
        "a_ms": 131.5,
        "b_ms": 191.5,
        "text": "Opening the first choice takes 60.0 ms longer (132 → 192 ms); every phase takes about 20.0 ms longer, which suggests a longer round trip."
      },
      "endpoints": [
        {
          "url": "wss://im-api-v2.easecdn.com/websocket",
          "changes": [],
          "notes": []
        },
        {
          "url": "wss://im-api-v2.easemob.com/websocket",
          "changes": [
            {
              "code": "tier",
              "effect": "worse",
              "phase": null,
              "a": "ready",
              "b": "unreachable",
              "text": "State: ready → unreachable. TLS handshake: certificate expired 3 days ago."
            }
          ],
          "notes": []
        }
      ],
      "notes": []
    }
  ],
  "notes": []
}
"###);
}

#[test]
fn the_way_back_is_told_the_other_way_round() {
    let [a, b] = websocket();
    let down = office([expired(&a), timed(&b, FAR)]);
    let comparison = Comparison::new(&down, &an_hour_later(usual()));
    assert_eq!(
        comparison.summary(Lang::En),
        "B is better: im-api-v2.easemob.com: unreachable → ready. In A: TLS handshake: certificate expired."
    );
    assert_eq!(
        comparison.summary(Lang::Zh),
        "B 比 A 好：im-api-v2.easemob.com：连不上 → 可用。A 中：TLS 握手：证书 3 天前过期。"
    );
    let codes = codes(&comparison);
    assert_eq!(
        codes,
        [
            "websocket first_choice different",
            "easemob.com tier better"
        ]
    );
}

#[test]
fn a_report_is_no_change_of_itself() {
    let one = office(usual());
    let comparison = Comparison::new(&one, &one);
    assert_eq!(comparison.summary(Lang::En), "No change beyond noise.");
    assert_eq!(comparison.summary(Lang::Zh), "没有超出正常波动的变化。");
    assert_eq!(codes(&comparison), [""; 0]);
    assert!(comparison.comparable());
    assert!(unwrapped(&comparison).contains("A and B are the same report."));
}

#[test]
fn services_of_different_data_centres_are_not_compared() {
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let comparison = Comparison::new(&office(usual()), &an_hour_later([ok(&c, 20), ok(&d, 200)]));
    assert!(!comparison.comparable() && !comparison.changed());
    let told = unwrapped(&comparison);
    assert!(
        told.contains("Only in A, not compared: China 1 (cn1) | socket 3.0 (WebSocket)."),
        "{told}"
    );
    assert!(
        told.contains("仅 B 中有，未比较：新加坡 1 区（sgp1）| WebSocket 地址。"),
        "{told}"
    );
    let empty = Model::new(&Report::new(&outcome(&[]), context()), Lang::En);
    let summary = Comparison::new(&empty, &office(usual())).summary(Lang::En);
    assert!(summary.contains("has no endpoints"), "{summary}");
}

#[test]
fn a_simulated_network_says_nothing_of_a_real_one() {
    let mut lab = later(1, "auto-office");
    lab.environment.lab = Some("wifi.toml\u{1b}[2J".to_owned());
    let lab = told_by(lab, usual(), Lang::En);
    let comparison = Comparison::new(&office(usual()), &lab);
    let summary = comparison.summary(Lang::En);
    assert!(
        summary.starts_with("B is from a simulated network, A from a real one"),
        "{summary}"
    );
    assert!(summary.ends_with("No change beyond noise."), "{summary}");
    assert!(!unwrapped(&comparison).contains('\u{1b}'));
    assert!(
        !Comparison::new(&lab, &lab)
            .summary(Lang::En)
            .contains("simulated")
    );
}

#[test]
fn one_failure_of_eight_is_noise_and_eight_more_are_not() {
    let [a, b] = websocket();
    let timeout = || failure(Phase::Connect, FailureKind::Timeout);
    let with = |times| {
        let one = timed(&a, NEAR);
        let address = one.v4();
        an_hour_later([one.bad(address, timeout(), times), timed(&b, FAR)])
    };
    let flaky = Comparison::new(&office(usual()), &with(1));
    assert_eq!(codes(&flaky), [""; 0]);
    let told = unwrapped(&flaky);
    // A finding and a verdict that may be chance are marked.
    assert!(
        told.contains("Only in B, and possibly by chance: "),
        "{told}"
    );
    assert!(
        told.contains("Verdicts (nothing above explains the difference"),
        "{told}"
    );
    let failing = Comparison::new(&office(usual()), &with(8));
    assert_eq!(
        codes(&failing),
        [
            "websocket first_choice different",
            "easemob.com failures worse"
        ]
    );
    assert_eq!(
        failing.summary(Lang::En),
        "B is worse: im-api-v2.easemob.com fails more often: 8 of 16 attempts instead of 0 of 8; most often \
         \"TCP connect: no answer in time\"."
    );
    assert_eq!(
        failing.summary(Lang::Zh),
        "B 比 A 差：im-api-v2.easemob.com 失败率升高：0/8 → 8/16，最常见的是“TCP 连接：超时，对方无应答”。"
    );
}

#[test]
fn one_attempt_that_failed_may_be_chance() {
    let [a, b] = websocket();
    let lost = |kind, times| {
        let one = Measured::of(&a).lookup(ms(12));
        let address = one.v4();
        let one = one.bad(address, failure(Phase::Connect, kind), times);
        Comparison::new(&office(usual()), &an_hour_later([one, timed(&b, FAR)]))
    };
    let once = lost(FailureKind::Timeout, 1);
    assert!(
        !codes(&once).iter().any(|one| one.contains("tier")),
        "{:?}",
        codes(&once)
    );
    assert!(unwrapped(&once).contains("With so few attempts, this may be chance."));
    let twice = codes(&lost(FailureKind::Timeout, 2));
    assert!(
        twice.contains(&"easemob.com tier worse".to_owned()),
        "{twice:?}"
    );
    // A refusal is not chance.
    let refused = codes(&lost(FailureKind::Refused, 1));
    assert!(
        refused.contains(&"easemob.com tier worse".to_owned()),
        "{refused:?}"
    );
}

#[test]
fn what_was_not_tried_did_not_change() {
    let [a, b] = websocket();
    let untried = an_hour_later([timed(&a, NEAR), Measured::of(&b).unfinished(3)]);
    let comparison = Comparison::new(&office(usual()), &untried);
    assert_eq!(codes(&comparison), [""; 0]);
    assert!(unwrapped(&comparison).contains("B 中未探测：im-api-v2.easecdn.com。"));
}

#[test]
fn no_first_choice_comes_first() {
    let [a, b] = websocket();
    let none = an_hour_later([refused(&a), refused(&b)]);
    let lost = Comparison::new(&office(usual()), &none);
    assert_eq!(
        lost.summary(Lang::En),
        "B is worse: socket 3.0 (WebSocket) in China 1: no endpoint is ready in B; the first choice in A was \
         im-api-v2.easemob.com."
    );
    let found = Comparison::new(&none, &office(usual()));
    assert_eq!(
        found.summary(Lang::Zh),
        "B 比 A 好：国内 1 区 socket 3.0（WebSocket 地址）：B 中首选地址为 im-api-v2.easemob.com；A 中没有可用的接入地址。"
    );
}

#[test]
fn equals_that_change_places_did_not_change() {
    let [a, b] = websocket();
    let before = office([timed(&a, NEAR), timed(&b, [41, 43, 46])]);
    let after = office([timed(&a, [43, 45, 47]), timed(&b, [39, 40, 42])]);
    let [first, second] = [&before, &after].map(|one| one.groups[0].best.clone());
    assert_ne!(first, second, "they change places");
    let comparison = Comparison::new(&before, &after);
    assert_eq!(codes(&comparison), [""; 0]);
    assert!(unwrapped(&comparison).contains("but neither changed beyond noise."));
}

#[test]
fn behind_a_proxy_only_what_lies_behind_it_is_compared() {
    let [a, b] = websocket();
    let mut proxied = later(1, "auto-office");
    proxied.environment.proxy = Some("http://me:secret@127.0.0.1:7890".parse().unwrap());
    // The proxy is near: TCP takes a millisecond.
    let proxied = told_by(
        proxied,
        [timed(&a, [1, 90, 95]), timed(&b, [1, 110, 115])],
        Lang::En,
    );
    let comparison = Comparison::new(&office(usual()), &proxied);
    let told = unwrapped(&comparison);
    assert!(
        told.contains("Proxy: none → http://127.0.0.1:7890"),
        "{told}"
    );
    assert!(
        !told.contains("TCP connect:") && !told.contains("secret"),
        "{told}"
    );
    assert!(
        !codes(&comparison).iter().any(|one| one.ends_with("better")),
        "{told}"
    );
}

#[test]
fn lookups_are_told_once() {
    let [a, b] = websocket();
    let slow = an_hour_later([looked_up(&a, 320, NEAR), looked_up(&b, 300, FAR)]);
    let comparison = Comparison::new(&office(usual()), &slow);
    assert_eq!(
        comparison.summary(Lang::En),
        "B is slower: name lookups take longer for 2 of 2 hosts: im-api-v2.easemob.com 13.5 → 322 ms, \
         im-api-v2.easecdn.com 13.5 → 302 ms."
    );
    assert!(codes(&comparison).contains(&"all lookup_time worse".to_owned()));
}

#[test]
fn other_addresses_are_told_and_rotating_ones_are_not() {
    let [a, b] = websocket();
    let at = |numbers: &[u8]| {
        let mut one = Measured::of(&a).lookup(ms(12));
        for number in numbers {
            one = one.good(([47, 93, 8, *number], 443).into(), [40, 41, 40, 42]);
        }
        office([one, timed(&b, FAR)])
    };
    let rotated = Comparison::new(&at(&[1, 2, 3]), &at(&[3, 4, 5]));
    assert_eq!(codes(&rotated), [""; 0]);
    let moved = Comparison::new(&at(&[1]), &at(&[2]));
    assert_eq!(codes(&moved), ["easemob.com addresses different"]);
    assert_eq!(
        moved.summary(Lang::En),
        "Neither better nor worse beyond noise, but something differs: im-api-v2.easemob.com: Resolves to \
         different addresses: 47.93.8.1 → 47.93.8.2."
    );
}

#[test]
fn another_certificate_is_told_by_its_issuer_or_its_dates() {
    let [a, b] = websocket();
    let showing = |name: &str, to| {
        let one = timed(&a, NEAR).shows(certificate(-10, to));
        let mut model = office([one, timed(&b, FAR)]);
        for address in &mut model.groups[0].endpoints[0].addresses {
            if let Some(certificate) = &mut address.certificate {
                certificate.issuer = name.to_owned();
            }
        }
        model
    };
    let before = showing("Some CA", 60);
    assert_eq!(
        codes(&Comparison::new(&before, &showing("Some CA", 60))),
        [""; 0]
    );
    let renewed = Comparison::new(&before, &showing("Some CA", 90));
    assert_eq!(codes(&renewed), ["easemob.com certificate different"]);
    let other = Comparison::new(&before, &showing("Corp\u{202e} Root", 60));
    assert_eq!(codes(&other), ["easemob.com certificate_issuer different"]);
    assert!(!unwrapped(&other).contains('\u{202e}'));
    let mut inspected = showing("Corp Root", 60);
    inspected.groups[0].endpoints[0].inspected_by = Some("Corp Root".to_owned());
    let inspected = Comparison::new(&before, &inspected);
    assert_eq!(codes(&inspected), ["easemob.com inspection different"]);
    assert!(
        unwrapped(&inspected).contains("B 中，证书由 Corp Root 签发，只有测量所用的电脑信任它：")
    );
}

#[test]
fn what_one_of_the_two_has_alone_is_said() {
    let [a, _] = websocket();
    let one = an_hour_later([timed(&a, NEAR)]);
    let comparison = Comparison::new(&office(usual()), &one);
    assert_eq!(codes(&comparison), [""; 0]);
    assert!(unwrapped(&comparison).contains("Only in A, not compared: im-api-v2.easecdn.com."));
}

#[test]
fn circumstances_are_told() {
    let before = office(usual());
    let mut after = later(48, "auto-office");
    after.environment.dns = Some("223.5.5.5:53".parse().unwrap());
    after.environment.rounds = Some(8);
    after.environment.os = "windows".to_owned();
    let mut after = told_by(after, usual(), Lang::En);
    after.complete = false;
    after.version = "9.0.0\u{7}".to_owned();
    let comparison = Comparison::new(&before, &after);
    assert!(!comparison.changed());
    let told = unwrapped(&comparison);
    for one in [
        "B was measured 2 days after A.",
        "B is incomplete: its run ended before everything was measured.",
        "两次测量在同一网络。",
        "指定的 DNS 服务器：无 → 223.5.5.5:53",
        "Operating system: linux x86_64 → windows x86_64",
        "Requested rounds: none → 8",
        "easelect 版本：0.1.0 → 9.0.0\\u{7}",
    ] {
        assert!(told.contains(one), "{one}\n{told}");
    }
    let back = unwrapped(&Comparison::new(&after, &before));
    assert!(back.contains("B was measured 2 days before A"), "{back}");
}

/// Redacted identifiers of two networks are the same placeholder.
#[test]
fn hidden_networks_are_neither_the_same_nor_others() {
    let on = |network| told_by(later(0, network), usual(), Lang::En);
    let (before, after) = (on("office"), told_by(later(1, "home"), usual(), Lang::En));
    let told =
        |a: &Model, b: &Model| comparison_table(&Comparison::new(a, b), Lang::En, Style::plain());
    assert!(told(&before, &after).contains("different networks"));
    for (a, b) in [
        (before.redacted(), after.redacted()),
        (before.clone(), after.redacted()),
        (before.redacted(), after.clone()),
    ] {
        let told = told(&a, &b);
        assert!(
            !told.contains("different networks") && !told.contains("same network"),
            "{told}"
        );
    }
}

/// A redacted report and the full report of the same run have no difference.
#[test]
fn a_hidden_proxy_is_no_other_proxy() {
    let through = |proxy: &str, lang| {
        let mut context = later(1, "auto-office");
        context.environment.proxy = Some(proxy.parse().unwrap());
        context.environment.dns = Some("192.168.7.1:53".parse().unwrap());
        told_by(context, usual(), lang)
    };
    let corporate = "http://proxy.corp.example:8080";
    let full = through(corporate, Lang::En);
    let (hidden, in_chinese) = (full.redacted(), through(corporate, Lang::Zh).redacted());
    for (a, b) in [
        (&hidden, &full),
        (&full, &hidden),
        (&hidden, &in_chinese),
        (&full, &in_chinese),
    ] {
        let told = unwrapped(&Comparison::new(a, b));
        for one in ["Proxy:", "代理：", "DNS server:", "192.168.7.1"] {
            assert!(!told.contains(one), "{one}\n{told}");
        }
    }
    // A value that isn't hidden is shown.
    let near = through("http://127.0.0.1:7890", Lang::En);
    let told = unwrapped(&Comparison::new(&hidden, &near));
    assert!(told.contains("→ http://127.0.0.1:7890"), "{told}");
    let none = told_by(later(1, "auto-office"), usual(), Lang::En);
    let told = unwrapped(&Comparison::new(&none, &hidden));
    assert!(
        told.contains("Proxy: none → http://[proxy 1]:8080"),
        "{told}"
    );
}

/// A sentence quoted from a report in the other language has one full stop.
#[test]
fn a_quoted_sentence_has_one_full_stop() {
    let [a, b] = websocket();
    let before = office([timed(&a, NEAR), timed(&b, FAR)]);
    for lang in [Lang::En, Lang::Zh] {
        let at = Measured::of(&b).v4();
        let alternate = Measured::of(&b).good_at("/ws/websocket", at, [60, 61, 60]);
        let after = told_by(later(1, "auto-office"), [timed(&a, NEAR), alternate], lang);
        let told = unwrapped(&Comparison::new(&before, &after));
        for twice in [".。", "。.", "..", "。。"] {
            assert!(!told.contains(twice), "{twice}\n{told}");
        }
    }
}

#[test]
fn texts_of_strangers_are_escaped_and_bounded() {
    let [a, b] = websocket();
    let before = office(usual());
    let mut after = an_hour_later([refused(&a), timed(&b, FAR)]);
    let evil = "\u{1b}]0;x\u{7}\u{202e}".repeat(10_000);
    after.verdict.text.clone_from(&evil);
    after.groups[0].region_name.clone_from(&evil);
    for one in &mut after.groups[0].endpoints {
        one.authority.clone_from(&evil);
        one.reason.text.clone_from(&evil);
    }
    for one in &mut after.findings {
        (one.code, one.text) = (evil.clone(), evil.clone());
    }
    let told = unwrapped(&Comparison::new(&before, &after));
    assert!(
        told.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'),
        "{told}"
    );
    assert!(told.len() < 100_000, "{}", told.len());
}
