//! Runs the tools that validate a generation, and collects their messages.

use std::io;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::ManagedPath;
use serde::{Deserialize, Serialize};

use crate::engine::validate::Findings;
use crate::engine::validate::secrecy::Secrecy;
use crate::engine::validate::subject::{Subject, unit_of};
use crate::engine::validate::units;
use crate::host::command::{self, Finished};
use crate::host::preview::PathChange;

/// The time limit for one tool.
const LIMIT: Duration = Duration::from_secs(60);
/// The maximum number of lines that are passed on from a tool.
const LINES: usize = 20;

/// The names that messages use for the tools.
pub const SYSTEMD: &str = "systemd";
const SUDO: &str = "sudo";
const SSHD: &str = "sshd";

/// The results of all tools.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The errors found, by tool.
    pub findings: Vec<ToolFinding>,
    /// The tools that are installed but could not be started, so that they validated nothing.
    pub silent: Vec<ToolFinding>,
    /// Notes about the checks that could not be done.
    pub notes: Vec<String>,
}

/// The errors that one tool has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolFinding {
    /// The name of the tool.
    pub tool: String,
    /// The paths or units that the messages may be about.
    pub place: Vec<String>,
    /// The lines of the messages.
    pub words: Vec<String>,
}

impl ToolFinding {
    /// Returns the finding without the lines that `before` contains, or `None` if no line is left.
    #[must_use]
    pub fn beyond(&self, before: &[Self]) -> Option<Self> {
        let known = |line: &String| {
            before.iter().any(|finding| finding.tool == self.tool && finding.words.contains(line))
        };
        let words: Vec<String> = self.words.iter().filter(|line| !known(line)).cloned().collect();
        (!words.is_empty()).then(|| Self { words, ..self.clone() })
    }
}

/// Runs every tool whose files change, in the mount namespace of this process. A tool that is not installed
/// is skipped, since its files have no effect.
#[must_use]
pub fn judge(subject: &Subject) -> Judgement {
    let mut judgement = Judgement::default();
    if subject.sudoers {
        judgement.ask(SUDO, &["visudo", "-c"], || places(subject, "/etc/sudoers"));
    }
    if subject.sshd {
        judgement.ask(SSHD, &["sshd", "-t"], || places(subject, "/etc/ssh/sshd_config"));
    }
    if !subject.units.is_empty() {
        judgement.verify(subject);
    }
    judgement
}

impl Judgement {
    fn ask(&mut self, tool: &str, argv: &[&str], place: impl FnOnce() -> Vec<String>) {
        match command::run(argv, LIMIT) {
            Ok(finished) if finished.success() => {}
            Ok(finished) if finished.status.is_none() => self.notes.push(unanswered(tool, &finished.why())),
            Ok(finished) => {
                let words = words(&finished, tool);
                self.findings.push(ToolFinding { tool: tool.to_owned(), place: place(), words });
            }
            Err(error) => self.not_started(tool, argv[0], &error),
        }
    }

    /// Records a tool that is installed but could not be started.
    fn not_started(&mut self, tool: &str, program: &str, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            let words = vec![format!("{program}: {error}")];
            self.silent.push(ToolFinding { tool: tool.to_owned(), place: vec![program.to_owned()], words });
        }
    }

    fn verify(&mut self, subject: &Subject) {
        let files = units::files(&subject.units);
        if files.is_empty() {
            return;
        }
        // Ignore the exit code: it depends on other units too, and before systemd 250 it shows only fatal
        // errors.
        let argv: Vec<String> =
            ["systemd-analyze", "verify", "--man=no"].map(str::to_owned).into_iter().chain(files).collect();
        match command::run(&argv, LIMIT) {
            Ok(finished) if finished.status.is_none() => {
                self.notes.push(unanswered(SYSTEMD, &finished.why()));
            }
            Ok(finished) => {
                let said = format!("{}\n{}", finished.stderr, finished.stdout);
                let words: Vec<String> = units::about_ours(&said, subject).take(LINES).collect();
                let place =
                    subject.units.iter().filter(|unit| words.iter().any(|line| units::names(line, unit)));
                let place: Vec<String> = place.map(ToString::to_string).collect();
                if !words.is_empty() {
                    self.findings.push(ToolFinding { tool: SYSTEMD.to_owned(), place, words });
                }
            }
            Err(error) => self.not_started(SYSTEMD, "systemd-analyze", &error),
        }
    }
}

/// Returns the problem for a tool that is needed for the validation but cannot be started.
#[must_use]
pub fn unstarted(silent: &ToolFinding) -> Problem {
    Problem::new(Code::Validation, format!("{} could not check the new generation", silent.tool))
        .at(silent.place.join(", "))
        .because(format!(
            "{}\nthe program is installed on the host, but cannot be started; nothing was changed",
            silent.words.join("\n")
        ))
        .help(format!("on the host, repair the program `{}`, then apply again", silent.place.join(", ")))
}

fn unanswered(tool: &str, why: &str) -> String {
    format!("{tool} could not check the new generation: {why}")
}

fn words(finished: &Finished, tool: &str) -> Vec<String> {
    let good = |line: &&str| {
        !line.trim().is_empty() && !line.ends_with("parsed OK") && (tool != SUDO || is_of_visudo(line))
    };
    let said = finished.stderr.lines().chain(finished.stdout.lines());
    let words: Vec<String> = said.filter(good).take(LINES).map(|line| line.trim_end().to_owned()).collect();
    if words.is_empty() { vec![finished.why()] } else { words }
}

