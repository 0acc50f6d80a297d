//! The table, in both languages: its first screen and its details, for any measurement and any width.

mod support;
#[path = "support/worlds.rs"]
mod worlds;

use std::net::SocketAddr;

use easelect::{
    Catalog, Ended, Endpoint, FailureKind, LocalNetwork, Phase, Ranking, Region, Service,
};
use easelect_report::{Context, Lang, Model, Note, Report, Style, details, first_screen, table};
use proptest::prelude::*;
use support::*;
use unicode_width::UnicodeWidthStr;

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];
const SAVED: Option<&str> = Some("/home/customer/easelect-20251009-165320.html");

fn at_80() -> Style {
    Style::plain().with_width(80)
}

/// The context of a computer at home, with its user's note.
fn at_home() -> Context {
    let mut context = context();
    context.utc_offset = Some(8 * 3600);
    context.note = Some("customer 42, Shanghai, China Telecom".to_owned());
    let environment = &mut context.environment;
    let mut network = LocalNetwork::default();
    network.interface = Some("wifi");
    environment.network_at_start = Some(network);
    environment.name_servers = vec![SocketAddr::from(([192, 168, 1, 1], 53))];
    environment.roots = Some(140);
    environment.timeout = Some(ms(5_000));
    environment.deadline = Some(ms(60_000));
    environment.in_flight = Some(16);
    context
}

/// Every group of these regions, without faults.
fn well(regions: &[Region]) -> Vec<Ranking> {
    let all = Catalog::builtin();
    let mut rankings = Vec::new();
    for region in regions {
        for service in Service::ALL {
            let Ok(group) = all.group(&region.clone().into(), *service) else {
                continue;
            };
            let measured = group
                .iter()
                .zip([34, 21])
                .map(|(one, connect)| ok(one, connect));
            rankings.push(ranking(measured));
        }
    }
    rankings
}

fn everything() -> Vec<Ranking> {
    let all = well(&[
        Region::CN1,
        Region::CN2,
        Region::SGP1,
        Region::SGP2,
        Region::US1,
        Region::DE2,
    ]);
    let endpoints: usize = all.iter().map(|one| one.endpoints.len()).sum();
    assert_eq!((all.len(), endpoints), (22, 44));
    all
}

fn screen(rankings: &[Ranking], context: Context, lang: Lang) -> String {
    let report = Report::new(&outcome(rankings), context);
    first_screen(&Model::new(&report, lang), at_80(), SAVED)
}

/// The width of a line in a Chinese terminal, where typographic quotes are wide.
fn columns(line: &str) -> usize {
    line.width() + line.matches(['“', '”']).count()
}

#[track_caller]
fn assert_fits(screen: &str, lines: usize) {
    let count = screen.lines().count();
    assert!(count < lines, "{count} lines and a prompt\n{screen}");
    for line in screen.lines() {
        assert!(columns(line) <= 80, "{}: {line}", columns(line));
    }
}

