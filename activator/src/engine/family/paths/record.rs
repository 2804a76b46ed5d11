//! Computes the paths in the recorded state after a transaction.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use nixfleet_contract::manifest::{Access, Entry, Manifest};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::step::BackupKind;
use nixfleet_contract::values::{AbsPath, ManagedPath};

use super::entry::PathEntry;
use crate::engine::observe::{Observed, PathState, directories_above};
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::engine::state::{FileStat, Origin, Owned, State, Thing};
use crate::host::walk::{self, Walk};
use crate::host::{Host, clock};

/// When this many nanoseconds have passed since a change of a file, another change of the file is certain to
/// get a different timestamp. The clock of a filesystem ticks at least every 10 ms, or every second if the
/// filesystem stores whole seconds.
const TICK: i64 = 20_000_000;
const TICK_OF_SECONDS: i64 = 2_000_000_000;

/// Returns all paths that NixFleet owns after the transaction. `entries` contains the journal entries of the
/// path steps.
pub(in crate::engine) fn paths_after<'e>(
    old: &State,
    observed: &Observed,
    manifest: &Manifest,
    entries: impl Iterator<Item = &'e PathEntry>,
) -> BTreeMap<ManagedPath, Owned> {
    let entries: BTreeMap<&ManagedPath, &PathEntry> =
        entries.filter(|entry| stays(entry)).map(|entry| (entry.path(), entry)).collect();
    let mut paths: BTreeMap<ManagedPath, Owned> = BTreeMap::new();
    for (path, declared) in &manifest.entries {
        let entry = entries.get(path).copied();
        let known = old.paths.get(path).map(|owned| owned.origin.clone());
        // If the step moves the directory at the path into a backup, the previous origin is dropped, since
        // the moved directory is the original from now on.
        let known = known.filter(|_| !entry.is_some_and(moves_original));
        let origin = known.unwrap_or_else(|| origin(declared, entry));
        paths.insert(path.clone(), owned(declared, origin));
    }
    for (directory, origin) in implicit_directories(old, manifest, &entries) {
        let access = match entries.get(&directory) {
            Some(PathEntry::ChangeAccess { step, .. } | PathEntry::ReplaceFile { step, .. }) => {
                step.after.clone()
            }
            Some(_) | None => access_of(&directory, old, observed),
        };
        let thing = Thing::Directory { access, implicit: true };
        paths.insert(directory, Owned::without_hooks(thing, origin));
    }
    paths
}

/// Whether the step moves away a directory that will be restored when the management of the path ends.
fn moves_original(entry: &PathEntry) -> bool {
    matches!(entry, PathEntry::MoveAway { step, .. } if step.backup == BackupKind::Original)
}

/// Whether the path of an entry can be managed after the transaction. A path that must be absent counts as
/// managed.
const fn stays(entry: &PathEntry) -> bool {
    match entry {
        PathEntry::CreateDirectory { .. }
        | PathEntry::WriteFile { .. }
        | PathEntry::WriteLink { .. }
        | PathEntry::ReplaceFile { .. }
        | PathEntry::ChangeAccess { .. }
        | PathEntry::Own { .. }
        | PathEntry::Remove { .. }
        | PathEntry::MoveAway { .. } => true,
        PathEntry::CreateHome { .. }
        | PathEntry::Restore { .. }
        | PathEntry::MoveBack { .. }
        | PathEntry::RemoveDirectory { .. }
        | PathEntry::Release { .. } => false,
    }
}

/// Copies the previous records of all excluded paths and of their undeclared parent directories to the new
/// state.
pub(in crate::engine) fn keep_excluded(state: &mut State, planned: &PlannedTransaction, target: &Target) {
    for Warning { subject, .. } in &planned.plan.excluded {
        let Ok(excluded) = subject.parse::<ManagedPath>() else { continue };
        state.paths.remove(&excluded);
        for path in excluded.ancestors().chain([excluded.clone()]) {
            let is_declared = path != excluded && target.manifest.entries.contains_key(&path);
            if let Some(owned) = planned.state.paths.get(&path).filter(|_| !is_declared) {
                state.paths.entry(path).or_insert_with(|| owned.clone());
            }
        }
        state.excluded.insert(excluded);
    }
}

