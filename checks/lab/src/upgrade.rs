//! A root filesystem with some packages of a later Debian release. All other packages are the same as in the
//! root filesystem of hosts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::apt;
use crate::command::Program;
use crate::recipe::{Recipe, digest};
use crate::rootfs::{inside, remove_tree};

/// The Debian release from which the packages are installed.
const SUITE: &str = "forky";

/// The packages of a later release to install in a copy of the root filesystem of hosts.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The first part of the name of the root filesystem's directory.
    pub name: &'static str,
    /// The Debian packages. Packages on which they depend are upgraded only if necessary.
    pub packages: Vec<&'static str>,
}

impl Upgrade {
    /// Returns the upgrade for an operator's machine with Nix 2.34. Hosts have Nix 2.26.
    #[must_use]
    pub fn newer_nix() -> Self {
        Self { name: "newer-nix", packages: vec!["nix-bin"] }
    }

    /// Returns a digest that is different if any part of this upgrade or of the recipe `below` is different.
    #[must_use]
    pub fn digest(&self, below: &Recipe) -> String {
        digest(&format!("{} {SUITE} {self:?}", below.digest()))
    }

    /// Copies the root filesystem at `below` to `root` and installs the packages there.
    pub(crate) fn apply(&self, below: &Path, root: &Path) -> Result<()> {
        Program::new("cp").args(["--archive", "--reflink=auto"]).arg(below).arg(root).run()?.success()?;
        let list = root.join("etc/apt/sources.list.d/later.list");
        let source = format!("deb {} {SUITE} main\n", apt::archive()?);
        fs::write(&list, source).with_context(|| format!("Failed to write {}", list.display()))?;
        fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"))
            .context("Failed to copy this machine's resolv.conf")?;
        self.apt(root, &["update"])?;
        self.apt(
            root,
            &["install", "--yes", "--no-install-recommends"]
                .iter()
                .chain(&self.packages)
                .copied()
                .collect::<Vec<_>>(),
        )?;
        self.apt(root, &["clean"])?;
        fs::remove_file(&list).with_context(|| format!("Failed to remove {}", list.display()))?;
        remove_tree(&root.join("var/lib/apt/lists"))
    }

    /// Runs apt-get with the later release as the only package source. apt accepts the package index of this
    /// release even if the index has expired.
    fn apt(&self, root: &Path, arguments: &[&str]) -> Result<()> {
        inside(root)
            .args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"])
            .args(["--option", "Acquire::Check-Valid-Until=false", "--option", "Acquire::Languages=none"])
            .args(["--option", "Dir::Etc::SourceList=/etc/apt/sources.list.d/later.list"])
            .args(["--option", "Dir::Etc::SourceParts=-", "--option", "Dpkg::Options::=--force-confold"])
            .args(arguments)
            .limit(Duration::from_secs(600))
            .run()?
            .success()
            .with_context(|| format!("Failed to make the {} root filesystem", self.name))?;
        Ok(())
    }
}
