//! Tests of diagnostics, which are printed on standard error if requested and contain no secrets.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;
use tempfile::TempDir;

/// A secret that must never be printed.
const SECRET: &str = "hunter2";

/// Creates a directory that contains a flake, and a program `nix` that fails.
fn fleet() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("flake.nix"), "{ }").unwrap();
    let nix = directory.path().join("nix");
    fs::write(&nix, "#!/bin/sh\nexit 3\n").unwrap();
    fs::set_permissions(nix, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn nixfleet(directory: &Path, line: &str) -> Command {
    let mut command = cargo_bin_cmd!("nixfleet");
    command
        .current_dir(directory)
        .env_remove("NIXFLEET_FLAKE")
        .env_remove("NIXFLEET_LOG")
        .env_remove("NIXFLEET_LOG_FORMAT")
        .env("NIXFLEET_STATE", directory.join("state"))
        .env("PATH", directory)
        .args(line.split_whitespace())
        .args(["--option", "access-tokens", &format!("github.com={SECRET}")]);
    command
}

/// Runs a command that must exit with code 1, and returns its standard output and standard error.
fn said(mut command: Command) -> (String, String) {
    let output = command.assert().code(1).get_output().clone();
    let said = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!said.0.contains(SECRET) && !said.1.contains(SECRET), "{said:?}");
    said
}

/// The start of the diagnostic line that reports that the `nix` program ended.
const PROCESS: &str = "DEBUG nixfleet::process: process ended command=\"nix ";

#[test]
fn programs_are_told_with_two_v_and_not_with_one() {
    let fleet = fleet();
    let (_, once) = said(nixfleet(fleet.path(), "hosts -v"));
    assert!(!once.contains("nixfleet::"), "{once}");
    let (stdout, twice) = said(nixfleet(fleet.path(), "hosts -vv"));
    assert_eq!(stdout, "");
    let line = twice.lines().find(|line| line.contains(PROCESS)).unwrap();
    assert!(line.contains("--option access-tokens …") && line.ends_with("exit=3"), "{line}");
    assert!(!twice.contains('\u{1b}'), "{twice}");
}

#[test]
fn the_environment_says_which_events_are_told() {
    let fleet = fleet();
    let with = |filter: &str, line: &str| {
        let mut command = nixfleet(fleet.path(), line);
        command.env("NIXFLEET_LOG", filter);
        said(command).1
    };
    assert!(with("debug", "hosts").contains(PROCESS));
    assert!(with("", "hosts -vv").contains(PROCESS), "an empty variable says nothing");
    assert!(!with("off", "hosts -vvv").contains("nixfleet::"));
    let some = with("nixfleet::process=debug", "hosts");
    assert!(some.contains(PROCESS) && !some.contains("nixfleet::step"), "{some}");
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_one_that_can() {
    let fleet = fleet();
    let with = |name: &str, value: &str| {
        let mut command = nixfleet(fleet.path(), "hosts");
        command.env(name, value);
        said(command).1
    };
    expect_test::expect![[r#"
        error: [NF-101] the value of NIXFLEET_LOG is not valid
          why: `dbug` is not a level
          help: set it to off, error, warn, info, debug or trace, or to a list of TARGET=LEVEL: NIXFLEET_LOG=debug, NIXFLEET_LOG=nixfleet::ssh=trace,info
    "#]]
    .assert_eq(&with("NIXFLEET_LOG", "dbug"));
    expect_test::expect![[r#"
        error: [NF-101] the value of NIXFLEET_LOG_FORMAT is not valid
          why: `xml` is neither text nor json
          help: set it to text or json: NIXFLEET_LOG_FORMAT=json
    "#]]
    .assert_eq(&with("NIXFLEET_LOG_FORMAT", "xml"));
}

#[test]
fn as_json_each_event_is_an_object_on_a_line_and_standard_output_stays_one_document() {
    let fleet = fleet();
    let mut command = nixfleet(fleet.path(), "hosts --json -vv");
    command.env("NIXFLEET_LOG_FORMAT", "json");
    let (stdout, stderr) = said(command);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["command"], "hosts");
    let events: Vec<Value> = stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let process = events.iter().find(|event| event["target"] == "nixfleet::process").unwrap();
    assert_eq!((&process["message"], &process["exit"]), (&"process ended".into(), &3.into()));
}