/// Determines the origin of a newly managed path, which decides what happens when the management of the path
/// ends.
fn origin(declared: &Entry, entry: Option<&PathEntry>) -> Origin {
    let Some(entry) = entry else { return Origin::Created };
    let original = |kind: BackupKind, backup: &Option<AbsPath>| match backup {
        Some(backup) if kind == BackupKind::Original => Origin::Original { backup: backup.clone() },
        Some(_) | None => Origin::Created,
    };
    match entry {
        PathEntry::ReplaceFile { step, .. } | PathEntry::ChangeAccess { step, .. } => {
            Origin::Existed { access: step.before.clone() }
        }
        PathEntry::Own { step, backup } => match declared {
            Entry::Directory(access) => Origin::Existed { access: access.clone() },
            Entry::File(_) | Entry::Link(_) | Entry::Absent(_) => original(step.backup, backup),
        },
        PathEntry::CreateDirectory { step, .. } => match (declared, &step.before) {
            // The step replaced an empty directory to change its owner or mode.
            (Entry::Directory(_), Some(was)) if was.sha256.is_none() && was.link.is_none() => {
                Origin::Existed { access: was.access.clone() }
            }
            (Entry::Directory(_) | Entry::File(_) | Entry::Link(_) | Entry::Absent(_), _) => Origin::Created,
        },
        PathEntry::WriteFile { step, backup, .. } => original(step.backup, backup),
        PathEntry::WriteLink { step, backup, .. } => original(step.backup, backup),
        PathEntry::Remove { step, backup, .. } => original(step.backup, backup),
        PathEntry::MoveAway { step, backup, .. } => match step.backup {
            BackupKind::Original => Origin::Moved { backup: backup.clone() },
            BackupKind::Copy | BackupKind::Nothing => Origin::Created,
        },
        PathEntry::CreateHome { .. }
        | PathEntry::Restore { .. }
        | PathEntry::MoveBack { .. }
        | PathEntry::RemoveDirectory { .. }
        | PathEntry::Release { .. } => Origin::Created,
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
        Entry::Absent(absent) => Owned {
            restart_units: absent.restart_units.clone(),
            reload_units: absent.reload_units.clone(),
            ..Owned::without_hooks(Thing::Absent, origin)
        },
        Entry::Link(link) => Owned::without_hooks(Thing::Link { target: link.target.clone() }, origin),
    }
}

/// Returns the owned directories that contain managed paths but are not in the manifest, each with its
/// origin.
fn implicit_directories(
    old: &State,
    manifest: &Manifest,
    entries: &BTreeMap<&ManagedPath, &PathEntry>,
) -> BTreeMap<ManagedPath, Origin> {
    let origin = |path: &ManagedPath| match old.paths.get(path).map(|owned| &owned.origin) {
        Some(Origin::Existed { .. }) | None => {
            let is_created = matches!(entries.get(path), Some(PathEntry::CreateDirectory { .. }));
            is_created.then_some(Origin::Created)
        }
        Some(origin) => Some(origin.clone()),
    };
    let unnamed = directories_above(manifest.standing_paths())
        .into_iter()
        .filter(|path| !manifest.entries.contains_key(path));
    unnamed.filter_map(|path| origin(&path).map(|origin| (path, origin))).collect()
}

fn access_of(path: &ManagedPath, old: &State, observed: &Observed) -> Access {
    match (observed.paths.get(path), old.paths.get(path).map(|owned| &owned.thing)) {
        (Some(PathState::Directory { access, .. }), _) | (_, Some(Thing::Directory { access, .. })) => {
            access.clone()
        }
        _ => Access::of_implicit_directory(),
    }
}

/// Records the `stat` data of each file, so that later runs read a file again only if its `stat` data has
/// changed. Skips files that have changed so recently that another change could get the same timestamp.
pub(in crate::engine) fn record_stats(host: &Host, state: &mut State) {
    let now = clock::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut walk = Walk::new(host);
    for (path, owned) in &mut state.paths {
        let Thing::File { stat, .. } = &mut owned.thing else { continue };
        // A file that cannot be inspected is skipped, since an excluded path may be in an unsafe directory.
        let Ok(Some(directory)) = walk.parent(path) else { continue };
        let Ok(Some(found)) = walk::look(directory.fd, path.name()) else { continue };
        let found = FileStat::of(&found);
        let tick = if found.ctime % 1_000_000_000 == 0 { TICK_OF_SECONDS } else { TICK };
        let settled = now - found.ctime > tick && found.ctime > found.mtime;
        *stat = settled.then_some(found);
    }
}
