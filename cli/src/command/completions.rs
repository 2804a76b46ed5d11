//! Completions for shells, and manual pages: both from the one definition of the command line.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Exit;
use crate::render;

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nixfleet", &mut script);
    render::out(&String::from_utf8_lossy(&script));
    Exit::Good
}

/// Writes a manual page for each subcommand.
///
/// # Errors
/// The directory cannot be written.
pub fn man(directory: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    Ok(Exit::Good)
}
