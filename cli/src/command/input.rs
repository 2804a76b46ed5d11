//! Forwards the standard input of the program to commands on hosts.

use std::fs::File;
use std::io::{self, IsTerminal, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{FileType, fstat};
use rustix::io::ioctl_fionread;

use nixfleet_operator::operation::run::CommandInput;
use nixfleet_operator::ssh::FIRST_LINE;

/// Size of the buffer through which input is forwarded, in bytes.
const PIECE: usize = 64 << 10;

/// The standard input for the commands that run on hosts.
#[derive(Debug)]
pub enum Input {
    /// No input.
    None,
    /// Input that is forwarded to a single host as it arrives. The flag is set once a host has taken the
    /// input.
    Stream(Mutex<bool>),
    /// Input that was read to its end into a file. Every host reads the whole file.
    Whole(File),
}

impl Input {
    /// Determines the input for commands on hosts. `is_requested` is whether `--stdin` was given, and `hosts`
    /// is the number of hosts.
    ///
    /// # Errors
    /// There is input for several hosts although `--stdin` was not given, or the input cannot be read.
    pub fn of(is_requested: bool, hosts: usize) -> Result<Self, Problem> {
        let stdin = io::stdin();
        let unreadable =
            |error: io::Error| Problem::new(Code::Usage, "the standard input cannot be read").because(error);
        match (is_requested, hosts) {
            (true, 2..) => whole(stdin.lock()).map(Self::Whole).map_err(unreadable),
            (false, 2..) if waits() => Err(Problem::new(
                Code::Usage,
                format!(
                    "the standard input has data, but it is not clear whether all {hosts} hosts are to get it"
                ),
            )
            .help("to send all of the data to each host, add --stdin; to send nothing, add < /dev/null")),
            // Without `--stdin`, input from a terminal is not forwarded, since users do not expect that what
            // they type next is sent to a host.
            (false, 1) if !stdin.is_terminal() && is_open() => Ok(Self::Stream(Mutex::new(false))),
            (true, _) if is_open() => Ok(Self::Stream(Mutex::new(false))),
            _ => Ok(Self::None),
        }
    }

    /// Returns whether standard input has data, although standard input is not forwarded to any host.
    pub fn is_left(&self) -> bool {
        matches!(self, Self::None) && waits()
    }
}

impl CommandInput for Input {
    fn open(&self) -> io::Result<Option<Stdio>> {
        match self {
            Self::None => Ok(None),
            Self::Stream(taken) => {
                if std::mem::replace(
                    &mut *taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
                    true,
                ) {
                    return Ok(None);
                }
                let (reads, feeds) = io::pipe()?;
                // The thread is not joined, since the thread may wait for input that never arrives. The
                // thread ends with the process.
                thread::Builder::new().spawn(move || stream(feeds.into()))?;
                Ok(Some(OwnedFd::from(reads).into()))
            }
            // Each host opens the file again, so that it reads from the start.
            Self::Whole(file) => {
                let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file.as_fd()));
                Ok(Some(File::open(path)?.into()))
            }
        }
    }
}

/// Forwards standard input to a pipe until the input ends, or until the reading end of the pipe is closed.
fn stream(feeds: OwnedFd) {
    let (mut feeds, mut stdin) = (File::from(feeds), io::stdin().lock());
    let mut piece = vec![0; PIECE];
    let mut written = feeds.write_all(FIRST_LINE);
    while written.is_ok()
        && let Ok(read @ 1..) = stdin.read(&mut piece)
    {
        written = feeds.write_all(&piece[..read]);
    }
}

/// Copies all input to a temporary file, which is deleted when it is closed.
fn whole(mut from: impl io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(FIRST_LINE)?;
    io::copy(&mut from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// Returns whether standard input is open and is not a device such as `/dev/null`. A terminal counts as open.
fn is_open() -> bool {
    let stdin = io::stdin();
    let Ok(status) = fstat(stdin.as_fd()) else { return false };
    FileType::from_raw_mode(status.st_mode) != FileType::CharacterDevice || stdin.is_terminal()
}

/// Returns whether a file, pipe or socket on standard input has data that can be read at once. A terminal
/// counts as having no data.
fn waits() -> bool {
    let stdin = io::stdin();
    let Ok(status) = fstat(stdin.as_fd()) else { return false };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile | FileType::Fifo | FileType::Socket => {
            ioctl_fionread(stdin.as_fd()).is_ok_and(|bytes| bytes > 0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_hosts_reads_the_whole_input() {
        let input = Input::Whole(whole("one\ntwo\n".as_bytes()).unwrap());
        for _ in 0..2 {
            let stdin = input.open().unwrap().unwrap();
            let output = std::process::Command::new("cat").stdin(stdin).output().unwrap();
            assert_eq!(output.stdout, [FIRST_LINE, b"one\ntwo\n"].concat());
        }
    }
}
