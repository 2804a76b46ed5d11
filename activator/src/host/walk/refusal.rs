//! Reasons not to open a directory. Each of them records whether another user may have caused the problem.

use std::io;
use std::os::fd::BorrowedFd;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::Owner;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::{Directory, look};
use crate::host::Host;
use crate::host::accounts::Accounts;
use crate::host::file_type::name_of;
use crate::host::mounts::is_of_a_filesystem;

/// The reason why a directory is not opened, or why a file in it is not changed.
#[derive(Debug)]
pub struct WalkRefusal {
    /// The problem to report.
    pub problem: Problem,
    /// Whether a user other than root may have caused the problem, in a directory that root does not control.
    pub is_others: bool,
}

impl WalkRefusal {
    /// Creates the refusal for a kernel error in an open directory.
    #[must_use]
    pub fn within(directory: Directory<'_>, error: &io::Error, problem: Problem) -> Self {
        let is_others = is_of_a_filesystem(error) || !directory.is_roots && !is_of_the_disk(error);
        Self { problem, is_others }
    }

    /// Returns nothing if a user other than root may have caused the problem.
    ///
    /// # Errors
    /// Fails with the problem if only root can have caused it.
    pub fn unless_of_others(self) -> Result<(), Problem> {
        if self.is_others { Ok(()) } else { Err(self.problem) }
    }
}

/// Whether an error means that the disk fails or is full. No user causes such an error, and the error can be
/// temporary. Filesystems use different errors for corrupted data.
pub(super) fn is_of_the_disk(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::IO
                | Errno::NOSPC
                | Errno::DQUOT
                | Errno::ROFS
                | Errno::NOMEM
                | Errno::NFILE
                | Errno::MFILE
                | Errno::UCLEAN
                | Errno::BADMSG
                | Errno::ILSEQ
                | Errno::NODATA
                | Errno::NOLINK
                | Errno::REMOTEIO
                | Errno::NODEV
                | Errno::TIMEDOUT
                | Errno::SHUTDOWN
        )
    )
}

/// Returns the problem for a file or link that is in place of a parent directory.
pub(super) fn no_directory(host: &Host, directory: BorrowedFd<'_>, name: &str, path: &str) -> Problem {
    let found = look(directory, name).ok().flatten();
    let kind = found.as_ref().map(|stat| FileType::from_raw_mode(stat.st_mode));
    let problem = if kind == Some(FileType::Symlink) {
        Problem::new(Code::UnsafePath, "a parent directory of a managed path is a symbolic link")
            .at(path)
            .help("declare the real path instead: NixFleet follows no link when it writes")
    } else {
        Problem::new(Code::UnsafePath, "the parent path of a managed path is not a directory")
            .at(path)
            .help("on the host, move the file at this path away, or manage another path")
    };
    match (found, kind) {
        (Some(stat), Some(kind)) => {
            let (owner, _) = names_of(host, &stat);
            problem.because(format!("this path is {} that belongs to `{owner}`", name_of(kind)))
        }
        _ => problem,
    }
}

/// Returns the problem for a parent directory to which other users can write.
pub(super) fn open_to_others(host: &Host, stat: &Stat, path: &str) -> Problem {
    let (owner, group) = names_of(host, stat);
    let mode = stat.st_mode & 0o7777;
    Problem::new(Code::UnsafePath, "other users can write to a parent directory of a managed path")
        .at(path)
        .because(format!("the directory has mode {mode:04o}, owner `{owner}` and group `{group}`"))
        .help(
            "manage another path, or remove the write access of other users: only the owner may have write \
             access to the directory, or, if root owns the directory, also a system group",
        )
}

/// Returns the names of the owner and group of a file, or their ids if the account files cannot be read.
fn names_of(host: &Host, stat: &Stat) -> (Owner, Owner) {
    let accounts = Accounts::read(host).unwrap_or_default();
    (accounts.user_of(stat.st_uid), accounts.group_of(stat.st_gid))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use rustix::fs::{Mode, OFlags};

    use super::*;
    use crate::host::mounts::foreign;

    #[test]
    fn a_failing_disk_is_nobodys_doing_and_a_filesystem_of_a_user_is_theirs() {
        let here = rustix::fs::open("/", OFlags::PATH, Mode::empty()).unwrap();
        let is_others = |error: &io::Error, is_roots| {
            let directory = Directory { fd: here.as_fd(), is_roots, is_local: true };
            WalkRefusal::within(directory, error, Problem::new(Code::HostFile, "")).is_others
        };
        // The errors mean, in this order: the disk is full, the disk fails, the data is corrupted (on ext4
        // and XFS, then two errors of other filesystems), the filesystem was shut down.
        for errno in [Errno::NOSPC, Errno::IO, Errno::UCLEAN, Errno::BADMSG, Errno::NODATA, Errno::SHUTDOWN] {
            assert!(!is_others(&errno.into(), false), "{errno}");
        }
        let busy = Errno::BUSY.into();
        assert_eq!([true, false].map(|is_roots| is_others(&busy, is_roots)), [false, true]);
        assert_eq!([true, false].map(|is_roots| is_others(&foreign(1000), is_roots)), [true, true]);
    }
}
