//! Does the operations of a transaction, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use nixfleet_contract::manifest::{Unit, User};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, CreateHome, Remove, RemoveDirectory, WriteFile, WriteLink,
};
use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{AccountStep, CommandStep, PathStep, ProfileStep, Step, UnitStep};
use nixfleet_contract::values::{Owner, UnitName};

use crate::engine::family::accounts::becoming::Known;
use crate::engine::family::commands::run;
use crate::engine::family::paths::access;
use crate::engine::family::paths::swap::{Places, Swapper};
use crate::engine::health::May;
use crate::engine::state::State;
use crate::engine::transaction::journal::{Facts, Journal, Operation};
use crate::host::accounts::{self, Account, Accounts, Change};
use crate::host::disk;
use crate::host::systemd::{Job, Systemd, Verb, Watch};
use crate::host::{Host, host_file, profile};

/// Does the operations that come before any swap.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::Account`].
pub fn execute_accounts(host: &Host, state: &State, journal: &Journal) -> Result<usize, Problem> {
    let units = BTreeMap::new();
    let mut executor = Executor::new(host, state, &units, journal);
    let first: Vec<&Operation> =
        journal.operations.iter().filter(|operation| operation.step.makes_account()).collect();
    executor.all(&first)
}

/// What [`execute`] did.
pub struct Executed {
    /// How many operations.
    pub done: usize,
    /// The units that were started and have to stay up.
    pub watch: Watch,
    /// Commands that failed, where the change stands all the same.
    pub failed: Vec<Problem>,
}

/// Does all other operations. `may`: whether a failed command of a changed file undoes the change.
///
/// # Errors
/// What the first operation that fails says; nothing is undone yet.
pub fn execute(
    host: &Host,
    state: &State,
    units: &BTreeMap<UnitName, Unit>,
    journal: &Journal,
    may: May,
) -> Result<Executed, Problem> {
    let mut executor = Executor { may, ..Executor::new(host, state, units, journal) };
    let rest: Vec<&Operation> =
        journal.operations.iter().filter(|operation| !operation.step.makes_account()).collect();
    let done = executor.all(&rest)?;
    run::flush_made(host, journal)?;
    Ok(Executed { done, watch: executor.watch, failed: executor.failed })
}

/// Changes accounts.
#[derive(Clone, Copy)]
pub struct AccountSteps<'a> {
    /// Whose account files.
    pub host: &'a Host,
    /// What is owned.
    pub state: &'a State,
}

