//! Situations that users report, end to end in the simulated network: what is measured, what the
//! report concludes, whom it names, and which exit status follows.
//!
//! The numbers identify the situations. Those that the lab can't reproduce are tested elsewhere.
//!
//! | # | situation | test |
//! | --- | --- | --- |
//! | 1 | 101 with a folded header line | `a_folded_header_line_is_no_fault` |
//! | 2 | verified, then 302 | `a_redirection_names_its_target_and_nobody` |
//! | 3 | the intermediate expired | `an_expired_intermediate_is_the_operators` |
//! | 4 | a P-521 certificate only | `nothing_in_common_says_what_is_offered` |
//! | 5 | 503 with `Retry-After` | `a_service_in_trouble_is_no_wrong_path` |
//! | 6 | a firewall's page | `a_firewall_in_front_is_no_wrong_path` |
//! | 7 | Close frame with the 101 | `closed_at_once_is_told_with_its_code` |
//! | 8 | 101 without the subprotocol | `a_missing_subprotocol_is_told_by_name` |
//! | 9 | all silent until the deadline | `a_run_that_is_cut_off_tells_how_far_it_came` |
//! | 10 | `--resolve '*:443:ADDR'` | `src/dialer/pinned_host.rs`, `crates/easelect-cli/src/run.rs` |
//! | 11 | `--dns` beside a hosts file | `src/resolve/dns.rs`: `every_name_is_asked_for_every_time` |
//! | 12 | FORMERR to EDNS | `src/resolve/dns.rs`: `a_server_that_knows_no_edns_is_asked_without` |
//! | 13 | `WSS://…` | `src/catalog/endpoint.rs` |
//! | 14 | a BOM | `crates/easelect-cli/tests/bad_input.rs` |
//! | 15 | `#` in the URL of a list | `crates/easelect-cli/tests/bad_input.rs` |
//! | 16 | no more open files | `crates/easelect-report/tests/findings.rs`: `out_of_resources_says_nothing_of_anybody` |
//! | 17 | something nearby answers TCP | `crates/easelect-report/tests/situations.rs` |
//! | 18 | a VPN's halves of everywhere | `src/network_id.rs`: `half_of_everywhere_is_no_default_route` |
//! | 19 | reset sooner than a round trip | `crates/easelect-report/tests/situations.rs` |
//! | 20 | large packets vanish | `crates/easelect-report/tests/situations.rs` |
//! | 21 | inspection strips the upgrade | `an_inspection_that_strips_upgrades_is_named` |
//! | 22 | a lost datagram | `tests/probing.rs`: `a_lost_look_up_is_made_once_more_and_silence_is_told_as_silence` |
//! | 23 | the network goes away | `a_network_that_goes_away_is_told_with_its_time` |
//! | 24 | packets are lost | `crates/easelect-report/tests/situations.rs` |
//! | 25 | one of four addresses is dead | `a_dead_address_costs_its_share_of_the_rotation` |

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use easelect::{
    Catalog, Endpoint, Failure, FailureKind as Kind, Families, Phase, Prober, ProberBuilder,
    Region, Rounds, Service, Tier,
};
use easelect_lab::{Dns, Fault as Wrong, Host, Lab, Path, Scenario, Step};
use easelect_report::{Context, Evidence, Fault, Lang, Model, Report, Style, table};
use futures::StreamExt;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn v4(n: usize) -> IpAddr {
    IpAddr::from([44, 128, 1, u8::try_from(n).unwrap()])
}

fn v6(n: usize) -> IpAddr {
    IpAddr::from([0x2600, 0x1f00, 0, 0, 0, 0, 0, u16::try_from(n).unwrap()])
}

/// The hosts of one region, those of WebSocket first; of each service one per domain.
fn published() -> Vec<Endpoint> {
    let of = |service| Catalog::builtin().group(&Region::SGP1.into(), service);
    let all = [Service::Websocket, Service::Rest].map(|service| of(service).unwrap());
    all.concat()
}

/// The indices of each service's endpoints, and of all.
const WEBSOCKETS: [usize; 2] = [0, 1];
const RESTS: [usize; 2] = [2, 3];
const EVERY: [usize; 4] = [0, 1, 2, 3];

