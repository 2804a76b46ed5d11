//! The output of `nixfleet run --fold`. If several hosts printed the same, the output is shown once, with the
//! names of these hosts.

use std::fmt::Write as _;

use super::{err, out};
use nixfleet_operator::host_result::{HostResult, Ran};
use nixfleet_operator::text::many_lines;

/// Hosts with the same output and the same exit code, in the order of the results.
struct Fold<'a> {
    hosts: Vec<&'a str>,
    ran: &'a Ran,
}

fn folds(results: &[HostResult]) -> Vec<Fold<'_>> {
    let mut folds: Vec<Fold<'_>> = Vec::new();
    for result in results {
        let Some(ran) = &result.run else { continue };
        match folds.iter_mut().find(|fold| fold.ran == ran) {
            Some(fold) => fold.hosts.push(&result.host),
            None => folds.push(Fold { hosts: vec![&result.host], ran }),
        }
    }
    folds
}

impl Fold<'_> {
    fn head(&self) -> String {
        let mut head = self.hosts.join(", ");
        if self.hosts.len() > 1 {
            let _ = write!(head, " ({} hosts)", self.hosts.len());
        }
        if self.ran.exit_code != 0 {
            let _ = write!(head, ", exit code {}", self.ran.exit_code);
        }
        head
    }

    /// Returns the text to print on standard output and the text to print on standard error.
    fn texts(&self) -> [String; 2] {
        let text = |lines: &str, head: &str| {
            lines.lines().fold(format!("{head}:\n"), |text, line| text + "  " + &many_lines(line) + "\n")
        };
        let Ran { stdout, stderr, .. } = self.ran;
        let (head, errors) = (self.head(), format!("{}, standard error", self.head()));
        let nothing = if stderr.is_empty() { format!("{head}: no output\n") } else { String::new() };
        [
            if stdout.is_empty() { nothing } else { text(stdout, &head) },
            if stderr.is_empty() { String::new() } else { text(stderr, &errors) },
        ]
    }
}

/// Returns, for each group of hosts with equal output, the text to print on standard output and the text to
/// print on standard error.
pub(super) fn texts(results: &[HostResult]) -> Vec<[String; 2]> {
    folds(results).iter().map(Fold::texts).collect()
}

/// Prints what the command printed on each host. Output that several hosts have in common is printed once.
pub fn folded(results: &[HostResult]) {
    for [stdout, stderr] in texts(results) {
        out(&stdout);
        if !stderr.is_empty() {
            err(stderr.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;

    use super::*;

    fn ran(host: &str, exit_code: i32, stdout: &str, stderr: &str) -> HostResult {
        let run = Some(Ran { exit_code, stdout: stdout.into(), stderr: stderr.into() });
        HostResult { run, ..HostResult::new(host, Outcome::Ok) }
    }

    #[test]
    fn the_same_output_stands_once_under_all_who_said_it() {
        let results = [
            ran("app-2", 0, "6.1\n", ""),
            ran("app-3", 1, "6.1\n", "no\u{1b}[31m\n"),
            ran("app-10", 0, "6.1\n", ""),
            HostResult::new("app-11", Outcome::Unreachable),
            ran("app-12", 0, "", ""),
        ];
        let told: String = folds(&results).iter().map(|fold| fold.texts().concat()).collect();
        expect_test::expect![[r#"
            app-2, app-10 (2 hosts):
              6.1
            app-3, exit code 1:
              6.1
            app-3, exit code 1, standard error:
              no␛[31m
            app-12: no output
        "#]]
        .assert_eq(&told);
    }
}
