//! Filesystems that users have mounted with FUSE, so that a program of the user serves them.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};

/// Returns the id of the user whose program serves the filesystem mounted at a name, unless the user is root.
/// See fuse(8).
///
/// The filesystem itself is never contacted: its program may never respond, and a process that waits for it
/// cannot even be killed.
#[must_use]
pub fn mounted_by(directory: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Option<u32> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let found = rustix::fs::statx(directory, name, flags, StatxFlags::empty()).ok()?;
    if !found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return None;
    }
    user_of_mount(&fs::read_to_string("/proc/self/mountinfo").ok()?, found.stx_mnt_id)
}

/// Returns the user whose filesystem is the first one mounted on the way to a path, with all symbolic links
/// followed. See [`mounted_by`].
#[must_use]
pub fn mounted_on_the_way(path: &Path) -> Option<u32> {
    let mut at = PathBuf::from("/");
    let mut ahead: Vec<OsString> = path.iter().rev().map(OsString::from).collect();
    // The kernel follows at most 40 links in one path.
    let mut links = 40;
    while let Some(name) = ahead.pop() {
        let next = match name.to_str() {
            Some("/") => {
                at = PathBuf::from("/");
                continue;
            }
            Some(".") => continue,
            Some("..") => {
                at.pop();
                continue;
            }
            _ => at.join(name),
        };
        if let Some(user) = mounted_by(CWD, &next) {
            return Some(user);
        }
        match fs::read_link(&next) {
            Ok(_) if links == 0 => return None,
            Ok(target) => {
                links -= 1;
                ahead.extend(target.iter().rev().map(OsString::from));
            }
            Err(_) => at = next,
        }
    }
    None
}

/// Returns a mount point below a directory, if there is one.
#[must_use]
pub fn mounted_below(directory: &Path) -> Option<PathBuf> {
    first_below(&fs::read_to_string("/proc/self/mountinfo").ok()?, directory)
}

/// Finds a mount point below a directory in the text of `/proc/self/mountinfo`, which escapes space, tab,
/// line feed and backslash as octal numbers.
fn first_below(mounts: &str, directory: &Path) -> Option<PathBuf> {
    let plain = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    let unescaped = |path: &str| {
        plain.iter().fold(path.to_owned(), |path, (written, meant)| path.replace(written, meant))
    };
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let mut points = points.map(|point| PathBuf::from(unescaped(point)));
    points.find(|point| point.starts_with(directory) && point != directory)
}

/// Finds the user of a mount in the text of `/proc/self/mountinfo`, see `proc_pid_mountinfo(5)`.
fn user_of_mount(mounts: &str, id: u64) -> Option<u32> {
    let is_it = |line: &&str| line.split(' ').next().and_then(|word| word.parse().ok()) == Some(id);
    let (_, filesystem) = mounts.lines().find(is_it)?.split_once(" - ")?;
    let (kind, options) = (filesystem.split(' ').next()?, filesystem.rsplit(' ').next()?);
    let user = options.split(',').find_map(|option| option.strip_prefix("user_id="))?.parse().ok()?;
    (kind.starts_with("fuse") && user != 0).then_some(user)
}

/// Returns the error for a filesystem that a user has mounted.
#[must_use]
pub fn foreign(user: u32) -> io::Error {
    io::Error::other(Foreign(user))
}

#[derive(Debug)]
struct Foreign(u32);

impl std::error::Error for Foreign {}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user id {} has mounted a FUSE filesystem there", self.0)
    }
}

/// Whether an error was caused by a filesystem that a user has mounted. Such a filesystem may be mounted even
/// in a directory owned by root.
pub(super) fn is_of_a_filesystem(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<Foreign>())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use rustix::fs::{Mode, OFlags};

    use super::*;

    #[test]
    fn filesystems_that_are_programs_of_users_are_known_by_their_mounts() {
        let mounts = "30 1 0:25 / /home rw,nosuid shared:5 - fuse.sshfs a b rw,user_id=0,group_id=0\n\
                      31 1 0:26 / /home/a\\040b rw - fuse hers rw,user_id=1001,group_id=1001,allow_other\n\
                      32 1 0:27 / /srv rw shared:5 - ext4 /dev/sda rw,user_id=1001\n";
        assert_eq!([30, 31, 32, 3].map(|id| user_of_mount(mounts, id)), [None, Some(1001), None, None]);
        let below = |path: &str| first_below(mounts, Path::new(path));
        assert_eq!(below("/home"), Some(PathBuf::from("/home/a b")));
        assert_eq!(["/home/a b", "/home/a", "/s"].map(below), [const { None }; 3]);
        let here = rustix::fs::open("/", OFlags::PATH, Mode::empty()).unwrap();
        assert_eq!(mounted_by(here.as_fd(), "proc"), None);
    }
}
