//! The first NixFleet, built beside today's from the source kept in `checks/fixtures/schema-1`: versions of
//! NixFleet mix.

use std::env::consts::ARCH;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::checkout;
use crate::command::Program;
use crate::place::{self, Lock};

/// Its source.
const SOURCE: &str = "checks/fixtures/schema-1/source.tar.xz";

/// Sets aside what makes its programs small and fast, and takes most of the time to compile: what they do is
/// the same.
const QUICKLY: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_PACKAGE_SERDE_JSON_OPT_LEVEL", "0"),
];

/// The first NixFleet.
#[derive(Clone, Debug)]
pub struct Previous {
    dir: PathBuf,
}

impl Previous {
    /// Builds its programs, unless they are there.
    ///
    /// # Errors
    /// The source cannot be unpacked, or does not compile.
    pub fn build() -> Result<Self> {
        let dir = place::lab().join("previous");
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
        let mut cargo = Program::new("cargo")
            .args(["build", "--quiet", "--locked", "--release", "--target", &target()])
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env("CARGO_TARGET_DIR", previous.dir.join("target"))
            .dir(&source)
            .unlimited();
        for (name, value) in QUICKLY {
            cargo = cargo.env(name, value);
        }
        cargo.run()?.success().context("Failed to build the first NixFleet")?;
        Ok(previous)
    }

    /// Its source: the Nix code, and that of the programs.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.dir.join("source")
    }

    /// One of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("target").join(target()).join("release").join(name)
    }
}

fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}
