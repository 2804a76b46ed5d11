//! Roots that keep closures from being collected as garbage on this machine.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::no_result;
use crate::process::Invocation;

/// How long Nix may take to lay them.
const LIMIT: Duration = Duration::from_secs(600);

/// How long a rollout lasts before its closures are kept even should the command be killed: of most, nothing
/// is left to do by then, and Nix need not be asked.
const GRACE: Duration = Duration::from_secs(5);

/// Keeps the closures of a rollout as long as something may be left to do.
#[derive(Debug)]
pub struct RolloutRoots {
    directory: PathBuf,
    closures: BTreeSet<String>,
    laid: JoinHandle<Result<(), Problem>>,
}

impl RolloutRoots {
    /// Of a rollout that begins.
    #[must_use]
    pub fn lay(directory: PathBuf, closures: BTreeSet<String>) -> Self {
        let (place, needed) = (directory.clone(), closures.clone());
        let laid = tokio::spawn(async move {
            sleep(GRACE).await;
            lay_roots(&place, &needed).await
        });
        Self { directory, closures, laid }
    }

    /// Of a rollout that goes no further. What is left to do is kept; else nothing lays roots any more, and
    /// the directory can be removed.
    ///
    /// # Errors
    /// As for [`lay_roots`].
    pub async fn end(self, is_final: bool) -> Result<(), Problem> {
        if !is_final && self.laid.is_finished() {
            if let Ok(laid) = self.laid.await {
                return laid;
            }
        } else {
            self.laid.abort();
            // It has been dropped, and Nix with it.
            let _ = self.laid.await;
        }
        if is_final { Ok(()) } else { lay_roots(&self.directory, &self.closures).await }
    }
}

/// Lays a root for each of these closures: links in a directory of ours, of which Nix knows. They hold until
/// the directory is removed.
///
/// # Errors
/// The directory cannot be made, or Nix does not lay them.
async fn lay_roots(directory: &Path, closures: &BTreeSet<String>) -> Result<(), Problem> {
    if closures.is_empty() {
        return Ok(());
    }
    let failed = || {
        Problem::new(Code::Build, "the closures cannot be protected from garbage collection")
            .at(directory.display())
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| failed().because(error))?;
    let names = closures.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let output = Invocation::new("nix", LIMIT)
        .args(["--extra-experimental-features", "nix-command flakes", "build", "--stdin", "--out-link"])
        .args([directory.join("closure")])
        .stdin(vec![names.into_bytes().into()])
        .run()
        .await
        .map_err(|failure| no_result(Code::Build, &failure))?;
    if output.status.success() { Ok(()) } else { Err(failed().because(output.stderr_text().trim())) }
}
