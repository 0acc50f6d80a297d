//! Configuration advice, from the catalogue and from a report.

mod support;

use std::collections::BTreeSet;

use easelect::{Catalog, Endpoint, FailureKind, Phase, Ranking, Region, Residency, Service};
use easelect_report::{Lang, Model, Report, Sdk, advice, advice_json};
use serde_json::Value;
use support::*;

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

/// The documented file host of China 1, which is not in the catalogue.
const CN1_FILES: &str = "a1-chatfile.easemob.com";

fn told(residency: &Residency, measured: Option<&Model>, sdk: Sdk, lang: Lang) -> String {
    advice(&Catalog::builtin(), residency, measured, &[sdk], lang)
}

fn document(residency: &Residency, measured: Option<&Model>, sdks: &[Sdk], lang: Lang) -> Value {
    let json = advice_json(&Catalog::builtin(), residency, measured, sdks, lang);
    serde_json::from_str(&json).unwrap()
}

fn model(rankings: &[Ranking]) -> Model {
    Model::new(&report(rankings), Lang::En)
}

/// The fenced blocks, each with its language.
fn fenced(markdown: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in markdown.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// Every Easemob host in a text.
fn hosts(text: &str) -> BTreeSet<String> {
    let no_host = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-';
    let words = text.split(no_host).map(str::to_owned);
    words
        .filter(|one| one.ends_with(".easemob.com") || one.ends_with(".easecdn.com"))
        .collect()
}

/// The URLs in a text, without quotes and punctuation around them.
fn urls(text: &str) -> Vec<&str> {
    let around = |c: char| c.is_whitespace() || "\"'，（()".contains(c);
    text.split(around)
        .filter(|one| one.contains("://") && one.len() > "https://".len())
        .collect()
}

fn published() -> impl Iterator<Item = Region> {
    let catalog = Catalog::builtin();
    let regions = catalog.regions().to_vec().into_iter();
    regions
        .filter(|info| info.has_public_hosts())
        .map(|info| info.region().clone())
}

#[test]
fn every_sdk_has_something_to_paste_in_both_languages() {
    for region in published() {
        let overseas = ![Region::CN1, Region::CN2].contains(&region);
        for (sdk, lang) in Sdk::ALL
            .iter()
            .flat_map(|sdk| LANGS.map(|lang| (*sdk, lang)))
        {
            let text = told(&region.clone().into(), None, sdk, lang);
            assert!(text.contains(sdk.name(lang)) && text.contains(sdk.as_str()));
            assert!(
                text.contains("2026-11") && text.contains("https://"),
                "{text}"
            );
            if overseas && sdk == Sdk::Alipay {
                let why = ["account manager", "商务经理"][lang as usize];
                assert!(fenced(&text).is_empty() && text.contains(why), "{text}");
            } else {
                assert!(!fenced(&text).is_empty(), "{sdk} in {region}: {text}");
            }
        }
    }
}

#[test]
fn no_host_is_of_another_data_centre() {
    let catalog = Catalog::builtin();
    for (region, lang) in published().flat_map(|one| LANGS.map(|lang| (one.clone(), lang))) {
        let text = advice(&catalog, &region.clone().into(), None, Sdk::ALL, lang);
        let mut own: BTreeSet<String> = (catalog.endpoints().iter())
            .filter(|one| *one.region() == region)
            .map(|one| one.host().to_owned())
            .collect();
        if region == Region::CN1 {
            own.insert(CN1_FILES.to_owned());
        }
        for (_, block) in fenced(&text) {
            let foreign: Vec<String> = hosts(&block).difference(&own).cloned().collect();
            assert!(foreign.is_empty(), "{foreign:?} in {region}: {block}");
        }
        // Outside the blocks there are only Easemob's pages.
        let pages = ["doc.easemob.com".to_owned()].into();
        let named = hosts(&text);
        let known: BTreeSet<String> = own.union(&pages).cloned().collect();
        assert!(named.is_subset(&known), "{:?}", named.difference(&known));
    }
}

#[test]
fn each_data_centre_of_the_pool_has_a_section_of_its_own() {
    for lang in LANGS {
        let pool = Residency::mainland_pool();
        let text = advice(&Catalog::builtin(), &pool, None, Sdk::ALL, lang);
        let heads = [
            ["## China 1 (cn1)", "## China 2 (cn2)"],
            ["## 国内 1 区（cn1）", "## 国内 2 区（cn2）"],
        ][lang as usize];
        let (head, second) = text.split_once(heads[1]).unwrap();
        let (introduction, first) = head.split_once(heads[0]).unwrap();
        let who = [
            "as Easemob's mobile SDKs do",
            "与环信移动端 SDK 相同的客户端",
        ][lang as usize];
        assert!(introduction.contains(who), "{introduction}");
        let (first, second) = (hosts(first), hosts(second));
        let both: Vec<&String> = first.intersection(&second).collect();
        assert_eq!(both, ["doc.easemob.com"]);
        let alone = Sdk::ALL
            .iter()
            .map(|sdk| told(&Region::CN1.into(), None, *sdk, lang));
        let to_paste: usize = alone.map(|text| fenced(&text).len()).sum();
        assert_eq!(fenced(&text).len(), 2 * to_paste);
    }
}

#[test]
fn every_url_is_encrypted_and_can_be_an_endpoint() {
    for (region, lang) in published().flat_map(|one| LANGS.map(|lang| (one.clone(), lang))) {
        let text = advice(
            &Catalog::builtin(),
            &region.clone().into(),
            None,
            Sdk::ALL,
            lang,
        );
        assert!(!text.contains("http://"), "{text}");
        assert!(!text.replace("wss://", "").contains("ws://"), "{text}");
        for (_, block) in fenced(&text) {
            for url in urls(&block) {
                let service = match url.starts_with("https://") {
                    true => Service::Rest,
                    false => Service::Websocket,
                };
                let url = url.trim_end_matches([';', ',']);
                let read = Endpoint::new(region.clone(), service, url);
                assert!(read.is_ok(), "{url} in {block}: {read:?}");
            }
        }
    }
}

#[test]
fn a_list_of_ones_own_is_json_as_the_sdk_reads_it() {
    let text = told(&Region::US1.into(), None, Sdk::Web5, Lang::En);
    let blocks = fenced(&text);
    let (_, list) = blocks
        .iter()
        .find(|(language, _)| language == "json")
        .unwrap();
    let list: Value = serde_json::from_str(list).unwrap();
    for (section, first) in [
        ("rest", "a41.easemob.com"),
        ("msync-wx", "msync-api-41.easemob.com"),
    ] {
        let hosts = list[section]["hosts"].as_array().unwrap();
        assert_eq!(hosts.len(), 2);
        let host = &hosts[0];
        assert_eq!(
            [&host["domain"], &host["protocol"], &host["port"]],
            [first, "https", "443"]
        );
    }
}

#[test]
fn brackets_match() {
    for sdk in Sdk::ALL {
        for (language, block) in fenced(&told(&Region::CN1.into(), None, *sdk, Lang::En)) {
            for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
                let count = |wanted| block.matches(wanted).count();
                assert_eq!(count(open), count(close), "{sdk}, {language}: {block}");
            }
            assert_eq!(block.matches('"').count() % 2, 0, "{block}");
        }
    }
}

