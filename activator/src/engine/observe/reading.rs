//! Reads files that other users on the host may lease, replace, enlarge, or write to at the same time.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{Mode as Bits, OFlags, Stat};
use rustix::io::Errno;

use crate::digest;
use crate::engine::state::FileStat;
use crate::host::accounts::Accounts;
use crate::host::walk::{Directory, has_list};

/// The default size limit of a file that a user other than root owns or could replace, in bytes. A file of
/// this size is read in less than a second, and configuration files are far smaller.
pub const LARGEST: u64 = 64 * 1024 * 1024;

/// The maximum number of attempts to read a file that changes while it is read.
const ATTEMPTS: usize = 3;

/// The reason why a file was not read.
#[derive(Debug)]
pub enum Obstacle {
    /// The file is larger than this limit, in bytes.
    Large(u64),
    /// The file was replaced or modified during every attempt.
    Changing,
    /// A process holds a lease on the file; see `F_SETLEASE` in fcntl(2).
    Leased,
    /// The kernel refused to open or read the file.
    Refused(io::Error),
}

impl From<Errno> for Obstacle {
    fn from(errno: Errno) -> Self {
        if errno == Errno::AGAIN { Self::Leased } else { Self::Refused(errno.into()) }
    }
}

impl Obstacle {
    /// Returns the problem to report. `stat`: the file's metadata when it was last inspected.
    #[must_use]
    pub fn problem(&self, path: &str, stat: &Stat, accounts: &Accounts) -> Problem {
        let owner = accounts.user_of(stat.st_uid);
        let problem = |what: &str| Problem::new(Code::HostFile, what).at(path);
        let exclude = format!("or skip this path and apply everything else with --force {path}");
        match self {
            Self::Large(limit) => problem("the file is too large to be read")
                .because(format!(
                    "the file belongs to `{owner}` and has {} bytes, which take {} bytes of disk space; \
                     NixFleet reads at most {limit} bytes of a file that does not belong to root or that \
                     other users could replace",
                    stat.st_size,
                    stat.st_blocks * 512
                ))
                .help(format!(
                    "on the host, move the file away; or, if the size of the file is correct, increase \
                     nixfleet.maxFileSize; {exclude}"
                )),
            Self::Changing => problem("the file changed each time it was read")
                .because(format!(
                    "the file belongs to `{owner}` and changed during each of {ATTEMPTS} attempts to read it"
                ))
                .help(format!(
                    "on the host, stop the process that writes to the file (find the process with `fuser -v \
                     {path}`), {exclude}"
                )),
            Self::Leased => problem("a process prevents the file from being opened")
                .because(format!("the file belongs to `{owner}`, and {}", holder(stat)))
                .help(format!("on the host, stop the process that holds the lease, {exclude}")),
            Self::Refused(error) => problem(&format!("failed to read {path}")).because(error),
        }
    }
}

/// The digest and the metadata of a file, both from the same moment.
#[derive(Debug)]
pub struct FileContent {
    /// SHA-256 of the content of the file.
    pub sha256: String,
    /// The metadata of the file.
    pub stat: Stat,
    /// Whether the file has an access control list.
    pub list: bool,
}

/// Computes the digest of a regular file. `largest`: the size limit for a file with the given metadata.
///
/// # Errors
/// Fails with the reason why the file was not read.
pub fn digest(
    directory: Directory<'_>,
    name: &str,
    largest: impl Fn(&Stat) -> Option<u64>,
) -> Result<FileContent, Obstacle> {
    for _ in 0..ATTEMPTS {
        let file = open(directory, name)?;
        let before = rustix::fs::fstat(&file)?;
        if before.st_mode & 0o170_000 != 0o100_000 {
            continue;
        }
        let size = before.st_size.cast_unsigned();
        if let Some(limit) = largest(&before).filter(|limit| size > *limit) {
            return Err(Obstacle::Large(limit));
        }
        let (sha256, read) = digest::of_reader((&file).take(size + 1)).map_err(Obstacle::Refused)?;
        let after = rustix::fs::fstat(&file)?;
        if read == size && FileStat::of(&before) == FileStat::of(&after) {
            return Ok(FileContent { sha256, stat: after, list: has_list(&file) });
        }
    }
    Err(Obstacle::Changing)
}

/// Opens a file for reading. If a pipe has replaced the file, does not wait for a writer.
///
/// # Errors
/// Fails with the kernel's error.
pub fn open(directory: Directory<'_>, name: &str) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(directory.fd, name, flags, Bits::empty()).map(File::from)
}

/// Describes the process that holds a lease on a file, for people. `/proc/locks` identifies a file by its
/// inode number; see `proc_locks(5)`.
fn holder(stat: &Stat) -> String {
    let unknown = || "a process holds a lease on it".to_owned();
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return unknown() };
    let pid = locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_lease = words.nth(1) == Some("LEASE");
        let (pid, file) = (words.nth(2)?, words.next()?);
        let inode = file.rsplit(':').next()?.parse::<u64>().ok()?;
        (is_lease && inode == stat.st_ino).then(|| pid.to_owned())
    });
    let Some(pid) = pid else { return unknown() };
    let uid = fs::metadata(format!("/proc/{pid}")).map(|process| process.uid());
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match uid {
        Ok(uid) => {
            format!("process {pid} ({}) of user id {uid} holds a lease on it", name.trim_end().escape_debug())
        }
        Err(_) => format!("process {pid} holds a lease on it"),
    }
}
