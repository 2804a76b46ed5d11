//! Runs the `onChange` commands of changed files. During planning, finds the commands that cannot run.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::commands::{RunCommand, command_line};
use nixfleet_contract::step::{CommandStep, Step};
use nixfleet_contract::values::ManagedPath;
use rustix::fs::fstat;

use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::plan::programs;
use crate::engine::plan::target::Target;
use crate::engine::transaction::journal::Journal;
use crate::engine::validate::secrecy::Secrecy;
use crate::host::command;
use crate::host::walk::{Walk, WalkRefusal};
use crate::host::{Host, disk, host_file, profile};

/// The time limit for one command.
pub const LIMIT: Duration = Duration::from_secs(300);
/// The time limit for all commands together while the host boots. systemd gives the recovery unit 300 seconds
/// (`TimeoutStartSec=`), and nothing else starts before the recovery unit ends.
pub const LIMIT_AT_BOOT: Duration = Duration::from_secs(120);

/// Runs a command and waits until it ends. If the host is a directory tree and not a machine, the command
/// runs only in tests. An error becomes part of reports and histories. Therefore, words from files that other
/// users cannot read are removed from the error.
///
/// # Errors
/// [`Code::Command`].
pub fn run(
    host: &Host,
    argv: &[String],
    paths: &BTreeSet<ManagedPath>,
    limit: Duration,
) -> Result<(), Problem> {
    if !host.is_machine() && !cfg!(feature = "fault-injection") {
        return Ok(());
    }
    let path = profile::search_path();
    let failed = |why: String| {
        Problem::new(Code::Command, "the onChange command of a changed file failed")
            .at(command_line(argv))
            .because(why)
            .help(
                "run the command on the host to see its whole output, correct the command or the file, \
                 then apply again",
            )
    };
    let program = argv.first().map_or("", String::as_str);
    let finished = command::run_from(&path, argv, limit, || false)
        .map_err(|error| failed(format!("{program} cannot be run: {error}")))?;
    if finished.success() {
        return Ok(());
    }
    let discreet = |words: String| {
        let secret = paths.iter().map(|path| host.path(path)).filter(|file| is_private(file));
        let secret: Vec<PathBuf> = secret.collect();
        Secrecy::of(secret.iter().map(PathBuf::as_path)).hide(&words)
    };
    let late = || format!("the command did not end within {} s and was killed", limit.as_secs());
    Err(failed(finished.failure(discreet).unwrap_or_else(late)))
}

/// Syncs the filesystems in which the commands of a transaction may have generated files: the filesystems of
/// `/etc`, of `/var`, and of the directories that contain the changed files.
///
/// # Errors
/// [`Code::HostFile`].
pub fn flush_made(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let commands = journal.commands();
    let mut paths = commands.flat_map(|CommandEntry::RunCommand { step, .. }| &step.paths).peekable();
    if paths.peek().is_none() {
        return Ok(());
    }
    let beside = paths.filter_map(ManagedPath::parent).map(|directory| directory.to_string());
    let usual = ["/etc", "/var"].map(str::to_owned);
    let directories: BTreeSet<String> = beside.chain(usual).collect();
    let (mut walk, mut done) = (Walk::new(host), BTreeSet::new());
    for directory in directories {
        // Skips a directory that cannot be opened safely. A command or the owner of the directory may have
        // replaced the directory with a link, or mounted a filesystem on the directory.
        let Ok(Some(opened)) = walk.way_to(&format!("{directory}/")) else { continue };
        let written = fstat(opened.fd).map_err(io::Error::from).and_then(|found| {
            if done.insert(found.st_dev) {
                disk::sync_filesystem(opened.fd).map_err(Into::into)
            } else {
                Ok(())
            }
        });
        written.or_else(|error| {
            let problem = host_file("sync", &directory, &error);
            WalkRefusal::within(opened, &error, problem).unless_of_others()
        })?;
    }
    Ok(())
}

