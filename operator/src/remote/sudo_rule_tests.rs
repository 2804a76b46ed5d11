//! Tests of the file with the rule of sudo that a bootstrap writes.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Runs a script that may call the functions for the rule of sudo, for the user and the record of a
/// bootstrap.
fn says(user: &str, record: &Path, script: &str) -> String {
    let functions = include_str!("scripts/bootstrap/sudo.sh");
    let script = format!("set -u\nuser=$1 record=$2\n{functions}\n{script}");
    let mut sh = Command::new("sh");
    let output = sh.args(["-c", &script, "sh", user]).arg(record).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Creates the record of a bootstrap whose step `sudo` wrote this file.
fn record(file: Option<&Path>) -> TempDir {
    let record = TempDir::new().unwrap();
    let here = record.path().join("undo/sudo");
    fs::create_dir_all(&here).unwrap();
    if let Some(file) = file {
        fs::write(here.join("file"), format!("{}\n", file.display())).unwrap();
    }
    record
}

#[test]
fn two_users_have_two_files_and_sudo_reads_each() {
    let record = record(None);
    let file = |user: &str| says(user, record.path(), "rule_file");
    assert_eq!(file("deploy"), "/etc/sudoers.d/nixfleet-deploy");
    let names = ["a.b", "a_b", "a-b", "a%2eb", "a%252eb", "a2eb", "a..b", "a._b"].map(file);
    for (number, name) in names.iter().enumerate() {
        assert!(!name.trim_start_matches("/etc/sudoers.d/").contains('.'), "{name}");
        assert!(!names[..number].contains(name), "{name}");
    }
}

#[test]
fn an_undo_removes_the_file_of_its_own_user_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nixfleet-a_b");
    let record = record(Some(&file));
    let undo = |user: &str| {
        fs::write(&file, "a.b ALL=(ALL:ALL) NOPASSWD: ALL\n").unwrap();
        says(user, record.path(), "undo_sudo");
        file.exists()
    };
    assert!(undo("a_b") && undo("aab") && undo("a"));
    assert!(!undo("a.b"));
    // An earlier version did not record the name of its file.
    let earlier = self::record(None);
    assert_eq!(says("a.b", earlier.path(), "rule_in_record"), "/etc/sudoers.d/nixfleet-a_b");
}
