//! `easelect page` in a real browser, against servers on loopback.
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

mod chromium;

use chromium::{Chromium, Look};
use serde_json::json;

/// What every other test stands on: that the browser's complaints, requests and sizes are seen.
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
