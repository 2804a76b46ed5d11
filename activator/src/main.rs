//! `nixfleet-activate`: builds host closures and activates them.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nixfleet_activate::engine::apply::{Goal, apply};
use nixfleet_activate::engine::planner;
use nixfleet_activate::engine::state::State;
use nixfleet_activate::engine::status::status;
use nixfleet_activate::engine::target::{Target, Wanted};
use nixfleet_activate::host::Host;
use nixfleet_activate::host::lock::{Holder, Lock};
use nixfleet_activate::host::record::read_limited;
use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::{Refusal, Report};
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
        by: By,
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
        by: By,
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
struct By {
    /// Who runs this, for the lock and for whoever finds it held.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    by: String,
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
        Command::Plan { common, target, manifest } => {
            let host = Host::open(&common.root).map_err(one)?;
            let target = match manifest {
                Some(file) => Target::of_manifest(&read(&file).map_err(one)?, &target),
                None => Target::of_closure(&target),
            };
            plan(&host, &target.map_err(one)?, common.json).map_err(one)?;
        }
        Command::Apply { common, closure, expect, by } => {
            let host = Host::open(&common.root).map_err(one)?;
            let holder = Holder::current(&by.by, "apply");
            return finish(&apply(&host, &Goal::Closure(closure), expect.as_deref(), holder), common.json);
        }
        Command::Rollback { common, to, plan: true, .. } => {
            let host = Host::open(&common.root).map_err(one)?;
            let profile = nixfleet_activate::host::profile::Profile::read(&host).map_err(one)?;
            let target = Target::of_generation(&profile, to).map_err(one)?;
            plan(&host, &target, common.json).map_err(one)?;
        }
        Command::Rollback { common, to, expect, by, .. } => {
            let host = Host::open(&common.root).map_err(one)?;
            let holder = Holder::current(&by.by, "rollback");
            return finish(&apply(&host, &Goal::Generation(to), expect.as_deref(), holder), common.json);
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
fn plan(host: &Host, target: &Target, json: bool) -> Result<(), Problem> {
    let objection = Lock::objection(host);
    let mut plan = match planner::plan(host, target) {
        Ok(planned) => planned.plan,
        Err(problem) => planner::refused(target, problem),
    };
    plan.problems.extend(objection);
    if json {
        planner::add_texts(&mut plan, host, target);
    }
    print(&plan, json, show::plan)
}

/// Prints a report; the exit code follows what became of the host.
fn finish(report: &Report, json: bool) -> Result<ExitCode, Vec<Problem>> {
    print(report, json, show::report).map_err(|problem| vec![problem])?;
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
