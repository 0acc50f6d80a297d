//! The program; its library half is in `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    easelect_exporter::main()
}
