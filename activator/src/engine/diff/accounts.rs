//! Users and groups.

use std::collections::BTreeMap;

use super::Differ;
use crate::host::accounts::Account;
use crate::host::systemd::UnitState;
use crate::manifest::User;
use crate::plan::Step;
use crate::problem::{Code, Problem};
use crate::values::{AccountName, ManagedPath, Owner, UnitName};

/// Steps at the beginning and at the end.
#[derive(Default)]
pub(super) struct AccountSteps {
    pub(super) create: Vec<Step>,
    pub(super) disable: Vec<Step>,
}

impl Differ<'_> {
    pub(super) fn accounts(&mut self) -> AccountSteps {
        let mut steps = AccountSteps::default();
        let manifest = self.manifest;
        for group in &manifest.groups {
            match self.observed.accounts.groups.get(&*group.name) {
                None => {
                    if self.in_force {
                        self.drifted(&group.name, "missing");
                    }
                    steps.create.push(Step::CreateGroup { name: group.name.clone(), gid: group.gid });
                }
                Some(gid) if group.gid.is_some_and(|wanted| wanted != *gid) => {
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
        for (name, owned) in &self.state.users {
            let unwanted = !manifest.users.iter().any(|user| user.name == *name);
            let exists = self.observed.accounts.users.contains_key(&**name);
            if unwanted && exists && owned.created && !owned.disabled {
                steps.disable.push(Step::DisableUser { name: name.clone() });
            }
        }
        steps
    }

    /// A primary group that nobody defines is created with its user.
    fn primary_group(&mut self, user: &User, steps: &mut AccountSteps) {
        if self.group_is_there(&user.group) {
            return;
        }
        match user.group.parse::<AccountName>() {
            Ok(name) => {
                let step = Step::CreateGroup { name, gid: None };
                if !steps.create.contains(&step) {
                    steps.create.push(step);
                }
            }
            Err(invalid) => self.problems.push(
                Problem::new(Code::Account, "A primary group does not exist and cannot be created")
                    .at(format!("nixfleet.users.{}.group", user.name))
                    .because(invalid),
            ),
        }
    }

    fn user(&mut self, user: &User, steps: &mut AccountSteps) {
        let missing: Vec<&Owner> =
            user.extra_groups.iter().filter(|group| !self.group_will_exist(group)).collect();
        for group in missing {
            let problem = Problem::new(Code::Account, format!("Group `{group}` does not exist on the host"))
                .at(format!("nixfleet.users.{}.extraGroups", user.name))
                .help(format!("define nixfleet.groups.{group}, or leave it out"));
            self.problems.push(problem);
        }
        let owned = self.state.users.get(&user.name);
        let Some(account) = self.observed.accounts.users.get(&*user.name) else {
            if owned.is_some_and(|owned| !owned.disabled) {
                self.drifted(&user.name, "missing");
            }
            return steps.create.push(Step::CreateUser { user: user.clone() });
        };
        if user.uid.is_some_and(|wanted| wanted != account.uid) {
            return self.other_id("users", &user.name, account.uid);
        }
        self.home_in_use(user, account);
        let mut changes = self.changes(user, account);
        if owned.is_some_and(|owned| owned.disabled) {
            changes.push("disabled: yes → no".to_owned());
        }
        if !changes.is_empty() {
            if self.in_force {
                self.drifted(&user.name, changes.join(", "));
            }
            steps.create.push(Step::ModifyUser { user: user.clone(), changes });
        }
    }

    fn changes(&self, user: &User, account: &Account) -> Vec<String> {
        let group = self.observed.accounts.group_of(account.gid);
        let fields = [
            ("group", &*group, &*user.group),
            ("home", &account.home, &*user.home),
            ("shell", &account.shell, &*user.shell),
            ("description", &account.description, &user.description),
        ];
        let same_group = self.observed.accounts.gid(&user.group) == Some(account.gid);
        let differing =
            fields.iter().filter(|(what, old, new)| old != new && !(*what == "group" && same_group));
        let mut changes: Vec<String> =
            differing.map(|(what, old, new)| format!("{what}: {old} → {new}")).collect();
        let groups = groups_of(user, account, self.state.users.get(&user.name).map(|owned| &owned.groups));
        if groups != account.groups {
            changes.push(format!("groups: {} → {}", listed(&account.groups), listed(&groups)));
        }
        changes
    }

    /// usermod(8) gives no other home to a user who runs something.
    fn home_in_use(&mut self, user: &User, account: &Account) {
        if account.home == *user.home {
            return;
        }
        // Of a unit that did its work and stays active nothing runs.
        let runs = |unit: &UnitName, state: &UnitState| {
            unit.suffix() == "service" && state.is_up() && state.sub != "exited"
        };
        let is_theirs = |state: &UnitState| state.user == *user.name || state.user == account.uid.to_string();
        let units = self.observed.units.iter().flatten();
        let units = units.filter(|(unit, state)| runs(unit, state) && is_theirs(state));
        let units: Vec<&str> = units.map(|(unit, _)| &**unit).collect();
        if units.is_empty() {
            return;
        }
        self.problems.push(
            Problem::new(
                Code::Account,
                format!("The home of `{}` cannot change while it runs {}", user.name, units.join(", ")),
            )
            .at(format!("nixfleet.users.{}.home", user.name))
            .because(format!("home: {} → {}; usermod(8) refuses it until then", account.home, user.home))
            .help(format!(
                "`systemctl stop {}` on the host, then apply again: that starts what is enabled",
                units.join(" ")
            )),
        );
    }

    fn other_id(&mut self, option: &str, name: &AccountName, id: u32) {
        self.problems.push(
            Problem::new(Code::Account, format!("`{name}` exists on the host with another id"))
                .at(format!("nixfleet.{option}.{name}"))
                .because(format!("its id is {id}"))
                .help("leave the id out, or set it to that number: ids are never changed, files would lose their owner"),
        );
    }

    pub(super) fn user_will_exist(&self, owner: &Owner) -> bool {
        let defined = self.manifest.users.iter().any(|user| *user.name == **owner);
        defined || self.observed.accounts.uid(owner).is_some()
    }

    /// Owners that neither exist nor would be created, each named once.
    pub(super) fn check_owners(&mut self) {
        let mut missing: BTreeMap<String, ManagedPath> = BTreeMap::new();
        for (path, entry) in &self.manifest.entries {
            let Some(access) = entry.access() else { continue };
            if !self.user_will_exist(&access.owner) {
                missing.entry(format!("User `{}`", access.owner)).or_insert_with(|| path.clone());
            }
            if !self.group_will_exist(&access.group) {
                missing.entry(format!("Group `{}`", access.group)).or_insert_with(|| path.clone());
            }
        }
        for (who, path) in missing {
            self.problems.push(
                Problem::new(
                    Code::Account,
                    format!("{who} owns a managed path, but does not exist on the host"),
                )
                .at(path)
                .help("define it under nixfleet.users or nixfleet.groups, or name one that exists"),
            );
        }
    }

    pub(super) fn group_will_exist(&self, owner: &Owner) -> bool {
        self.group_is_there(owner) || self.manifest.users.iter().any(|user| user.group == *owner)
    }

    fn group_is_there(&self, owner: &Owner) -> bool {
        let defined = self.manifest.groups.iter().any(|group| *group.name == **owner);
        defined || self.observed.accounts.gid(owner).is_some()
    }
}

fn listed(groups: &[String]) -> String {
    if groups.is_empty() { "none".to_owned() } else { groups.join(",") }
}

/// The full list of further groups a user should have: what it has, without what was added here and is not wanted
/// any more, with what is wanted. Sorted.
pub(crate) fn groups_of(
    user: &User,
    account: &Account,
    added: Option<&std::collections::BTreeSet<Owner>>,
) -> Vec<String> {
    let wanted = |name: &str| user.extra_groups.iter().any(|group| **group == *name);
    let ours = |name: &str| added.is_some_and(|added| added.contains(name));
    let kept = account.groups.iter().filter(|name| wanted(name) || !ours(name)).cloned();
    let mut groups: Vec<String> = kept.chain(user.extra_groups.iter().map(ToString::to_string)).collect();
    groups.sort();
    groups.dedup();
    groups
}
