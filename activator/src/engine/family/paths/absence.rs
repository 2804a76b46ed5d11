//! Plans the removal of whatever exists at paths that the manifest declares absent.
//!
//! Files and links are removed after a backup. A directory that NixFleet does not own is moved into the
//! backup. It is not copied, because it may contain sockets or other files that cannot be copied, and because
//! other processes may change its content during a copy.

use nixfleet_contract::manifest::{AbsentEntry, Entry, OnConflict};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::{MoveAway, Own, Remove};
use nixfleet_contract::step::{BackupKind, PathStep, Step};
use nixfleet_contract::values::{ManagedPath, Reserved};

use crate::engine::family::paths::diff::{PathSteps, PathTarget, conflict};
use crate::engine::family::paths::drift::drift;
use crate::engine::observe::PathState;
use crate::engine::plan::diff::Differ;
use crate::engine::state::{Origin, Owned, Thing};

impl Differ<'_> {
    /// Adds the steps that make a path absent. `entry` is the manifest entry that contains `absent`.
    pub(in crate::engine) fn absent(
        &mut self,
        path: &ManagedPath,
        (entry, absent): (&Entry, &AbsentEntry),
        steps: &mut PathSteps,
    ) {
        let owned = self.state.paths.get(path);
        let found = if self.is_below_no_directory(path) { &PathState::Missing } else { self.found(path) };
        match found {
            PathState::Missing => {
                if let Some(what) = owned.and_then(|owned| drift(&owned.thing, &PathState::Missing)) {
                    self.drifted(path, what);
                }
                if owned.is_none() {
                    let (path, backup) = (path.clone(), BackupKind::Nothing);
                    steps.removals.push(Step::Path(PathStep::Own(Own { path, backup })));
                }
            }
            PathState::Other(special) => {
                self.problems.push(cannot_go(path, format!("it is {special}, which cannot be backed up")));
            }
            PathState::Directory { .. } => self.absent_directory(path, (entry, absent), steps),
            PathState::File { .. } | PathState::Link { .. } | PathState::Unreachable(_) => {
                self.content(path, entry, steps);
            }
        }
    }

    /// Whether nothing can exist at a path because one of its ancestors is a file, or is a link that this
    /// change removes.
    fn is_below_no_directory(&self, path: &ManagedPath) -> bool {
        path.ancestors().any(|above| match self.observed.found(&above) {
            PathState::File { .. } => true,
            PathState::Link { .. } => self.state.paths.contains_key(&above),
            PathState::Missing
            | PathState::Directory { .. }
            | PathState::Other(_)
            | PathState::Unreachable(_) => false,
        })
    }

    fn absent_directory(
        &mut self,
        path: &ManagedPath,
        (entry, absent): (&Entry, &AbsentEntry),
        steps: &mut PathSteps,
    ) {
        let found = self.found(path);
        let owned = self.state.paths.get(path);
        if let Some(what) = owned.and_then(|owned| drift(&owned.thing, found)) {
            self.drifted(path, what);
        }
        let stays = self.stays_in(path);
        let is_ours = |owned: &Owned| {
            matches!(owned.thing, Thing::Directory { .. }) && !matches!(owned.origin, Origin::Existed { .. })
        };
        if owned.is_some_and(is_ours) && stays.is_none() {
            self.touch(path);
            let (path, before, backup) = (path.clone(), found.view(), BackupKind::Nothing);
            return steps.directory_removals.push(Step::Path(PathStep::Remove(Remove {
                path,
                before,
                backup,
            })));
        }
        if let Some(place) = Reserved::below(path) {
            return self.problems.push(cannot_go(
                path,
                format!("the directory contains {place}, which NixFleet does not manage"),
            ));
        }
        if self.is_above_excluded(path) {
            return self
                .problems
                .push(cannot_go(path, "a path in the directory is excluded from this apply".to_owned()));
        }
        if let Some(what) = stays.as_ref().filter(|_| !absent.recursive) {
            let help = format!(
                "to remove the directory with its content, set nixfleet.absent.{:?}.recursive = true",
                &**path
            );
            let why = format!("the directory is not empty: {what}");
            return self.problems.push(cannot_go(path, why).help(help));
        }
        let backup = match owned.map(|owned| (&owned.thing, &owned.origin)) {
            None if absent.on_conflict == OnConflict::Fail => {
                return self.problems.push(conflict((path, found), entry, None));
            }
            None => absent.on_conflict.into(),
            // An earlier apply has already backed up the original, or has already made the path absent. What
            // exists at the path now is a hand edit. The backup of this hand edit is not restored when the
            // management of the path ends.
            Some((_, Origin::Original { .. } | Origin::Moved { .. }) | (Thing::Absent, _)) => {
                BackupKind::Copy
            }
            Some(_) => BackupKind::Original,
        };
        self.touch(path);
        let foreign = owned.is_none_or(|owned| owned.thing == Thing::Absent);
        let before = found.view().map(|view| FileView { foreign, ..view });
        let (path, with_content) = (path.clone(), stays.is_some());
        let step = MoveAway { path, before, with_content, backup };
        steps.directory_removals.push(Step::Path(PathStep::MoveAway(step)));
    }

    /// Returns a problem if the declared path is at or below a directory that an earlier apply moved into a
    /// backup. This directory must be restored first, since otherwise its content would be split between the
    /// host and the backup.
    pub(in crate::engine) fn below_moved(
        &self,
        path: &ManagedPath,
        target: &PathTarget<'_>,
    ) -> Option<Problem> {
        let is_directory = match target {
            PathTarget::Entry(Entry::Directory(_)) | PathTarget::Home(_) => true,
            PathTarget::Entry(Entry::File(_) | Entry::Link(_) | Entry::Absent(_)) => false,
            // An implicit directory is not declared itself. The problem is reported for the declared path
            // below it.
            PathTarget::Implicit => return None,
        };
        let is_moved = |path: &ManagedPath| {
            let owned = self.state.paths.get(path);
            owned.is_some_and(|owned| {
                owned.thing == Thing::Absent && matches!(owned.origin, Origin::Moved { .. })
            })
        };
        let moved =
            if is_directory && is_moved(path) { Some(path.clone()) } else { path.ancestors().find(is_moved) };
        let moved = moved?;
        Some(
            Problem::new(
                Code::Conflict,
                format!("{path} cannot be managed until the removed directory {moved} is restored"),
            )
            .at(path)
            .because(format!(
                "an earlier apply moved {moved} into a backup because nixfleet.absent declares it; {path} is \
                 in {moved}"
            ))
            .help(format!(
                "1. apply once without nixfleet.absent.{:?} and without declarations in the directory, which \
                 restores the directory; 2. add the declarations and apply again",
                &*moved
            )),
        )
    }
}

fn cannot_go(path: &ManagedPath, why: String) -> Problem {
    Problem::new(Code::Conflict, format!("{path} is declared as absent, but cannot be removed"))
        .at(path)
        .because(why)
        .help(format!(
            "remove {path} by hand on the host, or skip this path and apply everything else with --force \
             {path}"
        ))
}
