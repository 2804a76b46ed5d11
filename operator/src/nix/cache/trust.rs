//! Decides whether results of evaluations may be taken from the cache, and whether they may be stored in the
//! cache.

use std::path::Path;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tracing::debug;

use super::{CacheFiles, EvalKey};
use crate::nix::functions::local_system;
use crate::nix::{Nix, no_result};
use crate::process::Invocation;

/// The time limit for a query about the source of a flake or about store paths.
const LIMIT: Duration = Duration::from_secs(600);

/// The maximum number of store paths in the arguments of one query.
const PATHS: usize = 4096;

impl Nix {
    /// Opens the cache, if evaluations of the flake may be cached.
    pub(in crate::nix) async fn open_cache(&self, files: Option<CacheFiles>) {
        let Some(files) = files else { return };
        if let Some(key) = self.key().await {
            self.results.open(files, key);
        }
    }

    /// Stores the results of this command, unless the key has changed since the command opened the cache. The
    /// revision of the flake cannot change, but an input of `--override-input` can be a branch.
    pub async fn store_results(&self) {
        let Some(before) = self.results.to_store() else { return };
        if self.key().await == Some(before) {
            self.results.store();
        }
    }

    /// Removes each result of the cache that names a path which is no longer valid in the Nix store.
    ///
    /// # Errors
    /// The store cannot be queried.
    pub(in crate::nix) async fn check_results(&self) -> Result<(), Problem> {
        let paths = self.results.unchecked();
        let mut missing = Vec::new();
        for some in paths.chunks(PATHS) {
            let output = Invocation::new("nix-store", LIMIT)
                .args(["--check-validity", "--print-invalid"])
                .args(some)
                .run()
                .await
                .map_err(|failure| no_result(Code::Build, &failure))?;
            if !output.status.success() {
                return Err(Problem::new(Code::Build, "the Nix store of this machine cannot be queried")
                    .because(output.stderr_text().trim()));
            }
            missing.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
        }
        self.results.checked(&missing);
        Ok(())
    }

    /// Returns the key of the evaluations of this flake, or `None` if the evaluations must not be cached.
    async fn key(&self) -> Option<EvalKey> {
        if self.flake.is_file {
            debug!("evaluations are not cached: a file without a flake may read anything");
            return None;
        }
        if let Some(tree) = &self.flake.tree
            && (!tree.git || has_changes(&tree.root).await)
        {
            debug!("evaluations are not cached: the flake is not a committed tree");
            return None;
        }
        let metadata = self.invocation(&["flake", "metadata", "--json"]).args([&self.flake.reference]);
        let version = Invocation::new("nix", LIMIT).args(["--version"]);
        let (metadata, version) = tokio::try_join!(metadata.run(), version.run()).ok()?;
        if !metadata.status.success() || !version.status.success() {
            return None;
        }
        let version = String::from_utf8_lossy(&version.stdout);
        let key = EvalKey::of(&metadata.stdout, &version, &local_system(), &self.passed);
        key.inspect_err(|why| debug!("evaluations are not cached: {why}")).ok()
    }
}

/// Whether Git finds uncommitted changes in a tree. Nix would find them too, but it would first copy the
/// changed tree into the store, which takes longer. Returns false if Git fails. The caller then asks Nix.
async fn has_changes(root: &Path) -> bool {
    let status = Invocation::new("git", LIMIT)
        .args(["--no-optional-locks", "-C"])
        .args([root])
        .args(["status", "--porcelain", "--untracked-files=no"])
        .run()
        .await;
    status.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}
