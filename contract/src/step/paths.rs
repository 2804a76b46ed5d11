//! Steps that change files, links and directories.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::manifest::{Access, OnConflict};
use crate::step::FileView;
use crate::values::ManagedPath;

/// A change at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum PathStep {
    /// Create the home directory of a user, from `/etc/skel`.
    CreateHome(CreateHome),
    /// Create a directory, also in place of a managed file or link.
    CreateDirectory(CreateDirectory),
    /// Create a file or replace its content, mode and owner.
    WriteFile(WriteFile),
    /// Create a link or point it elsewhere.
    WriteLink(WriteLink),
    /// Change only mode or owner.
    ChangeAccess(ChangeAccess),
    /// Start to manage something that already matches the manifest. Only the state changes.
    Own(Own),
    /// Remove a managed file or link, or something at a path where nothing should be.
    Remove(Remove),
    /// Restore what was at a path before it was managed.
    Restore(Remove),
    /// Move a directory where nothing should be into the backup, with its content.
    MoveAway(MoveAway),
    /// Move a directory out of the backup, to where it was before the path was managed.
    MoveBack(Remove),
    /// Remove a directory that NixFleet created; it stays if it is not empty.
    RemoveDirectory(RemoveDirectory),
    /// Stop managing a path without touching it.
    Release(Release),
}

/// Creation of a home directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateHome {
    /// Path.
    pub path: ManagedPath,
    /// Mode, owner, group.
    pub access: Access,
}

/// Creation of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateDirectory {
    /// Path.
    pub path: ManagedPath,
    /// Mode, owner, group.
    pub access: Access,
    /// Not declared itself, but a parent of a managed path.
    pub implicit: bool,
    /// What is at the path now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FileView>,
    /// [`BackupKind::Copy`] if that was edited by hand.
    #[serde(rename = "keep", default, skip_serializing_if = "BackupKind::is_nothing")]
    pub backup: BackupKind,
}

/// Creation or replacement of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteFile {
    /// Path.
    pub path: ManagedPath,
    /// What is at the path now.
    pub before: Option<FileView>,
    /// The new file.
    pub after: FileView,
    /// What happens to content that NixFleet does not own.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// Creation or replacement of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteLink {
    /// Path.
    pub path: ManagedPath,
    /// The current target.
    pub before: Option<String>,
    /// What is at the path now, a link or something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<FileView>,
    /// The new target.
    pub target: String,
    /// What happens to something that NixFleet does not own.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// Change of mode or owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeAccess {
    /// Path.
    pub path: ManagedPath,
    /// Current mode, owner and group.
    pub before: Access,
    /// New mode, owner and group.
    pub after: Access,
}

/// Start of management without a change on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Own {
    /// Path.
    pub path: ManagedPath,
    /// What happens to it when management ends.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// Removal of a file or link, or its replacement by the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// Path.
    pub path: ManagedPath,
    /// What is at the path now, if it is a file.
    pub before: Option<FileView>,
    /// What happens to content that NixFleet does not own.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// Move of a directory into the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveAway {
    /// Path.
    pub path: ManagedPath,
    /// The directory.
    pub before: Option<FileView>,
    /// It may hold something.
    pub with_content: bool,
    /// Whether it comes back when management ends.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// Removal of a managed directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveDirectory {
    /// Path.
    pub path: ManagedPath,
}

/// End of management without a change on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Path.
    pub path: ManagedPath,
    /// Why it is left alone, for people.
    pub why: String,
}

impl PathStep {
    /// The path it is about.
    #[must_use]
    pub const fn path(&self) -> &ManagedPath {
        match self {
            Self::CreateHome(step) => &step.path,
            Self::CreateDirectory(step) => &step.path,
            Self::WriteFile(step) => &step.path,
            Self::WriteLink(step) => &step.path,
            Self::ChangeAccess(step) => &step.path,
            Self::Own(step) => &step.path,
            Self::Remove(step) | Self::Restore(step) | Self::MoveBack(step) => &step.path,
            Self::MoveAway(step) => &step.path,
            Self::RemoveDirectory(step) => &step.path,
            Self::Release(step) => &step.path,
        }
    }

    /// The files before and after the step, if it shows any.
    #[must_use]
    pub const fn views_mut(&mut self) -> (Option<&mut FileView>, Option<&mut FileView>) {
        match self {
            Self::WriteFile(WriteFile { before, after, .. }) => (before.as_mut(), Some(after)),
            Self::Remove(Remove { before, .. })
            | Self::Restore(Remove { before, .. })
            | Self::MoveAway(MoveAway { before, .. })
            | Self::MoveBack(Remove { before, .. })
            | Self::CreateDirectory(CreateDirectory { before, .. }) => (before.as_mut(), None),
            Self::WriteLink(WriteLink { replaced, .. }) => (replaced.as_mut(), None),
            Self::CreateHome(_)
            | Self::ChangeAccess(_)
            | Self::Own(_)
            | Self::RemoveDirectory(_)
            | Self::Release(_) => (None, None),
        }
    }

