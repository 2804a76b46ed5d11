//! A root filesystem with some packages of a later Debian, and all the others as hosts have them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::apt;
use crate::command::Program;
use crate::recipe::{Recipe, digest};
use crate::rootfs::{inside, remove_tree};

/// The Debian release that the packages come from.
const SUITE: &str = "forky";

/// Packages on top of the root for hosts.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// A word for its directory.
    pub name: &'static str,
    /// Debian packages; of their dependencies, those come along that have to.
    pub packages: Vec<&'static str>,
}

impl Upgrade {
    /// An operator's machine with Nix 2.34, where hosts have 2.26.
    #[must_use]
    pub fn newer_nix() -> Self {
        Self { name: "newer-nix", packages: vec!["nix-bin"] }
    }

    /// Changes with anything in it, and with the root below.
    #[must_use]
    pub fn digest(&self, below: &Recipe) -> String {
        digest(&format!("{} {SUITE} {self:?}", below.digest()))
    }

    /// Makes the root at `root` from the one `below`.
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

    /// The index of that release is out of date, and its own packages are all that is needed.
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
