//! The packages that dpkg has installed.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{PackageName, PackageVersion};

use super::answer;

/// The records of dpkg and apt about the packages of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPackages {
    /// The architecture of the host, such as `amd64`.
    pub architecture: String,
    /// The packages that dpkg knows, by name. The names of packages for the architecture of the host have no
    /// architecture.
    pub packages: BTreeMap<PackageName, DpkgPackage>,
}

/// The records of dpkg and apt about a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpkgPackage {
    /// How far the package is installed.
    pub status: DpkgStatus,
    /// The version, if a part of the package is on the host.
    pub version: Option<PackageVersion>,
    /// Whether apt keeps the package at its version.
    pub is_held: bool,
    /// Whether the package was installed only because another package needs it.
    pub is_automatic: bool,
    /// Whether the host needs the package to work or to boot: it is essential or protected.
    pub is_vital: bool,
}

/// How far a package is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DpkgStatus {
    /// The package is installed.
    Installed,
    /// Only configuration files of the package are on the host.
    ConfigFiles,
    /// Nothing of the package is on the host.
    NotInstalled,
    /// An installation or removal of the package was interrupted, or failed. `dpkg --configure -a` can
    /// complete it.
    Unfinished,
    /// The package has to be installed again before anything else can be done with it.
    ReinstallRequired,
}

impl DpkgStatus {
    /// Whether files of the package are on the host, apart from its configuration files.
    #[must_use]
    pub const fn is_unpacked(self) -> bool {
        match self {
            Self::Installed | Self::Unfinished | Self::ReinstallRequired => true,
            Self::ConfigFiles | Self::NotInstalled => false,
        }
    }
}

/// The fields to query for each package, each in a column of its own.
const FORMAT: &str = "--showformat=${binary:Package}\\t${db:Status-Want}\\t${db:Status-Status}\\t\
                      ${db:Status-Eflag}\\t${Version}\\t${Essential}\\t${Protected}\\n";

impl HostPackages {
    /// Reads the packages of this machine.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if dpkg or apt does not answer.
    pub fn read() -> Result<Self, Problem> {
        let architecture = answer(&["dpkg", "--print-architecture"])?.trim().to_owned();
        let listed = answer(&["dpkg-query", "--show", FORMAT])?;
        let automatic = answer(&["apt-mark", "showauto"])?;
        Self::parse(architecture, &listed, &automatic)
    }

    /// Parses the answers of `dpkg-query` and of `apt-mark showauto`.
    fn parse(architecture: String, listed: &str, automatic: &str) -> Result<Self, Problem> {
        let automatic: BTreeSet<&str> = automatic.lines().map(|name| native(name, &architecture)).collect();
        let mut packages = BTreeMap::new();
        for line in listed.lines() {
            let (name, package) = parse_line(line, &architecture, &automatic).ok_or_else(|| {
                Problem::new(Code::Packages, "the answer of dpkg-query cannot be read")
                    .because(format!("it contains the line `{}`", line.escape_debug()))
            })?;
            packages.insert(name, package);
        }
        Ok(Self { architecture, packages })
    }

    /// Returns the version of a package that is installed.
    #[must_use]
    pub fn installed(&self, name: &PackageName) -> Option<&PackageVersion> {
        let package = self.packages.get(name).filter(|package| package.status == DpkgStatus::Installed)?;
        package.version.as_ref()
    }

    /// Whether files of a package are on the host, apart from its configuration files.
    #[must_use]
    pub fn is_on_host(&self, name: &PackageName) -> bool {
        self.packages.get(name).is_some_and(|package| package.status.is_unpacked())
    }

    /// Returns the packages whose installation or removal is not finished, sorted.
    #[must_use]
    pub fn unfinished(&self) -> Vec<PackageName> {
        let is_unfinished = |package: &DpkgPackage| {
            matches!(package.status, DpkgStatus::Unfinished | DpkgStatus::ReinstallRequired)
        };
        let unfinished = self.packages.iter().filter(|(_, package)| is_unfinished(package));
        unfinished.map(|(name, _)| name.clone()).collect()
    }
}

/// Returns the installed packages for which apt prefers a newer version, also those that are held.
/// `architecture`: that of the host; `options`: options of apt, each as `NAME=VALUE`.
///
/// # Errors
/// Fails with [`Code::Packages`] if apt does not answer, or answers with something else than names.
pub fn upgradable(architecture: &str, options: &[String]) -> Result<BTreeSet<PackageName>, Problem> {
    let mut names = BTreeSet::new();
    for verb in ["showmanual", "showauto"] {
        let options = options.iter().flat_map(|option| ["-o", option.as_str()]);
        let argv: Vec<&str> = ["apt-mark"].into_iter().chain(options).chain([verb, "?upgradable"]).collect();
        for name in answer(&argv)?.lines() {
            names.insert(native(name, architecture).parse().map_err(|error| {
                Problem::new(Code::Packages, "the answer of apt-mark cannot be read").because(error)
            })?);
        }
    }
    Ok(names)
}

