//! The directory in which the operator's machine stores its state: `NIXFLEET_STATE`, or `nixfleet` in the
//! state directory of the user.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};
use sha2::{Digest, Sha256};

/// The environment variable that names the state directory.
pub const VARIABLE: &str = "NIXFLEET_STATE";

/// The state directory. Other users have no access to it, because its files name hosts and their closures.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Returns the state directory of the user, which may not exist yet.
    ///
    /// # Errors
    /// No environment variable names an absolute path.
    pub fn find() -> Result<Self, Problem> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let below_home = || variable("HOME").map(|home| home.join(".local/state"));
        variable(VARIABLE)
            .or_else(|| variable("XDG_STATE_HOME").or_else(below_home).map(|state| state.join("nixfleet")))
            .filter(|path| path.is_absolute())
            .map(Self)
            .ok_or_else(|| {
                Problem::new(Code::Usage, "there is no directory for the records of rollouts")
                    .because(format!("neither {VARIABLE} nor XDG_STATE_HOME nor HOME names an absolute path"))
                    .help(format!("set {VARIABLE} to a directory that you own"))
            })
    }

    /// Returns a state directory that the caller chooses, which may not exist yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns a path in the state directory. There may be no file at the path.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns a subdirectory of the state directory, and creates it if it is missing.
    ///
    /// # Errors
    /// The subdirectory cannot be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Problem> {
        let path = self.path(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| unusable(&path, &error))?;
        Ok(path)
    }
}

/// Returns the name of a file about a subject, such as a flake. The name is a digest of the text that
/// identifies the subject, because a flake reference may contain a token and is not a valid file name.
#[must_use]
pub fn file_of(subject: &str) -> String {
    let digest = Sha256::digest(subject);
    let name: Vec<String> = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.json", name.concat())
}

/// Returns the problem to report for a path in the state directory that cannot be used.
#[must_use]
pub fn unusable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::Usage, "the records of nixfleet cannot be read or written")
        .at(path.display())
        .because(error)
        .help(format!("make the path writable and free space there, or set {VARIABLE} to another directory"))
}
