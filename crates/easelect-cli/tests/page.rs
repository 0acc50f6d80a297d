//! `easelect page` in a real browser, against servers on loopback.
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

mod chromium;
#[path = "page/server.rs"]
mod server;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chromium::{Chromium, Look, Tab};
use easelect::{Catalog, Endpoint, Locality, Region, RegionEntry, Service, UserCatalog};
use easelect_report::{Lang, page};
use serde_json::json;
use server::{Does, Server, refusing};

/// The other tests depend on this: the browser's messages, requests and sizes are seen.
#[tokio::test]
async fn the_browser_tells_what_a_page_does() {
    const PAGE: &str = "<!doctype html><meta name=viewport content='width=device-width'>
        <meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">
        <body><div style='width: 500px'>x</div><button onclick='this.textContent = 1'>0</button>
        <img src='https://elsewhere.invalid/x.png'>
        <script>
            console.warn('seen', 7, { a: 1 });
            fetch('http://localhost:9/asked').catch(() => {});
            setTimeout(() => { throw new Error('thrown'); }, 0);
        </script>";
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    let mut tab = browser.open_html(PAGE, &Look::phone()).await;
    let console = tab.console().await;
    let seen = |source: &str, text: &str| {
        let mut of_source = console.iter().filter(|one| one.source == source);
        assert!(
            of_source.any(|one| one.text.contains(text)),
            "{text}: {console:#?}"
        );
    };
    seen("console", "seen 7");
    seen("exception", "thrown");
    seen("security", "img-src");
    let asked = "http://localhost:9/asked".to_owned();
    assert!(tab.requests().await.contains(&asked));
    assert!(tab.scrolls_sideways().await);
    tab.press("button").await;
    tab.wait_for("document.querySelector('button').textContent === '1'")
        .await;

    let media = "[document.documentElement.clientWidth, matchMedia('(prefers-color-scheme: dark)').matches,
        matchMedia('print').matches, navigator.language, new Intl.NumberFormat().resolvedOptions().locale]";
    let light = tab.evaluate(media).await;
    assert_eq!(light, json!([360, false, false, "en-US", "en-US"]));
    let other = Look {
        dark: true,
        print: true,
        language: "zh-CN",
        ..Look::default()
    };
    tab.look(&other).await;
    assert!(!tab.scrolls_sideways().await);
    let dark = tab.evaluate(media).await;
    assert_eq!(dark, json!([1280, true, true, "zh-CN", "zh-CN"]));
}

/// Returns the argument that maps these hosts to ports of this machine, and all others to nothing.
fn resolver(hosts: &[(&str, u16)]) -> String {
    let mut rules: Vec<String> = (hosts.iter())
        .map(|(host, port)| format!("MAP {host}:443 127.0.0.1:{port}"))
        .collect();
    rules.push("MAP * ~NOTFOUND".to_owned());
    format!("--host-resolver-rules={}", rules.join(", "))
}

const HOSTILE: &str = "</script><img src=x onerror=console.log(1)>\u{202e}";

/// Returns the built-in catalogue with a region of the user's own.
fn catalog() -> (Catalog, Region) {
    let mut user = UserCatalog::default();
    user.regions.push(RegionEntry {
        id: "own1".to_owned(),
        name_en: Some(HOSTILE.to_owned()),
        name_zh: Some(format!("自建{HOSTILE}")),
        locality: Locality::Private,
    });
    let catalog = Catalog::builtin().with_user(user).unwrap();
    (catalog, Region::new("own1").unwrap())
}

fn made_at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// Evaluates to every group with its conclusion and rows.
const ROWS: &str = "[...document.querySelectorAll('h3')].map(title => ({
    title: title.innerText,
    conclusion: title.parentElement.querySelectorAll('.conclusion')[
        [...title.parentElement.querySelectorAll('h3')].indexOf(title)].innerText,
    rows: [...title.parentElement.querySelectorAll('ol')[
        [...title.parentElement.querySelectorAll('h3')].indexOf(title)].children].map(row => [
            row.querySelector('.place').innerText,
            row.querySelector('.host').innerText,
            [...row.querySelectorAll('.detail')].map(one => one.innerText).join(' | '),
        ]),
}))";

