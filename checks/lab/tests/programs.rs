//! Tests the released programs: each is one small file that runs on any host.

use nixfleet_lab::binaries::Binaries;
use nixfleet_lab::command::Program;

#[test]
fn the_activator_runs_where_nothing_else_is_installed_and_is_under_4_mb() {
    let activator = Binaries::build().unwrap().activate();
    let bytes = std::fs::read(&activator).unwrap();
    let fault = b"NIXFLEET_FAULT";
    assert!(!bytes.windows(fault.len()).any(|window| window == fault), "nobody can make a shipped one fail");
    assert!(activator.metadata().unwrap().len() < 4_000_000, "{} has grown", activator.display());
    let empty = tempfile::tempdir().unwrap();
    std::fs::copy(&activator, empty.path().join("nixfleet-activate")).unwrap();

    let root = empty.path().to_str().unwrap();
    let asked = Program::new("chroot").args([root, "/nixfleet-activate", "--version"]).run().unwrap();

    assert!(asked.success().unwrap().stdout.starts_with("nixfleet-activate "));
}
