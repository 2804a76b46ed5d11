//! Generations: numbered links to closures, and the link to the current generation.
//!
//! The layout is the same as in Nix profiles, `system` → `system-7-link` → closure, so that Nix does not
//! collect the closures.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use nixfleet_contract::generation::{Generation, GenerationInfo, Made};
use nixfleet_contract::problem::Problem;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::{Host, command, disk, host_file, nixos};

/// The directory of the profile of NixFleet.
pub const DIRECTORY: &str = "/nix/var/nix/profiles/nixfleet";

/// The directory of the native profile of a NixOS host, which tools such as `nixos-rebuild` use too. The
/// generations of this profile are NixOS systems, and the current generation is the boot default.
pub const NATIVE: &str = "/nix/var/nix/profiles";

/// Returns the `PATH` for commands that the fleet declares: the profile, followed by the directories of the
/// host tools.
#[must_use]
pub fn search_path() -> String {
    format!("{DIRECTORY}/system/sw/bin:{}", command::path())
}
/// The name of the link to the current generation.
const CURRENT: &str = "system";

/// The generations of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The current generation.
    pub current: Option<Generation>,
    /// All generations, oldest first.
    pub generations: Vec<GenerationInfo>,
}

impl Profile {
    /// Reads the generations of a host. On a NixOS host, the result includes the generations that other tools
    /// made.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn read(host: &Host) -> Result<Self, Problem> {
        let mut profile = Self::read_in(host, DIRECTORY)?;
        if nixos::is_nixos(host) {
            let ours: BTreeSet<u64> = profile.generations.iter().map(|info| info.generation.number).collect();
            let native = Self::read_in(host, NATIVE)?.generations.into_iter();
            let external = native.filter(|info| !ours.contains(&info.generation.number));
            profile.generations.extend(external.map(|info| GenerationInfo { external: true, ..info }));
            profile.generations.sort_by_key(|info| info.generation.number);
        }
        Ok(profile)
    }

    /// Reads the generations of the profile in the directory `place`.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn read_in(host: &Host, place: &str) -> Result<Self, Problem> {
        let directory = host.path(place);
        let failed = |error| host_file("read the profile", place, &error);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut generations = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Some(number) = number_of(Path::new(&entry.file_name())) else { continue };
            let no_link = |error| {
                let name = entry.file_name().to_string_lossy().into_owned();
                host_file("read the link", format!("{place}/{name}"), &error)
            };
            let closure = fs::read_link(entry.path()).map_err(no_link)?;
            let made = fs::symlink_metadata(entry.path()).and_then(|metadata| metadata.modified());
            let created = made.map_err(failed)?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let closure = closure.to_string_lossy().into_owned();
            generations.push(GenerationInfo {
                generation: Generation { number, closure },
                created,
                made: Made::default(),
                external: false,
            });
        }
        generations.sort_by_key(|info| info.generation.number);
        let number = match fs::read_link(directory.join(CURRENT)) {
            Ok(target) => number_of(&target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let current = number.and_then(|number| {
            generations.iter().map(|info| &info.generation).find(|generation| generation.number == number)
        });
        Ok(Self { current: current.cloned(), generations })
    }

    /// Returns the generation with a number.
    #[must_use]
    pub fn generation(&self, number: u64) -> Option<&Generation> {
        self.generations.iter().map(|info| &info.generation).find(|generation| generation.number == number)
    }

    /// Returns the number for a new generation, which no other generation has or had. `recorded`: the newest
    /// generation in the recorded state. Another program may have removed the link of this generation.
    #[must_use]
    pub fn next_number(&self, recorded: Option<u64>) -> u64 {
        let last = self.generations.last().map(|info| info.generation.number);
        last.max(recorded).unwrap_or_default() + 1
    }
}

/// Makes a generation the current one of the profile in the directory `place`, and creates its link if
/// necessary. The call is idempotent. The previous link is kept next to the new link until [`tidy`] removes
/// it, so that [`switch_back`] needs no space on a full disk.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn switch(host: &Host, place: &str, generation: &Generation) -> Result<(), Problem> {
    let directory = host.path(place);
    let link = link_name(generation.number);
    let switch = || {
        if !directory.is_dir() {
            disk::make_directories(&directory, 0o755)?;
            disk::sync_directory(directory.parent().unwrap_or(&directory))?;
        }
        if fs::read_link(directory.join(&link)).is_err() {
            replace(&directory, &link, Path::new(&generation.closure))?;
        }
        if !points_to(&directory.join(CURRENT), &link) {
            let beside = make_beside(&directory, CURRENT, Path::new(&link))?;
            let exists = directory.join(CURRENT).is_symlink();
            let flags = if exists { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
            disk::rename(CWD, &beside, CWD, directory.join(CURRENT), flags)?;
        }
        disk::sync_directory(&directory)
    };
    switch().map_err(|error| host_file("switch the profile in", place, &error))
}

