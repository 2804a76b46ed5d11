//! Runs the tests on real hosts. All are in one program, whose modules run in separate processes unless they
//! share a lab. The tests wait more than they compute, so several processes run at the same time.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::binaries::{self, Binaries};
use crate::checkout;
use crate::command::Program;
use crate::place;
use crate::previous::Previous;
use crate::processor_time::ProcessorTime;
use crate::tally::Tally;

/// The name of the test program.
pub(crate) const PROGRAM: &str = "hosts";
/// The modules of the test program that contain only functions for the other modules.
const WITHOUT_TESTS: [&str; 2] = ["fleet16", "stage"];
/// The number of processes that run at once, each with [`THREADS`] tests at once. Most tests of a module take
/// turns in one lab, so a process seldom runs two tests at once.
const PROCESSES: usize = 6;
/// Modules of a module that have a lab of their own, and therefore run in a process of their own.
const APART: [&str; 1] = ["nixos_hosts::boots"];
/// Modules whose tests use the same labs of `checks/lab/tests/stage`. The modules of a row run in one
/// process, so the lab is booted and prepared once.
const TOGETHER: [&[&str]; 6] = [
    &["units", "accounts", "errands", "on_change", "upkeep"],
    &["intruders", "attackers"],
    &["liars", "lockout", "survival", "validation"],
    &["bad_input", "connections", "copying", "diagnostics", "logins"],
    &["readme", "jump"],
    &["health", "health_cut_short"],
];
/// The modules that take longest, in the order in which their processes are started. They start before the
/// other modules, because a long process that starts last would run alone at the end.
const LONGEST: [&str; 16] = [
    "nixos_hosts",
    "apt",
    "nixos_hosts::boots",
    "crashes",
    "units",
    "liars",
    "rollout",
    "bootstrap",
    "bad_input",
    "intruders",
    "versions",
    "import",
    "hostile_hosts",
    "os_update",
    "scale",
    "story",
];
/// The argument that sets how many tests of a process run at once.
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
}

/// Returns the names of the modules with tests. Each is a file or a folder of `checks/lab/tests`.
///
/// # Errors
/// The list of modules cannot be read.
pub fn names() -> Result<Vec<String>> {
    let path = checkout::path("checks/lab/tests/main.rs");
    let text = fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))?;
    let modules = text.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    Ok(modules.filter(|name| !WITHOUT_TESTS.contains(name)).map(str::to_owned).collect())
}

/// The compiled test program. The programs that run in the labs of its tests are compiled too.
#[derive(Debug)]
pub struct HostTests {
    program: PathBuf,
    /// The processes to run, those that take longest first.
    batches: Vec<Batch>,
}

/// The tests that one process runs.
#[derive(Debug, Default)]
struct Batch {
    /// The modules of the tests.
    modules: Vec<String>,
    /// The full names of the tests.
    tests: Vec<String>,
}

impl HostTests {
    /// Compiles the programs under test and the tests. Selects the modules with these names, or all modules
    /// if there are no names.
    ///
    /// # Errors
    /// The programs do not compile, or a module has no tests.
    pub fn build(names: &[&str]) -> Result<Self> {
        Binaries::build()?;
        let program = build()?;
        let mut modules = modules(&program)?;
        if let Some(empty) = self::names()?.iter().find(|name| !modules.contains_key(*name)) {
            bail!("checks/lab/tests/{empty} has no tests");
        }
        modules.retain(|name, _| {
            names.is_empty() || name.split("::").next().is_some_and(|whole| names.contains(&whole))
        });
        let has = |wanted: &str| modules.contains_key(wanted);
        if has("crashes") {
            Binaries::build_faulty()?;
        }
        if has("library") {
            Binaries::build_example()?;
        }
        if has("versions") {
            Previous::build()?;
        }
        Ok(Self { program, batches: batches(modules) })
    }

    /// Runs the tests, and prints the output of each process when it has ended.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn run(self) -> Result<Tally> {
        run(&self.program, self.batches)
    }
}

