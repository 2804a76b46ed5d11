//! `nixfleet-activate`: builds host closures and activates them.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use nixfleet_activate::attend;
use nixfleet_activate::engine::apply::{Goal, Order, apply_within};
use nixfleet_activate::engine::state::State;
use nixfleet_activate::engine::status::status;
use nixfleet_activate::engine::target::{Offer, Target, Wanted};
use nixfleet_activate::engine::undo::Moment;
use nixfleet_activate::engine::{glance, planner, recover};
use nixfleet_activate::force::Force;
use nixfleet_activate::host::Host;
use nixfleet_activate::host::lock::{Holder, Lock};
use nixfleet_activate::host::record::read_limited;
use nixfleet_activate::host::transcript::Line;
use nixfleet_activate::login::Login;
use nixfleet_activate::plan::Plan;
use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::{Refusal, Report};
use nixfleet_activate::run::RunId;
use nixfleet_activate::{SCHEMA, build, show};
use serde::Serialize;

/// Builds NixFleet host closures, and brings a host to the generation a closure describes.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build a host closure; the builder of its derivation.
    Build {
        /// The attributes of the derivation as Nix writes them.
        #[arg(long, env = "NIX_ATTRS_JSON_FILE", value_name = "FILE")]
        attributes: PathBuf,
    },
    /// Check an intent or a manifest without a host.
    Check {
        /// An intent, the attributes of a derivation, or a manifest; JSON.
        file: PathBuf,
    },
    /// Show what an apply would do. Changes nothing.
    Plan {
        #[command(flatten)]
        common: Common,
        /// The closure to plan for.
        #[arg(long, visible_alias = "closure", value_name = "STORE PATH")]
        target: String,
        /// Its manifest, `-` for standard input, where the closure is not on this machine.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        #[command(flatten)]
        force: ForceArgs,
    },
    /// Bring the host to a closure, all or nothing.
    Apply {
        #[command(flatten)]
        common: Common,
        /// The closure to apply.
        #[arg(long, value_name = "STORE PATH")]
        closure: String,
        /// The fingerprint of the plan that was agreed to; another plan is refused.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Go back to a generation of the host, all or nothing.
    Rollback {
        #[command(flatten)]
        common: Common,
        /// A number, or `previous`.
        #[arg(long, default_value = "previous")]
        to: Wanted,
        /// Only show what would be done. Changes nothing.
        #[arg(long)]
        plan: bool,
        /// The fingerprint of the plan that was agreed to; another plan is refused.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Follow a run that was begun over another connection, to its report.
    Follow {
        #[command(flatten)]
        common: Common,
        /// The run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
    },
    /// Confirm a run that waits for it, from a connection made since.
    Confirm {
        #[command(flatten)]
        common: Common,
        /// The run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
    },
    /// Put the host right where a run was interrupted. Changes nothing otherwise.
    Recover {
        #[command(flatten)]
        common: Common,
        /// The host is booting: units are left to systemd.
        #[arg(long)]
        boot: bool,
        /// The run that has just ended, well or not.
        #[arg(long, value_name = "RUN", conflicts_with = "boot")]
        behind: Option<RunId>,
    },
    /// Show how the host stands. Changes nothing.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Show everything that is owned on the host. Changes nothing.
    Inspect {
        #[command(flatten)]
        common: Common,
    },
}

impl Command {
    /// Whether standard output is for a program.
    const fn wants_json(&self) -> bool {
        match self {
            Self::Build { .. } | Self::Check { .. } => false,
            Self::Plan { common, .. }
            | Self::Apply { common, .. }
            | Self::Rollback { common, .. }
            | Self::Follow { common, .. }
            | Self::Confirm { common, .. }
            | Self::Recover { common, .. }
            | Self::Status { common }
            | Self::Inspect { common } => common.json,
        }
    }
}

#[derive(Args)]
struct Common {
    /// The tree that stands for the host.
    #[arg(long, default_value = "/", value_name = "DIR")]
    root: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ForceArgs {
    /// Do it in spite of this objection.
    #[arg(long, value_enum, value_name = "OBJECTION", value_delimiter = ',')]
    force: Vec<Force>,
}

#[derive(Args)]
struct RunArgs {
    /// Who runs this, for the lock and for whoever finds it held.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    by: String,
    /// Undo everything unless it is confirmed within this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    confirm_timeout: Option<u64>,
    /// Who has logged in here, and has to be able to again afterwards.
    #[arg(long, env = "SUDO_USER", value_name = "USER", overrides_with = "login")]
    login: Option<String>,
    /// Over which SSH connection.
    #[arg(long, env = "SSH_CONNECTION", value_name = "ADDRESSES", overrides_with = "connection")]
    connection: Option<String>,
    /// The name of the run; one is drawn otherwise.
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// This process is in a unit of its own already.
    #[arg(long, hide = true, requires = "run")]
    in_unit: bool,
}

impl RunArgs {
    /// The same once more, for this program in a unit, which has another environment.
    fn repeated(&self, run: &RunId) -> Vec<OsString> {
        let run = self.run.is_none().then(|| format!("--run={run}"));
        let login = self.login.as_ref().map(|login| format!("--login={login}"));
        let connection = self.connection.as_ref().map(|connection| format!("--connection={connection}"));
        [run, login, connection].into_iter().flatten().map(OsString::from).collect()
    }
}

/// The exit codes.
const USAGE: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; a closed pipe while printing is nobody's concern.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let json = arguments.command.wants_json();
    match run(arguments.command) {
        Ok(code) => code,
        Err(problems) => {
            if let Some(problem) = problems.first().filter(|_| json) {
                let refusal = Refusal { schema: SCHEMA, problem: problem.clone() };
                // Who does not read it still has the exit code and standard error.
                let _ = print(&refusal, true, |_| String::new());
            }
            for problem in &problems {
                eprint!("{}", show::problem(problem));
            }
            ExitCode::from(USAGE)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Vec<Problem>> {
    let one = |problem| vec![problem];
    match command {
        Command::Build { attributes } => build::run(&attributes)?,
        Command::Check { file } => build::check(&file)?,
        Command::Plan { common, target, manifest, force } => {
            let host = Host::open(&common.root).map_err(one)?;
            let offer = match manifest {
                Some(file) => Offer::of_manifest(read(&file).map_err(one)?, &target),
                None => Offer::of_closure(&target),
            };
            plan(&host, offer.map_err(one)?, &force.force, common.json).map_err(one)?;
        }
        Command::Apply { common, closure, expect, force, run } => {
            let goal = Goal::Closure(closure);
            let login = Login::of(run.login.as_deref(), run.connection.as_deref());
            let (expect, force, login) = (expect.as_deref(), force.force.as_slice(), login.as_ref());
            let order = Order { goal: &goal, expect, force, login };
            return change(&common, order, &run, "apply").map_err(one);
        }
        Command::Rollback { common, to, plan: true, .. } => {
            let host = Host::open(&common.root).map_err(one)?;
            let profile = nixfleet_activate::host::profile::Profile::read(&host).map_err(one)?;
            let offer = Offer::of_generation(&profile, to).map_err(one)?;
            plan(&host, offer, &[], common.json).map_err(one)?;
        }
        Command::Rollback { common, to, expect, force, run, .. } => {
            let goal = Goal::Generation(to);
            let login = Login::of(run.login.as_deref(), run.connection.as_deref());
            let (expect, force, login) = (expect.as_deref(), force.force.as_slice(), login.as_ref());
            let order = Order { goal: &goal, expect, force, login };
            return change(&common, order, &run, "rollback").map_err(one);
        }
        Command::Follow { common, run } => {
            let host = Host::open(&common.root).map_err(one)?;
            let report = attend::follow(&host, &run, |line| notice(line, common.json)).map_err(one)?;
            return finish(&report, common.json).map_err(one);
        }
        Command::Confirm { common, run } => {
            let host = Host::open(&common.root).map_err(one)?;
            attend::confirm(&host, &run).map_err(one)?;
            print(&Done { schema: SCHEMA }, common.json, |_| String::new()).map_err(one)?;
        }
        Command::Recover { common, boot, behind } => {
            let host = Host::open(&common.root).map_err(one)?;
            recover(&host, boot, behind.as_ref(), common.json).map_err(one)?;
        }
        Command::Status { common } => {
            let status = status(&Host::open(&common.root).map_err(one)?).map_err(one)?;
            print(&status, common.json, show::status).map_err(one)?;
        }
        Command::Inspect { common } => {
            let (state, _) = State::read(&Host::open(&common.root).map_err(one)?).map_err(one)?;
            print(&state, common.json, show::inspect).map_err(one)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a plan. Why a host cannot be planned for is part of the plan.
fn plan(host: &Host, offer: Offer, force: &[Force], json: bool) -> Result<(), Problem> {
    let objection = Lock::objection(host);
    let mut plan = match glance::unchanged(host, &offer) {
        Some(plan) => plan,
        None => full_plan(host, &offer.open()?, json),
    };
    plan.overrule(force);
    plan.problems.extend(objection);
    print(&plan, json, show::plan)
}

fn full_plan(host: &Host, target: &Target, json: bool) -> Plan {
    let mut plan = match planner::plan(host, target) {
        Ok(planned) => planned.plan,
        Err(problem) => planner::refused(target, problem),
    };
    if json {
        planner::add_texts(&mut plan, host, target);
    }
    plan
}

/// Changes the host, on a real one in a unit of its own.
fn change(common: &Common, order: Order<'_>, asked: &RunArgs, command: &str) -> Result<ExitCode, Problem> {
    let host = Host::open(&common.root)?;
    let units = attend::has_units(&host);
    if !units && asked.confirm_timeout.is_some() {
        return Err(Problem::new(Code::Usage, "Nobody could confirm this change")
            .because(
                "systemd does not run here, so it would not survive the connection it was asked for over",
            )
            .help("leave out --confirm-timeout"));
    }
    let run = asked.run.clone().unwrap_or_else(RunId::draw);
    if units && !asked.in_unit {
        let arguments = std::env::args_os().skip(1).chain(asked.repeated(&run)).chain(["--in-unit".into()]);
        let report = attend::in_a_unit(&host, &run, arguments, |line| notice(line, common.json))?;
        return finish(&report, common.json);
    }
    let holder = Holder::current(&asked.by, command);
    if asked.in_unit {
        let limit = asked.confirm_timeout.map(Duration::from_secs);
        // Whoever follows prints the report; how the host fared is no failure of the unit.
        return attend::carry_out(&host, order, holder, &run, limit).map(|()| ExitCode::SUCCESS);
    }
    finish(&apply_within(&host, order, holder, None), common.json)
}

/// Puts the host right at boot, behind a run, or because somebody asks for it.
fn recover(host: &Host, boot: bool, behind: Option<&RunId>, json: bool) -> Result<(), Problem> {
    if let Some(run) = behind {
        // systemd says how the run ended; where it ended well and by itself, it has reported. To be told to stop counts
        // as success, too.
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
        let well = is("SERVICE_RESULT", "success") && is("EXIT_CODE", "exited");
        return if well { Ok(()) } else { recover::stand_in(host, run) };
    }
    let moment = if boot { Moment::Booting } else { Moment::Running };
    match recover::recover_alone(host, moment)? {
        Some(report) => print(&report, json, show::report),
        None => print(&Done { schema: SCHEMA }, json, |_| "nothing to recover\n".to_owned()),
    }
}

/// What is printed where there is nothing to say but that it is done.
#[derive(Serialize)]
struct Done {
    schema: u32,
}

/// Hands on what a run says before its report. Who does not read it misses nothing that the report does not say.
fn notice(line: &Line, json: bool) {
    if let Line::Notice(notice) = line {
        let _ = print(notice, json, show::notice);
    }
}

/// Prints a report; the exit code follows what became of the host.
fn finish(report: &Report, json: bool) -> Result<ExitCode, Problem> {
    print(report, json, show::report)?;
    if let Some(problem) = report.problem.as_ref().filter(|_| !json) {
        eprint!("{}", show::problem(problem));
    }
    Ok(if report.outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn print<T: Serialize>(document: &T, json: bool, show: impl Fn(&T) -> String) -> Result<(), Problem> {
    let failed =
        |error: io::Error| Problem::new(Code::Usage, "The answer could not be printed").because(error);
    let mut output = io::stdout().lock();
    if json {
        let mut bytes = serde_json::to_vec(document).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        output.write_all(&bytes).map_err(failed)
    } else {
        output.write_all(show(document).as_bytes()).map_err(failed)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Problem> {
    let failed =
        |why: String| Problem::new(Code::Usage, "A file cannot be read").at(file.display()).because(why);
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        // As much as a document of ours may be large.
        let read = io::stdin().lock().take(256 * 1024 * 1024).read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| failed(error.to_string()));
    }
    match read_limited(file) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(failed("there is no such file".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}
