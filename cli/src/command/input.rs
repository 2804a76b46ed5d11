//! Standard input of the command line, on its way to what runs on hosts.

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

/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// What commands on hosts read.
#[derive(Debug)]
pub enum Input {
    /// Nothing.
    None,
    /// All that comes, as it comes: for one host.
    Stream(Mutex<bool>),
    /// All that came, to its end: for each of several hosts.
    Whole(File),
}

impl Input {
    /// What so many hosts read. `is_requested`: `--stdin` was given.
    ///
    /// # Errors
    /// There is something to read, and nobody has said that several hosts are to have it; or it cannot be
    /// read.
    pub fn of(is_requested: bool, hosts: usize) -> Result<Self, Problem> {
        let stdin = io::stdin();
        let unreadable =
            |error: io::Error| Problem::new(Code::Usage, "the standard input cannot be read").because(error);
        match (is_requested, hosts) {
            (true, 2..) => whole(stdin.lock()).map(Self::Whole).map_err(unreadable),
            (false, 2..) if waits() => Err(Problem::new(
                Code::Usage,
                format!("the standard input has data, and {hosts} hosts could read it"),
            )
            .help("send all of it to each host with --stdin, or send nothing with < /dev/null")),
            // Nobody at a terminal expects that what they type next goes to a host.
            (false, 1) if !stdin.is_terminal() && is_open() => Ok(Self::Stream(Mutex::new(false))),
            (true, _) if is_open() => Ok(Self::Stream(Mutex::new(false))),
            _ => Ok(Self::None),
        }
    }

    /// Whether something has come since that nobody has read.
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
                // Whoever waits for input that never comes is not waited for: the thread ends with the
                // process.
                thread::Builder::new().spawn(move || stream(feeds.into()))?;
                Ok(Some(OwnedFd::from(reads).into()))
            }
            // Each opening has a place of its own in the file.
            Self::Whole(file) => {
                let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file.as_fd()));
                Ok(Some(File::open(path)?.into()))
            }
        }
    }
}

/// Hands on what comes, until there is no more of it or nobody reads.
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

/// All that comes, in a file that is gone when it is closed.
fn whole(mut from: impl io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(FIRST_LINE)?;
    io::copy(&mut from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// Whether there is a standard input that is more than `/dev/null`.
fn is_open() -> bool {
    let stdin = io::stdin();
    let Ok(status) = fstat(stdin.as_fd()) else { return false };
    FileType::from_raw_mode(status.st_mode) != FileType::CharacterDevice || stdin.is_terminal()
}

/// Whether something can be read at once that was given to us: nothing of a terminal.
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
