//! Records the results of tests in the table of docs/internals/reliability.md.

use std::path::Path;

use nixfleet_ledger::{HEAD, TABLE};

/// The environment variable that makes tests try all cases, or run for the given number of seconds.
pub const SOAK: &str = "NIXFLEET_SOAK";

/// Whether to try all cases instead of a subset.
pub fn soaks() -> bool {
    std::env::var_os(SOAK).is_some()
}

/// Records the number of cases and the failures of a test. Fails if the number or the failures differ from
/// the row in the table. With [`SOAK`], fails only if there are failures.
#[track_caller]
pub fn record(promise: &str, test: &str, tried: &str, failures: &[String]) {
    if soaks() {
        println!("{test}: {tried}, {} failures", failures.len());
        return assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
    let recorded = nixfleet_ledger::record(promise, test, tried, failures);
    assert!(recorded.is_ok(), "{:#}", recorded.unwrap_err());
}

#[test]
fn every_row_of_the_table_names_a_test_that_exists() {
    let text = std::fs::read_to_string(TABLE).unwrap();
    let rows = text.lines().skip_while(|line| *line != HEAD).skip(1).filter(|line| line.starts_with('|'));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for directory in ["activator/tests", "activator/src", "checks/fuzz-targets", "checks/lab/tests"] {
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
