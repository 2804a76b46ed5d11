//! Steps that change files, links and directories.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::manifest::{Access, OnConflict};
use crate::step::FileView;
use crate::values::ManagedPath;

/// A step that changes what is at a path, or whether NixFleet manages the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum PathStep {
    /// Create the home directory of a user from `/etc/skel`.
    CreateHome(CreateHome),
    /// Create a directory. It may replace a managed file or link.
    CreateDirectory(CreateDirectory),
    /// Create a file, or replace its content, mode and owner.
    WriteFile(WriteFile),
    /// Create a link, or change its target.
    WriteLink(WriteLink),
    /// Change only the mode or owner of a path.
    ChangeAccess(ChangeAccess),
    /// Start to manage a path that already matches the manifest. Only the recorded state changes.
    Own(Own),
    /// Remove a managed file or link, or remove a file, link or directory from a path at which nothing should
    /// exist.
    Remove(Remove),
    /// Restore the content that was at a path before NixFleet managed it.
    Restore(Remove),
    /// Move a directory away from a path at which nothing should exist, to a backup.
    MoveAway(MoveAway),
    /// Move a directory from its backup back to the path at which the directory was before NixFleet managed
    /// the path.
    MoveBack(Remove),
    /// Remove a directory that NixFleet created, if the directory is empty.
    RemoveDirectory(RemoveDirectory),
    /// Stop managing a path without changing it.
    Release(Release),
}

/// The details of [`PathStep::CreateHome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateHome {
    /// Path of the directory.
    pub path: ManagedPath,
    /// Mode, owner and group.
    pub access: Access,
}

/// The details of [`PathStep::CreateDirectory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateDirectory {
    /// Path of the directory.
    pub path: ManagedPath,
    /// Mode, owner and group.
    pub access: Access,
    /// Whether the directory is created only because a managed path is in it, and is not declared itself.
    pub implicit: bool,
    /// The file or link that the directory replaces, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FileView>,
    /// The kind of backup that is made of the replaced file or link: [`BackupKind::Copy`] if it was edited by
    /// hand.
    #[serde(rename = "keep", default, skip_serializing_if = "BackupKind::is_nothing")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::WriteFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteFile {
    /// Path of the file.
    pub path: ManagedPath,
    /// The file, link or directory that is at the path before the step, if any.
    pub before: Option<FileView>,
    /// The new file.
    pub after: FileView,
    /// The kind of backup that is made of the replaced content.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::WriteLink`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteLink {
    /// Path of the link.
    pub path: ManagedPath,
    /// The target of the link that is at the path before the step, if any.
    pub before: Option<String>,
    /// The file, link or directory that is at the path before the step, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<FileView>,
    /// The new target.
    pub target: String,
    /// The kind of backup that is made of the replaced file, link or directory.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::ChangeAccess`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeAccess {
    /// The path whose mode or owner changes.
    pub path: ManagedPath,
    /// Mode, owner and group before the step.
    pub before: Access,
    /// Mode, owner and group after the step.
    pub after: Access,
}

/// The details of [`PathStep::Own`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Own {
    /// The path that NixFleet starts to manage.
    pub path: ManagedPath,
    /// The kind of backup that is made of the content. It determines what happens at the path when NixFleet
    /// stops managing the path.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::Remove`], [`PathStep::Restore`] and [`PathStep::MoveBack`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// The path that the step changes.
    pub path: ManagedPath,
    /// The file, link or directory that is at the path before the step, if any.
    pub before: Option<FileView>,
    /// The kind of backup that is made of the removed or replaced content.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::MoveAway`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveAway {
    /// Path of the directory.
    pub path: ManagedPath,
    /// The directory before the step.
    pub before: Option<FileView>,
    /// Whether the directory is moved together with its content. If not, the directory has to be empty.
    pub with_content: bool,
    /// The kind of backup that is made of the directory. It determines whether the directory is restored when
    /// NixFleet stops managing the path.
    #[serde(rename = "keep")]
    pub backup: BackupKind,
}

