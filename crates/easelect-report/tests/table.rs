//! The table, in both languages.

mod support;

use easelect::{Endpoint, FailureKind, Phase, Ranking, Region, Service};
use easelect_report::{Context, Lang, Model, Note, Report, Style, table};
use support::*;

/// Two groups: a good one with an expired certificate in it, and a mini-program's.
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
easelect 0.1.0 | 2025-10-09T08:53:20Z | linux x86_64

Verdict: The fault is in the configuration. In use: wss://im-api-v2.easecdn.com/websocket fails. TLS handshake:
certificate expired 3 days ago. wss://im-api-v2.easemob.com/websocket works.
Who can act: the app's developer
Next step: Put wss://im-api-v2.easemob.com/websocket into the app's configuration.

Findings
- In use: wss://im-api-v2.easecdn.com/websocket fails. TLS handshake: certificate expired 3 days ago.
  wss://im-api-v2.easemob.com/websocket works.
  > Put wss://im-api-v2.easemob.com/websocket into the app's configuration.
- Suspected: IPv6 is broken in this network. The only IPv6 address failed, IPv4 works.
  > Ask the network administrator to repair IPv6 or switch it off; -4 measures without it.
- wss://im-api-v2.easecdn.com/websocket: TLS handshake: certificate expired 3 days ago.
  > Check that this computer's date is right; then tell Easemob support which host it is.
- Ready, but failing now and then: wss://im-api-wechat.easemob.com/websocket (9.1%); mostly: TCP connect: no answer in
  time.
  > Try from another network; if it fails there too, tell Easemob support.

China 1 (cn1) | socket 3.0 (WebSocket)
First choice in this data centre: wss://im-api-v2.easemob.com/websocket
  #  endpoint                        state          failed  expected     median    name      TCP        TLS  WebSocket
                                                                cost             lookup  connect  handshake  handshake
* 1  im-api-v2.easemob.com           ready          0% 0/4      68.0  65.5 ±2.9    12.0     21.5       22.5       21.5
     first choice in this data centre: the only one that is ready | 47.93.7.1
  2  im-api-v2.easecdn.com [in use]  unreachable  100% 4/4         -          -    12.0     20.0          -          -
     TLS handshake: certificate expired 3 days ago ×4 | 47.93.7.2

China 1 (cn1) | WeChat mini-program
First choice in this data centre: wss://im-api-wechat.easecdn.com/websocket
  #  endpoint                   state      failed  expected     median  p90    name      TCP        TLS  WebSocket
                                                       cost                  lookup  connect  handshake  handshake
* 1  im-api-wechat.easecdn.com  ready      0% 0/4      59.7  56.5 ±2.9    -    12.0     18.5       19.5       18.5
     first choice in this data centre: clearly the fastest | 47.93.7.30
  2  im-api-wechat.easemob.com  ready  23.1% 3/13       161   124 ±3.1  127     9.0     41.0       42.0       41.0
     slower than the first choice by 101 ms, most of it in: WebSocket handshake | 47.93.7.29, 2408:4000:7::1d
     2 failures: TCP connect: connection refused
     1 failure: TCP connect: no answer in time

Notes
- alipay in sgp1: none published. If Easemob gave you a host, put it into a catalogue file (--catalog).
- Mini-program endpoints were measured from this computer, not inside the mini-program. Inside, the host app's network
  and its list of allowed domains apply as well.
- 1 URL is concluded from sibling hosts: the hosts are published, port and path are not. If such a URL is refused, ask
  Easemob support for its path and give it in a catalogue file (--catalog).
- Data centres can't be compared or swapped: an app lives in one, and data in an overseas one may not move. Which one an
  app lives in: https://console.easemob.com (即时通讯 > 服务概览).
- Times are milliseconds; phases are medians, each on its own. Expected cost: what opening a connection takes on
  average, with what its failures cost. Failed: attempts that failed, of all.
"###);
}

