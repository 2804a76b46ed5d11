//! All calls that change files, directories or links of a host. No other module makes such calls, so a test
//! can stop a run before each of these changes, see [`super::fault`].
//!
//! The functions take an open directory and a name in this directory. If the name is an absolute path, the
//! directory is [`rustix::fs::CWD`].

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

/// How to treat an existing file when opening a file for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Fail if the name exists.
    New,
    /// Truncate an existing file, which an interrupted run may have left.
    Emptied,
    /// Keep the content of an existing file.
    Lasting,
}

/// Opens a file for writing. A missing file is created with access only for root.
///
/// # Errors
/// Fails with the kernel's error.
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

/// A writer to a file.
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

/// Truncates a file to length 0.
///
/// # Errors
/// Fails with the kernel's error.
pub fn truncate(file: &File) -> io::Result<()> {
    fault::point(FaultPoint::Truncate, &[FaultSubject::Fd(file.as_fd())])?;
    file.set_len(0)
}

/// Sets the size of a file. If the file grows, the new part is a hole.
///
/// # Errors
/// Fails with the kernel's error.
pub fn resize(file: &File, size: u64) -> io::Result<()> {
    fault::point(FaultPoint::Truncate, &[FaultSubject::Fd(file.as_fd())])?;
    file.set_len(size)
}

/// Flushes a file or directory to disk.
///
/// # Errors
/// Fails with the kernel's error.
pub fn sync(file: impl AsFd) -> Result<(), Errno> {
    fault::point(FaultPoint::Sync, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fsync(file)
}

/// Flushes the entries of a directory to disk.
///
/// # Errors
/// Fails with the kernel's error.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(sync(rustix::fs::open(path, flags, Mode::empty())?)?)
}

/// Flushes the filesystem that contains a file to disk.
///
/// # Errors
/// Fails with the kernel's error.
pub fn sync_filesystem(file: impl AsFd) -> Result<(), Errno> {
    fault::point(FaultPoint::SyncFilesystem, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::syncfs(file)
}

/// Renames a file, link or directory. The new name may be in another directory of the same filesystem.
///
/// # Errors
/// Fails with the kernel's error.
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

/// Creates a hard link to a file or symbolic link.
///
/// # Errors
/// Fails with the kernel's error.
pub fn link(from: BorrowedFd<'_>, name: &str, to: BorrowedFd<'_>, as_name: &str) -> Result<(), Errno> {
    fault::point(
        FaultPoint::Link,
        &[FaultSubject::In(from, name.as_ref()), FaultSubject::In(to, as_name.as_ref())],
    )?;
    rustix::fs::linkat(from, name, to, as_name, AtFlags::empty())
}

/// Creates a symbolic link.
///
/// # Errors
/// Fails with the kernel's error.
pub fn symlink(target: &Path, directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::Symlink, &[FaultSubject::In(directory, name)])?;
    rustix::fs::symlinkat(target, directory, name)
}

/// Creates a directory.
///
/// # Errors
/// Fails with the kernel's error.
pub fn make_directory(directory: BorrowedFd<'_>, name: impl AsRef<Path>, mode: u32) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::MakeDirectory, &[FaultSubject::In(directory, name)])?;
    rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(mode))
}

/// Creates a directory and all missing parent directories.
///
/// # Errors
/// Fails with the kernel's error.
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
/// Fails with the kernel's error.
pub fn unlink(directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::Unlink, &[FaultSubject::In(directory, name)])?;
    rustix::fs::unlinkat(directory, name, AtFlags::empty())
}

/// Removes an empty directory.
///
/// # Errors
/// Fails with the kernel's error.
pub fn remove_directory(directory: BorrowedFd<'_>, name: impl AsRef<Path>) -> Result<(), Errno> {
    let name = name.as_ref();
    fault::point(FaultPoint::RemoveDirectory, &[FaultSubject::In(directory, name)])?;
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
}

/// Removes a directory and its contents. Symbolic links are never followed, even if another user creates one
/// during the call.
///
/// # Errors
/// Fails with the kernel's error.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    remove_tree_in(CWD, path)
}

/// Removes a directory, given by its name in an open directory, and its contents. See [`remove_tree`].
///
/// # Errors
/// Fails with the kernel's error.
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

/// Returns the names in an open directory, sorted.
///
/// # Errors
/// Fails with the kernel's error.
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
/// Fails with the kernel's error.
pub fn change_mode(file: impl AsFd, mode: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Mode, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
}

/// Changes the owner and group of an open file.
///
/// # Errors
/// Fails with the kernel's error.
pub fn change_owner(file: impl AsFd, uid: u32, gid: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Owner, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

/// Changes the owner and group of a symbolic link, not of its target.
///
/// # Errors
/// Fails with the kernel's error.
pub fn change_link_owner(directory: BorrowedFd<'_>, name: &str, uid: u32, gid: u32) -> Result<(), Errno> {
    fault::point(FaultPoint::Owner, &[FaultSubject::In(directory, name.as_ref())])?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// Changes the timestamps of a file or symbolic link. Links are not followed.
///
/// # Errors
/// Fails with the kernel's error.
pub fn change_times(directory: BorrowedFd<'_>, name: &str, times: &Timestamps) -> Result<(), Errno> {
    fault::point(FaultPoint::Times, &[FaultSubject::In(directory, name.as_ref())])?;
    rustix::fs::utimensat(directory, name, times, AtFlags::SYMLINK_NOFOLLOW)
}

/// Removes the access control lists of a file or directory. A new file or directory inherits such lists from
/// the default list of its parent directory.
///
/// # Errors
/// Fails with the kernel's error.
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
/// Fails with the kernel's error.
pub fn set_attribute(file: &File, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    fault::point(FaultPoint::Attribute, &[FaultSubject::Fd(file.as_fd())])?;
    rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())
}
