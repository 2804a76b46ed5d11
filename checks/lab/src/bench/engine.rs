//! Measures the engine alone, without SSH or Nix, on 10,000 managed files. The result is compared with the
//! minimum cost of the same file operations.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::results::Budget;
use super::{Figure, Results};
use crate::command::Program;
use crate::place;

/// A directory in memory, so that the speed of a disk does not distort the result.
const MEMORY: &str = "/dev/shm";

/// The output of `activator/examples/figures.rs`: the durations of all runs, in seconds.
#[derive(Deserialize)]
struct Measured {
    changed: Vec<f64>,
    written: Vec<f64>,
    unchanged: Vec<f64>,
    looked: Vec<f64>,
}

/// Measures a plan for unchanged files and an apply that changes all files.
///
/// # Errors
/// The measuring program does not compile or fails.
pub fn measure(results: &mut Results) -> Result<()> {
    let directory =
        if Path::new(MEMORY).is_dir() { Path::new(MEMORY).to_path_buf() } else { place::target() };
    let finished = Program::new("cargo")
        .args(["run", "--quiet", "--locked", "--release", "--package", "nixfleet-activate"])
        .args(["--example", "figures", "--"])
        .arg(directory)
        .dir(place::checkout())
        .limit(Duration::from_secs(900))
        .run()?
        .success()?;
    eprint!("{}", finished.stderr);
    let measured: Measured =
        serde_json::from_str(&finished.stdout).context("Failed to understand the figures of the engine")?;
    let mut add = |name: &str, seconds| results.add(Figure::of(name, seconds));
    let looked = add("stat of 10,000 files by their paths", measured.looked);
    let unchanged = add("plan of 10,000 files, nothing changed", measured.unchanged);
    let written = add("write, fsync and rename of 10,000 files", measured.written);
    let changed = add("apply of 10,000 files, all changed", measured.changed);
    let ratios = [
        ("10,000 unchanged files: plan by a stat of each", unchanged / looked, 3.0),
        ("10,000 changed files: apply by a loop of write, fsync, rename", changed / written, 4.0),
    ];
    for (name, ratio, most) in ratios {
        results.compare(name, ratio, Some(Budget::AtMost(most)));
    }
    Ok(())
}