/// The details of [`PathStep::RemoveDirectory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveDirectory {
    /// Path of the directory.
    pub path: ManagedPath,
}

/// The details of [`PathStep::Release`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The path that NixFleet stops managing.
    pub path: ManagedPath,
    /// The reason why the path is left unchanged, for people.
    pub why: String,
}

impl PathStep {
    /// Returns the path that the step changes.
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

    /// Returns the descriptions of the file, link or directory at the path before and after the step, if the
    /// step contains them.
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

    /// Describes the step in one line, for people. If the plan shows the content of a file, the content is
    /// printed below this line.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::CreateHome(CreateHome { path, access }) => {
                Line::new(Sign::Comes, format!("{path}/  {}", shown(access)))
                    .and(Tone::Quiet, "  home, with the files that every new home gets")
            }
            Self::CreateDirectory(CreateDirectory { path, access, implicit, before, backup }) => {
                let sign = if before.is_some() { Sign::Changes } else { Sign::Comes };
                let line = Line::new(sign, format!("{path}/  {}", shown(access)))
                    .and(Tone::Quiet, if *implicit { ", needed by paths in it" } else { "" })
                    .and(Tone::Loud, backup.remark(before.as_ref()));
                match before {
                    Some(view) => line.and(Tone::Plain, "  was ").and(Tone::Plain, thing(view)),
                    None => line,
                }
            }
            Self::WriteFile(WriteFile { path, before, after, backup }) => {
                let line = match before {
                    None => Line::new(Sign::Comes, format!("{path}  {}", shown(&after.access))),
                    // Only files have content that can be compared.
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
                .and(Tone::Quiet, "already matches its declaration; managed from now on"),
            Self::Remove(Remove { path, before, backup }) => {
                let other = before.as_ref().filter(|view| view.sha256.is_none());
                let what = other.map(|view| format!("  {}", thing(view))).unwrap_or_default();
                Line::new(Sign::Goes, format!("{path}{what}")).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::Restore(Remove { path, before, backup }) => {
                let what = format!("{path}  the original from before NixFleet managed the path is restored");
                Line::new(Sign::Changes, what).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::MoveAway(MoveAway { path, before, with_content, backup }) => {
                Line::new(Sign::Goes, format!("{path}/"))
                    .and(Tone::Loud, if *with_content { "  with its content" } else { "" })
                    .and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::MoveBack(Remove { path, before, backup }) => {
                let what =
                    format!("{path}/  the directory from before NixFleet managed the path is restored");
                Line::new(Sign::Changes, what).and(Tone::Loud, backup.remark(before.as_ref()))
            }
            Self::RemoveDirectory(RemoveDirectory { path }) => {
                Line::new(Sign::Goes, format!("{path}/  ")).and(Tone::Quiet, "removed if it is empty")
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

/// Describes how mode, owner and group change. The text is empty if nothing changes.
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

/// Describes a file, link or directory, such as `a link to` and its target.
fn thing(view: &FileView) -> String {
    match (&view.link, &view.sha256) {
        (Some(target), _) => format!("a link to {target}"),
        (None, Some(_)) => "a file".to_owned(),
        (None, None) if view.size == 0 => "a directory".to_owned(),
        // An older NixFleet does not report the target of a link.
        (None, None) => "a link".to_owned(),
    }
}

/// The kind of backup of the content that a step replaces or removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// No backup is made, since the content comes from NixFleet and is unchanged since the last apply.
    #[default]
    Nothing,
    /// A backup is made, since the content was edited by hand or adopted.
    Copy,
    /// A backup is made, since the content was at the path before NixFleet managed the path. The backup is
    /// restored when NixFleet stops managing the path.
    Original,
}

impl BackupKind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Returns the text with which a plan mentions the backup; empty if no backup is made.
    fn remark(self, before: Option<&FileView>) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Copy if before.is_some_and(|view| view.foreign) => {
                "  not managed until now: a backup is made"
            }
            Self::Copy => "  edited by hand: a backup is made",
            Self::Original => "  the original is backed up, and restored when the path is no longer managed",
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
