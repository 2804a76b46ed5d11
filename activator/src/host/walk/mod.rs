//! Opens directories component by component, never through a link, and only where no other user may write.

mod refusal;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nixfleet_contract::problem::Problem;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;

pub use refusal::WalkRefusal;
use refusal::{is_of_the_disk, no_directory, open_to_others};

use super::mounts::{foreign, mounted_by};
use super::record::read_limited;
use super::{Host, host_file};

/// Walks a directory tree. Directories stay open along the way to the last path, so paths in sorted order
/// cost one lookup each.
pub struct Walk<'h> {
    host: &'h Host,
    trusted: Groups,
    open: Vec<Level>,
    /// The directory that is open, if it exists completely: most paths have the same parent as the one
    /// before.
    at: String,
}

/// Groups that are trusted to write to directories owned by root.
#[derive(Clone, Copy)]
enum Groups {
    None,
    /// System groups; their id range is looked up at the first such directory.
    OfTheSystem,
    /// Groups with ids up to this one.
    UpTo(u32),
}

struct Level {
    name: String,
    fd: OwnedFd,
    /// Only root, or a system group, can change names in it.
    is_roots: bool,
    /// Its filesystem is on this machine.
    is_local: bool,
}

/// An open directory.
#[derive(Clone, Copy)]
pub struct Directory<'w> {
    /// Its descriptor.
    pub fd: BorrowedFd<'w>,
    /// Whether only root can replace what is in it, or a directory above it. A system group is as trusted as
    /// root.
    pub is_roots: bool,
    /// Whether its filesystem is on this machine, so that the kernel's cached data about it is current.
    pub is_local: bool,
}

/// A filesystem and the mount that leads to it: the kernel does not rename across mounts, even on one
/// filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountPoint {
    device: (u32, u32),
    /// Zero before Linux 5.8, which does not report it.
    mount: u64,
}

impl<'w> Directory<'w> {
    /// A place of which only the filesystem is known.
    #[must_use]
    pub const fn of(fd: BorrowedFd<'w>) -> Self {
        Self { fd, is_roots: false, is_local: false }
    }

    /// The filesystem and mount of the directory.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn place(self) -> io::Result<MountPoint> {
        let stat = rustix::fs::statx(self.fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        Ok(MountPoint { device: (stat.stx_dev_major, stat.stx_dev_minor), mount: stat.stx_mnt_id })
    }
}

impl<'h> Walk<'h> {
    /// A walk that starts at the root directory.
    #[must_use]
    pub const fn new(host: &'h Host) -> Self {
        Self { host, trusted: Groups::OfTheSystem, open: Vec::new(), at: String::new() }
    }

    /// A walk that trusts no group, and no owner except root.
    #[must_use]
    pub const fn of_root_alone(host: &'h Host) -> Self {
        Self { host, trusted: Groups::None, open: Vec::new(), at: String::new() }
    }

    /// Opens the parent directory of a path; `None` if it does not exist.
    ///
    /// # Errors
    /// [`UnsafePath`](nixfleet_contract::problem::Code::UnsafePath) if a directory on the way is a link, not
    /// a directory, or writable by others.
    pub fn parent(&mut self, path: &str) -> Result<Option<Directory<'_>>, Problem> {
        self.way_to(path).map_err(|refusal| refusal.problem)
    }

    /// As [`Walk::parent`], but the error tells whether another user may have caused it.
    ///
    /// # Errors
    /// As [`Walk::parent`].
    pub fn way_to(&mut self, path: &str) -> Result<Option<Directory<'_>>, WalkRefusal> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() && parent == self.at {
            return Ok(Some(self.last()));
        }
        let depth = self.enter(parent)?;
        let wanted = parent.split('/').filter(|name| !name.is_empty()).count();
        Ok((depth == wanted).then(|| self.last()))
    }

    /// Opens the parent directory of a path, or the nearest existing directory above it, and returns its
    /// depth.
    ///
    /// # Errors
    /// As [`Walk::parent`].
    pub fn nearest(&mut self, path: &str) -> Result<(Directory<'_>, usize), Problem> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let depth = self.enter(parent).map_err(|refusal| refusal.problem)?;
        Ok((self.last(), depth))
    }

    /// Opens as much of a directory path as exists; returns the number of components.
    fn enter(&mut self, directory: &str) -> Result<usize, WalkRefusal> {
        self.at.clear();
        let names: Vec<&str> = directory.split('/').filter(|name| !name.is_empty()).collect();
        let common = self.open.iter().zip(&names).take_while(|(level, name)| level.name == **name).count();
        self.open.truncate(common);
        while self.open.len() < names.len() {
            let depth = self.open.len();
            let here = self.open.last().map_or(self.host.root_fd.as_fd(), |level| level.fd.as_fd());
            let path = || format!("/{}", names[..=depth].join("/"));
            let is_in_roots = self.open.iter().all(|level| level.is_roots);
            let refusal = |problem| WalkRefusal { problem, is_others: !is_in_roots };
            let failed = |verb: &str, errno: Errno| {
                let error = errno.into();
                let is_others = !is_in_roots && !is_of_the_disk(&error);
                WalkRefusal { problem: host_file(verb, path(), &error), is_others }
            };
            if let Some(user) = mounted_by(here, names[depth]) {
                let problem = host_file("open the directory", path(), &foreign(user));
                return Err(WalkRefusal { problem, is_others: true });
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = match rustix::fs::openat(here, names[depth], flags, Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => break,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Err(refusal(no_directory(self.host, here, names[depth], &path())));
                }
                // Only a filesystem of another user refuses root.
                Err(Errno::ACCESS) => {
                    let problem = host_file("open the directory", path(), &Errno::ACCESS.into());
                    return Err(WalkRefusal { problem, is_others: true });
                }
                Err(errno) => return Err(failed("open the directory", errno)),
            };
            let stat = rustix::fs::fstat(&fd).map_err(|errno| failed("look at", errno))?;
            let is_safe = match self.trusted {
                // Not in a sticky one either: anybody may put a new name there.
                Groups::None => stat.st_mode & 0o022 == 0 && is_ours(&stat),
                _ => is_closed(&stat) || is_group_trusted(&mut self.trusted, self.host, &fd, &stat),
            };
            if !is_safe {
                let is_others = !is_in_roots || !is_ours(&stat);
                return Err(WalkRefusal { problem: open_to_others(self.host, &stat, &path()), is_others });
            }
            let is_roots = is_ours(&stat) && stat.st_mode & 0o002 == 0;
            let is_local = is_local(&fd);
            self.open.push(Level { name: names[depth].to_owned(), fd, is_roots, is_local });
        }
        if self.open.len() == names.len() {
            self.at.push_str(directory);
        }
        Ok(self.open.len())
    }

    fn last(&self) -> Directory<'_> {
        let fd = self.open.last().map_or(self.host.root_fd.as_fd(), |level| level.fd.as_fd());
        Directory {
            fd,
            is_roots: self.open.iter().all(|level| level.is_roots),
            is_local: self.open.last().is_none_or(|level| level.is_local),
        }
    }
}

