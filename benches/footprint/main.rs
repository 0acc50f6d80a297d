//! The cost of embedding easelect. `hello.rs` is a minimal app, built as apps are built; `floor.rs` connects
//! to a fixed host with the same libraries but without easelect; `rest.rs` also uses REST, without which the
//! linker drops reqwest.
//!
//! Size and number of crates have limits. The bench also reports threads, the time from a program's start to
//! its first SYN (to this machine, without a DNS lookup), and the build time. `-- --test` builds only
//! `hello.rs`, and reuses the last build.

mod crates;
#[path = "../measure/mod.rs"]
mod measure;
mod project;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crates::{ALL, DEFAULT, LEAST, LINKED, WITHOUT_REST};
use data_encoding::BASE64;
use measure::figures::Figures;
use measure::remote::{Remote, serve_if_asked};
use measure::{is_short, median_ms};
use project::{Profile, Project};

// The limits.
const MOST_BYTES: f64 = 4.45e6;
const MOST_CRATES: f64 = 120.0;
const MOST_CRATES_WITHOUT_REST: f64 = 75.0;

const STARTS: usize = 21;

fn main() {
    if serve_if_asked() {
        return;
    }
    let mut figures = Figures::of("footprint");
    count_crates(&mut figures);
    let project = Project::create();
    if !is_short() {
        project.clean();
    }
    let hello = project.build("hello", Profile::Release);
    figures.limit("size", size(&hello.program), "bytes", MOST_BYTES);
    works(&hello.program);
    if is_short() {
        let mut started = Started::run(&hello.program);
        figures.tell("threads", started.threads(), "threads");
        figures.finish();
        return;
    }
    figures.tell("cold_build", hello.wall.as_secs_f64(), "s");
    figures.tell("cold_build_cpu", hello.cpu.as_secs_f64(), "s");
    let rest = project.build("rest", Profile::Release);
    figures.tell("size_with_rest", size(&rest.program), "bytes");
    let small = project.build("hello", Profile::Small);
    figures.tell("size_small", size(&small.program), "bytes");
    let floor = project.build("floor", Profile::Release);
    figures.tell("floor_size", size(&floor.program), "bytes");
    let smallest = project.build("floor", Profile::Small);
    figures.tell("floor_size_small", size(&smallest.program), "bytes");
    starts(&hello.program, &floor.program, &mut figures);
    figures.finish();
}

/// Only linked crates have limits here. `tests/dependencies.rs` has tighter ones for all crates.
fn count_crates(figures: &mut Figures) {
    for (name, features, most) in [
        ("crates", DEFAULT, Some(MOST_CRATES)),
        (
            "crates_without_rest",
            WITHOUT_REST,
            Some(MOST_CRATES_WITHOUT_REST),
        ),
        ("crates_least", LEAST, None),
    ] {
        let linked = crates::count(features, LINKED) as f64;
        match most {
            Some(most) => figures.limit(name, linked, "crates", most),
            None => figures.tell(name, linked, "crates"),
        }
        let all = crates::count(features, ALL) as f64;
        figures.tell(&format!("{name}_and_macros"), all, "crates");
    }
}

fn size(program: &Path) -> f64 {
    std::fs::metadata(program).expect("it was built").len() as f64
}

/// Checks that the app opens a WebSocket to a server whose root is the only trusted one.
fn works(hello: &Path) {
    let server = Remote::start(Duration::ZERO, Duration::ZERO);
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("footprint-root.pem");
    let armour = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        BASE64.encode(&server.root)
    );
    std::fs::write(&root, armour).expect("the target folder can be written");
    let status = Command::new(hello)
        .arg(server.address.port().to_string())
        .env("SSL_CERT_FILE", &root)
        .status()
        .expect("it was built");
    assert!(status.success(), "the program that embeds easelect failed");
}

/// Starts both programs in turn, so that the machine's noise affects both.
fn starts(hello: &Path, floor: &Path, figures: &mut Figures) {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut started = Started::run(hello);
        ours.push(started.to_syn);
        if ours.len() == STARTS {
            figures.tell("threads", started.threads(), "threads");
        }
        bare.push(Started::run(floor).to_syn);
    }
    let (ours, bare) = (median_ms(ours), median_ms(bare));
    figures.tell("start_to_syn", ours, "ms");
    figures.tell("floor_start_to_syn", bare, "ms");
    figures.tell("start_to_syn_to_floor", ours / bare, "ratio");
}

/// A program that has just connected. It is killed when this is dropped.
struct Started {
    child: Child,
    to_syn: Duration,
    _listener: TcpListener,
}

impl Started {
    fn run(program: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let mut command = Command::new(program);
        command.arg(port.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let begin = Instant::now();
        let child = command.spawn().expect("it was built");
        listener.accept().expect("it connects");
        Started {
            to_syn: begin.elapsed(),
            child,
            _listener: listener,
        }
    }

    /// Counts the threads, without the workers of the app's runtime.
    fn threads(&mut self) -> f64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).expect("Linux lists threads");
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
        let names = tasks.flatten().filter_map(name);
        names.filter(|name| !name.starts_with("tokio-")).count() as f64
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
