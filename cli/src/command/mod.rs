//! One file per subcommand, and the steps they share.

mod apply;
mod backups;
mod carry_out;
mod change;
mod check;
mod completions;
mod confirm;
mod found;
mod gc;
mod history;
mod host_plan;
mod hosts;
mod input;
mod late;
mod plan;
mod planning;
mod reference;
mod resume;
mod resume_state;
mod rollback;
mod run;
mod status;
mod targets;

use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;

pub use host_plan::{HostPlan, Operation, PlannedOperation};

use crate::args::{Command, OutputArgs};
use crate::document::{Document, RolloutView};
use crate::exit::Exit;
use crate::render::{self, Progress};
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::event::{Bus, Happening, Level, Stage};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::interrupt::Interrupt;

/// What every subcommand works with.
#[derive(Clone)]
pub struct Context {
    /// Its name, and that of a rollout that it begins.
    id: RolloutId,
    /// The subcommand's name.
    name: &'static str,
    /// How results are shown.
    output: OutputArgs,
    /// The user's request to stop.
    interrupt: Interrupt,
    /// Where it is told what happens.
    events: Bus,
    /// Where progress is shown.
    progress: Progress,
    /// When the command began.
    began: Instant,
    /// Whether hosts that wait, or of which something is still to be done, count as failures.
    strict: bool,
}

impl Context {
    /// The context of one run of the program.
    pub fn new(
        id: RolloutId,
        name: &'static str,
        output: OutputArgs,
        interrupt: Interrupt,
        events: Bus,
    ) -> Self {
        let progress = Progress::new();
        events.subscribe(progress.clone());
        Self { id, name, output, interrupt, events, progress, began: Instant::now(), strict: false }
    }

    /// The same where hosts that wait, or of which something is still to be done, count as failures.
    #[must_use]
    pub fn failing_deferred(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The exit code for these hosts.
    fn exit(&self, results: &[HostResult]) -> Exit {
        Exit::of(results, self.interrupt.is_requested(), self.strict)
    }

    /// Does what a stage of the work is, and tells when it begins and ends.
    async fn stage<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.events.say(Happening::StageBegan { stage });
        let began = Instant::now();
        let result = work.await;
        let problem = result.as_ref().err().cloned();
        self.events.say(Happening::StageEnded { stage, duration_ms: milliseconds(began), problem });
        result
    }

    /// Says something that should be looked at, of a host or of the whole.
    fn warn(&self, host: Option<&str>, text: &str) {
        let (host, text) = (host.map(str::to_owned), text.to_owned());
        self.events.say(Happening::Log { level: Level::Warning, host, text });
    }

    /// Prints for people; a program that reads JSON gets nothing but its document.
    fn show(&self, text: &str) {
        if !self.output.is_for_programs() {
            self.progress.suspend(|| render::out(text));
        }
    }

    /// Ends a command that came as far as its hosts: prints the document, or the last line.
    fn finish(&self, results: Vec<HostResult>, rollout: Option<RolloutView>) -> anyhow::Result<Exit> {
        let exit = self.exit(&results);
        self.print(results, rollout)?;
        Ok(exit)
    }

    /// Ends a command that goes no further, with what each host has to do with it.
    fn refuse(&self, results: Vec<HostResult>, exit: Exit) -> anyhow::Result<Exit> {
        self.show(&render::results(&results));
        self.show(&render::after_blocked(self.name, &results));
        for result in &results {
            self.events.say(Happening::HostEnded(result.end(Duration::ZERO)));
        }
        self.print(results, None)?;
        Ok(exit)
    }

    fn print(&self, results: Vec<HostResult>, rollout: Option<RolloutView>) -> anyhow::Result<()> {
        if self.output.json {
            render::json(&Document::of(self.name, results).with(rollout))?;
        } else if !self.output.events {
            let tally = render::tally(&results, self.began.elapsed());
            self.progress.suspend(|| {
                if self.name == "run" { render::err(tally) } else { render::out(&format!("{tally}\n")) }
            });
        }
        Ok(())
    }
}

/// How long ago that was, in milliseconds.
pub fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Runs a subcommand.
///
/// # Errors
/// A [`Problem`] where the command came to no host; anything else is a bug.
pub async fn execute(command: &Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Plan(args) => plan::execute(args, context).await,
        Command::Apply(args) => apply::execute(args, context).await,
        Command::Status(args) => status::execute(args, context).await,
        Command::Check(args) => check::execute(args, context).await,
        Command::Rollback(args) => rollback::execute(args, context).await,
        Command::Run(args) => run::execute(args, context).await,
        Command::History(args) => history::execute(args, context),
        Command::Hosts(args) => hosts::execute(args, context).await,
        Command::Gc(args) => gc::execute(args, context).await,
        Command::Backups(args) => backups::execute(args, context).await,
        Command::Completions { shell } => Ok(completions::completions(*shell)),
        Command::Complete { words } => Ok(completions::complete(words)),
        Command::Man { directory } => completions::man(directory),
        Command::Docs { directory } => reference::write(directory),
    }
}
