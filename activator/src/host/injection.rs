//! Stops a run at a chosen change, as a power cut, a full disk or a broken one would. Only in builds for
//! tests.

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

/// The variable that says what happens and where: `kill 17` at the 17th change, see [`FaultKind`] for the
/// words.
pub const FAULT: &str = "NIXFLEET_FAULT";
/// The variable that makes the clock on the wall jump: by how many seconds, and from which change on:
/// `-86400 17`.
pub const CLOCK: &str = "NIXFLEET_CLOCK";
/// The variable that names a file which gets a line for each change: its number, what it is, its paths.
pub const LOG: &str = "NIXFLEET_FAULT_LOG";

static CHANGES: AtomicU64 = AtomicU64::new(0);
static FAULT_OF_THIS_RUN: OnceLock<Option<Fault>> = OnceLock::new();
static JUMP_OF_THIS_RUN: OnceLock<Option<(i64, u64)>> = OnceLock::new();

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    /// `kill`: the process is gone before the change.
    Kill,
    /// `torn`: it is gone after half of what it writes there.
    Torn,
    /// `enospc`: the disk has no room for this one change.
    NoSpace,
    /// `full`: from there on it has room for nothing new.
    Full,
    /// `eio`: this one change fails.
    Broken,
    /// `dead`: from there on all changes fail.
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

/// What a full disk refuses; the rest it still does.
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

/// What the clock says once it has jumped.
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

/// Counts a change, and says what happens at it.
fn reached(change: FaultPoint, subjects: &[FaultSubject<'_>]) -> Option<FaultKind> {
    let number = CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(log) = std::env::var_os(LOG) {
        let paths: Vec<String> =
            subjects.iter().map(|subject| path_of(*subject).display().to_string()).collect();
        let line = format!("{number}\t{change:?}\t{}\n", paths.join("\t"));
        // A log that cannot be written shows as one that is too short.
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

/// Ends the process as nothing that it could answer to.
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