const ENDED: &str = "!document.getElementById('report').hidden";

/// Saves a picture if `EASELECT_PICTURES` names a folder.
async fn picture(tab: &mut Tab, name: &str) {
    if let Some(folder) = std::env::var_os("EASELECT_PICTURES") {
        let path = PathBuf::from(folder).join(format!("page-{name}.png"));
        tab.screenshot(&path).await;
    }
}

#[tokio::test]
async fn the_order_and_every_failure_against_real_servers() {
    let (catalog, own) = catalog();
    let own_one = |service, url: &str| Endpoint::new(own.clone(), service, url).unwrap();
    // Only built-in endpoints have alternate paths.
    let inferred = (catalog.endpoints().iter()).find(|one| !one.alternate_paths().is_empty());
    let inferred = inferred.unwrap().clone();
    let other_path = inferred.alternate_paths()[0].clone();
    assert_eq!(other_path, "/ws/websocket");

    let slow = Server::start(Does::Upgrade(Duration::from_millis(1200))).await;
    let good = Server::start(Does::Upgrade(Duration::ZERO)).await;
    let moved = Server::start(Does::UpgradeAt("/ws/websocket")).await;
    let silent = Server::start(Does::Silence).await;
    let legacy = Server::start(Does::Subprotocol("xmpp")).await;
    let rest = Server::start(Does::Answer(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    ))
    .await;
    let redirecting = Server::start(Does::Answer(
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    ))
    .await;
    let elsewhere =
        Server::start(Does::Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let (_refusing, refused) = refusing();

    use Service::{Legacy, Rest, Websocket};
    let endpoints = [
        own_one(Websocket, "wss://slow.example/websocket"),
        own_one(Websocket, "wss://good.example/websocket?token=hunter2").with_label(HOSTILE),
        own_one(Websocket, "wss://refused.example/websocket"),
        own_one(Websocket, "wss://silent.example/websocket"),
        own_one(Legacy, "wss://legacy.example/ws/"),
        own_one(Rest, "https://rest.example/"),
        own_one(Rest, "https://redirecting.example/"),
        own_one(Rest, "https://gone.example/"),
        inferred.clone(),
    ];
    let html = page(&catalog, &endpoints, Lang::En, made_at());
    assert!(!html.contains("hunter2") && !html.contains("<img"));
    let rules = resolver(&[
        ("slow.example", slow.port),
        ("good.example", good.port),
        ("refused.example", refused),
        ("silent.example", silent.port),
        ("legacy.example", legacy.port),
        ("rest.example", rest.port),
        ("redirecting.example", redirecting.port),
        ("elsewhere.example", elsewhere.port),
        (inferred.host(), moved.port),
    ]);
    let Some(mut browser) = Chromium::start(&[&rules, "--ignore-certificate-errors"]).await else {
        return;
    };
    let url = browser.page(&html);
    let mut tab = browser
        .open(&format!("{url}#run&timeout=4000"), &Look::phone())
        .await;
    tab.wait_for(ENDED).await;

    let told = tab.evaluate(ROWS).await;
    let shown = format!("{told:#}");
    let websockets = &told[0];
    assert_eq!(
        websockets["conclusion"],
        "Fastest from here: good.example (\\u{202e})"
            .replace(
                "\\u{202e}",
                &format!("{}\\u{{202e}}", HOSTILE.trim_end_matches('\u{202e}'))
            )
            .as_str(),
        "{shown}"
    );
    let place = |row: usize| {
        let row = &websockets["rows"][row];
        let host = row[1].as_str().unwrap().split('/').next().unwrap();
        (row[0].as_str().unwrap().to_owned(), host.to_owned())
    };
    let of = |place: &str, host: &str| (place.to_owned(), host.to_owned());
    assert_eq!(place(0), of("1", "good.example"), "{shown}");
    assert_eq!(place(1), of("2", "slow.example"), "{shown}");
    assert_eq!(place(2), of("", "refused.example"), "{shown}");
    assert_eq!(place(3), of("", "silent.example"), "{shown}");
    let detail = |group: usize, row: usize| told[group]["rows"][row][2].as_str().unwrap();
    assert!(detail(0, 0).contains("without the query"), "{shown}");
    assert!(
        detail(0, 2).starts_with("2 of 2 failed, last: failed after "),
        "{shown}"
    );
    assert!(detail(0, 2).ends_with("(code 1006)"), "{shown}");
    assert_eq!(detail(0, 3), "1 of 1 failed, last: no answer within 4 s");
    assert_eq!(told[1]["conclusion"], "Works from here", "{shown}");
    assert_eq!(told[2]["rows"].as_array().unwrap().len(), 3, "{shown}");
    let rests = told[2]["rows"].as_array().unwrap();
    let of_host = |host: &str| {
        let row = rests
            .iter()
            .find(|row| row[1].as_str().unwrap().starts_with(host));
        row.unwrap()[2].as_str().unwrap().to_owned()
    };
    assert!(of_host("rest.example").starts_with("first "), "{shown}");
    assert!(
        of_host("redirecting.example").ends_with("redirects to another host"),
        "{shown}"
    );
    assert!(
        of_host("gone.example").starts_with("2 of 2 failed"),
        "{shown}"
    );
    assert_eq!(told[3]["conclusion"], "Works from here", "{shown}");
    let opens_at = format!("works only at wss://{}{other_path};", inferred.host());
    assert!(detail(3, 0).contains(&opens_at), "{shown}");

    // The servers saw the handshakes only, and no secrets.
    assert_eq!((good.asked().len(), slow.asked().len()), (4, 4));
    assert_eq!((rest.asked().len(), elsewhere.asked().len()), (4, 0));
    let at_moved: Vec<String> = moved
        .asked()
        .iter()
        .map(|one| one.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        at_moved,
        [
            "/websocket",
            &other_path,
            &other_path,
            &other_path,
            &other_path
        ]
    );
    for server in [&slow, &good, &moved, &legacy, &rest, &redirecting] {
        for head in server.asked() {
            let head = head.to_ascii_lowercase();
            for never in [
                "\r\ncookie:",
                "\r\nauthorization:",
                "\r\nreferer:",
                "hunter2",
            ] {
                assert!(!head.contains(never), "{head}");
            }
        }
    }
    // All requests of the page, and the browser's messages about them.
    for asked in tab.requests().await {
        let is_endpoint = endpoints.iter().any(|one| {
            let (scheme, rest) = one.url().split_once("://").unwrap();
            asked.starts_with(&format!("{scheme}://{}", rest.split('/').next().unwrap()))
        });
        // The browser reports the redirection that the policy forbids, but doesn't follow it.
        let is_forbidden = asked == "https://elsewhere.example/";
        assert!(
            is_endpoint || is_forbidden || asked.starts_with(&url),
            "{asked}"
        );
    }
    for line in tab.console().await {
        let known = [
            "WebSocket connection to 'wss://",
            "Connecting to 'https://redirecting.example",
            "Failed to load resource: ",
            "violates the following Content Security Policy directive",
        ];
        assert!(known.iter().any(|one| line.text.contains(one)), "{line:?}");
        assert!(
            line.source != "exception" && line.source != "console",
            "{line:?}"
        );
    }

    // The text to send back.
    tab.press("#copy").await;
    tab.wait_for("document.getElementById('copied').innerText === 'Copied'")
        .await;
    let text = tab.evaluate("document.getElementById('text').value").await;
    let text = text.as_str().unwrap();
    for part in [
        concat!(
            "easelect ",
            env!("CARGO_PKG_VERSION"),
            ": measured in a browser\n"
        ),
        "browser: Mozilla/5.0",
        "page opened via file",
        "\n1. wss://good.example/websocket (",
        "\n2. wss://slow.example/websocket: median ",
        "\n- wss://silent.example/websocket: 1 of 1 failed, last: no answer within 4 s\n",
        &opens_at,
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(
        !text.contains("stopped") && !text.contains("background"),
        "{text}"
    );

    // On phones and desktops, light and dark, in both languages.
    for (width, mobile) in [(360, true), (1100, false)] {
        for dark in [false, true] {
            for language in ["en", "zh"] {
                let look = Look {
                    width,
                    height: 740,
                    mobile,
                    dark,
                    ..Look::default()
                };
                tab.look(&look).await;
                tab.press(&format!("input[value={language}]")).await;
                assert!(!tab.scrolls_sideways().await, "{width} {language}");
                let seen = tab.evaluate("document.body.innerText").await;
                let seen = seen.as_str().unwrap();
                let chinese = seen.contains("从这里最快");
                assert_eq!(chinese, language == "zh", "{seen}");
                let name = format!("{width}-{}-{language}", if dark { "dark" } else { "light" });
                picture(&mut tab, &name).await;
            }
        }
    }
    let zh = tab.evaluate("document.getElementById('text').value").await;
    assert!(zh.as_str().unwrap().contains("浏览器测量结果"), "{zh}");
    assert_eq!(tab.evaluate("document.images.length").await, json!(0));
}

/// Replaces the browser's requests and clock. Each URL has its times in ms in turn, a negative one for a failure; one
/// without times waits for the test.
const STAGE: &str = "
    window.stage = { now: 0, times: {}, sockets: [], fetches: [] };
    performance.now = () => stage.now;
    window.fetch = (url, options) => {
        stage.fetches.push([url, { ...options, signal: undefined }]);
        return Promise.resolve();
    };
    window.WebSocket = function (url) {
        stage.sockets.push(this);
        this.close = () => {};
        const times = stage.times[url];
        if (times) setTimeout(() => {
            const ms = times.shift();
            stage.now += Math.abs(ms);
            if (ms < 0) this.onclose({ code: 1006 });
            else this.onopen();
        });
    };";

/// Opens a page of these endpoints on the stage.
async fn staged(browser: &mut Chromium, endpoints: &[Endpoint], times: &serde_json::Value) -> Tab {
    let html = page(&catalog().0, endpoints, Lang::En, made_at());
    let mut tab = browser.open("about:blank", &Look::default()).await;
    let source = format!("{STAGE} stage.times = {times};");
    let before = json!({ "source": source });
    tab.call("Page.addScriptToEvaluateOnNewDocument", before)
        .await;
    tab.go(&browser.page(&html)).await;
    tab
}

#[tokio::test]
async fn noise_makes_no_order() {
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    // For each pair: the times of both (the first attempt counts separately), the order with places, and the conclusion.
    let cases = [
        // Slower in the first attempt only.
        (
            json!([[900, 100, 100, 100], [10, 100, 100, 100]]),
            ["a 1", "b 1"],
            "No clear order",
        ),
        // A better median, but within the range of the other.
        (
            json!([[50, 100, 130, 120], [50, 90, 95, 110]]),
            ["a 1", "b 1"],
            "No clear order",
        ),
        // They differ, but by less than 10 %, or by less than 5 ms.
        (
            json!([[50, 107, 107, 107], [50, 100, 100, 100]]),
            ["a 1", "b 1"],
            "No clear order",
        ),
        (
            json!([[50, 14, 14, 14], [50, 10, 10, 10]]),
            ["a 1", "b 1"],
            "No clear order",
        ),
        (
            json!([[50, 120, 140, 160], [500, 100, 110, 119]]),
            ["b 1", "a 2"],
            "Fastest from here: b",
        ),
        // Faster, but fails.
        (
            json!([[50, 10, -10, 10], [50, 100, 100, 100]]),
            ["b 1", "a 2"],
            "First choice: b",
        ),
        (
            json!([[50, 10, -10, 10], [-50, 100, 100, 100]]),
            ["a 1", "b 1"],
            "Too few attempts",
        ),
        (
            json!([[-50, -50], [50, 100, 100, 100]]),
            ["b 1", "a "],
            "Only b",
        ),
        (json!([[-50], [-50]]), ["a ", "b "], "None can be reached"),
        // Tried to the end, since it opened once.
        (
            json!([[50, -10, -10, -10], [-50, -50]]),
            ["a 1", "b "],
            "Only a",
        ),
    ];
    let (_, own) = catalog();
    let endpoints = ["a", "b"].map(|host| {
        let url = format!("wss://{host}.example/websocket");
        Endpoint::new(own.clone(), Service::Websocket, &url).unwrap()
    });
    for (times, order, concluded) in cases {
        let by_url = json!({ endpoints[0].url(): times[0], endpoints[1].url(): times[1] });
        let mut tab = staged(&mut browser, &endpoints, &by_url).await;
        tab.press("#start").await;
        tab.wait_for(ENDED).await;
        let told = &tab.evaluate(ROWS).await[0];
        let rows = told["rows"].as_array().unwrap().iter();
        let found = rows.map(|row| {
            format!(
                "{} {}",
                &row[1].as_str().unwrap()[..1],
                row[0].as_str().unwrap()
            )
        });
        assert_eq!(found.collect::<Vec<_>>(), order, "{times}: {told:#}");
        let conclusion = told["conclusion"].as_str().unwrap();
        assert!(conclusion.starts_with(concluded), "{times}: {conclusion}");
        let text = tab.evaluate("document.getElementById('text').value").await;
        let hopeless = text
            .as_str()
            .unwrap()
            .contains("No endpoint could be reached");
        assert_eq!(hopeless, concluded == "None can be reached", "{times}");
        let left = tab.evaluate("Object.values(stage.times).flat()").await;
        assert_eq!(left, json!([]), "{times}");
        assert_eq!(tab.console().await, []);
    }
}

/// Requests carry no cookies, passwords or referrer.
#[tokio::test]
async fn rest_requests_tell_nothing() {
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    let url = "https://a.example/";
    let endpoint = Endpoint::new(catalog().1, Service::Rest, url).unwrap();
    let mut tab = staged(&mut browser, &[endpoint], &json!({})).await;
    tab.press("#start").await;
    tab.wait_for(ENDED).await;
    let one = json!([url, {
        "mode": "no-cors",
        "cache": "no-store",
        "credentials": "omit",
        "referrerPolicy": "no-referrer",
    }]);
    let fetches = tab.evaluate("stage.fetches").await;
    assert_eq!(fetches, json!([one, one, one, one]));
}

/// A page can't see why the first path failed, so it tries the alternate path once.
#[tokio::test]
async fn other_paths_are_tried_once() {
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    let catalog = Catalog::builtin();
    let mut inferred = catalog.endpoints().iter();
    let inferred = inferred.find(|one| !one.alternate_paths().is_empty());
    let one = inferred.unwrap().clone();
    let other = one.url_with(&one.alternate_paths()[0]);
    for (times, tried) in [
        (json!({ one.url(): [-10], &other: [-10] }), 2),
        (json!({ one.url(): [-10], &other: [10, 10, 10, 10] }), 5),
        // It opened before, so the path is right.
        (json!({ one.url(): [10, -10, 10, 10], &other: [] }), 4),
    ] {
        let endpoints = [one.clone()];
        let mut tab = staged(&mut browser, &endpoints, &times).await;
        tab.press("#start").await;
        tab.wait_for(ENDED).await;
        let sockets = tab.evaluate("stage.sockets.length").await;
        assert_eq!(sockets, json!(tried), "{times}");
    }
}

/// Browsers slow down a hidden page, so what it measures then doesn't count.
#[tokio::test]
async fn what_happens_in_the_background_is_measured_again() {
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    let (_, own) = catalog();
    let url = "wss://a.example/websocket";
    let endpoint = Endpoint::new(own, Service::Websocket, url).unwrap();
    let mut tab = staged(&mut browser, &[endpoint], &json!({})).await;
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    let opens =
        |socket: usize, ms: u32| format!("stage.now += {ms}; stage.sockets[{socket}].onopen()");
    tab.press("#start").await;
    tab.wait_for("stage.sockets.length === 1").await;
    tab.evaluate(&hide(true)).await;
    tab.evaluate(&opens(0, 70_000)).await;
    // One task later the next attempt would have started.
    tab.evaluate("new Promise(resolve => setTimeout(resolve))")
        .await;
    assert_eq!(tab.evaluate("stage.sockets.length").await, json!(1));
    tab.evaluate(&hide(false)).await;
    tab.evaluate("dispatchEvent(new Event('offline'))").await;
    for socket in 1..=4 {
        tab.wait_for(&format!("stage.sockets.length === {}", socket + 1))
            .await;
        tab.evaluate(&opens(socket, 100)).await;
    }
    tab.wait_for(ENDED).await;
    let text = tab.evaluate("document.getElementById('text').value").await;
    let text = text.as_str().unwrap();
    assert!(
        text.contains("first 100; then 100 / 100 / 100 ms"),
        "{text}"
    );
    assert!(text.contains("was in the background"), "{text}");
    assert!(text.contains("went offline"), "{text}");
    let warned = tab
        .evaluate("document.getElementById('warnings').innerText")
        .await;
    assert!(
        warned.as_str().unwrap().contains("in the background"),
        "{warned}"
    );
}

#[tokio::test]
async fn nothing_starts_by_itself_and_a_run_can_be_stopped() {
    let silent = Server::start(Does::Silence).await;
    let rules = resolver(&[("silent.example", silent.port)]);
    let Some(mut browser) = Chromium::start(&[&rules]).await else {
        return;
    };
    let (catalog, own) = catalog();
    let own_one = |service, url: &str| Endpoint::new(own.clone(), service, url).unwrap();
    let endpoints = [
        own_one(Service::Websocket, "wss://silent.example/websocket"),
        own_one(Service::Rest, "https://silent.example/"),
    ];
    let html = page(&catalog, &endpoints, Lang::Zh, made_at());
    let mut tab = browser.open_html(&html, &Look::phone()).await;
    assert_eq!(
        tab.evaluate("document.getElementById('start').innerText")
            .await,
        "开始测量"
    );
    assert_eq!(tab.requests().await.len(), 1);
    picture(&mut tab, "before").await;
    tab.press("#start").await;
    tab.wait_for("document.getElementById('status').innerText.startsWith('正在测量：0/8')")
        .await;
    picture(&mut tab, "running").await;
    tab.press("#stop").await;
    tab.wait_for(ENDED).await;
    let text = tab.evaluate("document.getElementById('text').value").await;
    let text = text.as_str().unwrap();
    assert!(
        text.contains("提前停止，结果不完整") && text.contains("未测量"),
        "{text}"
    );
    // Before the timeout.
    let status = tab
        .evaluate("document.getElementById('status').innerText")
        .await;
    let status = status.as_str().unwrap();
    assert!(status.starts_with("已停止"), "{status}");
    assert_eq!(tab.requests().await.len(), 2);

    // Web views forbid one or both ways to the clipboard.
    let refused = "navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))";
    tab.evaluate(refused).await;
    tab.press("#copy").await;
    let copied = "document.getElementById('copied').innerText";
    tab.wait_for(&format!("{copied} === '已复制'")).await;
    tab.evaluate("document.execCommand = () => false").await;
    tab.press("#copy").await;
    tab.wait_for(&format!("{copied}.includes('请长按文字手动复制')"))
        .await;
    tab.press("#start").await;
    tab.wait_for("document.getElementById('report').hidden")
        .await;
}

#[tokio::test]
async fn a_page_without_its_script_says_so() {
    let Some(mut browser) = Chromium::start(&[]).await else {
        return;
    };
    let catalog = Catalog::builtin();
    let html = page(&catalog, catalog.endpoints(), Lang::En, made_at());
    // An old browser that can't parse the script.
    let unread = html.replace("'use strict';", "'use strict'; ?;");
    let seen = "document.body.innerText";
    let told = |seen: serde_json::Value| seen.as_str().unwrap().to_owned();
    let mut tab = browser.open_html(&html, &Look::default()).await;
    assert!(!told(tab.evaluate(seen).await).contains("too old"));
    let mut tab = browser.open_html(&unread, &Look::default()).await;
    assert!(told(tab.evaluate(seen).await).contains("too old"));
    let off = json!({ "value": true });
    tab.call("Emulation.setScriptExecutionDisabled", off).await;
    let url = browser.page(&html);
    tab.call("Page.navigate", json!({ "url": url })).await;
    // Without scripts there are no timers to wait with.
    for _ in 0..10_000 {
        if tab.evaluate("document.readyState").await == "complete" {
            break;
        }
    }
    let found = told(tab.evaluate(seen).await);
    assert!(
        found.contains("JavaScript is off") && !found.contains("too old"),
        "{found}"
    );
}
