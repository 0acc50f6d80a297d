//! A headless Chromium, driven over the DevTools protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>): what a page shows, requests and logs.
//!
//! The browser is the one at `CHROMIUM`, or on the `PATH`. Without one, [`Chromium::start`] says so and returns `None`; if
//! `EASELECT_MUST_RUN` contains `chromium`, it panics.
// Not every test uses all of it. Helpers are tests too; clippy.toml's exception only knows functions
// with #[test].
#![allow(dead_code, clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How long anything may take before the test fails: a busy machine needs seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// A browser with a profile of its own. Dropping it ends the browser and deletes the profile.
pub(crate) struct Chromium {
    // In this order: the process must end before the profile is deleted.
    _process: Process,
    folder: Folder,
    /// `ws://127.0.0.1:PORT/devtools/browser/ID`
    address: String,
    control: Connection,
    user_agent: String,
}

/// How a page is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Look<'a> {
    /// The viewport's width in CSS pixels.
    pub(crate) width: u32,
    /// The viewport's height in CSS pixels.
    pub(crate) height: u32,
    /// Whether it is a phone: touch, the viewport meta element, overlaid scroll bars.
    pub(crate) mobile: bool,
    /// Whether `prefers-color-scheme` is `dark`.
    pub(crate) dark: bool,
    /// `navigator.language`, and the locale of dates and numbers.
    pub(crate) language: &'a str,
    /// Whether the media is `print`.
    pub(crate) print: bool,
}

impl Default for Look<'_> {
    fn default() -> Self {
        Look {
            width: 1280,
            height: 800,
            mobile: false,
            dark: false,
            language: "en-US",
            print: false,
        }
    }
}

impl Look<'_> {
    /// A small phone: 360 × 740.
    pub(crate) fn phone() -> Self {
        Look {
            width: 360,
            height: 740,
            mobile: true,
            ..Look::default()
        }
    }
}

/// A line of the browser's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its source: `console`, `exception`, `network`, `security`, `javascript`, …
    pub(crate) source: String,
    /// `log`, `warning`, `error`, …
    pub(crate) level: String,
    /// Its text.
    pub(crate) text: String,
}

impl Chromium {
    /// Starts a browser with further arguments; `None` if this machine has none.
    ///
    /// Requests stay on this machine: only `localhost` is resolved, unless the arguments have their own
    /// `--host-resolver-rules`.
    pub(crate) async fn start(args: &[&str]) -> Option<Chromium> {
        let Some(program) = program() else {
            let must = std::env::var("EASELECT_MUST_RUN").unwrap_or_default();
            assert!(!must.contains("chromium"), "no Chromium found");
            // Directly: the test harness hides the output of passing tests.
            let _ = io::stderr().write_all(b"not run: no Chromium found\n");
            return None;
        };
        let folder = Folder::new();
        let mut command = Command::new(program);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-breakpad",
                "--disable-background-timer-throttling",
                "--disable-renderer-backgrounding",
                "--hide-scrollbars",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", folder.0.display()));
        if !args
            .iter()
            .any(|one| one.starts_with("--host-resolver-rules"))
        {
            command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost");
        }
        command.args(args).arg("about:blank");
        let mut process = Process(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let address = address(&mut process);
        let mut control = Connection::to(&address).await;
        let version = control.call("Browser.getVersion", json!({})).await;
        // The user agent of a browser with a window.
        let user_agent = version["userAgent"].as_str().unwrap();
        let user_agent = user_agent.replace("HeadlessChrome", "Chrome");
        Some(Chromium {
            _process: process,
            folder,
            address,
            control,
            user_agent,
        })
    }

    /// Opens a URL in a tab that shares nothing with others, and waits until it is loaded.
    pub(crate) async fn open(&mut self, url: &str, look: &Look<'_>) -> Tab {
        let context = (self.control)
            .call("Target.createBrowserContext", json!({}))
            .await;
        let target = json!({
            "url": "about:blank",
            "browserContextId": context["browserContextId"],
        });
        let target = self.control.call("Target.createTarget", target).await;
        let id = target["targetId"].as_str().unwrap();
        let (host, _) = self.address.split_once("/devtools/").unwrap();
        let mut tab = Tab {
            connection: Connection::to(&format!("{host}/devtools/page/{id}")).await,
            user_agent: self.user_agent.clone(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        tab.look(look).await;
        tab.go(url).await;
        tab
    }

    /// Opens a page from a file with this text.
    pub(crate) async fn open_html(&mut self, html: &str, look: &Look<'_>) -> Tab {
        let url = self.page(html);
        self.open(&url, look).await
    }

    /// Writes a new file with this text, and returns its `file:` URL.
    pub(crate) fn page(&self, html: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.0.join(format!("page-{count}.html"));
        fs::write(&path, html).unwrap();
        let path = path.to_string_lossy().replace('\\', "/");
        format!("file:///{}", path.trim_start_matches('/'))
    }
}

/// A page in a tab. Dropping it leaves the tab open until the browser ends.
pub(crate) struct Tab {
    connection: Connection,
    user_agent: String,
}

impl Tab {
    /// Sends a command of the DevTools protocol, and returns its result. Panics if the browser refuses it.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.connection.call(method, params).await
    }

    /// Changes how the page is looked at.
    pub(crate) async fn look(&mut self, look: &Look<'_>) {
        let size = json!({
            "width": look.width,
            "height": look.height,
            "deviceScaleFactor": 1,
            "mobile": look.mobile,
        });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let touch = json!({ "enabled": look.mobile });
        self.call("Emulation.setTouchEmulationEnabled", touch).await;
        let media = json!({
            "media": if look.print { "print" } else { "screen" },
            "features": [{
                "name": "prefers-color-scheme",
                "value": if look.dark { "dark" } else { "light" },
            }],
        });
        self.call("Emulation.setEmulatedMedia", media).await;
        let agent = json!({
            "userAgent": self.user_agent,
            "acceptLanguage": look.language,
        });
        self.call("Emulation.setUserAgentOverride", agent).await;
        let locale = json!({ "locale": look.language });
        self.call("Emulation.setLocaleOverride", locale).await;
    }

    /// Goes to a URL and waits until it is loaded.
    pub(crate) async fn go(&mut self, url: &str) {
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        self.wait_for("document.readyState === 'complete'").await;
    }

    /// Returns an expression's value as JSON; awaits a promise. Panics with what it throws.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            // As after a user's action, without which a page may not do everything.
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", params).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}\nthrows {thrown:#}");
        answer["result"]["value"].clone()
    }