#[test]
fn native_blocks_switch_tls_on() {
    for (sdk, switches) in [
        (
            Sdk::Android,
            ["setEnableTLSConnection(true)", "setRestServer(\"https://"],
        ),
        (
            Sdk::Ios,
            ["enableTLSConnection = YES", "usingHttpsOnly = YES"],
        ),
        (
            Sdk::Harmonyos,
            ["setEnableTLSConnection(true)", "setRestServer(\"https://"],
        ),
        (
            Sdk::ReactNative,
            ["enableTLS: true", "restServer: \"https://"],
        ),
        (Sdk::Flutter, ["enableTLS: true", "restServer: \"https://"]),
        // No TLS switch is documented: the advice says so and pins nothing.
        (
            Sdk::Unity,
            ["UsingHttpsOnly = true", "EnableDNSConfig = true"],
        ),
    ] {
        for (region, lang) in published().flat_map(|one| LANGS.map(|lang| (one.clone(), lang))) {
            let text = told(&region.into(), None, sdk, lang);
            for (_, block) in fenced(&text) {
                for switch in switches {
                    assert!(block.contains(switch), "{switch} for {sdk}: {block}");
                }
            }
            let port = ["port 6717", "6717"][lang as usize];
            assert!(text.contains(port), "{text}");
        }
    }
    let text = told(&Region::CN1.into(), None, Sdk::Unity, Lang::En);
    assert!(text.contains("no TLS switch"), "{text}");
}

