//! Tests of the questions to the real apt of this machine. apt reads a repository that the tests make, and
//! directories of its own, so nothing of this machine matters or changes.

use std::fs;
use std::path::Path;
use std::process::Command;

use nixfleet_activate::engine::apt::ask::{AptQuestions, exactly, fixes};
use nixfleet_activate::engine::apt::owned::OwnedPackages;
use nixfleet_activate::host::apt::archive;
use nixfleet_activate::host::apt::hook::{
    AptTransaction, TransactionMode, TransactionPackage, TransactionVersion,
};
use nixfleet_activate::host::apt::offers::offered;
use nixfleet_activate::host::apt::simulation::AptRequest;
use nixfleet_contract::problem::Code;
use serde_json::json;
use tempfile::TempDir;

use crate::room::PROGRAM;

/// A repository with packages, and the directories that apt uses with it.
struct Repository {
    directory: TempDir,
}

impl Repository {
    /// Makes a repository. `installed`: stanzas of the packages that dpkg has installed.
    fn new(packages: &[&str], installed: &str) -> Self {
        let repository = Self { directory: TempDir::new().unwrap() };
        for directory in
            ["repository", "state/lists/partial", "cache/archives/partial", "sources", "pins", "log"]
        {
            fs::create_dir_all(repository.path(directory)).unwrap();
        }
        let mut index = String::new();
        for package in packages {
            index += &repository.add(package);
        }
        fs::write(repository.path("repository/Packages"), index).unwrap();
        let release = "Origin: Example\nLabel: Example-Security\nSuite: stable\nCodename: stable-security\n";
        fs::write(repository.path("repository/Release"), release).unwrap();
        fs::write(repository.path("status"), installed).unwrap();
        let source =
            format!("Types: deb\nURIs: file://{}\nSuites: ./\nTrusted: yes\n", repository.path("repository"));
        fs::write(repository.path("sources/app.sources"), source).unwrap();
        let options = repository.options();
        let mut update = Command::new("apt-get");
        update.env("LC_ALL", "C").args(["-qq", "update", "-o", "APT::Sandbox::User=root"]);
        update.args(options.iter().flat_map(|option| ["-o", option.as_str()]));
        let output = update.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        repository
    }

