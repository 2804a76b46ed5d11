//! The commands about the operating system: updates and a reboot.

use std::fmt::Write as _;
use std::process::ExitCode;

use nixfleet_activate::attend;
use nixfleet_activate::engine::os::reboot::MayReboot;
use nixfleet_activate::engine::os::{plan, store, update};
use nixfleet_activate::host::{Host, lock, random};
use nixfleet_contract::SCHEMA;
use nixfleet_contract::os::update::UpdatePlan;
use nixfleet_contract::problem::{Code, Problem};

use super::arguments::{Common, OsCommand, OsPlanArgs, RunArgs};
use super::{Done, finish, notice, print, read};

/// Carries out a command.
///
/// # Errors
/// The command was refused, or its answer could not be printed.
pub fn execute(command: OsCommand) -> Result<ExitCode, Problem> {
    match command {
        OsCommand::OsPlan(OsPlanArgs { common, scope, no_refresh }) => {
            let plan = plan::plan(&Host::open(&common.root)?, scope, !no_refresh);
            print(&plan, common.json, shown)?;
        }
        OsCommand::OsDownload { common } => {
            let host = Host::open(&common.root)?;
            let unreadable = |error: serde_json::Error| {
                Problem::new(Code::Usage, "the plan of the update cannot be read").because(error)
            };
            let plan: UpdatePlan = serde_json::from_slice(&read("-".as_ref())?).map_err(unreadable)?;
            store::download(&host, &plan)?;
            print(&Done { schema: SCHEMA }, common.json, |_| String::new())?;
        }
        OsCommand::OsUpdate { common, expect, run } => return install(&common, &expect, &run),
        OsCommand::Reboot { common, expect_boot, by } => {
            let host = Host::open(&common.root)?;
            let reboot = MayReboot::of(&host, &expect_boot, &lock::this_process(&by, "reboot"))?;
            // A reboot ends the connection, so the answer comes first.
            print(&reboot.answer, common.json, |_| "the host reboots\n".to_owned())?;
            reboot.reboot()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs an update, in a separate systemd unit if systemd runs on the host.
fn install(common: &Common, expect: &str, args: &RunArgs) -> Result<ExitCode, Problem> {
    let host = Host::open(&common.root)?;
    if args.confirm_timeout.is_some() {
        return Err(Problem::new(Code::Usage, "an update of the operating system cannot be confirmed")
            .because("nothing undoes it")
            .help("run the command without --confirm-timeout"));
    }
    let run = args.run.clone().unwrap_or_else(random::run_id);
    if attend::has_units(&host) && !args.in_unit {
        let arguments = std::env::args_os().skip(1).chain(args.repeated(&run)).chain(["--in-unit".into()]);
        let report = attend::in_a_unit(&host, &run, arguments, |line| notice(line, common.json))?;
        return finish(&report, common.json);
    }
    let holder = lock::this_process(&args.by, "os-update").of_revision(args.revision());
    if args.in_unit {
        return attend::update(&host, expect, holder, &run).map(|()| ExitCode::SUCCESS);
    }
    finish(&update::update(&host, expect, holder.of_run(run)), common.json)
}

/// Formats a plan, with one line for each package.
fn shown(plan: &UpdatePlan) -> String {
    let mut text = String::new();
    for package in &plan.apt.repairs {
        let _ = writeln!(text, "complete {package}");
    }
    for package in &plan.apt.packages {
        let to = package.change.to().map_or_else(String::new, |offer| format!(" {}", &*offer.version));
        let _ = writeln!(text, "{}{to}", package.name);
    }
    for held in &plan.held {
        let _ = writeln!(text, "{} stays at {}: {}", held.name, &*held.from, held.why);
    }
    for reason in &plan.reboot {
        let _ = writeln!(text, "reboot required: {reason}");
    }
    for problem in &plan.apt.problems {
        let _ = writeln!(text, "{problem}");
    }
    if text.is_empty() { "no updates\n".to_owned() } else { text }
}
