//! Checks formatting, style and documentation.
//!
//! `cargo clippy` and `cargo doc` compile all libraries once more, without code. Both are unnecessary if
//! Clippy has compiled the tests instead of `rustc`: cargo repeats the warnings of that compilation, and
//! rustdoc reads the libraries that it made. `.ci/run` sets [`COMPILER`] for this.

use std::env;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::checkout;
use crate::command::PATIENTLY;
use crate::host_tests;
use crate::nix_linters::NixLinters;
use crate::place;
use crate::shown;
use crate::tally::Tally;

/// The variable by which cargo is told to compile the crates of the workspace with another program than
/// `rustc`.
pub(crate) const COMPILER: &str = "RUSTC_WORKSPACE_WRAPPER";
/// The name of Clippy's compiler. It prints Clippy's warnings and makes the same code as `rustc`.
const CLIPPY: &str = "clippy-driver";
/// A replacement for rustdoc. When `cargo test` asks it to run the examples in the documentation, it only
/// builds the documentation.
const RUSTDOC: &str = "checks/lab/rustdoc-without-tests.sh";
/// A warning of rustdoc fails the check. The documentation is for readers of the code, so public items may
/// link to private ones.
const RUSTDOC_FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// A message of cargo, with the fields that are used here.
#[derive(Deserialize)]
struct Said {
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
}

/// Runs all these checks.
///
/// # Errors
/// A program cannot be started. A failed check is not an error.
pub fn run() -> Result<Tally> {
    let mut tally = Tally::default();
    tally += by("formatting", &["cargo", "fmt", "--all", "--check"])?;
    tally += if env::var_os(COMPILER).is_some_and(|program| program.to_string_lossy().ends_with(CLIPPY)) {
        after_clippy()?
    } else {
        with_clippy()?
    };
    // This command reads only the manifests, and fails if `fuzz/Cargo.lock` does not match them.
    let update =
        ["cargo", "update", "--quiet", "--locked", "--workspace", "--manifest-path", "fuzz/Cargo.toml"];
    tally += by("lock file of the fuzz programs", &update)?;
    let scripts = checkout::scripts()?;
    tally += by("shell scripts", &on(&["shellcheck"], &scripts))?;
    let linters = NixLinters::install()?;
    let nix_files = checkout::nix_files()?;
    tally += by("Nix formatting", &on(&[&linters.nixfmt(), "--check"], &nix_files))?;
    tally += by("Nix code nobody uses", &on(&[&linters.deadnix(), "--fail"], &nix_files))?;
    Ok(tally)
}

/// Checks code and documentation with separate runs of Clippy and rustdoc.
fn with_clippy() -> Result<Tally> {
    let cargo = |words: &[&'static str], flags: &[&'static str]| {
        [&["cargo"], words, &["--quiet", "--locked"], flags].concat()
    };
    let denied = ["--", "-D", "warnings"];
    let mut tally =
        by("clippy", &[&cargo(&["clippy"], &["--workspace", "--all-targets"])[..], &denied].concat())?;
    // The tests on real hosts need a command of their own, because `--all-targets` omits targets with
    // `test = false`.
    let hosts = cargo(&["clippy"], &["--package", "nixfleet-lab", "--test", host_tests::PROGRAM]);
    tally += by("clippy on the tests of real hosts", &[&hosts[..], &denied].concat())?;
    let flags = format!("RUSTDOCFLAGS={RUSTDOC_FLAGS}");
    let document = cargo(&["doc"], &["--workspace", "--no-deps", "--document-private-items"]);
    tally += by("documentation", &[&["env", &flags], &document[..]].concat())?;
    Ok(tally)
}

/// Checks code and documentation after Clippy has compiled the tests.
fn after_clippy() -> Result<Tally> {
    let mut tally = ended("clippy", compiles_without_warnings(&[])?);
    let hosts = compiles_without_warnings(&["--test", host_tests::PROGRAM])?;
    tally += ended("clippy on the tests of real hosts", hosts);
    let rustdoc = format!("RUSTDOC={}", checkout::path(RUSTDOC).display());
    let to = place::target().join("doc");
    let flags = format!("RUSTDOCFLAGS={RUSTDOC_FLAGS} --document-private-items --out-dir {}", to.display());
    let document = ["env", &rustdoc, &flags, "cargo", "test", "--quiet", "--locked", "--workspace", "--doc"];
    tally += by("documentation", &document)?;
    Ok(tally)
}

/// Whether the tests compile without a warning. Cargo keeps the warnings of a crate that it does not have to
/// compile again. Prints the warnings.
fn compiles_without_warnings(tests: &[&str]) -> Result<bool> {
    let output = host_tests::compile(tests)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut clean = output.status.success();
    for line in said.lines() {
        let message =
            serde_json::from_str::<Said>(line).context("Failed to read a message of cargo")?.message;
        if let Some(warning) = message.and_then(|message| message.rendered) {
            println!("{warning}");
            clean = false;
        }
    }
    Ok(clean)
}

fn by(name: &str, command: &[&str]) -> Result<Tally> {
    let (passed, _) = shown::run(&[&PATIENTLY, command].concat())?;
    Ok(ended(name, passed))
}

fn ended(name: &str, passed: bool) -> Tally {
    println!("lint: {name} … {}", if passed { "ok" } else { "FAILED" });
    Tally::one(passed)
}

/// Appends files to the words of a command.
fn on<'a>(command: &[&'a str], files: &'a [String]) -> Vec<&'a str> {
    command.iter().copied().chain(files.iter().map(String::as_str)).collect()
}
