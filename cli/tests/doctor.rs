//! Tests of `nixfleet doctor` on the operator's machine, with replacements of its programs.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;
use tempfile::TempDir;

/// Programs of a machine that is as it should be, each with its script.
const PROGRAMS: [(&str, &str); 4] = [
    ("nix", "case $* in --version) echo 'nix (Nix) 2.26.3' ;; *eval*getFlake*) echo true ;; esac"),
    ("ssh", "echo 'OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.15' >&2"),
    ("ssh-add", "echo 'The agent has no identities.'; exit 1"),
    ("git", "echo git version 2.39.5"),
];

/// Creates a machine with a home that has a key, and the directory of its programs.
fn machine() -> TempDir {
    let machine = tempfile::tempdir().unwrap();
    let directory = machine.path();
    fs::write(directory.join("flake.nix"), "{ }").unwrap();
    fs::create_dir_all(directory.join("home/.ssh")).unwrap();
    fs::write(directory.join("home/.ssh/id_ed25519"), "").unwrap();
    fs::create_dir(directory.join("bin")).unwrap();
    for (name, script) in PROGRAMS {
        program(directory, name, script);
    }
    machine
}

fn program(machine: &Path, name: &str, script: &str) {
    let path = machine.join("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the findings about a machine, except for the fleet, one line each.
fn findings(machine: &Path) -> String {
    let mut command = cargo_bin_cmd!("nixfleet");
    command
        .current_dir(machine)
        .env_remove("NIXFLEET_FLAKE")
        .env_remove("NIXFLEET_LOG")
        .env("NIXFLEET_STATE", machine.join("state"))
        .env("HOME", machine.join("home"))
        .env("PATH", machine.join("bin"))
        .args(["doctor", "--json"]);
    let output = command.assert().code(1).get_output().clone();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let line = |it: &Value| {
        let [check, verdict, what, help] = ["check", "verdict", "what", "help"].map(|field| text(it, field));
        format!("{check}: {verdict}: {what} -> {help}\n")
    };
    let machine = document["machine"].as_array().unwrap();
    machine.iter().filter(|finding| finding["check"] != "fleet").map(line).collect()
}

#[test]
fn a_machine_with_all_programs_has_only_good_findings() {
    let machine = machine();
    let found = findings(machine.path());
    for good in ["nix: good: Nix 2.26.3", "ssh: good: OpenSSH 9.2p1", "keys: good: ~/.ssh/id_ed25519"] {
        assert!(found.contains(good), "{good}\n{found}");
    }
    for good in ["features: good: ", "git: good: 2.39.5", "records: good: "] {
        assert!(found.contains(good), "{good}\n{found}");
    }
    assert!(!found.contains(": bad: ") && !found.contains(": warning: "), "{found}");
}

#[test]
fn each_missing_program_is_found_with_its_remedy() {
    for (name, finding) in [
        ("nix", "nix: bad: this machine has no nix -> install Nix"),
        ("ssh", "ssh: bad: this machine has no ssh -> install the OpenSSH client"),
        (
            "git",
            "git: warning: this machine has no git, which Nix needs for a flake in a Git repository -> install git",
        ),
    ] {
        let machine = machine();
        fs::remove_file(machine.path().join("bin").join(name)).unwrap();
        let found = findings(machine.path());
        assert!(found.contains(finding), "{finding}\n{found}");
    }
}

#[test]
fn old_programs_and_programs_that_fail_are_found_with_their_remedies() {
    let version = "case $* in --version) echo 'nix (Nix) 2.26.3' ;;";
    for (name, script, sayings) in [
        (
            "nix",
            "echo 'nix (Nix) 2.8.0'".to_owned(),
            ["nix: bad: Nix 2.8.0 is too old", "-> install a newer Nix"],
        ),
        (
            "nix",
            format!(
                "{version} *ping*) echo 'error: cannot connect to socket' >&2; exit 1 ;; *) echo true ;; esac"
            ),
            [
                "nix: bad: Nix does not work: error: cannot connect to socket",
                "sudo usermod --append --groups nix-users",
            ],
        ),
        (
            "nix",
            format!("{version} *eval*) echo 'error: feature disabled' >&2; exit 1 ;; esac"),
            ["features: warning: nix-command or flakes are not enabled", "-> mkdir -p ~/.config/nix && echo"],
        ),
        (
            "ssh",
            "echo 'OpenSSH_8.3p1, OpenSSL 1.1.1' >&2".to_owned(),
            [
                "ssh: warning: OpenSSH 8.3p1: `bootstrap --ask-password` needs 8.4",
                "-> install a newer OpenSSH client",
            ],
        ),
    ] {
        let machine = machine();
        program(machine.path(), name, &script);
        let found = findings(machine.path());
        for saying in sayings {
            assert!(found.contains(saying), "{saying}\n{found}");
        }
    }
}

#[test]
fn a_key_may_be_in_the_agent_or_in_the_home() {
    let machine = machine();
    fs::remove_file(machine.path().join("home/.ssh/id_ed25519")).unwrap();
    let found = findings(machine.path());
    assert!(found.contains("keys: warning: there is no key in the agent"), "{found}");
    assert!(found.contains("-> ssh-keygen -t ed25519; or name a key"), "{found}");
    program(machine.path(), "ssh-add", "echo '256 SHA256:x ada (ED25519)'");
    let found = findings(machine.path());
    assert!(found.contains("keys: good: the agent has 1 keys"), "{found}");
}

#[test]
fn records_that_cannot_be_written_are_found() {
    let machine = machine();
    fs::write(machine.path().join("state"), "").unwrap();
    let found = findings(machine.path());
    assert!(found.contains("records: bad: "), "{found}");
}
