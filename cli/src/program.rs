//! One run of the `nixfleet` program, from the command line to the exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use nixfleet_contract::problem::{Code, Problem};

use crate::args::{self, Cli, Command, OutputArgs};
use crate::command::{self, Context};
use crate::diagnostics::Diagnostics;
use crate::document::Document;
use crate::exit::Exit;
use crate::render::Progress;
use crate::{render, tip};
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::event::{Bus, EventKind, Lines};
use nixfleet_operator::health;
use nixfleet_operator::history::Writer;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::interrupt::{ChangeProgress, Interrupt};
use nixfleet_operator::nix::Show;
use nixfleet_operator::operation;
use nixfleet_operator::process;
use nixfleet_operator::state::StateDir;
use nixfleet_operator::stop::Stop;

/// The message for a user who interrupts the program while notifications are being sent.
const NOT_TOLD: &str = "\ninterrupted after all work was done; some notifications may not have been sent";

/// How long the program waits at most before it exits, so that cancelled tasks can end.
const MOMENT: Duration = Duration::from_millis(500);

/// How long the program waits at most for cancelled health checks. On a busy machine, they need longer than
/// [`MOMENT`] to kill their commands.
const CANCELLED: Duration = Duration::from_secs(5);

/// Runs the program with a command line. The first word is the name of the program.
pub fn run(given: impl Iterator<Item = OsString>) -> ExitCode {
    let words = words(given);
    let asks = |flag: &str| words.iter().take_while(|word| *word != "--").any(|word| word == flag);
    let output = OutputArgs { json: asks("--json"), events: asks("--events"), verbosity: 0 };
    match Cli::try_parse_from(&words) {
        Ok(cli) => execute(&cli, args::shown(&words)).into(),
        Err(error) if output.is_for_programs() && error.use_stderr() => {
            let why = error.render().to_string();
            let problem = Problem::new(Code::Usage, "the command line cannot be read").because(why.trim());
            ended("", output, &bus(output), Instant::now(), Err(problem.into()), false).into()
        }
        Err(error) => {
            let error = tip::with(error);
            // If the text cannot be printed, for example because standard output is closed, the exit code
            // stays the same.
            let _ = error.print();
            if error.use_stderr() { Exit::Refused } else { Exit::Good }.into()
        }
    }
}

/// Returns the words of the command line, with the subcommand first. If the program is called
/// `nixfleet-apply`, the first two words are `nixfleet apply`.
fn words(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = given.collect();
    let name =
        words.first().and_then(|word| Path::new(word).file_name()?.to_str()?.strip_prefix("nixfleet-"));
    if let Some(subcommand) = name.map(OsString::from) {
        words.splice(..1, ["nixfleet".into(), subcommand]);
    }
    args::subcommand_first(words)
}

fn execute(cli: &Cli, arguments: Vec<String>) -> Exit {
    process::allow_files();
    let (name, began, events) = (cli.command.name(), Instant::now(), bus(cli.output));
    let diagnostics = match diagnostics(cli) {
        Ok(diagnostics) => diagnostics,
        Err(problem) => return ended(name, cli.output, &events, began, Err(problem.into()), false),
    };
    let id = RolloutId::draw();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(name, cli.output, &events, began, Err(Stop::bug(error)), false),
    };
    if cli.command.is_recorded() {
        record_history(&events);
    }
    let interrupt = Interrupt::default();
    let progress = Progress::new();
    events.subscribe(progress.clone());
    let operation = operation::Context {
        id: id.clone(),
        command: name,
        interrupt: interrupt.clone(),
        events: events.clone(),
        show: shows(progress.clone()),
    };
    let context =
        Context::new(operation, cli.output, progress).failing_deferred(cli.command.fails_deferred());
    if let Some(diagnostics) = diagnostics {
        diagnostics.begin(context.progress().clone());
    }
    let result = runtime.block_on(async {
        let (command, operator) = (name.to_owned(), nixfleet_operator::identity::operator());
        events.say(EventKind::CommandBegan { id, command, arguments, operator });
        let result = tokio::select! {
            result = command::execute(&cli.command, &context) => result,
            () = interrupt.leave() => return Err(interrupted(name, &interrupt)),
        };
        // Event listeners may be slow, for example when they send notifications. The user can stop this wait
        // with Ctrl-C.
        tokio::select! {
            () = events.settle() => {}
            () = interrupt.again() => render::err(NOT_TOLD),
        }
        result
    });
    let exit = ended(name, cli.output, &events, began, result, interrupt.is_requested());
    runtime.block_on(async {
        tokio::select! {
            failures = events.finish() => {
                for failure in failures {
                    render::err(format_args!("warning: {failure}"));
                }
            }
            () = interrupt.again() => {}
        }
    });
    // Tasks that are still running are cancelled. The time limit is needed if the user left without answering
    // a question, because reading the answer cannot be cancelled and would block the exit.
    runtime.shutdown_timeout(MOMENT);
    health::wait_until_ended(CANCELLED);
    exit
}

