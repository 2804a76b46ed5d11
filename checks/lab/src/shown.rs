//! Runs checks that are programs, and shows their output.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::place;
use crate::tally::Tally;

/// Runs a command in the checkout and prints its output. Returns whether the command succeeded, and the sum
/// of the test counts in its output.
///
/// # Errors
/// The command cannot be started, or its output cannot be read.
pub fn run(command: &[&str]) -> Result<(bool, Tally)> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .current_dir(place::checkout())
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
