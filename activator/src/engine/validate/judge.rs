//! The tools that know what is right, and their words.

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

/// How long one of them may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How many of their words are passed on.
const LINES: usize = 20;

/// Their names.
pub const SYSTEMD: &str = "systemd";
const SUDO: &str = "sudo";
const SSHD: &str = "sshd";

/// What the tools say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// What is wrong, by tool.
    pub findings: Vec<ToolFinding>,
    /// Tools that are there and could not be started: nobody knows what they would say.
    pub silent: Vec<ToolFinding>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// What one tool finds wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolFinding {
    /// The tool.
    pub tool: String,
    /// The paths or units it may be about.
    pub place: Vec<String>,
    /// Its words, line by line.
    pub words: Vec<String>,
}

impl ToolFinding {
    /// The same without what was said before; nothing where that was all.
    #[must_use]
    pub fn beyond(&self, before: &[Self]) -> Option<Self> {
        let known = |line: &String| {
            before.iter().any(|finding| finding.tool == self.tool && finding.words.contains(line))
        };
        let words: Vec<String> = self.words.iter().filter(|line| !known(line)).cloned().collect();
        (!words.is_empty()).then(|| Self { words, ..self.clone() })
    }
}

/// Asks every tool that is concerned about the host as this process sees it. A tool that is not installed has
/// nothing to say: what is meant for it has no effect.
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
            Ok(finished) if finished.status.is_none() => self.notes.push(unheard(tool, &finished.why())),
            Ok(finished) => {
                let words = words(&finished, tool);
                self.findings.push(ToolFinding { tool: tool.to_owned(), place: place(), words });
            }
            Err(error) => self.not_started(tool, argv[0], &error),
        }
    }

    /// Only what is not installed has nothing to say.
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
        // Not by exit code: that also tells of other units, or, before systemd 250, of nothing but the worst.
        let argv: Vec<String> =
            ["systemd-analyze", "verify", "--man=no"].map(str::to_owned).into_iter().chain(files).collect();
        match command::run(&argv, LIMIT) {
            Ok(finished) if finished.status.is_none() => self.notes.push(unheard(SYSTEMD, &finished.why())),
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

/// Refuses what a tool would have to look at that cannot be started.
#[must_use]
pub fn unstarted(silent: &ToolFinding) -> Problem {
    Problem::new(Code::Validation, format!("{} could not be asked about the new generation", silent.tool))
        .at(silent.place.join(", "))
        .because(silent.words.join("\n"))
        .help("nothing was touched; repair that program on the host: it is installed, but cannot be started")
}

fn unheard(tool: &str, why: &str) -> String {
    format!("{tool} could not be asked about the new generation: {why}")
}

fn words(finished: &Finished, tool: &str) -> Vec<String> {
    let good = |line: &&str| {
        !line.trim().is_empty() && !line.ends_with("parsed OK") && (tool != SUDO || is_of_visudo(line))
    };
    let said = finished.stderr.lines().chain(finished.stdout.lines());
    let words: Vec<String> = said.filter(good).take(LINES).map(|line| line.trim_end().to_owned()).collect();
    if words.is_empty() { vec![finished.why()] } else { words }
}

/// Whether a line is visudo's own: beside each of these it prints the line that it does not understand, and
/// its rules are for root alone to read.
fn is_of_visudo(line: &str) -> bool {
    let line = line.trim_start_matches(">>> ");
    let names_a_file =
        line.starts_with('/') && line.split(' ').next().is_some_and(|word| word.ends_with(':'));
    names_a_file
        || ["visudo: ", "parse error", "Error: ", "Warning: "].iter().any(|start| line.starts_with(start))
}

/// The same without the content of files that others may not read.
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
    // Of sudo only lines are left that quote nothing.
    let secrecy = if finding.tool == SUDO { Secrecy::default() } else { Secrecy::of(files) };
    let words = finding.words.iter().map(|line| secrecy.hide(line)).collect();
    ToolFinding { words, ..finding }
}

/// Whether a path is a place, or one of the files of a unit.
fn is_about(place: &str, path: &ManagedPath) -> bool {
    place == &**path || unit_of(path).is_some_and(|unit| *unit == *place)
}

fn places(subject: &Subject, prefix: &str) -> Vec<String> {
    subject.changes.keys().filter(|path| path.starts_with(prefix)).map(ToString::to_string).collect()
}

/// Where no preview can be had: each new file by itself, which is less.
#[must_use]
pub fn one_by_one(subject: &Subject, why: &str) -> Findings {
    let mut found = Findings::default();
    found.notes.push(format!(
        "the new generation could not be looked at as a whole ({why}): files for sudo and sshd were checked one by one, \
         units and the way in were not"
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
            Problem::new(Code::Validation, format!("{tool} refused what it would get"))
                .at(path)
                .because(discreet(finding, subject).words.join("\n"))
                .help("nothing was touched; correct the file")
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
        // It is there, and is no program.
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
