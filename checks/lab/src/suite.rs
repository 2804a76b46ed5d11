//! Runs all checks of the project and counts them.

use std::str::FromStr;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::binaries::Binaries;
use crate::command::Program;
use crate::host_tests::{self, HostTests};
use crate::lint;
use crate::nix_tests;
use crate::pages::LargePages;
use crate::place;
use crate::recipe::Recipe;
use crate::rootfs::RootFs;
use crate::shown;
use crate::tally::Tally;
use crate::upgrade::Upgrade;

/// A part of the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The checks of formatting and style.
    Lint,
    /// The Rust tests that need no lab: they use nothing except temporary files.
    Unit,
    /// The tests of the Nix code, which run in the lab.
    Nix,
    /// All tests on real hosts.
    Lab,
    /// The tests on real hosts in one module, which is given by its name.
    Hosts(String),
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "lint" => Self::Lint,
            "unit" => Self::Unit,
            "fuzz" => bail!(
                "the unit tests try the fuzz targets: use `make test ONLY=unit`, or `make fuzz` for longer"
            ),
            "nix" => Self::Nix,
            "lab" => Self::Lab,
            name if host_tests::names()?.iter().any(|known| known == name) => Self::Hosts(name.to_owned()),
            _ => bail!("expected lint, unit, nix, lab or one of {}", host_tests::names()?.join(", ")),
        })
    }
}

/// Runs the parts and prints the number of passed and failed checks at the end. A failed part does not stop
/// the others. While cargo keeps only one processor busy, other work runs too: root filesystems are made and
/// the release of the activator is compiled while cargo compiles the unit tests, and the unit tests run
/// while cargo compiles the other programs. Tests on real hosts often wait, so lint and the tests of the Nix
/// code run at the same time. All programs that the hosts need are compiled before the tests on real hosts
/// begin, because cargo runs only one build at a time in a directory.
///
/// # Errors
/// A program cannot be started. A failed check is not an error.
pub fn run(parts: &[Part]) -> Result<Tally> {
    let asked = |part: &Part, name: &str, check: fn() -> Result<Tally>| {
        if parts.contains(part) { timed(name, check) } else { Ok(Tally::default()) }
    };
    let _pages = LargePages::allow();
    let mut total = Tally::default();
    thread::scope(|scope| {
        let roots = scope.spawn(|| root_filesystems(parts));
        let release = scope.spawn(|| release(parts));
        if parts.contains(&Part::Unit) {
            compile()?;
        }
        let unit = scope.spawn(|| asked(&Part::Unit, "unit tests", unit));
        release.join().map_err(|_| anyhow!("a part of the suite panicked"))?;
        let hosts = hosts(parts);
        joined(roots)?;
        let nix = scope.spawn(|| asked(&Part::Nix, "tests of the Nix code", nix_tests::run));
        let lint = scope.spawn(|| asked(&Part::Lint, "lint", lint::run));
        if let Some(hosts) = hosts {
            total += timed("tests on real hosts", || lab(hosts))?;
        }
        for beside in [unit, nix, lint] {
            total += joined(beside)?;
        }
        if total.left_to_soak > 0 {
            println!("{} tests on real hosts run only in `make soak-hosts`", total.left_to_soak);
        }
        println!("{total}");
        Ok(total)
    })
}

fn joined<T>(part: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    part.join().map_err(|_| anyhow!("a part of the suite panicked"))?
}

/// Makes the root filesystems that tests of the Nix code and tests on hosts need.
fn root_filesystems(parts: &[Part]) -> Result<()> {
    if parts.iter().any(|part| matches!(part, Part::Nix | Part::Lab | Part::Hosts(_))) {
        RootFs::of(&Recipe::host())?;
    }
    if parts.iter().any(|part| matches!(part, Part::Nix | Part::Lab)) {
        RootFs::upgraded(&Upgrade::newer_nix())?;
    }
    if parts.contains(&Part::Lab) {
        RootFs::of(&Recipe::older_host())?;
    }
    Ok(())
}

/// Compiles the release of the activator, which the tests on real hosts use. Its last step keeps only one
/// processor busy. A failure is ignored here, because [`hosts`] compiles the activator again and reports the
/// failure.
fn release(parts: &[Part]) {
    if parts.iter().any(|part| matches!(part, Part::Lab | Part::Hosts(_))) {
        Binaries::build_activator().ok();
    }
}

/// Compiles the tests on real hosts that are among `parts`. Returns nothing if `parts` has no such tests.
fn hosts(parts: &[Part]) -> Option<Result<HostTests>> {
    let mut named = Vec::new();
    for part in parts {
        if let Part::Hosts(name) = part {
            named.push(name.as_str());
        }
    }
    let all = parts.contains(&Part::Lab);
    if !all && named.is_empty() {
        return None;
    }
    let begun = Instant::now();
    let built = HostTests::build(if all { &[] } else { &named });
    println!("compiled what runs on real hosts in {:.0} s\n", begun.elapsed().as_secs_f64());
    Some(built)
}

fn timed(name: &str, check: impl FnOnce() -> Result<Tally>) -> Result<Tally> {
    let begun = Instant::now();
    let tally = check()?;
    println!("── {name}: {tally} in {:.0} s\n", begun.elapsed().as_secs_f64());
    Ok(tally)
}

/// Compiles the unit tests. A failure is ignored here, because [`unit()`] compiles the tests again and
/// reports the failure.
fn compile() -> Result<()> {
    let begun = Instant::now();
    Program::new("cargo")
        .args(["test", "--quiet", "--locked", "--workspace", "--no-run"])
        .dir(place::checkout())
        .unlimited()
        .run()?;
    println!("compiled the unit tests in {:.0} s\n", begun.elapsed().as_secs_f64());
    Ok(())
}

fn unit() -> Result<Tally> {
    cargo_test(&["--workspace"])
}

fn lab(hosts: Result<HostTests>) -> Result<Tally> {
    hosts.and_then(HostTests::run).or_else(|error| {
        println!("{error:#}");
        Ok(Tally::one(false))
    })
}

fn cargo_test(arguments: &[&str]) -> Result<Tally> {
    let command = [&["cargo", "test", "--quiet", "--locked", "--no-fail-fast"], arguments].concat();
    let (passed, mut tally) = shown::run(&command)?;
    if !passed && tally.failed == 0 {
        // No test was counted as failed: the tests do not compile, or a test has ended the whole process.
        tally += Tally::one(false);
    }
    Ok(tally)
}
