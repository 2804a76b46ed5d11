//! The fuzz targets. Each target passes an input to a parser or to code that prints text, and checks the
//! result.
//!
//! The tests of this crate run each target with mutated seeds. The programs in `fuzz/` run the targets under
//! libFuzzer.

// The checks panic when they fail, as in a test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answer;
mod imported;
mod shown;

use nixfleet_activate::document_checks;

/// A fuzz target: a check that is run with many different inputs.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// The name of the target. The folder with its seeds and its program in `fuzz/` have the same name.
    pub name: &'static str,
    /// Runs the target with an input. It panics if a check fails.
    pub check: fn(&[u8]),
}

/// All fuzz targets.
pub const TARGETS: [FuzzTarget; 9] = [
    // Tests the parser of manifests, which operators send to hosts.
    FuzzTarget { name: "manifest", check: |document| _ = document_checks::manifest(document) },
    // Tests the parser of intents, and the builder that makes manifests from intents.
    FuzzTarget { name: "intent", check: |document| _ = document_checks::intent(document) },
    // Tests the parser of recorded states, which may be damaged on disk.
    FuzzTarget { name: "state", check: |document| _ = document_checks::state(document) },
    // Tests the parser of journals, which may be damaged on disk.
    FuzzTarget { name: "journal", check: |document| _ = document_checks::journal(document) },
    // Tests the parser of answers from hosts. It tests too that text from these answers cannot control the
    // terminal.
    FuzzTarget { name: "answer", check: answer::check },
    // Tests what each command prints for answers from hosts.
    FuzzTarget { name: "shown", check: shown::check },
    // Tests the importer of Ansible's inventories, and the fleet.nix that it writes.
    FuzzTarget { name: "ansible_ini", check: imported::ansible_ini },
    // Tests the importer of SSH configurations, and the fleet.nix that it writes.
    FuzzTarget { name: "ssh_config", check: imported::ssh_config },
    // Tests the import of apt from a host, and the module that it writes.
    FuzzTarget { name: "import_apt", check: imported::apt },
];

/// Runs the target with the given name on an input.
///
/// # Panics
/// Panics if a check fails, or if there is no such target.
pub fn check(name: &str, input: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.check)(input),
        None => panic!("no fuzz target has the name {name}"),
    }
}
