//! The steps of a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::FileView;
use crate::manifest::{Access, OnConflict, User, UserField};
use crate::values::{AccountName, ManagedPath, Owner, UnitName};

/// The smallest thing that is done, and undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "step")]
pub enum Step {
    /// Create a group.
    CreateGroup {
        /// Name.
        name: AccountName,
        /// Numeric id, if one is asked for.
        gid: Option<u32>,
    },
    /// Create a user.
    CreateUser {
        /// The user.
        user: User,
    },
    /// Bring an existing user in line, or enable a disabled one again.
    ModifyUser {
        /// The user as it should be.
        user: User,
        /// What differs, each `field: old → new`.
        changes: Vec<String>,
        /// Fields of the account that get back what they were before, or are left alone.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        unstated: BTreeSet<UserField>,
    },
    /// Give an account back what it was before it was managed.
    ReleaseUser {
        /// Name.
        name: Owner,
        /// What differs, each `field: old → new`.
        changes: Vec<String>,
    },
    /// Lock the account and take its shell and memberships; the user and its id stay.
    DisableUser {
        /// Name.
        name: Owner,
        /// Memberships that were given here, and go.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        groups: BTreeSet<Owner>,
    },
    /// Create the home directory of a user, with what every new home gets.
    CreateHome {
        /// Path.
        path: ManagedPath,
        /// Mode, owner, group.
        access: Access,
    },
    /// Stop a unit that is no longer managed.
    StopUnit {
        /// Unit name.
        unit: UnitName,
        /// Why, for people.
        why: String,
    },
    /// Create a directory, also where a file or link of ours makes way for it.
    CreateDirectory {
        /// Path.
        path: ManagedPath,
        /// Mode, owner, group.
        access: Access,
        /// Not asked for itself, but a parent of a managed path.
        implicit: bool,
        /// What stands there now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<FileView>,
        /// [`Keep::Copy`] where that was edited by hand.
        #[serde(default, skip_serializing_if = "Keep::is_nothing")]
        keep: Keep,
    },
    /// Create a file or replace its content, mode and owner.
    WriteFile {
        /// Path.
        path: ManagedPath,
        /// What stands there now.
        before: Option<FileView>,
        /// What will stand there.
        after: FileView,
        /// What becomes of content that is not ours.
        keep: Keep,
    },
    /// Create a link or point it elsewhere.
    WriteLink {
        /// Path.
        path: ManagedPath,
        /// What it points at now.
        before: Option<String>,
        /// What stands there now, a link or something else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<FileView>,
        /// What it will point at.
        target: String,
        /// What becomes of something there that is not ours.
        keep: Keep,
    },
    /// Change mode or owner only.
    ChangeAccess {
        /// Path.
        path: ManagedPath,
        /// Mode, owner, group now.
        before: Access,
        /// Mode, owner, group afterwards.
        after: Access,
    },
    /// Start managing something that stands there already exactly as wanted. Nothing on disk changes but the state.
    Own {
        /// Path.
        path: ManagedPath,
        /// What becomes of it when management ends.
        keep: Keep,
    },
    /// Remove a file or link of ours.
    Remove {
        /// Path.
        path: ManagedPath,
        /// What stands there now, if it is a file.
        before: Option<FileView>,
        /// [`Keep::Copy`] where it was edited by hand.
        keep: Keep,
    },
    /// Put back what stood at a path before it was managed.
    Restore {
        /// Path.
        path: ManagedPath,
        /// What stands there now, if it is a file.
        before: Option<FileView>,
        /// [`Keep::Copy`] where it was edited by hand.
        keep: Keep,
    },
    /// Remove a directory that NixFleet created; it stays if it is not empty.
    RemoveDirectory {
        /// Path.
        path: ManagedPath,
    },
    /// Stop managing a path without touching it.
    Release {
        /// Path.
        path: ManagedPath,
        /// Why it is left alone, for people.
        why: String,
    },
    /// Make systemd read its unit files again.
    DaemonReload,
    /// Switch the profile to the new generation.
    SwitchProfile {
        /// Generation number now.
        from: Option<u64>,
        /// Generation number afterwards.
        to: u64,
    },
    /// Run a command that changed files name.
    RunCommand {
        /// The program by its path, and its arguments.
        command: Vec<String>,
        /// The files that name it and change.
        paths: BTreeSet<ManagedPath>,
    },
    /// Restart a unit.
    RestartUnit {
        /// Unit name.
        unit: UnitName,
        /// Why, for people.
        why: String,
    },
    /// Reload a unit.
    ReloadUnit {
        /// Unit name.
        unit: UnitName,
        /// Why, for people.
        why: String,
    },
    /// Start a unit.
    StartUnit {
        /// Unit name.
        unit: UnitName,
        /// Why, for people.
        why: String,
    },
}

