//! Fuzzes the parser of answers from hosts, and the output of text from these answers on a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::answer;

fuzz_target!(|stdout: &[u8]| {
    answer::check(stdout);
});
