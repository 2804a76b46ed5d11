//! Reads the state of paths.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use nixfleet_contract::manifest::{Access, Entry, Manifest};
use nixfleet_contract::nixos::EtcEntry;
use nixfleet_contract::values::{ManagedPath, Mode, Owner};
use rustix::fs::{FileType, Mode as Bits, OFlags, Stat, Statx, StatxTimestamp};

use crate::engine::observe::PathState;
use crate::engine::observe::reading::{self, FileContent, LARGEST};
use crate::engine::observe::special::Special;
use crate::engine::state::{FileStat, State, Thing};
use crate::host::accounts::Accounts;
use crate::host::walk::{self, Directory, Walk};
use crate::host::{Host, host_file};

/// Reads the state of paths.
pub(super) struct PathObserver<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) state: &'a State,
    pub(super) manifest: &'a Manifest,
    /// Declared paths below `/etc` that NixOS has made, and those that it is about to make. Of two
    /// declarations of a path, the first names the owner for the comparison with the host.
    pub(super) etc: [Option<&'a BTreeMap<ManagedPath, EtcEntry>>; 2],
    /// Directories above declared paths.
    pub(super) needed: &'a BTreeSet<ManagedPath>,
}

impl PathObserver<'_> {
    pub(super) fn all<'p>(
        &self,
        host: &Host,
        paths: impl Iterator<Item = &'p ManagedPath>,
    ) -> BTreeMap<ManagedPath, PathState> {
        let mut walk = Walk::new(host);
        let look = |path: &ManagedPath| {
            let found = match walk.parent(path) {
                Ok(None) => PathState::Missing,
                Ok(Some(directory)) => {
                    let unreadable = |error| PathState::Unreachable(host_file("read", &**path, &error));
                    self.look(directory, path).unwrap_or_else(unreadable)
                }
                Err(problem) => PathState::Unreachable(problem),
            };
            (path.clone(), found)
        };
        paths.map(look).collect()
    }

    fn look(&self, directory: Directory<'_>, path: &ManagedPath) -> io::Result<PathState> {
        let Some(stat) = walk::look(directory.fd, path.name())? else { return Ok(PathState::Missing) };
        let access = self.access(path, &stat);
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => match self.recorded_digest(path, &stat) {
                Some(sha256) => PathState::File { sha256, size: stat.st_size.cast_unsigned(), access },
                None => self.read(directory, path, &stat),
            },
            FileType::Directory => {
                let wanted = matches!(self.manifest.entries.get(path), Some(Entry::Directory(_)));
                let absent = matches!(self.manifest.entries.get(path), Some(Entry::Absent(_)));
                let goes =
                    absent || !wanted && !self.needed.contains(path) && self.state.paths.contains_key(path);
                let changes = self.manifest.entries.get(path).and_then(Entry::access) != Some(&access);
                let holds =
                    if goes || wanted && changes { names_in(directory, path.name())? } else { Vec::new() };
                PathState::Directory { access, holds }
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(directory.fd, path.name(), Vec::new())?;
                PathState::Link { target: target.to_string_lossy().into_owned() }
            }
            kind => PathState::Other(Special { kind, owner: access.owner }),
        })
    }

    /// Reads a file to compute its digest.
    fn read(&self, directory: Directory<'_>, path: &ManagedPath, seen: &Stat) -> PathState {
        let wanted = match self.manifest.entries.get(path) {
            Some(Entry::File(file)) => Some(file.size),
            _ => None,
        };
        let left = match self.state.paths.get(path).map(|owned| &owned.thing) {
            Some(Thing::File { stat: Some(left), .. }) => Some(left.size),
            _ => None,
        };
        // NixOS itself writes the declared files below `/etc`, so the fleet's limit does not apply to them.
        let limit = self.manifest.max_file_size.filter(|_| self.in_etc(path).is_none()).unwrap_or(LARGEST);
        let limit = wanted.into_iter().chain(left).fold(limit, u64::max);
        let is_roots =
            |stat: &Stat| directory.is_roots && self.accounts.user_of(stat.st_uid) == Owner::root();
        let largest = |stat: &Stat| (!is_roots(stat)).then_some(limit);
        match reading::digest(directory, path.name(), largest) {
            Ok(FileContent { sha256, stat, list }) => {
                let access = Access { list, ..self.access(path, &stat) };
                PathState::File { sha256, size: stat.st_size.cast_unsigned(), access }
            }
            Err(obstacle) => {
                let stat = walk::look(directory.fd, path.name()).ok().flatten();
                PathState::Unreachable(obstacle.problem(path, &stat.unwrap_or(*seen), self.accounts))
            }
        }
    }

    /// Returns mode, owner and group. An id can have several names, and the number of the id counts as a name
    /// too. If the recorded name or the declared name belongs to the id, returns that name.
    fn access(&self, path: &ManagedPath, stat: &Stat) -> Access {
        let left = self.state.paths.get(path).and_then(|owned| owned.thing.access());
        let in_etc = || self.in_etc(path)?.access();
        let wanted = self.manifest.entries.get(path).and_then(Entry::access).or_else(in_etc);
        let known = || left.into_iter().chain(wanted);
        let mut owners = known().map(|access| &access.owner);
        let mut groups = known().map(|access| &access.group);
        let (uid, gid) = (stat.st_uid, stat.st_gid);
        Access {
            mode: Mode::from_bits(stat.st_mode),
            owner: owners
                .find(|owner| self.accounts.is_user(uid, owner))
                .cloned()
                .unwrap_or_else(|| self.accounts.user_of(uid)),
            group: groups
                .find(|group| self.accounts.is_group(gid, group))
                .cloned()
                .unwrap_or_else(|| self.accounts.group_of(gid)),
            list: false,
        }
    }

    /// Returns the declaration of a path that NixOS makes.
    fn in_etc(&self, path: &ManagedPath) -> Option<&EtcEntry> {
        self.etc.iter().flatten().find_map(|etc| etc.get(path))
    }

    /// Returns the recorded digest of a file, unless the file may have changed since the digest was recorded.
    fn recorded_digest(&self, path: &ManagedPath, stat: &Stat) -> Option<String> {
        match &self.state.paths.get(path)?.thing {
            Thing::File { sha256, stat: Some(known), .. } if *known == FileStat::of(stat) => {
                Some(sha256.clone())
            }
            _ => None,
        }
    }
}