impl Step {
    /// Whether it makes or changes an account: such steps come before anything is swapped.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        matches!(self, Self::CreateGroup { .. } | Self::CreateUser { .. } | Self::ModifyUser { .. })
    }

    /// Whether it changes the account files in any way.
    #[must_use]
    pub const fn is_about_accounts(&self) -> bool {
        self.makes_account() || matches!(self, Self::ReleaseUser { .. } | Self::DisableUser { .. })
    }

    /// The files before and afterwards, as far as it shows any.
    #[must_use]
    pub const fn views_mut(&mut self) -> (Option<&mut FileView>, Option<&mut FileView>) {
        match self {
            Self::WriteFile { before, after, .. } => (before.as_mut(), Some(after)),
            Self::Remove { before, .. }
            | Self::Restore { before, .. }
            | Self::CreateDirectory { before, .. } => (before.as_mut(), None),
            Self::WriteLink { replaced, .. } => (replaced.as_mut(), None),
            Self::CreateGroup { .. }
            | Self::CreateUser { .. }
            | Self::ModifyUser { .. }
            | Self::DisableUser { .. }
            | Self::StopUnit { .. }
            | Self::ReleaseUser { .. }
            | Self::CreateHome { .. }
            | Self::ChangeAccess { .. }
            | Self::Own { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. }
            | Self::DaemonReload
            | Self::SwitchProfile { .. }
            | Self::RunCommand { .. }
            | Self::RestartUnit { .. }
            | Self::ReloadUnit { .. }
            | Self::StartUnit { .. } => (None, None),
        }
    }

    /// The path it is about, if it is about one.
    #[must_use]
    pub const fn path(&self) -> Option<&ManagedPath> {
        match self {
            Self::CreateHome { path, .. }
            | Self::CreateDirectory { path, .. }
            | Self::WriteFile { path, .. }
            | Self::WriteLink { path, .. }
            | Self::ChangeAccess { path, .. }
            | Self::Own { path, .. }
            | Self::Remove { path, .. }
            | Self::Restore { path, .. }
            | Self::RemoveDirectory { path }
            | Self::Release { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// A command as people would type it. Words that a shell would take apart are quoted.
#[must_use]
pub fn command_line(words: &[String]) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./=:,@%+".contains(character);
    let shown = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) { word.clone() } else { format!("{word:?}") }
    };
    words.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// Why a command runs, for people: which files changed.
#[must_use]
pub fn why_it_runs(paths: &BTreeSet<ManagedPath>) -> String {
    match (paths.first(), paths.len()) {
        (None, _) => String::new(),
        (Some(path), 1) => format!("{path} changed"),
        (Some(path), several) => format!("{path} and {} more changed", several - 1),
    }
}

/// What becomes of the content that a step replaces or removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// It is ours, unchanged since the last apply: nothing is kept.
    #[default]
    Nothing,
    /// It is a hand edit, or adopted: a copy stays on the host.
    Copy,
    /// It stood there before management: it is kept and put back when management ends.
    Original,
}

impl Keep {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl From<OnConflict> for Keep {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Adopt => Self::Copy,
            OnConflict::Backup | OnConflict::Fail => Self::Original,
        }
    }
}
