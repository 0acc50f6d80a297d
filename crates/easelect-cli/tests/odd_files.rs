//! Pipes, devices, folders and planted links in the place of files that the command reads or writes, and planted programs
//! in the place of those that it runs.
#![cfg(unix)]
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// A folder for one test, deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("easelect-odd-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(fs::canonicalize(path).unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        fs::write(self.at(name), content).unwrap();
        self.at(name)
    }

    fn pipe(&self, name: &str) -> PathBuf {
        mkfifo(&self.at(name), Mode::S_IRWXU).unwrap();
        self.at(name)
    }

    fn link(&self, name: &str, to: impl AsRef<Path>) -> PathBuf {
        symlink(to, self.at(name)).unwrap();
        self.at(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn easelect(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easelect"));
    command
        .args(["--lang", "en"])
        .args(line.split_whitespace())
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command that must end within a minute.
fn ran(command: &mut Command) -> Output {
    let mut child = command.spawn().unwrap();
    let (done, read) = mpsc::channel();
    let mut out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    thread::spawn(move || {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let _ = out.read_to_end(&mut stdout);
        let _ = err.read_to_end(&mut stderr);
        done.send((stdout, stderr))
    });
    let read = read.recv_timeout(Duration::from_secs(60));
    let _ = child.kill();
    let status = child.wait().unwrap();
    let (stdout, stderr) = read.unwrap_or_else(|_| panic!("{command:?} waits for something"));
    Output {
        status,
        stdout,
        stderr,
    }
}

/// Checks that the command ends with 2, and returns its error.
fn why(line: &str, option: &str, path: &Path) -> String {
    let output = ran(easelect(line).args([OsStr::new(option), path.as_os_str()]));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line} {option}: {told}");
    assert!(output.stdout.is_empty());
    let why = told.strip_prefix("easelect: ").expect(&told);
    why.strip_suffix('\n').expect(&told).to_owned()
}

const CONNECT: &str = "connect --lab --region cn1 --service websocket";

/// The options that read a file, each with the rest of the line.
const READERS: [(&str, &str); 4] = [
    ("list", "--catalog"),
    ("--lab", "--cacert"),
    ("", "--lab"),
    (CONNECT, "--history"),
];

#[test]
fn what_is_no_file_is_refused_by_every_option() {
    let folder = Folder::new("readers");
    let pipe = folder.pipe("pipe.toml");
    let zero = folder.link("zero.toml", "/dev/zero");
    let directory = folder.at("folder.toml");
    fs::create_dir(&directory).unwrap();
    for (line, option) in READERS {
        for (file, wanted) in [
            (
                &pipe,
                "found a pipe or a device: save its output to a file first",
            ),
            (
                &zero,
                "found a pipe or a device: save its output to a file first",
            ),
            (&directory, "found a folder"),
        ] {
            let wanted = match (option, file == &zero) {
                ("--history", true) => {
                    "found a link that leads out of its folder, to /dev/zero: name that file itself"
                }
                _ => wanted,
            };
            let why = why(line, option, file);
            let wanted = format!("{}: expected a file, {wanted}", file.display());
            assert!(why.ends_with(&wanted), "{option}: {why}");
        }
    }
    // A pipe, as from a shell's `<(…)`.
    let (reader, _writer) = std::io::pipe().unwrap();
    let mut command = easelect("list --catalog /dev/stdin");
    let output = ran(command.stdin(reader));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(".toml or .json"), "{told}");
}

#[test]
fn what_is_linked_to_is_read() {
    let folder = Folder::new("linked");
    let elsewhere = Folder::new("linked-to");
    let own =
        "[[endpoint]]\nregion = \"sgp1\"\nservice = \"rest\"\nurl = \"https://own.example/\"\n";
    let link = folder.link("own.toml", elsewhere.file("own.toml", own));
    let output = ran(easelect("list --catalog").arg(link));
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains("own.example"), "{listed}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_report_is_its_owners_alone_unless_the_file_was_not() {
    let folder = Folder::new("report");
    let report = folder.at("report.txt");
    let written = || {
        let output = ran(easelect("list --output").arg(&report));
        assert_eq!(output.status.code(), Some(0));
        assert!(fs::read_to_string(&report).unwrap().len() > 1000);
        mode(&report)
    };
    assert_eq!(written(), 0o600);
    for was in [0o644, 0o660] {
        fs::set_permissions(&report, fs::Permissions::from_mode(was)).unwrap();
        assert_eq!(written(), was);
    }
    let history = folder.at("history.json");
    let output = ran(easelect(CONNECT).arg("--history").arg(&history));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        [mode(&history), mode(&folder.at("history.json.lock"))],
        [0o600; 2]
    );
}

