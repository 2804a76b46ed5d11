//! Selects the parts of a plan that can be validated, without reading files or running programs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nixfleet_contract::inspected::{is_inspected, may_hold_keys};
use nixfleet_contract::login::Login;
use nixfleet_contract::manifest::{Access, Entry, FileEntry};
use nixfleet_contract::step::accounts::{DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::paths::{ChangeAccess, CreateDirectory, Remove, WriteFile, WriteLink};
use nixfleet_contract::step::{AccountStep, PathStep, Step};
use nixfleet_contract::values::{ManagedPath, UnitName};
use serde::{Deserialize, Serialize};

use crate::engine::family::paths::ownership::WAITING;
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::engine::recovery_unit;
use crate::engine::state::Origin;
use crate::engine::validate::question::{Question, may_come};
use crate::host::accounts::Accounts;
use crate::host::preview::{Changes, Ids, PathChange};

/// The directory of the administrator's unit files.
pub const UNITS: &str = "/etc/systemd/system";
/// The id of `nobody`, which the preview uses for users and groups that do not exist yet.
const NOBODY: u32 = 65534;
/// The files and directories that determine who can log in and become root.
const WAYS_IN: [&str; 13] = [
    "/etc/ssh",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/pam.d",
    "/etc/security",
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/shells",
    "/etc/nsswitch.conf",
    "/etc/hosts.allow",
    "/etc/hosts.deny",
    "/etc/nologin",
];

/// The parts of a plan to validate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The changes of paths.
    pub changes: Changes,
    /// The account steps, if these steps can affect the login.
    pub accounts: Vec<AccountStep>,
    /// Whether the sudo rules change.
    pub sudoers: bool,
    /// Whether the sshd configuration changes.
    pub sshd: bool,
    /// The units whose files change.
    pub units: BTreeSet<UnitName>,
    /// The user who must still be able to log in, if the change can affect the login.
    pub login: Option<Login>,
    /// The program that is run with sudo to check whether the user can become root.
    pub program: PathBuf,
    /// The validation commands of files.
    pub questions: Vec<Question>,
    /// The changed files that other users may not read.
    pub private: BTreeSet<ManagedPath>,
    /// Whether programs in the Nix store may be missing because the closure has not been copied yet.
    pub closure_comes: bool,
}

impl Subject {
    /// Selects the parts of a plan that can be validated. `login` is the user who must still be able to log
    /// in after the change, if any.
    #[must_use]
    pub fn of(planned: &PlannedTransaction, target: &Target, login: Option<&Login>) -> Self {
        let steps = &planned.plan.steps;
        let changes: Changes = steps.iter().filter_map(|step| change(step, planned, target)).collect();
        let within = |place: &str| {
            changes.keys().any(|path| {
                path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let login = login.filter(|login| {
            let home = planned.observed.accounts.users.get(&login.user).map(|account| account.home.as_str());
            WAYS_IN.iter().any(|place| within(place))
                || changes.keys().any(|path| holds_keys(path, &login.user, home))
                || steps.iter().any(is_move)
                || account_steps(steps).any(|step| concerns(step, &login.user))
        });
        let accounts = account_steps(steps).filter(|_| login.is_some()).cloned().collect();
        Self {
            sudoers: within("/etc/sudoers") || within("/etc/sudoers.d"),
            sshd: within("/etc/ssh/sshd_config") || within("/etc/ssh/sshd_config.d"),
            units: units(&changes, target),
            accounts,
            login: login.cloned(),
            program: PathBuf::from(&target.closure).join("activate"),
            private: private(&changes, target),
            changes,
            questions: Vec::new(),
            closure_comes: !target.is_here(),
        }
    }

    /// Adds the validation commands for a plan, which run on copies that only this process sees. A file is
    /// left out if its content is not on the host yet.
    #[must_use]
    pub fn for_plan(mut self, planned: &PlannedTransaction, target: &Target, program: PathBuf) -> Self {
        let questions = planned.plan.steps.iter().filter_map(|step| question(step, planned, target));
        self.questions = questions.collect();
        if !self.questions.is_empty() && self.accounts.is_empty() {
            let steps = account_steps(&planned.plan.steps);
            self.accounts = steps.filter(|step| step.makes_account()).cloned().collect();
        }
        if self.closure_comes {
            self.program = program;
        }
        self
    }

    /// Whether there is nothing to validate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.sudoers
            && !self.sshd
            && self.units.is_empty()
            && self.login.is_none()
            && self.questions.is_empty()
    }

    /// Lists, for a message, the parts to validate. `files` contains the files that have validation commands.
    #[must_use]
    pub fn named<'f>(&self, files: impl Iterator<Item = &'f ManagedPath>) -> String {
        let rules = [(self.sudoers, "the rules of sudo"), (self.sshd, "the configuration of sshd")];
        let rules = rules.into_iter().filter(|(is_it, _)| *is_it).map(|(_, name)| name.to_owned());
        let units = self.units.iter().map(ToString::to_string);
        let login = self.login.iter().map(|login| format!("the login of {}", login.user));
        let files = files.map(ToString::to_string);
        rules.chain(units).chain(login).chain(files).collect::<Vec<_>>().join(", ")
    }
}

/// Returns the files in a plan that tools inspect.
pub fn inspected<'a>(
    planned: &'a PlannedTransaction,
    target: &'a Target,
    login: Option<&'a Login>,
) -> impl Iterator<Item = (&'a ManagedPath, &'a FileEntry)> {
    let user = login.map_or("root", |login| login.user.as_str());
    planned.plan.steps.iter().filter_map(move |step| {
        let (path, file) = written(step, target)?;
        is_inspected(path, file, user).then_some((path, file))
    })
}

