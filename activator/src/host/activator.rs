//! The activator of the host: the newest that ever acted on it. Status, rollback and recovery at boot go
//! through it, whatever generation is in force: an older one could not read what a newer one recorded.
//!
//! It is a link beside the profile, where Nix takes it for a root: no garbage collection removes its program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::Problem;
use rustix::fs::CWD;
use serde::{Deserialize, Serialize};

use super::profile::{self, DIRECTORY};
use super::{Host, disk, host_file};

/// The name of the link in [`DIRECTORY`].
const LINK: &str = "activator";

/// The version of an activator: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version([u32; 3]);

impl Version {
    /// That of this program.
    #[must_use]
    pub fn own() -> Self {
        let numbers = [
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR"),
            env!("CARGO_PKG_VERSION_PATCH"),
        ];
        Self(numbers.map(|number| number.parse().unwrap_or_default()))
    }
}

/// The program that carries a change out.
#[derive(Clone, Copy, Debug)]
pub enum Acting<'a> {
    /// That of the closure which is applied.
    OfClosure(&'a str),
    /// This one: a generation comes back, and what made it may be older.
    Itself,
}

impl Acting<'_> {
    /// Where it stands, if that is in the store: nothing else stays.
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::OfClosure(closure) => fs::read_link(Path::new(closure).join("activate")).ok(),
            Self::Itself => std::env::current_exe().ok().filter(|program| program.starts_with("/nix/store")),
        }
    }
}

/// Makes a program the activator of the host, if it is at least as new as the one that is. `known` is the
/// version of that one. Done twice it changes nothing.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub fn install(host: &Host, known: Option<Version>, acting: Acting<'_>) -> Result<(), Problem> {
    let Some(program) = acting.program() else { return Ok(()) };
    let link = link(host);
    let (found, is_older) = (fs::read_link(&link).ok(), known > Some(Version::own()));
    if found.as_ref() == Some(&program) || (is_older && link.exists()) {
        return Ok(());
    }
    let directory = host.path(DIRECTORY);
    let Some(above) = directory.parent().filter(|above| above.is_dir()) else {
        // Without Nix no program is ever collected.
        return Ok(());
    };
    let install = || {
        if !directory.is_dir() {
            disk::make_directory(CWD, &directory, 0o755)?;
            disk::sync_directory(above)?;
        }
        profile::replace(&directory, LINK, &program)
    };
    install().map_err(|error: io::Error| host_file("link the activator in", DIRECTORY, &error))
}

/// Clears away what an interrupted [`install`] left. A host that is not managed keeps no activator either.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn tidy(host: &Host, is_managed: bool) -> Result<(), Problem> {
    let directory = host.path(DIRECTORY);
    let link = (!is_managed).then(|| link(host));
    [Some(profile::beside(&directory, LINK)), link]
        .iter()
        .flatten()
        .try_for_each(|link| profile::remove(link))
        .map_err(|error| host_file("tidy the activator in", DIRECTORY, &error))?;
    if !is_managed && directory.is_dir() {
        // Somebody else's things keep it.
        let _ = disk::remove_directory(CWD, &directory);
    }
    Ok(())
}

fn link(host: &Host) -> PathBuf {
    host.path(DIRECTORY).join(LINK)
}