fn run(program: &Path, batches: Vec<Batch>) -> Result<Tally> {
    let waiting = Mutex::new(VecDeque::from(batches));
    let total = Mutex::new(Ok(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                loop {
                    // The lock on `waiting` is released at the end of this statement, so that the other
                    // threads are not blocked.
                    let Some(batch) = locked(&waiting).pop_front() else { break };
                    let ended = one(program, &batch);
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

/// Compiles the tests that the arguments `tests` select, or all that a plain `cargo test` runs. Returns the
/// messages of cargo as JSON.
pub(crate) fn compile(tests: &[&str]) -> Result<Output> {
    Command::new("cargo")
        .args(["test", "--quiet", "--locked", "--no-run", "--message-format=json", "--workspace"])
        .args(tests)
        .current_dir(place::checkout())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("Failed to start cargo")
}

/// Compiles the tests, and returns the path of the program.
fn build() -> Result<PathBuf> {
    // A plain `cargo test` omits this program, because it has to work without root and without a lab. So the
    // command names the program. With `--workspace`, the libraries have the same features as in the unit
    // tests, so cargo does not compile them again.
    let output = compile(&["--test", PROGRAM])?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("the tests on real hosts do not compile\n{said}");
    }
    let built = said.lines().filter_map(|line| serde_json::from_str::<Built>(line).ok());
    let mut programs =
        built.filter(|built| built.target.as_ref().is_some_and(|target| target.name == PROGRAM));
    programs.find_map(|built| built.executable).with_context(|| format!("cargo has not built `{PROGRAM}`"))
}

/// Returns the modules of the test program that have tests, and the full names of the tests. The modules
/// [`APART`] are not part of the modules that contain them.
fn modules(program: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let listed = Program::new(program).args(["--list", "--format=terse"]).run()?.success()?;
    let mut modules = BTreeMap::<String, Vec<String>>::new();
    for test in listed.stdout.lines().filter_map(|line| line.strip_suffix(": test")) {
        let is_in = |module: &&&str| test.strip_prefix(**module).is_some_and(|rest| rest.starts_with("::"));
        let whole = test.split("::").next().unwrap_or_default();
        let module = APART.iter().find(is_in).map_or(whole, |module| *module);
        modules.entry(module.to_owned()).or_default().push(test.to_owned());
    }
    Ok(modules)
}

/// Distributes modules to processes.
fn batches(modules: BTreeMap<String, Vec<String>>) -> Vec<Batch> {
    let mut batches = BTreeMap::<String, Batch>::new();
    for (module, tests) in modules {
        let row = TOGETHER.iter().find(|row| row.contains(&module.as_str()));
        let first = row.map_or(module.as_str(), |row| row[0]).to_owned();
        let batch = batches.entry(first).or_default();
        batch.modules.push(module);
        batch.tests.extend(tests);
    }
    let place = |name: &str| LONGEST.iter().position(|long| *long == name).unwrap_or(LONGEST.len());
    let mut batches: Vec<_> = batches.into_iter().collect();
    batches.sort_by_key(|(first, _)| place(first));
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn one(program: &Path, Batch { modules, tests }: &Batch) -> Result<Tally> {
    let name = modules.join(", ");
    let began = Instant::now();
    let group = ProcessorTime::of(&modules[0]);
    let output = group
        .as_ref()
        .map_or_else(|| Command::new(program), |group| group.command(program))
        .args([THREADS, "--exact"])
        .args(tests)
        .current_dir(place::checkout().join("checks/lab"))
        .env("RUST_BACKTRACE", "0")
        .env(binaries::BUILT, "1")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("Failed to start the tests `{name}`"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let took = began.elapsed().as_secs_f64();
    let used = group.as_ref().and_then(ProcessorTime::used);
    let used = used.map(|used| format!(", {:.0} s of processors", used.as_secs_f64())).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr);
    print!("tests on real hosts: {name}, {took:.0} s{used}\n{said}{errors}");
    let mut tally = Tally::default();
    for counted in said.lines().filter_map(Tally::of_line) {
        tally += counted;
    }
    if !output.status.success() && tally.failed == 0 {
        // No test was counted as failed, so a test has ended the whole process.
        tally += Tally::one(false);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_tests_belongs_to_the_program() {
        let mut listed = names().unwrap();
        listed.extend(["main"].into_iter().chain(WITHOUT_TESTS).map(str::to_owned));
        listed.sort();
        let entries =
            fs::read_dir(checkout::path("checks/lab/tests")).unwrap().map(|entry| entry.unwrap().path());
        let code = entries.filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"));
        let mut found: Vec<_> =
            code.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        found.sort();
        // A module may have a folder with further files.
        found.dedup();
        assert_eq!(listed, found, "checks/lab/tests/main.rs lists the modules");
    }

    #[test]
    fn modules_with_the_same_labs_run_in_one_process() {
        let modules =
            ["accounts", "crashes", "lab", "units"].map(|name| (name.to_owned(), vec![format!("{name}::a")]));
        let batches = batches(modules.into());
        let modules: Vec<_> = batches.iter().map(|batch| batch.modules.join("+")).collect();
        assert_eq!(modules, ["crashes", "accounts+units", "lab"]);
        assert_eq!(batches[1].tests, ["accounts::a", "units::a"]);
    }

    #[test]
    fn the_tables_of_modules_name_modules() {
        let names = names().unwrap();
        for module in TOGETHER.iter().copied().flatten().chain(&LONGEST) {
            assert!(names.contains(&(*module).to_owned()) || APART.contains(module), "{module}");
        }
    }
}