/// A network of these endpoints, each 40 ms away, with the paths at `places` changed.
fn world(endpoints: &[Endpoint], places: &[usize], change: impl Fn(Path) -> Path) -> Lab {
    let scenario = (0..)
        .zip(endpoints)
        .fold(Scenario::new(1), |world, (n, one)| {
            let host = Host::new(one.host())
                .with_address(v4(n))
                .with_dns_delay(ms(8));
            let path = Path::new(v4(n)).with_rtt(ms(40));
            let path = match places.contains(&n) {
                true => change(path),
                false => path,
            };
            world.with_host(host).with_path(path)
        });
    Lab::new(scenario).unwrap()
}

fn prober(lab: &Lab, endpoints: &[Endpoint]) -> ProberBuilder {
    Prober::builder()
        .dialer(lab.dialer().build().unwrap())
        .endpoints(endpoints.to_vec())
        .seed(1)
}

/// The report that the command would produce on a real network.
async fn report(prober: ProberBuilder) -> Report {
    let started = SystemTime::now();
    let mut probing = prober.build().unwrap().run();
    let mut evidence = Evidence::default();
    let mut last = None;
    while let Some(event) = probing.next().await {
        if let easelect::ProbeEvent::Finished(outcome) = &event {
            last = Some(outcome.clone());
        }
        evidence.add(event);
    }
    let mut context = Context::new(Catalog::builtin(), started, SystemTime::now());
    context.evidence = evidence;
    let report = Report::new(&last.unwrap(), context);
    for lang in [Lang::En, Lang::Zh] {
        let page = table(&Model::new(&report, lang), Style::plain());
        for debug in ["Some(", "None", "Ok(", "Err(", "\\\\", "{ ", " }"] {
            assert!(!page.contains(debug), "{debug}: {page}");
        }
    }
    report
}

async fn of(lab: &Lab, endpoints: &[Endpoint]) -> Report {
    report(prober(lab, endpoints)).await
}

/// The four published hosts, with those at `places` changed.
async fn with(places: &[usize], change: impl Fn(Path) -> Path) -> Report {
    let endpoints = published();
    of(&world(&endpoints, places, change), &endpoints).await
}

/// Findings of interception, or of a fault of this computer.
const ACCUSATIONS: [&str; 9] = [
    "captive_portal_suspected",
    "interception_suspected",
    "tls_inspected",
    "dns_forged",
    "hijack_suspected",
    "one_address_suspected",
    "filter_by_name_suspected",
    "clock_wrong_suspected",
    "local_proxy_suspected",
];

const YOU: [&str; 2] = ["you", "你"];
const NETWORK: [&str; 2] = ["the network administrator", "网络管理员"];
const EASEMOB: [&str; 2] = ["Easemob support", "环信技术支持"];
const DEVELOPER: [&str; 2] = ["the app's developer", "应用开发者"];
const NOBODY: [&str; 2] = ["this measurement doesn't show it", "本次测量无法判断"];

/// The expected report.
struct Told<'a> {
    fault: Fault,
    /// The verdict's sentence on who can act, in both languages.
    actor: [&'static str; 2],
    /// The finding that leads to the verdict.
    cause: &'a str,
    /// What its text must contain, in English and Chinese.
    says: &'a [[&'a str; 2]],
    /// The exit status.
    passes: bool,
}

#[track_caller]
fn expect(report: &Report, told: &Told<'_>) {
    let codes: Vec<&str> = report.findings().iter().map(|one| one.code()).collect();
    let verdict = report.verdict();
    assert_eq!(
        verdict.fault(),
        told.fault,
        "{codes:?} {}",
        verdict.text(Lang::En)
    );
    let Some(cause) = verdict.cause() else {
        panic!("no cause among {codes:?}")
    };
    assert_eq!(cause.code(), told.cause, "{codes:?}");
    for (place, lang) in [Lang::En, Lang::Zh].into_iter().enumerate() {
        let (who, text) = (verdict.who_acts(lang), cause.text(lang));
        assert!(who.starts_with(told.actor[place]), "{who}");
        for words in told.says {
            assert!(
                text.contains(words[place]),
                "{} is not in: {text}",
                words[place]
            );
        }
    }
    let others = codes.iter().filter(|code| **code != told.cause);
    let accused: Vec<_> = others.filter(|code| ACCUSATIONS.contains(code)).collect();
    assert!(accused.is_empty(), "{accused:?}");
    assert_eq!(report.passes(), told.passes);
}

