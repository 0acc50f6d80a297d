//! A signal ends the command half-way: it reports what it has measured.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A host that never answers.
const SILENT: &str = "[[host]]\nname = \"im-api-v2.easemob.com\"\naddresses = [\"44.128.0.1\"]\n\
                      [[path]]\naddress = \"44.128.0.1\"\nrtt = 20\nfault = \"silent_tls\"\n";

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Waits until the process catches this signal, according to the kernel.
fn wait_until_caught(child: &mut Child, number: u32) {
    let started = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|one| one.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        if caught & (1 << (number - 1)) != 0 {
            return;
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended early");
        assert!(started.elapsed() < Duration::from_secs(60), "{status}");
        std::thread::yield_now();
    }
}

#[test]
fn a_report_is_printed_whichever_signal_ends_it() {
    let name = format!("easelect-interrupted-{}.toml", std::process::id());
    let scenario = File(std::env::temp_dir().join(name));
    fs::write(&scenario.0, SILENT).unwrap();
    for (signal, number) in [("TERM", 15), ("INT", 2)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_easelect"))
            .arg("--lab")
            .arg(&scenario.0)
            .args(["--region", "cn1", "--service", "websocket"])
            .args(["--format", "json"])
            .args(["--timeout", "60s", "--deadline", "120s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until_caught(&mut child, number);
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stdout).unwrap();
        let errors = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(3), "{signal}: {errors}");
        let report: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(report["complete"], false, "{signal}");
    }
}

#[test]
fn no_list_is_written_by_half() {
    let name = |ending: &str| {
        let name = format!("easelect-interrupted-list-{}.{ending}", std::process::id());
        File(std::env::temp_dir().join(name))
    };
    let (scenario, list, ours) = (name("toml"), name("json"), name("ours"));
    fs::write(&scenario.0, SILENT).unwrap();
    let hosts = r#"{"msync-wx": {"hosts": [{"domain": "im-api-v2.easemob.com"}]}}"#;
    fs::write(&list.0, hosts).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_easelect"))
        .args([
            "server-json",
            "--lang",
            "en",
            "--timeout",
            "60s",
            "--deadline",
            "120s",
            "--lab",
        ])
        .arg(&scenario.0)
        .arg("--from")
        .arg(&list.0)
        .arg("--output")
        .arg(&ours.0)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_caught(&mut child, 15);
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("interrupted: no list was written"),
        "{errors}"
    );
    assert!(!ours.0.exists());
}
