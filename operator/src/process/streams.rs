//! The standard streams of a program: the ends that the program receives, and the ends that stay in this
//! process.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The program's ends of its standard streams.
#[derive(Debug)]
pub struct Theirs {
    /// The standard input, which the program reads.
    pub stdin: OwnedFd,
    /// The standard output, which the program writes.
    pub stdout: OwnedFd,
    /// The standard error, which the program writes.
    pub stderr: OwnedFd,
}

/// This process's ends of the program's standard streams, all in blocking mode.
#[derive(Debug)]
pub(super) struct Ours {
    /// The end that writes to standard input, or `None` if the program has no input.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

impl Theirs {
    /// Returns the file descriptors in the order of standard input, output and error.
    pub fn raw(&self) -> [RawFd; 3] {
        [&self.stdin, &self.stdout, &self.stderr].map(AsRawFd::as_raw_fd)
    }
}

/// Creates both ends of the streams. Without `input`, the program reads `/dev/null`.
///
/// # Errors
/// This process has too many open files.
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
