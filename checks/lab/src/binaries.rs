//! Builds the programs under test. The activator is always the release build that users receive. The command
//! line is a release build only for benchmarks and the demo. Tests run a debug build of it, with overflow
//! checks and debug assertions, because it reuses the libraries that the unit tests have compiled, whereas a
//! release build takes as long to compile as the rest of the workspace. Both programs are linked statically,
//! so they do not depend on libraries of the machine.

use std::env;
use std::env::consts::ARCH;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::place;

const ACTIVATOR: &str = "nixfleet-activate";
const COMMAND_LINE: &str = "nixfleet";

/// The environment variable that is set for tests whose programs are built already. Without it, each lab
/// would let cargo check whether they are up to date, and would wait for any other build.
pub const BUILT: &str = "NIXFLEET_LAB_BUILT";

/// Set when this process has built the programs for tests.
static HERE: OnceLock<()> = OnceLock::new();

/// The static builds of both programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    nixfleet: PathBuf,
}

impl Binaries {
    /// Builds the programs for tests, unless they are up to date. Each process checks this only once.
    ///
    /// # Errors
    /// The programs do not compile.
    pub fn build() -> Result<Self> {
        if HERE.get().is_none() && !are_built() {
            let built = release(ACTIVATOR).arg("--quiet").run()?;
            built.success().context("Failed to build the activator")?;
            quick(COMMAND_LINE, &[]).run()?.success().context("Failed to build the command line")?;
            HERE.get_or_init(|| ());
        }
        Ok(Self { nixfleet: quickly_built().join(COMMAND_LINE) })
    }

    /// Builds the releases of both programs for benchmarks, unless they are up to date.
    ///
    /// # Errors
    /// The programs do not compile.
    pub fn build_shipped() -> Result<Self> {
        for package in [ACTIVATOR, COMMAND_LINE] {
            let built = release(package).arg("--quiet").run()?;
            built.success().context("Failed to build the programs")?;
        }
        Ok(Self::shipped())
    }

    /// Builds the releases of both programs for the demo, with cargo's progress on this process's terminal.
    ///
    /// # Errors
    /// The programs do not compile.
    pub fn build_here() -> Result<Self> {
        for package in [ACTIVATOR, COMMAND_LINE] {
            if release(package).run_here()? != 0 {
                bail!("Failed to build the programs; cargo says why above");
            }
        }
        Ok(Self::shipped())
    }

    /// Builds an activator that can be made to fail at any change, which is never released. Returns its path.
    ///
    /// # Errors
    /// The program does not compile.
    pub fn build_faulty() -> Result<PathBuf> {
        if !are_built() {
            let built = quick(ACTIVATOR, &["--features", "fault-injection"]).run()?;
            built.success().context("Failed to build the activator that can be made to fail")?;
        }
        Ok(quickly_built().join(ACTIVATOR))
    }

    /// Builds `operator/examples/apply.rs`, which uses the library without the command line. Returns its
    /// path.
    ///
    /// # Errors
    /// The program does not compile.
    pub fn build_example() -> Result<PathBuf> {
        if !are_built() {
            // The whole workspace is selected, so that cargo reuses the libraries that the unit tests have
            // compiled.
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

    /// Returns the path of the command line.
    #[must_use]
    pub fn nixfleet(&self) -> PathBuf {
        self.nixfleet.clone()
    }

    /// Returns the path of the activator, which runs on hosts and builds their closures.
    #[must_use]
    pub fn activate(&self) -> PathBuf {
        released().join(ACTIVATOR)
    }
}

/// Whether the programs for tests are built already.
pub(crate) fn are_built() -> bool {
    env::var_os(BUILT).is_some()
}

/// Returns the target triple. The GNU target is part of every toolchain, whereas musl's must be installed.
fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

fn released() -> PathBuf {
    place::target().join(target()).join("release")
}

fn quickly_built() -> PathBuf {
    place::lab().join("programs/debug")
}

/// Returns the cargo command that builds the release of one program. Each program is built alone, because
/// cargo would otherwise build the activator with all features of `clap` that the command line uses. The
/// flags are those of `activator/package.nix`, and identical functions are merged too (`--icf=all`). Rust's
/// own linker supports that, but it is not used on every platform. The published program uses musl, which is
/// smaller than the C library here.
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

/// Returns the cargo command that builds a program with the libraries of the unit tests. Only the program
/// itself is linked statically, and it is written to another directory.
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
