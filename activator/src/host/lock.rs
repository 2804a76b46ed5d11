//! The lock that lets only one run at a time change a host. The lock file records the holder.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::thread;
use std::time::Duration;

use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{CWD, FlockOperation};
use rustix::io::Errno;

use super::disk::{self, Opening, Writer};
use super::{HOME, Host, clock, host_file};
use crate::diagnostics::retried;

/// The interval and the maximum number of attempts to take the lock while a reader holds it briefly. Reading
/// the holder takes about one interval on an idle machine.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
const POLLS: u32 = 40;

/// Returns this process as a holder of the lock.
#[must_use]
pub fn this_process(who: &str, command: &str) -> Holder {
    let since = clock::seconds();
    let (who, command) = (who.to_owned(), command.to_owned());
    Holder { who, command, pid: std::process::id(), since, run: None, revision: None }
}

/// Describes the holder of the lock for messages: who runs which command, and for how long.
#[must_use]
pub fn describe(holder: &Holder) -> String {
    holder.described(clock::seconds())
}

/// The held lock. It is released on drop, or when the process ends for any reason.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Unlock explicitly. Closing the file does not release the lock while a child process that is being
        // started still has it open. If unlocking fails, the lock is released when the process ends.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock. If another run holds the lock, does not wait for that run.
    ///
    /// # Errors
    /// Fails with [`Code::Locked`], naming the holder, or [`Code::HostFile`].
    pub fn take(host: &Host, holder: &Holder) -> Result<Self, Problem> {
        Self::take_or(host, holder, Err)
    }

    /// Takes the lock like [`Self::take`], but also succeeds if the disk is too full to write the holder to
    /// the lock file. This is for commands that free space.
    ///
    /// # Errors
    /// Fails in the same cases as [`Self::take`].
    pub fn take_on_full_disk(host: &Host, holder: &Holder) -> Result<Self, Problem> {
        let is_full = |problem: &Problem| problem.code == Code::DiskFull;
        Self::take_or(host, holder, |problem| if is_full(&problem) { Ok(()) } else { Err(problem) })
    }

    /// Takes the lock. `unnamed` decides what to do if the holder cannot be written to the lock file.
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
                // A reader may hold the lock briefly, see [`Self::holder`].
                Err(Errno::WOULDBLOCK) if tries < POLLS => {
                    tries += 1;
                    retried("lock the host", tries, POLL_INTERVAL, &"another process holds the lock");
                    thread::sleep(POLL_INTERVAL);
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

    /// Returns the problem to report if another run holds the lock, since anything read from a host that is
    /// being changed may be outdated a moment later. Does not change the host.
    #[must_use]
    pub fn objection(host: &Host) -> Option<Problem> {
        Self::holder(host).map(|holder| held(&holder))
    }

    /// Describes the holder of the lock, if the lock is held. Does not change the host.
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
        .map_or_else(|| "a run that has not identified itself".to_owned(), |holder| describe(&holder))
}

fn held(holder: &str) -> Problem {
    Problem::new(Code::Locked, "another run holds the lock of the host")
        .at(format!("{HOME}/lock"))
        .because(holder)
        .help(
            "wait until that run has ended, then run the command again; the lock is released when the \
             process of that run ends",
        )
}

#[cfg(test)]
mod tests {
    use tracing::level_filters::LevelFilter;

    use super::*;
    use crate::diagnostics::written;

    #[test]
    fn each_attempt_to_take_a_held_lock_is_logged() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::open(root.path()).unwrap();
        let _lock = Lock::take(&host, &this_process("alice@desk", "apply")).unwrap();
        let take = || assert!(Lock::take(&host, &this_process("bob@desk", "apply")).is_err());
        let log = written(false, LevelFilter::DEBUG, take);
        let attempts = log.lines().filter(|line| line.starts_with("tried again what=\"lock the host\""));
        assert_eq!(attempts.count(), POLLS as usize, "{log}");
        assert!(log.contains("attempt=1 delay_ms=5 why=another process holds the lock"), "{log}");
    }
}
