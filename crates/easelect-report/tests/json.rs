//! The JSON, key by key.

mod support;

use std::time::{Duration, SystemTime};

use easelect::{Catalog, FailureKind, LocalNetwork, Nat64, Phase, Region, Service};
use easelect_report::{Context, Lang, Model, Report, Style, json, table};
use support::*;

#[test]
fn the_schema_is_held() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let one = Measured::of(&a).lookup(ms(12));
    let address = one.v4();
    let good = one.good(address, [20, 22]);
    let down = failing(&b, failure(Phase::Connect, FailureKind::Refused)).unfinished(1);
    let mut context = context();
    context.in_use = vec![a];
    context.environment.proxy_variables = vec!["HTTPS_PROXY".to_owned()];
    context.environment.timeout = Some(ms(5000));
    let report = Report::new(&outcome(&[ranking([good, down])]), context);
    insta::assert_snapshot!(json(&Model::new(&report, Lang::En)), @r###"
{
  "schema": 1,
  "version": "0.1.0",
  "lang": "en",
  "started_at": "2025-10-09T08:53:08Z",
  "finished_at": "2025-10-09T08:53:20Z",
  "finished_at_local": null,
  "note": null,
  "complete": true,
  "redacted": false,
  "environment": {
    "os": "linux",
    "arch": "x86_64",
    "lab": null,
    "dns": null,
    "nat64": null,
    "families": "both",
    "families_tried": [
      "v4"
    ],
    "families_working": [
      "v4"
    ],
    "proxy": null,
    "proxy_variables": [
      "HTTPS_PROXY"
    ],
    "system_proxies": [],
    "pinned": [],
    "roots": null,
    "cacert": false,
    "rounds": null,
    "timeout_ms": 5000.0,
    "deadline_ms": null,
    "in_flight": null,
    "network": null,
    "name_servers": [],
    "interface": null
  },
  "verdict": {
    "code": "some_endpoints_fail",
    "actor": "easemob",
    "text": "Usable, but not everything works; every service has a first choice. https://a1-sgp.easecdn.com/ fails at TCP connect: connection refused.",
    "who_acts": "Easemob support",
    "next_step": "Measure again from another network; if it fails there too, send this report to Easemob support.",
    "not_tested": "Not tested: token, account, and the app's own logic."
  },
  "findings": [
    {
      "code": "endpoint_down",
      "severity": "harms",
      "fault": "some_endpoints_fail",
      "actor": "easemob",
      "text": "https://a1-sgp.easecdn.com/ fails at TCP connect: connection refused.",
      "hint": "Measure again from another network; if it fails there too, send this report to Easemob support.",
      "regions": [
        "sgp1"
      ],
      "services": [
        "rest"
      ],
      "urls": [
        "https://a1-sgp.easecdn.com/"
      ]
    },
    {
      "code": "current_is_first",
      "severity": "informs",
      "fault": "all_well",
      "actor": null,
      "text": "The endpoint in use, https://a1-sgp.easemob.com/, is the first choice.",
      "hint": "No change is needed.",
      "regions": [],
      "services": [],
      "urls": []
    },
    {
      "code": "unfinished",
      "severity": "informs",
      "fault": "not_measured",
      "actor": "you",
      "text": "The deadline ended the measurement early; 1 attempt did not complete.",
      "hint": "Allow more time with --deadline, or select fewer data centres and services.",
      "regions": [],
      "services": [],
      "urls": []
    }
  ],
  "direct_lookups": [],
  "groups": [
    {
      "region": "sgp1",
      "region_name": "Singapore 1",
      "service": "rest",
      "service_name": "RESTful API",
      "best": "https://a1-sgp.easemob.com/",
      "lead_ms": null,
      "clear_lead": null,
      "second_source": false,
      "endpoints": [
        {
          "rank": 1,
          "tier": "ready",
          "url": "https://a1-sgp.easemob.com/",
          "configured_url": "https://a1-sgp.easemob.com/",
          "host": "a1-sgp.easemob.com",
          "authority": "a1-sgp.easemob.com",
          "label": null,
          "variant": "easemob",
          "region": "sgp1",
          "service": "rest",
          "confidence": "documented",
          "in_use": true,
          "listed": false,
          "attempts": 2,
          "successes": 2,
          "unfinished": 0,
          "locally_delayed": 0,
          "failed_ratio": 0.0,
          "expected_cost_ms": 67.333,
          "total_ms": {
            "min": 61.0,
            "mean": 64.0,
            "stddev": 4.243,
            "p50": 64.0,
            "p90": null,
            "p99": null,
            "max": 67.0
          },
          "phases_ms": {
            "resolve": {
              "min": 12.0,
              "mean": 12.0,
              "stddev": 0.0,
              "p50": 12.0,
              "p90": null,
              "p99": null,
              "max": 12.0
            },
            "connect": {
              "min": 20.0,
              "mean": 21.0,
              "stddev": 1.414,
              "p50": 21.0,
              "p90": null,
              "p99": null,
              "max": 22.0
            },
            "proxy": null,
            "tls": {
              "min": 21.0,
              "mean": 22.0,
              "stddev": 1.414,
              "p50": 22.0,
              "p90": null,
              "p99": null,
              "max": 23.0
            },
            "upgrade": null,
            "processing": {
              "min": 20.0,
              "mean": 21.0,
              "stddev": 1.414,
              "p50": 21.0,
              "p90": null,
              "p99": null,
              "max": 22.0
            }
          },
          "addresses": [
            {
              "address": "47.93.7.21:443",
              "attempts": 2,
              "successes": 2,
              "total_ms": {
                "min": 61.0,
                "mean": 64.0,
                "stddev": 4.243,
                "p50": 64.0,
                "p90": null,
                "p99": null,
                "max": 67.0
              },
              "certificate": null,
              "chain": [],
              "trust": null,
              "after_upgrade": null,
              "failures": []
            }
          ],
          "addresses_left_out": 0,
          "failures": [],
          "refused_certificates": [],
          "certificate_expires": null,
          "inspected_by": null,
          "reason": {
            "code": "only_ready",
            "text": "first choice in this data centre: the only one that is ready",
            "phase": null,
            "kind": null
          },
          "samples": []
        },
        {
          "rank": 2,
          "tier": "unreachable",
          "url": "https://a1-sgp.easecdn.com/",
          "configured_url": "https://a1-sgp.easecdn.com/",
          "host": "a1-sgp.easecdn.com",
          "authority": "a1-sgp.easecdn.com",
          "label": null,
          "variant": "easecdn",
          "region": "sgp1",
          "service": "rest",
          "confidence": "documented",
          "in_use": false,
          "listed": false,
          "attempts": 4,
          "successes": 0,
          "unfinished": 1,
          "locally_delayed": 0,
          "failed_ratio": 1.0,
          "expected_cost_ms": null,
          "total_ms": null,
          "phases_ms": {
            "resolve": {
              "min": 12.0,
              "mean": 12.0,
              "stddev": 0.0,
              "p50": 12.0,
              "p90": null,
              "p99": null,
              "max": 12.0
            },
            "connect": null,
            "proxy": null,
            "tls": null,
            "upgrade": null,
            "processing": null
          },
          "addresses": [
            {
              "address": "47.93.7.22:443",
              "attempts": 4,
              "successes": 0,
              "total_ms": null,
              "certificate": null,
              "chain": [],
              "trust": null,
              "after_upgrade": null,
              "failures": [
                {
                  "phase": "connect",
                  "kind": "refused",
                  "message": "TCP connect: connection refused",
                  "hint": "Measure again from another network; if it fails there too, send this report to Easemob support.",
                  "count": 4
                }
              ]
            }
          ],
          "addresses_left_out": 0,
          "failures": [
            {
              "phase": "connect",
              "kind": "refused",
              "message": "TCP connect: connection refused",
              "hint": "Measure again from another network; if it fails there too, send this report to Easemob support.",
              "count": 4
            }
          ],
          "refused_certificates": [],
          "certificate_expires": null,
          "inspected_by": null,
          "reason": {
            "code": "fails",
            "text": "TCP connect: connection refused",
            "phase": "connect",
            "kind": "refused"
          },
          "samples": []
        }
      ]
    }
  ]
}
"###);
}

