//! The paths, units and accounts that came with packages of apt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nixfleet_contract::manifest::{Entry, Manifest, OnConflict, UNITS};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::{AccountStep, PathStep, Step, UnitStep};
use nixfleet_contract::values::{PackageName, UnitName};

use super::owned::OwnedPackages;
use crate::host::Host;
use crate::host::accounts::Accounts;
use crate::host::apt::archive;

/// The paths, units and accounts that came with packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageObjects {
    /// The paths in the file lists of the packages, with their directories.
    paths: BTreeSet<String>,
    units: BTreeSet<UnitName>,
    accounts: BTreeSet<String>,
    /// The paths that are declared absent. The scripts of a package may have made one of them.
    absent: BTreeSet<String>,
}

impl PackageObjects {
    /// Returns what came with these packages. `before`: the accounts before the packages were installed.
    #[must_use]
    pub fn of<'p>(
        host: &Host,
        packages: impl Iterator<Item = &'p PackageName>,
        accounts: (&Accounts, &Accounts),
    ) -> Self {
        let paths: BTreeSet<String> = packages.flat_map(|name| files_of(host, name)).collect();
        let units = archive::units(&paths);
        let (before, after) = accounts;
        let users = after.users.keys().filter(|name| !before.users.contains_key(*name));
        let groups = after.groups.keys().filter(|name| !before.groups.contains_key(*name));
        let accounts = users.chain(groups).cloned().collect();
        Self { paths, units, accounts, absent: BTreeSet::new() }
    }

    /// Adds the paths that a manifest declares absent. Their removal is declared, even if a package made
    /// them.
    #[must_use]
    pub fn with_absent(mut self, manifest: &Manifest) -> Self {
        let absent = manifest.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Absent(_)));
        self.absent = absent.map(|(path, _)| path.to_string()).collect();
        self
    }

    /// Returns a problem if the plan after apt differs from the plan before apt in anything that did not come
    /// with the packages.
    #[must_use]
    pub fn objection(&self, before: &Plan, after: &Plan) -> Option<Problem> {
        let changed = |step: &&Step| !before.steps.contains(step);
        let gone = |step: &&Step| !after.steps.contains(step);
        let mut differs = after.steps.iter().filter(changed).chain(before.steps.iter().filter(gone));
        let step = differs.find(|step| !self.explains(step))?;
        Some(
            Problem::new(Code::PlanOutdated, "the change of the host is no longer the planned change")
                .because(format!(
                    "apt has changed packages, and since then the plan differs in: {}",
                    step.line()
                ))
                .help("inspect the new plan (`nixfleet plan`), then apply it"),
        )
    }

    /// Whether a step can differ because of the packages.
    fn explains(&self, step: &Step) -> bool {
        match step {
            Step::Path(PathStep::CreateHome(_)) | Step::Profile(_) | Step::System(_) | Step::Command(_) => {
                false
            }
            Step::Path(step) => self.has_path(step.path()),
            Step::Unit(UnitStep::DaemonReload) => true,
            Step::Unit(step) => step.unit().is_some_and(|unit| self.has_unit(unit)),
            Step::Account(step) => self.accounts.contains(account_of(step)),
        }
    }

    fn has_path(&self, path: &str) -> bool {
        let link = path.strip_prefix(UNITS).and_then(|name| name.rsplit('/').next());
        let unit = link.and_then(|name| name.trim_end_matches(".d").parse().ok());
        self.paths.contains(path)
            || self.absent.contains(path)
            || unit.is_some_and(|unit| self.has_unit(&unit))
    }

    fn has_unit(&self, unit: &UnitName) -> bool {
        self.units.contains(unit) || unit.template().is_some_and(|template| self.units.contains(&template))
    }
}

fn account_of(step: &AccountStep) -> &str {
    match step {
        AccountStep::CreateGroup(step) => &step.name,
        AccountStep::CreateUser(step) => &step.user.name,
        AccountStep::ModifyUser(step) => &step.user.name,
        AccountStep::ReleaseUser(step) => &step.name,
        AccountStep::DisableUser(step) => &step.name,
    }
}

