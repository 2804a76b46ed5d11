//! The programs under test. The one that runs on hosts is always the release that users get. The command line
//! is it where that is measured or shown; tests run it from what the unit tests have compiled, with overflow
//! checks and debug assertions, since its release takes as long to compile as the rest of the workspace.
//! Neither depends on a library of the machine.

use std::env;
use std::env::consts::ARCH;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::place;

const ACTIVATOR: &str = "nixfleet-activate";
const COMMAND_LINE: &str = "nixfleet";

/// Set for tests whose programs somebody has built already: each lab would ask cargo whether they are up to
/// date, and wait for whatever else cargo compiles.
pub const BUILT: &str = "NIXFLEET_LAB_BUILT";

/// Set once this process has built what tests run.
static HERE: OnceLock<()> = OnceLock::new();

/// Static builds of both programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    nixfleet: PathBuf,
}

impl Binaries {
    /// Builds what tests run, unless it is up to date. Looked at once a process.
    ///
    /// # Errors
    /// They do not compile.
    pub fn build() -> Result<Self> {
        if HERE.get().is_none() && !are_built() {
            let built = release(ACTIVATOR).arg("--quiet").run()?;
            built.success().context("Failed to build the activator")?;
            quick(COMMAND_LINE, &[]).run()?.success().context("Failed to build the command line")?;
            HERE.get_or_init(|| ());
        }
        Ok(Self { nixfleet: quickly_built().join(COMMAND_LINE) })
    }

    /// Builds the releases of both, unless they are up to date: for what is measured.
    ///
    /// # Errors
    /// They do not compile.
    pub fn build_shipped() -> Result<Self> {
        for package in [ACTIVATOR, COMMAND_LINE] {
            let built = release(package).arg("--quiet").run()?;
            built.success().context("Failed to build the programs")?;
        }
        Ok(Self::shipped())
    }

    /// The same for someone who watches: with cargo's progress on our own terminal.
    ///
    /// # Errors
    /// They do not compile.
    pub fn build_here() -> Result<Self> {
        for package in [ACTIVATOR, COMMAND_LINE] {
            if release(package).run_here()? != 0 {
                bail!("Failed to build the programs; cargo says why above");
            }
        }
        Ok(Self::shipped())
    }

    /// Builds an activator that can be made to fail at any change it makes, which no user ever gets. Returns
    /// where it is.
    ///
    /// # Errors
    /// It does not compile.
    pub fn build_faulty() -> Result<PathBuf> {
        if !are_built() {
            let built = quick(ACTIVATOR, &["--features", "fault-injection"]).run()?;
            built.success().context("Failed to build the activator that can be made to fail")?;
        }
        Ok(quickly_built().join(ACTIVATOR))
    }

    /// Builds `operator/examples/apply.rs`, which does without the command line. Returns where it is.
    ///
    /// # Errors
    /// It does not compile.
    pub fn build_example() -> Result<PathBuf> {
        if !are_built() {
            // Of the whole workspace, so that it is what the unit tests have compiled.
            let built = Program::new("cargo")
                .args(["build", "--quiet", "--locked", "--workspace", "--example", "apply"])
                .env("CARGO_TARGET_DIR", place::target())
                .dir(place::checkout())
                .unlimited()
                .run()?;
            built.success().context("Failed to build the example of the operator's library")?;
        }
        Ok(place::target().join("debug/examples/apply"))
    }

    fn shipped() -> Self {
        Self { nixfleet: released().join(COMMAND_LINE) }
    }

    /// The command line.
    #[must_use]
    pub fn nixfleet(&self) -> PathBuf {
        self.nixfleet.clone()
    }

    /// The program that runs on hosts and builds their closures.
    #[must_use]
    pub fn activate(&self) -> PathBuf {
        released().join(ACTIVATOR)
    }
}

/// Whether somebody has built what tests run.
pub(crate) fn are_built() -> bool {
    env::var_os(BUILT).is_some()
}

/// The GNU target is there with every toolchain; musl's has to be installed.
fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

fn released() -> PathBuf {
    place::target().join(target()).join("release")
}

fn quickly_built() -> PathBuf {
    place::lab().join("programs/debug")
}

/// Each by itself, or else the activator would have all of `clap` that the command line has. With the flags
/// of `activator/package.nix`, and functions that are the same folded into one. Of that Rust's own linker is
/// capable, which not every platform uses; and what ships has musl, which is smaller than the C library here.
fn release(package: &str) -> Program {
    Program::new("cargo")
        .args(["build", "--locked", "--target", &target(), "--release", "--package", package])
        .env(
            "RUSTFLAGS",
            "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--no-eh-frame-hdr \
             -C link-arg=-Wl,--icf=all",
        )
        .env("CARGO_TARGET_DIR", place::target())
        .dir(place::checkout())
        .unlimited()
}

/// From the same libraries as the unit tests: only the program itself is told to be static, and it stands
/// elsewhere.
fn quick(package: &str, features: &[&str]) -> Program {
    Program::new("cargo")
        .args(["rustc", "--quiet", "--locked", "--package", package, "--bin", package])
        .args(features)
        .args(["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"])
        .env("CARGO_BUILD_BUILD_DIR", place::target())
        .env("CARGO_TARGET_DIR", place::lab().join("programs"))
        .dir(place::checkout())
        .unlimited()
}
