//! The programs under test, as users get them: release builds that depend on no library of the machine.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::place;

/// Static builds of both programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// Builds them, unless they are up to date.
    ///
    /// # Errors
    /// They do not compile.
    pub fn build() -> Result<Self> {
        // The GNU target is there with every toolchain; musl's has to be installed.
        let target = format!("{ARCH}-unknown-linux-gnu");
        Program::new("cargo")
            .args(["build", "--quiet", "--release", "--locked"])
            .args(["--package", "nixfleet", "--package", "nixfleet-activate"])
            .args(["--target", &target])
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env("CARGO_TARGET_DIR", place::target())
            .dir(place::checkout())
            .limit(Duration::from_secs(900))
            .run()?
            .success()
            .context("Failed to build the programs under test")?;
        Ok(Self { dir: place::target().join(target).join("release") })
    }

    /// The command line.
    #[must_use]
    pub fn nixfleet(&self) -> PathBuf {
        self.path("nixfleet")
    }

    /// The program that runs on hosts and builds their closures.
    #[must_use]
    pub fn activate(&self) -> PathBuf {
        self.path("nixfleet-activate")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.dir).join(name)
    }
}
