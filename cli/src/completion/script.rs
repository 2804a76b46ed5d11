//! The scripts that shells read: each asks the program itself what a word can become.

use clap_complete::Shell;

/// The script of a shell, if there is one of ours.
pub const fn script(shell: Shell) -> Option<&'static str> {
    match shell {
        Shell::Bash => Some(include_str!("scripts/nixfleet.bash")),
        Shell::Zsh => Some(include_str!("scripts/nixfleet.zsh")),
        Shell::Fish => Some(include_str!("scripts/nixfleet.fish")),
        _ => None,
    }
}