#[test]
fn mini_programs_list_both_variants_and_known_file_hosts() {
    let (_, domains) = fenced(&told(&Region::CN1.into(), None, Sdk::Wechat, Lang::Zh))
        .pop()
        .unwrap();
    insta::assert_snapshot!(domains, @r"
    request 合法域名：
    https://a1.easemob.com
    https://a1.easecdn.com

    socket 合法域名：
    wss://im-api-wechat.easemob.com
    wss://im-api-wechat.easecdn.com

    uploadFile 合法域名：
    https://a1.easemob.com
    https://a1.easecdn.com

    downloadFile 合法域名：
    https://a1.easemob.com
    https://a1.easecdn.com
    https://a1-chatfile.easemob.com
    ");
    for region in published().filter(|one| *one != Region::CN1) {
        let text = told(&region.into(), None, Sdk::Wechat, Lang::En);
        assert!(
            !text.contains("chatfile") && text.contains("Send a picture"),
            "{text}"
        );
    }
    // An unreachable host stays among the allowed domains, but isn't configured.
    let [a, b] = pair(Region::CN1, Service::Wechat);
    let measured = model(&[ranking([ok(&b, 20), refused(&a)])]);
    let text = told(&Region::CN1.into(), Some(&measured), Sdk::Wechat, Lang::Zh);
    let blocks = fenced(&text);
    assert_eq!(blocks.last().unwrap().1, domains);
    assert!(!blocks[0].1.contains(a.host()), "{}", blocks[0].1);
}

#[test]
fn what_is_not_public_is_not_guessed() {
    for lang in LANGS {
        let vip = Residency::from(Region::CN_VIP);
        let text = advice(&Catalog::builtin(), &vip, None, Sdk::ALL, lang);
        assert!(
            fenced(&text).is_empty() && hosts(&text).is_empty(),
            "{text}"
        );
        let who = ["account manager", "商务经理"][lang as usize];
        for wanted in [
            who,
            "WebSocket",
            "RESTful API",
            "TLS",
            "--catalog",
            "cn-vip",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        let json = document(&vip, None, Sdk::ALL, lang);
        let centre = &json["data_centres"][0];
        assert!(centre["sdks"].as_array().unwrap().is_empty());
        assert_eq!(centre["how_to_get"].as_array().unwrap().len(), 7);
    }
    // Hosts from a user catalogue are used like any other, and only those.
    let own = |service, url| Endpoint::new(Region::CN_VIP, service, url).unwrap();
    let catalog = Catalog::builtin()
        .with_endpoint(own(
            Service::Websocket,
            "wss://im.vip.example:8443/websocket",
        ))
        .unwrap()
        .with_endpoint(own(Service::Rest, "https://rest.vip.example/"))
        .unwrap();
    let text = advice(&catalog, &Region::CN_VIP.into(), None, Sdk::ALL, Lang::En);
    assert!(
        text.contains("url: \"wss://im.vip.example:8443/websocket\""),
        "{text}"
    );
    assert!(text.contains("setWebSocketPort(8443)"), "{text}");
    assert!(
        text.contains("WeChat mini-program: no host of China VIP is in the catalogue"),
        "{text}"
    );
}

#[test]
fn what_ones_own_urls_contain_stays_text() {
    let own = |service, url| Endpoint::new(Region::CN_VIP, service, url).unwrap();
    let catalog = Catalog::builtin()
        .with_endpoint(own(Service::Rest, "https://rest.vip.example/it's/$HOME"))
        .unwrap()
        .with_endpoint(own(
            Service::Websocket,
            "wss://im.vip.example/websocket?token=hunter2",
        ))
        .unwrap();
    let advised = |sdk| advice(&catalog, &Region::CN_VIP.into(), None, &[sdk], Lang::En);
    let shell = advised(Sdk::Rest);
    assert!(
        shell.contains(r"EASEMOB_REST='https://rest.vip.example/it'\''s/$HOME'"),
        "{shell}"
    );
    let dart = advised(Sdk::Flutter);
    assert!(
        dart.contains(r#"restServer: "https://rest.vip.example/it's/\$HOME""#),
        "{dart}"
    );
    let web = advised(Sdk::Web4);
    assert!(
        !web.contains("hunter2") && web.contains("query is hidden"),
        "{web}"
    );
}

#[test]
fn chinese_reads_like_this() {
    let text = told(&Region::CN1.into(), None, Sdk::Ios, Lang::Zh);
    let (_, text) = text.split_once("### ").unwrap();
    insta::assert_snapshot!(text, @r#"
    iOS（ios）

    iOS（Objective-C）：

    ```objectivec
    #import <HyphenateChat/HyphenateChat.h>
    #import <HyphenateChat/EMOptions+PrivateDeploy.h>

    EMOptions *options = [EMOptions optionsWithAppkey:@"your-org#your-app"];
    options.enableDnsConfig = NO; // 使用下面的地址，不获取列表
    options.restServer = @"https://a1.easemob.com"; // 必须保留 https://
    // 备选：@"https://a1.easecdn.com"
    options.usingHttpsOnly = YES;
    options.webSocketServer = @"im-api-wechat.easemob.com";
    // 备选：@"im-api-wechat.easecdn.com"
    options.webSocketPort = 443;
    options.enableTLSConnection = YES; // 默认为 NO，即不加密
    [[EMClient sharedClient] initializeSDKWithOptions:options];
    ```

    - `enableTLSConnection` 默认为 NO，在 `enableDnsConfig` 为 NO 时生效，同时控制 TCP 和 WebSocket：不打开时，消息和 token 会以明文传输。REST 请求的加密由 `restServer` 中的 `https://` 和 `usingHttpsOnly` 保证。
    - 5.0 另有 `syncDataWSHost` 和 `syncDataWSPort`（地址未公开）；自 5.1 起，SDK 根据 `restServer` 自动确定。
    - 默认情况下，原生 SDK 使用的主机和端口可能与测量的不同：环信示例中的 TCP 连接使用 6717 端口，而 easelect 测量的是 HTTPS 和 WebSocket（一般为 443 端口）。测量结果好不代表 TCP 连接可用，测量结果差也不代表它不可用。
    - 环信没有公布原生 SDK 的地址。其文档的 WebSocket 示例曾使用国内 1 区的微信小程序域名和 443 端口，因此这里填写小程序域名。easecdn.com 的域名和其他数据中心的域名同样适用，这一点是推断。
    - SDK 只接受主机名和端口，连接时使用的路径，文档未说明。发版前请先验证。

    - 来源：https://doc.easemob.com/document/ios/private_ip_domain.html（5.1，2026-11 查阅）
    - 来源：https://doc.easemob.com/apidoc/ios/chat5.0/category_e_m_options_07_private_deploy_08.html（5.0.0，2026-11 查阅）
    "#);
}

#[test]
fn a_report_decides_what_comes_first() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let [c, d] = pair(Region::SGP1, Service::Rest);
    let measured = model(&[
        ranking([ok(&a, 90), ok(&b, 20)]),
        ranking([ok(&c, 10), refused(&d)]),
    ]);
    let text = told(&Region::SGP1.into(), Some(&measured), Sdk::Web4, Lang::En);
    let (_, text) = text.split_once("Measured: ").unwrap();
    insta::assert_snapshot!(text, @r#"
for each service in the report of 2025-10-09T08:53:20Z, addresses are in its order, and only those that it found ready are recommended. The order applies to the network that was measured.

## Singapore 1 (sgp1)

- WebSocket (in order of preference)
  - wss://im-api-sgp-v2.easecdn.com/websocket (median 63 ms, port and path are inferred)
  - wss://im-api-sgp-v2.easemob.com/websocket (median 273 ms, port and path are inferred)
- RESTful API (in order of preference)
  - https://a1-sgp.easemob.com/ (median 33 ms)
  - https://a1-sgp.easecdn.com/ (not recommended: unreachable)
- WeChat mini-program (not in the report: catalogue order, not a ranking)
  - wss://im-api-wechat-sgp.easemob.com/websocket
  - wss://im-api-wechat-sgp.easecdn.com/websocket
- Alipay mini-program (none in the catalogue)

### Web SDK 4 (web4)

Web SDK 4.13 and later:

```js
import ChatSDK from "easemob-websdk";

const conn = new ChatSDK.connection({
  appKey: "your-org#your-app",
  isHttpDNS: false, // use the addresses below, fetch no list
  url: "wss://im-api-sgp-v2.easecdn.com/websocket", // port and path are inferred
  // alternative: "wss://im-api-sgp-v2.easemob.com/websocket" (inferred)
  apiUrl: "https://a1-sgp.easemob.com",
});
```

- `isHttpDNS` is true by default: the SDK then fetches its list, and `url` and `apiUrl` have no effect. With a pinned address, the SDK has no second one to try.
- Versions 4.13 and later open `url` exactly as written: keep `wss://` and a single `/websocket` at the end. The documentation does not state the form of `url` for older versions.

- Source: https://www.npmjs.com/package/easemob-websdk (easemob-websdk 4.21.1, read 2026-11)
- Source: https://doc.easemob.com/document/applet/initialization.html (4.x, read 2026-11)
"#);
}

#[test]
fn what_was_found_faulty_is_not_advised() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let unverified = failure(Phase::Tls, FailureKind::CertificateWrongHost);
    let answering = failure(Phase::Processing, FailureKind::ServerError);
    for bad in [
        failure(Phase::Connect, FailureKind::Timeout),
        unverified,
        answering,
    ] {
        let measured = model(&[ranking([failing(&a, bad), ok(&b, 200)])]);
        let text = told(&Region::CN1.into(), Some(&measured), Sdk::Rest, Lang::En);
        for (_, block) in fenced(&text) {
            assert!(
                block.contains(b.host()) && !block.contains(a.host()),
                "{block}"
            );
        }
        assert!(
            text.contains(a.host()) && text.contains("not recommended: "),
            "{text}"
        );
    }
}

#[test]
fn nothing_is_advised_as_working_where_nothing_is_ready() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let [c, d] = pair(Region::CN1, Service::Websocket);
    let measured = model(&[
        ranking([refused(&a), refused(&b)]),
        ranking([ok(&c, 20), ok(&d, 30)]),
    ]);
    let cn1 = Residency::from(Region::CN1);
    for (sdk, lang) in Sdk::ALL
        .iter()
        .flat_map(|sdk| LANGS.map(|lang| (*sdk, lang)))
    {
        let text = told(&cn1, Some(&measured), sdk, lang);
        let words = ["the report found no address ready", "报告中没有可用的地址"][lang as usize];
        assert_eq!(text.matches(words).count(), 1, "{sdk}: {text}");
        // The list of domains to allow remains.
        let mut blocks = fenced(&text).into_iter();
        assert!(
            blocks.all(|(language, _)| language == "text"),
            "{sdk}: {text}"
        );
    }
}

#[test]
fn the_path_that_worked_is_the_one_advised() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let at_alternate = Measured::of(&a).lookup(ms(12));
    let address = at_alternate.v4();
    let at_alternate = at_alternate.good_at("/ws/websocket", address, [10, 11, 10, 12]);
    let [rest, _] = pair(Region::CN1, Service::Rest);
    let measured = model(&[
        ranking([at_alternate, refused(&b)]),
        ranking([ok(&rest, 10)]),
    ]);
    let cn1 = Residency::from(Region::CN1);
    let text = told(&cn1, Some(&measured), Sdk::Web5, Lang::En);
    let url = "wsUrl: \"wss://im-api-v2.easemob.com/ws/websocket\"";
    assert!(text.contains(url), "{text}");
    // With a list, the SDK would open /websocket.
    assert!(!text.contains("dnsConfigUrls: ["), "{text}");
}

#[test]
fn a_report_brings_in_no_host() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let mut measured = model(&[ranking([ok(&a, 20), ok(&b, 30)])]);
    let row = &mut measured.groups[0].endpoints[0];
    row.url = "https://evil.example/\u{1b}[31m```\n# title".to_owned();
    row.configured_url = row.url.clone();
    let text = told(&Region::CN1.into(), Some(&measured), Sdk::Rest, Lang::En);
    for (_, block) in fenced(&text) {
        assert!(
            block.contains(b.host()) && !block.contains("evil"),
            "{block}"
        );
    }
    assert!(
        text.contains("not in the catalogue") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(!text.contains("\n# title"), "{text}");
    // A report of another data centre has no effect.
    let text = told(&Region::CN2.into(), Some(&measured), Sdk::Rest, Lang::En);
    assert!(
        text.contains("The report has no results for this data centre"),
        "{text}"
    );
    assert!(
        !hosts(&text).contains(a.host()) && !text.contains("evil"),
        "{text}"
    );
}

#[test]
fn the_pools_report_orders_each_data_centre_apart() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let [c, d] = pair(Region::CN2, Service::Rest);
    let pool = pool_ranking([ok(&a, 90), ok(&b, 60), ok(&c, 30), ok(&d, 10)]);
    let measured = model(&[pool]);
    let json = document(
        &Residency::mainland_pool(),
        Some(&measured),
        &[Sdk::Rest],
        Lang::Zh,
    );
    for (place, wanted) in [[&b, &a], [&d, &c]].into_iter().enumerate() {
        let services = json["data_centres"][place]["services"].as_array().unwrap();
        let rest = services
            .iter()
            .find(|one| one["service"] == "rest")
            .unwrap();
        assert_eq!(rest["basis"], "measured");
        let addresses = rest["addresses"].as_array().unwrap();
        let hosts: Vec<&str> = addresses
            .iter()
            .map(|one| one["host"].as_str().unwrap())
            .collect();
        assert_eq!(hosts, wanted.map(Endpoint::host));
    }
}

