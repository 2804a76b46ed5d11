//! Checks the programs that a change depends on: the programs of `onChange` commands, and the shells of
//! users.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nixfleet_contract::manifest::{Entry, Manifest, UserField};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::step::accounts::{CreateUser, ModifyUser};
use nixfleet_contract::step::{AccountStep, PathStep, Step};

use crate::host::{Host, profile};

/// Returns warnings for users whose shell does not exist, since these users could not log in.
#[must_use]
pub fn missing_shells(host: &Host, manifest: &Manifest, steps: &[Step]) -> Vec<Warning> {
    let warning = |step: &Step| {
        let Step::Account(
            AccountStep::CreateUser(CreateUser { user }) | AccountStep::ModifyUser(ModifyUser { user, .. }),
        ) = step
        else {
            return None;
        };
        let is_asked_for =
            matches!(step, Step::Account(AccountStep::CreateUser(_))) || user.states(UserField::Shell);
        let why = lacks(host, manifest, steps, &user.shell).filter(|_| is_asked_for)?;
        let what = format!("nobody could log in as {}, since the shell cannot be run: {why}", user.name);
        Some(Warning { subject: user.name.to_string(), what })
    };
    if host.is_machine() { steps.iter().filter_map(warning).collect() } else { Vec::new() }
}

/// Returns the reason why a program cannot be run once the files of a change are in place. Returns `None` if
/// no such reason is known in advance.
#[must_use]
pub fn lacks(host: &Host, manifest: &Manifest, steps: &[Step], program: &str) -> Option<String> {
    // Programs in the store and in the profile come with the closure.
    if program.starts_with("/nix/store/") || program.starts_with(profile::DIRECTORY) {
        return None;
    }
    let goes = |step: &Step| {
        step.as_path().is_some_and(|step| match step {
            PathStep::Remove(step) => *step.path == *program,
            PathStep::MoveAway(step) => Path::new(program).starts_with(&*step.path),
            PathStep::CreateHome(_)
            | PathStep::CreateDirectory(_)
            | PathStep::WriteFile(_)
            | PathStep::WriteLink(_)
            | PathStep::ChangeAccess(_)
            | PathStep::Own(_)
            | PathStep::Restore(_)
            | PathStep::MoveBack(_)
            | PathStep::RemoveDirectory(_)
            | PathStep::Release(_) => false,
        })
    };
    match manifest.entries.iter().find(|(path, _)| ***path == *program).map(|(_, entry)| entry) {
        Some(Entry::File(file)) if file.access.mode.bits() & 0o111 != 0 => None,
        Some(Entry::File(file)) => {
            Some(format!("{program} gets mode {}, so it cannot be executed", file.access.mode))
        }
        Some(Entry::Link(_)) => None,
        Some(Entry::Directory(_)) => Some(format!("{program} is a directory")),
        Some(Entry::Absent(_)) => Some(format!("{program} is removed by the change")),
        None if steps.iter().any(goes) => Some(format!("{program} is removed by the change")),
        None => not_there(&host.path(program), program),
    }
}

fn not_there(at: &Path, program: &str) -> Option<String> {
    match at.metadata() {
        Err(error) => Some(format!("{program}: {error}")),
        Ok(found) if !found.is_file() => Some(format!("{program} is not a file")),
        Ok(found) if !is_executable(&found) => Some(format!("{program} is not executable")),
        Ok(_) => None,
    }
}

fn is_executable(found: &Metadata) -> bool {
    found.permissions().mode() & 0o111 != 0
}
