//! Measures NixFleet against its peers and floors, all in one run on one machine, and prints the ratios.

mod apply;
mod engine;
mod evaluate;
mod figure;
mod results;
mod scale;
mod watch;

use std::process;

use anyhow::Result;
use clap::ValueEnum;

use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;

pub use figure::Figure;
pub use results::{Ratio, Results};

/// How many hosts are applied to.
const HOSTS: usize = 16;

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The engine alone.
    Engine,
    /// Thousands of simulated hosts.
    Scale,
    /// Evaluation.
    Evaluate,
    /// Sixteen real hosts, against Ansible and bare SSH.
    Apply,
}

/// Runs parts of the benchmark, prints a table and writes `target/bench/results.json`.
///
/// # Errors
/// The lab does not come up, or something that is measured fails.
pub fn run(parts: &[Part]) -> Result<()> {
    let wants = |part| parts.contains(&part);
    let mut results = Results::of_this_machine()?;
    // Before there are hosts that share the processors.
    if wants(Part::Engine) {
        engine::measure(&mut results)?;
    }
    if wants(Part::Scale) {
        scale::measure(&mut results)?;
    }
    if wants(Part::Evaluate) || wants(Part::Apply) {
        let lab = Lab::boot(&sixteen())?;
        if wants(Part::Evaluate) {
            evaluate::measure(&lab, &mut results)?;
        }
        if wants(Part::Apply) {
            apply::measure(&lab, &mut results)?;
        }
    }
    println!("{results}");
    results.write()
}

fn sixteen() -> Plan {
    let plan = Plan::new(format!("bench-{}", process::id())).operator(Recipe::ansible()).shipped();
    (1..=HOSTS)
        .fold(plan, |plan, number| plan.host(format!("host-{number:02}"), format!("10.0.1.{}", 100 + number)))
}
