//! Plans the changes of users and groups.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::{Entry, User, UserField};
use nixfleet_contract::nixos::{NixosSystem, SystemAccounts};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{AccountStep, Step, UnitStep};
use nixfleet_contract::values::{AccountName, ManagedPath, Owner, UnitName};

use crate::engine::family::accounts::target_account::{self, AccountInputs, TargetAccount, given};
use crate::engine::family::paths::late_owners;
use crate::engine::plan::diff::Differ;
use crate::engine::state::OwnedUser;
use crate::host::accounts::{Account, Process};
use crate::host::systemd::UnitState;

/// The account steps at the beginning of a plan (`create`) and at its end (`end`).
#[derive(Default)]
pub(in crate::engine) struct AccountSteps {
    pub(in crate::engine) create: Vec<Step>,
    pub(in crate::engine) end: Vec<Step>,
}

impl Differ<'_> {
    pub(in crate::engine) fn accounts(&mut self) -> AccountSteps {
        let mut steps = AccountSteps::default();
        let manifest = self.manifest;
        for group in &manifest.groups {
            match self.observed.accounts.groups.get(&*group.name) {
                None => {
                    if self.in_force {
                        self.drifted(&group.name, "missing");
                    }
                    steps.create.push(Step::Account(AccountStep::CreateGroup(CreateGroup {
                        name: group.name.clone(),
                        gid: group.gid,
                    })));
                }
                Some(gid) if group.gid.is_some_and(|declared| declared != *gid) => {
                    self.other_id("groups", &group.name, *gid);
                }
                Some(_) => {}
            }
        }
        for user in &manifest.users {
            self.primary_group(user, &mut steps);
        }
        for user in &manifest.users {
            self.user(user, &mut steps);
        }
        steps
    }

    /// Plans the end of management for users that the manifest no longer declares. `stopped` contains the
    /// steps that stop units earlier in the same plan.
    pub(in crate::engine) fn former_accounts(&mut self, stopped: &[Step], steps: &mut AccountSteps) {
        let state = self.state;
        for (name, owned) in &state.users {
            let Some(account) = self.observed.accounts.users.get(&**name) else { continue };
            if self.manifest.users.iter().any(|user| user.name == *name) {
                continue;
            }
            let groups = given(account, owned);
            if owned.created && (!owned.disabled || !groups.is_empty()) {
                steps.end.push(Step::Account(AccountStep::DisableUser(DisableUser {
                    name: name.clone(),
                    groups,
                })));
            } else if !owned.created {
                let target = self.target_account(None, account, Some(owned));
                self.says_what_stays(name, &target);
                self.home_in_use(name, account, &target.home, stopped);
                let changes = self.changes(account, &target);
                if !changes.is_empty() {
                    steps.end.push(Step::Account(AccountStep::ReleaseUser(ReleaseUser {
                        name: name.clone(),
                        changes,
                    })));
                }
            }
        }
    }

    fn target_account(
        &self,
        user: Option<&User>,
        account: &Account,
        owned: Option<&OwnedUser>,
    ) -> TargetAccount {
        AccountInputs { user, account, owned, accounts: &self.observed.accounts }.target()
    }

    /// Returns the primary group that a user must get, or `None` if the user keeps the group of the existing
    /// account.
    fn group_to_get<'u>(&self, user: &'u User) -> Option<&'u Owner> {
        let exists = self.observed.accounts.users.contains_key(&*user.name);
        let decides =
            !exists || target_account::states(user, UserField::Group, self.state.users.get(&user.name));
        decides.then_some(&user.group)
    }

    /// Plans the creation of a user's primary group if the group neither exists nor is in the manifest.
    fn primary_group(&mut self, user: &User, steps: &mut AccountSteps) {
        let Some(group) = self.group_to_get(user).filter(|group| !self.group_is_there(group)) else { return };
        match group.parse::<AccountName>() {
            Ok(name) => {
                let step = Step::Account(AccountStep::CreateGroup(CreateGroup { name, gid: None }));
                if !steps.create.contains(&step) {
                    if self.in_force {
                        self.drifted(group, "missing");
                    }
                    steps.create.push(step);
                }
            }
            // The user has the same invalid name as the group. `new_user` reports the invalid name.
            Err(_) if **group == *user.name => {}
            Err(invalid) => self.problems.push(
                Problem::new(
                    Code::Account,
                    format!("the primary group `{group}` does not exist and cannot be created"),
                )
                .at(format!("nixfleet.users.{}.group", quoted(&user.name)))
                .because(invalid)
                .help("correct the name, or create the group on the host by hand"),
            ),
        }
    }

    fn user(&mut self, user: &User, steps: &mut AccountSteps) {
        let missing: Vec<&Owner> =
            user.extra_groups.iter().filter(|group| !self.group_will_exist(group)).collect();
        for group in missing {
            let help = match group.parse::<AccountName>() {
                Ok(group) => format!("define nixfleet.groups.{group}, or remove the group from extraGroups"),
                Err(_) => "correct the name, install the package that creates the group, or remove the \
                           group from extraGroups"
                    .to_owned(),
            };
            let problem = Problem::new(Code::Account, format!("group `{group}` does not exist on the host"))
                .at(format!("nixfleet.users.{}.extraGroups", quoted(&user.name)))
                .help(help);
            self.problems.push(problem);
        }
        let owned = self.state.users.get(&user.name);
        let Some(account) = self.observed.accounts.users.get(&*user.name) else {
            if owned.is_some_and(|owned| !owned.disabled) {
                self.drifted(&user.name, "missing");
            }
            return self.new_user(user, steps);
        };
        if user.uid.is_some_and(|declared| declared != account.uid) {
            return self.other_id("users", &user.name, account.uid);
        }
        let target = self.target_account(Some(user), account, owned);
        self.says_what_stays(&user.name, &target);
        self.home_in_use(&user.name, account, &target.home, &[]);
        let mut changes = self.changes(account, &target);
        if let Some(owned) = owned.filter(|owned| owned.disabled) {
            changes.push(enabled_again(owned));
        }
        if !changes.is_empty() {
            if self.in_force {
                self.drifted(&user.name, changes.join(", "));
            }
            let created = owned.is_some_and(|owned| owned.created);
            let mut user = user.clone();
            let unstated = std::mem::take(&mut user.unstated);
            let unstated = if created { BTreeSet::new() } else { unstated };
            steps.create.push(Step::Account(AccountStep::ModifyUser(ModifyUser { user, changes, unstated })));
        }
    }

    fn new_user(&mut self, user: &User, steps: &mut AccountSteps) {
        if let Err(invalid) = user.name.parse::<AccountName>() {
            self.problems.push(
                Problem::new(Code::Account, format!("user `{}` does not exist on the host", user.name))
                    .at(format!("nixfleet.users.{}", quoted(&user.name)))
                    .because(format!("{invalid}; only an account that already exists may have such a name"))
                    .help("correct the name, or create the account on the host by hand"),
            );
            return;
        }
        let user = User { unstated: BTreeSet::new(), ..user.clone() };
        steps.create.push(Step::Account(AccountStep::CreateUser(CreateUser { user })));
    }

    fn changes(&self, account: &Account, target: &TargetAccount) -> Vec<String> {
        let group = self.observed.accounts.group_of(account.gid);
        let fields = [
            ("group", &*group, &*target.group),
            ("home", &account.home, &target.home),
            ("shell", &account.shell, &target.shell),
            ("description", &account.description, &target.description),
        ];
        let same_group = self.observed.accounts.gid(&target.group) == Some(account.gid);
        let differing =
            fields.iter().filter(|(what, old, new)| old != new && !(*what == "group" && same_group));
        let mut changes: Vec<String> =
            differing.map(|(what, old, new)| format!("{what}: {} → {}", shown(old), shown(new))).collect();
        if target.groups != account.groups {
            changes.push(format!("groups: {} → {}", listed(&account.groups), listed(&target.groups)));
        }
        changes
    }

    /// Warns about each account field that is not restored to its earlier value, because someone changed the
    /// field by hand while NixFleet managed the user.
    fn says_what_stays(&mut self, name: &Owner, target: &TargetAccount) {
        for left in &target.left_alone {
            let what = format!(
                "{} stays {}, since it was changed by hand; it was {} before NixFleet managed the user",
                left.field,
                shown(&left.now),
                shown(&left.was)
            );
            self.warnings.push(Warning { subject: name.to_string(), what });
        }
    }

    /// Reports a problem if the home of a user with running processes would change, since usermod(8) refuses
    /// to change such a home.
    fn home_in_use(&mut self, name: &Owner, account: &Account, home: &str, stopped: &[Step]) {
        if account.home == *home {
            return;
        }
        // A finished oneshot service (`exited`) does not count: it can stay active, but has no process.
        let runs = |unit: &UnitName, state: &UnitState| {
            let is_stopped = |step: &Step| {
                let Step::Unit(UnitStep::StopUnit(UnitJob { unit: down, .. })) = step else { return false };
                down == unit
            };
            unit.suffix() == "service"
                && state.is_up()
                && state.sub != "exited"
                && !stopped.iter().any(is_stopped)
        };
        let is_theirs = |state: &UnitState| state.user == **name || state.user == account.uid.to_string();
        let units = self.observed.units.iter().flatten();
        let units = units.filter(|(unit, state)| runs(unit, state) && is_theirs(state));
        let units: Vec<&str> = units.map(|(unit, _)| &**unit).collect();
        let goes = |process: &Process| {
            let unit = process.unit.as_deref();
            let is_stopped = |step: &Step| {
                let Step::Unit(UnitStep::StopUnit(UnitJob { unit: down, .. })) = step else { return false };
                unit == Some(&**down)
            };
            stopped.iter().any(is_stopped)
        };
        let processes = self.observed.processes.get(&account.uid).into_iter().flatten();
        let process = processes.filter(|process| !goes(process)).map(ToString::to_string).next();
        let (what, help) = match (units.is_empty(), process) {
            (true, None) => return,
            (true, Some(process)) => (
                process,
                format!(
                    "stop the processes of the user (list them on the host with `pgrep -u {name} -a`), \
                     then apply again"
                ),
            ),
            (false, _) => (
                units.join(", "),
                format!(
                    "run `systemctl stop {}` on the host, then apply again; the apply starts the enabled \
                     units",
                    units.join(" ")
                ),
            ),
        };
        self.problems.push(
            Problem::new(
                Code::Account,
                format!("the home of `{name}` cannot change while the user runs {what}"),
            )
            .at(format!("nixfleet.users.{}.home", quoted(name)))
            .because(format!(
                "the home would change from {} to {home}, but usermod(8) refuses to change the home of a \
                 user with running processes",
                account.home
            ))
            .help(help),
        );
    }

    fn other_id(&mut self, option: &str, name: &str, id: u32) {
        self.problems.push(
            Problem::new(
                Code::Account,
                format!("the id of `{name}` on the host differs from the declared id"),
            )
            .at(format!("nixfleet.{option}.{}", quoted(name)))
            .because(format!("on the host, `{name}` has id {id}"))
            .help(format!(
                "remove the id from the declaration, or set it to {id}: NixFleet never changes the id of \
                 an existing account"
            )),
        );
    }

    pub(in crate::engine) fn user_will_exist(&self, owner: &Owner) -> bool {
        let defined = self.manifest.users.iter().any(|user| user.name == *owner);
        defined
            || self.observed.accounts.uid(owner).is_some()
            || self.comes_with_system(|it| &it.users, owner)
    }

    /// Whether the change activates a NixOS system that creates an account.
    fn comes_with_system(&self, kind: fn(&SystemAccounts) -> &BTreeSet<Owner>, owner: &Owner) -> bool {
        let declares = |wanted: &NixosSystem| kind(&wanted.accounts).contains(owner);
        self.manifest.nixos.as_ref().is_some_and(declares) && self.activates_system()
    }

    /// Reports each user and group that the manifest names as the owner or group of a path, but that neither
    /// exists nor will be created.
    pub(in crate::engine) fn check_owners(&mut self) {
        let mut missing: BTreeMap<String, ManagedPath> = BTreeMap::new();
        for (path, entry) in &self.manifest.entries {
            let Some(access) = entry.access() else { continue };
            if !self.user_will_exist(&access.owner) {
                missing.entry(format!("user `{}`", access.owner)).or_insert_with(|| path.clone());
            }
            if !self.group_will_exist(&access.group) {
                missing.entry(format!("group `{}`", access.group)).or_insert_with(|| path.clone());
            }
        }
        self.check_awaited();
        let (why, help) = self.why_missing();
        for (who, path) in missing {
            let what =
                format!("{who} is the owner or group of a managed path, but does not exist on the host");
            let problem = Problem::new(Code::Account, what).at(path).help(help);
            let problem = match why {
                Some(why) => problem.because(why),
                None => problem,
            };
            self.awaits_package.push(problem.clone());
            self.problems.push(problem);
        }
    }

    /// Refuses a path whose owner the activation of a NixOS system creates, if a command or a unit would have
    /// to use the path before: commands run, and running units restart, before the activation.
    fn check_awaited(&mut self) {
        if !self.activates_system() {
            return;
        }
        let accounts = &self.observed.accounts;
        let is_up = |unit: &UnitName| {
            let units = self.observed.units.as_ref();
            units.is_some_and(|units| units.get(unit).is_some_and(UnitState::is_up))
        };
        for (path, entry) in &self.manifest.entries {
            let Entry::File(file) = entry else { continue };
            let units = file.restart_units.iter().chain(&file.reload_units);
            let what = if !late_owners::is_missing(accounts, &file.access) {
                continue;
            } else if !file.on_change.is_empty() {
                format!("a command of onChange would run before NixOS creates the owner or group of {path}")
            } else if let Some(unit) = units.into_iter().find(|unit| is_up(unit)) {
                format!("{unit} would use {path} before NixOS creates the owner or group of the file")
            } else {
                continue;
            };
            self.problems.push(
                Problem::new(Code::Account, what)
                    .at(path)
                    .help("declare the account first and apply, then declare the path and apply again"),
            );
        }
    }

    /// Returns why the owner of a path is neither on the host nor created by the change, if that is known,
    /// and what to do.
    fn why_missing(&self) -> (Option<&'static str>, &'static str) {
        let Some(wanted) = &self.manifest.nixos else {
            let help = "define the account in nixfleet.users or nixfleet.groups, or choose an account that \
                        exists";
            return (None, help);
        };
        let running = self.observed.nixos.as_ref().and_then(|systems| systems.running.as_ref());
        if self.returns {
            let why = "the generation does not say which accounts its system creates";
            let help = "declare the account in the fleet again and apply, then roll back";
            return (Some(why), help);
        }
        if self.activates_system() {
            let why = "NixOS does not create the account before the units of the new system start";
            return (Some(why), "declare the account first and apply, then declare the path and apply again");
        }
        if running == Some(&wanted.toplevel) {
            let help = "if the running system declares the account, create it again: run \
                        `/run/current-system/activate` on the host; otherwise, declare the account";
            return (None, help);
        }
        let why = "the new system creates accounts only when the host boots it";
        let help = "declare the account first, apply and restart the host, then declare the path";
        (Some(why), help)
    }

    pub(in crate::engine) fn group_will_exist(&self, owner: &Owner) -> bool {
        self.group_is_there(owner)
            || self.manifest.users.iter().any(|user| self.group_to_get(user) == Some(owner))
    }

    fn group_is_there(&self, owner: &Owner) -> bool {
        let defined = self.manifest.groups.iter().any(|group| *group.name == **owner);
        defined
            || self.observed.accounts.gid(owner).is_some()
            || self.comes_with_system(|it| &it.groups, owner)
    }
}

fn listed(groups: &[String]) -> String {
    if groups.is_empty() { "none".to_owned() } else { groups.join(",") }
}

const fn shown(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

/// Returns a name as a component of an option path, with quotes if they are necessary.
pub(in crate::engine) fn quoted(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain && starts { name.to_owned() } else { format!("{name:?}") }
}

/// Describes that a disabled account is enabled again, and which restrictions from before it was disabled
/// apply again.
fn enabled_again(owned: &OwnedUser) -> String {
    let before = owned.restriction.clone().unwrap_or_default();
    let mut still = Vec::new();
    if !before.expires.is_empty() {
        still.push("its earlier expiry date applies again");
    }
    if before.locked_password {
        still.push("its password stays locked");
    }
    let still = if still.is_empty() { String::new() } else { format!(" ({}, as before)", still.join(", ")) };
    format!("disabled: yes → no{still}")
}