#[test]
fn conclusions_are_marked() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let [rest, _] = pair(Region::CN1, Service::Rest);
    let measured = model(&[ranking([ok(&a, 20), ok(&b, 30)]), ranking([ok(&rest, 10)])]);
    for measured in [None, Some(&measured)] {
        let text = told(&Region::CN1.into(), measured, Sdk::Web4, Lang::En);
        let code = fenced(&text).remove(0).1;
        assert!(
            code.contains("websocket\", // port and path are inferred"),
            "{code}"
        );
        assert!(code.contains("\"https://a1.easemob.com\",\n"), "{code}");
    }
}

#[test]
fn a_report_that_proves_little_is_said_to() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let mut lab = context();
    lab.environment.lab = Some("beijing".to_owned());
    let report = Report::new(&outcome(&[ranking([ok(&a, 20), ok(&b, 30)])]), lab);
    let mut measured = Model::new(&report, Lang::Zh);
    let text = told(&Region::CN1.into(), Some(&measured), Sdk::Rest, Lang::En);
    assert!(text.contains("a simulated network"), "{text}");
    assert!(!text.contains("incomplete"), "{text}");
    measured.complete = false;
    let text = told(&Region::CN1.into(), Some(&measured), Sdk::Rest, Lang::En);
    assert!(text.contains("incomplete"), "{text}");
}

