//! A headless Chromium, driven over the DevTools protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>): what a page shows, asks for and complains of.
//!
//! A browser is found at `CHROMIUM`, or on the `PATH`. Where there is none, [`Chromium::start`] says so
//! and gives `None`; it panics instead if `EASELECT_MUST_RUN` contains `chromium`.
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

/// A browser of one's own, with a profile of its own. It ends, and the profile goes, when this is
/// dropped.
pub(crate) struct Chromium {
    // In this order: the profile can go when the process is gone.
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
    /// As a phone: touch, a viewport meta element that counts, overlaid scroll bars.
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

/// A line that the browser's console shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `console`, `exception`, or who else wrote it: `network`, `security`, `javascript`, …
    pub(crate) source: String,
    /// `log`, `warning`, `error`, …
    pub(crate) level: String,
    /// What it says.
    pub(crate) text: String,
}

impl Chromium {
    /// Starts one with further arguments; `None` if there is none on this machine.
    ///
    /// Whatever it asks for stays on this machine: no name leads anywhere but `localhost`, except by
    /// `--host-resolver-rules` among the arguments, which take the place of that rule.
    pub(crate) async fn start(args: &[&str]) -> Option<Chromium> {
        let Some(program) = program() else {
            let must = std::env::var("EASELECT_MUST_RUN").unwrap_or_default();
            assert!(!must.contains("chromium"), "no Chromium found");
            // Past the test harness, which keeps to itself what passing tests print.
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
        // What a browser with a window says, as a page would read it.
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

    /// The `file:` URL of a new file with this text.
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
    /// Any command of the DevTools protocol; its result. Panics if the browser refuses it.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.connection.call(method, params).await
    }

    /// Looks at the page in another way from now on.
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

    /// What an expression gives, as JSON; a promise is awaited. Panics with what it throws.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            // As if the user had pressed something: what a page may do only then.
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", params).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}\nthrows {thrown:#}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true; the page itself looks at it. Panics when it doesn't become
    /// so in time, with what the console shows.
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

    /// Presses the element that a selector finds first: scrolls there and clicks, as a user does.
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

    /// What the console shows so far, exceptions and what the browser itself complains of included.
    pub(crate) async fn console(&mut self) -> Vec<Line> {
        self.catch_up().await;
        self.connection.console.clone()
    }

    /// The URL of every request so far, the page's own and WebSockets' included, in that order.
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

    /// Takes in all events that happened in the page before now.
    async fn catch_up(&mut self) {
        // Console lines come from the page's process, requests from the network's: a task of the page
        // gives both the time to report.
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
        // A picture of a long page is larger than the limits are by default.
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

/// Ends with whoever started it, also where a test panics.
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
        // What an earlier process with the same number left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The browser's own children end when they notice that it is gone; what they still write comes
        // in between.
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

/// Where it listens, as it says itself.
fn address(process: &mut Process) -> String {
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let (found, address) = mpsc::channel();
    // Reads on to the end: a browser whose pipe is full waits.
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
