//! The official Web SDK, unmodified, in Node and in Chromium: how long it takes to connect with an app's list whose first
//! host is silent, and with the same list sorted by `easelect server-json`.
//!
//! The test waits for the SDK's own timeout of 10 s. Without Node, npm or the SDK's package it says so and passes; if
//! `EASELECT_MUST_RUN` contains `sdk`, it fails.
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used, clippy::panic)]

mod chromium;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use chromium::{Chromium, Look};
use data_encoding::BASE64;
use futures::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// How long the SDK waits for a silent host, in milliseconds.
const SDK_WAITS: f64 = 10_000.0;

/// The list services that are built into the SDK.
const SOURCES: [&str; 2] = ["rs.easemob.com", "rs.chat.agora.io"];

#[tokio::test(flavor = "multi_thread")]
async fn the_web_sdk_opens_at_once_with_our_list() {
    let folder = Folder::new();
    if let Err(why) = install(&folder.0).await {
        let must = std::env::var("EASELECT_MUST_RUN").unwrap_or_default();
        assert!(!must.contains("sdk"), "{why}");
        // Directly: the test harness hides the output of passing tests.
        let _ = std::io::stderr().write_all(format!("not run: {why}\n").as_bytes());
        return;
    }
    let authority = Authority::new();
    // Never accepts: the kernel completes connections, but nothing answers on them.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let silent = silent.local_addr().unwrap().port();
    let good = server(authority.of("im-good.example"), Pages::default()).await;
    let rest = server(authority.of("a1.example"), Pages::default()).await;
    let host = |domain: &str, port: u16, priority: u8| {
        json!({
            "protocol": "https", "domain": domain, "port": port.to_string(), "priority": priority,
        })
    };
    let original = json!({
        "rest": {"hosts": [host("a1.example", rest, 1)]},
        "msync-wx": {"hosts": [
            host("im-silent.example", silent, 1),
            host("im-good.example", good, 2),
        ]},
        "enableReportLogs": "false",
    });
    let original = original.to_string();
    let ours = ordered(
        &folder.0,
        &authority,
        &original,
        &[
            ("im-silent.example", silent),
            ("im-good.example", good),
            ("a1.example", rest),
        ],
    )
    .await;

    let sdk = fs::read(folder.0.join("node_modules/easemob-websdk/Easemob-chat.js")).unwrap();
    let mut runs = Vec::new();
    // Web SDK 4 can't use such a list, as `server-json` says.
    let only_wss = original.replace("\"protocol\":\"https\"", "\"protocol\":\"wss\"");
    for list in [original, ours, only_wss] {
        let pages = Pages {
            list,
            sdk: sdk.clone(),
        };
        let mut names = BTreeMap::from([
            (format!("im-silent.example:{silent}"), silent),
            (format!("im-good.example:{good}"), good),
            (format!("a1.example:{rest}"), rest),
        ]);
        for source in SOURCES.into_iter().chain(["app.example"]) {
            let port = server(authority.of(source), pages.clone()).await;
            names.insert(format!("{source}:443"), port);
        }
        runs.push(names);
    }
    let [before, after, only_wss] = runs.try_into().unwrap();
    let dialled_before = [
        format!("wss://im-silent.example:{silent}/websocket"),
        format!("wss://im-good.example:{good}/websocket"),
    ];
    // Concurrently, since both wait for a timeout; the timed ones run one after the other.
    let (in_node_before, browser) = tokio::join!(
        in_node(&folder.0, &authority, &before),
        in_chromium(&before),
    );
    let node_ours = in_node(&folder.0, &authority, &after).await;
    let browser_ours = in_chromium(&after).await;
    let refused = node(&folder.0, &authority, &only_wss).await;
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && why.contains("get DNS failed"),
        "{why}"
    );
    let runs = [
        ("Node", Some(in_node_before), Some(node_ours)),
        ("Chromium", browser, browser_ours),
    ];
    for (name, before, after) in runs {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        let took = |opened: &Value| opened["ms"].as_f64().unwrap();
        let figures = format!(
            "{name}: with the original list {:.0} ms, with ours {:.0} ms\n",
            took(&before),
            took(&after)
        );
        let _ = std::io::stderr().write_all(figures.as_bytes());
        assert_eq!(before["dialled"], json!(dialled_before), "{name}");
        assert_eq!(after["dialled"], json!(dialled_before[1..]), "{name}");
        // Its timer may be early by a millisecond, as it uses another clock.
        assert!(took(&before) > SDK_WAITS - 50.0, "{name}: {before}");
        assert!(took(&after) < SDK_WAITS, "{name}: {after}");
    }
}

/// Sorts a list with `easelect server-json`, which measures these hosts on this machine.
async fn ordered(
    folder: &Path,
    authority: &Authority,
    list: &str,
    hosts: &[(&str, u16)],
) -> String {
    let [from, to] = ["original.json", "ours.json"].map(|name| folder.join(name));
    fs::write(&from, list).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_easelect"));
    command
        .args([
            "server-json",
            "--region",
            "cn1",
            "--no-proxy",
            "--rounds",
            "1",
        ])
        .args(["--timeout", "3s", "--lang", "en", "--cacert"])
        .arg(&authority.pem)
        .arg("--from")
        .arg(&from)
        .arg("--output")
        .arg(&to);
    for (host, port) in hosts {
        command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
    }
    let ended = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}{errors}");
    assert!(told.contains("unreachable"), "{told}");
    fs::read_to_string(to).unwrap()
}