#[test]
fn a_planted_link_leads_no_report_out_of_its_folder() {
    let folder = Folder::new("planted");
    let elsewhere = Folder::new("planted-at");
    let theirs = elsewhere.file("theirs", "theirs");
    for (name, to) in [
        ("report", theirs.clone()),
        ("null", PathBuf::from("/dev/null")),
        ("nothing", elsewhere.at("nothing")),
    ] {
        let why = why("list", "--output", &folder.link(name, to));
        let wanted = format!(
            "--output: {}: expected a file, found a link that leads out of its folder, to ",
            folder.at(name).display()
        );
        assert!(why.starts_with(&wanted), "{why}");
    }
    assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
    assert!(!elsewhere.at("nothing").exists());
    // A link within the folder is followed and stays a link.
    let report = folder.file("2026.txt", "");
    let link = folder.link("latest.txt", "2026.txt");
    let output = ran(easelect("list --output").arg(&link));
    assert_eq!(output.status.code(), Some(0));
    assert!(link.is_symlink() && fs::read(report).unwrap().len() > 1000);
}

#[test]
fn a_report_goes_to_a_pipe_that_is_read_and_waits_for_none() {
    let folder = Folder::new("pipe");
    let pipe = folder.pipe("pipe");
    let told = why("list", "--output", &pipe);
    assert!(
        told.ends_with("pipe can't be written: no process reads from it"),
        "{told}"
    );
    let listed = ran(&mut easelect("list --format json")).stdout;
    assert!(listed.len() > 10_000);
    // Opens both sides, so that neither waits. The report is larger than the pipe's buffer.
    let both = fs::File::options().read(true).write(true).open(&pipe);
    let (mut both, mut whole) = (both.unwrap(), vec![0; listed.len()]);
    let reader = thread::spawn(move || both.read_exact(&mut whole).map(|()| whole));
    let output = ran(easelect("list --format json --output").arg(&pipe));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reader.join().unwrap().unwrap(), listed);
    // A reader that is there from the start gets all of it: the pipe is opened once.
    let mut reading = fs::File::options();
    reading.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut reader = reading.open(&pipe).unwrap();
    let mut command = easelect("--lab --region cn1 --service websocket --format json --output");
    let mut running = command.arg(&pipe).spawn().unwrap();
    let mut whole = Vec::new();
    loop {
        let mut one = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        poll(&mut one, PollTimeout::NONE).unwrap();
        let seen = one[0].revents().unwrap();
        let mut some = [0; 4096];
        match reader.read(&mut some) {
            Ok(count) if count > 0 => whole.extend_from_slice(&some[..count]),
            // The writer has closed it.
            _ if seen.contains(PollFlags::POLLHUP) => break,
            _ => {}
        }
    }
    let ended = running.wait().unwrap();
    assert!(ended.success(), "{ended:?}");
    let report: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(report["schema"], 1);
    // A pipe or a file that the shell opened; a file is appended to.
    for stdout in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        if !Path::new(stdout).exists() {
            continue;
        }
        let mut command = easelect("list --format json --output");
        assert_eq!(ran(command.arg(stdout)).stdout, listed, "{stdout}");
        let file = folder.file("file", "before\n");
        let opened = fs::File::options().append(true).open(&file).unwrap();
        let mut command = easelect("list --format json --output");
        let status = command.arg(stdout).stdout(opened).status().unwrap();
        assert!(status.success());
        let added = [b"before\n".as_slice(), &listed].concat();
        assert_eq!(fs::read(&file).unwrap(), added, "{stdout}");
    }
}

