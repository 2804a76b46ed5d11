//! The streams of something that runs: the ends that it gets, and the ends that stay here.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Its ends.
#[derive(Debug)]
pub struct Theirs {
    /// What it reads.
    pub stdin: OwnedFd,
    /// What it writes.
    pub stdout: OwnedFd,
    /// What it complains on.
    pub stderr: OwnedFd,
}

/// Our ends, all blocking.
#[derive(Debug)]
pub(super) struct Ours {
    /// Into what it reads; nothing where it reads nothing.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

impl Theirs {
    /// Their numbers, in the order of the numbers that they will have there.
    pub fn raw(&self) -> [RawFd; 3] {
        [&self.stdin, &self.stdout, &self.stderr].map(AsRawFd::as_raw_fd)
    }
}

/// Makes both. Without `input` there is nothing to read.
///
/// # Errors
/// This process has too many files open.
pub(super) fn streams(input: bool) -> io::Result<(Theirs, Ours)> {
    let (stdin, feeds): (OwnedFd, Option<OwnedFd>) = if input {
        let (reads, feeds) = io::pipe()?;
        (reads.into(), Some(feeds.into()))
    } else {
        (File::open("/dev/null")?.into(), None)
    };
    let (says, stdout) = io::pipe()?;
    let (complains, stderr) = io::pipe()?;
    let theirs = Theirs { stdin, stdout: stdout.into(), stderr: stderr.into() };
    Ok((theirs, Ours { stdin: feeds, stdout: says.into(), stderr: complains.into() }))
}
