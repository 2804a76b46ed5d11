//! Access to the host: one module for each part of the host that is read or changed.
//!
//! All paths are resolved relative to a root directory, so the same code works on a real host and on a tree
//! of files.
//!
//! - [`disk`][]: all calls that change files
//! - [`file_type`][]: names of file types
//! - [`mounts`]: filesystems that users have mounted with FUSE
//! - [`walk`][]: opening of directories without following links, with checks that no other user can write to
//!   them
//! - [`record`][]: NixFleet's own documents, written atomically
//! - [`accounts`][]: users and groups
//! - [`apt`][]: packages of Debian and Ubuntu
//! - [`systemd`][]: units
//! - [`nixos`][]: the NixOS systems of a host
//! - [`profile`][]: generations
//! - [`roots`][]: the garbage collection roots of an open transaction
//! - [`activator`][]: the installed activator of the host
//! - [`preview`][]: a view of the host after a change, visible to a single process
//! - [`lock`][]: the lock that lets only one run at a time change the host
//! - [`transcript`][]: the output of a run
//! - [`transient`][]: the transient systemd unit of a run
//! - [`command`][]: the runner of host tools
//! - [`client`][]: the program that reads the output of this program
//! - [`clock`][]: the wall clock and the monotonic clock

pub mod accounts;
pub mod activator;
pub mod apt;
pub mod boot;
pub mod client;
pub mod clock;
pub mod command;
pub mod disk;
mod fault;
pub mod file_type;
#[cfg(feature = "fault-injection")]
pub mod injection;
pub mod lock;
pub mod mounts;
pub mod nixos;
pub mod preview;
pub mod profile;
pub mod random;
pub mod record;
pub mod roots;
pub mod systemd;
pub mod transcript;
pub mod transient;
pub mod walk;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{Mode, OFlags};

/// The directory in which NixFleet stores its data about a host.
pub const HOME: &str = "/var/lib/nixfleet";

/// A host, or a tree of files that represents one.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    root_fd: OwnedFd,
    /// Whether the host runs NixOS, once [`nixos::is_nixos`] has found out.
    is_nixos: OnceLock<bool>,
}

impl Host {
    /// Opens the host whose files are below a directory. The directory `/` means this machine.
    ///
    /// # Errors
    /// Fails with [`Code::HostFile`] if the directory cannot be opened.
    pub fn open(root: &Path) -> Result<Self, Problem> {
        let failed = |error: io::Error| host_file("open the root directory", root, &error);
        let root = root.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root_fd = rustix::fs::open(&root, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        Ok(Self { root, root_fd, is_nixos: OnceLock::new() })
    }

    /// Whether this is the machine itself and not a tree of files.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns the root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path at which this process can access an absolute path of the host.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// Returns the problem for a path of the host that could not be read or written. A full disk has its own
/// problem code.
pub fn host_file(verb: &str, path: impl AsRef<Path>, error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let (code, path) = (if full { Code::DiskFull } else { Code::HostFile }, path.as_ref().display());
    let problem = Problem::new(code, format!("failed to {verb} {path}")).at(path).because(error);
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
