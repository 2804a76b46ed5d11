//! One run at a time on a host, and who it is.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FlockOperation};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::disk::{self, Opening, Writer};
use super::{HOME, Host, clock, host_file};
use crate::problem::{Code, Problem};
use crate::run::RunId;

/// How long a look at the lock takes on a machine that is not busy, and how many of them are waited for.
const GLANCE: Duration = Duration::from_millis(5);
const LOOKERS: u32 = 40;

/// Who runs, as the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The person, `user@machine`.
    pub who: String,
    /// What they run, `apply` or `rollback`.
    pub command: String,
    /// The process on the host.
    pub pid: u32,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The name of the run, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The revision of the flake that is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Holder {
    /// This very process.
    #[must_use]
    pub fn current(who: &str, command: &str) -> Self {
        let since = clock::seconds();
        let (who, command) = (who.to_owned(), command.to_owned());
        Self { who, command, pid: std::process::id(), since, run: None, revision: None }
    }

    /// The same, with the revision of the flake that is applied.
    #[must_use]
    pub fn of_revision(mut self, revision: Option<String>) -> Self {
        self.revision = revision;
        self
    }

    /// The same, as a run of this name.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let now = clock::seconds();
        write!(
            f,
            "{} has been running {} (process {}) for {} s",
            self.who,
            self.command,
            self.pid,
            now.saturating_sub(self.since)
        )
    }
}

/// The lock; dropped, or when the process ends in any way, it is free again.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do while a child that is just being started still has the file open. Should this
        // fail, the lock goes with the process.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock without waiting for another run.
    ///
    /// # Errors
    /// [`Code::Locked`], naming the holder, or [`Code::HostFile`].
    pub fn take(host: &Host, holder: &Holder) -> Result<Self, Problem> {
        Self::take_or(host, holder, Err)
    }

    /// The same for what makes room: it holds the lock of a host whose disk is full whether or not its name can be
    /// written.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub fn take_on_full_disk(host: &Host, holder: &Holder) -> Result<Self, Problem> {
        let is_full = |problem: &Problem| problem.code == Code::DiskFull;
        Self::take_or(host, holder, |problem| if is_full(&problem) { Ok(()) } else { Err(problem) })
    }

    /// `unnamed`: what follows where the holder cannot be written.
    fn take_or(
        host: &Host,
        holder: &Holder,
        unnamed: impl FnOnce(Problem) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        host.create_home()?;
        let path = host.path(HOME).join("lock");
        let failed = |error| host_file("lock", format!("{HOME}/lock"), &error);
        let mut file = disk::open(CWD, path, Opening::Lasting).map_err(failed)?;
        let mut tries = 0;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                // Who only looks has it for a moment, see [`Self::holder`].
                Err(Errno::WOULDBLOCK) if tries < LOOKERS => {
                    tries += 1;
                    thread::sleep(GLANCE);
                }
                Err(Errno::WOULDBLOCK) => return Err(held(&read_holder(&mut file))),
                Err(errno) => return Err(failed(errno.into())),
            }
        }
        let write = || {
            disk::truncate(&file)?;
            file.rewind()?;
            Writer(&file).write_all(&serde_json::to_vec(holder)?)
        };
        let mut write = write;
        write().map_err(failed).or_else(unnamed)?;
        host.remove_unfinished()?;
        Ok(Self(file))
    }

    /// Why the lock cannot be taken now, if somebody holds it: what is seen of a host that is being changed may be
    /// untrue a moment later. Changes nothing.
    #[must_use]
    pub fn objection(host: &Host) -> Option<Problem> {
        Self::holder(host).map(|holder| held(&holder))
    }

    /// Who holds the lock, if anyone does. Changes nothing.
    #[must_use]
    pub fn holder(host: &Host) -> Option<String> {
        let mut file = File::open(host.path(HOME).join("lock")).ok()?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => None,
            Err(_) => Some(read_holder(&mut file)),
        }
    }
}

fn read_holder(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let holder = file.rewind().and_then(|()| file.take(64 * 1024).read_to_end(&mut bytes)).ok();
    holder
        .and_then(|_| serde_json::from_slice::<Holder>(&bytes).ok())
        .map_or_else(|| "a run that has not said who it is".to_owned(), |holder| holder.to_string())
}

fn held(holder: &str) -> Problem {
    Problem::new(Code::Locked, "Another run holds the lock of the host")
        .at(format!("{HOME}/lock"))
        .because(holder)
        .help("wait until it has ended; the lock frees itself with the process")
}