/// Whether a line is a message of visudo itself. After such a message, visudo quotes the line of the file
/// that it does not understand. Quoted lines are not shown, because only root may read sudo rules.
fn is_of_visudo(line: &str) -> bool {
    let line = line.trim_start_matches(">>> ");
    let names_a_file =
        line.starts_with('/') && line.split(' ').next().is_some_and(|word| word.ends_with(':'));
    names_a_file
        || ["visudo: ", "parse error", "Error: ", "Warning: "].iter().any(|start| line.starts_with(start))
}

/// Hides, in the lines of a finding, the contents of files that other users may not read.
#[must_use]
pub fn discreet(finding: ToolFinding, subject: &Subject) -> ToolFinding {
    let files = subject.changes.iter().filter_map(|(path, change)| match change {
        PathChange::File { source, .. }
            if subject.private.contains(path) && finding.place.iter().any(|place| is_about(place, path)) =>
        {
            Some(source.as_path())
        }
        _ => None,
    });
    // The messages about sudo rules have already been filtered, so they quote no file content.
    let secrecy = if finding.tool == SUDO { Secrecy::default() } else { Secrecy::of(files) };
    let words = finding.words.iter().map(|line| secrecy.hide(line)).collect();
    ToolFinding { words, ..finding }
}

/// Whether `place` is the path, or the unit to which the path belongs.
fn is_about(place: &str, path: &ManagedPath) -> bool {
    place == &**path || unit_of(path).is_some_and(|unit| *unit == *place)
}

fn places(subject: &Subject, prefix: &str) -> Vec<String> {
    subject.changes.keys().filter(|path| path.starts_with(prefix)).map(ToString::to_string).collect()
}

/// Validates each new file separately if no preview is possible. This detects fewer errors.
#[must_use]
pub fn one_by_one(subject: &Subject, why: &str) -> Findings {
    let mut found = Findings::default();
    found.notes.push(format!(
        "the new generation could not be checked as a whole ({why}): files for sudo and sshd were checked \
         one by one, units and the login of the user were not checked"
    ));
    for (path, change) in &subject.changes {
        let PathChange::File { source, .. } = change else { continue };
        let source = source.to_string_lossy();
        let (tool, argv) = if path.starts_with("/etc/sudoers") {
            (SUDO, vec!["visudo", "-cf", &source])
        } else if path.starts_with("/etc/ssh/sshd_config") {
            (SSHD, vec!["sshd", "-t", "-f", &source])
        } else {
            continue;
        };
        let mut judgement = Judgement::default();
        judgement.ask(tool, &argv, || vec![path.to_string()]);
        let refused = judgement.findings.into_iter().map(|finding| {
            Problem::new(Code::Validation, format!("{tool} refused the new configuration"))
                .at(path)
                .because(format!("{}\nnothing was changed", discreet(finding, subject).words.join("\n")))
                .help("correct the file, then apply again")
        });
        found.problems.extend(refused.chain(judgement.silent.iter().map(unstarted)));
        found.notes.extend(judgement.notes);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_installed_is_told_from_one_that_does_not_start() {
        let asked = |program: &str| {
            let mut judgement = Judgement::default();
            judgement.ask(SUDO, &[program], Vec::new);
            assert!(judgement.findings.is_empty() && judgement.notes.is_empty());
            judgement.silent
        };
        assert_eq!(asked("/nonexistent/visudo"), []);
        // `/etc/passwd` exists but is not executable.
        assert!(unstarted(&asked("/etc/passwd")[0]).to_string().contains("/etc/passwd: Permission denied"));
    }

    #[test]
    fn lines_of_rules_that_visudo_quotes_are_omitted() {
        let said = "/etc/sudoers.d/web:1:13: syntax error\nweb ALL=(ALL NOPASSWD: ALL\n            ^~~~~~~~\n\
                    /etc/sudoers.d/b: bad permissions, should be mode 0440\n\
                    >>> /etc/sudoers: syntax error near line 3 <<<\n    /usr/bin/true, \\\n/etc/sudoers: parsed OK\n";
        let finished = command::run(&["printf", "%s", said], LIMIT).unwrap();
        assert_eq!(
            words(&finished, SUDO),
            [
                "/etc/sudoers.d/web:1:13: syntax error",
                "/etc/sudoers.d/b: bad permissions, should be mode 0440",
                ">>> /etc/sudoers: syntax error near line 3 <<<",
            ]
        );
        assert_eq!(words(&finished, SSHD).len(), 6);
    }

    #[test]
    fn what_was_said_before_is_not_said_again() {
        let finding = |words: &[&str]| ToolFinding {
            tool: SUDO.to_owned(),
            place: vec![],
            words: words.iter().map(ToString::to_string).collect(),
        };
        let new = finding(&["a", "b"]).beyond(&[finding(&["a"])]).unwrap();
        assert_eq!(new.words, ["b"]);
        assert_eq!(finding(&["a"]).beyond(&[finding(&["b", "a"])]), None);
        assert!(
            finding(&["a"]).beyond(&[ToolFinding { tool: SSHD.to_owned(), ..finding(&["a"]) }]).is_some()
        );
    }
}