impl FileStat {
    /// Returns metadata that identifies the content of a file without reading it.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let nanoseconds =
            |seconds: i64, part: u64| seconds.wrapping_mul(1_000_000_000).wrapping_add_unsigned(part);
        Self {
            ino: stat.st_ino,
            size: stat.st_size.cast_unsigned(),
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// Returns the same metadata as [`FileStat::of`], from the result of statx(2).
    #[must_use]
    pub fn known(found: &Statx) -> Self {
        let nanoseconds = |time: &StatxTimestamp| {
            time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add_unsigned(time.tv_nsec.into())
        };
        Self {
            ino: found.stx_ino,
            size: found.stx_size,
            mtime: nanoseconds(&found.stx_mtime),
            ctime: nanoseconds(&found.stx_ctime),
        }
    }
}

/// The maximum number of directory entries that are read. NixFleet could never remove a directory with more
/// entries.
const MANY_NAMES: usize = 10_000;

/// Returns the names of the first 10,000 entries of a directory.
///
/// # Errors
/// Fails with the kernel's error.
pub fn names_in(directory: Directory<'_>, name: &str) -> io::Result<Vec<String>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory.fd, name, flags, Bits::empty())?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(fd)?.take(MANY_NAMES) {
        match entry?.file_name().to_string_lossy().into_owned() {
            name if matches!(name.as_str(), "." | "..") => {}
            name => names.push(name),
        }
    }
    names.sort_unstable();
    Ok(names)
}
