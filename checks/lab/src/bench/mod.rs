//! Measures NixFleet against its peers and floors, all in one run on one machine, and prints the ratios.

mod apply;
mod engine;
mod evaluate;
mod figure;
mod results;

use std::process;

use anyhow::Result;

use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;

pub use figure::Figure;
pub use results::{Ratio, Results};

/// How many hosts are applied to.
const HOSTS: usize = 16;

/// Runs every benchmark, prints a table and writes `target/bench/results.json`.
///
/// # Errors
/// The lab does not come up, or something that is measured fails.
pub fn run() -> Result<()> {
    let mut plan = Plan::new(format!("bench-{}", process::id())).operator(Recipe::ansible());
    for number in 1..=HOSTS {
        plan = plan.host(format!("host-{number:02}"), format!("10.0.1.{}", 100 + number));
    }
    let mut results = Results::of_this_machine()?;
    // Before there are hosts that share the processors.
    engine::measure(&mut results)?;
    let lab = Lab::boot(&plan)?;
    evaluate::measure(&lab, &mut results)?;
    apply::measure(&lab, &mut results)?;
    println!("{results}");
    results.write()
}
