//! Undoes a transaction, as far as it came, by looking at what stands where. May be interrupted and begun again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Instant;

use nixfleet_contract::manifest::User;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::commands::{RunCommand, command_line};
use nixfleet_contract::step::paths::{ChangeAccess, CreateDirectory};
use nixfleet_contract::step::{AccountStep, CommandStep, PathStep, ProfileStep, Step};
use nixfleet_contract::values::ManagedPath;
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::engine::family::commands::run;
use crate::engine::family::paths::access;
use crate::engine::family::paths::slots::{self, SLOTS};
use crate::engine::family::paths::swap::{Places, Swapper};
use crate::engine::family::units::undo as units;
use crate::engine::family::units::undo::Units;
use crate::engine::state::{self, OwnedUser, State};
use crate::engine::transaction::execute::sync_directories;
use crate::engine::transaction::journal::{self, Facts, Journal, Operation, Phase};
use crate::host::accounts::{self, Accounts, Change};
use crate::host::activator;
use crate::host::disk;
use crate::host::{HOME, Host, host_file, profile};

/// When something is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// On a running host.
    Running,
    /// While the host boots, before any managed unit has started. What runs follows from enablement then, not from
    /// what ran before; and waiting for a unit would wait for ever, since it waits for us.
    Booting,
}

/// Undoes everything and closes the journal. All is tried, whatever fails on the way. Returns notes: what ran before, is
/// no part of the transaction, and does not come back; commands that fail.
///
/// # Errors
/// [`Code::Recovery`] with what failed first; the journal stays, and the next run tries again.
pub fn undo(host: &Host, journal: &Journal, moment: Moment) -> Result<Vec<String>, Problem> {
    let (noted, failed) = units::note_stopped(host, journal, moment);
    let journal = noted.as_ref().unwrap_or(journal);
    let mut undoer = Undoer {
        host,
        journal,
        moment,
        swapper: Swapper::new(host),
        became: became_directories(journal),
        touched: BTreeSet::new(),
        failures: failed.into_iter().collect(),
        notes: Vec::new(),
    };
    undoer.all();
    if undoer.failures.is_empty() {
        undoer.failures.extend(close(host, journal).err());
    }
    match std::mem::take(&mut undoer.failures).into_iter().next() {
        None => Ok(undoer.notes),
        Some(problem) => {
            Err(Problem::new(Code::Recovery, "The host could not be brought back to how it was")
                .at(problem.location.clone().unwrap_or_default())
                .because(&problem)
                .help("mend the cause, then apply again: recovery goes on where it stopped"))
        }
    }
}

/// Directories that took the place of something, with their inodes.
fn became_directories(journal: &Journal) -> BTreeMap<&str, u64> {
    let became =
        journal.operations.iter().filter_map(|operation| match (&operation.step, &operation.facts) {
            (
                Step::Path(PathStep::CreateDirectory(CreateDirectory { path, .. })),
                Facts::Slot { staged, replaced: Some(_), .. },
            ) => Some((&**path, (*staged)?)),
            _ => None,
        });
    became.collect()
}

struct Undoer<'a> {
    host: &'a Host,
    journal: &'a Journal,
    moment: Moment,
    swapper: Swapper<'a>,
    became: BTreeMap<&'a str, u64>,
    touched: BTreeSet<String>,
    failures: Vec<Problem>,
    notes: Vec<String>,
}