/// The `stat` of a name in a directory, without following a link; `None` if it does not exist.
///
/// # Errors
/// The kernel's error; or a filesystem of another user is mounted there.
pub fn look(directory: BorrowedFd<'_>, name: &str) -> io::Result<Option<Stat>> {
    if let Some(user) = mounted_by(directory, name) {
        return Err(foreign(user));
    }
    look_in_ours(directory, name)
}

/// Cached data of the kernel about a name, without a request to any filesystem. `None` if the name does not
/// exist, if something is mounted there, or if the cache may be outdated: then call [`look`].
///
/// # Errors
/// The kernel's error.
pub fn known(directory: Directory<'_>, name: &str) -> io::Result<Option<Statx>> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    match rustix::fs::statx(directory.fd, name, flags, StatxFlags::BASIC_STATS) {
        Ok(found) => {
            let is_known = directory.is_local && !found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
            Ok(is_known.then_some(found))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Magic numbers of remote filesystems and FUSE, from `linux/magic.h`: NFS, SMB (two of them), 9p, Ceph, AFS,
/// FUSE.
const REMOTE: [u64; 7] =
    [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x6573_5546];

fn is_local(directory: &OwnedFd) -> bool {
    rustix::fs::fstatfs(directory)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| !REMOTE.contains(&kind)))
}

/// As [`look`], in a directory of NixFleet, where no other user can mount anything.
///
/// # Errors
/// The kernel's error.
pub fn look_in_ours(directory: BorrowedFd<'_>, name: &str) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

const fn is_closed(stat: &Stat) -> bool {
    let sticky_of_root = stat.st_mode & 0o1000 != 0 && stat.st_uid == 0;
    stat.st_mode & 0o022 == 0 || sticky_of_root
}

/// Whether it belongs to root, or to the user of this process.
fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Whether only root and a system group may write to a directory, as to `/var/log` on Ubuntu. Such a group is
/// for services of the host, and root decides on its members.
fn is_group_trusted(trusted: &mut Groups, host: &Host, directory: &OwnedFd, stat: &Stat) -> bool {
    if let Groups::OfTheSystem = trusted {
        *trusted = Groups::UpTo(largest_system_group(host));
    }
    let Groups::UpTo(largest) = *trusted else { return false };
    let root_and_group = stat.st_uid == 0 && stat.st_mode & 0o002 == 0 && stat.st_gid <= largest;
    // With an access control list, the group bits apply to everybody on the list.
    root_and_group && !has_list(directory)
}

/// `SYS_GID_MAX` of login.defs(5), by default 999.
fn largest_system_group(host: &Host) -> u32 {
    let bytes = read_limited(&host.path("/etc/login.defs")).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut values = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("SYS_GID_MAX") { words.next()?.parse().ok() } else { None }
    });
    values.next().unwrap_or(999)
}

/// Whether a file or directory has an access control list beyond its mode.
#[must_use]
pub fn has_list(file: impl AsFd) -> bool {
    let length = rustix::fs::fgetxattr_query(file, c"system.posix_acl_access");
    !matches!(length, Ok(0) | Err(Errno::NODATA | Errno::OPNOTSUPP))
}