#[test]
fn all_well_over_everything_fits_40_lines() {
    let told = LANGS.map(|lang| screen(&everything(), at_home(), lang));
    told.iter().for_each(|one| assert_fits(one, 40));
    insta::assert_snapshot!(told[0], @r###"
Verdict: The network is fine: every service that was measured has a usable
endpoint.
Who can act: no action is needed
Next step: If login is still slow or fails, check the token, the account and the
SDK's log.
Not tested: token, account, and the app's own logic.

When: 2025-10-09 08:53:20 UTC (local time 2025-10-09 16:53:20 +08:00)
Where: linux x86_64, Wi-Fi, DNS 192.168.1.1
Note: customer 42, Shanghai, China Telecom
Data centres: cn1 China 1, cn2 China 2, sgp1 Singapore 1, sgp2 Singapore 2,
us1 US East 1, de2 Germany 2

region  service     first choice                   opens in  ahead by
cn1     socket 3.0  im-api-v2.easecdn.com           65.5 ms   38.2 ms
cn1     socket 2.0  im-api.easecdn.com              65.5 ms   38.2 ms
cn1     REST        a1.easecdn.com                  65.5 ms   38.2 ms
cn1     WeChat      im-api-wechat.easecdn.com       65.5 ms   38.2 ms
cn1     Alipay      im-api-alipay.easecdn.com       65.5 ms   38.2 ms
cn2     socket 3.0  im-api-v2-31.easecdn.com        65.5 ms   38.2 ms
cn2     socket 2.0  im-api-31.easecdn.com           65.5 ms   38.2 ms
cn2     REST        a31.easecdn.com                 65.5 ms   38.2 ms
cn2     WeChat      im-api-wechat-31.easecdn.com    65.5 ms   38.2 ms
cn2     Alipay      im-api-alipay-31.easecdn.com    65.5 ms   38.2 ms
sgp1    WebSocket   im-api-sgp-v2.easecdn.com       65.5 ms   38.2 ms
sgp1    REST        a1-sgp.easecdn.com              65.5 ms   38.2 ms
sgp1    WeChat      im-api-wechat-sgp.easecdn.com   65.5 ms   38.2 ms
sgp2    WebSocket   msync-api-61.easecdn.com        65.5 ms   38.2 ms
sgp2    REST        a61.easecdn.com                 65.5 ms   38.2 ms
sgp2    WeChat      im-api-wechat-61.easecdn.com    65.5 ms   38.2 ms
us1     WebSocket   msync-api-41.easecdn.com        65.5 ms   38.2 ms
us1     REST        a41.easecdn.com                 65.5 ms   38.2 ms
us1     WeChat      im-api-wechat-41.easecdn.com    65.5 ms   38.2 ms
de2     WebSocket   msync-api-71.easecdn.com        65.5 ms   38.2 ms
de2     REST        a71.easecdn.com                 65.5 ms   38.2 ms
de2     WeChat      im-api-wechat-71.easecdn.com    65.5 ms   38.2 ms

Report saved: /home/customer/easelect-20251009-165320.html
"###);
    insta::assert_snapshot!(told[1], @r###"
结论：网络连接正常：测量的每项服务都有可用的接入地址。
处理人：无需处理
下一步：如果登录仍慢或失败，请检查 token、账号和 SDK 日志。
未测试：token、账号和应用自身的逻辑。

时间：2025-10-09 08:53:20 UTC（本地时间 2025-10-09 16:53:20 +08:00）
环境：linux x86_64，Wi-Fi，DNS 192.168.1.1
备注：customer 42, Shanghai, China Telecom
数据中心：cn1 国内 1 区，cn2 国内 2 区，sgp1 新加坡 1 区，sgp2 新加坡 2 区，
us1 美东 1 区，de2 德国 2 区

数据中心  服务          首选地址                       建连耗时     领先
cn1       socket 3.0    im-api-v2.easecdn.com           65.5 ms  38.2 ms
cn1       socket 2.0    im-api.easecdn.com              65.5 ms  38.2 ms
cn1       REST          a1.easecdn.com                  65.5 ms  38.2 ms
cn1       微信小程序    im-api-wechat.easecdn.com       65.5 ms  38.2 ms
cn1       支付宝小程序  im-api-alipay.easecdn.com       65.5 ms  38.2 ms
cn2       socket 3.0    im-api-v2-31.easecdn.com        65.5 ms  38.2 ms
cn2       socket 2.0    im-api-31.easecdn.com           65.5 ms  38.2 ms
cn2       REST          a31.easecdn.com                 65.5 ms  38.2 ms
cn2       微信小程序    im-api-wechat-31.easecdn.com    65.5 ms  38.2 ms
cn2       支付宝小程序  im-api-alipay-31.easecdn.com    65.5 ms  38.2 ms
sgp1      WebSocket     im-api-sgp-v2.easecdn.com       65.5 ms  38.2 ms
sgp1      REST          a1-sgp.easecdn.com              65.5 ms  38.2 ms
sgp1      微信小程序    im-api-wechat-sgp.easecdn.com   65.5 ms  38.2 ms
sgp2      WebSocket     msync-api-61.easecdn.com        65.5 ms  38.2 ms
sgp2      REST          a61.easecdn.com                 65.5 ms  38.2 ms
sgp2      微信小程序    im-api-wechat-61.easecdn.com    65.5 ms  38.2 ms
us1       WebSocket     msync-api-41.easecdn.com        65.5 ms  38.2 ms
us1       REST          a41.easecdn.com                 65.5 ms  38.2 ms
us1       微信小程序    im-api-wechat-41.easecdn.com    65.5 ms  38.2 ms
de2       WebSocket     msync-api-71.easecdn.com        65.5 ms  38.2 ms
de2       REST          a71.easecdn.com                 65.5 ms  38.2 ms
de2       微信小程序    im-api-wechat-71.easecdn.com    65.5 ms  38.2 ms

报告已保存：/home/customer/easelect-20251009-165320.html
"###);
}

#[test]
fn all_well_over_one_data_centre_fits_24_lines() {
    let told = LANGS.map(|lang| screen(&well(&[Region::CN1]), at_home(), lang));
    told.iter().for_each(|one| assert_fits(one, 24));
    insta::assert_snapshot!(told[0], @r###"
Verdict: The network is fine: every service that was measured has a usable
endpoint.
Who can act: no action is needed
Next step: If login is still slow or fails, check the token, the account and the
SDK's log.
Not tested: token, account, and the app's own logic.

When: 2025-10-09 08:53:20 UTC (local time 2025-10-09 16:53:20 +08:00)
Where: linux x86_64, Wi-Fi, DNS 192.168.1.1
Note: customer 42, Shanghai, China Telecom
Data centres: cn1 China 1

region  service     first choice               opens in  ahead by
cn1     socket 3.0  im-api-v2.easecdn.com       65.5 ms   38.2 ms
cn1     socket 2.0  im-api.easecdn.com          65.5 ms   38.2 ms
cn1     REST        a1.easecdn.com              65.5 ms   38.2 ms
cn1     WeChat      im-api-wechat.easecdn.com   65.5 ms   38.2 ms
cn1     Alipay      im-api-alipay.easecdn.com   65.5 ms   38.2 ms

Report saved: /home/customer/easelect-20251009-165320.html
"###);
    insta::assert_snapshot!(told[1], @r###"
结论：网络连接正常：测量的每项服务都有可用的接入地址。
处理人：无需处理
下一步：如果登录仍慢或失败，请检查 token、账号和 SDK 日志。
未测试：token、账号和应用自身的逻辑。

时间：2025-10-09 08:53:20 UTC（本地时间 2025-10-09 16:53:20 +08:00）
环境：linux x86_64，Wi-Fi，DNS 192.168.1.1
备注：customer 42, Shanghai, China Telecom
数据中心：cn1 国内 1 区

数据中心  服务          首选地址                   建连耗时     领先
cn1       socket 3.0    im-api-v2.easecdn.com       65.5 ms  38.2 ms
cn1       socket 2.0    im-api.easecdn.com          65.5 ms  38.2 ms
cn1       REST          a1.easecdn.com              65.5 ms  38.2 ms
cn1       微信小程序    im-api-wechat.easecdn.com   65.5 ms  38.2 ms
cn1       支付宝小程序  im-api-alipay.easecdn.com   65.5 ms  38.2 ms

报告已保存：/home/customer/easelect-20251009-165320.html
"###);
}

/// A dead address and an expired certificate: the verdict has one, the group's line the other.
#[test]
fn what_is_wrong_is_seen_at_once() {
    let mut rankings = well(&[Region::SGP1]);
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let expired = failure(Phase::Tls, FailureKind::CertificateExpired)
        .with_not_after(now() - std::time::Duration::from_secs(3 * 86_400 + 60));
    rankings[0] = ranking([ok(&a, 21), failing(&b, expired)]);
    let [c, d] = pair(Region::SGP1, Service::Rest);
    let half = ok(&c, 18);
    let other = SocketAddr::from(([47, 93, 8, 1], 443));
    let half = half.bad(other, failure(Phase::Connect, FailureKind::Timeout), 2);
    rankings[1] = ranking([half, ok(&d, 40)]);
    let told = LANGS.map(|lang| screen(&rankings, at_home(), lang));
    told.iter().for_each(|one| assert_fits(one, 24));
    insta::assert_snapshot!(told[0], @r###"
Verdict: Usable, but not everything works; every service has a first choice.
wss://im-api-sgp-v2.easecdn.com/websocket fails in the TLS handshake:
certificate expired 3 days ago.
Who can act: Easemob support
Next step: Check this computer's date and time. If they are right, send this
report to Easemob support.
Not tested: token, account, and the app's own logic.
There is 1 more problem: see the details (--details).

When: 2025-10-09 08:53:20 UTC (local time 2025-10-09 16:53:20 +08:00)
Where: linux x86_64, Wi-Fi, DNS 192.168.1.1
Note: customer 42, Shanghai, China Telecom
Data centres: sgp1 Singapore 1

region  service    first choice                   opens in  ahead by
sgp1    WebSocket  im-api-sgp-v2.easemob.com       65.5 ms  only one
                   ! easecdn.com: certificate expired 3 days ago
sgp1    REST       a1-sgp.easemob.com              56.5 ms   66.0 ms
                   ! first choice: 1 of 2 addresses never answers
sgp1    WeChat     im-api-wechat-sgp.easecdn.com   65.5 ms   38.2 ms

Report saved: /home/customer/easelect-20251009-165320.html
"###);
    insta::assert_snapshot!(told[1], @r###"
结论：可以使用，但部分地址异常；每项服务都有首选地址。
wss://im-api-sgp-v2.easecdn.com/websocket 在 TLS 握手时失败：证书 3 天前过期。
处理人：环信技术支持
下一步：请检查电脑的日期和时间；如果正确，请把这份报告发给环信技术支持。
未测试：token、账号和应用自身的逻辑。
另有 1 个问题，见详情（--details）。

时间：2025-10-09 08:53:20 UTC（本地时间 2025-10-09 16:53:20 +08:00）
环境：linux x86_64，Wi-Fi，DNS 192.168.1.1
备注：customer 42, Shanghai, China Telecom
数据中心：sgp1 新加坡 1 区

数据中心  服务        首选地址                       建连耗时      领先
sgp1      WebSocket   im-api-sgp-v2.easemob.com       65.5 ms  唯一可用
                      ! easecdn.com：证书 3 天前过期
sgp1      REST        a1-sgp.easemob.com              56.5 ms   66.0 ms
                      ! 首选地址：2 个地址中 1 个始终无应答
sgp1      微信小程序  im-api-wechat-sgp.easecdn.com   65.5 ms   38.2 ms

报告已保存：/home/customer/easelect-20251009-165320.html
"###);
}

/// The line of a group, and those below it.
fn lines_of(told: &str, service: &str) -> String {
    let mut lines = told.lines().skip_while(|line| !line.contains(service));
    let first = lines.next().expect("it is told of");
    let beneath = lines.take_while(|line| line.starts_with("      "));
    [first]
        .into_iter()
        .chain(beneath)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_groups_line_says_what_deviates() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let of = |measured: Vec<Measured>, change: &dyn Fn(&mut Context)| {
        let mut context = context();
        change(&mut context);
        let told = screen(&[ranking(measured)], context, Lang::En);
        lines_of(&told, "socket 3.0")
    };
    let nothing = |_: &mut Context| {};
    let timeout = failure(Phase::Connect, FailureKind::Timeout);
    let flaky = ok(&b, 20);
    let at = flaky.v4();
    let flaky = flaky.bad(at, timeout.clone(), 2);
    let told = of(vec![ok(&a, 20), flaky], &nothing);
    assert!(
        told.ends_with("! easecdn.com: 2 of 6 attempts failed"),
        "{told}"
    );
    // Broken IPv6 is reported once, for all.
    let dead = ok(&a, 20);
    let at = dead.v6();
    let told = of(vec![dead.bad(at, timeout, 2), ok(&b, 40)], &nothing);
    assert!(!told.contains('!'), "{told}");
    let lost = failure(Phase::Upgrade, FailureKind::Rejected).with_status(503);
    let told = of(vec![ok(&a, 20), failing(&b, lost)], &nothing);
    assert!(
        told.contains("only one") && told.ends_with("! easecdn.com: HTTP 503"),
        "{told}"
    );
    let soon = ok(&b, 40).shows(certificate(-300, 9));
    let told = of(vec![ok(&a, 20), soon], &nothing);
    assert!(
        told.ends_with("! easecdn.com: certificate expires in 9 days"),
        "{told}"
    );
    let fine = ok(&b, 40).shows(certificate(-300, 52));
    assert!(!of(vec![ok(&a, 20), fine], &nothing).contains('!'));
    let in_use = |context: &mut Context| {
        let [_, b] = pair(Region::CN1, Service::Websocket);
        context.in_use = vec![b];
    };
    let told = of(vec![ok(&a, 20), ok(&b, 60)], &in_use);
    assert!(
        told.ends_with("! easecdn.com [in use]: 120 ms slower"),
        "{told}"
    );
    // The endpoint in use is the first choice: no deviation.
    assert!(!of(vec![ok(&a, 60), ok(&b, 20)], &in_use).contains('!'));
    let alternate = Measured::of(&b);
    let at = alternate.v4();
    let alternate = alternate.good_at("/ws/websocket", at, [40, 41, 40]);
    let told = of(vec![ok(&a, 20), alternate], &nothing);
    let path = "! easecdn.com: works only with the path /ws/websocket";
    assert!(told.ends_with(path), "{told}");
    // A single endpoint has no lead.
    let told = of(vec![ok(&a, 20)], &nothing);
    assert!(told.ends_with("-") && !told.contains('!'), "{told}");
    let told = of(vec![ok(&a, 20), ok(&b, 20)], &nothing);
    assert!(told.ends_with("even"), "{told}");
}

/// Failures decide the order, and the next endpoint is faster when both connect.
#[test]
fn who_is_first_for_failing_less_is_not_called_faster() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let flaky = ok(&b, 20);
    let at = flaky.v4();
    let flaky = flaky.bad(at, failure(Phase::Connect, FailureKind::Timeout), 2);
    let report = report(&[ranking([ok(&a, 40), flaky])]);
    let told = LANGS.map(|lang| table(&Model::new(&report, lang), at_80()));
    for (told, lead, why) in [
        (
            &told[0],
            "  fails less\n",
            " (fails less often than the next)\n",
        ),
        (&told[1], "  失败更少\n", "（失败比下一个少）\n"),
    ] {
        assert!(told.contains(lead) && told.contains(why), "{told}");
    }
}

#[test]
fn without_a_first_choice_it_is_said_why() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let told = |measured: Vec<Measured>| {
        let rankings = [ranking(measured)];
        LANGS.map(|lang| lines_of(&screen(&rankings, context(), lang), "socket 3.0"))
    };
    let [en, zh] = told(vec![refused(&a), refused(&b)]);
    assert_eq!(
        en,
        "cn1     socket 3.0  no usable endpoint: connection refused (TCP)"
    );
    assert_eq!(zh, "cn1       socket 3.0  没有可用地址：连接被拒绝（TCP）");
    let unknown = Measured::of(&b).lookup_failed(FailureKind::NotFound);
    let [en, zh] = told(vec![refused(&a), unknown]);
    assert_eq!(
        en,
        "cn1     socket 3.0  no usable endpoint. easemob.com: connection refused (TCP);\n                    \
         easecdn.com: no such name (DNS)"
    );
    assert_eq!(
        zh,
        "cn1       socket 3.0  没有可用地址。easemob.com：连接被拒绝（TCP）；\n                      \
         easecdn.com：域名不存在（DNS）"
    );
    let [en, zh] = told(vec![Measured::of(&a), Measured::of(&b)]);
    assert_eq!(en, "cn1     socket 3.0  not tried");
    assert_eq!(zh, "cn1       socket 3.0  未探测");
}

#[test]
fn failed_lookups_are_failures_of_dns() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let unknown = |one| Measured::of(one).lookup_failed(FailureKind::NotFound);
    let report = report(&[ranking([unknown(&a), unknown(&b)])]);
    let [en, zh] = LANGS.map(|lang| details(&Model::new(&report, lang), at_80()));
    assert!(
        en.contains(" 1/1 (DNS) ") && zh.contains(" 1/1（DNS）"),
        "{en}{zh}"
    );
}

/// Reports with few results say why: nothing measured, nothing published, cut off.
#[test]
fn little_is_told_of_little() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let mut stopped = outcome(&[ranking([ok(&a, 20).unfinished(2), Measured::of(&b)])]);
    stopped.ended = Ended::Stopped;
    let mut late = outcome(&[ranking([Measured::of(&a).unfinished(2), Measured::of(&b)])]);
    late.ended = Ended::Deadline;
    let mut nowhere = context();
    nowhere.notes = vec![Note::NonePublished {
        region: Region::SGP1,
        service: Service::Alipay,
    }];
    let cases = [
        (stopped, context()),
        (late, context()),
        (outcome(&[]), nowhere),
    ];
    let told = |lang| {
        let told = cases.iter().map(|(outcome, context)| {
            let report = Report::new(outcome, context.clone());
            let told = first_screen(&Model::new(&report, lang), at_80(), None);
            assert_fits(&told, 24);
            told
        });
        told.collect::<Vec<_>>().join("----\n")
    };
    insta::assert_snapshot!(told(Lang::En), @r###"
Verdict: The network is fine: every service that was measured has a usable
endpoint.
Who can act: no action is needed
Next step: If login is still slow or fails, check the token, the account and the
SDK's log.
Not tested: token, account, and the app's own logic.
Incomplete: The measurement was interrupted; 2 attempts did not complete.

When: 2025-10-09 08:53:20 UTC
Where: linux x86_64
Data centres: cn1 China 1

region  service     first choice           opens in  ahead by
cn1     socket 3.0  im-api-v2.easemob.com   62.5 ms         -
                    ! easecdn.com: not tried
----
Verdict: No verdict: too little was measured. The deadline ended the measurement
early; 2 attempts did not complete.
Who can act: you, on this computer
Next step: Allow more time with --deadline, or select fewer data centres and
services.

When: 2025-10-09 08:53:20 UTC
Where: linux x86_64
Data centres: cn1 China 1

cn1     socket 3.0  not tried
----
Verdict: No verdict: too little was measured.
Who can act: this measurement doesn't show it
Next step: Measure again with more time (--deadline).
No endpoint is published for alipay in sgp1.

When: 2025-10-09 08:53:20 UTC
Where: linux x86_64
"###);
    insta::assert_snapshot!(told(Lang::Zh), @r###"
结论：网络连接正常：测量的每项服务都有可用的接入地址。
处理人：无需处理
下一步：如果登录仍慢或失败，请检查 token、账号和 SDK 日志。
未测试：token、账号和应用自身的逻辑。
不完整：测量被中断，2 次尝试未完成。

时间：2025-10-09 08:53:20 UTC
环境：linux x86_64
数据中心：cn1 国内 1 区

数据中心  服务        首选地址               建连耗时  领先
cn1       socket 3.0  im-api-v2.easemob.com   62.5 ms     -
                      ! easecdn.com：未探测
----
结论：无法判断：测量的数据太少。时限已到，测量提前结束，2 次尝试未完成。
处理人：你（本机用户）
下一步：请用 --deadline 延长时限，或减少要测的数据中心和服务。

时间：2025-10-09 08:53:20 UTC
环境：linux x86_64
数据中心：cn1 国内 1 区

cn1       socket 3.0  未探测
----
结论：无法判断：测量的数据太少。
处理人：本次测量无法判断
下一步：请延长时限（--deadline）后重测。
sgp1 没有公布 alipay 地址。

时间：2025-10-09 08:53:20 UTC
环境：linux x86_64
"###);
}

/// The pool, a region of a second source and the user's own host have a line each.
#[test]
fn unusual_groups_have_their_lines() {
    let pool = Catalog::builtin().group(&easelect::Residency::mainland_pool(), Service::Rest);
    let pool = pool.unwrap();
    let pool = pool
        .iter()
        .zip([20, 30, 40, 50])
        .map(|(one, connect)| ok(one, connect));
    let [c, d] = pair(Region::SGP1, Service::Rest);
    let mut context = context();
    context.second_source = vec![Region::SGP1];
    let own = Endpoint::new(Region::DE2, Service::Websocket, "wss://im.example:8443/ws").unwrap();
    let rankings = [
        ranking([ok(&c, 20), refused(&d)]),
        pool_ranking(pool),
        ranking([ok(&own, 20)]),
    ];
    let told = LANGS.map(|lang| screen(&rankings, context.clone(), lang));
    insta::assert_snapshot!(told[0], @r###"
Verdict: The network is fine: every service that was measured has a usable
endpoint.
Who can act: no action is needed
Next step: If login is still slow or fails, check the token, the account and the
SDK's log.
Not tested: token, account, and the app's own logic.

When: 2025-10-09 08:53:20 UTC
Where: linux x86_64
Data centres: mainland China 1 + China 2, de2 Germany 2, sgp1 Singapore 1

region    service    first choice          opens in  ahead by
mainland  REST       a1.easemob.com (cn1)   62.5 ms   29.4 ms
de2       WebSocket  im.example:8443        62.5 ms         -
Not listed on Easemob's reference page, but by a second source:
sgp1      REST       a1-sgp.easemob.com     62.5 ms  only one
                     ! easecdn.com: connection refused (TCP)

Report saved: /home/customer/easelect-20251009-165320.html
"###);
    insta::assert_snapshot!(told[1], @r###"
结论：网络连接正常：测量的每项服务都有可用的接入地址。
处理人：无需处理
下一步：如果登录仍慢或失败，请检查 token、账号和 SDK 日志。
未测试：token、账号和应用自身的逻辑。

时间：2025-10-09 08:53:20 UTC
环境：linux x86_64
数据中心：mainland 国内 1 区 + 国内 2 区，de2 德国 2 区，sgp1 新加坡 1 区

数据中心  服务       首选地址              建连耗时      领先
mainland  REST       a1.easemob.com (cn1)   62.5 ms   29.4 ms
de2       WebSocket  im.example:8443        62.5 ms         -
以下地址不在环信的数据中心文档中，来自其他来源：
sgp1      REST       a1-sgp.easemob.com     62.5 ms  唯一可用
                     ! easecdn.com：连接被拒绝（TCP）

报告已保存：/home/customer/easelect-20251009-165320.html
"###);
    let report = Report::new(&outcome(&rankings), context);
    let told = details(&Model::new(&report, Lang::En), at_80());
    let (first, last) = (
        told.find("China 1 + China 2"),
        told.find("from a second source"),
    );
    assert!(first.is_some() && first < last, "{told}");
}

#[test]
fn a_simulation_is_no_measurement() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let mut context = context();
    context.environment.lab = Some("beijing".to_owned());
    for (lang, said) in [
        (
            Lang::En,
            "Simulated network: scenario \"beijing\". No real host was contacted.",
        ),
        (Lang::Zh, "模拟网络：场景 beijing，未连接任何真实主机。"),
    ] {
        let told = screen(&[ranking([ok(&a, 20), ok(&b, 30)])], context.clone(), lang);
        assert!(told.lines().any(|line| line == said), "{told}");
    }
}

/// Times are aligned at their ends, and so are leads.
#[test]
fn figures_stand_to_the_right() {
    let mut rankings = well(&[Region::CN1]);
    let [a, b] = pair(Region::CN1, Service::Websocket);
    rankings[0] = ranking([ok(&a, 400), ok(&b, 900)]);
    for lang in LANGS {
        let told = screen(&rankings, context(), lang);
        let ends = |line: &str| -> Vec<usize> {
            let ends = line
                .match_indices(" ms")
                .map(|(at, _)| columns(&line[..at]));
            ends.collect()
        };
        let rows: Vec<Vec<usize>> = told
            .lines()
            .filter(|line| line.starts_with("cn1 "))
            .map(ends)
            .collect();
        assert_eq!(rows.len(), 5);
        assert!(
            rows.iter().all(|ends| ends.len() == 2 && *ends == rows[0]),
            "{told}"
        );
    }
}

#[test]
fn a_bar_shows_its_phases_to_scale() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let refused = failure(Phase::Tls, FailureKind::Reset);
    let rankings = [ranking([ok(&a, 18), failing(&b, refused)])];
    let bars = |style: Style| -> Vec<String> {
        let told = details(&Model::new(&report(&rankings), Lang::En), style);
        let under = told.lines().filter_map(|line| line.strip_prefix("     "));
        let drawn = |line: &&str| line.starts_with(['░', '.']) && !line.contains(' ');
        under.filter(drawn).map(str::to_owned).collect()
    };
    // 12 ms, 18.5, 19.5 and 18.5 on 134 columns; the other got as far as TLS after 12 and 20.
    let wide = bars(Style::plain().with_width(140));
    let count = |bar: &str, c: char| bar.chars().filter(|one| *one == c).count();
    let [first, second] = wide.as_slice() else {
        panic!("{wide:?}")
    };
    assert_eq!(
        ['░', '▒', '▓', '█'].map(|c| count(first, c)),
        [23, 37, 38, 36]
    );
    assert_eq!(['░', '▒', 'x'].map(|c| count(second, c)), [23, 40, 1]);
    let narrow = bars(Style::plain().with_width(10).with_ascii(true));
    assert_eq!(narrow, ["...-----======#####", "...------x"]);
}

/// Two groups: a usable one with an expired certificate, and a mini-program's.
fn rankings() -> [Ranking; 2] {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let [c, d] = pair(Region::CN1, Service::Wechat);
    let expired = failure(Phase::Tls, FailureKind::CertificateExpired)
        .with_not_after(now() - std::time::Duration::from_secs(3 * 86_400 + 60));
    let slow = Measured::of(&c).lookup(std::time::Duration::from_millis(9));
    let (v4, v6) = (slow.v4(), slow.v6());
    let slow = slow
        .good(v4, [40, 41, 42, 40, 41, 42, 40, 41, 42, 43])
        .bad(v4, failure(Phase::Connect, FailureKind::Timeout), 1)
        .bad(v6, failure(Phase::Connect, FailureKind::Refused), 2);
    [
        ranking([ok(&a, 21), failing(&b, expired)]),
        ranking([slow, ok(&d, 18)]),
    ]
}

fn told(lang: Lang, style: Style) -> String {
    let [_, in_use] = pair(Region::CN1, Service::Websocket);
    let mut context: Context = context();
    context.in_use = vec![in_use];
    context.notes = vec![Note::NonePublished {
        region: Region::SGP1,
        service: Service::Alipay,
    }];
    table(
        &Model::new(&Report::new(&outcome(&rankings()), context), lang),
        style,
    )
}

#[test]
fn a_report_in_english() {
    insta::assert_snapshot!(told(Lang::En, Style::plain().with_width(120)), @r###"
Verdict: The fault is in the configuration. The endpoint in use, wss://im-api-v2.easecdn.com/websocket, fails in the TLS
handshake: certificate expired 3 days ago. wss://im-api-v2.easemob.com/websocket works.
Who can act: the app's developer
Next step: Put wss://im-api-v2.easemob.com/websocket into the app's configuration.
There are 3 more problems: see the findings below.

When: 2025-10-09 08:53:20 UTC
Where: linux x86_64
Data centres: cn1 China 1

region  service     first choice               opens in  ahead by
cn1     socket 3.0  im-api-v2.easemob.com       65.5 ms  only one
                    ! easecdn.com [in use]: certificate expired 3 days ago
cn1     WeChat      im-api-wechat.easecdn.com   56.5 ms   67.5 ms  ! easemob.com: 1 of 11 attempts failed

Findings
- The endpoint in use, wss://im-api-v2.easecdn.com/websocket, fails in the TLS handshake: certificate expired 3 days
  ago. wss://im-api-v2.easemob.com/websocket works.
  > Put wss://im-api-v2.easemob.com/websocket into the app's configuration.
- Suspected: IPv6 is broken on this network. The only IPv6 address failed; IPv4 works.
  > Ask the network administrator to repair or disable IPv6; -4 measures without it.
- wss://im-api-v2.easecdn.com/websocket fails in the TLS handshake: certificate expired 3 days ago.
  > Check this computer's date and time. If they are right, send this report to Easemob support.
- Ready, but some attempts fail: wss://im-api-wechat.easemob.com/websocket (9.1%). They fail most often at TCP connect:
  no answer in time.
  > Measure again from another network; if it fails there too, send this report to Easemob support.

Bars: ░ name lookup, ▒ TCP connect, ▓ TLS handshake, █ WebSocket handshake, x failed here. One scale per service.

China 1 (cn1), socket 3.0 (WebSocket)
First choice: wss://im-api-v2.easemob.com/websocket (the only one that is ready)
  #  endpoint                        state        failed  expected     median    name      TCP        TLS  WebSocket
                                                              cost             lookup  connect  handshake  handshake
* 1  im-api-v2.easemob.com           ready           0/4      68.0  65.5 ±2.9    12.0     21.5       22.5       21.5
     ░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓████████████████████████████████
     47.93.7.1
  2  im-api-v2.easecdn.com [in use]  unreachable     4/4         -          -    12.0     20.0          -          -
     ░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒x
     TLS handshake: certificate expired 3 days ago ×4 | 47.93.7.2

China 1 (cn1), WeChat mini-program
First choice: wss://im-api-wechat.easecdn.com/websocket (clearly the fastest)
  #  endpoint                   state      failed  expected     median  p90    name      TCP        TLS  WebSocket
                                                       cost                  lookup  connect  handshake  handshake
* 1  im-api-wechat.easecdn.com  ready         0/4      59.7  56.5 ±2.9    -    12.0     18.5       19.5       18.5
     ░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓████████████████
     47.93.7.30
  2  im-api-wechat.easemob.com  ready  23.1% 3/13       161   124 ±3.1  127     9.0     41.0       42.0       41.0
     ░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓███████████████████████████████████
     101 ms slower than the first choice | 47.93.7.29, 2408:4000:7::1d
     2 failures: TCP connect: connection refused
     1 failure: TCP connect: no answer in time

Environment
easelect 0.1.0; linux x86_64; only IPv4 works (of IPv4, IPv6)

Notes
- No endpoint is published for alipay in sgp1. If Easemob gave you a host, put it into a catalogue file (--catalog).
- Mini-program endpoints were measured from this computer, not inside the mini-program. Inside it, the host app's
  network and the mini-program's list of allowed domains also apply.
- 1 URL is inferred from sibling hosts: Easemob publishes the host, but not the port and path. If such a URL is refused,
  ask Easemob support for its path, and put it into a catalogue file (--catalog).
- Times are in milliseconds. Each phase is its own median, so the phases need not add up to the total. Expected cost:
  the average time to open a connection, plus a penalty for failures. Failed: the share of attempts that failed. ±,
  where shown: the standard deviation. The median and the expected cost don't include the name lookup.
- Ahead by: the next endpoint's median minus the first choice's, failures aside.
"###);
}

#[test]
fn a_report_in_chinese() {
    insta::assert_snapshot!(told(Lang::Zh, at_80().with_ascii(true)), @r###"
结论：问题在配置。使用中的 wss://im-api-v2.easecdn.com/websocket 不可用，在 TLS
握手时失败：证书 3 天前过期。wss://im-api-v2.easemob.com/websocket 可用。
处理人：应用开发者
下一步：请将应用配置改为 wss://im-api-v2.easemob.com/websocket。
另有 3 个问题，见下文"发现"。

时间：2025-10-09 08:53:20 UTC
环境：linux x86_64
数据中心：cn1 国内 1 区

数据中心  服务        首选地址                   建连耗时      领先
cn1       socket 3.0  im-api-v2.easemob.com       65.5 ms  唯一可用
                      ! easecdn.com [使用中]：证书 3 天前过期
cn1       微信小程序  im-api-wechat.easecdn.com   56.5 ms   67.5 ms
                      ! easemob.com：11 次尝试失败 1 次

发现
- 使用中的 wss://im-api-v2.easecdn.com/websocket 不可用，在 TLS 握手时失败：证书
  3 天前过期。wss://im-api-v2.easemob.com/websocket 可用。
  > 请将应用配置改为 wss://im-api-v2.easemob.com/websocket。
- 疑似本网络的 IPv6 不通：1 个 IPv6 地址全部失败，IPv4 正常。
  > 请网络管理员修复或关闭 IPv6；可用 -4 只测 IPv4。
- wss://im-api-v2.easecdn.com/websocket 在 TLS 握手时失败：证书 3 天前过期。
  > 请检查电脑的日期和时间；如果正确，请把这份报告发给环信技术支持。
- 可用，但部分尝试失败（括号内为失败率）：
  wss://im-api-wechat.easemob.com/websocket (9.1%)。最常见的是在 TCP 连接时失
  败：超时，对方无应答。
  > 请用同一台设备换一个网络重测；如果仍然失败，请把这份报告发给环信技术支持。

图例：. 域名解析，- TCP 连接，= TLS 握手，# WebSocket 握手，x 在此失败。每项服务
使用同一比例。

国内 1 区（cn1），socket 3.0（WebSocket 地址）
首选地址：wss://im-api-v2.easemob.com/websocket（唯一可用）
  #  接入地址                        状态    失败率        预计耗时      中位数
                                                     （含失败代价）
* 1  im-api-v2.easemob.com           可用       0/4            68.0  65.5 +-2.9
     ...........---------------------=====================#####################
     47.93.7.1
  2  im-api-v2.easecdn.com [使用中]  连不上     4/4               -           -
     ...........--------------------x
     TLS 握手：证书 3 天前过期 x4 | 47.93.7.2

国内 1 区（cn1），微信小程序
首选地址：wss://im-api-wechat.easecdn.com/websocket（明显最快）
  #  接入地址                   状态      失败率        预计耗时      中位数
                                                  （含失败代价）
* 1  im-api-wechat.easecdn.com  可用         0/4            59.7  56.5 +-2.9
     .......----------===========##########
     47.93.7.30
  2  im-api-wechat.easemob.com  可用  23.1% 3/13             161   124 +-3.1
     .....-----------------------=======================#######################
     比首选地址慢 101 ms | 47.93.7.29、2408:4000:7::1d
     失败 2 次：TCP 连接：连接被拒绝
     失败 1 次：TCP 连接：超时，对方无应答

环境
easelect 0.1.0；linux x86_64；IPv4、IPv6 中仅 IPv4 正常

说明
- sgp1 没有公布 alipay 地址。如果环信提供了地址，请写入目录文件（--catalog）。
- 小程序地址是从本机测量的，不是在小程序内测量的。小程序内还受宿主应用的网络和
  request/socket 合法域名配置影响。
- 1 个 URL 由同类主机推断：环信公布了主机名，但没有公布端口和路径。如果这类 URL
  被拒绝，请向环信技术支持询问路径，并写入目录文件（--catalog）。
- 时间单位为毫秒。各阶段为各自的中位数，相加不一定等于总耗时。预计耗时（含失败代
  价）：打开一个连接的平均耗时，计入失败的代价。失败率：失败次数与尝试次数之比。
  +- 之后为标准差。中位数和预计耗时不含域名解析。
- 领先：两者都连通时，下一个接入地址比首选地址多用的时间。
"###);
}

#[test]
fn what_is_as_it_should_be_is_not_told() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let good = ok(&a, 21).shows(certificate(-300, 3651));
    let told = details(
        &Model::new(&report(&[ranking([good, ok(&b, 30)])]), Lang::En),
        at_80(),
    );
    assert!(!told.contains("expires"), "{told}");
}

/// What is unusual about a run is one paragraph.
#[test]
fn the_environment_is_one_paragraph() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let mut context = at_home();
    let environment = &mut context.environment;
    let mut network = LocalNetwork::default();
    network.source_v4 = Some([192, 168, 1, 7].into());
    network.interface = Some("wifi");
    environment.network_at_start = Some(network);
    environment.timeout = Some(ms(2_500));
    environment.deadline = Some(ms(90_000));
    environment.rounds = Some(10);
    environment.in_flight = Some(4);
    environment.cacert = true;
    environment.pinned = vec!["a.example:443:10.0.0.1".to_owned()];
    let told = |lang, context: Context| {
        let report = Report::new(&outcome(&[ranking([ok(&a, 20), ok(&b, 30)])]), context);
        let told = details(&Model::new(&report, lang), Style::plain());
        let heads = ["Environment", "环境"];
        let mut lines = told.lines().skip_while(|line| !heads.contains(line));
        lines.nth(1).unwrap().to_owned()
    };
    assert_eq!(
        told(Lang::En, context.clone()),
        "easelect 0.1.0; linux x86_64; Wi-Fi; DNS 192.168.1.1; private IPv4 address; no route for IPv6; IPv4 works; \
         140 root certificates; options: --cacert --resolve a.example:443:10.0.0.1 --rounds 10 --timeout 2500ms \
         --deadline 90s --in-flight 4"
    );
    assert_eq!(
        told(Lang::Zh, at_home()),
        "easelect 0.1.0；linux x86_64；Wi-Fi；DNS 192.168.1.1；无 IPv4 路由；无 IPv6 路由；IPv4 正常；140 个根证书"
    );
}

#[test]
fn certificates_are_told_good_or_bad() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let shown = certificate(-30, 60);
    let untrusted = failure(Phase::Tls, FailureKind::CertificateUntrusted).with_chain(shown);
    let rankings = [ranking([
        ok(&a, 21).shows(certificate(-300, 22)),
        failing(&b, untrusted),
    ])];
    let told = |lang| {
        table(
            &Model::new(&Report::new(&outcome(&rankings), context()), lang),
            Style::plain(),
        )
    };
    for (lang, lines) in [
        (
            Lang::En,
            [
                "47.93.7.1 | certificate expires in 22 days",
                "TLS handshake: certificate is not trusted (issued by CN=Some CA) ×4 | 47.93.7.2",
                "the certificate shown: for *.easemob.com; issued by CN=Some CA; \
                 valid 2025-09-09 to 2025-12-08",
            ],
        ),
        (
            Lang::Zh,
            [
                "47.93.7.1 | 证书 22 天后过期",
                "TLS 握手：证书不受信任（签发者 CN=Some CA） ×4 | 47.93.7.2",
                "出示的证书：域名 *.easemob.com；签发者 CN=Some CA；有效期 2025-09-09 至 2025-12-08",
            ],
        ),
    ] {
        let told = told(lang);
        for line in lines {
            assert!(told.contains(line), "{line} is not in\n{told}");
        }
    }
}

#[test]
fn a_narrow_terminal_keeps_what_matters() {
    for lang in [Lang::En, Lang::Zh] {
        let narrow = told(lang, Style::plain().with_width(64));
        assert!(narrow.contains("im-api-v2.easemob.com"));
        let ready = if lang == Lang::Zh { "可用" } else { "ready" };
        assert!(narrow.contains(ready));
        assert!(!narrow.contains('\u{1b}'));
    }
}

#[test]
fn colours_only_when_asked_for() {
    let coloured = told(Lang::En, Style::plain().with_colour(true));
    assert!(coloured.contains("\u{1b}[32m* 1  im-api-v2.easemob.com"));
    assert!(!told(Lang::En, Style::plain()).contains('\u{1b}'));
}

#[test]
fn the_proxy_is_said_at_the_top_and_has_a_column() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let told = |lang, context: Context| {
        let good = Measured::of(&a);
        let at = good.v4();
        let good = good.proxied(at, 7);
        let report = Report::new(&outcome(&[ranking([good, ok(&b, 30)])]), context);
        table(&Model::new(&report, lang), Style::plain())
    };
    let mut context = context();
    context.environment.proxy_variables = vec!["HTTPS_PROXY".to_owned()];
    context.environment.system_proxies = vec![
        "http://10.0.0.1:8080".to_owned(),
        "PAC http://x/\u{1b}[2J".to_owned(),
    ];
    let unused = told(Lang::En, context.clone());
    let said = "; proxy variables set, not used: HTTPS_PROXY; system proxy settings, not used: \
                http://10.0.0.1:8080, PAC http://x/\\u{1b}[2J\n";
    assert!(unused.contains(said), "{unused}");
    context.environment.proxy = Some("http://me:secret@10.0.0.1:8080".parse().unwrap());
    context.environment.proxy_variables = Vec::new();
    let used = told(Lang::En, context.clone());
    let where_ = "Where: linux x86_64, through the proxy http://10.0.0.1:8080\n";
    assert!(used.contains(where_), "{used}");
    let said = "; system proxy settings, not used: PAC http://x/\\u{1b}[2J\n";
    assert!(used.contains(said), "{used}");
    assert!(used.contains("TCP  proxy        TLS"), "{used}");
    assert!(!used.contains("IPv4"), "{used}");
    let used = told(Lang::Zh, context);
    assert!(used.contains("经代理 http://10.0.0.1:8080") && used.contains("代理 "));
    assert!(!used.contains("secret"));
}

#[test]
fn what_a_peer_wrote_never_reaches_the_terminal_raw() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let portal = failure(Phase::Upgrade, FailureKind::Redirected)
        .with_location(Some("\u{1b}[2J\r\nhttp://x".to_owned()));
    let blocked = failure(Phase::Proxy, FailureKind::Rejected).with_message("\u{1b}[2J\t");
    let proxied = Endpoint::new(Region::CN1, Service::Websocket, "wss://other.example/").unwrap();
    let other = failure(Phase::Tls, FailureKind::Other).with_message("\u{7}\u{9b}31m");
    let named = Endpoint::new(Region::CN1, Service::Websocket, "wss://own.example/")
        .unwrap()
        .with_label("\u{1b}]0;owned\u{7}");
    let rankings = [ranking([
        failing(&a, portal),
        failing(&b, other),
        ok(&named, 20),
        failing(&proxied, blocked),
    ])];
    for lang in [Lang::En, Lang::Zh] {
        let told = table(&Model::new(&report(&rankings), lang), Style::plain());
        let raw = told.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(raw, None, "{told}");
    }
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_report_is_printed_on_any_terminal(
        world in worlds::world(),
        width in 40u16..=200,
        note in ".{0,40}",
    ) {
        let report = world.report();
        for lang in LANGS {
            let mut model = Model::new(&report, lang);
            // As if read from a file.
            model.note = Some(note.clone());
            model.environment.interface = Some(format!("\u{1b}[2J{note}"));
            model.groups[0].region_name.push_str(&note);
            let phases = &mut model.groups[0].endpoints[0].phases_ms;
            for absurd in [&mut phases.connect, &mut phases.tls].into_iter().flatten() {
                (absurd.p50, absurd.max) = (f64::MAX, -1.0);
            }
            for style in [Style::plain().with_width(width), Style::plain().with_width(width).with_ascii(true)] {
                let told = table(&model, style);
                let screen = first_screen(&model, style, Some(&note));
                prop_assert!(screen.lines().count() > 5);
                for c in told.chars().chain(screen.chars()) {
                    prop_assert!(c == '\n' || !c.is_control(), "{:?} in {}", c, told);
                    let ascii = c.is_ascii() || is_chinese(c);
                    prop_assert!(!style.ascii || ascii, "{:?} in {}", c, told);
                }
                // Only words that can't be broken are longer than a line.
                let longest = told.split_whitespace().map(columns).max().unwrap_or(0);
                for line in told.lines() {
                    let table = line.contains("  ");
                    prop_assert!(table || columns(line) <= usize::from(width).max(longest + 24), "{}", line);
                }
            }
        }
    }
}
