//! The programs under test, as users get them: release builds that depend on no library of the machine.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::place;

const PACKAGES: [&str; 2] = ["nixfleet-activate", "nixfleet"];

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
        for package in PACKAGES {
            let built = release(package).arg("--quiet").run()?;
            built.success().context("Failed to build the programs under test")?;
        }
        Ok(Self::built())
    }

    /// The same for someone who watches: with cargo's progress on our own terminal.
    ///
    /// # Errors
    /// They do not compile.
    pub fn build_here() -> Result<Self> {
        for package in PACKAGES {
            if release(package).run_here()? != 0 {
                bail!("Failed to build the programs; cargo says why above");
            }
        }
        Ok(Self::built())
    }

    /// Builds an activator that can be made to fail at any change it makes, which no user ever gets. Returns
    /// where it is.
    ///
    /// # Errors
    /// It does not compile.
    pub fn build_faulty() -> Result<PathBuf> {
        let compile =
            compile(&["--package", "nixfleet-activate", "--features", "fault-injection", "--quiet"]);
        let built =
            compile.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_STRIP", "symbols").run()?;
        built.success().context("Failed to build the activator that can be made to fail")?;
        Ok(place::target().join(target()).join("debug/nixfleet-activate"))
    }

    fn built() -> Self {
        Self { dir: place::target().join(target()).join("release") }
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

/// The GNU target is there with every toolchain; musl's has to be installed.
fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Each by itself, or else the activator would have all of `clap` that the command line has. With the flags
/// of `activator/package.nix`, and functions that are the same folded into one. Of that Rust's own linker is
/// capable, which not every platform uses; and what ships has musl, which is smaller than the C library here.
fn release(package: &str) -> Program {
    compile(&["--release", "--package", package]).env(
        "RUSTFLAGS",
        "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all",
    )
}

fn compile(what: &[&str]) -> Program {
    Program::new("cargo")
        .args(["build", "--locked", "--target", &target()])
        .args(what)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_TARGET_DIR", place::target())
        .dir(place::checkout())
        .unlimited()
}
