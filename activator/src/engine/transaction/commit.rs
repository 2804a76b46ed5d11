//! The commit point of a transaction, and what is left to do behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use nixfleet_contract::manifest::{Access, Entry, Manifest, User, UserField};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Made;
use nixfleet_contract::step::accounts::{CreateGroup, CreateUser};
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, Own, RemoveDirectory, WriteFile, WriteLink,
};
use nixfleet_contract::step::{AccountStep, Keep, PathStep, Step};
use nixfleet_contract::values::{AccountName, ManagedPath, Owner};

use crate::engine::family::accounts::becoming::{stated_value, value_of};
use crate::engine::family::paths::slots;
use crate::engine::family::paths::swap::{Places, Swapper};
use crate::engine::observe::{Found, Observed, directories_above};
use crate::engine::plan::planner::Planned;
use crate::engine::plan::target::Target;
use crate::engine::state::{self, Before, FileStat, Origin, Owned, OwnedUser, Restriction, State, Thing};
use crate::engine::transaction::journal::{self, Facts, Journal, Operation};
use crate::engine::transaction::undo::{forget_original, remove_slots};
use crate::host::accounts::Accounts;
use crate::host::activator::Version;
use crate::host::profile::{self, Profile};
use crate::host::walk::{self, Walk};
use crate::host::{Host, clock};

/// How long after a change the clock of a filesystem surely shows another time, in nanoseconds: its ticks are at most
/// 10 ms apart, or a whole second where it keeps no parts of seconds.
const TICK: i64 = 20_000_000;
const TICK_OF_SECONDS: i64 = 2_000_000_000;

/// Replaces the state. With that the transaction counts as done.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`]; nothing is committed then.
pub fn commit(host: &Host, planned: &Planned, target: &Target, journal: &Journal) -> Result<(), Problem> {
    let mut state = state_after(&planned.state, &planned.observed, target, journal);
    keep_left_out(&mut state, planned, target);
    remember_stats(host, &mut state);
    remember_ids(host, &mut state)?;
    // The new one has its link already; those that were collected since have none any more.
    let profile = Profile::read(host)?;
    state.generations.retain(|number, _| profile.generation(*number).is_some());
    host.write_record(state::RECORD, &state)
}

/// What is owned once a transaction is done.
#[must_use]
pub fn state_after(old: &State, observed: &Observed, target: &Target, journal: &Journal) -> State {
    let manifest = &target.manifest;
    let operations: BTreeMap<&ManagedPath, &Operation> = journal
        .operations
        .iter()
        .filter_map(|operation| Some((path_of(&operation.step)?, operation)))
        .collect();
    let mut paths: BTreeMap<ManagedPath, Owned> = BTreeMap::new();
    for (path, entry) in &manifest.entries {
        let before = old.paths.get(path);
        let known = before.map(|owned| owned.origin.clone());
        let origin = known.unwrap_or_else(|| origin(entry, operations.get(path).copied()));
        paths.insert(path.clone(), owned(entry, origin));
    }
    for (directory, origin) in implicit_directories(old, manifest, &operations) {
        let access = match operations.get(&directory).map(|operation| &operation.step) {
            Some(Step::Path(PathStep::ChangeAccess(ChangeAccess { after, .. }))) => after.clone(),
            _ => access_of(&directory, old, observed),
        };
        let thing = Thing::Directory { access, implicit: true };
        paths.insert(directory, Owned::without_hooks(thing, origin));
    }
    State {
        schema: State::SCHEMA,
        activator: old.activator.max(Some(Version::own())),
        transaction: journal.transaction,
        host: manifest.host.clone(),
        generation: Some(journal.after.number),
        closure: Some(target.closure.clone()),
        manifest: Some(target.digest.clone()),
        packages: manifest.packages.clone(),
        paths,
        groups: groups_after(old, journal),
        users: users_after(old, observed, manifest, journal),
        units: manifest.units.clone(),
        generations: generations_after(old, target, journal),
        left_out: BTreeSet::new(),
    }
}

/// Keeps the old record of each path that was left out, and of the directories it stands in.
fn keep_left_out(state: &mut State, planned: &Planned, target: &Target) {
    for Warning { subject, .. } in &planned.plan.left_out {
        let Ok(path) = subject.parse::<ManagedPath>() else { continue };
        state.paths.remove(&path);
        for kept in path.ancestors().chain([path.clone()]) {
            let is_wanted = kept != path && target.manifest.entries.contains_key(&kept);
            if let Some(owned) = planned.state.paths.get(&kept).filter(|_| !is_wanted) {
                state.paths.entry(kept).or_insert_with(|| owned.clone());
            }
        }
        state.left_out.insert(path);
    }
}

