//! A package repository that a test makes: packages, an index and a signature. The operator's machine serves
//! it over HTTP.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nixfleet_lab::command::Program;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The directory of the repository on the operator's machine.
pub const SERVED: &str = "/srv/packages";

/// The distribution with the packages, and the one with their security updates.
pub const STABLE: &str = "stable";
pub const SECURITY: &str = "security";

/// A package to build.
#[derive(Clone, Debug, Default)]
pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    /// Further lines of the control file.
    pub control: &'static str,
    /// The files: path, mode and content. Files in `/etc` are configuration files.
    pub files: Vec<(&'static str, u32, &'static str)>,
    /// The script that configures the package.
    pub postinst: &'static str,
    /// The script that runs before the package is removed.
    pub prerm: &'static str,
}

/// A repository, and the key that signs it.
pub struct Repository {
    directory: TempDir,
    /// The packages, each with the distribution that has it.
    packages: Vec<(&'static str, PathBuf)>,
    /// The fingerprint of the key.
    pub fingerprint: String,
    /// The name of its suite in the next release.
    pub suite: &'static str,
}

impl Repository {
    /// Makes a repository without packages, and a key.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut repository =
            Self { directory, packages: Vec::new(), fingerprint: String::new(), suite: "stable" };
        repository.gpg(&["--quick-generate-key", "Tests <tests@example.org>", "ed25519", "sign", "never"]);
        let keys = repository.gpg(&["--with-colons", "--list-keys"]);
        let line = keys.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().clone_into(&mut repository.fingerprint);
        repository
    }

    /// Returns the key that signs the repository.
    pub fn key(&self) -> String {
        self.gpg(&["--armor", "--export"])
    }

    /// Builds a package and adds it.
    pub fn add(&mut self, package: &Package) {
        self.add_to(STABLE, package);
    }

    /// Builds a package and adds it to a distribution.
    pub fn add_to(&mut self, distribution: &'static str, package: &Package) {
        let Package { name, version, control, files, postinst, prerm } = package;
        let tree = self.path(&format!("build/{name}_{version}"));
        let mut conffiles = String::new();
        for (path, mode, text) in files {
            place(&tree.join(path.trim_start_matches('/')), *mode, text);
            if path.starts_with("/etc/") {
                writeln!(conffiles, "{path}").unwrap();
            }
        }
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Tests <tests@example.org>\n\
             Description: a package of a test\n{control}"
        );
        place(&tree.join("DEBIAN/control"), 0o644, &control);
        place(&tree.join("DEBIAN/conffiles"), 0o644, &conffiles);
        for (script, text) in [("postinst", postinst), ("prerm", prerm)] {
            if !text.is_empty() {
                place(&tree.join("DEBIAN").join(script), 0o755, &format!("#!/bin/sh\nset -e\n{text}"));
            }
        }
        let file = self.path(&format!("{name}_{version}_all.deb"));
        let build = Program::new("dpkg-deb").args(["--root-owner-group", "--build"]);
        build.arg(&tree).arg(&file).run().unwrap().success().unwrap();
        self.packages.push((distribution, file));
    }

    /// Removes all packages. The next [`Self::publish`] publishes those that are added after this call.
    pub fn clear(&mut self) {
        self.packages.clear();
    }

    /// Publishes the packages on the operator's machine of a lab, and starts the server if it does not run.
    pub fn publish(&self, lab: &Lab) {
        let operator = lab.operator().unwrap();
        let guest = operator.guest();
        guest.ask(&format!("mkdir -p {SERVED} && rm -rf {SERVED}/* && mkdir -p {SERVED}/pool")).unwrap();
        for distribution in [STABLE, SECURITY] {
            self.publish_one(guest, distribution);
        }
        let serve = format!(
            "systemctl is-active --quiet packages || systemd-run --quiet --unit=packages busybox httpd -f -p 8000 -h {SERVED}"
        );
        guest.ask(&serve).unwrap();
        let get = "curl --silent --fail --output /dev/null --retry 50 --retry-connrefused --retry-delay 1";
        guest.ask(&format!("{get} http://localhost:8000/dists/stable/InRelease")).unwrap();
    }

    /// Publishes the packages of one distribution.
    fn publish_one(&self, guest: &Guest, distribution: &str) {
        let (suite, label) = if distribution == SECURITY {
            ("stable-security", "Debian-Security")
        } else {
            (self.suite, "Tests")
        };
        let lists = format!("{SERVED}/dists/{distribution}");
        guest.ask(&format!("mkdir -p {lists}/main/binary-amd64")).unwrap();
        let files = guest.files().unwrap();
        let mut index = String::new();
        for (_, package) in self.packages.iter().filter(|(of, _)| *of == distribution) {
            let name = package.file_name().unwrap().to_str().unwrap();
            let bytes = fs::read(package).unwrap();
            let control =
                Program::new("dpkg-deb").arg("--field").arg(package).run().unwrap().success().unwrap();
            let (control, size, digest) = (control.stdout.trim_end().to_owned(), bytes.len(), sha256(&bytes));
            write!(index, "{control}\nFilename: pool/{name}\nSize: {size}\nSHA256: {digest}\n\n").unwrap();
            files.write(&format!("{SERVED}/pool/{name}"), bytes).unwrap();
        }
        let date = Program::new("date").args(["-Ru"]).run().unwrap().success().unwrap().line().to_owned();
        let release = format!(
            "Origin: Tests\nLabel: {label}\nSuite: {suite}\nCodename: {distribution}\nDate: {date}\n\
             Architectures: amd64\nComponents: main\nSHA256:\n {} {} main/binary-amd64/Packages\n",
            sha256(index.as_bytes()),
            index.len()
        );
        fs::write(self.path("Release"), release).unwrap();
        let (from, to) = (self.path("Release"), self.path("InRelease"));
        self.gpg(&["--yes", "--clearsign", "--output", to.to_str().unwrap(), from.to_str().unwrap()]);
        files.write(&format!("{lists}/InRelease"), fs::read(to).unwrap()).unwrap();
        files.write(&format!("{lists}/main/binary-amd64/Packages"), index).unwrap();
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let gpg = Program::new("gpg").args(["--batch", "--no-tty", "--passphrase", "", "--homedir"]);
        let finished = gpg.arg(self.directory.path()).args(arguments).run().unwrap().success().unwrap();
        finished.stdout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // The agent ends too when its directory is gone, but later.
        let _ =
            Program::new("gpgconf").arg("--homedir").arg(self.directory.path()).args(["--kill", "all"]).run();
    }
}

fn place(path: &Path, mode: u32, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
