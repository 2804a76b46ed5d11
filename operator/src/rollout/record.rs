//! The record of a rollout on the operator's machine: a file whose first line contains the plan, and whose
//! other lines are events. Lines are only appended, so a command that is killed loses at most the last line.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nixfleet_contract::SCHEMA;
use nixfleet_contract::fleet::Host;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::record_files::{folder, forget_old, missing, names, path_of, roots_of};
use super::{Outline, RolloutOrigin, RolloutProgress};
use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, Listener};
use crate::state::{StateDir, unusable};

/// The first line of a record, which contains the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutHead {
    /// The version of the format, which is always [`SCHEMA`].
    pub schema: u32,
    /// The id of the rollout.
    pub rollout: RolloutId,
    /// When the rollout started.
    pub began: Timestamp,
    /// The user who started the rollout, as `user@machine`.
    pub operator: String,
    /// The name of the command, such as `apply`. Records of the first NixFleet version contain no name, and
    /// are records of `apply`.
    #[serde(default = "apply")]
    pub command: String,
    /// The fleet for which the rollout was planned.
    #[serde(flatten)]
    pub origin: RolloutOrigin,
    /// The rules and waves of the rollout.
    pub outline: Outline,
    /// The hosts of the rollout, by name.
    pub hosts: BTreeMap<String, PlannedHost>,
}

/// A host, and its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedHost {
    /// The host, as described in the inventory.
    pub host: Host,
    /// The target of the host.
    #[serde(flatten)]
    pub target: RolloutTarget,
    /// The generation of the host before the rollout, if the host was managed and could be queried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
}

/// The target of a host: everything that an operation needs to resume its work on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RolloutTarget {
    /// The target of an `apply`.
    Closure {
        /// The path of the closure in the Nix store of this machine.
        closure: String,
    },
}

/// Returns the command of records that do not name their command.
fn apply() -> String {
    "apply".to_owned()
}

impl RolloutHead {
    /// Creates the head of the record of a new rollout. `command` is the name of the command that starts the
    /// rollout.
    #[must_use]
    pub fn new(
        (rollout, command): (RolloutId, &str),
        origin: RolloutOrigin,
        outline: Outline,
        hosts: BTreeMap<String, PlannedHost>,
    ) -> Self {
        let (began, operator) = (Timestamp::now(), crate::identity::operator());
        let command = command.to_owned();
        Self { schema: SCHEMA, rollout, began, operator, command, origin, outline, hosts }
    }
}

/// A record that is open for writing. A lock on the file keeps other commands from writing to it.
pub struct Record {
    file: File,
    rollout: RolloutId,
    roots: PathBuf,
}

impl Record {
    /// Creates a record.
    ///
    /// # Errors
    /// Fails if the record cannot be written.
    pub fn begin(state: &StateDir, head: &RolloutHead) -> Result<Self, Problem> {
        let folder = folder(state)?;
        let path = path_of(&folder, &head.rollout);
        let failed = |error: std::io::Error| unusable(&path, &error);
        let mut line = serde_json::to_vec(head).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
        file.write_all(&line).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        let file = file.persist(&path).map_err(|error| failed(error.error))?;
        forget_old(&folder);
        Ok(Self { file, rollout: head.rollout.clone(), roots: roots_of(&folder, &head.rollout) })
    }

