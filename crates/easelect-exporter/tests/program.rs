//! The program: flags, signals, exit status.
#![cfg(unix)]

mod support;

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::*;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_easelect-exporter");

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    address: std::net::SocketAddr,
}

impl Running {
    async fn new(args: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--lab", "--web.listen-address=127.0.0.1:0"])
            .args(args)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut running = Running {
            child,
            lines,
            address,
        };
        let line = running.line("listening address=").await;
        let (_, rest) = line.split_once("address=").unwrap();
        running.address = rest.split(' ').next().unwrap().parse().unwrap();
        running
    }

    /// Returns the next line of the log that contains `part`.
    async fn line(&mut self, part: &str) -> String {
        let reading = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it runs");
                if line.contains(part) {
                    return line;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect(part)
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    async fn status(&mut self) -> Option<i32> {
        let waiting = tokio::time::timeout(PATIENCE, self.child.wait());
        waiting.await.expect("it ends").unwrap().code()
    }
}

#[tokio::test]
async fn signals_reload_and_end() {
    let scratch = Scratch::new();
    let file = scratch.file("m.toml", "[modules.first]\n");
    let argument = format!("--config.file={}", file.display());
    let mut running = Running::new(&[&argument, "--label=site=hq"]).await;
    let good = "easelect_config_last_reload_successful{site=\"hq\"}";
    assert_eq!(
        get(running.address, "/metrics").await.value(good),
        Some(1.0)
    );
    scratch.file("m.toml", "[modules.first]\nnonsense = 1\n");
    running.signal(Signal::SIGHUP);
    let line = running.line("configuration not reloaded").await;
    assert!(line.contains("m.toml:2: "), "{line}");
    assert_eq!(
        get(running.address, "/metrics").await.value(good),
        Some(0.0)
    );
    let path = "/probe?target=cn1/websocket&module=first";
    assert_eq!(get(running.address, path).await.status, 200);
    scratch.file("m.toml", "[modules.second]\n");
    running.signal(Signal::SIGHUP);
    running.line("configuration reloaded").await;
    assert_eq!(get(running.address, path).await.status, 400);
    running.signal(Signal::SIGTERM);
    running.line("stopped").await;
    assert_eq!(running.status().await, Some(0));
}

#[tokio::test]
async fn the_log_says_what_is_probed_and_how_often() {
    let scratch = Scratch::new();
    let file = scratch.file("b.toml", "[background]\ninterval = \"30s\"\n");
    let argument = format!("--config.file={}", file.display());
    let targets = [
        "--background.target=cn1/websocket",
        "--background.target=sgp1/rest",
    ];
    let mut running = Running::new(&[argument.as_str(), targets[0], targets[1]]).await;
    let line = running.line("background probing").await;
    assert!(
        line.ends_with("groups=\"cn1/websocket, sgp1/rest\" interval=\"30s\""),
        "{line}"
    );
    running.signal(Signal::SIGTERM);
    assert_eq!(running.status().await, Some(0));
}

/// A request received before SIGTERM still gets its response.
#[tokio::test]
async fn an_answer_under_way_comes_to_its_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut running = Running::new(&["--log.level=debug"]).await;
    let mut stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    let request = b"GET /probe?target=sgp1/websocket HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // The probe has begun, so the request was read.
    running.line("easelect::probe").await;
    running.signal(Signal::SIGTERM);
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert!(back.contains("\nprobe_success "), "{back}");
    assert_eq!(running.status().await, Some(0));
}

#[tokio::test]
async fn the_background_fills_the_metrics() {
    let mut running = Running::new(&["--background.target=cn1/websocket", "--histograms"]).await;
    let host = "region=\"cn1\",service=\"websocket\",host=\"im-api-v2.easecdn.com\"";
    let began = std::time::Instant::now();
    let answer = loop {
        let answer = get(running.address, "/metrics").await;
        if answer.body.contains("easelect_first_choice_info") {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE);
    };
    for (series, value) in [
        (format!("easelect_first_choice_info{{{host}}}"), 1.0),
        (format!("easelect_probe_success{{{host}}}"), 1.0),
        (format!("easelect_failed_ratio{{{host}}}"), 0.0),
        (
            format!("easelect_probes_total{{{host},result=\"success\"}}"),
            1.0,
        ),
        (
            format!("easelect_probes_total{{{host},result=\"failure\"}}"),
            0.0,
        ),
        (
            format!("easelect_open_duration_seconds_count{{{host}}}"),
            1.0,
        ),
        (
            format!("easelect_open_duration_seconds_bucket{{{host},le=\"+Inf\"}}"),
            1.0,
        ),
    ] {
        assert_eq!(answer.value(&series), Some(value), "{series}");
    }
    assert!(
        answer
            .value(&format!("easelect_open_seconds{{{host}}}"))
            .unwrap()
            > 0.02
    );
    running.signal(Signal::SIGINT);
    assert_eq!(running.status().await, Some(0));
}

#[tokio::test]
async fn a_check_tells_by_its_status() {
    let scratch = Scratch::new();
    let good = scratch.file(
        "good.toml",
        "[modules.mine]\n[background]\ntargets = [\"cn1/rest\"]\n",
    );
    let wrong = scratch.file("wrong.toml", "\n\n[modules.mine]\ntimeout = 5\n");
    // The targets may be the command line's alone.
    let partial = scratch.file("partial.toml", "[background]\ninterval = \"30s\"\n");
    for (file, status, told) in [
        (
            partial.display().to_string(),
            0,
            "The configuration is valid.",
        ),
        (good.display().to_string(), 0, "The configuration is valid."),
        (wrong.display().to_string(), 2, "wrong.toml:4: "),
        ("/nowhere/m.toml".to_owned(), 2, "/nowhere/m.toml: "),
    ] {
        let argument = format!("--config.file={file}");
        let output = Command::new(PROGRAM)
            .args(["--lab", "--config.check", &argument])
            .output()
            .await
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains(told) && text.lines().count() == 1, "{text}");
    }
}
