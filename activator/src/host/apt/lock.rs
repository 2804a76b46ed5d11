//! The process that holds the lock of apt or dpkg.

use std::fmt;
use std::fs::{self, File};
use std::time::Duration;

use nixfleet_contract::apt::lock::LockHolder;
use rustix::process::{FlockType, fcntl_getlk};

use crate::host::clock;

/// The files that apt and dpkg lock, in the order in which apt locks them.
const LOCKS: [&str; 4] = [
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/apt/lists/lock",
];

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLockHolder {
    /// The id of the process.
    pub process: i32,
    /// The name of the program, such as `unattended-upgr`; empty if the process has ended.
    pub name: String,
    /// The path of the locked file.
    pub path: &'static str,
}

impl fmt::Display for PackageLockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "a program that has ended" } else { &self.name };
        write!(f, "{name} (process {})", self.process)
    }
}

impl PackageLockHolder {
    /// Returns the holder as a run reports it.
    #[must_use]
    pub fn reported(&self) -> LockHolder {
        let since = started(&fs::read_to_string(format!("/proc/{}/stat", self.process)).unwrap_or_default());
        let since = since.and_then(|since| {
            clock::seconds().checked_sub(clock::since_boot().checked_sub(since)?.as_secs())
        });
        LockHolder { process: self.process, name: self.name.clone(), since }
    }
}

/// Returns the time from boot to the start of a process. `stat`: the content of its file `stat` in `/proc`.
fn started(stat: &str) -> Option<Duration> {
    // The name of the program, in parentheses, may contain any character. The start is the 20th field after
    // it, in hundredths of a second (proc(5)).
    let (_, fields) = stat.rsplit_once(") ")?;
    let hundredths: u64 = fields.split(' ').nth(19)?.parse().ok()?;
    Some(Duration::from_millis(hundredths.saturating_mul(10)))
}

/// Returns a process that holds one of the locks, or `None` if the locks are free.
#[must_use]
pub fn holder() -> Option<PackageLockHolder> {
    LOCKS.iter().find_map(|path| holder_of(path))
}

/// Returns the process that holds a lock on a file, as fcntl(2) tells. The lists of `/proc/locks` name files
/// by numbers that differ from those of stat(2) on some filesystems.
fn holder_of(path: &'static str) -> Option<PackageLockHolder> {
    let file = File::open(path).ok()?;
    let held = fcntl_getlk(file, &FlockType::WriteLock.into()).ok()??;
    let process = held.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    Some(PackageLockHolder { process, name: name.trim().to_owned(), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_a_name_for_people() {
        let path = "/var/lib/dpkg/lock";
        let holder = PackageLockHolder { process: 815, name: "apt-get".to_owned(), path };
        assert_eq!(holder.to_string(), "apt-get (process 815)");
        assert_eq!(
            PackageLockHolder { name: String::new(), ..holder }.to_string(),
            "a program that has ended (process 815)"
        );
    }

    #[test]
    fn the_start_of_a_process_is_read_behind_its_name() {
        let stat = "815 (a) b) S 1 815 815 0 -1 4194304 1 0 0 0 2 1 0 0 20 0 1 0 1234 10 20";
        assert_eq!(started(stat), Some(Duration::from_millis(12_340)));
        assert_eq!(started(""), None);
        let path = "/var/lib/dpkg/lock";
        let process = i32::try_from(std::process::id()).unwrap();
        let holder = PackageLockHolder { process, name: "apt-get".to_owned(), path }.reported();
        let age = clock::seconds().abs_diff(holder.since.unwrap());
        assert!(age < 3600, "{age}");
    }

    #[test]
    fn a_file_that_nobody_locks_has_no_holder() {
        assert_eq!(holder_of("/etc/passwd"), None);
        assert_eq!(holder_of("/nonexistent/lock"), None);
    }
}