/// The steps of a plan after the programs of its commands have been looked up.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// The steps, without the commands that were dropped with a warning.
    pub steps: Vec<Step>,
    /// One problem for each command that cannot run and was not dropped.
    pub problems: Vec<Problem>,
    /// One warning for each command that was dropped because it cannot run.
    pub warnings: Vec<Warning>,
}

/// Checks that the program of each command exists on the host or in the closure. A missing program is usually
/// a problem. If the files of the command will be removed, or if the host returns to an earlier generation,
/// the command is dropped with a warning instead.
#[must_use]
pub fn foresee(host: &Host, target: &Target, steps: Vec<Step>) -> Foreseen {
    let missing = |step: &Step| {
        let Step::Command(CommandStep::RunCommand(RunCommand { command, .. })) = step else { return None };
        programs::lacks(host, &target.manifest, &steps, command.first()?)
    };
    let missing: Vec<Option<String>> =
        steps.iter().map(|step| missing(step).filter(|_| host.is_machine())).collect();
    let mut foreseen = Foreseen::default();
    for (step, missing) in steps.into_iter().zip(missing) {
        if let (Step::Command(CommandStep::RunCommand(RunCommand { command, paths })), Some(why)) =
            (&step, missing)
        {
            let mut declared = paths.iter().filter(|path| target.manifest.entries.contains_key(*path));
            let Some(path) = declared.next().filter(|_| target.number.is_none()) else {
                let subject = paths.first().map(ToString::to_string).unwrap_or_default();
                let what = format!("{} cannot be run: {why}", command_line(command));
                foreseen.warnings.push(Warning { subject, what });
                continue;
            };
            foreseen.problems.push(cannot_run(path, &why));
        }
        foreseen.steps.push(step);
    }
    foreseen
}

fn cannot_run(path: &ManagedPath, why: &str) -> Problem {
    Problem::new(Code::Command, "the onChange command of a changed file cannot be run on the host")
        .at(format!("nixfleet.files.{:?}.onChange", &**path))
        .because(why)
        .help(
            "correct the path of the program, install the program on the host, or use a program from a Nix \
             package",
        )
}

/// Whether a file is unreadable for other users, because of its mode or the mode of a directory above it.
fn is_private(file: &Path) -> bool {
    let lacks = |path: &Path, bit: u32| {
        path.symlink_metadata().is_ok_and(|metadata| metadata.permissions().mode() & bit == 0)
    };
    lacks(file, 0o004) || file.ancestors().skip(1).any(|above| lacks(above, 0o001))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn machine() -> Host {
        Host::open(Path::new("/")).unwrap()
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let began = Instant::now();
        let words = ["/bin/sleep", "60"].map(str::to_owned);
        let problem = run(&machine(), &words, &BTreeSet::new(), Duration::from_millis(50)).unwrap_err();
        assert!(problem.to_string().contains("did not end within 0 s"), "{problem}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_command_that_fails_says_why() {
        let words = ["/bin/sh", "-c", "echo no room >&2; exit 3"].map(str::to_owned);
        let problem = run(&machine(), &words, &BTreeSet::new(), LIMIT).unwrap_err();
        expect_test::expect![[r#"
            [NF-422] the onChange command of a changed file failed
              where: /bin/sh -c "echo no room >&2; exit 3"
              why: exit code 3: no room
              help: run the command on the host to see its whole output, correct the command or the file, then apply again"#]]
        .assert_eq(&problem.to_string());
        let words = ["/nonexistent/tool".to_owned()];
        expect_test::expect![[r#"
            [NF-422] the onChange command of a changed file failed
              where: /nonexistent/tool
              why: /nonexistent/tool cannot be run: No such file or directory (os error 2)
              help: run the command on the host to see its whole output, correct the command or the file, then apply again"#]]
        .assert_eq(&run(&machine(), &words, &BTreeSet::new(), LIMIT).unwrap_err().to_string());
    }
}
