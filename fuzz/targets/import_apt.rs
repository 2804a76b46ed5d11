//! Fuzzes the target `import_apt` of `checks/fuzz-targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nixfleet_fuzz_targets::check(env!("CARGO_BIN_NAME"), input));
