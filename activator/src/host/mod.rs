//! The host: one small module for each thing of it that is read or changed.
//!
//! Every path is resolved under a root directory, so the very same code converges a real host and a tree of
//! files.
//!
//! - [`disk`][]: every call that changes a file
//! - [`file_type`][]: the names of file types
//! - [`mounts`]: filesystems that users have mounted and that are their own programs (FUSE)
//! - [`walk`][]: directories opened without following links, and the check that nobody else may write to them
//! - [`record`][]: documents of our own, written all or nothing
//! - [`accounts`][]: users and groups
//! - [`systemd`][]: units
//! - [`profile`][]: generations
//! - [`activator`][]: the program that acts on this host
//! - [`preview`][]: the host as it would be, seen by one process alone
//! - [`lock`][]: one run at a time
//! - [`transcript`][]: what a run says while it lasts
//! - [`transient`][]: a unit of its own for a run
//! - [`command`][]: the runner of host tools
//! - [`clock`][]: what the clock on the wall says

pub mod accounts;
pub mod activator;
pub mod clock;
pub mod command;
pub mod disk;
mod fault;
pub mod file_type;
#[cfg(feature = "fault-injection")]
pub mod injection;
pub mod lock;
pub mod mounts;
pub mod preview;
pub mod profile;
pub mod random;
pub mod record;
pub mod systemd;
pub mod transcript;
pub mod transient;
pub mod walk;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{Mode, OFlags};

/// Where `NixFleet` keeps what it knows about a host.
pub const HOME: &str = "/var/lib/nixfleet";

/// A host, or a tree of files that stands for one.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    root_fd: OwnedFd,
}

impl Host {
    /// Opens the host whose files stand under a directory, `/` for this very machine.
    ///
    /// # Errors
    /// [`Code::HostFile`] where the directory cannot be opened.
    pub fn open(root: &Path) -> Result<Self, Problem> {
        let failed = |error: io::Error| host_file("open the root directory", root, &error);
        let root = root.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root_fd = rustix::fs::open(&root, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        Ok(Self { root, root_fd })
    }

    /// Whether this is the machine itself, not a tree of files.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an absolute path of the host stands for this process.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// A path of the host that could not be read or written; a full disk has a code of its own.
pub fn host_file(verb: &str, path: impl AsRef<Path>, error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let problem =
        Problem::new(if full { Code::DiskFull } else { Code::HostFile }, format!("Failed to {verb}"));
    let problem = problem.at(path.as_ref().display()).because(error);
    if full { problem.help("free some space on the host, then apply again") } else { problem }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_quota_that_is_used_up_is_a_full_disk() {
        for (errno, code) in
            [(Errno::NOSPC, Code::DiskFull), (Errno::DQUOT, Code::DiskFull), (Errno::IO, Code::HostFile)]
        {
            assert_eq!(host_file("write", "/srv/a", &errno.into()).code, code, "{errno}");
        }
    }
}