    /// Opens a record to append to it, and reads it.
    ///
    /// # Errors
    /// Fails if there is no such record, if it cannot be read, or if another command is writing to it.
    pub fn resume(
        state: &StateDir,
        rollout: &RolloutId,
    ) -> Result<(RolloutHead, RolloutProgress, Self), Problem> {
        let folder = folder(state)?;
        let path = path_of(&folder, rollout);
        let opened = OpenOptions::new().read(true).append(true).open(&path);
        let mut file = opened.map_err(|error| missing(state, rollout, &error))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Problem::new(Code::Usage, "the rollout is still running")
                .at(rollout)
                .because("another nixfleet process on this machine runs this rollout")
                .help("wait until the rollout has ended, or interrupt the other nixfleet process")
        })?;
        let (head, progress, is_torn) = read(&path, &mut file)?;
        if is_torn {
            file.write_all(b"\n").map_err(|error| unusable(&path, &error))?;
        }
        Ok((head, progress, Self { file, rollout: rollout.clone(), roots: roots_of(&folder, rollout) }))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Fails if there is no such record, or if it cannot be read.
    pub fn look(state: &StateDir, rollout: &RolloutId) -> Result<(RolloutHead, RolloutProgress), Problem> {
        let path = path_of(&folder(state)?, rollout);
        let mut file = File::open(&path).map_err(|error| missing(state, rollout, &error))?;
        read(&path, &mut file).map(|(head, progress, _)| (head, progress))
    }

    /// Returns all recorded rollouts, newest first.
    ///
    /// # Errors
    /// Fails if the directory cannot be read.
    pub fn all(state: &StateDir) -> Result<Vec<RolloutId>, Problem> {
        let folder = folder(state)?;
        let mut names = names(&folder).map_err(|error| unusable(&folder, &error))?;
        for of_a_second in names.chunk_by_mut(|one, other| one.second() == other.second()) {
            if of_a_second.len() > 1 {
                of_a_second.sort_by_cached_key(|rollout| {
                    Reverse(Self::look(state, rollout).map(|(head, _)| head.began).ok())
                });
            }
        }
        Ok(names)
    }

    /// Returns the directory for the garbage collection roots of the closures. The roots are not needed once
    /// nothing is left to do.
    #[must_use]
    pub fn roots(&self) -> &Path {
        &self.roots
    }

    /// Marks the rollout as rolled back, so that it cannot be resumed.
    ///
    /// # Errors
    /// Fails if the record cannot be written.
    pub fn close(mut self) -> Result<(), Problem> {
        let written = self.write(EventKind::RolloutEnded { end: End::RolledBack, duration_ms: 0 });
        written.map_err(|error| {
            Problem::new(Code::Usage, "the record of the rollout cannot be written")
                .at(&self.rollout)
                .because(error)
        })
    }

    /// Appends an event to the record.
    pub(super) fn write(&mut self, kind: EventKind) -> anyhow::Result<()> {
        self.add(&Event::now(Some(self.rollout.clone()), kind))
    }

    fn add(&mut self, event: &Event) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        if let EventKind::RolloutEnded { end, .. } = event.kind {
            self.file.sync_data()?;
            if end.is_final() {
                // If the roots cannot be removed, the closures stay in the store, and a later rollout tries
                // again to remove the roots.
                let _ = std::fs::remove_dir_all(&self.roots);
            }
        }
        Ok(())
    }
}

impl Listener for Record {
    fn name(&self) -> &'static str {
        "the record of the rollout, which cannot be resumed now"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let lasts = match event.kind {
            EventKind::RolloutBegan { resumed, .. } => resumed,
            EventKind::HostEnded(_) | EventKind::RolloutPaused { .. } | EventKind::RolloutEnded { .. } => {
                true
            }
            _ => false,
        };
        if !lasts || event.rollout.as_ref() != Some(&self.rollout) {
            return Ok(());
        }
        self.add(event)
    }
}

/// Reads the plan and the progress of a rollout, and whether the last line of the file is incomplete.
fn read(path: &Path, file: &mut File) -> Result<(RolloutHead, RolloutProgress, bool), Problem> {
    let unreadable = |why: String| {
        Problem::new(Code::Usage, "the record of the rollout cannot be read").at(path.display()).because(why)
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let head: RolloutHead = serde_json::from_slice(first).map_err(|error| unreadable(error.to_string()))?;
    if head.schema != SCHEMA {
        let why =
            format!("the record has schema {}, but this nixfleet can read only schema {SCHEMA}", head.schema);
        return Err(unreadable(why).help(
            "resume with the nixfleet that started the rollout, or start a new rollout: nixfleet apply",
        ));
    }
    let mut progress = RolloutProgress::default();
    // Lines that were cut off, or that only a newer version can read, are ignored.
    for event in lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()) {
        progress.hear(event);
    }
    Ok((head, progress, bytes.last() != Some(&b'\n')))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