    /// Waits in the page until an expression is true. Panics with the console's lines if that takes too long.
    pub(crate) async fn wait_for(&mut self, condition: &str) {
        let patience = PATIENCE.as_millis() / 2;
        let waiting = format!(
            "new Promise((resolve, reject) => {{
                const until = Date.now() + {patience};
                const look = () => {{
                    try {{
                        if ({condition}) resolve(true);
                        else if (Date.now() > until) resolve(false);
                        else setTimeout(look, 5);
                    }} catch (error) {{ reject(error); }}
                }};
                look();
            }})"
        );
        if self.evaluate(&waiting).await != json!(true) {
            let page = self
                .evaluate("document.body && document.body.innerText")
                .await;
            panic!(
                "never: {condition}\n{:#?}\n{page:#}",
                self.connection.console
            );
        }
    }

    /// Presses the first element of a selector: scrolls there and clicks, as a user does.
    pub(crate) async fn press(&mut self, selector: &str) {
        let selector = json!(selector);
        let at = format!(
            "(() => {{
                const element = document.querySelector({selector});
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = element.getBoundingClientRect();
                return [box.left + box.width / 2, box.top + box.height / 2];
            }})()"
        );
        let at = self.evaluate(&at).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Returns the console's lines so far, including exceptions and the browser's own messages.
    pub(crate) async fn console(&mut self) -> Vec<Line> {
        self.catch_up().await;
        self.connection.console.clone()
    }

    /// Returns the URL of every request so far, in order, including the page's own and WebSockets'.
    pub(crate) async fn requests(&mut self) -> Vec<String> {
        self.catch_up().await;
        self.connection.requests.clone()
    }

    /// Whether the page is wider than its viewport, so that it scrolls sideways.
    pub(crate) async fn scrolls_sideways(&mut self) -> bool {
        let wide = "document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth";
        self.evaluate(wide).await == json!(true)
    }

    /// Writes a picture (PNG) of the whole page, or of one screen of a page longer than 16000 pixels.
    pub(crate) async fn screenshot(&mut self, path: &Path) {
        let layout = self.call("Page.getLayoutMetrics", json!({})).await;
        let size = &layout["cssContentSize"];
        let mut params = json!({ "format": "png" });
        if size["height"].as_f64().unwrap() <= 16_000.0 {
            params["captureBeyondViewport"] = json!(true);
            params["clip"] = json!({
                "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
            });
        }
        let taken = self.call("Page.captureScreenshot", params).await;
        let png = BASE64.decode(taken["data"].as_str().unwrap().as_bytes());
        fs::write(path, png.unwrap()).unwrap();
    }

    /// Receives all events that have happened in the page.
    async fn catch_up(&mut self) {
        // Console lines come from the page's process, requests from the network's. Both have reported when a task of the
        // page has run.
        self.evaluate("new Promise(resolve => setTimeout(resolve, 0))")
            .await;
    }
}