/// Lets the change take over declared files that came with an owned package, or that it has left. The file of
/// the package becomes the original, so the end of the declaration gives the host the file of the package.
pub fn take_over(host: &Host, manifest: &mut Manifest) {
    if manifest.apt.is_none() {
        return;
    }
    let Ok(owned) = OwnedPackages::read(host) else { return };
    let diverted = diverted(host);
    // A package that is installed again finds the configuration files that it has left.
    let brought = owned.installed.union(&owned.left).flat_map(|name| {
        let is_theirs = |path: &String| diverted.get(path).is_none_or(|by| by == name.plain());
        files_of(host, name).into_iter().filter(is_theirs)
    });
    let brought: BTreeSet<String> = brought.collect();
    for (path, entry) in &mut manifest.entries {
        let on_conflict = match entry {
            Entry::File(file) => &mut file.on_conflict,
            Entry::Link(link) => &mut link.on_conflict,
            Entry::Absent(absent) => &mut absent.on_conflict,
            Entry::Directory(_) => continue,
        };
        if *on_conflict == OnConflict::Fail && brought.contains(&**path) {
            *on_conflict = OnConflict::Backup;
        }
    }
}

/// Returns the paths that dpkg-divert has diverted for another package, or for the administrator (`:`). dpkg
/// installs the file of any other package with such a path at another path.
fn diverted(host: &Host) -> BTreeMap<String, String> {
    let text = fs::read_to_string(host.path("/var/lib/dpkg/diversions")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let entries = lines.chunks_exact(3);
    entries.map(|entry| (entry[0].to_owned(), entry[2].to_owned())).collect()
}

/// Returns the paths of a package that dpkg knows.
pub(super) fn files_of(host: &Host, name: &PackageName) -> Vec<String> {
    let list = |name: &str| fs::read_to_string(host.path(&format!("/var/lib/dpkg/info/{name}.list"))).ok();
    // The list of a package that can be installed for several architectures has the architecture in its name.
    let found = list(name).or_else(|| {
        let lists = fs::read_dir(host.path("/var/lib/dpkg/info")).into_iter().flatten().flatten();
        let names = lists.filter_map(|file| file.file_name().into_string().ok());
        let mut names = names.filter_map(|file| file.strip_suffix(".list").map(str::to_owned));
        let start = format!("{name}:");
        list(&names.find(|full| full.starts_with(&start))?)
    });
    found.unwrap_or_default().lines().filter(|path| *path != "/.").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::host::HOME;

    #[test]
    fn a_file_is_taken_over_only_if_the_package_has_it_there() {
        let directory = TempDir::new().unwrap();
        let host = Host::open(directory.path()).unwrap();
        for path in [HOME, "/var/lib/dpkg/info"] {
            fs::create_dir_all(host.path(path)).unwrap();
        }
        let write = |path: &str, text: &str| fs::write(host.path(path), text).unwrap();
        write("/var/lib/nixfleet/packages.json", r#"{ "schema": 1, "installed": ["app"] }"#);
        write("/var/lib/dpkg/info/app.list", "/.\n/etc\n/etc/a\n/etc/b\n/etc/c\n");
        let diversions = "/etc/b\n/etc/b.app\n:\n/etc/c\n/etc/c.other\napp\n";
        write("/var/lib/dpkg/diversions", diversions);
        let link = json!({ "kind": "link", "target": "/x", "onConflict": "fail" });
        let entries = ["/etc/a", "/etc/b", "/etc/c", "/etc/d"].map(|path| (path.to_owned(), link.clone()));
        let entries: serde_json::Map<_, _> = entries.into_iter().collect();
        let mut manifest: Manifest = serde_json::from_value(json!({
            "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "packages": [],
            "groups": [], "users": [], "entries": entries, "units": {}, "healthChecks": [], "apt": {},
        }))
        .unwrap();
        take_over(&host, &mut manifest);
        let taken = manifest.entries.iter().filter(
            |(_, entry)| matches!(entry, Entry::Link(link) if link.on_conflict == OnConflict::Backup),
        );
        assert_eq!(taken.map(|(path, _)| path.to_string()).collect::<Vec<_>>(), ["/etc/a", "/etc/c"]);
    }
}
