//! Fuzzes the parser of intents, and the builder that makes manifests from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::harmless;

fuzz_target!(|document: &[u8]| {
    harmless::intent(document);
});
