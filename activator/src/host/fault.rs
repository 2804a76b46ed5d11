//! Where a test may stop a run. In what is shipped there is nothing behind it; the feature `fault-injection`,
//! which only tests switch on, has the real thing in `injection`.

#![cfg_attr(
    not(feature = "fault-injection"),
    expect(dead_code, reason = "only what stops a run looks at it")
)]

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::io::Errno;

/// A change that is about to be done, and that a fault can prevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Open a file that may be new.
    Create,
    /// Write to a file.
    Write,
    /// Empty a file.
    Truncate,
    /// Write a file or directory to the disk.
    Sync,
    /// Write a filesystem to the disk.
    SyncFilesystem,
    /// Rename something.
    Rename,
    /// Give something a second name.
    Link,
    /// Make a symbolic link.
    Symlink,
    /// Make a directory.
    MakeDirectory,
    /// Remove a file or link.
    Unlink,
    /// Remove a directory.
    RemoveDirectory,
    /// Change permission bits.
    Mode,
    /// Change owner and group.
    Owner,
    /// Change times.
    Times,
    /// Change an extended attribute.
    Attribute,
    /// Run a tool of the host.
    Run,
}

/// What it is done to.
#[derive(Clone, Copy)]
pub enum FaultSubject<'a> {
    /// Something open.
    Fd(BorrowedFd<'a>),
    /// A name in an open directory.
    In(BorrowedFd<'a>, &'a Path),
}

/// Where a run can be stopped: before a change.
#[cfg(feature = "fault-injection")]
pub(super) fn point(change: FaultPoint, subjects: &[FaultSubject<'_>]) -> Result<(), Errno> {
    super::injection::point(change, subjects)
}

/// Where a run can be stopped in the middle of writing.
#[cfg(feature = "fault-injection")]
pub(super) fn writing(file: &File, bytes: &[u8]) -> io::Result<()> {
    super::injection::writing(file, bytes)
}

#[cfg(not(feature = "fault-injection"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it fails")]
pub(super) const fn point(_: FaultPoint, _: &[FaultSubject<'_>]) -> Result<(), Errno> {
    Ok(())
}

#[cfg(not(feature = "fault-injection"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it fails")]
pub(super) const fn writing(_: &File, _: &[u8]) -> io::Result<()> {
    Ok(())
}
