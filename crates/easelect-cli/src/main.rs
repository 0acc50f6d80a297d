//! The command `easelect`.

use std::process::ExitCode;

fn main() -> ExitCode {
    easelect_cli::main()
}
