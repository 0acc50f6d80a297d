//! Which Easemob (环信) endpoint is fastest from here, and why the others are not.
//!
//! `cargo run --example diagnose -- --help` tells everything; `--lab` works offline. It is the
//! command `easelect` of `crates/easelect-cli`, which installs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    easelect_cli::diagnose_main()
}
