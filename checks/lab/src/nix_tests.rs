//! The tests of the Nix code, run on operator's machines of the lab, which have Nix and the stand-in for
//! nixpkgs: the Nix of the hosts, and a newer one.

use std::fs;

use anyhow::Result;

use crate::checkout;
use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;
use crate::rootfs::Root;
use crate::tally::Tally;
use crate::upgrade::Upgrade;

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
