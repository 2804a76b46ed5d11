//! The installed activator of the host: the newest version that has ever changed the host.
//!
//! Status, rollback and recovery at boot run this program regardless of the current generation, because an
//! older activator might not be able to read the records of a newer one.
//!
//! A symbolic link next to the profile points to this program. Nix treats the link as a garbage collection
//! root, so the program is never collected.

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

/// The version of an activator as major, minor and patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version([u32; 3]);

impl Version {
    /// Returns the version of this program.
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

/// The activator that carries out a change.
#[derive(Clone, Copy, Debug)]
pub enum Acting<'a> {
    /// The activator in the closure with this path, which is being applied.
    OfClosure(&'a str),
    /// This program. It carries out rollbacks, because the activator of an earlier generation may be older.
    Itself,
}

impl Acting<'_> {
    /// Returns the path of the program if it is in the Nix store. A program elsewhere may be deleted at any
    /// time.
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::OfClosure(closure) => fs::read_link(Path::new(closure).join("activate")).ok(),
            Self::Itself => std::env::current_exe().ok().filter(|program| program.starts_with("/nix/store")),
        }
    }
}

/// Makes a program the installed activator of the host, unless the installed activator is newer. `known` is
/// the version of the installed activator. The call is idempotent.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn install(host: &Host, known: Option<Version>, acting: Acting<'_>) -> Result<(), Problem> {
    let Some(program) = acting.program() else { return Ok(()) };
    let link = link(host);
    let (found, is_older) = (fs::read_link(&link).ok(), known > Some(Version::own()));
    if found.as_ref() == Some(&program) || (is_older && link.exists()) {
        return Ok(());
    }
    let directory = host.path(DIRECTORY);
    let Some(above) = directory.parent().filter(|above| above.is_dir()) else {
        // Without Nix, programs are never garbage collected, so no link is needed.
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

/// Removes the leftovers of an interrupted [`install`]. If the host is not managed, also removes the
/// installed activator.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn tidy(host: &Host, is_managed: bool) -> Result<(), Problem> {
    let directory = host.path(DIRECTORY);
    let link = (!is_managed).then(|| link(host));
    [Some(profile::beside(&directory, LINK)), link]
        .iter()
        .flatten()
        .try_for_each(|link| profile::remove(link))
        .map_err(|error| host_file("clean up the activator links in", DIRECTORY, &error))?;
    if !is_managed && directory.is_dir() {
        // Ignore errors: the directory may contain files that NixFleet does not own.
        let _ = disk::remove_directory(CWD, &directory);
    }
    Ok(())
}

/// Returns the path of the link to the installed activator.
#[must_use]
pub fn path() -> String {
    format!("{DIRECTORY}/{LINK}")
}

fn link(host: &Host) -> PathBuf {
    host.path(DIRECTORY).join(LINK)
}
