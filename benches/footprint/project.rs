//! The measured programs, as a separate workspace in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::measure::children;

const HELLO: &str = include_str!("hello.rs");
const REST: &str = include_str!("rest.rs");
const FLOOR: &str = include_str!("floor.rs");

const WORKSPACE: &str = r#"[workspace]
members = ["hello", "rest", "floor"]
resolver = "3"

[profile.release]
strip = true

[profile.small]
inherits = "release"
opt-level = "z"
lto = true
codegen-units = 1
panic = "abort"
"#;

/// The runtime of all programs, for `#[tokio::main]`.
const TOKIO: &str = r#"tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "macros", "net"] }
"#;

const FLOORS: &str = r#"tokio-rustls = { version = "0.26", default-features = false, features = ["ring", "tls12"] }
tokio-tungstenite = { version = "0.30", default-features = false, features = ["handshake"] }
rustls-platform-verifier = "0.7"
"#;

/// A build profile.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// `cargo build --release`, stripped.
    Release,
    /// Optimized for size.
    Small,
}

/// A program, and the time to build it.
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

pub(crate) struct Project {
    folder: PathBuf,
}

impl Project {
    /// Creates the workspace, with the versions of easelect's own `Cargo.lock`.
    pub(crate) fn create() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("footprint");
        let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
        let easelect = format!("easelect = {{ path = {:?} }}\n", ours.display().to_string());
        write(&folder.join("Cargo.toml"), WORKSPACE);
        let lock = fs::read(ours.join("Cargo.lock")).expect("it is checked in");
        fs::write(folder.join("Cargo.lock"), lock).expect("the target folder can be written");
        for (name, source, dependencies) in [
            ("hello", HELLO, easelect.as_str()),
            ("rest", REST, easelect.as_str()),
            ("floor", FLOOR, FLOORS),
        ] {
            let manifest = format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{TOKIO}{dependencies}"
            );
            write(&folder.join(name).join("Cargo.toml"), &manifest);
            write(&folder.join(name).join("src/main.rs"), source);
        }
        Project { folder }
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Deletes earlier builds, for a cold build.
    pub(crate) fn clean(&self) {
        // There may be none.
        let _ = fs::remove_dir_all(self.target());
    }

    pub(crate) fn build(&self, name: &str, profile: Profile) -> Built {
        let profile = match profile {
            Profile::Release => "release",
            Profile::Small => "small",
        };
        let (begin, before) = (Instant::now(), children().0);
        let status = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "--package", name])
            .args(["--profile", profile, "--target-dir"])
            .arg(self.target())
            .current_dir(&self.folder)
            // The bench's own flags are not the app's.
            .env_remove("RUSTFLAGS")
            .status()
            .expect("cargo runs");
        assert!(status.success(), "{name} was not built");
        Built {
            program: self.target().join(profile).join(name),
            wall: begin.elapsed(),
            cpu: children().0 - before,
        }
    }
}

/// Writes a file unless it has the same content, so that cargo doesn't rebuild.
fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("the target folder can be written");
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::write(path, text).expect("the target folder can be written");
}
