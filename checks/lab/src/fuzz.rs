//! Coverage-guided fuzzing with the targets of `fuzz/`, built by the installed stable compiler.
//!
//! libFuzzer needs coverage counters in the code. A stable compiler can insert these counters. Sanitizers
//! need a nightly compiler and are not used: all code here is safe Rust, so the fuzzer can only find panics
//! and violated assertions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{PATIENCE, Program};
use crate::place::{self, Lock};
use crate::tally::Tally;

/// The flags that `cargo fuzz --sanitizer none` passes, except the flags that a stable compiler does not
/// support.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The time limit for one input, in seconds. libFuzzer measures elapsed time and not processor time, so the
/// limit is multiplied by `PATIENCE` for busy machines.
const INPUT: u32 = 10 * PATIENCE;

/// Runs every target for `seconds` seconds. Each target starts with the committed seeds and the inputs that
/// earlier runs have found.
///
/// # Errors
/// The targets do not compile, or a target cannot be started.
pub fn run(seconds: u32) -> Result<Tally> {
    let programs = build()?;
    let mut tally = Tally::default();
    for target in targets()? {
        tally += one(&programs, &target, seconds)?;
    }
    Ok(tally)
}

/// Returns the names of the fuzz targets. Each target has a folder of that name in `fuzz/seeds`.
fn targets() -> Result<Vec<String>> {
    let seeds = place::checkout().join("fuzz/seeds");
    let read = || -> std::io::Result<Vec<String>> {
        std::fs::read_dir(&seeds)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let mut names = read().with_context(|| format!("Failed to read {}", seeds.display()))?;
    names.sort();
    Ok(names)
}

/// Builds the fuzz targets, optimized and with coverage counters in all crates. Returns the directory of the
/// built programs.
fn build() -> Result<PathBuf> {
    let directory = place::target().join("fuzz");
    let host = Program::new("rustc").args(["--print", "host-tuple"]).run()?.success()?;
    let _lock = Lock::wait(&directory.join("build.lock"))?;
    // With an explicit `--target`, the flags do not apply to build scripts and procedural macros.
    Program::patient("cargo")
        .args(["build", "--release", "--target", host.line(), "--quiet", "--locked"])
        .dir(place::checkout().join("fuzz"))
        .env("CARGO_TARGET_DIR", &directory)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .unlimited()
        .run()?
        .success()
        .context("Failed to build the fuzz targets")?;
    Ok(directory.join(host.line()).join("release"))
}

fn one(programs: &Path, target: &str, seconds: u32) -> Result<Tally> {
    let room = place::target().join("fuzz");
    let (found, failing) = (room.join("corpus").join(target), room.join("failures").join(target));
    for directory in [&found, &failing] {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("Failed to create {}", directory.display()))?;
    }
    let sources = place::checkout().join("fuzz");
    let finished = Program::patient(programs.join(target))
        .arg(&found)
        .arg(sources.join("seeds").join(target))
        .arg(format!("-dict={}", sources.join("dictionary").display()))
        .arg(format!("-artifact_prefix={}/", failing.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT}"))
        .args(["-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1", "-verbosity=1"])
        .limit(Duration::from_secs(u64::from(seconds) + 120))
        .run()?;
    let tried = Tried::of(&finished.stderr);
    println!(
        "fuzz: {target}: {} inputs, {} edges … {}",
        tried.inputs,
        tried.edges,
        if finished.ok() { "ok" } else { "FAILED" }
    );
    if !finished.ok() {
        println!("{finished}\nThe input that failed is in {}", failing.display());
    }
    // A run of a target that has tried no input counts as failed.
    Ok(Tally::one(finished.ok() && tried.inputs > 0))
}

/// The statistics that libFuzzer prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tried {
    /// The number of inputs that were tried.
    inputs: u64,
    /// The number of control flow edges that were covered.
    edges: u64,
}

impl Tried {
    fn of(text: &str) -> Self {
        let last = |mark: &str| {
            let (_, rest) = text.rsplit_once(mark)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Self {
            inputs: last("stat::number_of_executed_units:").unwrap_or_default(),
            edges: last(" cov: ").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tried;

    #[test]
    fn the_last_figures_of_a_run_count() {
        let text = "#2 INITED cov: 10 ft: 11\n#9\tNEW    cov: 57 ft: 61 corp: 3/5b\nstat::number_of_executed_units: 249576\n";
        assert_eq!(Tried::of(text), Tried { inputs: 249_576, edges: 57 });
        assert_eq!(Tried::of("ERROR: no such file"), Tried::default());
    }
}
