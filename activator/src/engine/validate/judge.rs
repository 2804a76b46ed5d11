//! The tools that know what is right, and their words.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::subject::Subject;
use super::units;
use crate::host::command::{self, Finished};
use crate::host::preview::Change;
use crate::problem::{Code, Problem};

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
    pub findings: Vec<Finding>,
    /// Tools that are there and could not be started: nobody knows what they would say.
    pub silent: Vec<Finding>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// What one tool finds wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The tool.
    pub tool: String,
    /// The paths or units it may be about.
    pub place: Vec<String>,
    /// Its words, line by line.
    pub words: Vec<String>,
}

impl Finding {
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

/// Asks every tool that is concerned about the host as this process sees it. A tool that is not installed has nothing
/// to say: what is meant for it has no effect.
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
                self.findings.push(Finding {
                    tool: tool.to_owned(),
                    place: place(),
                    words: words(&finished),
                });
            }
            Err(error) => self.not_started(tool, argv[0], &error),
        }
    }

    /// Only what is not installed has nothing to say.
    fn not_started(&mut self, tool: &str, program: &str, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            let words = vec![format!("{program}: {error}")];
            self.silent.push(Finding { tool: tool.to_owned(), place: vec![program.to_owned()], words });
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
                    self.findings.push(Finding { tool: SYSTEMD.to_owned(), place, words });
                }
            }
            Err(error) => self.not_started(SYSTEMD, "systemd-analyze", &error),
        }
    }
}

/// Refuses what a tool would have to look at that cannot be started.
#[must_use]
pub fn unstarted(silent: &Finding) -> Problem {
    Problem::new(Code::Validation, format!("{} could not be asked about the new generation", silent.tool))
        .at(silent.place.join(", "))
        .because(silent.words.join("\n"))
        .help("nothing was touched; mend that program on the host: it is installed, but cannot be started")
}

fn unheard(tool: &str, why: &str) -> String {
    format!("{tool} could not be asked about the new generation: {why}")
}

fn words(finished: &Finished) -> Vec<String> {
    let good = |line: &&str| !line.trim().is_empty() && !line.ends_with("parsed OK");
    let said = finished.stderr.lines().chain(finished.stdout.lines());
    let words: Vec<String> = said.filter(good).take(LINES).map(|line| line.trim_end().to_owned()).collect();
    if words.is_empty() { vec![finished.why()] } else { words }
}

fn places(subject: &Subject, prefix: &str) -> Vec<String> {
    subject.changes.keys().filter(|path| path.starts_with(prefix)).map(ToString::to_string).collect()
}

/// Where no preview can be had: each new file by itself, which is less.
///
/// # Errors
/// [`Code::Validation`].
pub fn one_by_one(subject: &Subject, why: &str) -> Result<Vec<String>, Problem> {
    let mut notes = vec![format!(
        "the new generation could not be looked at as a whole ({why}): files for sudo and sshd were checked one by one, \
         units and the way in were not"
    )];
    for (path, change) in &subject.changes {
        let Change::File { source, .. } = change else { continue };
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
        if let Some(finding) = judgement.findings.first() {
            return Err(Problem::new(Code::Validation, format!("{tool} refused what it would get"))
                .at(path)
                .because(finding.words.join("\n"))
                .help("nothing was touched; mend the file"));
        }
        if let Some(silent) = judgement.silent.first() {
            return Err(unstarted(silent));
        }
        notes.extend(judgement.notes);
    }
    Ok(notes)
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
    fn what_was_said_before_is_not_said_again() {
        let finding = |words: &[&str]| Finding {
            tool: SUDO.to_owned(),
            place: vec![],
            words: words.iter().map(ToString::to_string).collect(),
        };
        let new = finding(&["a", "b"]).beyond(&[finding(&["a"])]).unwrap();
        assert_eq!(new.words, ["b"]);
        assert_eq!(finding(&["a"]).beyond(&[finding(&["b", "a"])]), None);
        assert!(finding(&["a"]).beyond(&[Finding { tool: SSHD.to_owned(), ..finding(&["a"]) }]).is_some());
    }
}