#[test]
fn english_has_no_chinese() {
    let is_chinese =
        |c: char| ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c);
    let [a, b] = pair(Region::CN1, Service::Rest);
    let measured = model(&[ranking([refused(&a), refused(&b)])]);
    for region in Catalog::builtin().regions() {
        for measured in [None, Some(&measured)] {
            let residency = region.region().clone().into();
            let text = advice(
                &Catalog::builtin(),
                &residency,
                measured,
                Sdk::ALL,
                Lang::En,
            );
            assert!(!text.contains(is_chinese), "{text}");
        }
    }
}

#[test]
fn chinese_has_no_english_sentences() {
    let is_english = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
    let mut residencies: Vec<Residency> = published().map(Residency::from).collect();
    residencies.extend([Region::CN_VIP.into(), Residency::mainland_pool()]);
    let [a, b] = pair(Region::CN1, Service::Rest);
    let measured = model(&[ranking([refused(&a), refused(&b)])]);
    for residency in &residencies {
        for measured in [None, Some(&measured)] {
            let text = advice(&Catalog::builtin(), residency, measured, Sdk::ALL, Lang::Zh);
            let mut is_code = false;
            for line in text.lines() {
                is_code = is_code != line.starts_with("```");
                // In code, only comments are sentences.
                let line = match (is_code, line.split_once("// ")) {
                    (true, Some((_, comment))) => comment,
                    (true, None) => continue,
                    (false, _) => line,
                };
                let words: Vec<&str> = line.split(' ').collect();
                let run = words
                    .windows(3)
                    .find(|three| three.iter().all(|word| is_english(word)));
                assert!(run.is_none(), "{line}");
            }
        }
    }
}

