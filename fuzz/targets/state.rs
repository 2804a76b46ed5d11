//! Fuzzes the parser of recorded states, which may be damaged on disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::harmless;

fuzz_target!(|document: &[u8]| {
    harmless::state(document);
});