/// The failure at the first endpoint, and its tier.
fn first(report: &Report) -> (Failure, Tier) {
    let row = &report.groups()[0].endpoints[0].ranked;
    (row.stats.failures()[0].failure.clone(), row.tier)
}

#[track_caller]
fn is(report: &Report, phase: Phase, kind: Kind, tier: Tier) {
    let (failure, found) = first(report);
    assert_eq!(
        (failure.phase(), failure.kind(), found),
        (phase, kind, tier)
    );
}

#[tokio::test(start_paused = true)]
async fn a_folded_header_line_is_no_fault() {
    let report = with(&WEBSOCKETS, |path| path.with_fault(Wrong::FoldedHeader)).await;
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert!(report.passes());
    let rows = report.groups().iter().flat_map(|group| &group.endpoints);
    assert!(rows.into_iter().all(|row| row.ranked.tier == Tier::Ready));
}

#[tokio::test(start_paused = true)]
async fn a_redirection_names_its_target_and_nobody() {
    let moved = |path: Path| {
        path.with_status(302)
            .with_location("https://www.easemob.com/login")
    };
    let report = with(&WEBSOCKETS, moved).await;
    is(&report, Phase::Upgrade, Kind::Redirected, Tier::Answering);
    expect(
        &report,
        &Told {
            fault: Fault::Unclear,
            actor: NOBODY,
            cause: "redirected",
            says: &[
                [
                    "https://www.easemob.com/login",
                    "https://www.easemob.com/login",
                ],
                ["proved its identity", "身份已验证"],
            ],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_intermediate_is_the_operators() {
    let report = with(&EVERY, |path| path.with_fault(Wrong::IntermediateExpired)).await;
    is(
        &report,
        Phase::Tls,
        Kind::CertificateExpired,
        Tier::Unreachable,
    );
    expect(
        &report,
        &Told {
            fault: Fault::Easemob,
            actor: EASEMOB,
            cause: "certificate_expired",
            says: &[["intermediate certificate expired", "中间证书"]],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_in_common_says_what_is_offered() {
    let report = with(&WEBSOCKETS, |path| path.with_fault(Wrong::TlsAlert)).await;
    is(
        &report,
        Phase::Tls,
        Kind::NoCommonParameters,
        Tier::Unreachable,
    );
    expect(
        &report,
        &Told {
            fault: Fault::Easemob,
            actor: EASEMOB,
            cause: "endpoint_down",
            says: &[["no TLS parameters in common", "没有双方都支持的 TLS 参数"]],
            passes: false,
        },
    );
    let own = [Endpoint::new(
        Region::CN_VIP,
        Service::Websocket,
        "wss://im.own.example/ws",
    )
    .unwrap()];
    let lab = world(&own, &[0], |path| path.with_fault(Wrong::TlsAlert));
    let report = of(&lab, &own).await;
    expect(
        &report,
        &Told {
            fault: Fault::Configuration,
            actor: DEVELOPER,
            cause: "endpoint_down",
            says: &[["no TLS parameters in common", "没有双方都支持的 TLS 参数"]],
            passes: false,
        },
    );
    for lang in [Lang::En, Lang::Zh] {
        assert!(report.findings()[0].hint(lang).contains("P-384"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_in_trouble_is_no_wrong_path() {
    let busy = |path: Path| {
        path.with_status(503)
            .with_retry_after(Duration::from_secs(30))
    };
    for (services, phase, kind) in [
        (&WEBSOCKETS, Phase::Upgrade, Kind::Rejected),
        (&RESTS, Phase::Processing, Kind::ServerError),
    ] {
        let report = with(services, busy).await;
        let groups = report.groups().iter();
        let failing = groups.filter_map(|group| {
            let ranked = &group.endpoints[0].ranked;
            Some((
                ranked.stats.failures().first()?.failure.clone(),
                ranked.tier,
            ))
        });
        for (failure, tier) in failing {
            assert_eq!(
                (failure.phase(), failure.kind(), tier),
                (phase, kind, Tier::Answering)
            );
        }
        expect(
            &report,
            &Told {
                fault: Fault::Easemob,
                actor: EASEMOB,
                cause: "service_in_trouble",
                says: &[["HTTP 503", "HTTP 503"], ["after 30 s", "30 秒后"]],
                passes: false,
            },
        );
    }
}

/// The beginnings of pages that these products serve.
const ALIYUN: &str = "<!doctypehtml><html lang=\"zh-cn\"><meta charset=\"utf-8\"><meta name=\"data-spm\" \
    content=\"a3c0e\"><title>405</title><div><img src=\"https://errors.aliyun.com/images/TB1TpamHpXXXXaJXXXX.png\">";
const CLOUDFLARE: &str =
    "<!DOCTYPE html><html lang=\"en-US\"><head><title>Attention Required! | Cloudflare</title>";
const SANGFOR: &str = "<!DOCTYPE html><html><head><title>SANGFOR</title><body>访问被拒绝";
const TENCENT: &str = "<!DOCTYPE html><html><head><title>501 page</title><script src=\"https://imgcache.qq.com/\
    qcloud/security/static/waf.js\"></script><body>waf.tencent-cloud.com";
const UNNAMED: &str =
    "<html><head><title>Request blocked</title></head><body><p>Your request was blocked, id 7.";
const NGINX: &str = "<html>\r\n<head><title>405 Not Allowed</title></head>\r\n<body>\r\n<center><h1>405 Not Allowed\
    </h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n";

#[tokio::test(start_paused = true)]
async fn a_firewall_in_front_is_no_wrong_path() {
    let html = "Content-Type: text/html";
    for (status, fields, body, name) in [
        (405, vec![html, "Server: Tengine"], ALIYUN, "Aliyun WAF"),
        (
            403,
            vec![html, "Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            CLOUDFLARE,
            "Cloudflare",
        ),
        (403, vec!["CF-RAY: 8c1f-FRA"], "", "Cloudflare"),
        (403, vec![html, "Server: stgw"], TENCENT, "Tencent Cloud"),
        (403, vec![html], SANGFOR, "Sangfor"),
        (403, vec![html], UNNAMED, "HTTP 403"),
        (418, vec![html], UNNAMED, "HTTP 418"),
    ] {
        let blocked = |path: Path| {
            path.with_status(status)
                .with_fields(&fields)
                .with_body(body)
        };
        let report = with(&WEBSOCKETS, blocked).await;
        is(&report, Phase::Upgrade, Kind::Rejected, Tier::Answering);
        expect(
            &report,
            &Told {
                fault: Fault::Easemob,
                actor: EASEMOB,
                cause: "turned_away_by_firewall",
                says: &[
                    ["A firewall in front of the service", "服务前面的防火墙"],
                    [name, name],
                ],
                passes: false,
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_path_is_no_firewall() {
    let html = "Content-Type: text/html";
    for (status, fields, body) in [
        (405, vec![html, "Server: nginx/1.24.0"], NGINX),
        (
            404,
            vec![html, "Server: nginx"],
            "<html><body><center><h1>404 Not Found</h1></center>",
        ),
        (404, vec![html, "Server: Tengine"], ALIYUN),
        (
            404,
            vec![html, "Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            "<html>not here",
        ),
    ] {
        let elsewhere = |path: Path| {
            path.with_status(status)
                .with_fields(&fields)
                .with_body(body)
        };
        let report = with(&WEBSOCKETS, elsewhere).await;
        expect(
            &report,
            &Told {
                fault: Fault::Configuration,
                actor: DEVELOPER,
                cause: "path_wrong",
                says: &[["The path is wrong", "路径有误"]],
                passes: false,
            },
        );
    }
}

/// A WebSocket server's answer to a request whose Upgrade field was removed: the path is right, the
/// gateway is at fault.
#[tokio::test(start_paused = true)]
async fn an_upgrade_that_a_gateway_drops_is_no_wrong_path() {
    for (status, fields, body) in [
        (426, vec!["Server: nginx"], "Upgrade Required"),
        (
            426,
            vec![
                "Server: cloudflare",
                "CF-RAY: 8c1f-FRA",
                "Upgrade: websocket",
            ],
            "",
        ),
        (
            400,
            vec!["Server: nginx"],
            "Can \"Upgrade\" only to \"WebSocket\".",
        ),
        (
            400,
            vec!["Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".",
        ),
    ] {
        let dropped = |path: Path| {
            path.with_status(status)
                .with_fields(&fields)
                .with_body(body)
        };
        let report = with(&WEBSOCKETS, dropped).await;
        is(&report, Phase::Upgrade, Kind::Rejected, Tier::Answering);
        expect(
            &report,
            &Told {
                fault: Fault::Easemob,
                actor: EASEMOB,
                cause: "upgrade_dropped",
                says: &[
                    ["doesn't reach the service", "没有到达服务"],
                    ["gateway", "网关"],
                ],
                passes: false,
            },
        );
    }
}

/// Cloudflare adds CF-RAY to every response, the service's own included.
#[tokio::test(start_paused = true)]
async fn what_a_service_behind_a_firewall_says_is_not_the_firewalls() {
    let html = "Content-Type: text/html";
    for (status, fields, body) in [
        (
            400,
            vec!["Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            "Bad Request",
        ),
        (401, vec!["Server: cloudflare", "CF-RAY: 8c1f-FRA"], "{}"),
        (
            429,
            vec!["Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            "error code: 1015",
        ),
        (401, vec!["Server: stgw"], ""),
        (
            405,
            vec![html, "Server: cloudflare", "CF-RAY: 8c1f-FRA"],
            NGINX,
        ),
    ] {
        let answered = |path: Path| {
            path.with_status(status)
                .with_fields(&fields)
                .with_body(body)
        };
        let report = with(&WEBSOCKETS, answered).await;
        let codes: Vec<&str> = report.findings().iter().map(|one| one.code()).collect();
        assert!(
            !codes.contains(&"turned_away_by_firewall"),
            "{status}: {codes:?}"
        );
        let hint = report.findings()[0].hint(Lang::En);
        assert!(status != 429 || hint.contains(": wait"), "{hint}");
    }
}

#[tokio::test(start_paused = true)]
async fn closed_at_once_is_told_with_its_code() {
    let report = with(&WEBSOCKETS, |path| {
        path.with_fault(Wrong::CloseFrameAfter101)
    })
    .await;
    expect(
        &report,
        &Told {
            // Every service has a first choice.
            fault: Fault::SomeEndpointsFail,
            actor: EASEMOB,
            cause: "closed_after_upgrade",
            says: &[["code 1008", "关闭码 1008"], ["go away", "go away"]],
            passes: true,
        },
    );
}

/// Without a Close frame (1006 to an app) there is no code to show, and the cause may be a middlebox.
#[tokio::test(start_paused = true)]
async fn an_end_without_a_close_frame_has_no_code() {
    for wrong in [Wrong::ResetAfter101, Wrong::EndAfter101] {
        let report = with(&WEBSOCKETS, |path| path.with_fault(wrong)).await;
        let told = Told {
            fault: Fault::SomeEndpointsFail,
            actor: EASEMOB,
            cause: "closed_after_upgrade",
            says: &[["as soon as it is open", "建立后立即"]],
            passes: true,
        };
        expect(&report, &told);
        for (lang, code, elsewhere) in [
            (Lang::En, "the code", "another network"),
            (Lang::Zh, "关闭码", "换一个网络"),
        ] {
            let hint = report.findings()[0].hint(lang);
            assert!(!hint.contains(code) && hint.contains(elsewhere), "{hint}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_subprotocol_is_told_by_name() {
    let endpoints = Catalog::builtin()
        .group(&Region::CN1.into(), Service::Legacy)
        .unwrap();
    let lab = world(&endpoints, &WEBSOCKETS, |path| {
        path.with_fault(Wrong::NoProtocol)
    });
    let report = of(&lab, &endpoints).await;
    is(
        &report,
        Phase::Upgrade,
        Kind::SubprotocolMissing,
        Tier::Answering,
    );
    expect(
        &report,
        &Told {
            fault: Fault::Easemob,
            actor: EASEMOB,
            cause: "endpoint_down",
            says: &[["subprotocol", "子协议"], ["xmpp", "xmpp"]],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_off_tells_how_far_it_came() {
    let endpoints = published();
    let lab = world(&endpoints, &EVERY, |path| path.with_fault(Wrong::SilentTls));
    let report = report(prober(&lab, &endpoints).deadline(Duration::from_secs(4))).await;
    expect(
        &report,
        &Told {
            fault: Fault::NotMeasured,
            actor: YOU,
            cause: "unfinished",
            says: &[
                ["TLS handshake ×4", "TLS 握手 ×4"],
                ["TCP had connected", "TCP 均已连接"],
            ],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn an_inspection_that_strips_upgrades_is_named() {
    let endpoints = published();
    for status in [400, 404] {
        let lab = world(&endpoints, &EVERY, |path| path.with_fault(Wrong::Inspected));
        for n in WEBSOCKETS {
            let stripped = Path::new(v4(n))
                .with_rtt(ms(40))
                .with_fault(Wrong::Inspected);
            lab.set_path(stripped.with_status(status)).unwrap();
        }
        expect(
            &of(&lab, &endpoints).await,
            &Told {
                fault: Fault::Network,
                actor: NETWORK,
                cause: "tls_inspected",
                says: &[
                    [
                        "No WebSocket gets through the inspection",
                        "WebSocket 无法通过解密设备",
                    ],
                    ["installed by a company", "installed by a company"],
                ],
                passes: false,
            },
        );
    }
    // An interceptor that lets everything pass is mentioned, but not a fault.
    let report = with(&EVERY, |path| path.with_fault(Wrong::Inspected)).await;
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert!(
        report
            .findings()
            .iter()
            .any(|one| one.code() == "tls_inspected")
    );
    assert!(report.passes());
}

#[tokio::test(start_paused = true)]
async fn a_network_that_goes_away_is_told_with_its_time() {
    let endpoints = published();
    let gone =
        |path: Path| path.with_step(Step::at(Duration::from_secs(2)).with_fault(Wrong::BlackHole));
    let lab = world(&endpoints, &EVERY, gone);
    let report = report(prober(&lab, &endpoints).rounds(Rounds::Exact(40))).await;
    expect(
        &report,
        &Told {
            fault: Fault::Network,
            actor: YOU,
            cause: "connection_lost",
            says: &[
                ["2.0 s into the run", "2.0 秒"],
                ["did not come back", "没有恢复"],
            ],
            passes: true,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn an_interruption_is_told_from_when_to_when() {
    let endpoints = published();
    let away = |path: Path| {
        let step = Step::at(Duration::from_secs(2)).until(Duration::from_secs(9));
        path.with_step(step.with_fault(Wrong::BlackHole))
    };
    let lab = world(&endpoints, &EVERY, away);
    let report = report(prober(&lab, &endpoints).rounds(Rounds::Exact(120))).await;
    expect(
        &report,
        &Told {
            fault: Fault::Network,
            actor: YOU,
            cause: "connection_lost",
            says: &[["was down from 2.", "网络中断"]],
            passes: true,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_address_costs_its_share_of_the_rotation() {
    let endpoints = published();
    let lab = world(&endpoints, &[], |path| path);
    let four: Vec<IpAddr> = [0, 11, 12, 13].map(v4).to_vec();
    lab.set_addresses(endpoints[0].host(), &four).unwrap();
    for n in [11, 12] {
        lab.set_path(Path::new(v4(n)).with_rtt(ms(40))).unwrap();
    }
    lab.set_path(Path::new(v4(13)).with_fault(Wrong::BlackHole))
        .unwrap();
    expect(
        &of(&lab, &endpoints).await,
        &Told {
            fault: Fault::SomeEndpointsFail,
            actor: EASEMOB,
            cause: "address_down",
            says: &[["44.128.1.13", "44.128.1.13"], ["one in four", "四分之一"]],
            passes: true,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_name_server_is_told_though_everything_works() {
    let endpoints = published();
    let lab = world(&endpoints, &[], |path| path);
    for (n, one) in endpoints.iter().enumerate() {
        let host = Host::new(one.host()).with_address(v4(n));
        lab.set_host(host.with_dns_delay(ms(2100))).unwrap();
    }
    expect(
        &of(&lab, &endpoints).await,
        &Told {
            fault: Fault::Network,
            actor: NETWORK,
            cause: "dns_slow",
            says: &[["DNS is slow", "DNS 很慢"], ["2", "2"]],
            passes: true,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn portals_and_hijackers_by_what_they_show() {
    // Plain HTTP on port 443, as portals send that redirect everything.
    for (wrong, cause, says) in [
        (
            Wrong::PlainHttp,
            "captive_portal_suspected",
            ["captive portal", "网络需要登录"],
        ),
        (
            Wrong::WrongHost,
            "captive_portal_suspected",
            ["other.invalid", "other.invalid"],
        ),
        (
            Wrong::SelfSigned,
            "interception_suspected",
            ["doesn't trust", "不受本机信任"],
        ),
        (
            Wrong::Untrusted,
            "interception_suspected",
            ["doesn't trust", "不受本机信任"],
        ),
    ] {
        let report = with(&EVERY, |path| path.with_fault(wrong)).await;
        let told = Told {
            fault: Fault::Network,
            actor: NETWORK,
            cause,
            says: &[says],
            passes: false,
        };
        expect(&report, &told);
    }
    // By DNS: every name leads to the same machine.
    let endpoints = published();
    let lab = world(&endpoints, &[0], |path| path.with_fault(Wrong::WrongHost));
    for one in &endpoints {
        lab.set_addresses(one.host(), &[v4(0)]).unwrap();
    }
    let report = of(&lab, &endpoints).await;
    assert_eq!(report.verdict().fault(), Fault::Network);
    assert_eq!(report.verdict().who_acts(Lang::En), NETWORK[0]);
    // A single name: the others prove that the network works.
    let report = with(&[0], |path| path.with_fault(Wrong::WrongHost)).await;
    expect(
        &report,
        &Told {
            fault: Fault::SomeEndpointsFail,
            actor: NETWORK,
            cause: "hijack_suspected",
            says: &[["44.128.1.0", "44.128.1.0"]],
            passes: true,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_portal_page_over_verified_tls_is_an_ordinary_web_server() {
    let report = with(&WEBSOCKETS, |path| path.with_fault(Wrong::CaptivePortal)).await;
    is(&report, Phase::Upgrade, Kind::Rejected, Tier::Answering);
    expect(
        &report,
        &Told {
            fault: Fault::Easemob,
            actor: EASEMOB,
            cause: "endpoint_down",
            says: &[["HTTP 200", "HTTP 200"]],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_behind_its_hosts() {
    for wrong in [
        Wrong::SilentHttp,
        Wrong::CloseAfterTls,
        Wrong::ResetAfterTls,
    ] {
        let report = with(&WEBSOCKETS, |path| path.with_fault(wrong)).await;
        expect(
            &report,
            &Told {
                fault: Fault::Easemob,
                actor: EASEMOB,
                cause: "endpoint_down",
                says: &[["WebSocket handshake", "WebSocket 握手"]],
                passes: false,
            },
        );
        // None works, so there is no alternative.
        let hint = report.verdict().cause().unwrap().hint(Lang::En);
        assert!(hint.contains("no other endpoint works"), "{hint}");
    }
}

#[tokio::test(start_paused = true)]
async fn certificates_that_are_the_hosts_own_fault() {
    for (wrong, kind, cause) in [
        (
            Wrong::Revoked,
            Kind::CertificateRevoked,
            "certificate_faulty",
        ),
        (
            Wrong::NoSan,
            Kind::CertificateWrongHost,
            "certificate_faulty",
        ),
        (
            Wrong::Expired,
            Kind::CertificateExpired,
            "certificate_expired",
        ),
    ] {
        let report = with(&[0], |path| path.with_fault(wrong)).await;
        let rows = &report.groups()[0].endpoints;
        let last = rows.last().unwrap();
        assert_eq!(last.ranked.stats.failures()[0].failure.kind(), kind);
        expect(
            &report,
            &Told {
                fault: Fault::SomeEndpointsFail,
                actor: EASEMOB,
                cause,
                says: &[],
                passes: true,
            },
        );
        let hint = report.verdict().cause().unwrap().hint(Lang::En);
        // A certificate without names proves nothing.
        let trusted = wrong != Wrong::NoSan;
        assert_eq!(hint.contains("Easemob support"), trusted, "{hint}");
    }
}

/// Hosts with addresses of both families; the IPv6 ones have this fault.
async fn of_both_families(wrong: Wrong, families: Families) -> Report {
    let endpoints = published();
    let lab = world(&endpoints, &[], |path| path);
    for (n, one) in endpoints.iter().enumerate() {
        lab.set_addresses(one.host(), &[v6(n), v4(n)]).unwrap();
        lab.set_path(Path::new(v6(n)).with_rtt(ms(40)).with_fault(wrong))
            .unwrap();
    }
    let dialer = lab.dialer().families(families).build().unwrap();
    report(prober(&lab, &endpoints).dialer(dialer)).await
}

#[tokio::test(start_paused = true)]
async fn ipv6_that_is_broken_absent_or_not_asked_for() {
    expect(
        &of_both_families(Wrong::BlackHole, Families::Both).await,
        &Told {
            fault: Fault::Network,
            actor: NETWORK,
            cause: "ipv6_broken",
            says: &[["All 4 IPv6 addresses failed", "4 个 IPv6 地址全部失败"]],
            passes: true,
        },
    );
    let absent = of_both_families(Wrong::Unreachable, Families::Both).await;
    assert_eq!(absent.verdict().fault(), Fault::AllWell);
    assert!(
        absent
            .findings()
            .iter()
            .any(|one| one.code() == "ipv6_absent")
    );
    let left_out = of_both_families(Wrong::BlackHole, Families::V4).await;
    assert_eq!(left_out.verdict().fault(), Fault::AllWell);
    assert!(
        left_out
            .findings()
            .iter()
            .all(|one| !one.code().starts_with("ipv6"))
    );
}

#[tokio::test(start_paused = true)]
async fn silence_and_refusals_everywhere_are_the_networks() {
    for wrong in [
        Wrong::BlackHole,
        Wrong::Refuse,
        Wrong::SilentTls,
        Wrong::ResetOnConnect,
    ] {
        let report = with(&EVERY, |path| path.with_fault(wrong)).await;
        expect(
            &report,
            &Told {
                fault: Fault::Network,
                actor: NETWORK,
                cause: "nothing_gets_through",
                says: &[["any of the 4 hosts", "4 个主机"]],
                passes: false,
            },
        );
    }
    let report = with(&EVERY, |path| path.with_fault(Wrong::Unreachable)).await;
    expect(
        &report,
        &Told {
            fault: Fault::ThisComputer,
            actor: YOU,
            cause: "no_network",
            says: &[["no route", "没有到任何主机的路由"]],
            passes: false,
        },
    );
}

#[tokio::test(start_paused = true)]
async fn names_that_lead_nowhere_are_told_as_the_name_server_does() {
    let endpoints = published();
    for (dns, says) in [
        (Dns::Timeout, ["did not answer in time", "超时未应答"]),
        (
            Dns::ServerFailure,
            ["the DNS server reported a failure", "DNS 服务器报告出错"],
        ),
        (
            Dns::Refused,
            ["the DNS server refused", "DNS 服务器拒绝查询"],
        ),
        (Dns::NotFound, ["no such name", "域名不存在"]),
    ] {
        let lab = world(&endpoints, &[], |path| path);
        for one in &endpoints {
            lab.set_dns(one.host(), dns).unwrap();
        }
        expect(
            &of(&lab, &endpoints).await,
            &Told {
                fault: Fault::Network,
                actor: NETWORK,
                cause: "no_name_resolved",
                says: &[says],
                passes: false,
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_very_slow_link_is_told_before_any_host_is_named() {
    let endpoints = published();
    let slow = |path: Path| {
        path.with_rtt(ms(1800))
            .with_bandwidth_kbps(6)
            .with_jitter(0.4)
    };
    let lab = world(&endpoints, &EVERY, slow);
    let report = of(&lab, &endpoints).await;
    expect(
        &report,
        &Told {
            fault: Fault::Network,
            actor: NETWORK,
            cause: "slow_link",
            says: &[["The link is very slow", "网络非常慢"]],
            passes: false,
        },
    );
}
