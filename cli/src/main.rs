//! The `nixfleet` command: evaluates, builds, connects, orchestrates, shows. Hosts are changed only by their own
//! activator.

mod args;
mod command;
mod contents;
mod document;
mod exit;
mod flake;
mod interrupt;
mod inventory;
mod nix;
mod orchestrate;
mod process;
mod remote;
mod render;
mod saved;
mod ssh;
mod tip;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use nixfleet_activate::problem::{Code, Problem};

use args::Cli;
use command::Context;
use document::{Document, HostResult};
use exit::Exit;
use interrupt::Interrupt;

fn main() -> ExitCode {
    let words = words(std::env::args_os());
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match Cli::try_parse_from(&words) {
        Ok(cli) => run(&cli).into(),
        Err(error) if json && error.use_stderr() => {
            let why = error.render().to_string();
            let problem = Problem::new(Code::Usage, "the command line cannot be read").because(why.trim());
            report("", true, problem.into()).into()
        }
        Err(error) => {
            let error = tip::with(error);
            // A reader that went away is no reason to fail.
            let _ = error.print();
            if error.use_stderr() { Exit::Refused } else { Exit::Good }.into()
        }
    }
}

/// The command line, where a program called `nixfleet-apply` is `nixfleet apply`.
fn words(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = given.collect();
    let name =
        words.first().and_then(|word| Path::new(word).file_name()?.to_str()?.strip_prefix("nixfleet-"));
    if let Some(subcommand) = name.map(OsString::from) {
        words.splice(..1, ["nixfleet".into(), subcommand]);
    }
    words
}

fn run(cli: &Cli) -> Exit {
    let name = cli.command.name();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(name, cli.output.json, error.into()),
    };
    let interrupt = Interrupt::default();
    let context = Context::new(name, cli.output, interrupt.clone());
    let result = runtime.block_on(async {
        tokio::select! {
            result = command::execute(&cli.command, &context) => result,
            () = interrupt.leave() => Err(interrupted(&interrupt)),
        }
    });
    // Whatever still runs is ended with the runtime; a question that nobody answered must not hold it up.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit,
        Err(error) if interrupt.is_wanted() => {
            report(name, cli.output.json, error);
            Exit::Interrupted
        }
        Err(error) => report(name, cli.output.json, error),
    }
}

/// Why a command that was left at once has no result.
fn interrupted(interrupt: &Interrupt) -> anyhow::Error {
    let why = if interrupt.finds_hosts_changing() {
        "hosts that were being changed go on by themselves; all others are as they were"
    } else {
        "no host was changed"
    };
    // The terminal has just shown ^C, with no line end.
    render::err("");
    Problem::new(Code::Usage, "interrupted").because(why).into()
}

/// Says why a command came to no host. Only a bug shows more than a problem.
fn report(command: &'static str, json: bool, error: anyhow::Error) -> Exit {
    match error.downcast::<Problem>() {
        Ok(problem) if json => {
            if let Err(error) = command::print_json(&Document::<HostResult>::failed(command, problem)) {
                render::err(format_args!("error: {error}"));
            }
        }
        Ok(problem) => render::err(format_args!("error: {}", render::clean(&problem.to_string()))),
        Err(bug) => render::err(format_args!("error: this is a bug in nixfleet: {bug:?}")),
    }
    Exit::Refused
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_program_named_after_a_subcommand_is_that_subcommand() {
        let words = |line: &str| words(line.split(' ').map(OsString::from)).join(" ".as_ref());
        assert_eq!(words("/nix/store/x/bin/nixfleet-apply --yes"), "nixfleet apply --yes");
        assert_eq!(words("/usr/bin/nixfleet apply"), "/usr/bin/nixfleet apply");
    }
}