#[test]
fn the_proxy_is_told_without_its_password() {
    let [a, _] = pair(Region::SGP1, Service::Rest);
    let mut context = context();
    context.environment.proxy = Some("socks5://me:secret@proxy.example".parse().unwrap());
    context.environment.system_proxies = vec!["http://127.0.0.1:7890".to_owned()];
    let report = Report::new(&outcome(&[ranking([ok(&a, 20)])]), context);
    let json = json(&Model::new(&report, Lang::En));
    assert!(!json.contains("secret"), "{json}");
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    let proxy = serde_json::json!({"url": "socks5://proxy.example:1080", "variable": null});
    assert_eq!(parsed["environment"]["proxy"], proxy);
    let system = serde_json::json!(["http://127.0.0.1:7890"]);
    assert_eq!(parsed["environment"]["system_proxies"], system);
}

#[test]
fn texts_are_in_the_language_and_codes_are_not() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let report = report(&[ranking([ok(&a, 20), refused(&b)])]);
    let zh: serde_json::Value =
        serde_json::from_str(&json(&Model::new(&report, Lang::Zh))).unwrap();
    let en: serde_json::Value =
        serde_json::from_str(&json(&Model::new(&report, Lang::En))).unwrap();
    assert_eq!(zh["verdict"]["code"], en["verdict"]["code"]);
    assert_ne!(zh["verdict"]["text"], en["verdict"]["text"]);
    let message = &zh["groups"][0]["endpoints"][1]["failures"][0]["message"];
    assert_eq!(message, "TCP 连接：连接被拒绝");
}

