//! Garbage collection roots that protect closures in the store of this machine.

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

/// The name of the first root in a directory. Nix adds a number to the names of the others.
pub const ROOT_NAME: &str = "closure";

/// The time limit of the call of Nix that creates the roots.
const LIMIT: Duration = Duration::from_secs(600);

/// How long a rollout runs before roots are created for its closures. The roots remain if the command is
/// killed later. Most rollouts end before this time, and then Nix is not called.
const GRACE: Duration = Duration::from_secs(5);

/// The garbage collection roots of a rollout, which protect its closures as long as work on hosts may remain.
#[derive(Debug)]
pub struct RolloutRoots {
    directory: PathBuf,
    closures: BTreeSet<String>,
    laid: JoinHandle<Result<(), Problem>>,
}

impl RolloutRoots {
    /// Schedules the creation of roots for a rollout that begins.
    #[must_use]
    pub fn lay(directory: PathBuf, closures: BTreeSet<String>) -> Self {
        let (place, needed) = (directory.clone(), closures.clone());
        let laid = tokio::spawn(async move {
            sleep(GRACE).await;
            create_roots(&place, &needed).await
        });
        Self { directory, closures, laid }
    }

    /// Finishes the roots of a rollout that ends. If `is_final` is true, no further roots are created, and
    /// the caller can remove the directory. Otherwise work on hosts remains, so roots for all closures are
    /// created.
    ///
    /// # Errors
    /// As for [`create_roots`].
    pub async fn end(self, is_final: bool) -> Result<(), Problem> {
        if !is_final && self.laid.is_finished() {
            if let Ok(laid) = self.laid.await {
                return laid;
            }
        } else {
            self.laid.abort();
            // When this wait ends, the task and its Nix process have been dropped.
            let _ = self.laid.await;
        }
        if is_final { Ok(()) } else { create_roots(&self.directory, &self.closures).await }
    }
}

/// Creates a garbage collection root for each of these closures. The roots are links in a directory that
/// NixFleet owns, and are registered with Nix. The roots are valid until the directory is removed.
///
/// # Errors
/// The directory cannot be created, or Nix cannot create the roots.
pub async fn create_roots(directory: &Path, closures: &BTreeSet<String>) -> Result<(), Problem> {
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
        .args([directory.join(ROOT_NAME)])
        .stdin(vec![names.into_bytes().into()])
        .run()
        .await
        .map_err(|failure| no_result(Code::Build, &failure))?;
    if output.status.success() { Ok(()) } else { Err(failed().because(output.stderr_text().trim())) }
}
