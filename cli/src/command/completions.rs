//! Completions for shells, and manual pages: both from the one definition of the command line.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Exit;

/// Prints a completion script.
///
/// # Errors
/// Never, but for symmetry with the other subcommands.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    clap_complete::generate(shell, &mut Cli::command(), "nixfleet", &mut std::io::stdout());
    Ok(Exit::Good)
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