    /// The step in words, for people. The contents of a file are shown below it, if the plan shows them.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::CreateHome(CreateHome { path, access }) => {
                Line::new(Sign::Comes, format!("{path}/  {}", shown(access)))
                    .and(Tone::Quiet, "  home, with what every new one gets")
            }
            Self::CreateDirectory(CreateDirectory { path, access, implicit, before, backup }) => {
                let sign = if before.is_some() { Sign::Changes } else { Sign::Comes };
                let line = Line::new(sign, format!("{path}/  {}", shown(access)))
                    .and(Tone::Quiet, if *implicit { ", needed by what stands in it" } else { "" })
                    .and(Tone::Loud, backup.remark(before.as_ref()));
                match before {
                    Some(view) => line.and(Tone::Plain, "  was ").and(Tone::Plain, thing(view)),
                    None => line,
                }
            }
            Self::WriteFile(WriteFile { path, before, after, backup }) => {
                let line = match before {
                    None => Line::new(Sign::Comes, format!("{path}  {}", shown(&after.access))),
                    // Only a file has content to compare.
                    Some(before) if before.sha256.is_none() => {
                        let was = thing(before);
                        let was = was.strip_prefix("a ").unwrap_or(&was);
                        let what = format!("{path}  {was} → file {}", shown(&after.access));
                        Line::new(Sign::Changes, what)
                    }
                    Some(before) => {
                        let change = access_change(&before.access, &after.access);
                        let gap = if change.is_empty() { "" } else { "  " };
                        Line::new(Sign::Changes, format!("{path}{gap}{change}"))
                    }
                };
                line.and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::WriteLink(WriteLink { path, before, replaced, target, backup }) => {
                let was = before.clone().or_else(|| replaced.as_ref().map(thing));
                let sign = if was.is_some() { Sign::Changes } else { Sign::Comes };
                let line = Line::new(sign, format!("{path} → ")).and(Tone::Plain, target);
                let line = match was {
                    Some(was) => line.and(Tone::Plain, "  was ").and(Tone::Plain, was),
                    None => line,
                };
                line.and(Tone::Loud, backup.remark(replaced.as_ref()))
            }
            Self::ChangeAccess(ChangeAccess { path, before, after }) => {
                Line::new(Sign::Changes, format!("{path}  {}", access_change(before, after)))
            }
            Self::Own(Own { path, .. }) => Line::new(Sign::Stays, format!("{path}  "))
                .and(Tone::Quiet, "is as wanted already; managed from now on"),
            Self::Remove(Remove { path, before, backup }) => {
                let other = before.as_ref().filter(|view| view.sha256.is_none());
                let what = other.map(|view| format!("  {}", thing(view))).unwrap_or_default();
                Line::new(Sign::Goes, format!("{path}{what}")).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::Restore(Remove { path, before, backup }) => {
                let what = format!("{path}  what stood there before management comes back");
                Line::new(Sign::Changes, what).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::MoveAway(MoveAway { path, before, with_content, backup }) => {
                Line::new(Sign::Goes, format!("{path}/"))
                    .and(Tone::Loud, if *with_content { "  with its content" } else { "" })
                    .and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::MoveBack(Remove { path, before, backup }) => {
                let what = format!("{path}/  the directory that stood there before management comes back");
                Line::new(Sign::Changes, what).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::RemoveDirectory(RemoveDirectory { path }) => {
                Line::new(Sign::Goes, format!("{path}/  ")).and(Tone::Quiet, "unless it holds something")
            }
            Self::Release(Release { path, why }) => {
                let line = Line::new(Sign::Stays, format!("{path}  "));
                line.and(Tone::Quiet, "left alone: ").and(Tone::Quiet, why)
            }
        }
    }
}

fn shown(access: &Access) -> String {
    format!("{} {}:{}", access.mode, access.owner, access.group)
}

/// The differences between two accesses; empty if there are none.
fn access_change(before: &Access, after: &Access) -> String {
    let mut parts = Vec::new();
    if before.mode != after.mode {
        parts.push(format!("mode {} → {}", before.mode, after.mode));
    }
    if (&before.owner, &before.group) != (&after.owner, &after.group) {
        parts.push(format!("owner {}:{} → {}:{}", before.owner, before.group, after.owner, after.group));
    }
    if before.list && !after.list {
        parts.push("without its access control list".to_owned());
    }
    parts.join(", ")
}

/// The kind of thing at a path, in words.
fn thing(view: &FileView) -> String {
    match (&view.link, &view.sha256) {
        (Some(target), _) => format!("a link to {target}"),
        (None, Some(_)) => "a file".to_owned(),
        (None, None) if view.size == 0 => "a directory".to_owned(),
        // An older NixFleet does not say where a link points.
        (None, None) => "a link".to_owned(),
    }
}

/// What happens to content that a step replaces or removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// Nothing: NixFleet owns it, and it is unchanged since the last apply.
    #[default]
    Nothing,
    /// A backup is made: it is a hand edit, or it was adopted.
    Copy,
    /// It is backed up, and restored when management ends: it is older than management.
    Original,
}

impl BackupKind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The remark about it in a plan.
    fn remark(self, before: Option<&FileView>) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Copy if before.is_some_and(|view| view.foreign) => {
                "  not managed until now: a backup is made"
            }
            Self::Copy => "  edited by hand: a backup is made",
            Self::Original => "  what stands there is kept, and comes back when management ends",
        }
    }
}

impl From<OnConflict> for BackupKind {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Adopt => Self::Copy,
            OnConflict::Backup | OnConflict::Fail => Self::Original,
        }
    }
}
