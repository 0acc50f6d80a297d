//! The command on a terminal of 80 columns: the first screen, and the questions.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use easelect::Catalog;
use nix::pty::{Winsize, openpty};
use unicode_width::UnicodeWidthStr;

/// A simulated network in which every published host works.
struct Healthy(PathBuf);

impl Healthy {
    fn new(name: &str) -> Self {
        let mut text = String::new();
        for (number, one) in Catalog::builtin().endpoints().iter().enumerate() {
            let rtt = 20 + 7 * (number % 5);
            let _ = writeln!(
                text,
                "[[host]]\nname = \"{}\"\naddresses = [\"44.130.0.{number}\"]\ndns_delay = 5\n\
                 [[path]]\naddress = \"44.130.0.{number}\"\nrtt = {rtt}\n",
                one.host()
            );
        }
        let file = format!("easelect-healthy-{name}-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(file);
        fs::write(&path, text).unwrap();
        Healthy(path)
    }
}

impl Drop for Healthy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the command on a terminal with these answers typed. Returns the lines shown, without colours, and its status.
fn seen(args: &[&str], answers: &str) -> (Vec<String>, Option<i32>) {
    let size = Winsize {
        ws_row: 40,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pair = openpty(Some(&size), None).unwrap();
    let end = |slave: &OwnedFd| Stdio::from(slave.try_clone().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_easelect"))
        .args(args)
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .stdin(end(&pair.slave))
        .stdout(end(&pair.slave))
        // Questions and the progress bar are on standard error.
        .stderr(end(&pair.slave))
        .spawn()
        .unwrap();
    drop(pair.slave);
    let mut master = File::from(pair.master);
    let mut keyboard = master.try_clone().unwrap();
    keyboard.write_all(answers.as_bytes()).unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // Reading ends in an error when the other side is closed.
        let _ = master.read_to_end(&mut bytes);
        bytes
    });
    let status = child.wait().unwrap();
    let text = String::from_utf8(reader.join().unwrap()).unwrap();
    (shown(&text), status.code())
}

/// Returns the lines without colours and movements of the cursor.
fn shown(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                rest.next_if_eq(&'[');
                for end in rest.by_ref() {
                    if end.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            // The progress bar overwrites its line.
            '\r' if rest.peek() != Some(&'\n') => lines.last_mut().unwrap().clear(),
            '\r' => {}
            '\n' => lines.push(String::new()),
            c => lines.last_mut().unwrap().push(c),
        }
    }
    lines
}

#[test]
fn the_first_screen_of_a_healthy_run_fits() {
    let lab = Healthy::new("screen");
    let scenario = lab.0.to_str().unwrap();
    let report = lab.0.with_extension("html");
    for lang in ["en", "zh"] {
        for (region, most) in [("all", 40), ("cn1", 24), ("mainland", 24), ("sgp1", 24)] {
            let line = ["--lab", scenario, "--region", region, "--lang", lang];
            let saved = [&line[..], &["--output", report.to_str().unwrap()]].concat();
            for args in [&line[..], &saved] {
                let (lines, status) = seen(args, "");
                let told = lines.join("\n");
                assert_eq!(status, Some(0), "{told}");
                // The shell's prompt needs one line.
                assert!(lines.len() <= most, "{} lines:\n{told}", lines.len());
                for line in &lines {
                    assert!(line.width() <= 80, "{} columns: {line}", line.width());
                }
            }
        }
    }
    let _ = fs::remove_file(report);
}

#[test]
fn the_data_centre_and_the_client_are_asked_for() {
    let lab = Healthy::new("asked");
    let scenario = lab.0.to_str().unwrap();
    let (lines, status) = seen(&["--lab", scenario, "--lang", "zh"], "国内 2 区\n3\n");
    let told = lines.join("\n");
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("应用在哪个数据中心？"), "{told}");
    assert!(told.contains("im-api-wechat-31."), "{told}");
    assert!(!told.contains("im-api-wechat."), "{told}");
    assert!(!told.contains("im-api-v2"), "{told}");
    // With --region there is no question.
    let (lines, _) = seen(&["--lab", scenario, "--region", "cn1"], "");
    assert!(!lines.join("\n").contains("Which data centre"));
}
