//! Creates home directories. A new home is a copy of `/etc/skel`. The undo of the transaction removes the
//! home unless someone has used it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{ManagedPath, Mode, Owner};
use rustix::fs::{AtFlags, CWD, FileType, Mode as Bits, OFlags, Stat};
use rustix::io::Errno;

use crate::engine::family::accounts::target_account::home_to_have;
use crate::engine::family::paths::backup;
use crate::engine::family::paths::ownership::give;
use crate::engine::state::State;
use crate::host::accounts::Accounts;
use crate::host::mounts;
use crate::host::record::read_limited;
use crate::host::walk::{Directory, Walk};
use crate::host::{Host, disk, host_file};

/// The default skeleton directory, whose content is copied into new homes. The configuration of useradd(8)
/// may name another skeleton directory.
const SKELETON: &str = "/etc/skel";

/// The homes that must exist on the host, and their current state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Homes {
    /// The path of each user's home, and the state of that path.
    pub of: BTreeMap<Owner, (String, HomeState)>,
    /// The permission bits of a new home, or `None` if each home exists and belongs to its user.
    pub mode: Option<Mode>,
}

/// The state of the path of a home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HomeState {
    /// Nothing exists at the path.
    Nothing,
    /// A directory, or a link to a directory.
    Directory {
        /// The uid of the owner.
        uid: u32,
    },
    /// A file, a dangling link, or anything else that is not a directory.
    Other,
    /// The path cannot be inspected, or cannot be created safely.
    Unreachable(Problem),
}

impl Homes {
    /// Inspects the homes of users. Skips the paths for which `is_managed` returns true, since the manifest
    /// declares them.
    #[must_use]
    pub fn of(
        host: &Host,
        state: &State,
        manifest: &Manifest,
        accounts: &Accounts,
        is_managed: impl Fn(&str) -> bool,
    ) -> Self {
        let mut homes = Self::default();
        let mut walk = Walk::new(host);
        for user in &manifest.users {
            let (account, owned) = (accounts.users.get(&*user.name), state.users.get(&user.name));
            let Some(home) = home_to_have(user, account, owned, accounts).filter(|home| !is_managed(home))
            else {
                continue;
            };
            let home_state = look(host, &mut walk, &home);
            let is_theirs = account.is_some_and(|it| home_state == HomeState::Directory { uid: it.uid });
            if !is_theirs && homes.mode.is_none() {
                homes.mode = Some(mode(host));
            }
            homes.of.insert(user.name.clone(), (home, home_state));
        }
        homes
    }

    /// Returns the homes that are missing and can be created.
    pub fn missing(&self) -> impl Iterator<Item = ManagedPath> {
        let missing = self.of.values().filter(|(_, state)| *state == HomeState::Nothing);
        missing.filter_map(|(home, _)| home.parse().ok())
    }
}

fn look(host: &Host, walk: &mut Walk<'_>, home: &str) -> HomeState {
    let path = host.path(home);
    if let Some(user) = mounts::mounted_on_the_way(&path) {
        return HomeState::Unreachable(host_file("inspect", home, &mounts::foreign(user)));
    }
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => HomeState::Directory { uid: found.uid() },
        Ok(_) => HomeState::Other,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(&path) {
            Ok(_) => HomeState::Other,
            Err(_) => walk.nearest(home).map_or_else(HomeState::Unreachable, |_| HomeState::Nothing),
        },
        Err(error) => HomeState::Unreachable(host_file("inspect", home, &error)),
    }
}

/// Returns the mode of a new home: `HOME_MODE` of login.defs(5), or the mode that results from `UMASK` in the
/// same file.
fn mode(host: &Host) -> Mode {
    let defs = setting_file(host, "/etc/login.defs");
    let bits = |key: &str| {
        let mut words = defs.lines().map(str::split_ascii_whitespace);
        let value = words.find_map(|mut words| (words.next() == Some(key)).then(|| words.next())?);
        value.and_then(|value| u32::from_str_radix(value, 8).ok())
    };
    let bits = bits("HOME_MODE").unwrap_or_else(|| 0o777 & !bits("UMASK").unwrap_or(0o022));
    Mode::from_bits(bits & 0o7777)
}

fn setting_file(host: &Host, path: &str) -> String {
    let bytes = read_limited(&host.path(path)).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the skeleton directory of new homes: `SKEL` of useradd(8).
fn skeleton(host: &Host) -> PathBuf {
    let defaults = setting_file(host, "/etc/default/useradd");
    let named = defaults.lines().filter_map(|line| line.trim().strip_prefix("SKEL=")).next_back();
    host.path(
        named.map(|path| path.trim_matches('"')).filter(|path| path.starts_with('/')).unwrap_or(SKELETON),
    )
}

/// Opens a directory without following a symbolic link.
fn open(directory: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Bits::empty())
}

