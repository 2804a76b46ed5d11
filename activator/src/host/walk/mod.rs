//! Opens directories component by component, without following links, and checks that no other user can write
//! to these directories.

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

/// A walk through a directory tree. The directories on the way to the last path stay open, so that only the
/// differing components of the next path have to be opened.
pub struct Walk<'h> {
    host: &'h Host,
    trusted: Groups,
    open: Vec<Level>,
    /// The path of the directory that was opened last, or empty if not all components of that path exist. The
    /// next parent is compared with this path first, because most paths have the same parent as the previous
    /// path.
    at: String,
}

/// Groups that are trusted to write to directories owned by root.
#[derive(Clone, Copy)]
enum Groups {
    None,
    /// System groups. The range of their ids is read when it is first needed.
    OfTheSystem,
    /// Groups with ids up to this id.
    UpTo(u32),
}

struct Level {
    name: String,
    fd: OwnedFd,
    /// Whether only root or a system group can change the names in the directory.
    is_roots: bool,
    /// Whether the filesystem of the directory is on this machine.
    is_local: bool,
}

/// An open directory.
#[derive(Clone, Copy)]
pub struct Directory<'w> {
    /// The file descriptor.
    pub fd: BorrowedFd<'w>,
    /// Whether only root can replace the contents of the directory, the directory itself or one of its
    /// parents. System groups are trusted in the same way as root.
    pub is_roots: bool,
    /// Whether the filesystem is on this machine, so that the data that the kernel caches about the directory
    /// is up to date.
    pub is_local: bool,
}

/// The filesystem and the mount to which a directory belongs. A rename needs the same filesystem and the same
/// mount, since the kernel does not rename across mounts even within one filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountPoint {
    device: (u32, u32),
    /// The mount id, or 0 on kernels older than Linux 5.8, which do not report it.
    mount: u64,
}

impl<'w> Directory<'w> {
    /// Returns an open directory of which nothing is known. The directory counts as neither owned by root nor
    /// local.
    #[must_use]
    pub const fn of(fd: BorrowedFd<'w>) -> Self {
        Self { fd, is_roots: false, is_local: false }
    }

    /// Returns the filesystem and mount of the directory.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn place(self) -> io::Result<MountPoint> {
        let stat = rustix::fs::statx(self.fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        Ok(MountPoint { device: (stat.stx_dev_major, stat.stx_dev_minor), mount: stat.stx_mnt_id })
    }
}

impl<'h> Walk<'h> {
    /// Creates a walk that starts at the root directory.
    #[must_use]
    pub const fn new(host: &'h Host) -> Self {
        Self { host, trusted: Groups::OfTheSystem, open: Vec::new(), at: String::new() }
    }

    /// Creates a walk that trusts no group, and no owner except root and the user of this process.
    #[must_use]
    pub const fn of_root_alone(host: &'h Host) -> Self {
        Self { host, trusted: Groups::None, open: Vec::new(), at: String::new() }
    }

    /// Opens the parent directory of a path. Returns `None` if the parent directory does not exist.
    ///
    /// # Errors
    /// Fails with [`UnsafePath`](nixfleet_contract::problem::Code::UnsafePath) if a directory on the way is a
    /// link, is not a directory, or is writable by other users.
    pub fn parent(&mut self, path: &str) -> Result<Option<Directory<'_>>, Problem> {
        self.way_to(path).map_err(|refusal| refusal.problem)
    }

    /// Opens the parent directory of a path like [`Walk::parent`]. The error tells whether another user may
    /// have caused the failure.
    ///
    /// # Errors
    /// Fails in the same cases as [`Walk::parent`].
    pub fn way_to(&mut self, path: &str) -> Result<Option<Directory<'_>>, WalkRefusal> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() && parent == self.at {
            return Ok(Some(self.last()));
        }
        let depth = self.enter(parent)?;
        let wanted = parent.split('/').filter(|name| !name.is_empty()).count();
        Ok((depth == wanted).then(|| self.last()))
    }

    /// Opens the parent directory of a path, or its nearest existing ancestor. Returns the directory and its
    /// depth.
    ///
    /// # Errors
    /// Fails in the same cases as [`Walk::parent`].
    pub fn nearest(&mut self, path: &str) -> Result<(Directory<'_>, usize), Problem> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let depth = self.enter(parent).map_err(|refusal| refusal.problem)?;
        Ok((self.last(), depth))
    }

    /// Opens the existing components of a directory path. Returns the number of these components.
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
                // Root is refused access only by filesystems that another user has mounted.
                Err(Errno::ACCESS) => {
                    let problem = host_file("open the directory", path(), &Errno::ACCESS.into());
                    return Err(WalkRefusal { problem, is_others: true });
                }
                Err(errno) => return Err(failed("open the directory", errno)),
            };
            let stat = rustix::fs::fstat(&fd).map_err(|errno| failed("inspect", errno))?;
            let is_safe = match self.trusted {
                // Even sticky directories are unsafe here, since any user can create new names in them.
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

/// Returns the `stat` of a name in a directory, without following links. Returns `None` if the name does not
/// exist.
///
/// # Errors
/// Fails with the kernel's error, or if another user has mounted a filesystem at the name.
pub fn look(directory: BorrowedFd<'_>, name: &str) -> io::Result<Option<Stat>> {
    if let Some(user) = mounted_by(directory, name) {
        return Err(foreign(user));
    }
    look_in_ours(directory, name)
}

/// Returns the data that the kernel has cached about a name, without a request to the filesystem. Returns
/// `None` if the name does not exist, if a filesystem is mounted there, or if the cache may be outdated. Call
/// [`look`] to distinguish these cases.
///
/// # Errors
/// Fails with the kernel's error.
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

/// Magic numbers of network filesystems and FUSE, from `linux/magic.h`: NFS, SMB (two of them), 9p, Ceph,
/// AFS, FUSE.
const REMOTE: [u64; 7] =
    [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x6573_5546];

fn is_local(directory: &OwnedFd) -> bool {
    rustix::fs::fstatfs(directory)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| !REMOTE.contains(&kind)))
}

/// Does the same as [`look`], but only for directories of NixFleet, in which no other user can mount a
/// filesystem.
///
/// # Errors
/// Fails with the kernel's error.
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

/// Whether a file or directory belongs to root or to the user of this process.
fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Whether only root and a system group can write to a directory, such as `/var/log` on Ubuntu. System groups
/// are for services of the host, and root controls their members.
fn is_group_trusted(trusted: &mut Groups, host: &Host, directory: &OwnedFd, stat: &Stat) -> bool {
    if let Groups::OfTheSystem = trusted {
        *trusted = Groups::UpTo(largest_system_group(host));
    }
    let Groups::UpTo(largest) = *trusted else { return false };
    let root_and_group = stat.st_uid == 0 && stat.st_mode & 0o002 == 0 && stat.st_gid <= largest;
    // With an access control list, the group bits apply to all users and groups in the list.
    root_and_group && !has_list(directory)
}

/// Returns `SYS_GID_MAX` from login.defs(5), or 999 if it is not set.
fn largest_system_group(host: &Host) -> u32 {
    let bytes = read_limited(&host.path("/etc/login.defs")).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut values = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("SYS_GID_MAX") { words.next()?.parse().ok() } else { None }
    });
    values.next().unwrap_or(999)
}

/// Whether a file or directory has an access control list in addition to its mode.
#[must_use]
pub fn has_list(file: impl AsFd) -> bool {
    let length = rustix::fs::fgetxattr_query(file, c"system.posix_acl_access");
    !matches!(length, Ok(0) | Err(Errno::NODATA | Errno::OPNOTSUPP))
}