/// Returns the file that a step writes, with its path.
fn written<'a>(step: &'a Step, target: &'a Target) -> Option<(&'a ManagedPath, &'a FileEntry)> {
    let Step::Path(PathStep::WriteFile(WriteFile { path, .. })) = step else { return None };
    match target.manifest.entries.get(path)? {
        Entry::File(file) => Some((path, file)),
        Entry::Directory(_) | Entry::Link(_) | Entry::Absent(_) => None,
    }
}

/// Returns the validation command of the file that a step writes, if the command and the content are on the
/// host.
fn question(step: &Step, planned: &PlannedTransaction, target: &Target) -> Option<Question> {
    let (path, file) = written(step, target)?;
    let accounts = &planned.observed.accounts;
    let is_there = accounts.uid(&file.access.owner).is_some() && accounts.gid(&file.access.group).is_some();
    let access = if is_there {
        ids(accounts, &file.access)
    } else {
        // Until its owner exists, a file is staged with these rights.
        Ids { uid: 0, gid: 0, mode: file.access.mode.bits() & WAITING }
    };
    Some(Question {
        path: path.clone(),
        argv: file.validate.clone().filter(|argv| !may_come(argv))?,
        content: target.place(path, file)?,
        access: Some(access),
        private: target.manifest.is_private(path, &file.access),
    })
}

/// Returns the changed files that other users may not read.
fn private(changes: &Changes, target: &Target) -> BTreeSet<ManagedPath> {
    let is_private = |path: &ManagedPath| match target.manifest.entries.get(path) {
        Some(Entry::File(file)) => target.manifest.is_private(path, &file.access),
        Some(Entry::Directory(_) | Entry::Link(_) | Entry::Absent(_)) | None => false,
    };
    changes.keys().filter(|path| is_private(path)).cloned().collect()
}

/// Whether a path may contain the keys for a login of the user, or is a parent directory of such a path.
fn holds_keys(path: &ManagedPath, user: &str, home: Option<&str>) -> bool {
    let under_home = home.is_some_and(|home| {
        path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with("/.ssh"))
            || home.strip_prefix(&**path).is_some_and(|rest| rest.starts_with('/'))
    });
    under_home || may_hold_keys(path, user)
}

/// Whether a step moves a directory, which may contain keys.
const fn is_move(step: &Step) -> bool {
    matches!(step, Step::Path(PathStep::MoveAway(_) | PathStep::MoveBack(_)))
}

/// Returns the steps on accounts.
fn account_steps(steps: &[Step]) -> impl Iterator<Item = &AccountStep> {
    steps.iter().filter_map(Step::as_account)
}

/// Whether a step changes the existing account of a user.
fn concerns(step: &AccountStep, user: &str) -> bool {
    match step {
        AccountStep::ModifyUser(ModifyUser { user: changed, .. }) => *changed.name == *user,
        AccountStep::ReleaseUser(ReleaseUser { name, .. })
        | AccountStep::DisableUser(DisableUser { name, .. }) => **name == *user,
        AccountStep::CreateGroup(_) | AccountStep::CreateUser(_) => false,
    }
}