/// The DevTools protocol to the browser, or to one of its pages.
struct Connection {
    socket: WebSocketStream<TcpStream>,
    last_id: u64,
    console: Vec<Line>,
    requests: Vec<String>,
}

impl Connection {
    async fn to(address: &str) -> Self {
        let authority = address
            .trim_start_matches("ws://")
            .split('/')
            .next()
            .unwrap();
        let stream = TcpStream::connect(authority).await.unwrap();
        // A picture of a long page exceeds the default limits.
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let opened = client_async_with_config(address, stream, Some(config)).await;
        Connection {
            socket: opened.unwrap().0,
            last_id: 0,
            console: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Sends a command and reads until its answer; events on the way are kept.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let command = json!({ "id": id, "method": method, "params": params });
        let command = Message::text(command.to_string());
        self.socket.send(command).await.unwrap();
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("no answer to {method} {params}"));
            let message = message.expect("the browser ended").unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == json!(id) {
                let error = &message["error"];
                assert!(error.is_null(), "{method} {params}: {error}");
                return message["result"].take();
            }
            self.keep(&message);
        }
    }

    fn keep(&mut self, event: &Value) {
        let params = &event["params"];
        let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" => {
                let shown = |one: &Value| match (&one["value"], &one["description"]) {
                    (Value::Null, Value::String(what)) => what.clone(),
                    (Value::String(what), _) => what.clone(),
                    (what, _) => what.to_string(),
                };
                let args = params["args"].as_array().unwrap();
                self.console.push(Line {
                    source: "console".to_owned(),
                    level: said(&params["type"]),
                    text: args.iter().map(shown).collect::<Vec<_>>().join(" "),
                });
            }
            "Runtime.exceptionThrown" => {
                let thrown = &params["exceptionDetails"];
                let text = match &thrown["exception"]["description"] {
                    Value::String(text) => text,
                    _ => thrown["text"].as_str().unwrap_or_default(),
                };
                self.console.push(Line {
                    source: "exception".to_owned(),
                    level: "error".to_owned(),
                    text: text.to_owned(),
                });
            }
            "Log.entryAdded" => {
                let entry = &params["entry"];
                self.console.push(Line {
                    source: said(&entry["source"]),
                    level: said(&entry["level"]),
                    text: said(&entry["text"]),
                });
            }
            "Network.requestWillBeSent" => self.requests.push(said(&params["request"]["url"])),
            "Network.webSocketCreated" => self.requests.push(said(&params["url"])),
            _ => {}
        }
    }
}

/// A process that is killed when this is dropped, also by a panic.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The profile's folder.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("easelect-chromium-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // The folder may be left from an earlier process with the same number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The browser's own children end a little later, and may still write files.
        let began = Instant::now();
        while fs::remove_dir_all(&self.0).is_err() && self.0.exists() {
            if began.elapsed() > Duration::from_secs(10) {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn program() -> Option<OsString> {
    let given = std::env::var_os("CHROMIUM").filter(|one| !one.is_empty());
    let path = std::env::var_os("PATH").unwrap_or_default();
    given.or_else(|| {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let mut found = names.iter().flat_map(|name| {
            std::env::split_paths(&path)
                .map(move |folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        });
        found.find(|one| one.is_file()).map(PathBuf::into_os_string)
    })
}

/// Returns where the browser listens, which it prints.
fn address(process: &mut Process) -> String {
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let (found, address) = mpsc::channel();
    // Reads to the end: a full pipe would block the browser.
    thread::spawn(move || {
        let mut before = Vec::new();
        for line in lines.map_while(Result::ok) {
            match line.strip_prefix("DevTools listening on ") {
                Some(address) => drop(found.send(Ok(address.to_owned()))),
                None if before.len() < 50 => before.push(line),
                None => {}
            }
        }
        let _ = found.send(Err(before.join("\n")));
    });
    let address = address.recv_timeout(PATIENCE);
    let address = address.expect("the browser says nothing");
    address.unwrap_or_else(|said| panic!("the browser ended: {said}"))
}
