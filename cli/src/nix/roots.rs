//! Roots that keep closures from being collected as garbage on this machine.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use nixfleet_activate::problem::{Code, Problem};

use super::no_result;
use crate::process::Invocation;

/// How long Nix may take to lay them.
const LIMIT: Duration = Duration::from_secs(600);

/// Lays a root for each of these closures: links in a directory of ours, of which Nix knows. They hold until the directory
/// is removed.
///
/// # Errors
/// The directory cannot be made, or Nix does not lay them.
pub async fn keep(directory: PathBuf, closures: BTreeSet<String>) -> Result<(), Problem> {
    if closures.is_empty() {
        return Ok(());
    }
    let failed = || {
        Problem::new(Code::Build, "closures are not kept from being collected as garbage")
            .at(directory.display())
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    made.map_err(|error| failed().because(error))?;
    let names = closures.into_iter().collect::<Vec<_>>().join("\n");
    let output = Invocation::new("nix", LIMIT)
        .args(["--extra-experimental-features", "nix-command flakes", "build", "--stdin", "--out-link"])
        .args([directory.join("closure")])
        .stdin(vec![names.into_bytes().into()])
        .run()
        .await
        .map_err(|failure| no_result(Code::Build, &failure))?;
    if output.status.success() { Ok(()) } else { Err(failed().because(output.stderr_text().trim())) }
}
