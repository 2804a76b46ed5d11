//! Completions for shells, and manual pages: all from the one definition of the command line.

use std::path::Path;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::stop::Stop;

use crate::args;
use crate::completion::{OnDisk, candidates, script};
use crate::exit::Exit;
use crate::render;

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    if let Some(script) = script(shell) {
        render::out(script);
        return Exit::Good;
    }
    // The others know flags and subcommands, and no names.
    let mut generated = Vec::new();
    clap_complete::generate(shell, &mut args::visible(), "nixfleet", &mut generated);
    render::out(&String::from_utf8_lossy(&generated));
    Exit::Good
}

/// Prints what the last of the words can become. Never fails: somebody is typing.
pub fn complete(words: &[String]) -> Exit {
    let here = std::env::current_dir().unwrap_or_default();
    let found = candidates(args::visible(), words, &OnDisk::of(words, &here));
    let lines: Vec<String> = found.iter().map(|candidate| format!("{candidate}\n")).collect();
    render::out(&lines.concat());
    Exit::Good
}

/// Writes a manual page for each subcommand.
///
/// # Errors
/// The directory cannot be written.
pub fn man(directory: &Path) -> Result<Exit, Stop> {
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(args::visible(), directory));
    written.map_err(|error| unwritten(directory, &error))?;
    Ok(Exit::Good)
}

/// Why pages are not written.
pub fn unwritten(directory: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::Usage, "the pages cannot be written").at(directory.display()).because(error)
}
