//! One run at a time on a host, and who it is.

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

/// How long it takes to read the holder of the lock on a machine that is not busy, and how many readers a run
/// waits for.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
const POLLS: u32 = 40;

/// This very process as the holder of a lock.
#[must_use]
pub fn this_process(who: &str, command: &str) -> Holder {
    let since = clock::seconds();
    let (who, command) = (who.to_owned(), command.to_owned());
    Holder { who, command, pid: std::process::id(), since, run: None, revision: None }
}

/// Who runs what, and for how long, for people.
#[must_use]
pub fn describe(holder: &Holder) -> String {
    holder.described(clock::seconds())
}

/// The lock; dropped, or when the process ends in any way, it is free again.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do while a child that is just being started still has the file open. Should
        // this fail, the lock goes with the process.
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

    /// The same for what makes room: it holds the lock of a host whose disk is full whether or not its name
    /// can be written.
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
                Err(Errno::WOULDBLOCK) if tries < POLLS => {
                    tries += 1;
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

    /// Why the lock cannot be taken now, if somebody holds it: what is seen of a host that is being changed
    /// may be untrue a moment later. Changes nothing.
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
        .map_or_else(|| "a run that has not said who it is".to_owned(), |holder| describe(&holder))
}

fn held(holder: &str) -> Problem {
    Problem::new(Code::Locked, "Another run holds the lock of the host")
        .at(format!("{HOME}/lock"))
        .because(holder)
        .help("wait until it has ended; the lock frees itself with the process")
}
