//! Shell completions and manual pages, which are generated from the definition of the command line.

use std::path::Path;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::stop::Stop;

use crate::args;
use crate::completion::{OnDisk, candidates, script};
use crate::exit::Exit;
use crate::render;

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    if let Some(script) = script(shell) {
        render::out(script);
        return Exit::Good;
    }
    // The generated scripts for other shells complete flags and subcommands, but not the names of hosts.
    let mut generated = Vec::new();
    clap_complete::generate(shell, &mut args::visible(), "nixfleet", &mut generated);
    render::out(&String::from_utf8_lossy(&generated));
    Exit::Good
}

/// Prints the possible completions of the last word in `words`. Errors are ignored, since a message would
/// disturb the user who is typing.
pub fn complete(words: &[String]) -> Exit {
    let here = std::env::current_dir().unwrap_or_default();
    let found = candidates(args::visible(), words, &OnDisk::of(words, &here));
    let lines: Vec<String> = found.iter().map(|candidate| format!("{candidate}\n")).collect();
    render::out(&lines.concat());
    Exit::Good
}

/// Writes one manual page for each subcommand.
///
/// # Errors
/// The directory cannot be written.
pub fn man(directory: &Path) -> Result<Exit, Stop> {
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(args::visible(), directory));
    written.map_err(|error| unwritten(directory, &error))?;
    Ok(Exit::Good)
}

/// Returns the problem to report if manual or reference pages cannot be written.
pub fn unwritten(directory: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::Usage, "the manual or reference pages cannot be written")
        .at(directory.display())
        .because(error)
}
