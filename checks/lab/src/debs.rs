//! A package source for hosts without a network: a directory with Debian packages and their index.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::apt;
use crate::command::Program;
use crate::place::{self, Lock};
use crate::rootfs::remove_tree;

/// The packages that a bootstrap installs.
pub const NIX: [&str; 2] = ["nix-bin", "nix-setup-systemd"];

/// Returns the directory with packages, and with all packages on which they depend and that the root
/// filesystem at `root`, of the Debian release `suite`, does not have. The directory is made once.
///
/// # Errors
/// apt cannot download a package, or a file cannot be written.
pub fn of(root: &Path, suite: &str, packages: &[&str]) -> Result<PathBuf> {
    let debs = place::lab().join("debs");
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let path = debs.join(format!("{name}-{}", packages.join("+")));
    fs::create_dir_all(&debs).with_context(|| format!("Failed to create {}", debs.display()))?;
    let _lock = Lock::wait(&debs.join("lock"))?;
    if path.exists() {
        return Ok(path);
    }
    let unfinished = debs.join("unfinished");
    remove_tree(&unfinished)?;
    for part in ["lists/partial", "cache/archives/partial", "etc"] {
        let part = unfinished.join(part);
        fs::create_dir_all(&part).with_context(|| format!("Failed to create {}", part.display()))?;
    }
    let source = format!("deb {} {suite} main\n", apt::archive()?);
    fs::write(unfinished.join("etc/sources.list"), source).context("Failed to write a package source")?;
    apt_get(root, &unfinished, &["update"])?;
    let install = ["install", "--download-only", "--yes", "--no-install-recommends"];
    apt_get(root, &unfinished, &install.into_iter().chain(packages.iter().copied()).collect::<Vec<_>>())?;
    let archives = unfinished.join("cache/archives");
    let index =
        Program::new("sh").args(["-c", "cd \"$1\" && dpkg-scanpackages --multiversion . >Packages", "sh"]);
    index.arg(&archives).run()?.success().context("Failed to make an index of packages")?;
    fs::rename(&archives, &path).with_context(|| format!("Failed to rename to {}", path.display()))?;
    remove_tree(&unfinished)?;
    Ok(path)
}

/// Runs this machine's apt-get for the packages of `root`. Everything that it writes is in `place`.
fn apt_get(root: &Path, place: &Path, arguments: &[&str]) -> Result<()> {
    let at = |name: &str, path: PathBuf| format!("{name}={}", path.display());
    let options = [
        at("Dir::State::status", root.join("var/lib/dpkg/status")),
        at("Dir::State::lists", place.join("lists")),
        at("Dir::Cache", place.join("cache")),
        at("Dir::Etc::SourceList", place.join("etc/sources.list")),
        "Dir::Etc::SourceParts=-".to_owned(),
        "Dir::Etc::Preferences=/dev/null".to_owned(),
        "Dir::Etc::PreferencesParts=-".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ];
    let options = options.iter().flat_map(|option| ["--option", option]);
    let program = Program::new("apt-get").arg("--quiet").args(options).args(arguments);
    program.limit(Duration::from_secs(600)).run()?.success().context("Failed to download packages")?;
    Ok(())
}
