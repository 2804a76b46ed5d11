//! The process that holds the lock of apt or dpkg.

use std::fmt;
use std::fs::{self, File};

use rustix::process::{FlockType, fcntl_getlk};

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
    fn a_file_that_nobody_locks_has_no_holder() {
        assert_eq!(holder_of("/etc/passwd"), None);
        assert_eq!(holder_of("/nonexistent/lock"), None);
    }
}
