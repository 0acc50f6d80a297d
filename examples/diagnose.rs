//! Measures which Easemob (环信) endpoint is fastest from this computer, and explains why the others
//! are not. This is the command `easelect` of `crates/easelect-cli`, without its subcommands.
//!
//! ```text
//! cargo run --example diagnose -- --help     # the options
//! cargo run --example diagnose -- --lab      # offline, in a simulated network
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    easelect_cli::diagnose_main()
}