/// Who made each generation: the one that is made now, and those before.
fn generations_after(old: &State, target: &Target, journal: &Journal) -> BTreeMap<u64, Made> {
    let mut generations = old.generations.clone();
    if target.number.is_none() {
        let by = Some(journal.holder.who.clone());
        let made = Made { by, revision: journal.holder.revision.clone() };
        generations.insert(journal.after.number, made);
    }
    generations
}

const fn path_of(step: &Step) -> Option<&ManagedPath> {
    match step {
        Step::Path(
            PathStep::CreateDirectory(CreateDirectory { path, .. })
            | PathStep::WriteFile(WriteFile { path, .. })
            | PathStep::WriteLink(WriteLink { path, .. })
            | PathStep::ChangeAccess(ChangeAccess { path, .. })
            | PathStep::Own(Own { path, .. }),
        ) => Some(path),
        _ => None,
    }
}

/// What becomes of a newly managed path when management ends.
fn origin(entry: &Entry, operation: Option<&Operation>) -> Origin {
    let Some(operation) = operation else { return Origin::Created };
    match (entry, &operation.step, &operation.kept) {
        (_, Step::Path(PathStep::ChangeAccess(ChangeAccess { before, .. })), _) => {
            Origin::Existed { access: before.clone() }
        }
        (Entry::Directory(access), Step::Path(PathStep::Own(_)), _) => {
            Origin::Existed { access: access.clone() }
        }
        // One that was empty, and was exchanged for the sake of its owner or mode.
        (
            Entry::Directory(_),
            Step::Path(PathStep::CreateDirectory(CreateDirectory { before: Some(was), .. })),
            _,
        ) if was.sha256.is_none() && was.link.is_none() => Origin::Existed { access: was.access.clone() },
        (
            _,
            Step::Path(
                PathStep::WriteFile(WriteFile { keep, .. })
                | PathStep::WriteLink(WriteLink { keep, .. })
                | PathStep::Own(Own { keep, .. }),
            ),
            Some(kept),
        ) if *keep == Keep::Original => Origin::Original { kept: kept.clone() },
        _ => Origin::Created,
    }
}

fn owned(entry: &Entry, origin: Origin) -> Owned {
    match entry {
        Entry::Directory(access) => {
            Owned::without_hooks(Thing::Directory { access: access.clone(), implicit: false }, origin)
        }
        Entry::File(file) => Owned {
            thing: Thing::File { sha256: file.sha256.clone(), access: file.access.clone(), stat: None },
            origin,
            restart_units: file.restart_units.clone(),
            reload_units: file.reload_units.clone(),
            on_change: file.on_change.clone(),
        },
        Entry::Link(link) => Owned::without_hooks(Thing::Link { target: link.target.clone() }, origin),
    }
}

/// Directories of ours in which something managed stands, and that the manifest does not name; with what becomes of
/// them when management ends.
fn implicit_directories(
    old: &State,
    manifest: &Manifest,
    operations: &BTreeMap<&ManagedPath, &Operation>,
) -> BTreeMap<ManagedPath, Origin> {
    let origin = |path: &ManagedPath| match old.paths.get(path).map(|owned| &owned.origin) {
        Some(Origin::Existed { .. }) | None => {
            let step = operations.get(path).map(|operation| &operation.step);
            matches!(step, Some(Step::Path(PathStep::CreateDirectory(_)))).then_some(Origin::Created)
        }
        Some(origin) => Some(origin.clone()),
    };
    let unnamed = directories_above(manifest.entries.keys())
        .into_iter()
        .filter(|path| !manifest.entries.contains_key(path));
    unnamed.filter_map(|path| origin(&path).map(|origin| (path, origin))).collect()
}

fn access_of(path: &ManagedPath, old: &State, observed: &Observed) -> Access {
    match (observed.paths.get(path), old.paths.get(path).map(|owned| &owned.thing)) {
        (Some(Found::Directory { access, .. }), _) | (_, Some(Thing::Directory { access, .. })) => {
            access.clone()
        }
        _ => Access::of_implicit_directory(),
    }
}

fn groups_after(old: &State, journal: &Journal) -> BTreeSet<AccountName> {
    let created = journal.operations.iter().filter_map(|operation| match &operation.step {
        Step::Account(AccountStep::CreateGroup(CreateGroup { name, .. })) => Some(name.clone()),
        _ => None,
    });
    old.groups.iter().cloned().chain(created).collect()
}

