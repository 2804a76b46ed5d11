//! The first version of NixFleet, built from its source in `checks/fixtures/schema-1`. Tests run it together
//! with the current version, because one fleet may use both versions.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::binaries;
use crate::checkout;
use crate::command::Program;
use crate::lint;
use crate::place::{self, Lock};

/// The archive with the source of the first version.
const SOURCE: &str = "checks/fixtures/schema-1/source.tar.xz";

/// The names of the programs of the first version.
const PROGRAMS: [&str; 2] = ["nixfleet-activate", "nixfleet"];

/// The settings, in addition to [`DEBUG`], with which cargo compiles the current unit tests. With the same
/// settings, dependencies that both versions of NixFleet use are compiled only once. The settings do not
/// change what the programs do.
const AS_TODAY: [&str; 2] = ["--config", "profile.dev.package.sha2.opt-level=3"];
/// The environment variable that sets how much debug information cargo adds, and its value in this workspace.
const DEBUG: (&str, &str) = ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");

/// The first version of NixFleet.
#[derive(Clone, Debug)]
pub struct Previous {
    dir: PathBuf,
}

impl Previous {
    /// Builds the programs, unless they are up to date.
    ///
    /// # Errors
    /// The source cannot be unpacked, or does not compile.
    pub fn build() -> Result<Self> {
        let dir = place::lab().join("previous");
        if binaries::are_built() {
            return Ok(Self { dir });
        }
        let _lock = Lock::wait(&place::lab().join("previous.lock"))?;
        let previous = Self { dir };
        let source = previous.source();
        if !source.exists() {
            let unfinished = previous.dir.join("unfinished");
            crate::rootfs::remove_tree(&unfinished)?;
            fs::create_dir_all(&unfinished).context("Failed to create a directory")?;
            Program::new("tar")
                .args(["--extract", "--xz", "--file"])
                .arg(checkout::path(SOURCE))
                .arg("--directory")
                .arg(&unfinished)
                .run()?
                .success()?;
            fs::rename(&unfinished, &source).context("Failed to rename the unpacked source")?;
        }
        // One command builds both programs, so that the libraries have the same features and are compiled
        // once.
        let built = Program::new("cargo")
            .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
            .args(AS_TODAY)
            .env(DEBUG.0, env::var_os(DEBUG.0).unwrap_or_else(|| DEBUG.1.into()))
            .without_env(lint::COMPILER)
            .env("CARGO_BUILD_BUILD_DIR", place::target())
            .env("CARGO_TARGET_DIR", previous.dir.join("target"))
            .dir(&source)
            .unlimited()
            .run()?;
        built.success().context("Failed to build the first NixFleet")?;
        for program in PROGRAMS {
            let unstripped = previous.dir.join("target/debug").join(program);
            binaries::strip(&unstripped, &previous.program(program))?;
        }
        Ok(previous)
    }

    /// Returns the directory of the source, which has the Nix code and the code of the programs.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.dir.join("source")
    }

    /// Returns the path of one of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("programs").join(name)
    }
}