#[test]
fn certificates_are_told_good_or_bad() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let shown = certificate(-30, 60);
    let untrusted = failure(Phase::Tls, FailureKind::CertificateUntrusted).with_chain(shown);
    let rankings = [ranking([
        ok(&a, 21).shows(certificate(-300, 52)),
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
                "| 47.93.7.1 | certificate expires in 52 days",
                "TLS handshake: certificate is not trusted (issued by CN=Some CA) ×4 | 47.93.7.2",
                "the certificate shown: for *.easemob.com; issued by CN=Some CA; \
                 valid 2025-09-09 to 2025-12-08",
            ],
        ),
        (
            Lang::Zh,
            [
                "| 47.93.7.1 | 证书 52 天后过期",
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
fn a_report_in_chinese() {
    insta::assert_snapshot!(told(Lang::Zh, Style::plain().with_width(120)), @r###"
easelect 0.1.0 | 2025-10-09T08:53:20Z | linux x86_64

结论：问题在配置。使用中的 wss://im-api-v2.easecdn.com/websocket 不可用：TLS 握手：证书 3 天前过期。
wss://im-api-v2.easemob.com/websocket 可用。
处理人：应用开发者
下一步：请将应用配置改为 wss://im-api-v2.easemob.com/websocket。

发现
- 使用中的 wss://im-api-v2.easecdn.com/websocket 不可用：TLS 握手：证书 3 天前过期。
  wss://im-api-v2.easemob.com/websocket 可用。
  > 请将应用配置改为 wss://im-api-v2.easemob.com/websocket。
- 疑似本网络的 IPv6 不通：1 个 IPv6 地址全部失败，IPv4 正常。
  > 请网络管理员修复或关闭 IPv6；可用 -4 只测 IPv4。
- wss://im-api-v2.easecdn.com/websocket：TLS 握手：证书 3 天前过期。
  > 请确认本机日期正确，然后把该主机名告知环信技术支持。
- 可用，但时好时坏（失败率）：wss://im-api-wechat.easemob.com/websocket (9.1%)；多为：TCP 连接：超时，对方无应答。
  > 请换一个网络再试，仍时好时坏请联系环信技术支持。

国内 1 区（cn1） | socket 3.0（WebSocket 地址）
本数据中心内首选：wss://im-api-v2.easemob.com/websocket
  #  接入地址                        状态      失败率        预计耗时     中位数  域名解析   TCP   TLS  WebSocket
                                                       （含失败代价）                       连接  握手       握手
* 1  im-api-v2.easemob.com           可用      0% 0/4            68.0  65.5 ±2.9      12.0  21.5  22.5       21.5
     本数据中心内首选：唯一可用 | 47.93.7.1
  2  im-api-v2.easecdn.com [使用中]  连不上  100% 4/4               -          -      12.0  20.0     -          -
     TLS 握手：证书 3 天前过期 ×4 | 47.93.7.2

国内 1 区（cn1） | 微信小程序
本数据中心内首选：wss://im-api-wechat.easecdn.com/websocket
  #  接入地址                   状态      失败率        预计耗时     中位数  p90  域名解析   TCP   TLS  WebSocket
                                                  （含失败代价）                            连接  握手       握手
* 1  im-api-wechat.easecdn.com  可用      0% 0/4            59.7  56.5 ±2.9    -      12.0  18.5  19.5       18.5
     本数据中心内首选：明显最快 | 47.93.7.30
  2  im-api-wechat.easemob.com  可用  23.1% 3/13             161   124 ±3.1  127       9.0  41.0  42.0       41.0
     比首选慢 101 ms，主要慢在：WebSocket 握手 | 47.93.7.29、2408:4000:7::1d
     失败 2 次：TCP 连接：连接被拒绝
     失败 1 次：TCP 连接：超时，对方无应答

说明
- sgp1 没有公布 alipay 地址。如果环信提供了地址，请写入目录文件（--catalog）。
- 小程序地址是从本机测量的，不是在小程序内测量的。小程序内还受宿主应用的网络和合法域名配置影响。
- 1 个 URL 由同类主机推断：主机名是公开的，端口和路径没有公布。如果这类 URL 被拒绝，请向环信技术支持询问路径，并写入目录
  文件（--catalog）。
- 不同数据中心之间不可比较，也不可互换：应用只在其中一个，海外集群的数据不可迁移。查看应用所在的数据中心：
  https://console.easemob.com (即时通讯 > 服务概览)。
- 时间单位为毫秒；各阶段为中位数，互不累计。预计耗时（含失败代价）：平均打开一个连接所需时间，失败的代价计算在内。失败
  率：失败次数与尝试次数之比。
"###);
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
    let head = unused.lines().next().unwrap();
    assert!(
        head.ends_with(
            "| proxy variables set, not used: HTTPS_PROXY | the system's proxy settings, not used: \
             http://10.0.0.1:8080, PAC http://x/\\u{1b}[2J"
        ),
        "{head}"
    );
    context.environment.proxy = Some("http://me:secret@10.0.0.1:8080".parse().unwrap());
    context.environment.proxy_variables = Vec::new();
    let used = told(Lang::En, context.clone());
    let head = used.lines().next().unwrap();
    assert!(
        head.ends_with(
            "| through the proxy http://10.0.0.1:8080 | the system's proxy settings, not used: \
             PAC http://x/\\u{1b}[2J"
        ),
        "{head}"
    );
    assert!(used.contains("TCP  proxy        TLS"), "{used}");
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
