//! The subcommands, one file each, and the code that they share.

mod adopt;
mod apply;
mod at_once;
mod backups;
mod bootstrap;
mod change;
mod check;
mod completions;
mod confirm;
mod doctor;
mod explain;
mod forget;
mod gc;
mod history;
mod hosts;
mod import;
mod input;
mod os_update;
mod password;
mod plan;
mod reboot;
mod reference;
mod rollback;
mod run;
mod status;
mod waved;

use std::time::{Duration, Instant};

use nixfleet_contract::problem::Code;

use crate::args::{Command, HostCommand, OutputArgs};
use crate::document::Document;
use crate::exit::Exit;
use crate::render::{self, Progress};
use nixfleet_operator::event::EventKind;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation;
use nixfleet_operator::operation::rollout_view::RolloutView;
use nixfleet_operator::stop::Stop;

/// The context in which a subcommand runs.
#[derive(Clone)]
pub struct Context {
    /// The context of the operation that the subcommand carries out.
    operation: operation::Context,
    /// The arguments that determine the output, such as `--json`.
    output: OutputArgs,
    /// The display of progress.
    progress: Progress,
    /// The time at which the command started.
    began: Instant,
    /// Whether the exit code counts every deferred host and every partial host as failed. Otherwise, the exit
    /// code counts a partial host as failed only if its reason code is a failure.
    strict: bool,
}

impl Context {
    /// Creates the context of one run of the program. `progress` must be subscribed to the events of
    /// `operation`.
    pub fn new(operation: operation::Context, output: OutputArgs, progress: Progress) -> Self {
        Self { operation, output, progress, began: Instant::now(), strict: false }
    }

    /// Returns the display of progress.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sets whether the exit code counts every deferred host and every partial host as failed.
    #[must_use]
    pub fn failing_deferred(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// Returns the exit code that follows from the results of all hosts.
    fn exit(&self, results: &[HostResult]) -> Exit {
        Exit::of(results, self.operation.interrupt.is_requested(), self.strict)
    }

    /// Prints a text for people on standard output. With `--json` or `--events`, nothing is printed.
    fn show(&self, text: &str) {
        if !self.output.is_for_programs() {
            self.progress.suspend(|| render::out(text));
        }
    }

    /// Ends a command that reached its hosts: prints the JSON document or the summary line, and returns the
    /// exit code.
    fn finish(&self, results: Vec<HostResult>, rollout: Option<RolloutView>) -> Result<Exit, Stop> {
        let exit = self.exit(&results);
        self.print(results, rollout, exit)?;
        Ok(exit)
    }

    /// If the command failed, prints the command that explains the errors of the hosts.
    fn show_how_to_explain(&self, results: &[HostResult], exit: Exit) {
        let has_failed = matches!(exit, Exit::HostFailed | Exit::Refused);
        let problems = results.iter().filter_map(|result| result.problem.as_ref());
        if let Some(text) = render::how_to_explain(problems).filter(|_| has_failed) {
            self.progress.suspend(|| render::err(text));
        }
    }

    /// Ends a command that stops before it changes any host, and shows the reason for each host.
    fn refuse(&self, results: Vec<HostResult>, exit: Exit) -> Result<Exit, Stop> {
        self.show(&render::results(&results));
        self.show(&render::after_blocked(self.operation.command, &results));
        for result in &results {
            self.operation.events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
        }
        self.print(results, None, exit)?;
        Ok(exit)
    }

    fn print(&self, results: Vec<HostResult>, rollout: Option<RolloutView>, exit: Exit) -> Result<(), Stop> {
        if self.output.json {
            render::json(&Document::of(self.operation.command, results).with(rollout)).map_err(Stop::bug)?;
        } else if !self.output.events {
            let tally = render::tally(&results, self.began.elapsed());
            self.progress.suspend(|| {
                if self.operation.command == "run" {
                    render::err(tally);
                } else {
                    render::out(&format!("{tally}\n"));
                }
            });
            self.show_how_to_explain(&results, exit);
        }
        Ok(())
    }
}

/// Runs a subcommand.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(command: &Command, context: &Context) -> Result<Exit, Stop> {
    match subcommand(command, context).await {
        Err(Stop::Hosts(results)) => {
            // If a closure cannot be built, the flake has a mistake; the host has not failed.
            let is_build = |result: &HostResult| {
                result.problem.as_ref().is_some_and(|problem| problem.code == Code::Build)
            };
            let is_refused = results.iter().any(is_build);
            let exit = if is_refused { Exit::Refused } else { context.exit(&results) };
            context.refuse(results, exit)
        }
        other => other,
    }
}

async fn subcommand(command: &Command, context: &Context) -> Result<Exit, Stop> {
    match command {
        Command::Plan(args) => plan::execute(args, context).await,
        Command::Apply(args) => apply::execute(args, context).await,
        Command::Status(args) => status::execute(args, context).await,
        Command::Check(args) => check::execute(args, context).await,
        Command::Rollback(args) => rollback::execute(args, context).await,
        Command::OsUpdate(args) => os_update::execute(args, context).await,
        Command::Reboot(args) => reboot::execute(args, context).await,
        Command::Run(args) => run::execute(args, context).await,
        Command::History(args) => history::execute(args, context),
        Command::Hosts(args) => hosts::execute(args, context).await,
        Command::Bootstrap(args) => bootstrap::execute(args, context).await,
        Command::Host(args) => match &args.what {
            HostCommand::Adopt(args) => adopt::execute(args, context).await,
        },
        Command::Doctor(args) => doctor::execute(args, context).await,
        Command::Forget(args) => forget::execute(args, context).await,
        Command::Import(args) => import::execute(args, context).await,
        Command::Gc(args) => gc::execute(args, context).await,
        Command::Backups(args) => backups::execute(args, context).await,
        Command::Explain(args) => explain::execute(args, context),
        Command::Completions { shell } => Ok(completions::completions(*shell)),
        Command::Complete { words } => Ok(completions::complete(words)),
        Command::Man { directory } => completions::man(directory),
        Command::Docs { directory } => reference::write(directory),
    }
}