/// If the disk is full at the end, the report is printed instead.
#[cfg(target_os = "linux")]
#[test]
fn what_can_not_be_written_is_printed() {
    let listed = ran(&mut easelect("list --format json")).stdout;
    let output = ran(&mut easelect("list --format json --output /dev/full"));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(output.stdout, listed);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("/dev/full can't be written: "), "{told}");
}

/// Probes this computer, where no server listens, and returns what the report says of the desktop's proxies.
#[cfg(target_os = "linux")]
fn system_proxies(home: &Folder) -> String {
    let mut command =
        easelect("--region cn1 --service rest --no-proxy -4 --rounds 1 --format json");
    command
        .args(["--resolve", "*:443:127.0.0.1", "--deadline", "20s"])
        .env("HOME", &home.0)
        .env("XDG_CONFIG_HOME", home.at("config"))
        .env("PATH", home.at("bin"))
        .current_dir(&home.0);
    let output = ran(&mut command);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 2), "{told}");
    let report = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = report.split_once("\"system_proxies\":").expect(&report);
    rest.split(']').next().unwrap().split_whitespace().collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_desktops_settings_are_read_if_they_are_a_file() {
    let home = Folder::new("desktop");
    fs::create_dir(home.at("config")).unwrap();
    let settings = "config/kioslaverc";
    let text = "[Proxy Settings]\nProxyType=1\nhttpsProxy=http://127.0.0.1 7890\n";
    home.file(settings, text);
    let found = system_proxies(&home);
    assert!(found.contains("\"http://127.0.0.1:7890\""), "{found}");
    let without = || {
        let found = system_proxies(&home);
        assert!(!found.contains("7890"), "{found}");
        fs::remove_file(home.at(settings)).unwrap();
    };
    home.file(settings, &format!("{text}{}", "#".repeat(2 << 20)));
    without();
    home.pipe(settings);
    without();
    home.link(settings, "/dev/zero");
    without();
}

/// A program in a folder of `PATH`, or in the current one.
#[cfg(target_os = "linux")]
#[test]
fn a_planted_program_is_not_run() {
    let home = Folder::new("program");
    fs::create_dir(home.at("bin")).unwrap();
    let settings = "echo \"org.gnome.system.proxy mode 'manual'\"\n\
                    echo \"org.gnome.system.proxy.https host '10.9.8.7'\"\n";
    for place in ["bin/gsettings", "gsettings"] {
        let ran = home.at("ran").display().to_string();
        let planted = home.file(place, &format!("#!/bin/sh\n: > '{ran}'\n{settings}"));
        fs::set_permissions(planted, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The planted program would work.
    let works = Command::new(home.at("bin/gsettings")).output().unwrap();
    assert!(works.status.success() && home.at("ran").exists());
    fs::remove_file(home.at("ran")).unwrap();
    let found = system_proxies(&home);
    assert!(!found.contains("10.9.8.7"), "{found}");
    assert!(!home.at("ran").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_told_in_both_languages() {
    for (lang, told) in [
        ("en", "easelect: standard output can't be written: "),
        ("zh", "easelect: 无法写入标准输出："),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_easelect"));
        command.args(["--lang", lang, "--version"]).stdout(full);
        let done = command.output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.starts_with(told), "{said}");
    }
}

#[test]
fn a_scenario_that_may_not_be_looked_for_is_told() {
    let folder = Folder::new("closed");
    let closed = folder.at("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let scenario = closed.join("own.toml");
    // Root may look anywhere.
    if scenario.try_exists().is_err() {
        let said = why("", "--lab", &scenario);
        assert!(said.contains("can't be read: Permission denied"), "{said}");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}
