//! Plans the end of management for paths that the manifest no longer declares, and finds out which
//! directories can be removed.

use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::{ChangeAccess, Release, Remove, RemoveDirectory};
use nixfleet_contract::step::{BackupKind, PathStep, Step};
use nixfleet_contract::values::{ManagedPath, Reserved};

use crate::engine::family::paths::diff::PathSteps;
use crate::engine::family::paths::drift::{backup_if_edited, drift};
use crate::engine::observe::PathState;
use crate::engine::plan::diff::Differ;
use crate::engine::state::{Origin, Owned, Thing};

/// Creates the step that replaces what exists at a path with the original.
fn put_back(path: &ManagedPath, owned: &Owned, found: &PathState, backup: BackupKind) -> Step {
    let foreign = owned.thing == Thing::Absent;
    let before = found.view().map(|view| FileView { foreign, ..view });
    let step = Remove { path: path.clone(), before, backup };
    Step::Path(match owned.origin {
        Origin::Moved { .. } => PathStep::MoveBack(step),
        Origin::Created | Origin::Existed { .. } | Origin::Original { .. } => PathStep::Restore(step),
    })
}

impl Differ<'_> {
    /// Plans the step that ends the management of a path.
    pub(in crate::engine) fn end(&mut self, path: &ManagedPath, owned: &Owned, steps: &mut PathSteps) {
        let found = self.observed.found(path);
        let implicit = matches!(owned.thing, Thing::Directory { implicit: true, .. });
        if let Some(what) = drift(&owned.thing, found)
            && !implicit
        {
            self.drifted(path, what);
        }
        let release = |why: &str| {
            let why = match &owned.origin {
                Origin::Original { backup } | Origin::Moved { backup } => {
                    format!("{why}; the original is in the backup {backup}")
                }
                Origin::Created | Origin::Existed { .. } => why.to_owned(),
            };
            Step::Path(PathStep::Release(Release { path: path.clone(), why }))
        };
        let step = match (found, &owned.thing, &owned.origin) {
            (PathState::Directory { .. }, Thing::Directory { .. }, Origin::Created) => {
                return steps
                    .directory_removals
                    .push(Step::Path(PathStep::RemoveDirectory(RemoveDirectory { path: path.clone() })));
            }
            (
                PathState::Directory { access, .. },
                Thing::Directory { access: left, .. },
                Origin::Existed { access: was },
            ) if access == left && access != was && self.may_change_in_place(path, access, was) => {
                Step::Path(PathStep::ChangeAccess(ChangeAccess {
                    path: path.clone(),
                    before: access.clone(),
                    after: was.clone(),
                }))
            }
            (
                PathState::Directory { .. },
                Thing::Directory { .. },
                Origin::Original { .. } | Origin::Moved { .. },
            ) => match self.stays_in(path) {
                None => {
                    self.touch(path);
                    let restore = put_back(path, owned, found, BackupKind::Nothing);
                    return steps.directory_removals.push(restore);
                }
                Some(what) => release(&format!("the directory is not empty: {what}")),
            },
            (
                PathState::Directory { access, .. },
                Thing::Directory { access: left, .. },
                Origin::Existed { access: was },
            ) if access == left && access != was => release(
                "it existed before NixFleet managed it, and keeps its mode and owner, since other users \
                 could replace the directory",
            ),
            (PathState::Directory { .. }, Thing::Directory { .. }, Origin::Existed { .. }) => {
                release("it existed before NixFleet managed it")
            }
            (PathState::Directory { .. }, ..) => release("it is now a directory"),
            (PathState::Other(_) | PathState::Unreachable(_), ..) => {
                release("it is no longer what NixFleet made")
            }
            (PathState::Missing, _, Origin::Original { .. } | Origin::Moved { .. })
                if self.directory_is_gone(path) =>
            {
                release("its parent directory no longer exists")
            }
            (found, thing, Origin::Original { .. } | Origin::Moved { .. }) => {
                self.touch(path);
                put_back(path, owned, found, backup_if_edited(thing, found))
            }
            (PathState::Missing, Thing::Absent, _) => {
                release("it does not exist, and there is no original to restore")
            }
            (_, Thing::Absent, _) => release("NixFleet does not own it"),
            (_, Thing::Directory { .. }, _) => release("the directory no longer exists"),
            (PathState::Missing, ..) => {
                self.touch(path);
                release("it no longer exists")
            }
            // NixFleet refuses to manage this path now, but an older version adopted it. The removal of the
            // path could, for example, delete the accounts of the host, so that nobody could log in.
            _ if Reserved::at(path).is_some() => {
                release("only its own tools may write it, so it stays as it is")
            }
            (found, thing, _) => {
                self.touch(path);
                let backup = backup_if_edited(thing, found);
                Step::Path(PathStep::Remove(Remove { path: path.clone(), before: found.view(), backup }))
            }
        };
        steps.removals.push(step);
    }

    /// Whether the parent directory of a path is missing and will not be created by this change.
    fn directory_is_gone(&self, path: &ManagedPath) -> bool {
        path.parent().is_some_and(|above| {
            self.observed.paths.get(&above) == Some(&PathState::Missing)
                && !self.new_directories.contains(&above)
        })
    }

    /// Returns the reason why a directory cannot be replaced by a file or link, or `None` if it can be
    /// replaced.
    pub(in crate::engine) fn must_stay(&self, directory: &ManagedPath) -> Option<String> {
        match self.state.paths.get(directory) {
            Some(Owned { thing: Thing::Directory { .. }, origin: Origin::Existed { .. }, .. }) => {
                Some("the directory existed before NixFleet managed it".to_owned())
            }
            Some(Owned { thing: Thing::Directory { .. }, .. }) => {
                let what = self.stays_in(directory)?;
                Some(format!("the directory there is not empty: {what}"))
            }
            _ => {
                let view = self.observed.found(directory).view();
                let whose = view.map(|view| format!(" of `{}`", view.access.owner)).unwrap_or_default();
                Some(format!("a directory{whose} exists there"))
            }
        }
    }

    /// Returns the reason why a directory would not be empty after the managed paths in it have been removed.
    /// The reason names one path in the directory, at any depth, that would remain. Returns `None` if no path
    /// would remain.
    pub(in crate::engine) fn stays_in(&self, directory: &ManagedPath) -> Option<String> {
        let PathState::Directory { holds, .. } = self.observed.found(directory) else { return None };
        holds.iter().find_map(|name| {
            let path = format!("{directory}/{name}");
            let Some((path, owned)) = self.state.paths.get_key_value(path.as_str()) else {
                return Some(format!("{} is not managed by NixFleet", path.escape_debug()));
            };
            match (self.observed.found(path), &owned.thing, &owned.origin) {
                (_, _, Origin::Original { .. } | Origin::Moved { .. }) => {
                    Some(format!("the original of {path} is restored there"))
                }
                (PathState::Directory { .. }, Thing::Directory { .. }, Origin::Created) => {
                    self.stays_in(path)
                }
                (
                    PathState::File { .. } | PathState::Link { .. },
                    Thing::File { .. } | Thing::Link { .. },
                    Origin::Created,
                ) => None,
                _ => Some(format!("{path} is no longer owned by NixFleet")),
            }
        })
    }
}
