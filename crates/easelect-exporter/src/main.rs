//! The program `easelect-exporter`; everything it does is in the library half, `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    easelect_exporter::main()
}
