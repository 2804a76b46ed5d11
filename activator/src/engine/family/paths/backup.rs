//! Creates backups. A backup is a hard link if it is on the same filesystem as the file, and otherwise a copy
//! with all metadata.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nixfleet_contract::values::ManagedPath;
use rustix::fs::{AtFlags, CWD, FileType, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use crate::engine::observe::reading;
use crate::host::Host;
use crate::host::disk::{self, Opening, Writer};
use crate::host::walk::Directory;

/// Backs up a file or link that will be replaced, together with its metadata. The caller must sync the
/// directory of the backup.
///
/// # Errors
/// Fails with the error of the system call, which is [`io::ErrorKind::NotFound`] if nothing exists at the
/// path.
pub fn link_or_copy(from: Directory<'_>, name: &str, to: Directory<'_>, as_name: &str) -> io::Result<()> {
    match disk::link(from.fd, name, to.fd, as_name) {
        Ok(()) => Ok(()),
        // The backup is on another filesystem, the filesystem has no hard links, or the file has too many
        // links.
        Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => copy(from, name, to, as_name),
        Err(errno) => Err(errno.into()),
    }
}

/// Creates the file `meta.json` beside the backup of an original. `meta.json` contains the path from which
/// the original was backed up. The caller must sync the returned file.
///
/// # Errors
/// Fails with the error of the system call.
pub fn describe(host: &Host, backup: &str, path: &ManagedPath) -> io::Result<File> {
    let beside = host.path(backup.rsplit_once('/').map_or("/", |(directory, _)| directory));
    let meta = serde_json::json!({ "schema": nixfleet_contract::SCHEMA, "path": path });
    let file = disk::open(CWD, beside.join("meta.json"), Opening::Emptied)?;
    Writer(&file).write_all(format!("{meta}\n").as_bytes())?;
    Ok(file)
}

/// Copies a file or link with all metadata. A file that stays at its path must be copied and not linked: a
/// hard link would change together with the file if the file is later edited in place.
///
/// # Errors
/// Fails with the same errors as [`link_or_copy`].
pub fn copy(from: Directory<'_>, name: &str, to: Directory<'_>, as_name: &str) -> io::Result<()> {
    let stat = rustix::fs::statat(from.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => copy_file(from, name, to, as_name),
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(from.fd, name, Vec::new())?;
            disk::symlink(Path::new(OsStr::from_bytes(target.as_bytes())), to.fd, as_name)?;
            disk::change_link_owner(to.fd, as_name, stat.st_uid, stat.st_gid)?;
            Ok(disk::change_times(to.fd, as_name, &times(&stat))?)
        }
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Err(neither()),
    }
}

/// Copies a regular file with its owner. All metadata is read from the opened file, since the name may
/// meanwhile refer to a different file.
fn copy_file(from: Directory<'_>, name: &str, to: Directory<'_>, as_name: &str) -> io::Result<()> {
    let source = reading::open(from, name)?;
    let stat = rustix::fs::fstat(&source)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(neither());
    }
    let copy = disk::open(to.fd, as_name, Opening::New)?;
    copy_content(&source, &copy, stat.st_size.cast_unsigned())?;
    crate::engine::family::paths::ownership::give(&copy, stat.st_uid, stat.st_gid, stat.st_mode & 0o7777)?;
    copy_attributes(&source, &copy)?;
    disk::change_times(to.fd, as_name, &times(&stat))?;
    Ok(disk::sync(&copy)?)
}

/// Copies up to `size` bytes and preserves holes.
fn copy_content(source: &File, copy: &File, size: u64) -> io::Result<()> {
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(source, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Only a hole is left before the end of the file.
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(errno.into()),
        };
        at = rustix::fs::seek(source, SeekFrom::Hole(data))?.min(size);
        rustix::fs::seek(source, SeekFrom::Start(data))?;
        rustix::fs::seek(copy, SeekFrom::Start(data))?;
        if data < at {
            io::copy(&mut source.take(at - data), &mut Writer(copy))?;
        }
    }
    disk::resize(copy, size)
}

fn neither() -> io::Error {
    io::Error::other("it is neither a file nor a link")
}

/// Copies the extended attributes: access control lists, capabilities and labels.
fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let mut names = vec![0; 64 * 1024];
    let length = match rustix::fs::flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::fgetxattr(from, name, &mut value[..])?;
        match disk::set_attribute(to, name, &value[..length]) {
            // If the filesystem of the backup does not support this attribute, the backup does not get it.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            // `ENOSPC` means that the attribute is too large or that the filesystem is full. If the
            // filesystem is full, the next write to it fails anyway.
            Err(Errno::NOSPC | Errno::TOOBIG) => return Err(too_large(name, length)),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Returns the error for an attribute that is larger than the filesystem of the backup allows. The limits
/// differ: ext4 allows 4 KiB for all attributes of a file, XFS and tmpfs allow 64 KiB for each attribute.
fn too_large(name: &[u8], length: usize) -> io::Error {
    let name = String::from_utf8_lossy(name);
    io::Error::other(format!(
        "its extended attribute {} of {length} bytes is too large for the filesystem of the backup, or \
         that filesystem is full",
        name.escape_debug()
    ))
}

const fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec.cast_signed() },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec.cast_signed() },
    }
}
