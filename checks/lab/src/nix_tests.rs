//! The tests of the Nix code, run on a host of the lab, which has Nix and the stand-in for nixpkgs.

use std::fs;

use anyhow::Result;

use crate::checkout;
use crate::lab::{Lab, Plan};
use crate::tally::Tally;

/// The tests' own runner, below the checkout. It ends with a line that counts them.
const RUNNER: &str = "checks/nix/run";

/// Runs them and counts.
///
/// # Errors
/// The lab does not come up.
pub fn run() -> Result<Tally> {
    if fs::metadata(checkout::path(RUNNER)).is_err() {
        println!("{RUNNER} is missing");
        return Ok(Tally::one(false));
    }
    let lab = Lab::boot(&Plan::new(format!("nix-{}", std::process::id())))?;
    let finished = lab.operator()?.types(&format!("/srv/nixfleet/{RUNNER}"))?;
    print!("{}{}", finished.stdout, finished.stderr);
    let mut tally = finished.stdout.lines().filter_map(Tally::of_line).next_back().unwrap_or_default();
    if !finished.ok() && tally.failed == 0 {
        tally += Tally::one(false);
    }
    Ok(tally)
}
