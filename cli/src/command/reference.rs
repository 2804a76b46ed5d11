//! The reference pages about the command line, the errors and the events. They are generated from the
//! definitions in the code.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use nixfleet_contract::problem::Code;

use super::completions::unwritten;
use crate::args::Cli;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event;
use nixfleet_operator::stop::Stop;

/// The command that generates the pages when it is run in the root of the repository.
const WRITTEN_BY: &str = "cargo run -p nixfleet -- docs";

/// Writes all reference pages to a directory.
///
/// # Errors
/// The directory cannot be written.
pub fn write(directory: &Path) -> Result<Exit, Stop> {
    let write = |pages: [(&str, String); 4]| -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        pages.into_iter().try_for_each(|(name, text)| std::fs::write(directory.join(name), text))
    };
    write(pages().map_err(Stop::bug)?).map_err(|error| unwritten(directory, &error))?;
    Ok(Exit::Good)
}

/// Returns the file name and the text of each reference page.
fn pages() -> anyhow::Result<[(&'static str, String); 4]> {
    Ok([
        ("cli.md", command_line()),
        ("errors.md", errors()),
        ("events.md", event::page(WRITTEN_BY)?),
        ("events.schema.json", event::schema()?),
    ])
}

fn command_line() -> String {
    let mut page = format!("# Command line\n\nWritten by `{WRITTEN_BY}`.\n");
    let mut root = Cli::command();
    root.build();
    let _ = writeln!(page, "\n{}", about(&root));
    if let Some(exit_codes) = root.get_after_long_help() {
        let _ = writeln!(page, "\n```text\n{exit_codes}\n```");
    }
    for command in subcommands(&root) {
        subcommand(&mut page, command.get_name(), command);
        for inner in subcommands(command) {
            subcommand(&mut page, &format!("{} {}", command.get_name(), inner.get_name()), inner);
        }
    }
    page
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|each| !each.is_hide_set() && each.get_name() != "help")
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn subcommand(page: &mut String, name: &str, command: &Command) {
    let mut usage = command.clone();
    let usage = usage.render_usage().to_string().replace("Usage: ", "");
    let _ = writeln!(page, "\n## nixfleet {name}\n\n{}\n\n```text\n{usage}\n```", about(command));
    if let Some(examples) = command.get_after_help() {
        let _ = writeln!(page, "\n```text\n{examples}\n```");
    }
    let mut headings: Vec<&str> = Vec::new();
    for argument in visible(command) {
        let heading = argument.get_help_heading().unwrap_or("Options");
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = writeln!(page, "\n{heading}:\n");
        for argument in
            visible(command).filter(|each| each.get_help_heading().unwrap_or("Options") == heading)
        {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(page, "- `{}`: {help}{}", spelling(argument), notes(argument));
        }
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_id() != "help")
}

/// Formats the names and values of an argument, such as `-y, --yes` or `--tag, --group <TAG>`.
fn spelling(argument: &Arg) -> String {
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long_and_visible_aliases().unwrap_or_default();
    let flags: Vec<String> = short.into_iter().chain(long.iter().map(|word| format!("--{word}"))).collect();
    let names = argument.get_value_names().unwrap_or_default();
    let takes_values = argument.get_action().takes_values();
    let values: Vec<String> = names.iter().filter(|_| takes_values).map(|name| format!("<{name}>")).collect();
    [flags.join(", "), values.join(" ")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn notes(argument: &Arg) -> String {
    let values = argument.get_default_values().iter().map(|value| value.to_string_lossy());
    let default: Vec<_> = values.filter(|_| argument.get_action().takes_values()).collect();
    let default =
        if default.is_empty() { String::new() } else { format!(" (default: `{}`)", default.join(" ")) };
    let variable = argument.get_env().map(|name| format!(" (environment: `{}`)", name.to_string_lossy()));
    format!("{default}{}", variable.unwrap_or_default())
}

fn errors() -> String {
    let mut page = format!(
        "# Errors\n\nWritten by `{WRITTEN_BY}`.\n\n\
         Each error states what happened and, if it is known, where, why, and what to do. Each error has a code, and the meaning of a code \
         never changes. Codes from 100 are about the command line and the inventory, codes from 200 about Nix, codes \
         from 300 about the connection to a host, and codes from 400 about the host itself. Missing numbers are not in use. [How a command ends]\
         (../how-to/command-line.md#how-a-command-ends) describes the outcomes of hosts.\n\n\
         If an error has a line `help:`, try that line first. The sections below list the usual causes of each code. \
         `nixfleet explain NF-402` prints a section on a terminal.\n\n\
         | code | meaning |\n| --- | --- |\n"
    );
    for code in Code::ALL {
        let anchor = code.as_str().to_lowercase();
        let _ = writeln!(page, "| [{code}](#{anchor}) | {} |", code.meaning());
    }
    for code in Code::ALL {
        let _ = write!(page, "\n{}", render::explanation_section(code));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text of a page in the repository.
    fn committed(page: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page);
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn the_committed_pages_are_what_the_definitions_say() {
        for (page, text) in pages().unwrap() {
            assert!(committed(page) == text, "docs/reference/{page} is out of date: {WRITTEN_BY}");
        }
    }
}
