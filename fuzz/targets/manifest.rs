//! Fuzzes the parser of manifests, which operators send to hosts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixfleet_fuzz::harmless;

fuzz_target!(|document: &[u8]| {
    harmless::manifest(document);
});
