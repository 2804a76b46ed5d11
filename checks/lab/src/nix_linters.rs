//! The formatter and the linter of the Nix code. They are built from source, because Debian does not package
//! them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::place::{self, Lock};

/// The crate, version and program name of each tool.
const LINTERS: [(&str, &str, &str); 2] = [("nixfmt_rs", "0.5.3", "nixfmt"), ("deadnix", "1.3.1", "deadnix")];

/// The directory of the installed tools.
#[derive(Clone, Debug)]
pub struct NixLinters {
    dir: PathBuf,
}

impl NixLinters {
    /// Builds the tools, unless they exist already.
    ///
    /// # Errors
    /// A tool cannot be downloaded or does not compile.
    pub fn install() -> Result<Self> {
        let root = place::lab().join("tools");
        let dir = root.join("bin");
        let _lock = Lock::wait(&place::lab().join("tools.lock"))?;
        for (name, version, program) in LINTERS {
            if dir.join(program).exists() {
                continue;
            }
            println!("lint: building {program} (once, about half a minute)");
            Program::patient("cargo")
                // This is a debug build, because the tools check only about a hundred files. A release build
                // would take longer to compile than the debug build takes for these checks.
                .args(["install", "--debug", "--quiet", "--locked", "--root", &root.to_string_lossy()])
                .args(["--version", version, name])
                .env("CARGO_TARGET_DIR", root.join("target"))
                .env("CARGO_PROFILE_DEV_DEBUG", "none")
                .limit(Duration::from_secs(600))
                .run()?
                .success()
                .with_context(|| format!("Failed to build {program}"))?;
        }
        Ok(Self { dir })
    }

    /// Returns the path of the formatter.
    #[must_use]
    pub fn nixfmt(&self) -> String {
        self.dir.join("nixfmt").to_string_lossy().into_owned()
    }

    /// Returns the path of the linter that finds unused code.
    #[must_use]
    pub fn deadnix(&self) -> String {
        self.dir.join("deadnix").to_string_lossy().into_owned()
    }
}