fn users_after(
    old: &State,
    observed: &Observed,
    manifest: &Manifest,
    journal: &Journal,
) -> BTreeMap<Owner, OwnedUser> {
    // Users that left: those created here stay known, so that they can come back.
    let left = old.users.iter().filter(|(_, owned)| owned.created);
    let mut users: BTreeMap<Owner, OwnedUser> =
        left.map(|(name, owned)| (name.clone(), disabled(name, owned, observed))).collect();
    for user in &manifest.users {
        let created = journal.operations.iter().any(
            |operation| matches!(&operation.step, Step::Account(AccountStep::CreateUser(CreateUser { user: made })) if made.name == user.name),
        );
        let before = old.users.get(&user.name);
        let member = |group: &str| {
            let account = observed.accounts.users.get(&*user.name);
            account.is_some_and(|account| account.groups.iter().any(|name| name == group))
        };
        let ours = |group: &str| before.is_some_and(|owned| owned.groups.contains(group));
        let groups =
            user.extra_groups.iter().filter(|group| ours(group) || !member(group)).cloned().collect();
        // A new account may have another id than the one before.
        let uid = before.filter(|_| !created).and_then(|owned| owned.uid);
        let created = created || before.is_some_and(|owned| owned.created);
        let before = if created { BTreeMap::new() } else { before_of(user, before, observed) };
        let owned = OwnedUser { created, uid, disabled: false, groups, before, restriction: None };
        users.insert(user.name.clone(), owned);
    }
    users
}

/// A user that is disabled: what was given to it is gone, and what kept it from being used before is remembered.
fn disabled(name: &Owner, owned: &OwnedUser, observed: &Observed) -> OwnedUser {
    let account = observed.accounts.users.get(&**name).filter(|_| !owned.disabled);
    let restriction = account.map(|account| Restriction {
        expires: account.expires.clone(),
        locked_password: account.locked_password,
    });
    let restriction =
        restriction.filter(|it| *it != Restriction::default()).or_else(|| owned.restriction.clone());
    OwnedUser { disabled: true, groups: BTreeSet::new(), restriction, ..owned.clone() }
}

/// What stood in the stated fields of an account that was there before.
fn before_of(user: &User, owned: Option<&OwnedUser>, observed: &Observed) -> BTreeMap<UserField, Before> {
    let account = observed.accounts.users.get(&*user.name);
    let fields = [UserField::Group, UserField::Home, UserField::Shell, UserField::Description];
    let before = fields.into_iter().filter(|field| user.states(*field)).filter_map(|field| {
        let known = owned.and_then(|owned| owned.before.get(&field)).map(|before| before.was.clone());
        let was = known.or_else(|| value_of(field, account?, &observed.accounts))?;
        Some((field, Before { was, left: stated_value(field, user)?.to_owned() }))
    });
    before.collect()
}

/// Notes the ids of accounts that were created here: under the same name somebody may make another one later.
fn remember_ids(host: &Host, state: &mut State) -> Result<(), Problem> {
    let mut unknown =
        state.users.iter_mut().filter(|(_, owned)| owned.created && owned.uid.is_none()).peekable();
    if unknown.peek().is_none() {
        return Ok(());
    }
    let accounts = Accounts::read(host)?;
    for (name, owned) in unknown {
        owned.uid = accounts.users.get(&**name).map(|account| account.uid);
    }
    Ok(())
}

/// Notes what the filesystem says about each file, so that it need not be read again while that stays the same. Left
/// out where the file is so new that a change could still get the same time.
fn remember_stats(host: &Host, state: &mut State) {
    let now = clock::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut walk = Walk::new(host);
    for (path, owned) in &mut state.paths {
        let Thing::File { stat, .. } = &mut owned.thing else { continue };
        // A path that was left out may be in a directory that is not safe to open.
        let Ok(Some(directory)) = walk.parent(path) else { continue };
        let Ok(Some(found)) = walk::look(directory.fd, path.name()) else { continue };
        let found = FileStat::of(&found);
        let tick = if found.ctime % 1_000_000_000 == 0 { TICK_OF_SECONDS } else { TICK };
        let settled = now - found.ctime > tick && found.ctime > found.mtime;
        *stat = settled.then_some(found);
    }
}

/// Clears away what only undoing needed, and closes the journal. May be interrupted and begun again.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`]; the next run goes on.
pub fn finish(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let mut swapper = Swapper::new(host);
    for operation in &journal.operations {
        let Facts::Slot { slot, original, .. } = &operation.facts else { continue };
        if let Step::Path(PathStep::RemoveDirectory(RemoveDirectory { path })) = &operation.step {
            swapper.clear(slot)?;
            // Somebody put something into it at the last moment: then it stays.
            swapper.put_back(Places { path, slot })?;
        } else {
            swapper.clear(slot)?;
        }
        if let (Step::Path(PathStep::Restore(_)), Some(original)) = (&operation.step, original)
            && slots::is_original(original)
        {
            forget_original(host, original)?;
        }
    }
    profile::tidy(host)?;
    remove_slots(host, journal)?;
    profile::unpin(host)?;
    host.remove_record(journal::RECORD)
}
