//! What a host answers, and what of it reaches a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::answer;

fuzz_target!(|stdout: &[u8]| {
    answer::check(stdout);
});
