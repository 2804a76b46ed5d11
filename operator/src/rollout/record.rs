//! What the operator's machine records of a rollout: one file, whose first line says what was planned, and
//! each further line is an event. Lines are only ever added, so a command that is killed loses at most the
//! last one.

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

/// What was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutHead {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The rollout.
    pub rollout: RolloutId,
    /// When it began.
    pub began: Timestamp,
    /// Who began it, `user@machine`.
    pub operator: String,
    /// The operation, as its command is called. Records of the first nixfleet, which do not say it, are of
    /// `apply`.
    #[serde(default = "apply")]
    pub command: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: RolloutOrigin,
    /// What it goes by.
    pub outline: Outline,
    /// Its hosts by name.
    pub hosts: BTreeMap<String, PlannedHost>,
}

/// A host, and what it is to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedHost {
    /// The host.
    pub host: Host,
    /// What it is to become.
    #[serde(flatten)]
    pub target: RolloutTarget,
    /// Where it stood then, if it was managed and could be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
}

/// What a host is to become: what an operation has to know to go on with it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RolloutTarget {
    /// `apply`: what a closure describes.
    Closure {
        /// Its path in the store of this machine.
        closure: String,
    },
}

/// The operation of records that name none.
fn apply() -> String {
    "apply".to_owned()
}

impl RolloutHead {
    /// What is planned now. `command`: the operation, as its command is called.
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

/// A record that is being written. While it is, nobody else may.
pub struct Record {
    file: File,
    rollout: RolloutId,
    roots: PathBuf,
}

impl Record {
    /// Begins a record.
    ///
    /// # Errors
    /// It cannot be written.
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

    /// Reads a record, to write on.
    ///
    /// # Errors
    /// There is none of this name, it cannot be read, or another command is writing it.
    pub fn resume(
        state: &StateDir,
        rollout: &RolloutId,
    ) -> Result<(RolloutHead, RolloutProgress, Self), Problem> {
        let folder = folder(state)?;
        let path = path_of(&folder, rollout);
        let opened = OpenOptions::new().read(true).append(true).open(&path);
        let mut file = opened.map_err(|error| missing(state, rollout, &error))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Problem::new(Code::Usage, "the rollout is being carried out")
                .at(rollout)
                .because("another nixfleet on this machine is at it")
                .help("wait for it to end, or interrupt it there")
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
    /// There is none of this name, or it cannot be read.
    pub fn look(state: &StateDir, rollout: &RolloutId) -> Result<(RolloutHead, RolloutProgress), Problem> {
        let path = path_of(&folder(state)?, rollout);
        let mut file = File::open(&path).map_err(|error| missing(state, rollout, &error))?;
        read(&path, &mut file).map(|(head, progress, _)| (head, progress))
    }

    /// All rollouts that are recorded, the last one first.
    ///
    /// # Errors
    /// The directory cannot be read.
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

    /// The directory with the roots of its closures. They are of no use once nothing is left to do.
    #[must_use]
    pub fn roots(&self) -> &Path {
        &self.roots
    }

    /// Ends the rollout: nothing is left of it, and nobody goes on with it any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn close(mut self) -> Result<(), Problem> {
        let written = self.write(EventKind::RolloutEnded { end: End::RolledBack, duration_ms: 0 });
        written.map_err(|error| {
            Problem::new(Code::Usage, "the record of the rollout cannot be written")
                .at(&self.rollout)
                .because(error)
        })
    }

    /// Adds what happened.
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
                // Where they cannot be removed, closures stay in the store; a later rollout tries again.
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

/// What was planned, what became of it, and whether the last line was never finished.
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
        let why = format!("it has schema {}, this nixfleet reads {SCHEMA}", head.schema);
        return Err(unreadable(why)
            .help("go on with the nixfleet that began the rollout, or begin a new one: nixfleet apply"));
    }
    let mut progress = RolloutProgress::default();
    // A line that was cut off, or that a later nixfleet wrote, says nothing.
    for event in lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()) {
        progress.hear(event);
    }
    Ok((head, progress, bytes.last() != Some(&b'\n')))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
