//! Builds the programs under test. The activator is always the release build that users receive. The command
//! line is a release build only for benchmarks and the demo. Tests on hosts run the debug build of the
//! command line, which has overflow checks and debug assertions. The unit tests have compiled this debug
//! build already, whereas a release build takes as long to compile as the rest of the workspace.

use std::env;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::lint;
use crate::place::{self, Lock};

const ACTIVATOR: &str = "nixfleet-activate";
const COMMAND_LINE: &str = "nixfleet";

/// The environment variable that tells tests that the programs under test are built already. Without the
/// variable, each lab lets cargo check whether the programs are up to date, and cargo waits for any other
/// build to end.
pub const BUILT: &str = "NIXFLEET_LAB_BUILT";

/// The example program that uses the operator's library without the command line.
const EXAMPLE: &str = "examples/apply";

/// The arguments that select the integration tests that run the activator and the command line. When cargo
/// compiles these tests, it builds both programs too.
const PROGRAMS: [&str; 4] = ["--test", "command_line", "--test", "it"];

/// Has a value after this process has built the programs for tests.
static HERE: OnceLock<()> = OnceLock::new();

/// The paths of the built activator and of the built command line.
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
            Self::build_activator()?;
            of_unit_tests(COMMAND_LINE, &PROGRAMS)?;
            HERE.get_or_init(|| ());
        }
        Ok(Self { nixfleet: stripped(COMMAND_LINE) })
    }

    /// Builds the release of the activator, unless it is up to date.
    ///
    /// # Errors
    /// The program does not compile.
    pub fn build_activator() -> Result<()> {
        let built = release(ACTIVATOR).arg("--quiet").run()?;
        built.success().context("Failed to build the activator")?;
        Ok(())
    }

    /// Builds the releases of the activator and of the command line for benchmarks, unless they are up to
    /// date.
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

    /// Builds the releases of the activator and of the command line for the demo. The terminal of this
    /// process shows cargo's progress.
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

    /// Builds an activator that tests can make fail at any change, and returns its path. Such an activator is
    /// never released.
    ///
    /// # Errors
    /// The program does not compile.
    pub fn build_faulty() -> Result<PathBuf> {
        if !are_built() {
            of_unit_tests(ACTIVATOR, &PROGRAMS)?;
        }
        Ok(stripped(ACTIVATOR))
    }

    /// Builds `operator/examples/apply.rs`, which uses the library without the command line. Returns its
    /// path.
    ///
    /// # Errors
    /// The program does not compile.
    pub fn build_example() -> Result<PathBuf> {
        if !are_built() {
            of_unit_tests(EXAMPLE, &[])?;
        }
        Ok(stripped(EXAMPLE))
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

/// Returns the target triple. It is the GNU target, which every toolchain has. The musl target would have to
/// be installed separately.
fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Returns the path of the stripped copy of a program that was built with the unit tests.
fn stripped(program: &str) -> PathBuf {
    place::lab().join("programs").join(program)
}

fn released() -> PathBuf {
    place::target().join(target()).join("release")
}

/// Returns the cargo command that builds the release of one program. Each program is built alone, because
/// cargo would otherwise build the activator with all features of `clap` that the command line uses. The
/// flags are those of `activator/package.nix` and two more: `--icf=all` merges identical functions, and a
/// linker script omits the tables for stack unwinding. Rust's own linker supports both, but that linker is
/// not used on every platform. Both make up for the C library that is used here: the published program uses
/// musl, which is smaller.
fn release(package: &str) -> Program {
    Program::new("cargo")
        .args(["build", "--locked", "--target", &target(), "--release", "--package", package])
        .env(
            "RUSTFLAGS",
            "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--no-eh-frame-hdr \
             -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-T,checks/lab/no-unwind-tables.ld",
        )
        .env("CARGO_TARGET_DIR", place::target())
        .without_env(lint::COMPILER)
        .dir(place::checkout())
        .unlimited()
}

/// Compiles the unit tests that `tests` selects, or all unit tests if `tests` is empty. Then it strips
/// `program`, which cargo builds together with the tests. The cargo command is the same as when the unit
/// tests run. With another command, cargo would choose other features of the libraries and compile most
/// libraries again.
fn of_unit_tests(program: &str, tests: &[&str]) -> Result<()> {
    let built = Program::new("cargo")
        .args(["test", "--quiet", "--locked", "--workspace", "--no-run"])
        .args(tests)
        .env("CARGO_TARGET_DIR", place::target())
        .dir(place::checkout())
        .unlimited()
        .run()?;
    built.success().with_context(|| format!("Failed to build {program}"))?;
    strip(&place::target().join("debug").join(program), &stripped(program))
}

/// Copies a program without its symbols, unless the copy is up to date. The symbols are most of the file.
pub(crate) fn strip(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).with_context(|| format!("Failed to create {}", parent.display()))?;
    let _lock = Lock::wait(&to.with_extension("lock"))?;
    let built = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
    let built_at = built(from).with_context(|| format!("Failed to find {}", from.display()))?;
    if built(to).is_ok_and(|stripped_at| stripped_at > built_at) {
        return Ok(());
    }
    let unfinished = to.with_extension("unfinished");
    Program::new("strip").arg("-o").arg(&unfinished).arg(from).run()?.success()?;
    fs::rename(&unfinished, to).with_context(|| format!("Failed to rename to {}", to.display()))
}
