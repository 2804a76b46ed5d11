//! All checks of the project in order, each counted.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::binaries::Binaries;
use crate::checkout;
use crate::command::PATIENTLY;
use crate::fuzz;
use crate::host_tests;
use crate::nix_linters::NixLinters;
use crate::nix_tests;
use crate::place;
use crate::tally::Tally;

/// A part of the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Formatting and style.
    Lint,
    /// Tests of the Rust crates that touch nothing but temporary files.
    Unit,
    /// Each fuzz target for a few seconds, from the seeds.
    Fuzz,
    /// Tests of the Nix code, evaluated in the lab.
    Nix,
    /// All tests on real hosts.
    Lab,
    /// Tests on real hosts of one file, by its name.
    Hosts(String),
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "lint" => Self::Lint,
            "unit" => Self::Unit,
            "fuzz" => Self::Fuzz,
            "nix" => Self::Nix,
            "lab" => Self::Lab,
            name if host_tests::names()?.iter().any(|known| known == name) => Self::Hosts(name.to_owned()),
            _ => bail!("expected lint, unit, fuzz, nix, lab or one of {}", host_tests::names()?.join(", ")),
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lint => f.write_str("lint"),
            Self::Unit => f.write_str("unit tests"),
            Self::Fuzz => f.write_str("fuzzing"),
            Self::Nix => f.write_str("tests of the Nix code"),
            Self::Lab => f.write_str("tests on real hosts"),
            Self::Hosts(name) => write!(f, "tests on real hosts: {name}"),
        }
    }
}

/// Runs the parts, all of them even after a failure, and prints the tally last: the unit tests first, which
/// say the most in the least time, then what needs hosts. Those tests leave the processors idle for a third
/// of the time, in which lint and fuzzing go on.
///
/// # Errors
/// A program cannot be started, which is more than a check that fails.
pub fn run(parts: &[Part]) -> Result<Tally> {
    let asked = |some: fn(&Part) -> bool| all(parts.iter().filter(|part| some(part)));
    let mut total = asked(|part| matches!(part, Part::Unit))?;
    thread::scope(|scope| {
        let beside = scope.spawn(|| asked(|part| matches!(part, Part::Lint | Part::Fuzz)));
        total += asked(|part| matches!(part, Part::Nix))?;
        total += asked(|part| matches!(part, Part::Lab | Part::Hosts(_)))?;
        total += beside.join().map_err(|_| anyhow!("a part of the suite panicked"))??;
        println!("{total}");
        Ok(total)
    })
}

fn all<'a>(parts: impl Iterator<Item = &'a Part>) -> Result<Tally> {
    let mut total = Tally::default();
    for part in parts {
        total += one(part)?;
    }
    Ok(total)
}

fn one(part: &Part) -> Result<Tally> {
    let begun = Instant::now();
    let tally = match part {
        Part::Lint => lint()?,
        Part::Unit => unit()?,
        Part::Fuzz => fuzz()?,
        Part::Nix => nix_tests::run()?,
        Part::Lab => lab(&[])?,
        Part::Hosts(name) => lab(&[name])?,
    };
    println!("── {part}: {tally} in {:.0} s\n", begun.elapsed().as_secs_f64());
    Ok(tally)
}

fn lint() -> Result<Tally> {
    let mut tally = Tally::default();
    for (name, command) in [
        ("formatting", vec!["cargo", "fmt", "--all", "--check"]),
        (
            "clippy",
            vec![
                "cargo",
                "clippy",
                "--quiet",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        // All targets are all but those that a plain `cargo test` leaves out.
        (
            "clippy on the tests of real hosts",
            vec![
                "cargo",
                "clippy",
                "--quiet",
                "--locked",
                "--package",
                "nixfleet-lab",
                "--test",
                "*",
                "--",
                "-D",
                "warnings",
            ],
        ),
        (
            "documentation",
            vec![
                "cargo",
                "doc",
                "--quiet",
                "--locked",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
        ),
    ] {
        tally += lint_by(name, &command)?;
    }
    let scripts = checkout::scripts()?;
    tally += lint_by("shell scripts", &on(&["shellcheck"], &scripts))?;
    let linters = NixLinters::install()?;
    let nix_files = checkout::nix_files()?;
    tally += lint_by("Nix formatting", &on(&[&linters.nixfmt(), "--check"], &nix_files))?;
    tally += lint_by("Nix code nobody uses", &on(&[&linters.deadnix(), "--fail"], &nix_files))?;
    Ok(tally)
}

/// A command with files as its last words.
fn on<'a>(command: &[&'a str], files: &'a [String]) -> Vec<&'a str> {
    command.iter().copied().chain(files.iter().map(String::as_str)).collect()
}

fn lint_by(name: &str, command: &[&str]) -> Result<Tally> {
    let (passed, _) = show(&[&PATIENTLY, command].concat())?;
    println!("lint: {name} … {}", if passed { "ok" } else { "FAILED" });
    Ok(Tally::one(passed))
}

fn unit() -> Result<Tally> {
    cargo_test(&["--workspace"])
}

/// How long each target is fuzzed, in seconds: enough to try every seed and some thousand inputs made of
/// them.
const FUZZED: u32 = 5;

fn fuzz() -> Result<Tally> {
    fuzz::run(FUZZED).or_else(|error| {
        println!("{error:#}");
        Ok(Tally::one(false))
    })
}

/// `names`: only these; all if there are none.
fn lab(names: &[&str]) -> Result<Tally> {
    if let Err(error) = Binaries::build() {
        println!("{error:#}");
        return Ok(Tally::one(false));
    }
    host_tests::run(names).or_else(|error| {
        println!("{error:#}");
        Ok(Tally::one(false))
    })
}

fn cargo_test(arguments: &[&str]) -> Result<Tally> {
    let command = [&["cargo", "test", "--quiet", "--locked", "--no-fail-fast"], arguments].concat();
    let (passed, mut tally) = show(&command)?;
    if !passed && tally.failed == 0 {
        // It did not compile, or a test took the whole process down.
        tally += Tally::one(false);
    }
    Ok(tally)
}

/// Runs a command with its output on ours, and counts what its lines count.
fn show(command: &[&str]) -> Result<(bool, Tally)> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .current_dir(place::checkout())
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("Failed to start `{}`", command.join(" ")))?;
    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().context("Standard output is missing")?).lines() {
        let line = line.context("Failed to read what a check prints")?;
        println!("{line}");
        if let Some(counted) = Tally::of_line(&line) {
            tally += counted;
        }
    }
    let status = child.wait().with_context(|| format!("Failed to wait for `{}`", command.join(" ")))?;
    Ok((status.success(), tally))
}