impl Undoer<'_> {
    fn all(&mut self) {
        let swapping = self.journal.phase == Phase::Swapping;
        let units = Units::of(self.host, self.journal).filter(|_| swapping);
        self.failures.extend(units.iter().flat_map(|units| units.stop(self.moment)));
        for operation in self.journal.operations.iter().rev() {
            if let Err(problem) = self.one(operation, swapping) {
                self.failures.push(problem);
            }
        }
        let synced = sync_directories(self.host, &self.touched);
        self.failures.extend(synced.err());
        if let Some(units) = &units {
            self.failures.extend(units.reread(self.moment));
        }
        if swapping {
            self.commands();
        }
        if let Some(units) = units {
            let back = units.bring_back(self.moment);
            self.failures.extend(back.failures);
            self.notes.extend(back.notes);
        }
    }

    /// Runs the commands of files once the old files are back. A command that fails does not stop the undo.
    fn commands(&mut self) {
        let mut back: BTreeMap<&[String], BTreeSet<ManagedPath>> = BTreeMap::new();
        for operation in &self.journal.operations {
            if let (
                Step::Command(CommandStep::RunCommand(RunCommand { paths, .. })),
                Facts::Command { back: commands },
            ) = (&operation.step, &operation.facts)
            {
                for command in commands {
                    back.entry(command).or_default().extend(paths.iter().cloned());
                }
            }
        }
        let began = Instant::now();
        for (command, paths) in back {
            let limit = match self.moment {
                Moment::Running => run::LIMIT,
                Moment::Booting => run::LIMIT_AT_BOOT.saturating_sub(began.elapsed()),
            };
            if let Err(problem) = run::run(self.host, command, &paths, limit) {
                let why = problem.why.unwrap_or_default();
                let command = command_line(command);
                self.notes.push(format!("{command} failed with the files as they were before: {why}"));
            }
        }
        self.failures.extend(run::flush_made(self.host, self.journal).err());
    }

    fn one(&mut self, operation: &Operation, swapping: bool) -> Result<(), Problem> {
        let begun = self.journal.has_touched();
        match (&operation.step, &operation.facts) {
            (
                Step::Account(AccountStep::CreateUser(CreateUser { user })),
                Facts::Account { before: None },
            ) if begun => {
                accounts::disable_user(self.host, &user.name, &user.extra_groups.iter().cloned().collect())
            }
            (
                Step::Account(
                    AccountStep::ModifyUser(ModifyUser { user: User { name, .. }, .. })
                    | AccountStep::ReleaseUser(ReleaseUser { name, .. })
                    | AccountStep::DisableUser(DisableUser { name, .. }),
                ),
                Facts::Account { before },
            ) if begun => {
                let accounts = Accounts::read(self.host)?;
                match (before, accounts.users.get(&**name)) {
                    (Some(before), Some(now)) if now != before => {
                        accounts::modify_user(self.host, name, Change::between(now, before))
                    }
                    _ => Ok(()),
                }
            }
            (_, Facts::Slot { slot, staged, .. }) if swapping => self.slot(&operation.step, slot, *staged),
            (
                Step::Path(PathStep::ChangeAccess(ChangeAccess { path, .. })),
                before @ Facts::Access { .. },
            ) if swapping => {
                self.notes.extend(access::give_back(self.host, path, before)?);
                Ok(())
            }
            (Step::Profile(ProfileStep::SwitchProfile(_)), Facts::Profile { begun }) if swapping => {
                profile::switch_back(self.host, self.journal.before.as_ref(), *begun)
            }
            _ => Ok(()),
        }
    }

    fn slot(&mut self, step: &Step, slot: &str, staged: Option<u64>) -> Result<(), Problem> {
        let Some(path) = step.path() else { return Ok(()) };
        if self.is_gone_from_above(path)? {
            return Ok(());
        }
        let places = Places { path, slot };
        for path in [&**path, slot] {
            self.touched.insert(path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned());
        }
        let Some(staged) = staged else { return self.swapper.put_back(places) };
        if matches!(step, Step::Path(PathStep::CreateHome(_))) {
            return self.swapper.take_home(self.host, places, staged);
        }
        if matches!(step, Step::Path(PathStep::CreateDirectory(_)))
            && !self.swapper.remove_created(places, staged)?
        {
            return Ok(());
        }
        self.swapper.bring_back(places, staged)
    }

    /// Whether a path would stand in a directory that is not there: it has made way already for what stood there before,
    /// or never came.
    fn is_gone_from_above(&mut self, path: &ManagedPath) -> Result<bool, Problem> {
        for (at, _) in path.match_indices('/').skip(1) {
            if let Some(staged) = self.became.get(&path[..at])
                && self.swapper.stands_at(&path[..at])? != Some(*staged)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Accounts are never deleted, so the state has to know of those that were created all the same.
fn remember_accounts(host: &Host, journal: &Journal) -> Result<(), Problem> {
    if !journal.has_touched() {
        return Ok(());
    }
    let (mut state, _) = State::read(host)?;
    let accounts = Accounts::read(host)?;
    let before = state.clone();
    for operation in &journal.operations {
        match &operation.step {
            Step::Account(AccountStep::CreateUser(CreateUser { user }))
                if accounts.users.contains_key(&*user.name) =>
            {
                let uid = accounts.users.get(&*user.name).map(|account| account.uid);
                let owned = state.users.entry(user.name.clone()).or_default();
                *owned = OwnedUser { created: true, uid, disabled: true, ..OwnedUser::default() };
            }
            Step::Account(AccountStep::CreateGroup(CreateGroup { name, .. }))
                if accounts.groups.contains_key(&**name) =>
            {
                state.groups.insert(name.clone());
            }
            _ => {}
        }
    }
    if state == before { Ok(()) } else { host.write_record(state::RECORD, &state) }
}

/// Removes slots and copies that nobody needs, in the end the journal. What could not go back, since somebody removed the
/// directory it stood in, stays in its slot, and the next run keeps it.
fn close(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let mut swapper = Swapper::new(host);
    for operation in &journal.operations {
        if let Facts::Slot { slot, staged, .. } = &operation.facts {
            let is_home = matches!(operation.step, Step::Path(PathStep::CreateHome(_)));
            let never_swapped = journal.phase != Phase::Swapping;
            if is_home && never_swapped {
                swapper.clear_home(slot)?;
            } else if never_swapped || swapper.slot_holds(slot)? == *staged {
                swapper.clear(slot)?;
            }
        }
        if let Some(kept) = &operation.kept {
            swapper.clear(kept)?;
            if slots::is_original(kept) {
                forget_original(host, kept)?;
            }
        }
    }
    remove_slots(host, journal)?;
    // Only now, when there is room again: it may be the lack of it that is undone.
    remember_accounts(host, journal)?;
    forget_transaction(host)?;
    host.remove_record(journal::RECORD)
}

/// Removes what only the closure of a transaction needed that did not come about.
///
/// # Errors
/// [`Code::HostFile`].
pub fn forget_transaction(host: &Host) -> Result<(), Problem> {
    profile::unpin(host)?;
    // A host with a generation keeps the newest activator, whatever became of what that one did.
    let is_managed = State::read(host).map_or(true, |(state, _)| state.generation.is_some());
    activator::tidy(host, is_managed)
}

/// Removes the directory of an original.
///
/// # Errors
/// [`Code::HostFile`].
pub fn forget_original(host: &Host, kept: &str) -> Result<(), Problem> {
    let directory = kept.rsplit_once('/').map_or(kept, |(directory, _)| directory);
    match disk::remove_tree(&host.path(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(host_file("remove", directory, &error)),
        _ => Ok(()),
    }
}

/// Removes the directory of the slots of a transaction; what somebody put into a directory that goes stays there.
///
/// # Errors
/// [`Code::HostFile`].
pub fn remove_slots(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let slots = format!("{HOME}/{SLOTS}/{}", journal.transaction);
    match disk::remove_directory(CWD, host.path(&slots)) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(host_file("remove", slots, &errno.into())),
    }
}
