//! Parses the answers of hosts. Hosts are not trusted: the size of an answer is limited when it is read, and
//! its texts are escaped when they are shown.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::{Refusal, Report};
use nixfleet_contract::run::Notice;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::login_shell::ran_nothing;
use super::{for_operator, shape, sudo};
use crate::process::{HELD, Output, limits};

/// The prefix of the line of facts. Each script prints this line before its JSON document. The facts are the
/// activator and the `nix-store` of the host.
pub const FACTS: &str = "@nixfleet ";
/// The number of characters shown of an error text.
const EXCERPT: usize = 2000;

/// The answer of a host to a script of NixFleet.
#[derive(Debug)]
pub struct Answer {
    host: Host,
    /// The activator of the host, if it has one.
    pub(super) activator: Option<String>,
    /// Whether the host has Nix.
    pub(super) has_nix: bool,
    /// The output after the line of facts.
    document: Vec<u8>,
    stderr: String,
    exit: Option<i32>,
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

impl Answer {
    /// Reads the line of facts, and stores the rest of the output for [`Self::document`].
    ///
    /// # Errors
    /// The line of facts is missing, so the host did not run the script.
    pub fn read(host: &Host, output: Output) -> Result<Self, Problem> {
        let stderr = output.stderr_text();
        let Output { status, stdout: mut document, .. } = output;
        let Some((begin, end)) = facts(&document) else {
            // Only the end of a login shell's output is shown.
            let said = String::from_utf8_lossy(&document[document.len().saturating_sub(EXCERPT)..]);
            let said = if stderr.trim().is_empty() { &said } else { stderr.as_str() };
            return Err(ran_nothing(host, said, status.code()));
        };
        let facts = String::from_utf8_lossy(&document[begin..end]).into_owned();
        let (activator, store) = facts.split_once(' ').unwrap_or((&facts, "none"));
        // The document may be large, so it is moved rather than copied.
        document.drain(..=end);
        Ok(Self {
            host: host.clone(),
            activator: (activator != "none").then(|| activator.to_owned()),
            has_nix: store != "none",
            document,
            stderr,
            exit: status.code(),
        })
    }

    /// Whether the script ended with exit code 0.
    pub(super) fn succeeded(&self) -> bool {
        self.exit == Some(0)
    }

    /// Parses the document after the line of facts.
    ///
    /// # Errors
    /// The host or `sudo` refuses, the document cannot be parsed, or no memory is left for the document.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let document = self.document.trim_ascii();
        if document.is_empty() {
            return Err(self.refusal());
        }
        let unreadable = |why: &str| bad_answer(&self.host, "the host sent an unexpected answer", why);
        shape::check(document).map_err(|why| unreadable(&why))?;
        let schema = serde_json::from_slice(document).map(|Schema { schema }| schema);
        let why = match serde_json::from_slice(document) {
            Ok(_) if !HELD.keep(document.len()) => return Err(self.no_room()),
            Ok(read) if matches!(schema, Ok(SCHEMA)) => return Ok(read),
            Ok(_) => None,
            Err(why) => Some(why),
        };
        if let (Some(_), Ok(Refusal { problem, .. })) = (&why, serde_json::from_slice(document)) {
            return Err(for_operator(problem, &self.host));
        }
        match (schema, why) {
            (Ok(schema), _) if schema != SCHEMA => Err(unreadable(&format!(
                "the answer has schema {schema}, but this nixfleet can read only schema {SCHEMA}"
            ))
            .help(
                "use the version of nixfleet that last applied to this host, or apply to the host \
                 with the version that you use now",
            )),
            (Ok(_), Some(why)) => Err(unreadable(&why.to_string())),
            (Ok(_), None) => Err(unreadable("")),
            (Err(error), _) => {
                let said = String::from_utf8_lossy(&document[document.len().saturating_sub(EXCERPT)..]);
                Err(unreadable(&format!("{error}\n{said}{}", self.stderr)))
            }
        }
    }

    /// Returns the problem to report if the answers of other hosts use up the memory for large answers.
    fn no_room(&self) -> Problem {
        let why = format!("the large answers of all hosts together exceed {} MiB", limits::HELD >> 20);
        let help = "select fewer hosts at a time: --on, --host";
        bad_answer(&self.host, "the answer of the host does not fit in memory", &why).help(help)
    }

    /// Parses the report, which is the last line in the output of a run.
    ///
    /// # Errors
    /// As for [`Self::document`].
    pub fn report(mut self) -> Result<Report, Problem> {
        let answer = self.document.trim_ascii_end();
        let begin = answer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.document.drain(..begin);
        // Only a short line can be a notice. Parsing a long report as a notice would take many times the
        // memory of the report.
        let is_short = self.document.len() <= limits::NOTICE;
        match is_short.then(|| serde_json::from_slice::<Notice>(self.document.trim_ascii())) {
            // The last line is a notice, so there is no report: the activator that forwards the output of the
            // run ended early. The run itself continues.
            Some(Ok(_)) => {
                Err(Problem::new(Code::Unreachable, "the host stopped answering during the change")
                    .at(&self.host.name)
                    .because(excerpt(&self.stderr)))
            }
            Some(Err(_)) | None => self.document(),
        }
    }

