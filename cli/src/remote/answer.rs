//! What a host answers. It is not trusted: bounded by the runner, parsed here, escaped where it is shown.

use nixfleet_activate::SCHEMA;
use nixfleet_activate::fleet::Host;
use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::{Refusal, Report};
use nixfleet_activate::run::Notice;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::login_shell::ran_nothing;
use super::{sudo, typed};
use crate::process::Output;

/// The start of the line of facts.
pub const FACTS: &str = "@nixfleet ";
/// How many bytes of an error text are shown.
const EXCERPT: usize = 2000;

/// The answer to one of our scripts.
#[derive(Debug)]
pub struct Answer {
    host: Host,
    /// The activator of the host, if it has one.
    pub(super) activator: Option<String>,
    /// Whether the host has Nix.
    pub(super) has_nix: bool,
    /// What followed the facts.
    document: String,
    stderr: String,
    exit: Option<i32>,
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

impl Answer {
    /// Reads the facts, and keeps the rest for [`Self::document`].
    ///
    /// # Errors
    /// There are no facts: whatever ran on the host was not our script.
    pub fn read(host: &Host, output: &Output) -> Result<Self, Problem> {
        let stderr = output.stderr_text();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let facts = stdout.split_once(&format!("\n{FACTS}")).and_then(|(_, rest)| {
            let (facts, document) = rest.split_once('\n')?;
            let (activator, store) = facts.split_once(' ')?;
            Some((activator, store, document))
        });
        let Some((activator, store, document)) = facts else {
            let said = if stderr.trim().is_empty() { &stdout } else { stderr.as_str() };
            return Err(ran_nothing(host, said, output.status.code()));
        };
        Ok(Self {
            host: host.clone(),
            activator: (activator != "none").then(|| activator.to_owned()),
            has_nix: store != "none",
            document: document.trim().to_owned(),
            stderr,
            exit: output.status.code(),
        })
    }

    /// Whether the script ended with 0.
    pub(super) fn succeeded(&self) -> bool {
        self.exit == Some(0)
    }

    /// Reads the document behind the facts.
    ///
    /// # Errors
    /// The host says why it refuses, `sudo` does, or the document cannot be read.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.document.is_empty() {
            return Err(self.refusal());
        }
        if let Ok(Refusal { problem, .. }) = serde_json::from_str(&self.document)
            && serde_json::from_str::<T>(&self.document).is_err()
        {
            return Err(typed(problem, &self.host));
        }
        let unreadable = |why: &str| bad_answer(&self.host, "the host answered something unexpected", why);
        match serde_json::from_str(&self.document) {
            Ok(Schema { schema }) if schema != SCHEMA => {
                Err(unreadable(&format!("schema {schema}, where this nixfleet reads {SCHEMA}"))
                    .help("another nixfleet manages this host; use that one, or apply with this one"))
            }
            Ok(_) => serde_json::from_str(&self.document).map_err(|error| unreadable(&error.to_string())),
            Err(error) => Err(unreadable(&format!("{error}\n{}{}", self.document, self.stderr))),
        }
    }

    /// Reads the report behind whatever a run has said before it.
    ///
    /// # Errors
    /// As for [`Self::document`].
    pub fn report(mut self) -> Result<Report, Problem> {
        self.document = self.document.lines().next_back().unwrap_or_default().to_owned();
        match serde_json::from_str::<Notice>(&self.document) {
            // The activator went away in the middle, and with it the rest; the run has not.
            Ok(_) => Err(Problem::new(Code::Unreachable, "the host stopped talking while it was changing")
                .at(&self.host.name)
                .because(excerpt(&self.stderr))),
            Err(_) => self.document(),
        }
    }

    /// Why there is no document.
    pub(super) fn refusal(&self) -> Problem {
        let host = &self.host;
        if let Some(problem) = sudo::refused(&self.stderr, host) {
            return problem;
        }
        if self.stderr.contains("No space left on device") {
            return Problem::new(Code::DiskFull, "the disk of the host is full")
                .at(&host.name)
                .because(excerpt(&self.stderr))
                .help(format!("see what fills it: nixfleet run --host {} -- df -h", host.name));
        }
        if self.stderr.contains("unrecognized subcommand") {
            return bad_answer(host, "the NixFleet on the host is older than this command", &self.stderr)
                .help(format!("bring it up to date: nixfleet apply --host {}", host.name));
        }
        let exit = self.exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        bad_answer(host, &format!("the host gave no answer, but {exit}"), &self.stderr)
    }
}

fn bad_answer(host: &Host, what: &str, why: &str) -> Problem {
    let problem = Problem::new(Code::BadAnswer, what).at(&host.name);
    if why.trim().is_empty() { problem } else { problem.because(excerpt(why)) }
}

/// The end of a text, where programs say what went wrong.
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

    use nixfleet_activate::fleet::{Base, Rollout, Ssh, Timeouts};
    use nixfleet_activate::report::Status;

    use super::*;

    /// The host of these tests.
    pub fn host() -> Host {
        Host {
            name: "web-1".into(),
            base: Base::Ubuntu,
            system: "x86_64-linux".into(),
            addr: "10.0.1.11".into(),
            ssh: Ssh { user: "deploy".into(), port: 22, host_key: None },
            rollout: Rollout::default(),
            tags: vec![],
            roles: vec![],
            timeouts: Timeouts::default(),
            maintenance: None,
            pin: None,
        }
    }

    fn answer(stdout: &str, stderr: &str, exit: i32) -> Result<Answer, Problem> {
        let host = host();
        let status = ExitStatus::from_raw(exit << 8);
        Answer::read(&host, &Output { status, stdout: stdout.into(), stderr: stderr.into() })
    }

    fn refused(stdout: &str, stderr: &str, exit: i32) -> String {
        let answer = answer(stdout, stderr, exit).and_then(|answer| answer.document::<Status>().map(drop));
        crate::render::problem_text(&answer.unwrap_err())
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
            [NF-304] the SSH user may not become root
              where: web-1 (user deploy)
              why: sudo: a password is required
              help: on the host, as root: echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/nixfleet; of several rules the last counts: sudo -l -U deploy"#]]
        .assert_eq(&refused("\n@nixfleet none none\n", "sudo: a password is required\n", 1));
        expect_test::expect![[r#"
            [NF-307] the host did not run the script it was sent
              where: web-1 (user deploy)
              why: This account is currently not available.
              help: this is what /usr/sbin/nologin says; see its login shell: getent passwd deploy; on the host, as root: usermod --shell /bin/bash deploy"#]]
        .assert_eq(&refused("This account is currently not available.\n", "", 1));
        expect_test::expect![[r#"
            [NF-307] the host answered something unexpected
              where: web-1
              why: schema 7, where this nixfleet reads 1
              help: another nixfleet manages this host; use that one, or apply with this one"#]]
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
            [NF-307] the host gave no answer, but exit code 139
              where: web-1
              why: Segmentation fault␛[31m"#]]
        .assert_eq(&refused("\n@nixfleet a b\n", "Segmentation fault\u{1b}[31m\n", 139));
    }
}