/// Returns the path of a step and its change, or `None` if the preview does not need the change.
fn change(step: &Step, planned: &PlannedTransaction, target: &Target) -> Option<(ManagedPath, PathChange)> {
    let ids = |access: &Access| ids(&planned.observed.accounts, access);
    let step = step.as_path()?;
    let change = match step {
        PathStep::WriteFile(WriteFile { path, .. }) => {
            let Some(Entry::File(file)) = target.manifest.entries.get(path) else { return None };
            let source = target.place(path, file).unwrap_or_else(|| target.source(&file.source));
            PathChange::File { source, access: ids(&file.access) }
        }
        PathStep::WriteLink(WriteLink { target, .. }) => PathChange::Link { target: target.clone() },
        PathStep::CreateDirectory(CreateDirectory { access, .. }) => {
            PathChange::Directory { access: ids(access) }
        }
        PathStep::ChangeAccess(ChangeAccess { after, .. }) => PathChange::Access { access: ids(after) },
        PathStep::Remove(_) | PathStep::MoveAway(_) => PathChange::Gone,
        PathStep::Restore(Remove { path, .. }) => match &planned.state.paths.get(path)?.origin {
            Origin::Original { backup } => PathChange::Restored { from: PathBuf::from(&**backup) },
            Origin::Created | Origin::Moved { .. } | Origin::Existed { .. } => return None,
        },
        PathStep::MoveBack(Remove { path, .. }) => match &planned.state.paths.get(path)?.origin {
            Origin::Moved { backup } => PathChange::Restored { from: PathBuf::from(&**backup) },
            Origin::Created | Origin::Original { .. } | Origin::Existed { .. } => return None,
        },
        PathStep::CreateHome(_) | PathStep::Own(_) | PathStep::RemoveDirectory(_) | PathStep::Release(_) => {
            return None;
        }
    };
    Some((step.path().clone(), change))
}

fn ids(accounts: &Accounts, access: &Access) -> Ids {
    Ids {
        uid: accounts.uid(&access.owner).unwrap_or(NOBODY),
        gid: accounts.gid(&access.group).unwrap_or(NOBODY),
        mode: access.mode.bits(),
    }
}

/// Returns the units whose file or drop-ins get new content, except units with `verify = false`.
fn units(changes: &Changes, target: &Target) -> BTreeSet<UnitName> {
    // The recovery unit is skipped, since its content comes from this program.
    let written = changes
        .iter()
        .filter(|(path, change)| matches!(change, PathChange::File { .. }) && !recovery_unit::has(path));
    let names = written.filter_map(|(path, _)| unit_of(path));
    let is_verified = |name: &UnitName| target.manifest.units.get(name).is_none_or(|unit| unit.verify);
    names.filter(is_verified).collect()
}

/// Returns the unit to which a unit file or drop-in of the administrator belongs.
#[must_use]
pub fn unit_of(path: &str) -> Option<UnitName> {
    let inside = path.strip_prefix(UNITS)?.strip_prefix('/')?;
    let name = match inside.split_once('/') {
        None => inside,
        Some((directory, drop_in)) => {
            drop_in.strip_suffix(".conf").filter(|stem| !stem.contains('/'))?;
            directory.strip_suffix(".d")?
        }
    };
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_known_by_its_file_and_by_its_drop_ins() {
        let unit = |path: &str| unit_of(path).map(String::from);
        assert_eq!(unit("/etc/systemd/system/web.service").as_deref(), Some("web.service"));
        assert_eq!(unit("/etc/systemd/system/web@.service.d/10-a.conf").as_deref(), Some("web@.service"));
        assert_eq!(unit("/etc/systemd/system/multi-user.target.wants/web.service"), None);
        assert_eq!(unit("/etc/systemd/system/web.service.d/note.txt"), None);
        assert_eq!(unit("/etc/systemd/web.service"), None);
    }

    #[test]
    fn keys_are_found_wherever_they_may_be() {
        let holds = |path: &str| holds_keys(&path.parse().unwrap(), "ada", Some("/home/ada"));
        for path in
            ["/home/ada/.ssh/authorized_keys", "/home/ada/.ssh", "/home/ada", "/home", "/var/keys/ada"]
        {
            assert!(holds(path), "{path}");
        }
        for path in ["/home/ada/notes", "/home/adam/.ssh/x", "/etc/motd"] {
            assert!(!holds(path), "{path}");
        }
    }
}
