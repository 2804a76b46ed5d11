//! Maintains the table in docs/internals/reliability.md. Each row belongs to a test of one promise of
//! NixFleet. The test compares the row with the values that the test has measured.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};

/// The page that contains the table.
pub const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/internals/reliability.md");
/// The line above the first row of the table.
pub const HEAD: &str = "| --- | --- | --- | --- |";
/// The maximum number of failures that an error lists. Further failures are only counted.
const TOLD: usize = 20;

/// Records a test of a promise: how often the test tried to break the promise (`tried`), and in which cases
/// the promise was broken (`failures`). Verifies that the row of the test has the same values. If the
/// environment variable `UPDATE_EXPECT` is set, the row is updated instead.
///
/// # Errors
/// Fails if there are failures, if the row has other values, or if the page cannot be read or written.
pub fn record(promise: &str, test: &str, tried: &str, failures: &[String]) -> Result<()> {
    ensure!(
        failures.is_empty(),
        "{} failures of {tried}:\n{}",
        failures.len(),
        failures[..failures.len().min(TOLD)].join("\n")
    );
    let row = format!("| {promise} | `{test}` | {tried} | {} |", failures.len());
    let mut file =
        OpenOptions::new().read(true).write(true).open(TABLE).context("Failed to open the table")?;
    // Tests run in parallel, so each test locks the page while it reads and changes it.
    flock(&file, FlockOperation::LockExclusive).context("Failed to lock the table")?;
    let document = read(&mut file)?;
    if document.lines().any(|line| line == row) {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECT").is_none() {
        bail!(
            "docs/internals/reliability.md is behind what was just measured; run this test again with \
             UPDATE_EXPECT=1 to bring it up to date:\n{row}"
        );
    }
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(with_row(&document, test, &row)?.as_bytes()).context("Failed to write the table")
}

/// Returns the page with the row of a test added or replaced. The rows are sorted.
fn with_row(document: &str, test: &str, row: &str) -> Result<String> {
    let (head, rows) = document.split_once(HEAD).context("the table has no head")?;
    let (rows, tail) = rows.trim_start().split_once("\n\n").unwrap_or((rows.trim(), ""));
    let another = |line: &&str| !line.contains(&format!("| `{test}` |"));
    let mut rows: Vec<&str> = rows.lines().filter(another).chain([row]).collect();
    rows.sort_unstable();
    let tail = if tail.is_empty() { String::new() } else { format!("\n{tail}") };
    Ok(format!("{head}{HEAD}\n{}\n{tail}", rows.join("\n")))
}

fn read(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).context("Failed to read the table")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_place_of_the_one_before_and_leaves_the_page_alone() {
        let page = format!("text\n\n{HEAD}\n| b | `two` | 2 | 0 |\n\nmore\n");
        let once = with_row(&page, "one", "| a | `one` | 1 | 0 |").unwrap();
        assert_eq!(once, format!("text\n\n{HEAD}\n| a | `one` | 1 | 0 |\n| b | `two` | 2 | 0 |\n\nmore\n"));
        let again = with_row(&once, "one", "| a | `one` | 7 | 0 |").unwrap();
        assert_eq!(again, once.replace("| 1 |", "| 7 |"));
    }

    #[test]
    fn a_failure_is_told_and_never_becomes_a_row() {
        let refused = record("a promise", "a_test", "1 try", &["it broke".to_owned()]).unwrap_err();
        assert_eq!(refused.to_string(), "1 failures of 1 try:\nit broke");
    }
}
