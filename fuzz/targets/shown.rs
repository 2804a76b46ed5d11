//! Fuzzes the output of each command for answers from hosts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::shown;

fuzz_target!(|stdout: &[u8]| {
    shown::check(stdout);
});
