//! `nixfleet-activate`: builds host closures and activates them.

mod arguments;
mod disk_space;
mod forget;
mod os;

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use arguments::{Arguments, Command, Common, PlanningArgs, RunArgs};
use clap::Parser as _;
use nixfleet_activate::attend;
use nixfleet_activate::diagnostics;
use nixfleet_activate::engine::apply::{ApplyRequest, TargetRef, apply_within};
use nixfleet_activate::engine::apt::{download, guarding, planning, recover as apt_recover};
use nixfleet_activate::engine::family::paths::late_owners;
use nixfleet_activate::engine::family::system::foresee as system;
use nixfleet_activate::engine::health;
use nixfleet_activate::engine::plan::contents::Contents;
use nixfleet_activate::engine::plan::fast_path;
use nixfleet_activate::engine::plan::planner;
use nixfleet_activate::engine::plan::target::{Target, TargetClosure};
use nixfleet_activate::engine::plan::texts;
use nixfleet_activate::engine::state::State;
use nixfleet_activate::engine::status::status;
use nixfleet_activate::engine::transaction::journal::{self, Journal};
use nixfleet_activate::engine::transaction::recover;
use nixfleet_activate::engine::transaction::undo::UndoTime;
use nixfleet_activate::engine::validate;
use nixfleet_activate::engine::validate::foresight;
use nixfleet_activate::engine::validate::subject::Subject;
use nixfleet_activate::host::Host;
use nixfleet_activate::host::apt::hook;
use nixfleet_activate::host::apt::transaction::GUARD;
use nixfleet_activate::host::client;
use nixfleet_activate::host::lock::{self, Lock};
use nixfleet_activate::host::nixos;
use nixfleet_activate::host::random;
use nixfleet_activate::host::record::read_limited;
use nixfleet_activate::host::systemd::Systemd;
use nixfleet_activate::host::transcript::TranscriptLine;
use nixfleet_activate::{build, show};
use nixfleet_contract::SCHEMA;
use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;
use nixfleet_contract::login::Login;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::{Refusal, Report};
use nixfleet_contract::run::Confirmation;
use nixfleet_contract::run_id::RunId;
use serde::Serialize;

