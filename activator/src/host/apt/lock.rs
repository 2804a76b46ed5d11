//! The process that holds the lock of apt or dpkg.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{major, minor};

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
    pub process: u32,
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
    let locks = fs::read_to_string("/proc/locks").ok()?;
    LOCKS.iter().find_map(|path| {
        let file = fs::metadata(path).ok()?;
        let process = process(&locks, (major(file.dev()), minor(file.dev())), file.ino())?;
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        Some(PackageLockHolder { process, name: name.trim().to_owned(), path })
    })
}

/// Returns the process that holds a lock on a file. `locks`: the content of `/proc/locks`. `device`: the
/// numbers of the device of the file. A line is `1: POSIX  ADVISORY  WRITE 815 fe:00:1234 0 EOF`; the line of
/// a process that waits has `->` after its number.
fn process(locks: &str, device: (u32, u32), inode: u64) -> Option<u32> {
    let wanted = format!("{:02x}:{:02x}:{inode}", device.0, device.1);
    locks.lines().find_map(|line| {
        let [_, "POSIX", _, "WRITE", process, file, ..] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            return None;
        };
        if file == wanted { process.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 815 fe:00:1234 0 EOF
1: -> POSIX  ADVISORY  WRITE 816 fe:00:1234 0 EOF
2: FLOCK  ADVISORY  WRITE 817 fe:00:1235 0 EOF
3: POSIX  ADVISORY  READ 818 fe:00:1236 0 EOF
4: POSIX  ADVISORY  WRITE 819 00:2a:1237 0 EOF
";

    #[test]
    fn only_a_process_that_holds_the_lock_is_named() {
        assert_eq!(process(LOCKS, (0xfe, 0), 1234), Some(815));
        assert_eq!(process(LOCKS, (0, 0x2a), 1237), Some(819));
        for inode in [1235, 1236, 1238] {
            assert_eq!(process(LOCKS, (0xfe, 0), inode), None, "{inode}");
        }
        assert_eq!(process(LOCKS, (0xfe, 1), 1234), None);
    }

    #[test]
    fn a_holder_has_a_name_for_people() {
        let holder =
            PackageLockHolder { process: 815, name: "apt-get".to_owned(), path: "/var/lib/dpkg/lock" };
        assert_eq!(holder.to_string(), "apt-get (process 815)");
        assert_eq!(
            PackageLockHolder { name: String::new(), ..holder }.to_string(),
            "a program that has ended (process 815)"
        );
    }
}