/// Removes the architecture of the host from the name of a package. dpkg adds it to some names.
pub(super) fn native<'a>(name: &'a str, architecture: &str) -> &'a str {
    name.strip_suffix(architecture).and_then(|name| name.strip_suffix(':')).unwrap_or(name)
}

fn parse_line(
    line: &str,
    architecture: &str,
    automatic: &BTreeSet<&str>,
) -> Option<(PackageName, DpkgPackage)> {
    let [name, want, status, error, version, essential, protected] =
        line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let name = native(name, architecture);
    let status = match (status, error) {
        (_, "reinstreq") => DpkgStatus::ReinstallRequired,
        ("installed", "ok") => DpkgStatus::Installed,
        ("config-files", "ok") => DpkgStatus::ConfigFiles,
        ("not-installed", "ok") => DpkgStatus::NotInstalled,
        (
            "half-installed" | "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending",
            "ok",
        ) => DpkgStatus::Unfinished,
        _ => return None,
    };
    let package = DpkgPackage {
        status,
        version: if version.is_empty() { None } else { Some(version.parse().ok()?) },
        is_held: want == "hold",
        is_automatic: automatic.contains(name),
        is_vital: essential == "yes" || protected == "yes",
    };
    Some((name.parse().ok()?, package))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "bash\tinstall\tinstalled\tok\t5.2.15-2+b2\tyes\tno\n\
                          libc6:amd64\tinstall\tinstalled\tok\t2.36-9+deb12u10\tno\tno\n\
                          libc6:i386\tinstall\tinstalled\tok\t2.36-9+deb12u10\tno\tno\n\
                          libgcc-s1:amd64\tinstall\tinstalled\tok\t12.2.0-14\tno\tyes\n\
                          linux-image-amd64\thold\tinstalled\tok\t6.1.123-1\tno\tno\n\
                          telnet\tdeinstall\tconfig-files\tok\t0.17-44\tno\tno\n\
                          broken\tinstall\thalf-configured\tok\t1.0\tno\tno\n\
                          torn\tinstall\thalf-installed\treinstreq\t1.0\tno\tno\n\
                          known\tunknown\tnot-installed\tok\t\tno\tno\n";

    fn packages() -> HostPackages {
        HostPackages::parse("amd64".to_owned(), LISTED, "libc6\nlibgcc-s1:amd64\nlibc6:i386\n").unwrap()
    }

    fn of(name: &str) -> DpkgPackage {
        packages().packages[&name.parse::<PackageName>().unwrap()].clone()
    }

    #[test]
    fn each_package_has_its_status_its_version_and_its_marks() {
        assert_eq!(
            of("bash"),
            DpkgPackage {
                status: DpkgStatus::Installed,
                version: Some("5.2.15-2+b2".parse().unwrap()),
                is_held: false,
                is_automatic: false,
                is_vital: true,
            }
        );
        assert!(of("linux-image-amd64").is_held && of("libgcc-s1").is_vital);
        assert!(of("libc6").is_automatic && of("libc6:i386").is_automatic && of("libgcc-s1").is_automatic);
        assert_eq!(of("telnet").status, DpkgStatus::ConfigFiles);
        assert_eq!((of("known").status, of("known").version), (DpkgStatus::NotInstalled, None));
    }

    #[test]
    fn only_an_installed_package_has_an_installed_version() {
        let installed = |name: &str| packages().installed(&name.parse().unwrap()).map(ToString::to_string);
        assert_eq!(installed("libc6").as_deref(), Some("2.36-9+deb12u10"));
        for name in ["telnet", "broken", "nginx"] {
            assert_eq!(installed(name), None, "{name}");
        }
    }

    #[test]
    fn an_interrupted_installation_is_found() {
        let names: Vec<String> = packages().unfinished().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["broken", "torn"]);
    }

    #[test]
    fn an_unknown_answer_is_refused() {
        for line in
            ["bash\tinstall\n", "bash\tinstall\tvanished\tok\t1\tno\tno\n", "Bash\ti\tinstalled\tok\t1\t\t\n"]
        {
            let problem = HostPackages::parse("amd64".to_owned(), line, "").unwrap_err();
            assert_eq!(problem.code, Code::Packages, "{line}");
        }
    }
}