#[test]
fn the_json_says_the_same() {
    let json = document(&Region::DE2.into(), None, &[Sdk::Flutter], Lang::En);
    assert_eq!(json["schema"], 1);
    assert_eq!(json["region"], "de2");
    assert_eq!(json["basis"]["measured"], false);
    let flutter = &json["data_centres"][0]["sdks"][0];
    assert_eq!(flutter["sdk"], "flutter");
    let code = flutter["code"][0]["text"].as_str().unwrap();
    let text = told(&Region::DE2.into(), None, Sdk::Flutter, Lang::En);
    assert_eq!(format!("{code}\n"), fenced(&text)[0].1);
    assert_eq!(flutter["read"], "2026-11");
    let sources = flutter["sources"].as_array().unwrap();
    assert!(
        sources
            .iter()
            .all(|one| one["url"].as_str().unwrap().starts_with("https://"))
    );
}

#[test]
fn sdks_are_read_by_their_identifiers() {
    for sdk in Sdk::ALL {
        assert_eq!(sdk.as_str().parse::<Sdk>().unwrap(), *sdk);
        assert_eq!(sdk.to_string(), sdk.as_str());
    }
    let ids: BTreeSet<&str> = Sdk::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(ids.len(), Sdk::ALL.len());
    let unknown = "web3".parse::<Sdk>().unwrap_err().to_string();
    assert!(
        unknown.contains("web4, web5") && unknown.contains("react-native"),
        "{unknown}"
    );
    let hostile = "\u{1b}[31m"
        .repeat(100)
        .parse::<Sdk>()
        .unwrap_err()
        .to_string();
    assert!(
        !hostile.contains('\u{1b}') && hostile.len() < 300,
        "{hostile}"
    );
}