fn open_skeleton(host: &Host) -> io::Result<Option<OwnedFd>> {
    match open(CWD, skeleton(host)) {
        Ok(skeleton) => Ok(Some(skeleton)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Copies the skeleton directory into a staged home that only root can access. Managed paths are not copied.
///
/// # Errors
/// Fails with the error of the system call.
pub fn fill(
    host: &Host,
    home: &str,
    directory: &OwnedFd,
    is_managed: &dyn Fn(&str) -> bool,
) -> io::Result<()> {
    match open_skeleton(host)? {
        Some(skeleton) => copy(&skeleton, directory, home, is_managed),
        None => Ok(()),
    }
}

fn copy(from: &OwnedFd, to: &OwnedFd, shown: &str, is_managed: &dyn Fn(&str) -> bool) -> io::Result<()> {
    for name in disk::names(from)? {
        // A name that is not UTF-8 is not copied: it cannot be compared with the paths of the manifest, which
        // are always UTF-8.
        let Some(name) = name.to_str() else { continue };
        let shown = format!("{shown}/{name}");
        if is_managed(&shown) {
            continue;
        }
        let stat = look_at(from, name)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                disk::make_directory(to.as_fd(), name, 0o700)?;
                let (inner, copied) = (open(from.as_fd(), name)?, open(to.as_fd(), name)?);
                copy(&inner, &copied, &shown, is_managed)?;
                disk::change_mode(&copied, stat.st_mode & 0o7777)?;
                disk::sync(&copied)?;
            }
            FileType::RegularFile | FileType::Symlink => {
                let (from, to) = (Directory::of(from.as_fd()), Directory::of(to.as_fd()));
                backup::copy(from, name, to, name)?;
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {}
        }
    }
    Ok(())
}

fn look_at(directory: &OwnedFd, name: &str) -> Result<Stat, Errno> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Changes the owner of a home and of everything in it. The home itself is changed last, so that its user
/// cannot access it before everything in it has been changed.
///
/// # Errors
/// Fails with the error of the system call.
pub fn hand_over(home: &OwnedFd, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    for name in disk::names(home)? {
        let Some(name) = name.to_str() else { continue };
        let stat = look_at(home, name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => hand_over(&open(home.as_fd(), name)?, uid, gid, stat.st_mode & 0o7777)?,
            FileType::Symlink => disk::change_link_owner(home.as_fd(), name, uid, gid)?,
            FileType::RegularFile
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                let file = rustix::fs::openat(home, name, flags, Bits::empty())?;
                give(&file, uid, gid, stat.st_mode & 0o7777)?;
            }
        }
    }
    give(home, uid, gid, mode)?;
    Ok(disk::sync(home)?)
}

/// Whether a home contains nothing but unchanged copies from the skeleton directory.
///
/// # Errors
/// Fails with the error of the system call.
pub fn is_unused(host: &Host, directory: Directory<'_>, name: &str) -> io::Result<bool> {
    let home = open(directory.fd, name)?;
    match open_skeleton(host)? {
        Some(skeleton) => is_part(&home, &skeleton),
        None => Ok(disk::names(&home)?.is_empty()),
    }
}

/// Whether everything in `part` also exists in `whole` and is identical there.
fn is_part(part: &OwnedFd, whole: &OwnedFd) -> io::Result<bool> {
    for name in disk::names(part)? {
        let Some(name) = name.to_str() else { return Ok(false) };
        let (Ok(left), Ok(right)) = (look_at(part, name), look_at(whole, name)) else { return Ok(false) };
        let kind = FileType::from_raw_mode(left.st_mode);
        let same = kind == FileType::from_raw_mode(right.st_mode)
            && match kind {
                FileType::Directory => is_part(&open(part.as_fd(), name)?, &open(whole.as_fd(), name)?)?,
                FileType::Symlink => link(part, name)? == link(whole, name)?,
                FileType::RegularFile => {
                    left.st_size == right.st_size && content(part, name)? == content(whole, name)?
                }
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => false,
            };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn link(directory: &OwnedFd, name: &str) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(directory, name, Vec::new())?.into_bytes())
}

fn content(directory: &OwnedFd, name: &str) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    File::from(rustix::fs::openat(directory, name, flags, Bits::empty())?).read_to_end(&mut bytes)?;
    Ok(bytes)
}
