//! The completion scripts for shells. A script calls this program to complete a word.

use clap_complete::Shell;

/// Returns the hand-written completion script for a shell, if there is one.
pub const fn script(shell: Shell) -> Option<&'static str> {
    match shell {
        Shell::Bash => Some(include_str!("scripts/nixfleet.bash")),
        Shell::Zsh => Some(include_str!("scripts/nixfleet.zsh")),
        Shell::Fish => Some(include_str!("scripts/nixfleet.fish")),
        _ => None,
    }
}