/// Returns a callback that prints a line of Nix's output without disturbing the live view.
fn shows(progress: Progress) -> Show {
    Arc::new(move |line: &str| progress.suspend(|| render::err(line)))
}

/// Returns the diagnostics that the user requested. The completion command never prints diagnostics, since
/// they would disturb the line that the user is typing.
fn diagnostics(cli: &Cli) -> Result<Option<Diagnostics>, Problem> {
    match cli.command {
        Command::Complete { .. } => Ok(None),
        _ => Diagnostics::wanted(cli.output.verbosity),
    }
}

/// Creates the event bus. With `--events`, adds the listener that prints each event as JSON.
fn bus(output: OutputArgs) -> Bus {
    let bus = Bus::default();
    if output.events {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        bus.subscribe(Lines::new(stdout, is_terminal));
    }
    bus
}

/// Records the events of the command in the history. A failure is reported, but does not stop the command.
fn record_history(events: &Bus) {
    match StateDir::find().map_err(Into::into).and_then(Writer::begin) {
        Ok(writer) => events.subscribe(writer),
        Err(error) => render::err(format_args!("warning: this command is missing from the history: {error}")),
    }
}

/// Returns the error for a command that the user ended at once, without waiting for hosts. The error says
/// whether no host was changed, some hosts are still being changed, or all hosts that had started are done.
fn interrupted(name: &str, interrupt: &Interrupt) -> Stop {
    let problem = Problem::new(Code::Usage, "nixfleet was interrupted");
    match interrupt.hosts() {
        ChangeProgress::Untouched => problem.because("no host was changed"),
        ChangeProgress::Changing if name == "run" => problem
            .because("the remote command continues on the hosts where it had started")
            .help("find the remote command on the hosts: nixfleet run -- pgrep -af WORD"),
        ChangeProgress::Changing => problem
            .because("hosts that had started to change continue by themselves; no other host was changed")
            .help("check the state of the hosts: nixfleet status"),
        ChangeProgress::Done => problem
            .because("every host that had started has ended; only the rest of the output is missing")
            .help("show how these hosts ended: nixfleet history show last"),
    }
    .into()
}

/// Reports the end of a command, prints the problem or bug that ended it, if any, and returns the exit code.
fn ended(
    command: &'static str,
    output: OutputArgs,
    events: &Bus,
    began: Instant,
    result: Result<Exit, Stop>,
    interrupted: bool,
) -> Exit {
    let refused = if interrupted { Exit::Interrupted } else { Exit::Refused };
    let (exit, problem, bug) = match result {
        Ok(exit) => (exit, None, None),
        Err(Stop::Problem(problem)) => (refused, Some(problem), None),
        Err(bug @ (Stop::Bug(_) | Stop::Hosts(_))) => (refused, None, Some(bug)),
    };
    let exit = match (render::lost(), exit) {
        (Some(why), Exit::Good | Exit::Changes) => {
            render::err(format_args!("error: standard output is not complete: {why}"));
            Exit::HostFailed
        }
        (_, exit) => exit,
    };
    let duration_ms = operation::context::milliseconds(began);
    let exit_code = exit as u8;
    let told = problem.clone();
    // This event removes the live view. It is sent before the last messages are printed, because the live
    // view could otherwise erase these messages.
    events.say(EventKind::CommandEnded {
        command: command.to_owned(),
        exit_code,
        duration_ms,
        problem: told,
    });
    if interrupted && problem.is_some() {
        // The terminal showed `^C` without a line end, so the line is ended here.
        render::err("");
    }
    if let Some(problem) = problem {
        report(command, output, &problem);
    }
    if let Some(bug) = bug {
        render::err(format_args!("error: {bug}"));
    }
    exit
}

/// Prints why a command stopped before it reached any host.
fn report(command: &'static str, output: OutputArgs, problem: &Problem) {
    if output.json {
        let document = Document::<HostResult>::failed(command, problem.clone());
        if let Err(error) = render::json(&document) {
            render::err(format_args!("error: {error}"));
        }
    } else if !output.events {
        render::err(format_args!("error: {}", nixfleet_operator::text::problem_text(problem)));
        let unhelped = Some(problem).filter(|problem| problem.help.is_none());
        if let Some(text) = render::how_to_explain(unhelped.into_iter()) {
            render::err(text);
        }
    }
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
