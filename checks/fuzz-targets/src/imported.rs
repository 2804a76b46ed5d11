//! Checks the importers for inventories of other tools. Each text must be imported or refused. No part of the
//! text may end a comment or a string of the fleet.nix early, and thus become Nix code.

use nixfleet::output_checks::check_lines;
use nixfleet::{imported, imported_apt};
use nixfleet_contract::problem::Problem;
use nixfleet_operator::import::{Draft, ansible, apt, render, ssh_config};

/// Checks the import of an inventory in Ansible's INI format.
///
/// # Panics
/// Panics if a check fails.
pub fn ansible_ini(text: &[u8]) {
    check(ansible::parse_ini(&String::from_utf8_lossy(text), "inventory"));
}

/// Checks the import of an SSH configuration.
///
/// # Panics
/// Panics if a check fails.
pub fn ssh_config(text: &[u8]) {
    check(ssh_config::parse(&String::from_utf8_lossy(text), "config"));
}

/// Checks the import of the answer of a host about apt.
///
/// # Panics
/// Panics if a check fails.
pub fn apt(text: &[u8]) {
    let draft = apt::AptDraft::of("web-1", &String::from_utf8_lossy(text));
    for line in imported_apt(&draft, None).lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let fields = ["types", "uris", "suites", "components", "architectures", "keyring", "packages", "release"];
    let others =
        ["origin = ", "version = ", "priority = ", "nixfleet.apt.", "nixfleet.absent.", "\"", "{", "}", "]"];
    let is_code: Vec<&str> = fields.into_iter().chain(others).collect();
    assert_code(&apt::render(&draft), &is_code);
}

fn check(draft: Result<Draft, Problem>) {
    let draft = match draft {
        Ok(draft) => draft,
        Err(problem) => {
            return check_lines(&format!("error: {}", nixfleet_operator::text::problem_text(&problem)));
        }
    };
    let begins = ["imported ", "not imported: the host ", "The comments that begin ", " "];
    for line in imported(&draft, None).lines() {
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let is_code = ["{", "}", "]", "defaults.", "hosts.", "addr = ", "ssh.", "system = ", "tags = ", "\""];
    assert_code(&render(&draft), &is_code);
}

/// Checks that each line of a Nix file is a comment or begins as code of this tool does.
fn assert_code(text: &str, is_code: &[&str]) {
    for line in text.lines() {
        let line = line.trim_start();
        assert!(
            line.is_empty() || line.starts_with('#') || is_code.iter().any(|begin| line.starts_with(begin)),
            "a line that is neither code of ours nor a comment: {line:?}"
        );
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
