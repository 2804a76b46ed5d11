//! Runs the tests of the Nix code on the operator's machine of a lab, which has Nix and the stand-in for
//! nixpkgs. The tests run twice: once with the version of Nix that the hosts have, and once with a newer
//! version.
//!
//! If the environment variable `NIXFLEET_NIXPKGS` names the directory of another nixpkgs, the tests run again
//! with its `lib`, and with its NixOS if it is complete. The operator's machine can then read the directory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::checkout;
use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;
use crate::rootfs::Root;
use crate::tally::Tally;
use crate::upgrade::Upgrade;

/// The program that runs the tests, relative to the checkout. The last line of its output states how many
/// tests passed and how many failed.
const RUNNER: &str = "checks/nix/run";

/// The environment variable with the location of a complete nixpkgs. It is read here, and set for the program
/// that runs the tests.
const WHOLE: &str = "NIXFLEET_NIXPKGS";

/// The path of the complete nixpkgs on the operator's machine.
const WHOLE_PLACE: &str = "/srv/whole-nixpkgs";

/// The time limit for the tests with a complete nixpkgs. Each NixOS host takes some seconds to evaluate.
const WHOLE_LIMIT: Duration = Duration::from_secs(1800);

/// Runs the tests and returns how many passed and failed.
///
/// # Errors
/// The lab does not boot, or `NIXFLEET_NIXPKGS` is not the directory of a flake.
pub fn run() -> Result<Tally> {
    if fs::metadata(checkout::path(RUNNER)).is_err() {
        println!("{RUNNER} is missing");
        return Ok(Tally::one(false));
    }
    let whole = env::var_os(WHOLE).filter(|value| !value.is_empty());
    let whole = whole.map(|value| whole_at(Path::new(&value))).transpose()?;
    let mut total = Tally::default();
    // A newer Nix evaluates an older lib as the first one does, so it does not repeat these tests.
    for (root, older) in [(Recipe::host().into(), ""), (Upgrade::newer_nix().into(), "NIXPKGS_22_11=none ")] {
        total += run_on(root, older, whole.as_deref())?;
    }
    Ok(total)
}

/// Returns the path of the complete nixpkgs as an absolute path, and checks that it is the directory of a
/// flake.
fn whole_at(value: &Path) -> Result<PathBuf> {
    let path = fs::canonicalize(value)
        .with_context(|| format!("{WHOLE} is {}, which is no directory of this machine", value.display()))?;
    ensure!(path.join("flake.nix").is_file(), "{WHOLE} is {}, which has no flake.nix", value.display());
    Ok(path)
}

/// Runs the tests on a machine with this root filesystem. `setting` precedes the command.
fn run_on(root: Root, setting: &str, whole: Option<&Path>) -> Result<Tally> {
    let mut plan = Plan::new(format!("nix-{}", std::process::id())).operator(root);
    let mut line = format!("nix --version && {setting}/srv/nixfleet/{RUNNER}");
    if let Some(whole) = whole {
        plan = plan.operator_shows(whole, WHOLE_PLACE);
        line = format!("export {WHOLE}=path:{WHOLE_PLACE} && {line}");
    }
    let lab = Lab::boot(&plan)?;
    let typed = lab.operator()?.typed(&line)?;
    let finished = if whole.is_some() { typed.limit(WHOLE_LIMIT) } else { typed }.run()?;
    print!("{}{}", finished.stdout, finished.stderr);
    let mut tally = finished.stdout.lines().filter_map(Tally::of_line).next_back().unwrap_or_default();
    if !finished.ok() && tally.failed == 0 {
        tally += Tally::one(false);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::whole_at;
    use std::path::Path;

    #[test]
    fn a_whole_nixpkgs_is_the_directory_of_a_flake() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert!(whole_at(&root).is_ok_and(|path| path.is_absolute() && path.join("flake.nix").is_file()));
        let no_flake = whole_at(&root.join("docs")).map_err(|error| error.to_string());
        assert!(no_flake.is_err_and(|error| error.ends_with("which has no flake.nix")));
        let reference = whole_at(Path::new("github:NixOS/nixpkgs")).map_err(|error| error.to_string());
        assert!(reference.is_err_and(|error| error.contains("github:NixOS/nixpkgs, which is no directory")));
    }
}
