//! An exporter on a simulated network, and a plain HTTP client.

#![allow(dead_code, reason = "no test uses everything")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use easelect_exporter::{Exporter, Limits, Network, Settings, serve};
use easelect_lab::{Lab, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Longer than anything takes: a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder, removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("easelect-exporter-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running exporter, stopped when dropped.
pub(crate) struct Served {
    pub(crate) lab: Lab,
    pub(crate) address: SocketAddr,
    pub(crate) exporter: Arc<Exporter>,
    _task: JoinSet<()>,
}

pub(crate) async fn beijing() -> Served {
    served(Scenario::beijing(), Settings::default()).await
}

pub(crate) async fn served(scenario: Scenario, settings: Settings) -> Served {
    served_within(scenario, settings, Limits::default()).await
}

pub(crate) async fn served_within(
    scenario: Scenario,
    settings: Settings,
    limits: Limits,
) -> Served {
    let lab = Lab::new(scenario).unwrap();
    let exporter = Exporter::new(settings, Network::Lab(lab.clone())).unwrap();
    let exporter = Arc::new(exporter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    let of_server = Arc::clone(&exporter);
    task.spawn(serve(listener, of_server, limits, std::future::pending()));
    Served {
        lab,
        address,
        exporter,
        _task: task,
    }
}

/// Starts an exporter with this configuration.
pub(crate) async fn served_with(scratch: &Scratch, modules: &str) -> Served {
    let mut settings = Settings::default();
    settings.file = Some(scratch.file("modules.toml", modules));
    served(Scenario::beijing(), settings).await
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Returns the value of a series.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        all(&self.body).get(series).copied()
    }
}

/// Parses every series of a text, strictly.
pub(crate) fn all(text: &str) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let mut families = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(of) = line.strip_prefix("# HELP ") {
            let family = of.split(' ').next().unwrap().to_owned();
            assert!(!families.contains(&family), "{family} twice");
            families.push(family);
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (family, kind) = of.split_once(' ').unwrap();
            assert_eq!(family, families.last().unwrap());
            assert!(
                ["gauge", "counter", "info", "histogram"].contains(&kind),
                "{line}"
            );
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(
                series.starts_with(families.last().unwrap().as_str()),
                "{line}"
            );
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(
                all.insert(series.to_owned(), value).is_none(),
                "{line} twice"
            );
        }
    }
    all
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    asked(address, "GET", path, "").await
}

/// Sends a request with further header lines, each with its line end.
pub(crate) async fn asked(address: SocketAddr, method: &str, path: &str, lines: &str) -> Answer {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let bytes = tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("an answer");
    read(&String::from_utf8(bytes).unwrap())
}

pub(crate) fn read(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect(text);
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