    /// Returns the lines after the line of facts, for a script that prints no document.
    ///
    /// # Errors
    /// The host or `sudo` refuses, so there are no lines.
    pub(super) fn lines(&self) -> Result<String, Problem> {
        let text = String::from_utf8_lossy(&self.document);
        if text.trim().is_empty() { Err(self.refusal()) } else { Ok(text.into_owned()) }
    }

    /// Returns the problem to report if there is no document.
    pub(super) fn refusal(&self) -> Problem {
        let host = &self.host;
        if let Some(problem) = sudo::refused(&self.stderr, host) {
            return problem;
        }
        if self.stderr.contains("No space left on device") {
            return Problem::new(Code::DiskFull, "the disk of the host is full")
                .at(&host.name)
                .because(excerpt(&self.stderr))
                .help(format!(
                    "free space on the host; show its filesystems with: nixfleet run --host {} -- df -h",
                    host.name
                ));
        }
        if self.stderr.contains("unrecognized subcommand") {
            return bad_answer(host, "the NixFleet on the host is older than this command", &self.stderr)
                .help(format!("update the host: nixfleet apply --host {}", host.name));
        }
        let exit = self.exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        bad_answer(
            host,
            &format!("the command on the host ended with {exit} and sent no answer"),
            &self.stderr,
        )
    }
}

/// Returns the positions at which the facts in an answer begin and end. The facts end with their line.
fn facts(answer: &[u8]) -> Option<(usize, usize)> {
    let head = format!("\n{FACTS}");
    let begin = answer.windows(head.len()).position(|window| window == head.as_bytes())? + head.len();
    let end = begin + answer[begin..].iter().position(|byte| *byte == b'\n')?;
    answer[begin..end].contains(&b' ').then_some((begin, end))
}

fn bad_answer(host: &Host, what: &str, why: &str) -> Problem {
    let problem = Problem::new(Code::BadAnswer, what).at(&host.name);
    if why.trim().is_empty() { problem } else { problem.because(excerpt(why)) }
}

/// Returns the end of a text, where programs report what went wrong.
pub(super) fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().rev().nth(EXCERPT) {
        Some((start, _)) => format!("…{}", &text[start..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use nixfleet_contract::status::Status;

    use super::*;
    use crate::sample;

    /// The host that the tests use.
    pub fn host() -> Host {
        sample::host("web-1")
    }

    fn answer(stdout: &str, stderr: &str, exit: i32) -> Result<Answer, Problem> {
        let host = host();
        let status = ExitStatus::from_raw(exit << 8);
        Answer::read(&host, Output { status, stdout: stdout.into(), stderr: stderr.into() })
    }

    fn refused(stdout: &str, stderr: &str, exit: i32) -> String {
        let answer = answer(stdout, stderr, exit).and_then(|answer| answer.document::<Status>().map(drop));
        crate::text::problem_text(&answer.unwrap_err())
    }

    #[test]
    fn noise_of_the_login_shell_is_not_part_of_the_answer() {
        let answer = answer("Welcome!\n{}\n\n@nixfleet none /usr/bin/nix-store\n{\"a\":1}\n", "", 0).unwrap();
        assert_eq!((answer.activator.as_deref(), answer.has_nix), (None, true));
        assert_eq!(answer.document::<serde_json::Value>().unwrap_err().code, Code::BadAnswer);
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        expect_test::expect![[r#"
            [NF-304] the SSH user cannot become root
              where: web-1 (user deploy)
              why: sudo: a password is required
              help: run on the host, as root: echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/nixfleet; if several rules match, the last one applies: sudo -l -U deploy"#]]
        .assert_eq(&refused("\n@nixfleet none none\n", "sudo: a password is required\n", 1));
        expect_test::expect![[r#"
            [NF-307] the host did not run the script of nixfleet
              where: web-1 (user deploy)
              why: This account is currently not available.
              help: replace the login shell, which is /usr/sbin/nologin; check the login shell on the host: getent passwd deploy; to set another login shell, run on the host as root: usermod --shell /bin/bash deploy"#]]
        .assert_eq(&refused("This account is currently not available.\n", "", 1));
        expect_test::expect![[r#"
            [NF-307] the host sent an unexpected answer
              where: web-1
              why: the answer has schema 7, but this nixfleet can read only schema 1
              help: use the version of nixfleet that last applied to this host, or apply to the host with the version that you use now"#]]
        .assert_eq(&refused("\n@nixfleet none none\n{\"schema\": 7}\n", "", 0));
        expect_test::expect![[r#"
            [NF-404] the state cannot be read
              where: /var/lib/nixfleet/state.json"#]]
        .assert_eq(&refused(
            "\n@nixfleet a b\n{\"schema\":1,\"problem\":{\"code\":\"NF-404\",\"what\":\"the state cannot be read\",\"where\":\"/var/lib/nixfleet/state.json\"}}",
            "",
            2,
        ));
        expect_test::expect![[r#"
            [NF-307] the command on the host ended with exit code 139 and sent no answer
              where: web-1
              why: Segmentation fault␛[31m"#]]
        .assert_eq(&refused("\n@nixfleet a b\n", "Segmentation fault\u{1b}[31m\n", 139));
    }
}
