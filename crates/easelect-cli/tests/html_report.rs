//! The HTML report in a browser. If `EASELECT_PICTURES` names a folder, pictures of every look are saved there.
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

mod chromium;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::SystemTime;

use chromium::{Chromium, Look, Tab};
use easelect::{Catalog, ProbeEvent, Prober};
use easelect_lab::{Lab, Scenario};
use easelect_report::{Context, Lang, Model, Report, html};
use futures::StreamExt;
use serde_json::{Value, json};

/// Returns the report on a simulated network in both languages, English first. It is measured once, in paused time.
fn measured(scenario: &'static str) -> [Model; 2] {
    static MEASURED: Mutex<BTreeMap<&str, [Model; 2]>> = Mutex::new(BTreeMap::new());
    let mut measured = MEASURED.lock().unwrap();
    let models = measured.entry(scenario).or_insert_with(|| {
        // On a runtime of its own, whose time can be paused.
        let probing = thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().unwrap();
            runtime.block_on(probe(scenario))
        });
        let report = probing.join().unwrap();
        [Lang::En, Lang::Zh].map(|lang| Model::new(&report, lang))
    });
    models.clone()
}

async fn probe(scenario: &str) -> Report {
    let lab = match scenario {
        "beijing" => Scenario::beijing(),
        _ => Scenario::hostile(),
    };
    let lab = Lab::new(lab).unwrap();
    let dialer = lab.dialer().build().unwrap();
    let prober = Prober::builder().dialer(dialer).seed(1).build().unwrap();
    let (started, mut probing) = (SystemTime::now(), prober.run());
    let mut context = Context::new(Catalog::builtin(), started, started);
    context.environment.lab = Some(scenario.to_owned());
    while let Some(event) = probing.next().await {
        if let ProbeEvent::Finished(outcome) = event {
            return Report::new(&outcome, context);
        }
        context.evidence.add(event);
    }
    unreachable!("a run ends with an outcome")
}

/// Returns the HTML report on a scenario, in English first.
fn page(scenario: &'static str) -> (String, Model) {
    let [en, zh] = measured(scenario);
    (html(&en, &zh), en)
}

async fn picture(tab: &mut Tab, name: &str) {
    if let Some(folder) = std::env::var_os("EASELECT_PICTURES") {
        tab.evaluate("scrollTo(0, 0)").await;
        let path = PathBuf::from(folder).join(format!("{name}.png"));
        tab.screenshot(&path).await;
    }
}

/// Opens or closes all sections.
fn details(open: bool) -> String {
    format!("document.querySelectorAll('details').forEach(one => one.open = {open})")
}

