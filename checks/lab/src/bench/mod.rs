//! The benchmark. It compares NixFleet with other tools and with the minimum cost of the same work, all in
//! one run on one machine, and prints the ratios.

mod apply;
mod engine;
mod evaluate;
mod figure;
mod fleet;
mod nginx;
mod nixos;
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

/// The number of real hosts to which changes are applied.
const HOSTS: usize = 16;

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Measure the engine alone.
    Engine,
    /// Measure the command line with thousands of simulated hosts.
    Scale,
    /// Measure the evaluation of thousands of hosts.
    Evaluate,
    /// Measure applies to sixteen real hosts, compared with Ansible and bare SSH.
    Apply,
    /// Measure a role with nginx from apt, compared with Ansible.
    Nginx,
    /// Measure applies to sixteen stand-ins for NixOS hosts, compared with bare SSH.
    Nixos,
}

/// Runs parts of the benchmark, prints a table of the results and writes `target/bench/results.json`.
///
/// # Errors
/// The lab does not boot, or a measured command fails.
pub fn run(parts: &[Part]) -> Result<()> {
    let wants = |part| parts.contains(&part);
    let mut results = Results::of_this_machine()?;
    // The engine is measured before the hosts are booted, because running hosts would take processor time
    // from it.
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
    if wants(Part::Nginx) {
        nginx::measure(&Lab::boot(&two_for_nginx())?, &mut results)?;
    }
    if wants(Part::Nixos) {
        let names = (1..=HOSTS).map(host);
        let plan = names.fold(sixteen(), |plan, name| plan.nixos(&name));
        nixos::measure(&Lab::boot(&plan)?, &mut results)?;
    }
    println!("{results}");
    results.write()
}

fn sixteen() -> Plan {
    let plan = Plan::new(format!("bench-{}", process::id())).operator(Recipe::ansible()).shipped();
    (1..=HOSTS).fold(plan, |plan, number| plan.host(host(number), format!("10.0.1.{}", 100 + number)))
}

/// The plan of a lab with two hosts whose package source has nginx.
fn two_for_nginx() -> Plan {
    let plan = Plan::new(format!("bench-{}", process::id())).operator(Recipe::ansible()).shipped();
    nginx::HOSTS.into_iter().zip(101..).fold(plan, |plan, (name, last)| {
        plan.host(name, format!("10.0.1.{last}")).offers(name, &Recipe::host(), &[nginx::PACKAGE])
    })
}

fn host(number: usize) -> String {
    format!("host-{number:02}")
}
