//! Finds the users who could replace a managed file or directory because they own one of its ancestors.

use std::collections::BTreeSet;

use nixfleet_contract::manifest::{Access, Entry, FileEntry};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{ManagedPath, Owner};

use crate::engine::observe::PathState;
use crate::engine::plan::diff::Differ;

/// The sticky bit. In a directory with this bit, only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;
const SET_ID: u32 = 0o6000;
const OF_OTHERS: u32 = 0o002;

impl Differ<'_> {
    /// Whether the mode and owner of an existing directory may be changed in place. This is safe if only root
    /// can replace the directory. It is also safe if only the owner of the directory can replace it, and
    /// owner and group stay the same, because the owner may change the mode anyway.
    pub(in crate::engine) fn may_change_in_place(
        &self,
        path: &ManagedPath,
        found: &Access,
        declared: &Access,
    ) -> bool {
        let others = self.others_on_the_way(path, Some(found));
        let keeps_owner = found.owner == declared.owner && found.group == declared.group;
        others.is_empty() || keeps_owner && others.iter().all(|other| **other == found.owner)
    }

    /// Returns a problem if the file has a set-id bit and a user other than root could rename the file.
    pub(in crate::engine) fn set_id_objection(
        &self,
        path: &ManagedPath,
        file: &FileEntry,
    ) -> Option<Problem> {
        if self.returns || file.access.mode.bits() & SET_ID == 0 {
            return None;
        }
        let found = match self.observed.found(path) {
            PathState::File { access, .. } => Some(access),
            PathState::Missing
            | PathState::Directory { .. }
            | PathState::Link { .. }
            | PathState::Other(_)
            | PathState::Unreachable(_) => None,
        };
        let others: Vec<String> =
            self.others_on_the_way(path, found).iter().map(|other| format!("`{other}`")).collect();
        let directory = path.parent().as_deref().unwrap_or("/").to_owned();
        (!others.is_empty()).then(|| {
            Problem::new(Code::UnsafePath, "other users could rename a file that has a setuid or setgid bit")
                .at(path)
                .because(format!(
                    "{} could rename the file, or keep a hard link to the file under another name",
                    others.join(" and ")
                ))
                .help(format!(
                    "remove the bit from the mode of the file ({}), or declare the file in a directory where \
                     only root can rename files, not in {directory}",
                    file.access.mode
                ))
        })
    }

    /// Returns the accounts, except root, that may rename a path or one of its ancestors before or after the
    /// change. A system group that may write to a directory of root is trusted like root.
    fn others_on_the_way<'a>(
        &'a self,
        path: &ManagedPath,
        standing: Option<&'a Access>,
    ) -> BTreeSet<&'a Owner> {
        let mut others = BTreeSet::new();
        let mut is_sticky = false;
        for above in path.ancestors() {
            for access in self.accesses(&above) {
                others.insert(&access.owner);
                is_sticky |= access.mode.bits() & (STICKY | OF_OTHERS) == STICKY | OF_OTHERS;
            }
        }
        if is_sticky {
            others.extend(standing.map(|access| &access.owner));
        }
        others.retain(|owner| **owner != Owner::root() && self.observed.accounts.uid(owner) != Some(0));
        others
    }

    /// Returns the current and the declared access of a directory.
    fn accesses(&self, directory: &ManagedPath) -> impl Iterator<Item = &Access> {
        let found = match self.observed.found(directory) {
            PathState::Directory { access, .. } => Some(access),
            PathState::Missing
            | PathState::File { .. }
            | PathState::Link { .. }
            | PathState::Other(_)
            | PathState::Unreachable(_) => None,
        };
        let declared = match self.manifest.entries.get(directory) {
            Some(Entry::Directory(access)) => Some(access),
            Some(Entry::File(_) | Entry::Link(_) | Entry::Absent(_)) | None => None,
        };
        found.into_iter().chain(declared)
    }
}

/// Returns the problem for a directory whose owner or mode cannot be changed safely.
pub(in crate::engine) fn changes_hands(
    path: &ManagedPath,
    found: &Access,
    declared: &Access,
    holds: &str,
) -> Problem {
    let shown = |access: &Access| format!("{} {}:{}", access.mode, access.owner, access.group);
    Problem::new(
        Code::UnsafePath,
        "cannot safely change the owner or mode of this directory, because another user can rename it",
    )
    .at(path)
    .because(format!(
        "the directory is {} and should be {}, but the owner of a parent directory can replace this \
         directory at any time; NixFleet itself can replace only an empty directory, but this directory \
         contains {}",
        shown(found),
        shown(declared),
        holds.escape_debug()
    ))
    .help(format!(
        "inspect the directory, then run on the host: chown -h {}:{} {path} && chmod {} {path}",
        declared.owner, declared.group, declared.mode
    ))
}
