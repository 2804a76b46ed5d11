//! Checks the importers for inventories of other tools. Each text must be imported or refused. No part of the
//! text may end a comment or a string of the fleet.nix early, and thus become Nix code.

use nixfleet::imported;
use nixfleet_contract::problem::Problem;
use nixfleet_operator::import::{Draft, ansible, render, ssh_config};

use crate::held::hold;

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

fn check(draft: Result<Draft, Problem>) {
    let draft = match draft {
        Ok(draft) => draft,
        Err(problem) => return hold(&format!("error: {}", nixfleet_operator::text::problem_text(&problem))),
    };
    let begins = ["imported ", "not imported: the host ", "The comments that begin ", " "];
    for line in imported(&draft, None).lines() {
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    for line in render(&draft).lines() {
        let line = line.trim_start();
        let is_code = ["{", "}", "]", "defaults.", "hosts.", "addr = ", "ssh.", "system = ", "tags = ", "\""];
        assert!(
            line.is_empty() || line.starts_with('#') || is_code.iter().any(|begin| line.starts_with(begin)),
            "a line that is neither code of ours nor a comment: {line:?}"
        );
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
