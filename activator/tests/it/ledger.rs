//! The table of docs/internals/reliability.md: each test that keeps a promise holds its row to what it really tried.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/internals/reliability.md");
/// What a row begins with that no hand wrote.
const HEAD: &str = "| --- | --- | --- | --- |";
/// How the rows are brought up to date.
const COMMAND: &str = "UPDATE_EXPECT=1 cargo test -p nixfleet-activate";

/// Says what a test tried and what failed on the way; the row of the table must say the same.
pub fn record(promise: &str, test: &str, tried: &str, failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failures of {tried}:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
    let row = format!("| {promise} | `{test}` | {tried} | {} |", failures.len());
    let mut file = OpenOptions::new().read(true).write(true).open(TABLE).unwrap();
    // Tests run side by side.
    flock(&file, FlockOperation::LockExclusive).unwrap();
    let document = read(&mut file);
    if document.lines().any(|line| line == row) {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_EXPECT").is_some(),
        "{TABLE} is behind what was just measured; bring it up to date with `{COMMAND}`:\n{row}"
    );
    let (head, rows) = document.split_once(HEAD).expect("the table has a head");
    let (rows, tail) = rows.trim_start().split_once("\n\n").unwrap_or((rows.trim(), ""));
    let this = |line: &&str| line.contains(&format!("| `{test}` |"));
    let mut rows: Vec<&str> = rows.lines().filter(|line| !this(line)).chain([row.as_str()]).collect();
    rows.sort_unstable();
    let tail = if tail.is_empty() { String::new() } else { format!("\n{tail}") };
    let document = format!("{head}{HEAD}\n{}\n{tail}", rows.join("\n"));
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    file.write_all(document.as_bytes()).unwrap();
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn every_row_of_the_table_names_a_test_that_exists() {
    let text = std::fs::read_to_string(TABLE).unwrap();
    let rows = text.lines().skip_while(|line| *line != HEAD).skip(1).filter(|line| line.starts_with('|'));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for directory in ["activator/tests", "activator/src", "checks/lab/tests"] {
        collect(&repository.join(directory), &mut sources);
    }
    for row in rows {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, promise, name, tried, failures, _] = columns[..] else { panic!("not four columns: {row}") };
        assert!(!promise.is_empty() && tried.contains(|c: char| c.is_ascii_digit()), "{row}");
        assert_eq!(failures, "0", "{row}");
        let name = name.trim_matches('`').rsplit("::").next().unwrap();
        assert!(sources.contains(&format!("fn {name}(")), "no test is called {name}; remove its row: {row}");
    }
}

fn collect(directory: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
