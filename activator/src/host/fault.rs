//! Points where a test can stop a run. They do nothing in release builds. The feature `fault-injection`,
//! which only tests enable, implements them in `injection`.

#![cfg_attr(
    not(feature = "fault-injection"),
    expect(dead_code, reason = "only what stops a run looks at it")
)]

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::io::Errno;

/// A kind of change that a test can make fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Open a file that may not exist yet.
    Create,
    /// Write to a file.
    Write,
    /// Truncate or resize a file.
    Truncate,
    /// Flush a file or directory to disk.
    Sync,
    /// Flush a filesystem to disk.
    SyncFilesystem,
    /// Rename a file, link or directory.
    Rename,
    /// Create a hard link.
    Link,
    /// Create a symbolic link.
    Symlink,
    /// Create a directory.
    MakeDirectory,
    /// Remove a file or link.
    Unlink,
    /// Remove a directory.
    RemoveDirectory,
    /// Change the permission bits.
    Mode,
    /// Change the owner and group.
    Owner,
    /// Change the timestamps.
    Times,
    /// Change an extended attribute.
    Attribute,
    /// Run a host tool.
    Run,
}

/// The file that a change affects.
#[derive(Clone, Copy)]
pub enum FaultSubject<'a> {
    /// An open file or directory.
    Fd(BorrowedFd<'a>),
    /// A name in an open directory.
    In(BorrowedFd<'a>, &'a Path),
}

/// Marks the point before a change. Returns an error if a test makes the change fail.
#[cfg(feature = "fault-injection")]
pub(super) fn point(change: FaultPoint, subjects: &[FaultSubject<'_>]) -> Result<(), Errno> {
    super::injection::point(change, subjects)
}

/// Marks the point in the middle of a write. Returns an error if a test makes the write fail.
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
