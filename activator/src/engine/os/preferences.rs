//! Priorities of apt for a question. The files of the host are not changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{PackageName, PackageVersion};
use rustix::fs::CWD;

use crate::engine::apt::view::{self, DIRECTORY};
use crate::host::disk::{self, Opening, Writer};
use crate::host::{Host, host_file};

/// The directory of the priorities of the host.
const OF_HOST: &str = "/etc/apt/preferences.d";
/// The name of the file with our priorities. apt reads the files in the order of their names, and the first
/// priority of a release counts, so those of the host come first.
const OURS: &str = "zzzz-nixfleet.pref";
/// Priorities that prefer releases with security updates, as
/// [`nixfleet_contract::apt::plan::SourceRelease::is_security`] knows them, but never an older version than
/// the installed one.
const SECURITY: &str = "Package: *\nPin: release l=Debian-Security\nPin-Priority: 990\n\n\
                        Package: *\nPin: release a=*-security\nPin-Priority: 990\n\n\
                        Package: *\nPin: release n=*-security\nPin-Priority: 990\n\n";

/// A directory with the priorities of the host and further ones. It is removed with this value.
#[derive(Debug)]
pub struct Preferences(PathBuf);

impl Preferences {
    /// Makes the directory. `security`: whether releases with security updates are preferred; `kept`:
    /// packages that stay at their version.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
    pub fn of(
        host: &Host,
        security: bool,
        kept: &BTreeMap<PackageName, PackageVersion>,
    ) -> Result<Self, Problem> {
        view::forget_ended(&host.path(DIRECTORY));
        let name = if security { "security" } else { "full" };
        let made = Self(host.path(DIRECTORY).join(std::process::id().to_string()).join(name));
        let failed = |error: io::Error| host_file("write priorities of apt in", &made.0, &error);
        made.fill(host, security, kept).map_err(failed)?;
        Ok(made)
    }

    fn fill(
        &self,
        host: &Host,
        security: bool,
        kept: &BTreeMap<PackageName, PackageVersion>,
    ) -> io::Result<()> {
        if self.0.exists() {
            // It is left of a process that had the same number before the host was restarted.
            disk::remove_tree(&self.0)?;
        }
        disk::make_directories(&self.0, 0o755)?;
        for file in fs::read_dir(host.path(OF_HOST)).into_iter().flatten().flatten() {
            disk::symlink(&file.path(), CWD, self.0.join(file.file_name()))?;
        }
        let file = disk::open(CWD, self.0.join(OURS), Opening::New)?;
        Writer(&file).write_all(text(security, kept).as_bytes())
    }

    /// Returns the option of apt that selects the priorities.
    #[must_use]
    pub fn option(&self) -> String {
        format!("Dir::Etc::preferencesparts={}", self.0.display())
    }
}

impl Drop for Preferences {
    fn drop(&mut self) {
        // A directory that is left is removed with the next plan.
        let _ = disk::remove_tree(&self.0);
        for above in self.0.ancestors().skip(1).take(2) {
            let _ = disk::remove_directory(CWD, above);
        }
    }
}

fn text(security: bool, kept: &BTreeMap<PackageName, PackageVersion>) -> String {
    let mut text = if security { SECURITY.to_owned() } else { String::new() };
    for (package, version) in kept {
        let (package, version) = (&**package as &str, &**version as &str);
        // Below 1001, apt installs no older version, and above 990, no newer one is preferred.
        let _ = write!(text, "Package: {package}\nPin: version {version}\nPin-Priority: 1000\n\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_priorities_of_the_host_come_first_and_stay_as_they_are() {
        let directory = TempDir::new().unwrap();
        let host = Host::open(directory.path()).unwrap();
        fs::create_dir_all(host.path(OF_HOST)).unwrap();
        fs::write(host.path(OF_HOST).join("host.pref"), "of the host").unwrap();
        let kept = BTreeMap::from([("app".parse().unwrap(), "1:1.0-1".parse().unwrap())]);
        let preferences = Preferences::of(&host, true, &kept).unwrap();
        let mut names: Vec<String> = fs::read_dir(&preferences.0)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["host.pref", OURS]);
        let ours = fs::read_to_string(preferences.0.join(OURS)).unwrap();
        assert!(ours.starts_with(SECURITY), "{ours}");
        assert!(ours.ends_with("Package: app\nPin: version 1:1.0-1\nPin-Priority: 1000\n\n"), "{ours}");
        drop(preferences);
        assert!(!host.path(DIRECTORY).exists());
    }
}