/// Installs the SDK into this folder, or returns why not.
async fn install(folder: &Path) -> Result<(), String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official-sdk");
    for entry in fs::read_dir(project).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    for (program, args) in [
        ("node", &["--version"][..]),
        (
            npm,
            &[
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
                "--fetch-retries=1",
                "--fetch-retry-mintimeout=1000",
            ],
        ),
    ] {
        let ended = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| format!("{program}: {error}"))?;
        if !ended.status.success() {
            let why = String::from_utf8_lossy(&ended.stderr);
            let why: Vec<&str> = why.lines().take(4).collect();
            return Err(format!("{program} {}: {}", args[0], why.join(" ")));
        }
    }
    Ok(())
}

async fn node(folder: &Path, authority: &Authority, names: &BTreeMap<String, u16>) -> Output {
    let ended = Command::new("node")
        .args(["--require", "./like_a_browser.js", "open.js"])
        .current_dir(folder)
        .env("NODE_EXTRA_CA_CERTS", &authority.pem)
        .env("EASELECT_NAMES", json!(names).to_string())
        .kill_on_drop(true)
        .output();
    ended.await.unwrap()
}

async fn in_node(folder: &Path, authority: &Authority, names: &BTreeMap<String, u16>) -> Value {
    let ended = node(folder, authority, names).await;
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    // The SDK's logger writes there, too.
    let told = String::from_utf8_lossy(&ended.stdout);
    let last = told.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {told}\n{errors}"))
}

async fn in_chromium(names: &BTreeMap<String, u16>) -> Option<Value> {
    let mut rules: Vec<String> = (names.iter())
        .map(|(name, port)| format!("MAP {name} 127.0.0.1:{port}"))
        .collect();
    rules.push("MAP * ~NOTFOUND".to_owned());
    let rules = format!("--host-resolver-rules={}", rules.join(", "));
    let mut browser = Chromium::start(&[&rules, "--ignore-certificate-errors"]).await?;
    let mut tab = browser.open("https://app.example/", &Look::default()).await;
    Some(
        tab.evaluate("openWithSdk(websdk, () => performance.now())")
            .await,
    )
}

/// A folder for one test, deleted when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("easelect-official-sdk-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The authority of the servers' certificates. Its own certificate is in a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Node takes a certificate with the issuer's name for the issuer.
        params
            .distinguished_name
            .push(DnType::CommonName, "A test's authority");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let name = format!("easelect-official-sdk-{}.pem", std::process::id());
        let pem = std::env::temp_dir().join(name);
        let base64 = BASE64.encode(issuer.der());
        let lines = base64.as_bytes().chunks(64);
        let lines: Vec<&str> = lines.map(|one| str::from_utf8(one).unwrap()).collect();
        let text = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        );
        fs::write(&pem, text).unwrap();
        Authority { issuer, pem }
    }

    /// Returns TLS for a server of this host.
    fn of(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.pem);
    }
}

/// What a server serves besides a WebSocket.
#[derive(Clone, Default)]
struct Pages {
    list: String,
    sdk: Vec<u8>,
}

/// Starts a server on loopback, and returns its port.
async fn server(acceptor: TlsAcceptor, pages: Pages) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pages = Arc::new(pages);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, pages) = (acceptor.clone(), pages.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                serve(stream, &pages).await
            });
        }
    });
    port
}

/// Serves until the other side closes.
async fn serve(mut stream: TlsStream<TcpStream>, pages: &Pages) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let mut request = lines.next().unwrap().split(' ');
        let (method, target) = (request.next().unwrap(), request.next().unwrap());
        let key = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
            is_key.then(|| value.trim().to_owned())
        });
        if let Some(key) = key {
            return websocket(stream, &key).await;
        }
        let path = target.split('?').next().unwrap();
        let (kind, body) = match (method, path) {
            ("GET", "/") => ("text/html", PAGE.as_bytes()),
            ("GET", "/sdk.js") => ("text/javascript", &*pages.sdk),
            ("GET", "/open.js") => (
                "text/javascript",
                include_bytes!("official-sdk/open.js").as_slice(),
            ),
            ("GET", "/easemob/server.json") => ("application/json", pages.list.as_bytes()),
            // Includes a browser's preflight requests (CORS).
            _ => ("application/json", b"{}".as_slice()),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
             Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *, authorization\r\n\
             Access-Control-Allow-Methods: *\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body).await.ok()?;
        stream.flush().await.ok()?;
    }
}

const PAGE: &str = "<!doctype html><title>app</title><script src=/sdk.js></script>\
    <script src=/open.js></script>";

/// Opens a WebSocket, and accepts any login.
async fn websocket(mut stream: TlsStream<TcpStream>, key: &str) -> Option<()> {
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut logged_in = false;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() && !logged_in {
            logged_in = true;
            socket.send(Message::binary(LOGGED_IN)).await.ok()?;
        }
    }
    Some(())
}

/// The answer to a login in Protocol Buffers, by the SDK's own schema: an MSync with command 3 (PROVISION, field 8) and a
/// payload (field 9), which is a Provision with an empty status (field 8), meaning OK.
const LOGGED_IN: &[u8] = &[0x40, 3, 0x4a, 2, 0x42, 0];
