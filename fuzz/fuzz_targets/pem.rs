#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| easelect_cli::fuzzing::pem(data));