#[test]
fn a_certificate_is_in_it() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let rankings = [ranking([
        ok(&a, 20).shows(certificate(-30, 60)),
        ok(&b, 20),
    ])];
    let told = json(&Model::new(&report(&rankings), Lang::En));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let endpoints = told["groups"][0]["endpoints"].as_array().unwrap();
    let first = endpoints.iter().find(|one| one["url"] == a.url()).unwrap();
    assert_eq!(
        first["addresses"][0]["certificate"],
        serde_json::json!({
            "not_before": "2025-09-09T08:53:20Z",
            "not_after": "2025-12-08T08:53:20Z",
            "expires_in_days": 60,
            "names": ["*.easemob.com"],
            "subject": "CN=Some CA",
            "issuer": "CN=Some CA",
            "key": "ECDSA P-256",
            "signature": "SHA256-ECDSA",
            "authority": false,
        })
    );
}

/// A clock that was never set, and one that is set back during the run.
#[test]
fn any_clock_makes_a_report() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
    for (started_at, finished_at, told_at) in [
        (before_1970, before_1970, "1969-12-31T00:00:00Z"),
        (now(), before_1970, "1969-12-31T00:00:00Z"),
        (before_1970, now(), "2025-10-09T08:53:20Z"),
    ] {
        let rankings = [ranking([
            ok(&a, 20).shows(certificate(-30, 60)),
            refused(&b),
        ])];
        let context = Context::new(Catalog::builtin(), started_at, finished_at);
        let report = Report::new(&outcome(&rankings), context);
        let told: serde_json::Value =
            serde_json::from_str(&json(&Model::new(&report, Lang::En))).unwrap();
        assert_eq!(told["finished_at"], told_at);
        assert!(!table(&Model::new(&report, Lang::Zh), Style::default()).is_empty());
    }
}

#[test]
fn the_machines_network_is_in_it_without_its_addresses() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let mut at_start = LocalNetwork::default();
    at_start.id = Some("auto-0123456789abcdef".to_owned());
    at_start.source_v4 = Some([192, 168, 0, 7].into());
    at_start.source_v6 = "2409:8900:1:2::3".parse().ok();
    let mut later = at_start.clone();
    later.source_v6 = None;
    for (at_end, changed) in [
        (Some(at_start.clone()), serde_json::json!(false)),
        (Some(later), serde_json::json!(true)),
        (None, serde_json::Value::Null),
    ] {
        let mut context = context();
        context.environment.network_at_start = Some(at_start.clone());
        context.environment.network_at_end = at_end;
        let rankings = [ranking([ok(&a, 20), ok(&b, 30)])];
        let report = Report::new(&outcome(&rankings), context);
        let told = json(&Model::new(&report, Lang::En));
        assert!(!told.contains("192.168.0.7") && !told.contains("2409"));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let expected = serde_json::json!({
            "id": "auto-0123456789abcdef",
            "ipv4": "private",
            "ipv6": "public",
            "changed": changed,
        });
        assert_eq!(told["environment"]["network"], expected);
    }
}

#[test]
fn the_way_to_ipv4_is_told_where_there_is_none() {
    let [a, _] = pair(Region::SGP1, Service::Rest);
    let measured = Measured::of(&a);
    let address = measured.v4();
    let good = measured.good(address, [20, 22]);
    let mut context = context();
    context.environment.nat64 = Nat64::new("64:ff9b::".parse().unwrap(), 96);
    let report = Report::new(&outcome(&[ranking([good])]), context);
    let json: serde_json::Value =
        serde_json::from_str(&json(&Model::new(&report, Lang::En))).unwrap();
    assert_eq!(json["environment"]["nat64"], "64:ff9b::/96");
    for lang in [Lang::En, Lang::Zh] {
        let table = table(&Model::new(&report, lang), Style::plain());
        assert!(
            table.contains("NAT64") && table.contains("64:ff9b::/96"),
            "{table}"
        );
    }
}

/// A report that is read again is the same, in every format.
#[test]
fn the_model_is_read_again() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let refused = failure(Phase::Upgrade, FailureKind::Rejected)
        .with_status(503)
        .with_retry_after(Some(Duration::from_secs(7)));
    let rankings = [ranking([
        ok(&a, 20).shows(certificate(-30, 60)),
        failing(&b, refused),
    ])];
    let mut context = context();
    context.in_use = vec![b];
    for lang in [Lang::En, Lang::Zh] {
        let model = Model::new(&Report::new(&outcome(&rankings), context.clone()), lang);
        let read: Model = serde_json::from_str(&json(&model)).unwrap();
        assert_eq!(read, model);
        assert_eq!(table(&read, Style::plain()), table(&model, Style::plain()));
    }
}
