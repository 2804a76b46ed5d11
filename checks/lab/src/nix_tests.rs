//! Runs the tests of the Nix code on the operator's machine of a lab, which has Nix and the replacement for
//! nixpkgs. The tests run twice: with the version of Nix that the hosts have, and with a newer version.

use std::fs;

use anyhow::Result;

use crate::checkout;
use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;
use crate::rootfs::Root;
use crate::tally::Tally;
use crate::upgrade::Upgrade;

/// The program that runs the tests, relative to the checkout. The last line of its output has the number of
/// passed and failed tests.
const RUNNER: &str = "checks/nix/run";

/// Runs the tests and returns how many passed and failed.
///
/// # Errors
/// The lab does not boot.
pub fn run() -> Result<Tally> {
    if fs::metadata(checkout::path(RUNNER)).is_err() {
        println!("{RUNNER} is missing");
        return Ok(Tally::one(false));
    }
    let mut total = Tally::default();
    for root in [Recipe::host().into(), Upgrade::newer_nix().into()] {
        total += run_on(root)?;
    }
    Ok(total)
}

fn run_on(root: Root) -> Result<Tally> {
    let lab = Lab::boot(&Plan::new(format!("nix-{}", std::process::id())).operator(root))?;
    let finished = lab.operator()?.types(&format!("nix --version && /srv/nixfleet/{RUNNER}"))?;
    print!("{}{}", finished.stdout, finished.stderr);
    let mut tally = finished.stdout.lines().filter_map(Tally::of_line).next_back().unwrap_or_default();
    if !finished.ok() && tally.failed == 0 {
        tally += Tally::one(false);
    }
    Ok(tally)
}