/// Makes the previous generation of the profile in the directory `place` the current one again, and removes
/// the generation that the transaction created. If another program, such as
/// `nix-collect-garbage --delete-old`, has removed the link of the previous generation, the call creates the
/// link again.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn switch_back(
    host: &Host,
    place: &str,
    before: Option<&Generation>,
    created: Option<u64>,
) -> Result<(), Problem> {
    let directory = host.path(place);
    if !directory.exists() {
        return Ok(());
    }
    let (current, beside) = (directory.join(CURRENT), beside(&directory, CURRENT));
    let switch = || {
        if let Some(before) = before {
            let link = link_name(before.number);
            if fs::read_link(directory.join(&link)).is_err() {
                replace(&directory, &link, Path::new(&before.closure))?;
            }
        }
        match before.map(|generation| link_name(generation.number)) {
            Some(link) if !points_to(&current, &link) => {
                if !points_to(&beside, &link) {
                    make_beside(&directory, CURRENT, Path::new(&link))?;
                }
                disk::rename(CWD, &beside, CWD, &current, RenameFlags::empty())?;
            }
            Some(_) => {}
            None => remove(&current)?,
        }
        remove(&beside)?;
        if let Some(number) = created {
            let link = link_name(number);
            remove(&directory.join(&link))?;
            remove(&self::beside(&directory, &link))?;
        }
        disk::sync_directory(&directory)
    };
    switch().map_err(|error| host_file("switch back the profile in", place, &error))
}

/// Creates the link of a generation of the profile in the directory `place`, without making the generation
/// the current one. The call is idempotent.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn add(host: &Host, place: &str, generation: &Generation) -> Result<(), Problem> {
    let (directory, link) = (host.path(place), link_name(generation.number));
    if fs::read_link(directory.join(&link)).is_ok() {
        return Ok(());
    }
    replace(&directory, &link, Path::new(&generation.closure))
        .map_err(|error| host_file("create a generation in", place, &error))
}

/// Removes the previous link that [`switch`] has kept in the directory `place`.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn tidy(host: &Host, place: &str) -> Result<(), Problem> {
    remove(&beside(&host.path(place), CURRENT))
        .map_err(|error| host_file("clean up the profile in", place, &error))
}

/// Removes the link of a generation in the directory `place`, so that Nix can collect its closure. The caller
/// must call [`sync`] after the last removal.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn forget(host: &Host, place: &str, number: u64) -> Result<(), Problem> {
    let link = format!("{place}/{}", link_name(number));
    remove(&host.path(&link)).map_err(|error| host_file("remove the generation link", link, &error))
}

/// Flushes the links of generations in the directory `place` to disk.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn sync(host: &Host, place: &str) -> Result<(), Problem> {
    disk::sync_directory(&host.path(place)).map_err(|error| host_file("write", place, &error))
}

/// Atomically replaces the target of a link.
pub(super) fn replace(directory: &Path, name: &str, target: &Path) -> io::Result<()> {
    let beside = make_beside(directory, name, target)?;
    disk::rename(CWD, &beside, CWD, directory.join(name), RenameFlags::empty())?;
    disk::sync_directory(directory)
}

/// Creates the new version of a link under a temporary name.
fn make_beside(directory: &Path, name: &str, target: &Path) -> io::Result<PathBuf> {
    let beside = beside(directory, name);
    remove(&beside)?;
    disk::symlink(target, CWD, &beside)?;
    Ok(beside)
}

/// Returns the temporary name of the new version of a link.
pub(super) fn beside(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.new"))
}

fn points_to(link: &Path, target: &str) -> bool {
    fs::read_link(link).is_ok_and(|found| found == Path::new(target))
}

/// Removes a link if it exists.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    // Check first, since removing a missing file fails with a different error on a read-only filesystem.
    if !path.is_symlink() && !path.exists() {
        return Ok(());
    }
    match disk::unlink(CWD, path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Returns the path of the link of a generation of NixFleet's own profile.
#[must_use]
pub fn link_of(number: u64) -> String {
    format!("{DIRECTORY}/{}", link_name(number))
}

/// Returns the path of the link to the current generation of NixFleet's own profile.
#[must_use]
pub fn current_path() -> String {
    format!("{DIRECTORY}/{CURRENT}")
}

fn link_name(number: u64) -> String {
    format!("{CURRENT}-{number}-link")
}

/// Returns the number in the name of a link. Returns `None` for names that [`link_name`] does not produce,
/// such as `system-07-link`.
fn number_of(link: &Path) -> Option<u64> {
    let name = link.file_name()?.to_str()?;
    let number = name.strip_prefix(CURRENT)?.strip_prefix('-')?.strip_suffix("-link")?.parse().ok()?;
    (link_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_name() {
        assert_eq!(number_of(Path::new("system-7-link")), Some(7));
        for other in ["system-07-link", "system-+7-link", "system--link", "system-7", "other-7-link"] {
            assert_eq!(number_of(Path::new(other)), None, "{other}");
        }
    }
}
