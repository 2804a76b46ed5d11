//! Measures applies to sixteen stand-ins for NixOS hosts, and compares them with plain SSH connections.

use anyhow::Result;

use super::fleet::{APPLY, Bench, FRESH, bare};
use super::results::Budget;
use super::{Figure, Results};
use crate::lab::Lab;

/// The number of runs of each measurement.
const RUNS: usize = 5;

/// A script that writes the benchmark's fleet and commits it. NixFleet remembers the evaluation of a flake
/// only if the flake is committed.
const COMMITTED: &str = "cp /srv/nixfleet/checks/bench/{apply/flake.nix,nixos/fleet.nix} . && \
    git config --global user.email ada@operator && git config --global user.name ada && \
    git init -q && git add flake.nix fleet.nix && nix flake lock && git add flake.lock && git commit -qm fleet";

/// Measures an apply that changes nothing, once with and once without an evaluation of the hosts.
///
/// # Errors
/// A measured command fails.
pub fn measure(lab: &Lab, results: &mut Results) -> Result<()> {
    let bench = Bench::of(lab)?;
    bench.create(COMMITTED)?;
    bench.once(APPLY)?;
    let name = "bare ssh true, 16 stand-ins for NixOS, fresh connections at once";
    let fresh = results.add(bench.figure(name, RUNS, &bare(FRESH, "true"))?);
    let mut no_op = |name: &str, flags: &str| -> Result<f64> {
        let line = format!("{APPLY} {flags}");
        let figure = Figure::measure(name, RUNS, |_| {
            bench.forget_connections()?;
            bench.once(&line)
        });
        Ok(results.add(figure?))
    };
    let first = no_op("no-op apply, 16 stand-ins for NixOS, evaluated", "--no-eval-cache")?;
    let second = no_op("no-op apply, 16 stand-ins for NixOS, not evaluated again", "")?;
    results.compare("NixOS: no-op apply by bare ssh, both fresh", second / fresh, Some(Budget::AtMost(1.5)));
    results.compare("NixOS: no-op apply with an evaluation by one without", first / second, None);
    Ok(())
}
