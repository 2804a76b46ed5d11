//! Running processes by user. They matter because usermod(8) cannot change the home of a user who has running
//! processes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags};

use crate::host::Host;

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub id: u32,
    /// The name of the program, which the kernel may have truncated.
    pub name: String,
    /// The service that the process belongs to, if known.
    pub unit: Option<String>,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.id, self.name)
    }
}

/// Lists the running processes by user id. The list is empty if the host is only a tree of files. Processes
/// that end during the call are omitted, as are processes with a different root directory, which usermod also
/// ignores.
#[must_use]
pub fn by_user(host: &Host) -> BTreeMap<u32, Vec<Process>> {
    let mut processes: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    let root = directory_of(Path::new("/"));
    let entries = host.is_machine().then(|| fs::read_dir("/proc").ok()).flatten();
    for entry in entries.into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some((uid, process)) = read(&entry.path(), id)
            && directory_of(&entry.path().join("root")) == root
        {
            processes.entry(uid).or_default().push(process);
        }
    }
    processes
}

/// Returns the device and inode of a directory. The call never contacts the filesystem, which may be a FUSE
/// program of the user that never responds.
fn directory_of(path: &Path) -> Option<(u32, u32, u64)> {
    let found = rustix::fs::statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
}

fn read(directory: &Path, id: u32) -> Option<(u32, Process)> {
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let uid = value("Uid:")?.split_whitespace().next()?.parse().ok()?;
    let cgroup = fs::read_to_string(directory.join("cgroup")).unwrap_or_default();
    let unit = cgroup.trim_end().rsplit('/').find(|part| part.ends_with(".service")).map(str::to_owned);
    let name = value("Name:")?.trim().chars().filter(|letter| !letter.is_control()).collect();
    Some((uid, Process { id, name, unit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_with_its_user() {
        let own = std::process::id();
        let (uid, process) = read(Path::new("/proc/self"), own).unwrap();
        assert_eq!(uid, rustix::process::getuid().as_raw());
        assert!(process.to_string().starts_with(&format!("process {own} (")));
        let found = by_user(&Host::open(Path::new("/")).unwrap());
        assert!(found[&uid].iter().any(|process| process.id == own));
    }
}