    /// Builds a package from its control file. Returns its stanza in the index.
    fn add(&self, control: &str) -> String {
        let control = format!("{control}\nMaintainer: Tests <tests@example.org>\nDescription: a test\n");
        let name = control.lines().next().unwrap().trim_start_matches("Package: ").to_owned();
        let tree = self.path(&name);
        let units = format!("{tree}/usr/lib/systemd/system");
        fs::create_dir_all(format!("{tree}/DEBIAN")).unwrap();
        fs::create_dir_all(&units).unwrap();
        fs::write(format!("{tree}/DEBIAN/control"), &control).unwrap();
        fs::write(format!("{units}/{name}.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
        let file = self.path(&format!("repository/{name}.deb"));
        let built = Command::new("dpkg-deb").args(["--build", &tree, &file]).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let bytes = fs::read(&file).unwrap();
        let (size, digest) = (bytes.len(), nixfleet_activate::digest::of(&bytes));
        format!("{control}Filename: ./{name}.deb\nSize: {size}\nSHA256: {digest}\n\n")
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn options(&self) -> Vec<String> {
        [
            ("Dir::State", "state"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
            ("Dir::Log", "log"),
            ("Dir::Etc::sourceparts", "sources"),
            ("Dir::Etc::preferencesparts", "pins"),
        ]
        .map(|(option, name)| format!("{option}={}", self.path(name)))
        .into_iter()
        .chain(["Dir::Etc::sourcelist", "Dir::Etc::preferences"].map(|option| format!("{option}=/dev/null")))
        .chain(["APT::Architecture=amd64".to_owned(), "APT::Architectures::=amd64".to_owned()])
        .collect()
    }

    fn request(&self, packages: &[&str]) -> AptRequest {
        AptRequest {
            verb: "install",
            packages: packages.iter().map(|&package| package.to_owned()).collect(),
            recommends: None,
            options: self.options(),
        }
    }
}

/// The packages of a transaction, each with its mode and its versions, sorted.
fn told(transaction: &AptTransaction) -> Vec<String> {
    let line = |package: &TransactionPackage| {
        let TransactionPackage { name, mode, automatic, versions, .. } = package;
        let version = |version: &Option<TransactionVersion>| {
            version.as_ref().map_or("-".to_owned(), |version| version.version.clone())
        };
        let mark = if *automatic { " (automatic)" } else { "" };
        format!("{mode:?} {name} {} {}{mark}", version(&versions.current), version(&versions.install))
    };
    let mut told: Vec<String> = transaction.packages.iter().map(line).collect();
    told.sort();
    told
}

const APP: &str = "\
Package: app
Version: 1:2.0-1
Architecture: amd64
Installed-Size: 7
Depends: libapp
Recommends: apptools
Conflicts: oldapp";
const LIBRARY: &str = "Package: libapp\nVersion: 1.1~rc1\nArchitecture: all";
const TOOLS: &str = "Package: apptools\nVersion: 3\nArchitecture: amd64";
const INSTALLED: &str = "\
Package: libapp
Status: install ok installed
Version: 1.0
Architecture: all
Maintainer: Tests <tests@example.org>
Description: a test

Package: oldapp
Status: install ok installed
Version: 0.9
Architecture: amd64
Maintainer: Tests <tests@example.org>
Description: a test

";

#[test]
fn apt_tells_the_hook_every_package_that_a_transaction_changes() {
    let repository = Repository::new(&[APP, LIBRARY, TOOLS], INSTALLED);
    let transaction = repository.request(&["app", "libapp"]).simulate(PROGRAM).unwrap();
    assert_eq!(
        told(&transaction),
        [
            "Deinstall oldapp 0.9 -",
            "Install app - 1:2.0-1",
            "Install apptools - 3 (automatic)",
            "Upgrade libapp 1.0 1.1~rc1",
        ]
    );
    let origins = &transaction.packages[0].versions.install.as_ref().unwrap().origins;
    assert_eq!((origins[0].origin.as_str(), origins[0].codename.as_str()), ("Example", "stable-security"));
    let without = AptRequest { recommends: Some(false), ..repository.request(&["app"]) };
    let modes: Vec<_> =
        without.simulate(PROGRAM).unwrap().packages.iter().map(|package| package.mode).collect();
    assert_eq!(modes.iter().filter(|mode| **mode == TransactionMode::Install).count(), 1);
}

#[test]
fn an_exact_request_is_the_same_transaction() {
    let repository = Repository::new(&[APP, LIBRARY, TOOLS], INSTALLED);
    let transaction = repository.request(&["app", "libapp"]).simulate(PROGRAM).unwrap();
    let exact = AptRequest { options: repository.options(), ..exactly(&transaction) };
    let again = exact.simulate(PROGRAM).unwrap();
    let unmarked = |transaction: &AptTransaction| -> Vec<String> {
        told(transaction).iter().map(|line| line.replace(" (automatic)", "")).collect()
    };
    assert_eq!(unmarked(&again), unmarked(&transaction));
}

#[test]
fn an_unpacked_package_gets_what_it_depends_on() {
    let torn =
        INSTALLED.replace("Package: oldapp", "Package: app").replace("Version: 0.9", "Version: 1:2.0-1");
    let torn = torn.replace(
        "Package: libapp\nStatus: install ok installed",
        "Package: other\nStatus: install ok installed",
    );
    let torn = torn.replace(
        "Package: app\nStatus: install ok installed",
        "Package: app\nStatus: install ok unpacked\nDepends: libapp",
    );
    let repository = Repository::new(&[APP, LIBRARY], &torn);
    assert!(repository.request(&["app"]).simulate(PROGRAM).is_err(), "apt can do it without being told");
    let fixes = fixes(&repository.options(), PROGRAM).unwrap();
    assert_eq!(told(&fixes), ["Install libapp - 1.1~rc1 (automatic)"]);
    let packages = [vec!["app".to_owned()], exactly(&fixes).packages].concat();
    let request = AptRequest { packages, ..repository.request(&[]) };
    assert!(told(&request.simulate(PROGRAM).unwrap()).contains(&"Install libapp - 1.1~rc1".to_owned()));
}

#[test]
fn a_transaction_that_changes_nothing_has_no_packages() {
    let repository = Repository::new(&[APP], INSTALLED);
    let transaction = repository.request(&["oldapp"]).simulate(PROGRAM).unwrap();
    assert!(transaction.packages.is_empty());
}

#[test]
fn apt_says_why_it_cannot_install_a_package() {
    let repository = Repository::new(&[APP], "");
    for (package, why) in [
        ("nothing", "Unable to locate package nothing"),
        ("app=3.*", "Version '3.*' for 'app' was not found"),
        ("app", ""),
    ] {
        let problem = repository.request(&[package]).simulate(PROGRAM).unwrap_err();
        assert_eq!(problem.code, Code::Packages);
        assert!(problem.why.unwrap().contains(why), "{package}");
    }
}

#[test]
fn a_pin_forbids_the_packages_for_which_a_source_was_not_added() {
    let repository = Repository::new(&[APP, LIBRARY, TOOLS], "");
    let pins = "Package: app libapp\nPin: release o=Example\nPin-Priority: 500\n\n\
                Package: *\nPin: release o=Example\nPin-Priority: -1\n";
    fs::write(repository.path("pins/nixfleet-source-app.pref"), pins).unwrap();
    let transaction = repository.request(&["app"]).simulate(PROGRAM).unwrap();
    assert_eq!(told(&transaction), ["Install app - 1:2.0-1", "Install libapp - 1.1~rc1 (automatic)"]);
    assert!(repository.request(&["apptools"]).simulate(PROGRAM).is_err());
    let forced = repository.request(&["apptools=3"]).simulate(PROGRAM).unwrap();
    assert_eq!(forced.packages[0].versions.install.as_ref().unwrap().pin, -1);
}

#[test]
fn a_machine_that_is_as_declared_has_nothing_to_change() {
    let declared =
        json!({ "packages": { "bash": { "state": "present" }, "no-such-one": { "state": "purged" } } });
    let declared = serde_json::from_value(declared).unwrap();
    let owned = OwnedPackages::default();
    let plan = AptQuestions::of(&declared, &owned).unwrap().ask(&[], PROGRAM).unwrap();
    assert!(plan.packages.is_empty() && plan.problems.is_empty(), "{plan:?}");
}

#[test]
fn the_sizes_and_digests_are_those_of_the_files() {
    let repository = Repository::new(&[APP, LIBRARY], "");
    let versions = ["app:amd64=1:2.0-1".to_owned(), "libapp:amd64=1.1~rc1".to_owned()];
    let files = offered(&versions, &repository.options()).unwrap();
    let file = repository.path("repository/app.deb");
    let found = &files[&("app".to_owned(), "1:2.0-1".to_owned())];
    let bytes = fs::read(&file).unwrap();
    assert_eq!((found.size, found.installed_size), (bytes.len() as u64, 7 * 1024));
    assert_eq!(found.sha256, nixfleet_activate::digest::of(&bytes));
    assert!(files.contains_key(&("libapp".to_owned(), "1.1~rc1".to_owned())));
    let unknown = offered(&["app:amd64=9".to_owned()], &repository.options());
    assert!(!unknown.is_ok_and(|files| files.contains_key(&("app".to_owned(), "9".to_owned()))));
    assert!(offered(&["nothing:amd64=9".to_owned()], &repository.options()).is_err());
    let units = archive::units(&archive::paths(Path::new(&file)).unwrap());
    assert_eq!(units.iter().map(ToString::to_string).collect::<Vec<_>>(), ["app.service"]);
}
