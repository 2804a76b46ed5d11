//! Runs the tests on real hosts. The tests wait more than they compute, so several test programs run at the
//! same time.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::binaries::{self, Binaries};
use crate::checkout;
use crate::place;
use crate::previous::Previous;
use crate::tally::Tally;

/// The number of test programs that run at once, each with [`THREADS`] tests at once. Most tests of a program
/// take turns in one lab, so a program seldom runs two tests at once.
const PROGRAMS: usize = 4;
/// The test programs that take longest, in the order in which they are started. They start before the other
/// programs, because a long program that starts last would run alone at the end.
const LONGEST: [&str; 15] = [
    "crashes",
    "nixos_hosts",
    "units",
    "versions",
    "rollout",
    "survival",
    "story",
    "library",
    "intruders",
    "validation",
    "bad_input",
    "hostile_hosts",
    "attackers",
    "liars",
    "scale",
];
/// The argument that sets how many tests of a program run at once.
const THREADS: &str = "--test-threads=2";

/// A message in which cargo reports a built target, with the fields that are used here.
#[derive(Deserialize)]
struct Built {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    /// Whether a plain `cargo test` runs this target.
    test: bool,
}

/// Returns the names of the test programs. Each is a file or a directory of `checks/lab/tests`.
///
/// # Errors
/// The directory cannot be read.
pub fn names() -> Result<Vec<String>> {
    let folder = checkout::path("checks/lab/tests");
    let entries = fs::read_dir(&folder).with_context(|| format!("Failed to read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_program =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists();
        if is_program && let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Compiled test programs. The programs that run in the labs of these tests are compiled too.
#[derive(Debug)]
pub struct HostTests {
    /// The names and paths of the programs: first the programs that take longest, then the other programs by
    /// name.
    programs: Vec<(String, PathBuf)>,
}

impl HostTests {
    /// Compiles the programs under test, and the test programs with these names. If there are no names,
    /// compiles all test programs.
    ///
    /// # Errors
    /// The programs do not compile.
    pub fn build(names: &[&str]) -> Result<Self> {
        Binaries::build()?;
        let mut programs = build(names)?;
        programs.retain(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
        let has = |wanted: &str| programs.iter().any(|(name, _)| name == wanted);
        if has("crashes") {
            Binaries::build_faulty()?;
        }
        if has("library") {
            Binaries::build_example()?;
        }
        if has("versions") {
            Previous::build()?;
        }
        Ok(Self { programs })
    }

    /// Runs the test programs, and prints the output of each when it has ended.
    ///
    /// # Errors
    /// A program cannot be started.
    pub fn run(self) -> Result<Tally> {
        run(self.programs)
    }
}

fn run(programs: Vec<(String, PathBuf)>) -> Result<Tally> {
    let waiting = Mutex::new(VecDeque::from(programs));
    let total = Mutex::new(Ok(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..PROGRAMS {
            scope.spawn(|| {
                loop {
                    // The lock on `waiting` is released at the end of this statement, so that the other
                    // threads are not blocked.
                    let Some((name, program)) = locked(&waiting).pop_front() else { break };
                    let ended = one(&name, &program);
                    let mut total = locked(&total);
                    match (&mut *total, ended) {
                        (Ok(tally), Ok(more)) => *tally += more,
                        (Ok(_), Err(error)) => *total = Err(error),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles the test programs and returns them with their names.
fn build(names: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    // A plain `cargo test` omits these test programs, because it has to work without root and without a lab.
    // So the command names each program with `--test`.
    let arguments =
        ["test", "--quiet", "--locked", "--no-run", "--message-format=json", "--package", "nixfleet-lab"];
    let tests = if names.is_empty() { &["*"] } else { names };
    let output = Command::new("cargo")
        .args(arguments)
        .args(tests.iter().flat_map(|name| ["--test", name]))
        .current_dir(place::checkout())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("Failed to start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("the tests on real hosts do not compile\n{said}");
    }
    let built = said.lines().filter_map(|line| serde_json::from_str::<Built>(line).ok());
    let mut programs = Vec::new();
    for Built { target, executable } in built {
        let Some(target) = target.filter(|target| target.kind == ["test"]) else { continue };
        if target.test {
            bail!("say `test = false` of the test `{}` in checks/lab/Cargo.toml", target.name);
        }
        programs.extend(executable.map(|executable| (target.name, executable)));
    }
    let place = |name: &str| LONGEST.iter().position(|long| *long == name).unwrap_or(LONGEST.len());
    programs.sort_by_key(|(name, _): &(String, PathBuf)| (place(name), name.clone()));
    Ok(programs)
}

fn one(name: &str, program: &PathBuf) -> Result<Tally> {
    let began = Instant::now();
    let output = Command::new(program)
        .arg(THREADS)
        .current_dir(place::checkout().join("checks/lab"))
        .env("RUST_BACKTRACE", "0")
        .env(binaries::BUILT, "1")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("Failed to start the tests `{name}`"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let took = began.elapsed().as_secs_f64();
    print!("tests on real hosts: {name}, {took:.0} s\n{said}{}", String::from_utf8_lossy(&output.stderr));
    let mut tally = Tally::default();
    for counted in said.lines().filter_map(Tally::of_line) {
        tally += counted;
    }
    if !output.status.success() && tally.failed == 0 {
        // No test was counted as failed, so a test has ended the whole program.
        tally += Tally::one(false);
    }
    Ok(tally)
}
