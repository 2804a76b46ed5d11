//! Every call that changes a file, directory or link of a host. No other module has any, so that a test can
//! stop a run at each one of them, see [`super::fault`].
//!
//! A name is looked up in an open directory; [`rustix::fs::CWD`] stands for none where the path is absolute.

#![expect(clippy::disallowed_methods, reason = "this is the module that may")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::fault::{self, FaultPoint, FaultSubject};

/// What may stand at the name of a file that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: the file is new.
    New,
    /// Whatever a run that was interrupted has left; it is emptied.
    Emptied,
    /// A file that stays as it is for now.
    Lasting,
}

/// Opens a file for writing, for root alone where it is new.
///
/// # Errors
/// What the kernel says.
pub fn open(directory: BorrowedFd<'_>, name: impl AsRef<Path>, opening: Opening) -> io::Result<File> {
    let name = name.as_ref();
    let flags = match opening {
        Opening::New => OFlags::WRONLY | OFlags::EXCL,
        Opening::Emptied => OFlags::WRONLY | OFlags::TRUNC,
        Opening::Lasting => OFlags::RDWR,
    };
    let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fault::point(FaultPoint::Create, &[FaultSubject::In(directory, name)])?;
    Ok(File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?))
}

/// Writes to a file.
pub struct Writer<'f>(pub &'f File);

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault::writing(self.0, bytes)?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Empties a file.
///
/// # Errors
/// What the kernel says.
pub fn truncate(file: &File) -> io::Result<()> {
    fault::point(FaultPoint::Truncate, &[FaultSubject::Fd(file.as_fd())])?;
    file.set_len(0)
}

/// Makes a file this long; what it gains is a hole.
///
/// # Errors
/// What the kernel says.
pub fn resize(file: &File, size: u64) -> io::Result<()> {
    fault::point(FaultPoint::Truncate, &[FaultSubject::Fd(file.as_fd())])?;
    file.set_len(size)
}

/// Writes a file or directory to the disk.
///
/// # Errors
/// What the kernel says.
pub fn sync(file: impl AsFd) -> Result<(), Errno> {
    fault::point(FaultPoint::Sync, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fsync(file)
}

/// Writes the names in a directory to the disk.
///
/// # Errors
/// What the kernel says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(sync(rustix::fs::open(path, flags, Mode::empty())?)?)
}

/// Writes everything on the filesystem of a file to the disk.
///
/// # Errors
/// What the kernel says.
pub fn sync_filesystem(file: impl AsFd) -> Result<(), Errno> {
    fault::point(FaultPoint::SyncFilesystem, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::syncfs(file)
}

/// Renames, even to another directory of the same filesystem.
///
/// # Errors
/// What the kernel says.
pub fn rename(
    from: BorrowedFd<'_>,
    name: impl AsRef<Path>,
    to: BorrowedFd<'_>,
    as_name: impl AsRef<Path>,
    flags: RenameFlags,
) -> Result<(), Errno> {
    let (name, as_name) = (name.as_ref(), as_name.as_ref());
    fault::point(FaultPoint::Rename, &[FaultSubject::In(from, name), FaultSubject::In(to, as_name)])?;
    rustix::fs::renameat_with(from, name, to, as_name, flags)
}

/// Gives a file or link a second name.
///
/// # Errors
/// What the kernel says.
pub fn link(from: BorrowedFd<'_>, name: &str, to: BorrowedFd<'_>, as_name: &str) -> Result<(), Errno> {
    fault::point(
        FaultPoint::Link,
        &[FaultSubject::In(from, name.as_ref()), FaultSubject::In(to, as_name.as_ref())],
    )?;
    rustix::fs::linkat(from, name, to, as_name, AtFlags::empty())
}

/// Makes a symbolic link.
///
/// # Errors
/// What the kernel says.
pub fn symlink(target: &Path, directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::Symlink, &[FaultSubject::In(directory, name)])?;
    rustix::fs::symlinkat(target, directory, name)
}

/// Makes a directory.
///
/// # Errors
/// What the kernel says.
pub fn make_directory(directory: BorrowedFd<'_>, name: impl AsRef<Path>, mode: u32) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::MakeDirectory, &[FaultSubject::In(directory, name)])?;
    rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(mode))
}

/// Makes a directory and those above it, as far as they are missing.
///
/// # Errors
/// What the kernel says.
pub fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|path| !path.is_dir()).collect();
    while let Some(path) = missing.pop() {
        match make_directory(CWD, path, mode) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Removes a file or link.
///
/// # Errors
/// What the kernel says.
pub fn unlink(directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::Unlink, &[FaultSubject::In(directory, name)])?;
    rustix::fs::unlinkat(directory, name, AtFlags::empty())
}

/// Removes a directory in which nothing stands.
///
/// # Errors
/// What the kernel says.
pub fn remove_directory(directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::RemoveDirectory, &[FaultSubject::In(directory, name)])?;
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
}

/// Removes a directory of our own with all that stands in it. No link is followed, whoever puts one there
/// meanwhile.
///
/// # Errors
/// What the kernel says.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    remove_tree_in(CWD, path)
}

/// The same for a name in an open directory.
///
/// # Errors
/// What the kernel says.
pub fn remove_tree_in(directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> io::Result<()> {
    let name = name.as_ref();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let tree = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    for inside in names(&tree)? {
        match unlink(tree.as_fd(), &inside) {
            Err(Errno::ISDIR | Errno::PERM) => remove_tree_in(tree.as_fd(), &inside)?,
            removed => removed?,
        }
    }
    Ok(remove_directory(directory, name)?)
}

/// The names in an open directory.
///
/// # Errors
/// What the kernel says.
pub fn names(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        match OsStr::from_bytes(entry?.file_name().to_bytes()) {
            name if name == "." || name == ".." => {}
            name => names.push(name.to_owned()),
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Changes the permission bits of an open file.
///
/// # Errors
/// What the kernel says.
pub fn change_mode(file: impl AsFd, mode: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Mode, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
}

/// Changes the owner and group of an open file.
///
/// # Errors
/// What the kernel says.
pub fn change_owner(file: impl AsFd, uid: u32, gid: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Owner, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

/// Changes the owner and group of a link itself.
///
/// # Errors
/// What the kernel says.
pub fn change_link_owner(directory: BorrowedFd<'_>, name: &str, uid: u32, gid: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Owner, &[FaultSubject::In(directory, name.as_ref())])?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// Changes the times of a file, or of a link itself.
///
/// # Errors
/// What the kernel says.
pub fn change_times(directory: BorrowedFd<'_>, name: &str, times: &Timestamps) -> Result<(), Errno> {
    fault::point(FaultPoint::Times, &[FaultSubject::In(directory, name.as_ref())])?;
    rustix::fs::utimensat(directory, name, times, AtFlags::SYMLINK_NOFOLLOW)
}

/// Takes away access control lists, which directories may hand on to what is made in them.
///
/// # Errors
/// What the kernel says.
pub fn drop_lists(file: impl AsFd) -> Result<(), Errno> {
    for name in [c"system.posix_acl_access", c"system.posix_acl_default"] {
        match rustix::fs::fgetxattr_query(&file, name) {
            Ok(0) | Err(Errno::NODATA | Errno::OPNOTSUPP) => continue,
            _ => fault::point(FaultPoint::Attribute, &[FaultSubject::Fd(file.as_fd())])?,
        }
        rustix::fs::fremovexattr(&file, name)?;
    }
    Ok(())
}

/// Sets an extended attribute of an open file.
///
/// # Errors
/// What the kernel says.
pub fn set_attribute(file: &File, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    fault::point(FaultPoint::Attribute, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())
}
