//! Fault injection for tests: stops a run at a chosen change, as a power failure, a full disk or a failing
//! disk would.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

use super::fault::{FaultPoint, FaultSubject};

/// The environment variable that selects the fault and the number of the change at which the fault occurs,
/// such as `kill 17` for the 17th change. See [`FaultKind`] for the kinds.
pub const FAULT: &str = "NIXFLEET_FAULT";
/// The environment variable that makes the wall clock jump. It contains the jump in seconds and the number of
/// the change from which the jump takes effect, such as `-86400 17`.
pub const CLOCK: &str = "NIXFLEET_CLOCK";
/// The environment variable with the path of a log file. Each change appends a line with its number, kind and
/// paths.
pub const LOG: &str = "NIXFLEET_FAULT_LOG";

static CHANGES: AtomicU64 = AtomicU64::new(0);
static FAULT_OF_THIS_RUN: OnceLock<Option<Fault>> = OnceLock::new();
static JUMP_OF_THIS_RUN: OnceLock<Option<(i64, u64)>> = OnceLock::new();

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    /// `kill`: the process is killed before the change.
    Kill,
    /// `torn`: the process is killed when half of the data is written.
    Torn,
    /// `enospc`: the disk is full for this one change.
    NoSpace,
    /// `full`: the disk is full from this change on.
    Full,
    /// `eio`: this one change fails with an I/O error.
    Broken,
    /// `dead`: all changes from this change on fail with an I/O error.
    Dead,
}

struct Fault {
    kind: FaultKind,
    at: u64,
}

impl Fault {
    fn of_environment() -> Option<Self> {
        let text = std::env::var(FAULT).ok()?;
        let (word, at) = text.split_once(' ')?;
        let kind = match word {
            "kill" => FaultKind::Kill,
            "torn" => FaultKind::Torn,
            "enospc" => FaultKind::NoSpace,
            "full" => FaultKind::Full,
            "eio" => FaultKind::Broken,
            "dead" => FaultKind::Dead,
            _ => return None,
        };
        Some(Self { kind, at: at.parse().ok()? })
    }

    fn hits(&self, number: u64, change: FaultPoint) -> bool {
        match self.kind {
            FaultKind::Kill | FaultKind::Torn | FaultKind::NoSpace | FaultKind::Broken => number == self.at,
            FaultKind::Full => number >= self.at && takes_room(change),
            FaultKind::Dead => number >= self.at,
        }
    }
}

/// Whether a change needs space, so that it fails on a full disk.
const fn takes_room(change: FaultPoint) -> bool {
    matches!(
        change,
        FaultPoint::Create
            | FaultPoint::Write
            | FaultPoint::Link
            | FaultPoint::Symlink
            | FaultPoint::MakeDirectory
            | FaultPoint::Attribute
            | FaultPoint::Run
    )
}

/// Returns the wall clock time. If the jump of [`CLOCK`] has taken effect, the time includes the jump.
pub(super) fn shifted(time: SystemTime) -> SystemTime {
    let jump = JUMP_OF_THIS_RUN.get_or_init(|| {
        let text = std::env::var(CLOCK).ok()?;
        let (seconds, from) = text.split_once(' ')?;
        Some((seconds.parse::<i64>().ok()?, from.parse::<u64>().ok()?))
    });
    let Some((seconds, _)) = jump.filter(|(_, from)| CHANGES.load(Ordering::SeqCst) >= *from) else {
        return time;
    };
    let by = Duration::from_secs(seconds.unsigned_abs());
    let there = if seconds < 0 { time.checked_sub(by) } else { time.checked_add(by) };
    there.unwrap_or(time)
}

pub(super) fn point(change: FaultPoint, subjects: &[FaultSubject<'_>]) -> Result<(), Errno> {
    match reached(change, subjects) {
        None => Ok(()),
        Some(FaultKind::Kill | FaultKind::Torn) => Err(die()),
        Some(FaultKind::NoSpace | FaultKind::Full) => Err(Errno::NOSPC),
        Some(FaultKind::Broken | FaultKind::Dead) => Err(Errno::IO),
    }
}

pub(super) fn writing(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    let Some(kind) = reached(FaultPoint::Write, &[FaultSubject::Fd(file.as_fd())]) else { return Ok(()) };
    if !matches!(kind, FaultKind::Kill | FaultKind::Dead) {
        file.write_all(&bytes[..bytes.len() / 2])?;
    }
    Err(match kind {
        FaultKind::Kill | FaultKind::Torn => die(),
        FaultKind::NoSpace | FaultKind::Full => Errno::NOSPC,
        FaultKind::Broken | FaultKind::Dead => Errno::IO,
    }
    .into())
}

/// Counts a change, logs it, and returns the fault that occurs at this change, if any.
fn reached(change: FaultPoint, subjects: &[FaultSubject<'_>]) -> Option<FaultKind> {
    let number = CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(log) = std::env::var_os(LOG) {
        let paths: Vec<String> =
            subjects.iter().map(|subject| path_of(*subject).display().to_string()).collect();
        let line = format!("{number}\t{change:?}\t{}\n", paths.join("\t"));
        // Ignore errors: tests notice missing lines in the log.
        #[expect(clippy::disallowed_methods, reason = "the log of a test is no file of the host")]
        let _ = OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .and_then(|mut log| log.write_all(line.as_bytes()));
    }
    let fault = FAULT_OF_THIS_RUN.get_or_init(Fault::of_environment).as_ref()?;
    fault.hits(number, change).then_some(fault.kind)
}

/// Kills the process with a signal that it cannot handle.
fn die() -> Errno {
    let _ = kill_process(getpid(), Signal::KILL);
    Errno::IO
}

fn path_of(subject: FaultSubject<'_>) -> PathBuf {
    let open = |fd: BorrowedFd<'_>| {
        if fd.as_raw_fd() == CWD.as_raw_fd() {
            return PathBuf::new();
        }
        std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
    };
    match subject {
        FaultSubject::Fd(fd) => open(fd),
        FaultSubject::In(fd, name) => open(fd).join(name),
    }
}
