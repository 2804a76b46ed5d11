//! Measures the evaluation of many hosts. The figures are compared with a hand-written Nix expression that
//! makes the same derivations.

use anyhow::{Context, Result};
use serde_json::Value;

use super::results::Budget;
use super::{Figure, Results};
use crate::lab::Lab;
use crate::operator::Operator;

/// The number of runs of each measurement. One more run before them writes the derivations to the store, and
/// is not counted.
const RUNS: usize = 3;

/// Measures the evaluation of 1,000 and of 5,000 hosts with 20 files each.
///
/// # Errors
/// An evaluation fails.
pub fn measure(lab: &Lab, results: &mut Results) -> Result<()> {
    let operator = lab.operator()?;
    let fleet = figure(operator, "fleet", 1000, results)?;
    let minimum = figure(operator, "minimum", 1000, results)?;
    let submodules = figure(operator, "submodules", 1000, results)?;
    let large = figure(operator, "fleet", 5000, results)?;
    results.compare(
        "evaluate 1,000 hosts: NixFleet by hand-written minimum",
        fleet / minimum,
        Some(Budget::AtMost(3.0)),
    );
    results.compare(
        "evaluate 1,000 hosts: nixpkgs' own attrsOf (submodule …) by NixFleet",
        submodules / fleet,
        None,
    );
    let [ours, theirs] = [heap_mib(operator, "fleet", 1000)?, heap_mib(operator, "submodules", 1000)?];
    results.compare(
        "evaluate 1,000 hosts: heap of nixpkgs' own attrsOf (submodule …) by NixFleet",
        theirs / ours,
        None,
    );
    results.compare(
        "evaluate: a host of 5,000 by a host of 1,000",
        large / 5.0 / fleet,
        Some(Budget::AtMost(1.2)),
    );
    results.compare("evaluate 1,000 hosts: MiB of heap a host", ours / 1000.0, Some(Budget::AtMost(1.0)));
    Ok(())
}

fn figure(operator: Operator<'_>, expression: &str, hosts: usize, results: &mut Results) -> Result<f64> {
    let line = format!("{} > /dev/null", instantiate(expression, hosts));
    operator.types(&line)?.success()?;
    let name = format!("evaluate {hosts} hosts × 20 files, {expression}.nix");
    let figure = Figure::measure(&name, RUNS, |_| Ok(operator.types(&line)?.success()?.took.as_secs_f64()))?;
    Ok(results.add(figure))
}

fn instantiate(expression: &str, hosts: usize) -> String {
    format!(
        "nix-instantiate --eval --strict --json --read-write-mode /srv/nixfleet/checks/bench/{expression}.nix \
         --arg nixpkgs /srv/nixpkgs --arg activator /srv/prebuilt/bin/nixfleet-activate --arg hosts {hosts}"
    )
}

/// Returns the size of the evaluator's heap at the end of an evaluation, in MiB.
fn heap_mib(operator: Operator<'_>, expression: &str, hosts: usize) -> Result<f64> {
    let line = format!(
        "NIX_SHOW_STATS=1 NIX_SHOW_STATS_PATH=/tmp/stats {} > /dev/null",
        instantiate(expression, hosts)
    );
    operator.types(&line)?.success()?;
    let stats = operator.types("cat /tmp/stats")?.success()?;
    let stats: Value =
        serde_json::from_str(&stats.stdout).context("Failed to understand Nix's statistics")?;
    let bytes = stats["gc"]["heapSize"].as_f64().context("Nix's statistics have no heap size")?;
    Ok(bytes / 1024.0 / 1024.0)
}