/// The exit code of a command that was refused or could not be carried out.
const USAGE: u8 = 1;
/// The exit code of a command that ran, but did not succeed.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap returns the texts of `--help` and `--version` as errors too. If the text cannot be printed
            // because the pipe is closed, ignore that.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    diagnostics::begin();
    let json = arguments.command.wants_json();
    match run(arguments.command) {
        Ok(code) => code,
        Err(problems) => {
            if let Some(problem) = problems.first().filter(|_| json) {
                let refusal = Refusal { schema: SCHEMA, problem: problem.clone() };
                // Ignore errors: the exit code and standard error report the problem too.
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
    if command.changes_nothing() {
        end_with_the_reader();
    }
    match command {
        Command::Build { attributes } => build::run(&attributes)?,
        Command::Check { file } => build::check(&file)?,
        Command::Plan {
            common,
            target,
            manifest,
            parts,
            force,
            planning,
            name_lacking,
            health_checks,
            login,
        } => {
            let host = Host::open(&common.root).map_err(one)?;
            let target_closure = match manifest {
                Some(file) => target_closure(&read(&file).map_err(one)?, &parts, &target),
                None => TargetClosure::of_closure(&target),
            };
            let login = login.who();
            let (force, login) = (force.force.as_slice(), login.as_ref());
            let request =
                PlanRequest { force, login, planning, name_lacking, health_checks, json: common.json };
            plan(&host, target_closure.map_err(one)?, &request).map_err(one)?;
        }
        Command::Apply { common, closure, expect, force, run } => {
            let target = TargetRef::Closure(closure);
            let login = run.login.who();
            let (expect, force, login) = (expect.as_deref(), force.force.as_slice(), login.as_ref());
            let request = ApplyRequest { target: &target, expect, force, login };
            return change(&common, request, &run, "apply").map_err(one);
        }
        Command::DryActivate { common, closure } => dry_activate(&common, &closure).map_err(one)?,
        Command::Download { common, closure } => download(&common, &closure).map_err(one)?,
        Command::Rollback { common, to, plan: true, planning, force, run, .. } => {
            let host = Host::open(&common.root).map_err(one)?;
            let profile = nixfleet_activate::host::profile::Profile::read(&host).map_err(one)?;
            let target_closure = TargetClosure::of_generation(&host, &profile, to).map_err(one)?;
            let (login, json) = (run.login.who(), common.json);
            let (force, login) = (force.force.as_slice(), login.as_ref());
            let request =
                PlanRequest { force, login, planning, name_lacking: false, health_checks: false, json };
            plan(&host, target_closure, &request).map_err(one)?;
        }
        Command::Rollback { common, to, expect, force, run, .. } => {
            let target = TargetRef::Generation(to);
            let login = run.login.who();
            let (expect, force, login) = (expect.as_deref(), force.force.as_slice(), login.as_ref());
            let request = ApplyRequest { target: &target, expect, force, login };
            return change(&common, request, &run, "rollback").map_err(one);
        }
        Command::Follow { common, run } => {
            let host = Host::open(&common.root).map_err(one)?;
            let report = attend::follow(&host, &run, |line| notice(line, common.json)).map_err(one)?;
            return finish(&report, common.json).map_err(one);
        }
        Command::Confirm { common, run, said } => {
            let host = Host::open(&common.root).map_err(one)?;
            let nothing = || Ok(Confirmation::with(Vec::new()));
            let said = said.map_or_else(nothing, |file| confirmation(&file)).map_err(one)?;
            attend::confirm(&host, &run, &said).map_err(one)?;
            print(&Done { schema: SCHEMA }, common.json, |_| String::new()).map_err(one)?;
        }
        Command::Recover { common, boot, after } => {
            let host = Host::open(&common.root).map_err(one)?;
            return recover(&host, boot, after.as_ref(), common.json).map_err(one);
        }
        Command::GiveOwners { common } => {
            let host = Host::open(&common.root).map_err(one)?;
            if let Some(journal) = Journal::read(&host).map_err(one)? {
                for note in late_owners::give_owners(&host, &journal).map_err(one)? {
                    eprintln!("{note}");
                }
            }
        }
        Command::Preview => preview().map_err(one)?,
        Command::AptHook => hook::run().map_err(one)?,
        Command::AptGuard => return guard().map_err(one),
        Command::Health { common } => return try_health(&common).map_err(one),
        Command::Status { common } => {
            let status = status(&Host::open(&common.root).map_err(one)?).map_err(one)?;
            print(&status, common.json, show::status).map_err(one)?;
        }
        Command::Inspect { common } => {
            let (state, _) = State::read(&Host::open(&common.root).map_err(one)?).map_err(one)?;
            print(&state, common.json, show::inspect).map_err(one)?;
        }
        Command::Os(command) => return os::execute(command).map_err(one),
        Command::Gc(args) => return disk_space::collect(&args).map_err(one),
        Command::Forget(args) => return forget::execute(&args).map_err(one),
        Command::Backups { command } => return disk_space::of_backups(command).map_err(one),
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends this process as soon as the reader of its standard output is gone, even in the middle of its work.
/// Used only for commands that change nothing.
fn end_with_the_reader() {
    thread::spawn(|| {
        if client::waits_until_left() {
            std::process::exit(FAILED.into());
        }
    });
}

/// The options of a plan.
struct PlanRequest<'a> {
    force: &'a [Force],
    login: Option<&'a Login>,
    planning: PlanningArgs,
    name_lacking: bool,
    health_checks: bool,
    json: bool,
}

/// Returns the closure that a manifest describes. The closure may be on another machine. `parts`: the lengths
/// of the manifest and of the file contents after it in `bytes`; empty if `bytes` is only a manifest.
fn target_closure(bytes: &[u8], parts: &[usize], target: &str) -> Result<TargetClosure, Problem> {
    let failed = |why: String| Problem::new(Code::Usage, "the manifest cannot be read").because(why);
    let Some((manifest, parts)) = parts.split_first() else {
        return TargetClosure::of_manifest(bytes.to_vec(), target);
    };
    let short = || failed("standard input ended before all parts were read".to_owned());
    let (manifest, mut rest) = bytes.split_at_checked(*manifest).ok_or_else(short)?;
    let mut contents = Vec::new();
    for length in parts {
        let (content, after) = rest.split_at_checked(*length).ok_or_else(short)?;
        contents.push(content);
        rest = after;
    }
    let contents = Contents::hold(contents).map_err(|error| failed(error.to_string()))?;
    Ok(TargetClosure::of_manifest(manifest.to_vec(), target)?.with(contents))
}

/// Prints a plan. A problem that prevents planning is printed as part of the plan.
fn plan(host: &Host, target_closure: TargetClosure, request: &PlanRequest<'_>) -> Result<(), Problem> {
    let objection = Lock::objection(host);
    let checks =
        if request.health_checks { Check::of_manifest(&target_closure.manifest)? } else { Vec::new() };
    let mut plan = if let Some(plan) = fast_path::unchanged(host, &target_closure) {
        plan
    } else {
        let target = target_closure.open()?.without(request.force).on(host);
        full_plan(host, &target, request, objection.is_none())
    };
    // While a run holds the lock, the open transaction belongs to that run and is not interrupted.
    let interrupted = || journal::interrupted(host).or_else(|| apt_recover::interrupted(host));
    plan.interrupted = interrupted().filter(|_| objection.is_none());
    if objection.is_some() {
        // The changes of that run would look like drift.
        plan.drift.clear();
    }
    plan.problems.extend(objection);
    if request.health_checks && !plan.is_to_change() && plan.problems.is_empty() {
        plan.health_checks = Some(health::of_unchanged(host, plan.current.as_ref(), &checks));
    }
    print(&plan, request.json, show::plan)
}

/// Plans with a full comparison of host and target. `calm`: whether no other run is changing the host.
fn full_plan(host: &Host, target: &Target, request: &PlanRequest<'_>, calm: bool) -> Plan {
    let mut planned = match planner::plan(host, target) {
        Ok(planned) => planned,
        Err(problem) => return planner::refused(target, problem),
    };
    if calm && let Err(problem) = planning::add(host, target, &mut planned, request.name_lacking) {
        planning::refuse(&mut planned, problem);
    }
    planned.plan.overrule(request.force);
    if calm {
        let enabled = !request.planning.no_validate;
        let login = request.login.filter(|_| !request.force.contains(&Force::Lockout));
        let terms = foresight::ValidationTerms { enabled, may_ask: request.name_lacking, login };
        foresight::foresee(&mut planned, host, target, terms);
        planning::postpone_findings(&mut planned);
        if enabled {
            system::foresee(&mut planned.plan, host, &planned.state, target, request.name_lacking);
        }
    }
    let mut plan = planned.plan;
    if request.json {
        texts::add(&mut plan, host, target, request.planning.show_private);
    }
    plan
}

/// Prints what `switch-to-configuration dry-activate` of a closure prints.
fn dry_activate(common: &Common, closure: &str) -> Result<(), Problem> {
    let host = Host::open(&common.root)?;
    let target = TargetClosure::of_closure(closure)?.open()?;
    let said = nixos::dry_activate(&host, target.manifest.nixos.as_ref())?;
    print(&said, common.json, |said| said.lines.join("\n") + "\n")
}

/// Downloads the packages that an apply of a closure would install.
fn download(common: &Common, closure: &str) -> Result<(), Problem> {
    let host = Host::open(&common.root)?;
    let target = TargetClosure::of_closure(closure)?.open()?.on(&host);
    print(&download::download(&host, &target)?, common.json, |_| String::new())
}

/// Runs the health checks of the generation in force. The exit code tells whether all of them passed.
fn try_health(common: &Common) -> Result<ExitCode, Problem> {
    let checked = health::on_demand(&Host::open(&common.root)?)?;
    print(&checked, common.json, show::checked)?;
    let good = checked.results.iter().all(|result| result.passed);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Reads a confirmation from a JSON file.
fn confirmation(file: &Path) -> Result<Confirmation, Problem> {
    let unreadable = |error| {
        Problem::new(
            Code::Usage,
            "the confirmation of the change, which the operator's machine sends, cannot be read",
        )
        .because(error)
    };
    serde_json::from_slice(&read(file)?).map_err(|error: serde_json::Error| unreadable(error.to_string()))
}

/// Carries out an apply or a rollback, in a separate systemd unit if systemd runs on the host.
fn change(
    common: &Common,
    request: ApplyRequest<'_>,
    args: &RunArgs,
    command: &str,
) -> Result<ExitCode, Problem> {
    let host = Host::open(&common.root)?;
    let units = attend::has_units(&host);
    if !units && args.confirm_timeout.is_some() {
        return Err(Problem::new(Code::Usage, "this change could not be confirmed")
            .because(
                "systemd does not run on this host, so the change would end when the connection to the host \
                 breaks",
            )
            .help("run the command without --confirm-timeout"));
    }
    let run = args.run.clone().unwrap_or_else(random::run_id);
    if units && !args.in_unit {
        let arguments = std::env::args_os().skip(1).chain(args.repeated(&run)).chain(["--in-unit".into()]);
        let report = attend::in_a_unit(&host, &run, arguments, |line| notice(line, common.json))?;
        return finish(&report, common.json);
    }
    let holder = lock::this_process(&args.by, command).of_revision(args.revision());
    if args.in_unit {
        let limit = args.confirm_timeout.map(Duration::from_secs);
        // The process that follows this run prints the report. A failed change does not make the unit fail.
        return attend::carry_out(&host, request, holder, &run, limit).map(|()| ExitCode::SUCCESS);
    }
    // Record the name of a run even if the run has no unit, so that `follow` finds the report.
    let holder = match &args.run {
        Some(run) => holder.of_run(run.clone()),
        None => holder,
    };
    finish(&apply_within(&host, request, holder, None), common.json)
}

/// Recovers the host: at boot, after the run `after`, or on request. Returns the exit code.
fn recover(host: &Host, boot: bool, after: Option<&RunId>, json: bool) -> Result<ExitCode, Problem> {
    if let Some(run) = after {
        // systemd passes the result of the run in environment variables. A run that exited successfully has
        // written its report. `SERVICE_RESULT` alone is not enough: it is also `success` for a run that was
        // stopped.
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
        let well = is("SERVICE_RESULT", "success") && is("EXIT_CODE", "exited");
        if !well {
            recover::stand_in(host, run)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // NixOS starts the recovery unit again whenever a system is activated. Another program that activates a
    // system must not trigger the recovery of a host that runs.
    if boot && nixos::is_nixos(host) && Systemd::of(host).is_some_and(Systemd::has_booted) {
        print(&Done { schema: SCHEMA }, json, |_| "the host is not booting\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let moment = if boot { UndoTime::Booting } else { UndoTime::Running };
    let recovered = match recover::recover_alone(host, moment) {
        // At boot, the run that holds the lock has recovered the host before its own change.
        Err(problem) if problem.code == Code::Locked && boot => None,
        Err(problem) if problem.code == Code::Locked => {
            return finish(&recover::unfinished(host, Outcome::Blocked, problem)?, json);
        }
        recovered => recovered?,
    };
    match recovered {
        Some(report) => print(&report, json, show::report)?,
        None => print(&Done { schema: SCHEMA }, json, |_| "nothing to recover\n".to_owned())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Guards a transaction of apt, which standard input describes. A failure keeps apt from starting dpkg.
fn guard() -> Result<ExitCode, Problem> {
    let bytes = read(Path::new("-"))?;
    let guarded = guarding::guard(&Host::open(Path::new("/"))?, &String::from_utf8_lossy(&bytes));
    Ok(match guarded {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{GUARD}{}", why.replace('\n', " "));
            ExitCode::from(FAILED)
        }
    })
}

/// Validates the generation that standard input describes, for the process that started this process.
fn preview() -> Result<(), Problem> {
    let failed =
        |why: String| Problem::new(Code::HostFile, "the new generation cannot be previewed").because(why);
    let subject: Subject =
        serde_json::from_slice(&read(Path::new("-"))?).map_err(|error| failed(error.to_string()))?;
    let verdict = validate::preview(&Host::open(Path::new("/"))?, &subject);
    print(&verdict.map_err(|error| failed(error.to_string()))?, true, |_| String::new())
}

/// The JSON document of a command that succeeded and has nothing else to print.
#[derive(Serialize)]
struct Done {
    schema: u32,
}

/// Prints a notice of a run. If the notice cannot be printed, that is ignored, because the report contains
/// everything.
fn notice(line: &TranscriptLine, json: bool) {
    if let TranscriptLine::Notice(notice) = line {
        let _ = print(notice, json, show::notice);
    }
}

/// Prints a report. Returns the exit code for its outcome.
fn finish(report: &Report, json: bool) -> Result<ExitCode, Problem> {
    print(report, json, show::report)?;
    if let Some(problem) = report.problem.as_ref().filter(|_| !json) {
        eprint!("{}", show::problem(problem));
    }
    Ok(if report.outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn print<T: Serialize>(document: &T, json: bool, show: impl Fn(&T) -> String) -> Result<(), Problem> {
    let failed =
        |error: io::Error| Problem::new(Code::Usage, "the result could not be printed").because(error);
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
        |why: String| Problem::new(Code::Usage, "the file cannot be read").at(file.display()).because(why);
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        // Apply the same size limit as to documents in files.
        let read = io::stdin().lock().take(256 * 1024 * 1024).read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| failed(error.to_string()));
    }
    match read_limited(file) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(failed("the file does not exist".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}