impl AccountSteps<'_> {
    /// Does all steps that concern accounts; those of users that are not there any more are left out.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Account`].
    pub fn all(self, steps: &[Step]) -> Result<(), Problem> {
        for step in steps {
            match step {
                Step::Account(AccountStep::CreateGroup(CreateGroup { name, gid })) => {
                    accounts::create_group(self.host, name, *gid)?;
                }
                Step::Account(AccountStep::CreateUser(CreateUser { user })) => {
                    accounts::create_user(self.host, user)?;
                }
                Step::Account(AccountStep::ModifyUser(ModifyUser { user, unstated, .. })) => {
                    let user = User { unstated: unstated.clone(), ..user.clone() };
                    self.change(&user.name, Some(&user), None)?;
                }
                Step::Account(AccountStep::ReleaseUser(ReleaseUser { name, .. })) => {
                    self.change(name, None, None)?;
                }
                Step::Account(AccountStep::DisableUser(DisableUser { name, groups })) => {
                    accounts::disable_user(self.host, name, groups)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Changes an account into what it becomes. `before`: what it was when the transaction began; as it is now where
    /// nothing is said.
    fn change(self, name: &Owner, user: Option<&User>, before: Option<&Account>) -> Result<(), Problem> {
        let accounts = Accounts::read(self.host)?;
        let Some(account) = before.or_else(|| accounts.users.get(&**name)) else { return Ok(()) };
        let owned = self.state.users.get(name);
        let becoming = Known { user, account, owned, accounts: &accounts }.becoming();
        let after = becoming.account(account, &accounts);
        accounts::modify_user(self.host, name, Change::between(account, &after))
    }
}

struct Executor<'a> {
    host: &'a Host,
    state: &'a State,
    /// The units that should be there.
    units: &'a BTreeMap<UnitName, Unit>,
    journal: &'a Journal,
    systemd: Option<Systemd>,
    swapper: Swapper<'a>,
    /// Directories in which names changed, to be written to the disk before anything builds on them.
    touched: BTreeSet<String>,
    /// What was started.
    watch: Watch,
    /// Whether a failed command undoes the change.
    may: May,
    /// Commands that failed.
    failed: Vec<Problem>,
}

impl<'a> Executor<'a> {
    fn new(
        host: &'a Host,
        state: &'a State,
        units: &'a BTreeMap<UnitName, Unit>,
        journal: &'a Journal,
    ) -> Self {
        let (systemd, swapper) = (Systemd::of(host), Swapper::new(host));
        let (touched, watch) = (BTreeSet::new(), Watch::new(systemd));
        let (may, failed) = (May::Undo, Vec::new());
        Self { host, state, units, journal, systemd, swapper, touched, watch, may, failed }
    }

    /// A thin loop. Neighbours that concern units go to systemd together, which knows their order.
    fn all(&mut self, operations: &[&Operation]) -> Result<usize, Problem> {
        let mut rest = operations;
        while let Some((first, after)) = rest.split_first() {
            let Some((verb, _)) = unit_job(&first.step) else {
                self.one(first)?;
                rest = after;
                continue;
            };
            self.sync()?;
            let jobs = rest.iter().map_while(|operation| unit_job(&operation.step));
            let jobs: Vec<_> = jobs.take_while(|(other, _)| verb.goes_with(*other)).collect();
            rest = &rest[jobs.len()..];
            self.jobs(&jobs)?;
        }
        self.sync()?;
        Ok(operations.len())
    }

    const fn accounts(&self) -> AccountSteps<'a> {
        AccountSteps { host: self.host, state: self.state }
    }

    fn jobs<'u>(&mut self, jobs: &[(Verb, &'u UnitName)]) -> Result<(), Problem> {
        let Some(systemd) = self.systemd else { return Ok(()) };
        let job = |(verb, unit): &(Verb, &'u UnitName)| Job {
            verb: *verb,
            unit,
            start_limit: wanted(self.units, unit).and_then(Unit::start_limit),
        };
        let states = systemd.carry_out(&jobs.iter().map(job).collect::<Vec<_>>())?;
        for (_, unit) in jobs.iter().filter(|(verb, _)| verb.brings_up()) {
            let settle = wanted(self.units, unit).and_then(Unit::settle);
            self.watch.add(unit, &states.get(*unit).cloned().unwrap_or_default(), settle);
        }
        Ok(())
    }

    fn one(&mut self, operation: &Operation) -> Result<(), Problem> {
        match (&operation.step, &operation.facts) {
            (Step::Account(AccountStep::CreateGroup(CreateGroup { name, gid })), _) => {
                accounts::create_group(self.host, name, *gid)
            }
            (Step::Account(AccountStep::CreateUser(CreateUser { user })), _) => {
                accounts::create_user(self.host, user)
            }
            (
                Step::Account(AccountStep::ModifyUser(ModifyUser { user, unstated, .. })),
                Facts::Account { before: Some(before) },
            ) => {
                let user = User { unstated: unstated.clone(), ..user.clone() };
                self.accounts().change(&user.name, Some(&user), Some(before))
            }
            (
                Step::Account(AccountStep::ReleaseUser(ReleaseUser { name, .. })),
                Facts::Account { before: Some(before) },
            ) => self.accounts().change(name, None, Some(before)),
            (Step::Account(AccountStep::DisableUser(DisableUser { name, groups })), _) => {
                accounts::disable_user(self.host, name, groups)
            }
            (Step::Path(PathStep::CreateHome(CreateHome { path, .. })), Facts::Slot { slot, .. }) => {
                self.touch(path, slot);
                self.swapper.bring_in(Places { path, slot }, None)
            }
            (
                Step::Path(
                    PathStep::WriteFile(WriteFile { path, .. })
                    | PathStep::WriteLink(WriteLink { path, .. })
                    | PathStep::ChangeAccess(ChangeAccess { path, .. })
                    | PathStep::CreateDirectory(CreateDirectory { path, .. })
                    | PathStep::Restore(Remove { path, .. }),
                ),
                Facts::Slot { slot, replaced, .. },
            ) => {
                self.touch(path, slot);
                self.swapper.bring_in(Places { path, slot }, *replaced)
            }
            (Step::Path(PathStep::Remove(Remove { path, .. })), Facts::Slot { slot, replaced, .. }) => {
                self.touch(path, slot);
                self.swapper.take_out(Places { path, slot }, *replaced)
            }
            (Step::Path(PathStep::RemoveDirectory(RemoveDirectory { path })), Facts::Slot { slot, .. }) => {
                self.touch(path, slot);
                self.swapper.take_out_if_empty(Places { path, slot })
            }
            (
                Step::Path(PathStep::ChangeAccess(ChangeAccess { path, after, .. })),
                before @ Facts::Access { .. },
            ) => access::change(self.host, path, before, after),
            (Step::Unit(UnitStep::DaemonReload), _) => {
                self.sync()?;
                self.systemd.map_or(Ok(()), Systemd::daemon_reload)
            }
            (Step::Profile(ProfileStep::SwitchProfile(_)), _) => {
                self.sync()?;
                profile::switch(self.host, &self.journal.after)
            }
            (Step::Command(CommandStep::RunCommand(RunCommand { command, paths })), _) => {
                self.sync()?;
                match (run::run(self.host, command, paths, run::LIMIT), self.may) {
                    (Err(problem), May::Stand) => {
                        self.failed.push(problem);
                        Ok(())
                    }
                    (ran, _) => ran,
                }
            }
            _ => Ok(()),
        }
    }

    fn touch(&mut self, path: &str, slot: &str) {
        for path in [path, slot] {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            if !self.touched.contains(directory) {
                self.touched.insert(directory.to_owned());
            }
        }
    }

    fn sync(&mut self) -> Result<(), Problem> {
        sync_directories(self.host, &std::mem::take(&mut self.touched))
    }
}

/// Writes directories to the disk; those that are gone meanwhile need it no more.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn sync_directories(host: &Host, directories: &BTreeSet<String>) -> Result<(), Problem> {
    for directory in directories {
        match disk::sync_directory(&host.path(directory)) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(host_file("write to the disk", directory, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is said of a unit, or of the template that it is an instance of.
#[must_use]
pub fn wanted<'u>(units: &'u BTreeMap<UnitName, Unit>, unit: &UnitName) -> Option<&'u Unit> {
    units.get(unit).or_else(|| units.get(&unit.template()?))
}

/// What a step does to a unit, if that is what it does.
#[must_use]
pub const fn unit_job(step: &Step) -> Option<(Verb, &UnitName)> {
    match step {
        Step::Unit(UnitStep::StopUnit(UnitJob { unit, .. })) => Some((Verb::Stop, unit)),
        Step::Unit(UnitStep::StartUnit(UnitJob { unit, .. })) => Some((Verb::Start, unit)),
        Step::Unit(UnitStep::RestartUnit(UnitJob { unit, .. })) => Some((Verb::Restart, unit)),
        Step::Unit(UnitStep::ReloadUnit(UnitJob { unit, .. })) => Some((Verb::Reload, unit)),
        _ => None,
    }
}