/// Evaluates to text with a contrast below 4.5 (WCAG 2.2, 1.4.3), and marks of charts below 3 (1.4.11).
const TOO_FAINT: &str = r#"(() => {
    const channels = colour => {
        const parts = colour.match(/[\d.]+/g).map(Number);
        return parts.length > 3 ? parts : [...parts, 1];
    };
    const luminance = ([r, g, b]) => {
        const linear = one => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
        return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const known = new Map();
    const behind = element => {
        if (!known.has(element)) known.set(element, opaque(element));
        return known.get(element);
    };
    const opaque = element => {
        for (let one = element; one; one = one.parentElement) {
            const colour = channels(getComputedStyle(one).backgroundColor);
            if (colour[3] === 1) return colour;
            if (colour[3] !== 0) throw new Error('half transparent: ' + one.outerHTML.slice(0, 200));
        }
        throw new Error('nothing is behind it');
    };
    const contrast = (a, b) => {
        const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const faint = new Set(), seen = new Set();
    const look = (element, colour, least) => {
        seen.add(least);
        const found = contrast(channels(colour), behind(element.closest('svg') ? element.closest('div') : element));
        if (found < least) faint.add(`${element.outerHTML.slice(0, 80)} ${found.toFixed(2)}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || element.closest('script, title, style')) continue;
        if (!element.getClientRects().length) continue;
        const style = getComputedStyle(element);
        look(element, element instanceof SVGElement ? style.fill : style.color, 4.5);
    }
    for (const mark of document.querySelectorAll('.bar rect, .longer')) look(mark, getComputedStyle(mark).fill, 3);
    for (const mark of document.querySelectorAll('.cross, .fails')) look(mark, getComputedStyle(mark).stroke, 3);
    if (!seen.has(4.5)) throw new Error('no text is seen');
    return [...faint];
})()"#;

/// Evaluates to elements that are wider than their container, or are cut off at the window's edge.
const TOO_WIDE: &str = r#"[...document.querySelectorAll('.page *')]
    .filter(one => !(one instanceof SVGElement) && one.getClientRects().length)
    .filter(one => getComputedStyle(one).position !== 'absolute' && !one.closest('thead'))
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .map(one => one.outerHTML.slice(0, 100))"#;

#[tokio::test]
async fn a_browser_shows_all_of_it() {
    let Some(mut chromium) = Chromium::start(&[]).await else {
        return;
    };
    for scenario in ["beijing", "hostile"] {
        let (page, model) = page(scenario);
        let url = chromium.page(&page);
        let mut tab = chromium.open(&url, &Look::default()).await;
        let endpoints: usize = model.groups.iter().map(|one| one.endpoints.len()).sum();
        assert_eq!(endpoints, 44, "{scenario}");

        // Every endpoint has a bar and a text, in both languages.
        let drawn = "[...document.querySelectorAll('article')].map(one => one.querySelectorAll('svg.bar').length)";
        let expected = json!([endpoints, endpoints]);
        assert_eq!(tab.evaluate(drawn).await, expected, "{scenario}");
        let silent = "[...document.querySelectorAll('svg[role=img]')]
            .filter(one => !one.querySelector(':scope > title')?.textContent.trim()).length";
        assert_eq!(tab.evaluate(silent).await, json!(0));

        for (theme, dark) in [("light", false), ("dark", true)] {
            for (size, look) in [
                ("wide", Look::default()),
                (
                    "narrow",
                    Look {
                        height: 6000,
                        ..Look::phone()
                    },
                ),
            ] {
                tab.look(&Look { dark, ..look }).await;
                for lang in ["en", "zh-CN"] {
                    let at = format!("{scenario}-{theme}-{size}-{lang}");
                    tab.press(&format!("label[for=in-{lang}]")).await;
                    let shown = "[...document.querySelectorAll('article')]
                        .filter(one => one.getClientRects().length).map(one => one.lang)";
                    assert_eq!(tab.evaluate(shown).await, json!([lang]), "{at}");
                    picture(&mut tab, &at).await;
                    tab.evaluate(&details(true)).await;
                    assert!(!tab.scrolls_sideways().await, "{at}");
                    assert_eq!(tab.evaluate(TOO_WIDE).await, json!([]), "{at}");
                    // Colours are the same at any width.
                    if size == "wide" {
                        assert_eq!(tab.evaluate(TOO_FAINT).await, json!([]), "{at}");
                    }
                    tab.evaluate(&details(false)).await;
                }
            }
        }
        assert_eq!(tab.requests().await, [url]);
        assert_eq!(tab.console().await, []);
    }
}

#[tokio::test]
async fn keys_switch_the_language() {
    let Some(mut chromium) = Chromium::start(&[]).await else {
        return;
    };
    let (page, _) = page("beijing");
    let mut tab = chromium.open_html(&page, &Look::default()).await;
    let shown =
        "getComputedStyle(document.querySelector('article[lang=zh-CN]')).display !== 'none'";
    assert_eq!(tab.evaluate(shown).await, json!(false));
    for key in ["Tab", "ArrowLeft"] {
        let code = if key == "Tab" { 9 } else { 37 };
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            tab.call("Input.dispatchKeyEvent", event).await;
        }
    }
    assert_eq!(tab.evaluate(shown).await, json!(true));
    let outline = "getComputedStyle(document.querySelector('input:checked + label')).outlineStyle";
    assert_eq!(tab.evaluate(outline).await, json!("solid"), "focus is seen");
}

#[tokio::test]
async fn paper_has_everything_in_light_colours() {
    let Some(mut chromium) = Chromium::start(&[]).await else {
        return;
    };
    for scenario in ["beijing", "hostile"] {
        let (page, _) = page(scenario);
        // The width of A4 without margins.
        let look = Look {
            width: 700,
            dark: true,
            print: true,
            ..Look::default()
        };
        let mut tab = chromium.open_html(&page, &look).await;
        picture(&mut tab, &format!("{scenario}-print")).await;
        let background = "getComputedStyle(document.body).backgroundColor";
        assert_eq!(tab.evaluate(background).await, json!("rgb(255, 255, 255)"));
        let hidden = "[...document.querySelectorAll('article[lang=en] details *')]
            .filter(one => !one.checkVisibility({ contentVisibilityAuto: true }) || !one.getClientRects().length)
            .map(one => one.outerHTML.slice(0, 80))";
        assert_eq!(tab.evaluate(hidden).await, json!([]));
        assert_eq!(
            tab.evaluate("document.querySelector('label').getClientRects().length")
                .await,
            json!(0)
        );
        assert_eq!(tab.evaluate(TOO_WIDE).await, json!([]));
        assert_eq!(tab.evaluate(TOO_FAINT).await, json!([]));
        let pdf: Value = tab
            .call("Page.printToPDF", json!({ "preferCSSPageSize": true }))
            .await;
        assert!(pdf["data"].as_str().is_some_and(|data| data.len() > 10_000));
    }
}

/// Appends a text to every string of a report except the language.
fn with(text: &str, model: &Model) -> Model {
    fn add(text: &str, value: &mut Value) {
        match value {
            Value::String(own) => own.push_str(text),
            Value::Array(all) => all.iter_mut().for_each(|one| add(text, one)),
            Value::Object(all) => {
                let told = all.iter_mut().filter(|(key, _)| *key != "lang");
                told.for_each(|(_, one)| add(text, one));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(model).unwrap();
    add(text, &mut value);
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn hostile_names_are_text() {
    let Some(mut chromium) = Chromium::start(&[]).await else {
        return;
    };
    let hostile = format!(
        "\"><script>document.title='taken'</script></script></style></title></svg>--><img src=x onerror=alert(1)>\
         <base href='https://elsewhere.invalid'>\u{202e}\0\u{7}{}",
        "W".repeat(200)
    );
    let models = measured("hostile");
    let mut counted = Vec::new();
    for text in ["x", &hostile] {
        let [en, zh] = [&models[0], &models[1]].map(|model| with(text, model));
        let page = html(&en, &zh);
        let url = chromium.page(&page);
        let mut tab = chromium.open(&url, &Look::phone()).await;
        counted.push(tab.evaluate("document.querySelectorAll('*').length").await);
        tab.evaluate(&details(true)).await;
        for lang in ["en", "zh-CN"] {
            tab.press(&format!("label[for=in-{lang}]")).await;
            assert!(!tab.scrolls_sideways().await, "{lang}");
            assert_eq!(tab.evaluate(TOO_WIDE).await, json!([]), "{lang}");
        }
        for width in [740, 1280] {
            let look = Look {
                width,
                ..Look::default()
            };
            tab.look(&look).await;
            assert!(!tab.scrolls_sideways().await, "{width}");
            assert_eq!(tab.evaluate(TOO_WIDE).await, json!([]), "{width}");
        }
        let read = "document.getElementById('easelect-report').textContent";
        let read = tab.evaluate(read).await;
        let read: Model = serde_json::from_str(read.as_str().unwrap()).unwrap();
        assert!(read == en, "the JSON is as it was");
        assert_eq!(tab.requests().await, [url]);
        assert_eq!(tab.console().await, []);
    }
    assert_eq!(counted[0], counted[1]);
}
